"""The data card: what it says of a run, and that nothing in a run can break out of it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spoken_run import HOSTILE, spoken_run

from persona_forge.cli.carding import card as command
from persona_forge.cli.carding import card_of
from persona_forge.dataset import svg
from persona_forge.dataset.card import Card, markdown_text
from persona_forge.dataset.card_facts import wilson
from persona_forge.dataset.folder import Folder
from persona_forge.dataset.ledger import TOMBSTONES, with_tombstones


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return spoken_run(tmp_path_factory.mktemp("card") / "run")


@pytest.fixture(scope="module")
def card(folder: Folder) -> Card:
    return card_of(folder)


class Page(HTMLParser):
    """Every tag with its attributes, the text outside of styles, and the text of headings."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] != "style":
            self.said.append(data)


def section(markdown: str, head: str) -> str:
    return markdown.split(f"\n## {head}\n")[1].split("\n## ")[0]


def test_markdown_says_where_the_data_comes_from_and_what_it_is_made_of(card: Card) -> None:
    text = card.markdown()
    assert "| 2 | 8 | 4 | 4 | 1 | 19 |" in text
    assert "| by hand | CC-BY-4.0 | human | en | 1 | 0 |" in section(text, "Provenance and licences")
    assert "| clips | kokoro |  | Apache-2.0 | 19 |" in section(text, "How it was made")
    assert "| zh | 4 | 1 | 4 | 3 | 0 | 0 | 1 |" in section(text, "Coverage and marginals")
    assert "| terse | 50.0 % | 50.0 % | 50.0 % | 50.0 % |" in section(text, "Coverage and marginals")
    assert "| train | 2 | 2 |" in section(text, "Families and splits")
    assert "| stay | you are an ai | 1 | 0 | 2 |" in section(text, "Pairs")
    assert "| en | you are an ai | 2 | 80 | 2 |" in section(text, "Drift")


def test_speech_is_told_tag_by_tag_and_turns_by_how_they_were_taken(card: Card) -> None:
    said = section(card.markdown(), "Speech")
    assert "| en | kokoro | 11 | 1 | 0.2 | 10.0 % | 3.50 | 63.6 % |" in said
    assert "| kokoro | pitch | 73.7 % | 51.2 % to 88.2 % | 19 | 19 |" in said
    assert "| kokoro | emotion | – | not measurable here | 0 | 19 |" in said
    assert "| overlap | 4 | 23.5 % | -0.10 s | -0.10 to -0.10 s |" in said.replace("\\", "")
    assert "Clips that listeners have judged: 2 of 19." in said


def test_agreement_counts_what_stands_and_names_nobody(card: Card) -> None:
    said = section(card.markdown(), "Agreement of annotators")
    assert "| review | 2 | 1 | 1 | 0.00 |" in said
    assert "| listen | 1 | 2 | 0 | – |" in said
    for text in (card.markdown(), card.html()):
        assert not re.search(r"\b(ann|bob)\b", text)
        assert "/home/me" not in text


def test_limits_follow_from_the_facts(card: Card) -> None:
    limits = section(card.markdown(), "Limits")
    assert "2 of 2 seeds were not approved by a reviewer." in limits
    assert "1 combinations of two traits that could stand in a row stand in none." in limits
    assert "language model" not in limits
    assert "decided by a person" not in limits


def test_three_dialogues_are_chosen_by_their_ids(card: Card) -> None:
    heads = [line.split(" (")[-1] for line in card.markdown().splitlines() if line.startswith("### ")]
    assert heads == ["zh, plain)", "en, plain)", "en, attack: you are an ai)"]
    said = section(card.markdown(), "Dialogues as they are")
    assert said.count("(the probe)") == 1
    assert "- **chosen**: I carry the post." in said


def test_the_page_asks_nothing_of_any_other_place(card: Card) -> None:
    html = card.html()
    page = Page(html)
    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
    assert all(a["href"] is not None and a["href"].startswith("#") for tag, a in page.tags if tag == "a")
    assert not [a for _, a in page.tags for name in a if name == "src" or name.startswith("on")]
    assert not re.search(r"url\(|@import", html)
    assert sum(tag == "svg" for tag, _ in page.tags) == 4


def test_an_authors_prose_is_text_on_the_page_and_in_markdown(card: Card) -> None:
    assert HOSTILE in Page(card.html()).said
    markdown_it = pytest.importorskip("markdown_it", reason="markdown-it-py is not installed")
    html = markdown_it.MarkdownIt("commonmark", {"html": True}).enable("table").render(card.markdown())
    page = Page(html)
    tags = {tag for tag, _ in page.tags}
    assert tags <= {"h1", "h2", "h3", "p", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "strong", "pre",
                    "code"}  # fmt: skip
    assert HOSTILE in html_text(html)


def html_text(html: str) -> str:
    return "".join(Page(html).said)


LOOKS = st.text("ab \n\t*_`[]()<>&#|~!@\\{}-+=1.:/w", max_size=40)


@given(LOOKS)
def test_any_text_in_a_list_or_a_table_comes_out_as_it_is(text: str) -> None:
    markdown_it = pytest.importorskip("markdown_it", reason="markdown-it-py is not installed")
    render = markdown_it.MarkdownIt("gfm-like", {"html": True, "linkify": False}).render
    line = " ".join(text.split())
    html = render(f"- {markdown_text(text)} end\n")
    assert {tag for tag, _ in Page(html).tags} <= {"ul", "li"}
    assert "".join(Page(html).said).strip() == f"{line} end".strip()
    html = render(f"| a | b |\n|---|---|\n| x{markdown_text(text)} | y |\n")
    assert [tag for tag, _ in Page(html).tags].count("td") == 2


def test_the_same_run_gives_the_same_bytes_wherever_it_lies(folder: Folder, card: Card, tmp_path: Path) -> None:
    other = card_of(spoken_run(tmp_path / "elsewhere" / "run"))
    assert other.markdown() == card.markdown()
    assert other.html() == card.html()


def test_a_run_of_an_older_version_and_one_with_seeds_alone_have_a_card(tmp_path: Path) -> None:
    old = spoken_run(tmp_path / "old")
    for shard in old.names("clips"):
        old.scan("clips", [shard]).drop("part", "floor", "pair_id").collect().write_parquet(old.rows("clips", shard))
        old.scan("checks", [shard]).drop("qc_obeyed", "qc_mos").collect().write_parquet(old.rows("checks", shard))
    text = card_of(old).markdown()
    assert "| en | kokoro | 11 | 1 | 0.2 | 10.0 % | – | 63.6 % |" in text
    assert "95 % interval" not in section(text, "Speech")
    bare = spoken_run(tmp_path / "bare")
    for table in sorted(p.name for p in (bare.root / "seals").iterdir() if p.name not in ("seeds", "families")):
        for shard in bare.names(table):
            bare.unseal(table, shard)
    text = card_of(bare).markdown()
    assert "| 2 | 0 | 0 | 0 | 0 | 0 |" in text
    assert "## Speech" not in text


def test_what_was_withdrawn_is_counted_and_not_named(tmp_path: Path) -> None:
    run = spoken_run(tmp_path / "run")
    (run.root / TOMBSTONES).write_text(with_tombstones(run.root, {"seed-gone": "record"}, "asked"), encoding="utf-8")
    text = card_of(run).markdown()
    assert "Seeds withdrawn from this run: 1." in text
    assert "seed-gone" not in text


def test_the_command_writes_both_files(folder: Folder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command(folder.root, out=tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["card.html", "card.md"]
    assert capsys.readouterr().out.count("is written") == 2


def test_an_interval_is_wilsons() -> None:
    assert [round(x, 4) for x in wilson(8, 10)] == [0.4902, 0.9433]  # statsmodels, method "wilson"
    assert wilson(0, 0) == (0.0, 1.0)
    low, high = wilson(10, 10)
    assert (round(low, 4), round(high, 12)) == (0.7225, 1.0)


def test_plots_hold_every_row_and_escape_what_they_are_told() -> None:
    bars = svg.bars("a <b>", [svg.Bar("<i>", (("en", 0.5), ("zh", 0.25)), (("zh", 0.3),))], ["en", "zh"])
    assert bars.count("<rect") == 2
    assert bars.count('class="target"') == 1
    assert 'aria-label="a &lt;b&gt;"' in bars
    assert "&lt;i&gt;" in bars
    assert svg.heat("h", ["a"], ["0", "8"], {("a", "8"): 40.0}).count('class="none"') == 1
    assert "74% of 19" in svg.intervals("i", [svg.Interval("pitch", 14 / 19, (0.5, 0.9), 19)])
