"""The certificate against brute force over small spaces, and against errors planted in a finished run."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from math import sqrt
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from space.random_ontologies import Plain, plains

from persona_forge.core.errors import Corrupt, Misuse, OntologyError
from persona_forge.core.tables import SEEDS
from persona_forge.dataset import witness
from persona_forge.dataset.certificate import Certificate, certify, show, write_certificate
from persona_forge.dataset.folder import Folder
from persona_forge.dataset.infeasible import Court
from persona_forge.dataset.witness import numbering
from persona_forge.space.compile import compile_space
from persona_forge.space.ontology import LANGUAGES, read_ontology
from persona_forge.space.reason import explain

BLANK: dict[str, Any] = {
    "language": "en", "name": "", "prose": "", "opinions": [], "catchphrases": [], "emotional_limits": [], "style": "",
    "voice": "", "pins": [], "withheld": [], "author_kind": "project", "source": "", "licence": "", "review": "new",
    "extras": "{}",
}  # fmt: skip
Row = dict[str, str | None]


@dataclass
class Seed:
    language: str
    pins: dict[str, str]
    withheld: set[str]
    review: str = "new"

    def row(self, seed_id: str) -> dict[str, Any]:
        pins = [{"dimension": d, "value": v, "evidence": "", "by": "author"} for d, v in self.pins.items()]
        return BLANK | {"seed_id": seed_id, "language": self.language, "pins": pins,
                        "withheld": sorted(self.withheld), "review": self.review}  # fmt: skip


def folder_of(root: Path, ontology: str, seeds: Sequence[Seed], rows: Sequence[Row], per_group: int = 7) -> Folder:
    """Just what a certificate is made from: an ontology, seeds, and rows in two shards."""
    folder = Folder(root)
    folder.ontology.write_text(ontology, encoding="utf-8")
    dimensions = {d.name: d.names for d in read_ontology(ontology, "x").dimensions}
    kinds = {d: pl.Enum(values) for d, values in dimensions.items()}
    frame = pl.DataFrame(
        [{"persona_id": i.to_bytes(16, "big"), **row} for i, row in enumerate(rows)],
        schema={"persona_id": pl.Binary, "seed_id": pl.Categorical, "language": pl.Categorical, **kinds},
    )
    shards = {"personas/a": frame[: len(rows) // 2], "personas/b": frame[len(rows) // 2 :]}
    shards["seeds/a"] = SEEDS.frame([seed.row(f"s{i}") for i, seed in enumerate(seeds)])
    for name, part in shards.items():
        for path in (root / f"{name}.parquet", root / "seals" / f"{name}.json"):
            path.parent.mkdir(parents=True, exist_ok=True)
        part.write_parquet(root / f"{name}.parquet", row_group_size=per_group)
        (root / "seals" / f"{name}.json").touch()
    return folder


def holds(vector: Mapping[str, str | None], combination: Sequence[tuple[str, str]]) -> bool:
    return all(vector[d] == v for d, v in combination)


@st.composite
def runs(draw: st.DrawFn) -> tuple[Plain, list[Seed], list[Row]]:
    """A random ontology, seeds that may be dead or rejected, and some of the rows that the living ones can have."""
    plain = draw(plains())
    names = list(plain.values)
    seeds, rows = [], []
    for i in range(draw(st.integers(0, 4))):
        pins = {n: draw(st.sampled_from(list(plain.values[n]))) for n in draw(st.sets(st.sampled_from(names)))}
        withheld = draw(st.sets(st.sampled_from(names), max_size=2))
        seed = Seed(draw(st.sampled_from(LANGUAGES)), pins, withheld, draw(st.sampled_from(["new", "rejected"])))
        vectors = plain.vectors(seed.language, seed.pins)
        seeds.append(seed)
        if vectors:
            some = draw(st.lists(st.sampled_from(vectors), max_size=12))
            seen = [{n: v for n, v in vector.items() if n not in withheld} for vector in some]
            rows += [{"seed_id": f"s{i}", **dict.fromkeys(names), **vector} for vector in seen]
    return plain, seeds, rows


def brute_force(plain: Plain, seeds: Sequence[Seed], rows: Sequence[Row], language: str, t: int) -> dict[str, set[Any]]:
    found: dict[str, set[Any]] = {kind: set() for kind in ("witnessed", "infeasible", "not permitted", "hole")}
    possible = plain.vectors(language, {})
    mine = [s for s in seeds if s.language == language and s.review != "rejected"]
    for scope in combinations(plain.values, t):
        permitted = [v for s in mine if not s.withheld & set(scope) for v in plain.vectors(language, s.pins)]
        for values in product(*(plain.values[d] for d in scope)):
            combination = tuple(zip(scope, values, strict=True))
            kind = "infeasible" if not any(holds(v, combination) for v in possible) else "not permitted"
            kind = "hole" if any(holds(v, combination) for v in permitted) else kind
            if any(r["language"] == language and holds(r, combination) for r in rows):
                kind = "witnessed"
            found[kind].add(combination)
    return found


@settings(max_examples=60, deadline=None)
@given(runs(), st.integers(1, 3))
def test_every_verdict_is_that_of_brute_force(run: tuple[Plain, list[Seed], list[Row]], t: int) -> None:
    plain, seeds, rows = run
    t = min(t, len(plain.values))
    with tempfile.TemporaryDirectory() as root:
        certificate = certify(folder_of(Path(root), plain.text(), seeds, rows), t)
    alive = {s.language for s in seeds if s.review != "rejected"} | {r["language"] for r in rows}
    assert [c.language for c in certificate.coverage] == [language for language in LANGUAGES if language in alive]
    for c in certificate.coverage:
        right = brute_force(plain, seeds, rows, c.language, t)
        assert {x for g in c.infeasible for x in g.combinations} == right["infeasible"]
        assert {x for g in c.not_permitted for x in g.combinations} == right["not permitted"]
        assert {h.combination for h in c.holes} == right["hole"]
        assert c.witnessed == len(right["witnessed"])
        assert (
            c.combinations == sum(map(len, right.values())) == c.witnessed + c.ruled_out + c.unpermitted + len(c.holes)
        )
        mine = [s for s in seeds if s.language == c.language and s.review != "rejected"]
        for group in c.not_permitted:
            scopes = [{d for d, _ in combination} for combination in group.combinations]
            assert {sum(bool(s.withheld & scope) for s in mine) for scope in scopes} == {group.withheld}
            assert group.pins + group.withheld == len(mine)
        for hole in c.holes:
            seed = seeds[int(hole.seed_id[1:])]
            assert any(holds(v, hole.combination) for v in plain.vectors(c.language, seed.pins))


@settings(max_examples=40, deadline=None)
@given(plains(), st.sampled_from(LANGUAGES))
def test_a_reason_kills_the_combination_or_a_part_of_it_and_no_relation_can_be_spared(
    plain: Plain, language: str
) -> None:
    ontology = read_ontology(plain.text(), "random.toml")
    values = numbering(ontology)

    def possible(relations: Sequence[int], numbers: Sequence[int]) -> bool:
        first = len(plain.excludes)
        left = Plain(plain.values, [plain.excludes[r] for r in relations if r < first],
                     [plain.implies[r - first] for r in relations if r >= first])  # fmt: skip
        return bool(left.vectors(language, dict(values.names[n] for n in numbers)))

    with Court(ontology, values, language, SEEDS.frame([])) as court:
        for numbers in values.tuples(2).tolist():
            verdict = court.judge(numbers)
            assert verdict.kind in ("infeasible", "not permitted")
            if verdict.kind == "infeasible":
                assert not possible(verdict.relations, numbers)
                fewer = [[other for other in verdict.relations if other != r] for r in verdict.relations]
                killed = [part for k in range(3) for part in combinations(numbers, k)
                          if not possible(verdict.relations, part)]  # fmt: skip
                assert any(all(possible(some, part) for some in fewer) for part in killed)


def test_the_bundled_ontology_is_judged_as_exact_counting_judges_it() -> None:
    text = (Path(__file__).parents[2] / "seeds" / "traits.toml").read_text(encoding="utf-8")
    ontology = read_ontology(text, "traits.toml")
    space, values = compile_space(ontology), numbering(ontology)
    for language in LANGUAGES:
        with Court(ontology, values, language, SEEDS.frame([])) as court:
            for numbers in values.tuples(2)[:: 46_590 // 400].tolist():
                count = space.mass("count", {"language": language, **dict(values.names[n] for n in numbers)})
                assert court.judge(numbers).kind == ("not permitted" if count else "infeasible")


def test_a_pin_on_a_withheld_dimension_still_binds_the_others(tmp_path: Path) -> None:
    plain = Plain({"a": {"x": 1, "y": 1}, "b": {"x": 1, "y": 1}, "c": {"x": 1}}, [{"a": ["x"], "b": ["x"]}])
    folder = folder_of(tmp_path, plain.text(), [Seed("en", {"a": "x"}, {"a"})], [])
    (english,) = certify(folder).coverage
    assert [show(h.combination) for h in english.holes] == ["b=y c=x"]
    assert [show(x) for g in english.infeasible for x in g.combinations] == ["a=x b=x"]
    assert {(g.pins, g.withheld): len(g.combinations) for g in english.not_permitted} == {(0, 1): 5, (1, 0): 1}


def test_a_dead_seed_and_a_seed_that_cannot_keep_no_other_from_permitting_it(tmp_path: Path) -> None:
    two = {"x": 1, "y": 1}
    plain = Plain({"a": two, "b": two, "c": two, "d": two}, [{"a": ["x"], "b": ["x"]}])
    seeds = [Seed("en", {"a": "x", "b": "x"}, set()), Seed("en", {"a": "x"}, set()), Seed("en", {}, set())]
    (english,) = certify(folder_of(tmp_path, plain.text(), seeds, [])).coverage
    assert (english.ruled_out, english.unpermitted) == (1, 0)
    permitted = {show(h.combination): h.seed_id for h in english.holes}
    assert len(permitted) == 23
    assert {who for what, who in permitted.items() if "a=y" in what or "b=x" in what} == {"s2"}
    assert {who for what, who in permitted.items() if "a=y" not in what and "b=x" not in what} == {"s1"}


def test_no_relation_of_a_reason_can_be_spared_in_the_bundled_ontology_either() -> None:
    ontology = read_ontology((Path(__file__).parents[2] / "seeds" / "traits.toml").read_text(encoding="utf-8"), "x")
    values = numbering(ontology)
    with Court(ontology, values, "en", SEEDS.frame([])) as court:
        reasons = {court.judge(numbers).relations: numbers for numbers in values.tuples(2)[:21_000].tolist()}
    assert max(map(len, reasons)) > 6
    for reason, numbers in reasons.items():
        if reason:
            relations = [ontology.relations[r] for r in reason]
            fewer = [[other for other in relations if other is not r] for r in relations]
            killed = [chosen for k in (0, 1, 2) for part in combinations(numbers, k)
                      if explain(replace(ontology, relations=tuple(relations)),
                                 chosen := {"language": "en", **dict(values.names[n] for n in part)})]  # fmt: skip
            assert any(
                all(not explain(replace(ontology, relations=tuple(some)), chosen) for some in fewer)
                for chosen in killed
            )


# A finished run -------------------------------------------------------------------------------------------------------


def changed(out: Path, change: Callable[[pl.DataFrame], pl.DataFrame]) -> Certificate:
    """The certificate after a change to the first shard of personas; the seals are not asked."""
    folder = Folder(out)
    path = folder.rows("personas", folder.names("personas")[0])
    frame = pl.read_parquet(path)
    change(frame).write_parquet(path)
    return certify(folder)


def put(column: str, value: str) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Another value in the first row."""

    def change(frame: pl.DataFrame) -> pl.DataFrame:
        values = [value, *frame[column].cast(pl.String).to_list()[1:]]
        return frame.with_columns(pl.Series(column, values, dtype=pl.String))

    return change


def test_a_sound_run_is_certified(finished: Path) -> None:
    certificate = write_certificate(Folder(finished))
    assert certificate.sound
    assert certificate.tally.rows == {"en": 900, "zh": 600}
    assert certificate.tally.seeds == {"en": 6, "zh": 4}
    for c in certificate.coverage:
        assert c.combinations == c.witnessed + c.ruled_out + c.unpermitted + len(c.holes)
        assert c.witnessed > c.combinations / 4
    written = json.loads((finished / "certificate.json").read_text(encoding="utf-8"))
    assert written == json.loads(json.dumps(certificate.as_json()))
    assert certificate.markdown()[0] == "No row breaks a relation, and none stands there twice."


def test_marginals_are_the_counts_of_the_rows(finished: Path) -> None:
    rows = Folder(finished).scan("personas").collect()
    for c in certify(Folder(finished)).coverage:
        assert len(c.marginals) == len(rows.columns) - 5
        for dimension, counts in c.marginals.items():
            its = rows.filter(pl.col("language").cast(pl.String) == c.language)[dimension].cast(pl.String).drop_nulls()
            assert {v: n for v, n in counts.items() if n} == dict(its.value_counts().iter_rows())


def test_a_planted_violation_is_found(finished: Path) -> None:
    def change(frame: pl.DataFrame) -> pl.DataFrame:
        return put("age_band", "child")(put("occupation", "surgeon")(put("language", "en")(frame)))

    certificate = changed(finished, change)
    assert not certificate.sound
    assert "age_band=child implies occupation=student" in {v.says for v in certificate.tally.violations}
    assert {v.rows for v in certificate.tally.violations} == {1}
    assert certificate.markdown()[0].startswith("- 1 rows break a relation: ")


def test_a_planted_duplicate_is_found(finished: Path) -> None:
    certificate = changed(finished, lambda frame: pl.concat([frame, frame[3:5], frame[3:4]]))
    assert (certificate.sound, certificate.tally.duplicates, certificate.tally.repeated_ids) == (False, 3, 3)
    assert certificate.tally.violations == ()


def test_the_same_traits_under_another_id_are_a_duplicate_and_the_same_id_on_other_traits_is_one_too(
    finished: Path,
) -> None:
    def renamed(frame: pl.DataFrame) -> pl.DataFrame:
        return pl.concat([frame, frame[:1].with_columns(persona_id=pl.lit(b"another id 16 by"))])

    def renamed_back(frame: pl.DataFrame) -> pl.DataFrame:
        ids = frame["persona_id"].to_list()[:-1]
        return frame[:-1].with_columns(pl.Series("persona_id", [ids[1], *ids[1:]]))

    tally = changed(finished, renamed).tally
    assert (tally.duplicates, tally.repeated_ids) == (1, 0)
    tally = changed(finished, renamed_back).tally
    assert (tally.duplicates, tally.repeated_ids) == (0, 1)


def test_a_planted_hole_is_found(finished: Path) -> None:
    before = certify(Folder(finished))
    rows = Folder(finished).scan("personas").collect()
    english = rows.filter(pl.col("language").cast(pl.String) == "en")
    pair = {"humour": "sarcastic", "hobby": english.filter(humour="sarcastic")["hobby"].drop_nulls()[0]}
    for shard in Folder(finished).names("personas"):
        path = Folder(finished).rows("personas", shard)
        frame = pl.read_parquet(path)
        english_pair = pl.all_horizontal(pl.col("language") == "en", *(pl.col(d) == v for d, v in pair.items()))
        frame.filter(~english_pair.fill_null(False)).write_parquet(path)
    after = certify(Folder(finished))
    new = {h.combination for h in after.coverage[0].holes} - {h.combination for h in before.coverage[0].holes}
    assert tuple(sorted(pair.items(), reverse=True)) in new | {tuple(sorted(c)[::-1]) for c in new}
    assert after.coverage[0].witnessed == before.coverage[0].witnessed - len(new)
    assert after.sound


def test_a_value_that_the_ontology_does_not_know_is_found(finished: Path) -> None:
    before = certify(Folder(finished))
    certificate = changed(finished, put("voice_rate", "breakneck"))
    known = [sum(sum(c.marginals["voice_rate"].values()) for c in made.coverage) for made in (before, certificate)]
    assert known[1] == known[0] - 1
    assert (certificate.sound, certificate.strays) == (False, {"voice_rate=breakneck": 1})
    assert "- 1 rows have voice_rate=breakneck, which the ontology does not know" in certificate.markdown()


def test_a_file_without_a_dimension_is_refused_by_name(finished: Path) -> None:
    with pytest.raises(Corrupt, match="hobby"):
        changed(finished, lambda frame: frame.drop("hobby"))


def test_blocks_of_any_size_say_the_same(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Folder(finished)
    files = [folder.rows("personas", shard) for shard in folder.names("personas")]
    values = numbering(read_ontology(folder.ontology.read_text(encoding="utf-8"), "x"))
    whole = witness.look(files, values, 2, [("gender", "temper")]).seen
    for block, words, cells in ((100, 1, 999), (64, 64, 10**6), (777, 2, 5000)):
        monkeypatch.setattr(witness, "BLOCK", block)
        monkeypatch.setattr(witness, "FIRST_WORDS", words)
        monkeypatch.setattr(witness, "CELLS", cells)
        for language, seen in witness.look(files, values, 2, [("gender", "temper")]).seen.items():
            assert seen.open.tolist() == whole[language].open.tolist()
            assert {k: v.tolist() for k, v in seen.counts.items()} == {
                k: v.tolist() for k, v in whole[language].counts.items()
            }


@dataclass
class Wanted:
    names: tuple[str, ...]
    shares: dict[tuple[str, ...], float]
    language: str | None = None


def test_the_distance_to_a_target_is_exact(tmp_path: Path) -> None:
    plain = Plain({"a": {"x": 1, "y": 1}, "b": {"x": 1, "y": 1, "z": 1}})
    values = [("en", "x", "x"), ("en", "x", "y"), ("en", "y", "z"), ("zh", "x", None)]
    rows: list[Row] = [{"seed_id": "s0", "language": i, "a": a, "b": b} for i, a, b in values]
    folder = folder_of(tmp_path, plain.text(), [Seed("en", {}, set())], rows)
    wanted = [
        Wanted(("a",), {("x",): 0.5, ("y",): 0.5}),
        Wanted(("a",), {("x",): 0.5, ("y",): 0.5}, "zh"),
        Wanted(("b",), {("x",): 0.5}),
        Wanted(("a", "b"), {("x", "x"): 0.5, ("x", "z"): 0.25}),
        Wanted(("b",), {("x",): 1.0}, "zh"),
    ]
    found = certify(folder, targets=wanted).distances
    half, quarter = sqrt(0.25 / 3), sqrt(0.1875 / 3)
    assert [d.rows for d in found] == [4, 1, 3, 3, 0]
    off = [0.25, 0.5, 1 / 6, (1 / 6 + 1 / 4 + 5 / 12) / 2, 1.0]
    assert [d.total_variation for d in found] == pytest.approx(off)
    by_chance = [sqrt(0.25 / 4), 0.5, half, (half + 2 * quarter) / 2, 1.0]
    assert [d.standard_error for d in found] == pytest.approx(by_chance)


def test_impossible_targets_are_refused(finished: Path) -> None:
    with pytest.raises(OntologyError, match="did you mean 'gender'"):
        certify(Folder(finished), targets=[Wanted(("gendr",), {})])
    with pytest.raises(OntologyError, match="unknown value of gender 'maile'"):
        certify(Folder(finished), targets=[Wanted(("gender",), {("maile",): 1.0})])
    with pytest.raises(Misuse, match=r"make 1\.2"):
        certify(Folder(finished), targets=[Wanted(("gender",), {("male",): 0.6, ("female",): 0.6})])


def test_too_many_combinations_are_refused_with_their_number(finished: Path) -> None:
    sizes = [len(d.values) for d in read_ontology(Folder(finished).ontology.read_text(), "x").dimensions]
    many = sum(a * b * c for a, b, c in combinations(sizes, 3))
    with pytest.raises(Misuse, match=f"{many:,} combinations of 3"):
        certify(Folder(finished), 3)
    with pytest.raises(Misuse, match=f"1 to {len(sizes)}") as refusal:
        certify(Folder(finished), 0)
    assert refusal.value.exit_code == 2


def test_a_run_without_rows_is_all_holes_and_what_cannot_be(tmp_path: Path) -> None:
    plain = Plain({"a": {"x": 1, "y": 1}, "b": {"x": 1, "y": 1}}, [{"a": ["x"], "b": ["x"]}])
    certificate = certify(folder_of(tmp_path, plain.text(), [Seed("zh", {}, set())], []))
    (chinese,) = certificate.coverage
    assert (chinese.language, chinese.witnessed, chinese.ruled_out, len(chinese.holes)) == ("zh", 0, 1, 3)
    assert chinese.infeasible[0].because == ("a=x and b=x can't stand together: so",)


def test_no_code_of_the_sampler_is_used() -> None:
    listing = (
        "import sys, persona_forge.dataset.certificate; print(*sorted(m for m in sys.modules if 'forge.space' in m))"
    )
    done = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [f"persona_forge.space{m}" for m in ("", ".model", ".ontology")]
