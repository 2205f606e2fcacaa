"""Rechecks a finished (or half-finished) run from its files alone, with no code of those who made it.

Each check is a question with an answer: how many rows break it, and an example. What is asked: is every sealed byte as
it was sealed, and made with the settings that the run's card states; does every row come from a row that is there; does
the funnel add up; does any persona break a constraint, contradict its seed's pins or stand twice; does any seed stand
in two splits, or anything nearly the same (see leakage); is anything left of a seed that was withdrawn; does any minor
stand in an intimate or abusive scene, or play despair (invariant 8).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import duckdb
import polars as pl
import pyarrow as pa

from persona_forge.core.errors import ForgeError
from persona_forge.core.ids import canonical, digest
from persona_forge.core.tables import TABLES
from persona_forge.core.tables.act1 import PERSONAS_FIXED, PERSONAS_LAST
from persona_forge.dataset.catalog import connect
from persona_forge.dataset.folder import Folder
from persona_forge.dataset.funnel import funnel
from persona_forge.dataset.leakage import leaks
from persona_forge.dataset.ledger import mark, withdrawn
from persona_forge.dataset.recount import recount
from persona_forge.dataset.seals import read_seal
from persona_forge.space.ontology import Ontology, read_ontology
from persona_forge.text.minors import ABUSIVE, INTIMATE, MINOR_AGES, mentions_minor

LINEAGE = (
    ("quotas", "seed_id", "seeds"),
    ("personas", "seed_id", "seeds"),
    ("scenes", "persona_id", "personas"),
    ("scripts", "scene_id", "scenes"),
    ("casting", "scene_id", "scripts"),
    ("clips", "script_id", "scripts"),
    ("measures", "utterance_id", "clips"),
    ("checks", "utterance_id", "clips"),
)


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    asks: str
    broken: int
    example: str = ""

    @property
    def ok(self) -> bool:
        return not self.broken


def verify(folder: Folder) -> Iterator[Check]:
    """Every check in turn; one that cannot even be tried is broken."""
    yield _seals(folder)
    yield _tried("settings", lambda: _settings(folder))
    try:
        connection = connect(folder)
    except (duckdb.Error, ForgeError) as error:
        yield _untried("tables", error)
        return
    yield _tried("funnel", lambda: _funnel(folder, connection))
    yield _tried("lineage", lambda: _lineage(connection))
    yield _tried("splits", lambda: _splits(connection))
    yield _tried("leaks", lambda: _leaks(folder))
    yield _tried("withdrawn", lambda: _withdrawn(folder, connection))
    yield from _recounted(folder)
    yield _tried("pins", lambda: _pins(connection))
    yield _tried("minors", lambda: _minors(connection))


def _tried(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except (duckdb.Error, pl.exceptions.PolarsError, pa.ArrowException, OSError, ValueError, ForgeError) as error:
        return _untried(name, error)


def _untried(name: str, error: Exception) -> Check:
    return Check(name, "can it be checked at all?", 1, " ".join(str(error).split())[:300])


def _seals(folder: Folder) -> Check:
    broken = []
    for table in TABLES:
        for name in folder.names(table):
            try:
                seal = read_seal(folder.seal(table, name))
                if not folder.whole(seal):
                    broken.append(f"{table}/{name} is not as it was sealed")
                broken += [f"{table}/{name} came from {parent}, which has changed since"
                           for parent, sha in seal.parents.items() if folder.sha256_of(parent) != sha]  # fmt: skip
            except ForgeError as error:
                broken.append(error.what)
    return Check("seals", "is every sealed file as it was sealed?", len(broken), "; ".join(broken[:3]))


def _settings(folder: Folder) -> Check:
    """Works the fingerprints out anew from the card, and the ontology's digest from its file."""
    card = folder.read_card()
    broken = [] if digest(_text(folder)) == card["ontology"] else [f"{folder.ontology.name} is not the run's"]
    fingerprints: dict[str, str] = {}
    for stage in card["stages"]:
        seals = folder.seals(stage["writes"])
        ingredients = card["ingredients"].get(stage["name"])
        if ingredients is not None:
            parents = [fingerprints[table] for table in sorted(stage["reads"], key=list(fingerprints).index)]
            fingerprints[stage["writes"]] = digest(stage["name"], canonical(ingredients), *parents)
        broken += [f"{s.table}/{s.shard}" for s in seals if s.fingerprint != fingerprints.get(s.table)]
    asks = "was everything made with the settings of run.json and ontology.toml?"
    return Check("settings", asks, len(broken), "; ".join(broken[:3]))


def _text(folder: Folder) -> str:
    return folder.ontology.read_text(encoding="utf-8")


def _ontology(folder: Folder) -> Ontology:
    return read_ontology(_text(folder), folder.ontology.name)


def _funnel(folder: Folder, connection: duckdb.DuckDBPyConnection) -> Check:
    steps = funnel(folder)
    broken = [
        f"{s.stage}: {s.came_in} {s.unit} in, {s.used} used + {s.not_chosen} not chosen "
        f"+ {s.rejected} rejected + {s.waiting} waiting"
        for s in steps
        if s.came_in != s.used + s.not_chosen + s.rejected + s.waiting or s.not_chosen < 0 or s.waiting < 0
    ]
    found = dict(connection.execute("SELECT stage, count(*) FROM rejects GROUP BY stage").fetchall())
    broken += [f"{s.stage}: {s.rejected} rejected by the seals, {found.get(s.stage, 0)} rows in rejects"
               for s in steps if s.rejected != found.get(s.stage, 0)]  # fmt: skip
    rows = {s.table: _count(connection, f"FROM {s.table}") for s in steps}
    broken += [f"{s.table}: {s.rows} rows by the seals, {rows[s.table]} in the files"
               for s in steps if s.rows != rows[s.table]]  # fmt: skip
    asks = "is every unit used, not chosen, rejected or waiting, exactly once?"
    return Check("funnel", asks, len(broken), "; ".join(broken[:3]))


def _lineage(connection: duckdb.DuckDBPyConnection) -> Check:
    broken, examples = 0, []
    for child, key, parent in LINEAGE:
        sql = f"FROM {child} c WHERE NOT EXISTS (SELECT 1 FROM {parent} p WHERE p.{key} = c.{key})"
        found = _count(connection, sql)
        if found:
            broken += found
            examples.append(f"{found} rows of {child} whose {key} is not in {parent}")
    return Check("lineage", "does every row come from a row that is there?", broken, "; ".join(examples))


def _splits(connection: duckdb.DuckDBPyConnection) -> Check:
    sql = "SELECT seed_id FROM personas GROUP BY ALL HAVING count(DISTINCT split) > 1"
    broken = [str(row[0]) for row in connection.execute(sql).fetchall()]
    return Check("splits", "does each seed stand in one split?", len(broken), ", ".join(broken[:3]))


def _leaks(folder: Folder) -> Check:
    broken, examples = 0, []
    for leak in leaks(folder):
        broken += 1
        if broken <= 3:
            examples.append(
                f"{leak.kind}: {leak.one} ({leak.splits[0]}), {leak.other} ({leak.splits[1]}): {leak.detail}"
            )
    asks = "do no family, traits, words or sounds stand in two splits?"
    return Check("leaks", asks, broken, "; ".join(examples))


def _withdrawn(folder: Folder, connection: duckdb.DuckDBPyConnection) -> Check:
    """By the hashes in the tombstones; `remove` itself leaves none."""
    gone, broken, examples = withdrawn(folder.root), 0, []
    for table in (t.name for t in TABLES.values() if "seed_id" in t.names) if gone else ():
        counts = connection.execute(f"SELECT seed_id, count(*) FROM {table} WHERE seed_id IS NOT NULL GROUP BY ALL")
        if found := sum(n for seed_id, n in counts.fetchall() if mark(seed_id) in gone):
            broken += found
            examples.append(f"{found} rows of {table}")
    return Check("withdrawn", "is nothing left of a seed that was withdrawn?", broken, "; ".join(examples))


def _recounted(folder: Folder) -> Iterator[Check]:
    """Duplicates and constraints, both from one recount in bounded memory."""
    names = ("duplicates", "constraints")
    try:
        tally = recount(folder.fetched("personas"), _ontology(folder))
    except (duckdb.Error, OSError, UnicodeDecodeError, ForgeError) as error:
        yield from (_untried(name, error) for name in names)
        return
    twice = max(tally.duplicates, tally.repeated_ids)
    detail = f"{tally.duplicates:,} rows and {tally.repeated_ids:,} ids stand there twice" if twice else ""
    yield Check("duplicates", "is every persona there once?", twice, detail)
    against = [f"{v.rows:,} rows against {v.says} ({v.why})" for v in tally.violations]
    broken = sum(v.rows for v in tally.violations)
    yield Check(
        "constraints", "does every persona obey every relation of the ontology?", broken, "; ".join(against[:1])
    )


def _pins(connection: duckdb.DuckDBPyConnection) -> Check:
    broken, example = 0, ""
    for dimension in _dimensions(connection):
        sql = (f"FROM personas r JOIN (SELECT seed_id, unnest(pins) AS pin, withheld FROM seeds) s USING (seed_id) "
               f"WHERE s.pin.dimension = '{dimension}' AND r.\"{dimension}\" IS DISTINCT FROM s.pin.value "
               f"AND NOT list_contains(s.withheld, '{dimension}')")  # fmt: skip
        if found := _count(connection, sql):
            broken, example = broken + found, f"{found} rows whose {dimension} is not what their seed pins"
    return Check("pins", "does every persona have what its seed states?", broken, example)


def _minors(connection: duckdb.DuckDBPyConnection) -> Check:
    scenes = connection.sql(
        "SELECT s.scene_id, s.relationship, s.attack, s.kind = 'twin' AND s.exit = 'distress' AS despair_played, "
        "s.partner.age_band AS partner_age, s.traits, concat_ws(chr(10), p.prose, p.style, p.voice) AS prose, "
        "(SELECT list(age_group) FROM casting c WHERE c.scene_id = s.scene_id) AS voices "
        "FROM scenes s JOIN seeds p USING (seed_id)"
    ).to_arrow_table()
    broken = []
    for scene in scenes.to_pylist():
        ages = {t["value"] for t in scene["traits"] if t["dimension"] in ("age_band", "voice_age")}
        ages |= {scene["partner_age"], *(scene["voices"] or ())}
        minor = ages & MINOR_AGES or mentions_minor(scene["prose"])
        if minor and (scene["relationship"] in INTIMATE or scene["attack"] in ABUSIVE or scene["despair_played"]):
            broken.append(scene["scene_id"])
    asks = "does no minor stand in an intimate or abusive scene, or one in which despair is played?"
    return Check("minors", asks, len(broken), ", ".join(broken[:3]))


def _dimensions(connection: duckdb.DuckDBPyConnection) -> list[str]:
    fixed = {c.name for c in (*PERSONAS_FIXED, *PERSONAS_LAST)}
    return [str(c[0]) for c in connection.execute("DESCRIBE personas").fetchall() if c[0] not in fixed]


def _count(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    return int(connection.execute(f"SELECT count(*) {sql}").fetchall()[0][0])
