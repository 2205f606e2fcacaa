"""The charts of the explore app, by altair; every wording is handed in, in the reader's language."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import altair as alt
import polars as pl

Words = Callable[[str], str]

TEAL, AMBER, INK, SOFT, LINE, PAPER = "#16605c", "#c98a1b", "#1e2326", "#626a6e", "#e3e0d8", "#faf9f6"
SCALE = ["#e9f1ef", "#b9d6d2", "#7fb3ad", "#44877f", "#16605c"]
FONT = "Inter, system-ui, Segoe UI, PingFang SC, Microsoft YaHei, Noto Sans CJK SC, sans-serif"
COLOURS = {"en": TEAL, "zh": AMBER}


def _styled(chart: Any) -> Any:
    axis = {"labelColor": INK, "titleColor": SOFT, "titleFontWeight": "normal", "tickColor": LINE, "domainColor": LINE,
            "gridColor": LINE, "labelLimit": 170}  # fmt: skip
    return (
        chart.configure(font=FONT, background="transparent")
        .configure_view(stroke=None)
        .configure_axis(**axis)
        .configure_legend(labelColor=INK, titleColor=SOFT, titleFontWeight="normal")
        .configure_header(labelColor=INK, labelFontWeight="bold")
    )


def marginal(frame: pl.DataFrame, targets: pl.DataFrame, label: Mapping[str, str], t: Words) -> Any:
    """Bars of the share of each value, one a language; a tick where a target stands."""
    named = {"en": t("en"), "zh": t("zh")}
    shown = frame.with_columns(label=pl.col("value").replace(label), spoken=pl.col("language").replace(named))
    order = list(dict.fromkeys(shown["label"]))
    languages = sorted(set(frame["language"]))
    colour = alt.Color(
        "spoken:N", title=None, legend=alt.Legend(orient="top"),
        scale=alt.Scale(domain=[named[x] for x in languages], range=[COLOURS[x] for x in languages]),
    )  # fmt: skip
    y = alt.Y("label:N", sort=order, title=None, axis=alt.Axis(ticks=False, domain=False, labelPadding=8))
    x = alt.X("share:Q", title=t("share_of_rows"), axis=alt.Axis(format="%", tickCount=5))
    offset = alt.YOffset("spoken:N", sort=[named[x] for x in languages])
    tip = [alt.Tooltip("label:N", title=t("value")), alt.Tooltip("spoken:N", title=t("language")),
           alt.Tooltip("rows:Q", title=t("rows"), format=","),
           alt.Tooltip("share:Q", title=t("share"), format=".2%")]  # fmt: skip
    bars = alt.Chart(shown).mark_bar(cornerRadiusEnd=2).encode(y, x, colour, offset, tooltip=tip)
    if targets.height:
        spread = pl.concat([
            targets.filter(pl.col("language").is_null()).join(pl.DataFrame({"spoken": languages}), how="cross"),
            targets.filter(pl.col("language").is_not_null()).with_columns(spoken=pl.col("language")),
        ]).with_columns(label=pl.col("value").replace(label), spoken=pl.col("spoken").replace(named))  # fmt: skip
        tip = [alt.Tooltip("label:N", title=t("value")), alt.Tooltip("share:Q", title=t("target"), format=".2%")]
        ticks = alt.Chart(spread).mark_tick(color=INK, thickness=2, size=14)
        bars = bars + ticks.encode(y, alt.X("share:Q"), offset, tooltip=tip)
    return _styled(bars.properties(width="container", height=alt.Step(13)))


def heat(shares: pl.DataFrame, label: Mapping[str, str], order: Sequence[str], t: Words) -> Any:
    """Dimension by dimension: the share of the possible pairs of values that stand in a row."""
    shown = shares.with_columns(la=pl.col("a").replace(label), lb=pl.col("b").replace(label))
    sort = [label.get(name, name) for name in order]
    axis: dict[str, Any] = {"labelFontSize": 10, "ticks": False, "domain": False, "labelLimit": 104}
    tip = [alt.Tooltip("la:N", title="A"), alt.Tooltip("lb:N", title="B"),
           alt.Tooltip("share:Q", title=t("share"), format=".1%"),
           alt.Tooltip("standing:Q", title=t("standing"), format=","),
           alt.Tooltip("possible:Q", title=t("possible"), format=",")]  # fmt: skip
    colour = alt.Color(
        "share:Q", scale=alt.Scale(domain=[0, 1], range=["#f6dfb4", "#f0ead8", *SCALE[1:]]),
        legend=alt.Legend(title=None, format="%", orient="top", gradientLength=200, gradientThickness=8),
    )  # fmt: skip
    cell = alt.selection_point(name="cell", fields=["a", "b"], empty=False)
    chart = alt.Chart(shown).mark_rect(strokeWidth=1, cursor="pointer").add_params(cell)
    x = alt.X("la:N", sort=sort, title=None, axis=alt.Axis(labelAngle=-60, **axis))
    y = alt.Y("lb:N", sort=sort, title=None, axis=alt.Axis(**axis))
    edge = alt.condition(cell, alt.value(INK), alt.value(PAPER))
    return _styled(
        chart.encode(x, y, colour, stroke=edge, tooltip=tip).properties(width=alt.Step(13), height=alt.Step(13))
    )


def table(frame: pl.DataFrame, labels: tuple[Mapping[str, str], Mapping[str, str]], t: Words) -> Any:
    """Value by value: how many rows; what stands in none, and what cannot be, have marks of their own."""
    shown = frame.with_columns(
        la=pl.col("a").replace(labels[0]), lb=pl.col("b").replace(labels[1]),
        state=pl.when(pl.col("rows") > 0).then(pl.lit("")).when("possible").then(pl.lit("○")).otherwise(pl.lit("×")),
    )  # fmt: skip
    axis: dict[str, Any] = {"labelFontSize": 11, "ticks": False, "domain": False}
    x = alt.X("la:N", sort=list(dict.fromkeys(shown["la"])), title=None, axis=alt.Axis(labelAngle=-45, **axis))
    y = alt.Y("lb:N", sort=list(dict.fromkeys(shown["lb"])), title=None, axis=alt.Axis(**axis))
    tip = [alt.Tooltip("la:N", title="A"), alt.Tooltip("lb:N", title="B"),
           alt.Tooltip("rows:Q", title=t("rows"), format=","), alt.Tooltip("said:N", title=" ")]  # fmt: skip
    said = {"": " ", "○": t("in_no_row"), "×": t("cannot_be")}
    shown = shown.with_columns(said=pl.col("state").replace(said))
    small = shown["la"].n_unique() <= 8
    top = max([1, *shown["rows"]])
    colour = alt.condition(
        "datum.rows > 0",
        alt.Color("rows:Q", scale=alt.Scale(type="log", range=SCALE, domain=[1, top + 1]), legend=None),
        alt.value("transparent"),
    )
    cells = alt.Chart(shown).mark_rect(stroke=PAPER, strokeWidth=1).encode(x, y, color=colour, tooltip=tip)
    ink = alt.condition("datum.state == '○'", alt.value(AMBER), alt.value("#b9b5aa"))
    marks = alt.Chart(shown).mark_text(fontSize=12, fontWeight="bold").encode(x, y, text="state:N", color=ink)
    counts = (
        alt.Chart(shown.filter(pl.col("rows") > 0)).mark_text(fontSize=10)
        .encode(x, y, text=alt.Text("rows:Q", format=".3~s"),
                color=alt.condition(f"log(datum.rows) > 0.55 * log({top + 1})", alt.value("#fff"), alt.value(INK)))
    )  # fmt: skip
    layers = cells + marks + counts if small else cells + marks
    step = (42, 24) if small else (18, 18)
    return _styled(layers.properties(width=alt.Step(step[0]), height=alt.Step(step[1])))


def drift(frame: pl.DataFrame, t: Words) -> Any:
    """In-character score over depth, a line an attack, a panel a language."""
    spoken = {language: t(language) for language in COLOURS}
    shown = frame.with_columns(spoken=pl.col("language").replace(spoken))
    tip = [alt.Tooltip("attack:N", title=t("attack")), alt.Tooltip("depth:Q", title=t("depth")),
           alt.Tooltip("in_character:Q", title=t("in_character"), format=".1f"),
           alt.Tooltip("looks:Q", title=t("looks"), format=",")]  # fmt: skip
    lines = alt.Chart(shown).mark_line(point=True, strokeWidth=1.5)
    chart = lines.encode(
        alt.X("depth:Q", title=t("depth")),
        alt.Y("in_character:Q", title=t("in_character"), scale=alt.Scale(domain=[0, 100])),
        alt.Color("attack:N", title=None, scale=alt.Scale(scheme="tableau20")),
        tooltip=tip,
    ).properties(width=400, height=280)
    return _styled(chart.facet(column=alt.Column("spoken:N", title=None)))


def sizes(frame: pl.DataFrame, t: Words) -> Any:
    """How many families have how many seeds."""
    y = alt.Y("families:Q", title=t("families"), axis=alt.Axis(tickMinStep=1))
    bars = alt.Chart(frame).mark_bar(color=TEAL, cornerRadiusEnd=2, size=26)
    x = alt.X("seeds:O", title=t("seeds_in_it"), axis=alt.Axis(labelAngle=0))
    return _styled(bars.encode(x, y).properties(width="container", height=180))
