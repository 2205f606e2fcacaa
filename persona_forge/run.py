"""Runs stages on shards: read, call, write what came out, seal.

A `Run` is a folder with its settings and engines. `prepare` brings a source or a plan up to date and tells the shards
of a map that are not done; `work` does one of them; both are all that a flow or a worker needs, and either may be
killed at any instant and called again. What is done is what is sealed, and nothing is sealed before it is whole.
`start` makes or opens a run; `go` takes it through stages.

When is a shard done? Its seal exists, bears the stage's fingerprint (else the run refuses, see `refuse_mismatch`), its
file is there, and the files that its rows came from are the ones it names. Where one of those has changed, the rows
themselves are compared: if those that this shard uses are the same, it is sealed anew, else it is made anew.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import polars as pl

from persona_forge import plans
from persona_forge.choices import Choice
from persona_forge.config import Config
from persona_forge.core.errors import ForgeError, RunMismatch
from persona_forge.core.ids import canonical, digest
from persona_forge.core.ports import Chat
from persona_forge.core.stage import Made, Stage, rejects_frame
from persona_forge.core.tables import REJECTS, TABLES, Table, personas
from persona_forge.dataset.folder import Folder
from persona_forge.dataset.seals import Seal, read_seal
from persona_forge.dataset.shards import digest_of, write_table
from persona_forge.engines.ticking import Tick
from persona_forge.hands import Hands
from persona_forge.pipeline import PIPELINE
from persona_forge.workers import Workers

log = logging.getLogger("persona_forge")


class Run:
    def __init__(self, folder: Folder, config: Config, ontology: str, where: str, choices: dict[str, Choice]) -> None:
        self.folder, self.config = folder, config
        self.hands = Hands(config, ontology, where, choices, root=folder.root)
        self.records: tuple[dict[str, Any], Made] | None = None
        """What the seed files were found to hold, and their state then."""
        self._fingerprints: dict[str, str] = {}
        self.workers = Workers(self)

    # What a stage is made of ------------------------------------------------------------------------------------------

    def settings(self, stage: Stage) -> dict[str, Any]:
        section = getattr(self.config, stage.section)
        return {name: getattr(section, name) for name in stage.settings}

    def ingredients(self, stage: Stage) -> dict[str, Any]:
        """What a stage's output depends on beside its input rows; flat, so that two can be compared key by key."""
        section = getattr(self.config, stage.section).model_dump(mode="json")
        settings = {f"{stage.section}.{k}": section[k] for k in stage.settings if k not in stage.quantities}
        ports = {p: self.hands.choices[p].identity for p in stage.ports}
        if "judge" in stage.hands and self.config.dialogues.judge_samples:
            ports["judge"] = self.config.dialogues.judge_model or self.hands.choices["chat"].model
        if "critic" in stage.hands:
            ports["critic"] = self.hands.critic.model if self.hands.critic else "none"
        ontology = self.hands.ontology
        space = {"ontology": ontology.digest} if {"space", "key", "ontology"} & set(stage.hands) else {}
        space |= {"words": ontology.words} if "ontology" in stage.hands else {}
        key = {"run.key": self.config.run.key} if "key" in stage.hands else {}
        package = Path(__file__).parent
        files = {f: digest((package / f).read_bytes()) for f in stage.files}
        return {"version": stage.version, **settings, **ports, **space, **key, **files}

    def fingerprint(self, stage: Stage) -> str:
        if stage.name not in self._fingerprints:
            parents = [self.fingerprint(s) for s in PIPELINE if s.writes in stage.reads]
            self._fingerprints[stage.name] = digest(stage.name, canonical(self.ingredients(stage)), *parents)
        return self._fingerprints[stage.name]

    def table(self, name: str) -> Table:
        if name != "personas":
            return TABLES[name]
        return personas({d.name: [v.name for v in d.values] for d in self.hands.ontology.dimensions})

    # What is there, and what is not -----------------------------------------------------------------------------------

    def refuse_mismatch(self, stages: tuple[Stage, ...]) -> None:
        """Raises RunMismatch if shards are there that were made with other settings, naming which and what changed."""
        stale: dict[Stage, int] = {}
        for stage in stages:
            fingerprint = self.fingerprint(stage)
            if n := sum(seal.fingerprint != fingerprint for seal in self.folder.seals(stage.writes)):
                stale[stage] = n
        if not stale:
            return
        before = self.folder.read_card().get("ingredients", {})
        changes = [
            f"{key} {before[s.name].get(key)!r} → {value!r}"
            for s in stale if s.name in before
            for key, value in self.ingredients(s).items() if before[s.name].get(key) != value
        ]  # fmt: skip
        redone = ", ".join(f"{s.name} ({n} shard{'s' * (n > 1)})" for s, n in stale.items())
        roots = [s for s in stale if not any(s in downstream((other,))[1:] for other in stale)]
        raise RunMismatch(
            f"{self.folder.where} was made with other settings: "
            f"{'; '.join(dict.fromkeys(changes)) or 'a stage has changed'}",
            allowed="the settings it was made with; quantities may change at any time",
            todo=f"{' '.join(f'--redo {s.name}' for s in roots)} makes anew: {redone}. Or choose another --out",
        )

    def unseal(self, stages: tuple[Stage, ...]) -> None:
        """Takes back every shard of these stages."""
        for stage in stages:
            for name in self.folder.names(stage.writes):
                self.folder.unseal(stage.writes, name)

    def prepare(self, stage: Stage) -> list[str]:
        """Brings a source or plan up to date (it has no shards to do); tells the shards of a map that are not done.

        Shards that no plan has any more, since seeds have changed, are taken back.
        """
        self.folder.refresh(*stage.reads, stage.writes)
        if stage.shape != "map":
            plans.update(self, stage)
            return []
        planned = self.shards(stage)
        for name in set(self.folder.names(stage.writes)).difference(planned):
            self.folder.unseal(stage.writes, name)
        todo = [shard for shard in planned if not self._done(stage, shard)]
        extra = {"stage": stage.name, "todo": len(todo), "planned": len(planned)}
        log.debug("%s: %d of %d shards to do", stage.name, len(todo), len(planned), extra=extra)
        return todo

    def shards(self, stage: Stage) -> list[str]:
        """Every shard that a map has under the plans as they stand."""
        walked = stage.reads[0]
        if "shard" not in TABLES[walked].names:
            return self.folder.names(walked)
        return self.folder.scan(walked).select("shard").unique().collect()["shard"].sort().to_list()

    def _done(self, stage: Stage, shard: str) -> bool:
        path = self.folder.seal(stage.writes, shard)
        if not path.exists():
            return False
        seal = read_seal(path)
        if not self.folder.there(seal):
            return False
        if all(self.folder.sha256_of(parent) == sha for parent, sha in seal.parents.items()):
            return True
        inputs, parents = self.inputs(stage, shard)
        if digest_of(inputs) != seal.used:
            return False
        self.folder.put(replace(seal, parents=parents))
        return True

    # Work -------------------------------------------------------------------------------------------------------------

    def inputs(self, stage: Stage, shard: str) -> tuple[dict[str, pl.DataFrame], dict[str, str]]:
        """The rows that a shard of a map is made of, by table, and the files that they came from."""
        walked, *others = stage.reads
        by_plan = "shard" in TABLES[walked].names
        home = shard.partition("-")[0] if by_plan else shard
        rows = self.folder.scan(walked, [home]).collect()
        frames = {walked: rows.filter(shard=shard) if by_plan else rows}
        sources = [f"{walked}/{home}"]
        for table in others:
            named = f"{table}_shard"
            names = sorted(set(frames[walked][named])) if named in frames[walked].columns else self.folder.names(table)
            gone = sorted(set(names).difference(self.folder.names(table)))
            if table in stage.may_lack:
                names = [n for n in names if n not in gone]
            elif gone:
                maker = next(s.name for s in PIPELINE if s.writes == table)
                raise ForgeError(f"{stage.name} {shard} needs {table}/{gone[0]}, which is not made",
                                 todo=f"run the stage {maker} first")  # fmt: skip
            key = TABLES[table].key
            wanted: Any = True
            if key in frames[walked].columns:
                wanted = pl.col(key).is_in(frames[walked][key].unique().implode())
            parts = {n: self.folder.scan(table, [n]).filter(wanted).collect() for n in names}
            parts = {n: part for n, part in parts.items() if part.height}
            sources += [f"{table}/{n}" for n in parts]
            frames[table] = pl.concat(parts.values()) if parts else TABLES[table].empty()
        return frames, {s: self.folder.sha256_of(s) or "" for s in sources}

    def work(self, stage: Stage, shard: str) -> Seal:
        """Makes one shard of a map, and seals it."""
        began = perf_counter()
        self.folder.refresh(*stage.reads)
        inputs, parents = self.inputs(stage, shard)
        total = 0 if "voice" in stage.hands else inputs[stage.reads[0]].height
        log.debug("%s %s begins", stage.name, shard, extra={"stage": stage.name, "shard": shard, "total": total})
        made = self.call(stage, inputs, shard)
        return self.seal(stage, shard, made, began, used=digest_of(inputs), parents=parents)

    def call(self, stage: Stage, inputs: dict[str, Any], shard: str) -> Made:
        """The stage's function with what its parameters name."""
        given: dict[str, Any] = {**inputs, **self.settings(stage)}
        tick = self._ticker(stage, shard)
        with ExitStack() as held:
            for hand in stage.hands:
                if hand == "judge" and not self.config.dialogues.judge_samples:
                    given["judge"] = None
                elif hand in ("chat", "judge"):
                    given[hand] = held.enter_context(self._chat(hand, stage, shard, tick))
                elif hand == "voice" and stage.shape == "map":
                    given["voice"] = self.hands.ticking_voice(tick)
                elif hand not in ("records", "acts"):
                    given[hand] = getattr(self.hands, hand)
            result = stage.function(**given)
            return result if isinstance(result, Made) else self.hands.wait(result)  # type: ignore[arg-type]

    @contextmanager
    def _chat(self, hand: str, stage: Stage, shard: str, tick: Tick) -> Iterator[Chat]:
        """With the replies that are stored for a shard; with all of them, where a budget counts what they cost."""
        d, all_replies, folder = (
            self.config.dialogues,
            self.folder.root / "replies",
            self.folder.replies(stage.name, shard),
        )
        with self.folder.shared(all_replies if d.budget_tokens or d.budget_money else folder):
            chat, store = self.hands.chat(hand, all_replies, folder, tick)
            if store.lost_in_flight:
                log.warning("%s %s: %d requests were in flight when it was killed", stage.name, shard,
                            store.lost_in_flight)  # fmt: skip
            try:
                yield chat
            finally:
                store.close()

    def _ticker(self, stage: Stage, shard: str) -> Tick:
        extra = {"stage": stage.name, "shard": shard, "tick": 1}
        return lambda: log.debug("%s %s ticks", stage.name, shard, extra=extra)

    def seal(
        self, stage: Stage, shard: str, made: Made, began: float, *, used: str, parents: dict[str, str], **plan: Any
    ) -> Seal:
        """Writes rows and rejects, then the seal; refuses rows that do not add up.

        A map's old seal goes first. A part of a source or plan keeps its own while it is replaced, because what the
        part was asked for stands nowhere else; `plans` sees by the sha256 whether the two belong together.
        """
        rejected = len(made.rejects)
        if stage.shape == "map" and stage.yields == "one" and made.used != made.rows.height:
            raise ForgeError(
                f"{stage.name} {shard}: {made.taken} in, but {made.rows.height} out and {rejected} rejected"
            )
        table, path, rejects = (
            self.table(stage.writes), self.folder.seal(stage.writes, shard), self.folder.rejects(stage.name, shard)
        )  # fmt: skip
        if stage.shape == "map":
            path.unlink(missing_ok=True)
        size, sha = write_table(self.folder.rows(stage.writes, shard), table, made.rows)
        rejects_sha = None
        if rejected:
            _, rejects_sha = write_table(rejects, REJECTS, rejects_frame(stage.name, made.rejects))
        else:
            rejects.unlink(missing_ok=True)
        seal = Seal(stage.writes, shard, stage.name, f"{table.name}.v{table.version}", made.rows.height, size, sha,
                    made.taken, rejected, rejects_sha, self.fingerprint(stage), used, parents, **plan)  # fmt: skip
        self.folder.put(seal)
        also = f", {rejected:,} rejected" if rejected else ""
        log.info("%s %s: %s rows%s", stage.name, shard, f"{seal.rows:,}", also,
                 extra={"stage": stage.name, "shard": shard, "rows": seal.rows, "rejected": rejected,
                        "seconds": round(perf_counter() - began, 3)})  # fmt: skip
        return seal


def downstream(first: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """Stages, and all that is made from what they write, in the order of the pipeline."""
    written: set[str] = set()
    found = []
    for stage in PIPELINE:
        if stage in first or written & set(stage.reads):
            written.add(stage.writes)
            found.append(stage)
    return tuple(found)


def go(run: Run, stages: tuple[Stage, ...]) -> None:
    """Runs stages in order: shards that compute side by side, those that share an engine in turn, in this process."""
    for stage in stages:
        names = run.prepare(stage)
        if stage.one_at_a_time:
            with run.hands.lent():
                for name in names:
                    run.work(stage, name)
        else:
            at_once = min(run.config.run.workers, len(names))
            with run.workers.several(at_once):
                pool = ThreadPoolExecutor(run.config.run.workers)
                try:
                    # in the order in which they end: polars has a Ctrl-C raised in the thread that it works in
                    for future in as_completed([pool.submit(run.workers.work, stage, name) for name in names]):
                        future.result()
                finally:
                    pool.shutdown(cancel_futures=True)
