"""What the explore app asks a run, against plain counting; and the app in a real browser."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from browsing import Person, Server
from small_runs import typed

from persona_forge.cli import apps
from persona_forge.core.errors import Misuse, OntologyError, Uninstalled
from persona_forge.dataset.explore import Coverage, Explorer
from persona_forge.dataset.folder import Folder

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


@pytest.fixture(scope="module")
def small(_finished: Path) -> Path:
    """The session's small run, which nothing here changes."""
    return _finished


@pytest.fixture(scope="module")
def run(small: Path) -> Explorer:
    return Explorer(Folder(small))


@pytest.fixture(scope="module")
def covered(run: Explorer) -> Coverage:
    return run.coverage()


@pytest.fixture(scope="module")
def rows(run: Explorer) -> pl.DataFrame:
    return run.folder.scan("personas").with_columns(pl.col("language").cast(pl.String)).collect()


def test_a_marginal_counts_every_row_that_has_a_value(run: Explorer, rows: pl.DataFrame) -> None:
    for dimension in ("gender", "occupation"):
        counted = run.marginal(dimension)
        known = rows.filter(pl.col(dimension).is_not_null())
        plain = known.group_by(pl.col(dimension).cast(pl.String), "language").len()
        assert {(v, x, n) for v, x, n, _ in counted.iter_rows()} == set(plain.iter_rows())
        assert counted.group_by("language").agg(pl.col("share").sum().round(9))["share"].to_list() == [1.0, 1.0]
        names = run.ontology.dimension(dimension).names
        assert list(dict.fromkeys(counted["value"])) == [name for name in names if name in set(counted["value"])]


def test_targets_are_those_of_the_settings(small: Path) -> None:
    run = Explorer(Folder(small))
    run.card["config"]["personas"]["targets"] = [
        {"of": "gender", "shares": {"female": 0.6}, "language": "zh"},
        {"of": ["gender", "pet"], "shares": {"female/cat": 0.1}, "language": None},
    ]
    assert run.targets("gender").rows() == [("female", "zh", 0.6)]
    assert run.targets("occupation").is_empty()


def test_coverage_is_what_plain_counting_says(run: Explorer, covered: Coverage, rows: pl.DataFrame) -> None:
    assert covered.whole
    shares = covered.shares("en")
    english = rows.filter(language="en")
    for a, b in (*list(combinations(run.dimensions, 2))[::97], ("gender", "voice_pitch")):
        plain = english.select(a, b).drop_nulls().unique().height
        row = shares.row(by_predicate=(pl.col("a") == b) & (pl.col("b") == a), named=True)
        assert row["standing"] == plain
        assert plain <= row["possible"] <= len(run.ontology.dimension(a).names) * len(run.ontology.dimension(b).names)


def test_both_languages_together_have_what_either_has(covered: Coverage) -> None:
    both, en, zh = covered.shares(), covered.shares("en"), covered.shares("zh")
    assert (both["standing"] >= en["standing"]).all()
    assert (both["standing"] >= zh["standing"]).all()
    assert (both["share"].drop_nulls() <= 1).all()


def test_what_a_relation_forbids_is_not_possible(run: Explorer, covered: Coverage) -> None:
    forbidden = [
        choice for relation in run.ontology.relations for choice in relation.forbids
        if len(choice) == 2 and "language" not in choice
    ]  # fmt: skip
    assert forbidden
    for choice in forbidden:
        (a, x), (b, y) = ((name, min(values)) for name, values in choice.items())
        table = covered.table(a, b)
        assert table.filter((pl.col("a") == x) & (pl.col("b") == y))["possible"].to_list() == [False]


def test_a_sample_says_so_and_claims_no_more_than_there_is(run: Explorer, covered: Coverage) -> None:
    sampled, whole = run.coverage(most=1), covered
    assert (sampled.whole, sampled.rows < sampled.total, whole.rows) == (False, True, run.rows("personas"))
    assert (sampled.shares()["standing"] <= whole.shares()["standing"]).all()
    assert (sampled.shares()["possible"] >= whole.shares()["possible"]).all()


def test_two_dimensions_are_counted_together(run: Explorer, rows: pl.DataFrame) -> None:
    plain = rows.filter(language="zh").select(pl.col("gender", "pet").cast(pl.String)).drop_nulls()
    assert set(run.together("gender", "pet", "zh").iter_rows()) == set(
        plain.group_by("gender", "pet").len().iter_rows()
    )


def test_a_dimension_that_is_none_is_refused(run: Explorer) -> None:
    with pytest.raises(OntologyError, match="gendre"):
        run.marginal('gendre" FROM seeds --')


def test_a_persona_comes_whole_and_the_same_for_the_same_number(run: Explorer, rows: pl.DataFrame) -> None:
    one, other = run.persona(3), run.persona(4)
    assert one is not None
    assert other is not None
    assert one == run.persona(3)
    assert one["persona_id"] != other["persona_id"]
    row = rows.filter(pl.col("persona_id") == bytes.fromhex(one["persona_id"]))
    assert row.select(run.dimensions).row(0, named=True) == one["traits"]
    assert one["seed"]["prose"] in one["card"]


def test_a_dialogue_comes_with_its_sounds(run: Explorer) -> None:
    scenes = run.scenes()
    assert scenes.height == 4
    turns = run.dialogue(scenes["scene_id"][0])
    assert [turn["role"] for turn in turns] == ["partner", "persona"]
    assert all(turn["sound"].startswith(b"fLaC") for turn in turns)


def test_an_answer_is_cut_where_it_is_long_and_says_so(run: Explorer) -> None:
    shown, whole = run.answer("SELECT seed_id FROM personas ORDER BY seed_id -- all of them")
    assert (shown.height, whole) == (1000, False)
    assert run.answer("SELECT count(*) AS n FROM personas;")[0].rows() == [(1500,)]
    for bad in ("", "DELETE FROM seeds", "SELECT 1; SELECT 2", "SELEC 1", "COPY seeds TO 'x'"):
        with pytest.raises(Misuse):
            run.answer(bad)


def test_families_are_listed_with_their_members(run: Explorer) -> None:
    assert run.families().is_empty()  # ten seeds that are unlike each other
    assert int(run.splits()["seeds"].sum()) == 10


def test_a_run_without_rows_has_empty_answers(small: Path, tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.write_card({k: v for k, v in Folder(small).read_card().items() if k != "format"})
    folder.ontology.write_bytes(Folder(small).ontology.read_bytes())
    run = Explorer(folder)
    assert run.persona(1) is None
    assert run.dialogue("none") == []
    assert [t.height for t in (run.marginal("gender"), run.scenes(), run.families(), run.drift(), run.rejects())] == [
        0
    ] * 5
    assert run.coverage().shares()["standing"].sum() == 0


def test_without_its_libraries_the_command_says_what_to_install(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apps, "EXPLORED_WITH", ("sys", "no_such_library"))
    with pytest.raises(Uninstalled, match="no_such_library"):
        apps.explore(small)


def test_what_is_no_run_is_refused_before_a_server_starts(tmp_path: Path) -> None:
    said = typed("app", "explore", tmp_path)
    assert (said.returncode, "is not a run" in said.stderr) == (2, True)


# The app in a browser


@pytest.fixture(scope="module")
def page(small: Path, browser: Any) -> Iterator[Person]:
    with Server("-m", "persona_forge.cli", "app", "explore", str(small), "--no-browser", "--port") as server:
        yield Person(browser, server.url)


def turn_to(page: Person, name: str) -> None:
    page.page.get_by_text(name, exact=True).first.click()


def test_every_page_shows_what_is_in_the_run(page: Person) -> None:
    page.sees(".figures", "1,500")
    page.sees(".funnel th", "expand")
    turn_to(page, "Marginals")
    page.sees(".note", "No target is set for this dimension")
    page.page.locator("marimo-vega canvas").first.wait_for()
    turn_to(page, "Families")
    page.sees(".output", "Every seed stands alone")
    turn_to(page, "Drift")
    page.sees(".note", "How well personas stay in character")
    turn_to(page, "Personas")
    page.sees(".persona h3", "Traits")
    first = page.text(".persona .meta")
    turn_to(page, "Another one")
    page.page.wait_for_function("before => document.querySelector('.persona .meta').innerText !== before", arg=first)
    turn_to(page, "Dialogues")
    page.sees(".talk h4", "Partner")
    assert page.page.locator(".talk audio").count() == 2
    assert "{" not in page.text(".talk")
    outside = [url for url in page.requests if not url.startswith(("http://127.0.0.1", "ws://127", "data:", "blob:"))]
    assert outside == []


def test_a_click_on_the_heat_map_opens_the_two_dimensions(page: Person) -> None:
    turn_to(page, "Coverage")
    page.sees(".note.exact", "all 1,500 rows were looked at")
    page.sees(".output h2", "gender × age band")
    page.page.locator("marimo-vega canvas").nth(1).wait_for()
    heat = page.page.locator("marimo-vega canvas").first
    box = heat.bounding_box()
    heat.click(position={"x": box["width"] - 60, "y": 70})  # a column at the right, a row near the top
    page.page.wait_for_function("[...document.querySelectorAll('.output h2')].some(h => h.innerText.includes('×') && "
                                "h.innerText !== 'gender × age band')")  # fmt: skip


def test_sql_is_answered_by_keyboard_and_refused_in_words(page: Person) -> None:
    turn_to(page, "SQL")
    editor = page.page.locator(".cm-content")
    for query, says in (("SELECT count(*) AS n FROM personas", "1,500"), ("DROP VIEW seeds", "DuckDB refuses")):
        editor.click()
        page.press("Control+a")
        page.page.keyboard.insert_text(query)
        page.page.get_by_role("button", name="Run", exact=True).focus()
        page.press("Enter")
        page.sees(".output", says)


def test_the_app_is_in_chinese_too(page: Person) -> None:
    turn_to(page, "中文")
    page.sees(".output h1", "这次生成了什么")
    turn_to(page, "总览")
    page.sees(".output h2", "漏斗")
    turn_to(page, "边缘分布")
    page.sees(".note", "这个维度没有设定目标")


def test_every_phrase_that_the_explore_app_uses_is_there_in_both_languages() -> None:
    phrases = tomllib.loads((NOTEBOOKS / "explore.toml").read_text(encoding="utf-8"))
    assert [phrase for phrase, words in phrases.items() if sorted(w for w in words if words[w]) != ["en", "zh"]] == []
    code = "".join(path.read_text(encoding="utf-8") for path in NOTEBOOKS.glob("explore*.py"))
    used = set(re.findall(r'\bt\("(\w+)"', code)) | set(re.findall(r'"(\w+)" if \w+[.\w]* else', code))
    assert {phrase for phrase in used if phrase != "note"} - set(phrases) == set()
