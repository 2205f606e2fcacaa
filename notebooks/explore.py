"""What is in a run: `persona-forge app explore DIR` opens it in a browser; `marimo edit` lets one go on from here."""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="persona_forge: explore", css_file="explore.css")


@app.cell
def _():
    import functools
    import time

    import explore_charts as charts
    import explore_html as html
    import marimo as mo
    import polars as pl
    from desk import words

    from persona_forge.core.errors import ForgeError
    from persona_forge.core.tables import TABLES
    from persona_forge.dataset.explore import AT_ONCE, Explorer
    from persona_forge.dataset.funnel import funnel
    from persona_forge.dataset.opening import open_folder
    from persona_forge.dataset.views import VIEWS
    from persona_forge.dialogues.factors import factors

    return (
        AT_ONCE, Explorer, ForgeError, TABLES, VIEWS, charts, factors, funnel, functools, html, mo, open_folder,
        pl, time, words,
    )  # fmt: skip


@app.cell
def _(Explorer, functools, mo, open_folder, words):
    given = mo.cli_args()
    run = Explorer(open_folder(str(given["run"])))
    coverage_of = functools.cache(run.coverage)
    phrases = words("compare_replies") | words("explore")
    place = {"page": "overview"}
    return coverage_of, given, phrases, place, run


@app.cell
def _(given, mo):
    _request = mo.app_meta().request
    _browsers = (_request.headers.get("accept-language", "") if _request else "").startswith("zh")
    get_language, set_language = mo.state(str(given.get("language") or ("zh" if _browsers else "en")))
    return get_language, set_language


@app.cell
def _(get_language, phrases, run):
    language = get_language()

    def t(phrase, **values):
        said = phrases.get(phrase, {}).get(language, phrase)
        return said.format(**values) if values else said

    dimensions = {d.name: d.label.get(language) or d.name for d in run.ontology.dimensions}
    labels = {d.name: {v.name: v.label.get(language) or v.name for v in d.values} for d in run.ontology.dimensions}
    return dimensions, labels, language, t


@app.cell
def _(html, language, mo, place, run, set_language, t):
    _pages = {
        t(f"page_{name}"): name
        for name in ("overview", "marginals", "coverage", "families", "drift", "personas", "dialogues", "sql")
    }

    def _turn(label):
        place["page"] = _pages[label]

    _other = "en" if language == "zh" else "zh"
    nav = mo.ui.radio(list(_pages), value=t(f"page_{place['page']}"), inline=True, on_change=_turn)
    page_of = _pages
    switch = mo.ui.button(label="English" if _other == "en" else "中文", on_click=lambda _: set_language(_other))
    _title = html.tag("h1", html.escape(t("title")), html.tag("small", html.escape(str(run.folder.root))))
    mo.hstack([mo.Html(_title), nav, switch], justify="space-between", align="center").style({"class": "top"})
    return nav, page_of, switch


@app.cell
def _(nav, page_of):
    page = page_of[nav.value]
    return (page,)


@app.cell
def _(funnel, html, mo, page, run, t):
    mo.stop(page != "overview")
    _steps = funnel(run.folder)
    _rows = {step.table: step.rows for step in _steps}
    _counts = [(t(name), _rows.get(name, 0)) for name in ("seeds", "personas", "scenes", "scripts", "pairs", "clips")]
    _why = run.rejects()
    _table = html.table(
        [t("stage"), t("reason"), t("count"), t("example")], _why.select("stage", "reason", "rows", "example").rows()
    )
    mo.Html(
        html.figures(_counts)
        + html.tag("h2", html.escape(t("funnel")))
        + html.note(t("funnel_how"))
        + html.funnel([step for step in _steps if step.begun], t)
        + html.tag("h2", html.escape(t("reasons")))
        + (_table if _why.height else html.note(t("no_rejects")))
    )


@app.cell
def _(dimensions, html, mo, page, run, t):
    mo.stop(page != "marginals")
    mo.stop(not run.rows("personas"), mo.Html(html.note(t("no_personas"), "empty")))
    _named = {label: name for name, label in dimensions.items()}
    dimension = mo.ui.dropdown(_named, value=next(iter(_named)), label=t("dimension"), searchable=True)
    mo.output.replace(dimension)
    return (dimension,)


@app.cell
def _(charts, dimension, html, labels, mo, run, t):
    mo.stop(dimension.value is None)
    _counted, _targets = run.marginal(dimension.value), run.targets(dimension.value)
    _total = run.rows("personas")
    _open = t("open_rows", n=f"{_total - _counted['rows'].sum():,}", total=f"{_total:,}")
    _said = [html.note(t("targets_how" if _targets.height else "no_targets")), html.note(_open)]
    _chart = charts.marginal(_counted, _targets, labels[dimension.value], t)
    mo.vstack([mo.Html("".join(_said)), mo.ui.altair_chart(_chart, chart_selection=False, legend_selection=False)])


@app.cell
def _(AT_ONCE, coverage_of, html, mo, page, run, t):
    mo.stop(page != "coverage")
    mo.stop(not run.rows("personas"), mo.Html(html.note(t("no_personas"), "empty")))
    spoken = mo.ui.radio({t("both"): None, t("en"): "en", t("zh"): "zh"}, value=t("both"), inline=True)
    every = mo.ui.run_button(label=t("look_at_all"))
    first = coverage_of(AT_ONCE)
    return every, first, spoken


@app.cell
def _(AT_ONCE, coverage_of, every, first, mo, place, t):
    place["every"] = place.get("every", False) or every.value
    if place["every"] and not first.whole:
        with mo.status.spinner(t("looking")):
            coverage = coverage_of(max(AT_ONCE, first.total))
    else:
        coverage = first
    return (coverage,)


@app.cell
def _(charts, coverage, dimensions, every, html, mo, spoken, t):
    _shares = coverage.shares(spoken.value)
    _counts = {"rows": f"{coverage.rows:,}", "total": f"{coverage.total:,}"}
    _half = _shares.filter(_shares["a"] < _shares["b"])
    _share = _half["standing"].sum() / max(1, _half["possible"].sum())
    _full = _half.filter(_half["standing"] == _half["possible"]).height
    _figures = html.figures([(t("total_share"), f"{_share:.1%}"), (t("full_cells"), f"{_full:,} / {_half.height:,}")])
    _how = html.note(t("coverage_how")) + html.note(
        t("whole" if coverage.whole else "sampled", **_counts), "note exact" if coverage.whole else "note sampled"
    )
    _asked = mo.hstack([spoken, *([] if coverage.whole else [every])], justify="start", align="center")
    mo.vstack([mo.Html(_figures + _how), _asked], gap=0)
    return


@app.cell
def _(charts, coverage, dimensions, mo, spoken, t):
    _chart = charts.heat(coverage.shares(spoken.value), dimensions, list(dimensions), t)
    heat = mo.ui.altair_chart(_chart, chart_selection=False, legend_selection=False)
    return (heat,)


@app.cell
def _(charts, coverage, dimensions, heat, html, labels, mo, pl, run, spoken, t):
    _clicked = heat.value.rows(named=True) if len(heat.value) == 1 else []
    _a, _b = (_clicked[0]["a"], _clicked[0]["b"]) if _clicked else list(dimensions)[:2]
    if len(labels[_a]) > len(labels[_b]):  # the longer one downwards
        _a, _b = _b, _a
    _frame = coverage.table(_a, _b, spoken.value).join(
        run.together(_a, _b, spoken.value), on=["a", "b"], how="left", maintain_order="left"
    )
    _chart = charts.table(_frame.with_columns(pl.col("rows").fill_null(0)), (labels[_a], labels[_b]), t)
    _head = html.tag("h2", html.escape(f"{dimensions[_a]} × {dimensions[_b]}")) + html.note(t("table_how"))
    _table = mo.ui.altair_chart(_chart, chart_selection=False, legend_selection=False)
    _side = mo.vstack([mo.Html(_head), _table], gap=0).style({"max-width": "520px", "overflow-x": "auto"})
    mo.hstack([heat, _side], justify="start", align="start", gap=2)
    return


@app.cell
def _(charts, html, mo, page, pl, run, t):
    mo.stop(page != "families")
    _found, _splits = run.families(), run.splits()
    _alone = int(_splits["families"].sum()) - _found.height
    _sizes = pl.concat([
        pl.DataFrame({"seeds": [1], "families": [_alone]}),
        _found.group_by("seeds").agg(families=pl.len().cast(pl.Int64)),
    ]).sort("seeds")  # fmt: skip
    _table = html.table([t("split"), t("families"), t("seeds_count")], _splits.rows())
    _head = mo.Html(html.note(t("families_how")))
    mo.stop(_found.is_empty(), mo.vstack([_head, mo.Html(html.note(t("no_families")) + _table)]))
    _chart = mo.ui.altair_chart(charts.sizes(_sizes, t), chart_selection=False, legend_selection=False)
    _list = mo.Html(html.families(_found.head(100).to_dicts(), t))
    mo.vstack([_head, mo.hstack([_chart, mo.Html(_table)], widths=[2, 1]), _list])


@app.cell
def _(charts, html, mo, page, run, t):
    mo.stop(page != "drift")
    _drift = run.drift()
    mo.stop(_drift.is_empty(), mo.Html(html.note(t("no_drift"), "empty")))
    _chart = charts.drift(_drift, t)
    _heads = [t("language"), t("persona_id"), t("seed"), t("judged_by"), t("depths"), t("in_character"), t("half_life")]
    _half = html.table(_heads, run.half_life().rows())
    _head = html.tag("h2", html.escape(t("half_life"))) + html.note(t("half_life_how"))
    _shown = mo.ui.altair_chart(_chart, chart_selection=False, legend_selection=False)
    mo.vstack([mo.Html(html.note(t("drift_how"))), _shown, mo.Html(_head + _half)])


@app.cell
def _(html, mo, page, run, t):
    mo.stop(page != "personas")
    mo.stop(not run.rows("personas"), mo.Html(html.note(t("no_personas"), "empty")))
    draw = mo.ui.button(label=t("another"), value=1, on_click=lambda n: n + 1)
    mo.output.replace(draw)
    return (draw,)


@app.cell
def _(dimensions, draw, html, labels, mo, run, t):
    mo.Html(html.persona(run.persona(draw.value), {name: (dimensions[name], labels[name]) for name in dimensions}, t))


@app.cell
def _(factors, html, language, mo, page, run, t):
    mo.stop(page != "dialogues")

    def in_words(factor, value):
        return factors()[factor].get(value, {}).get(language, value or "")

    _scenes = run.scenes()
    mo.stop(_scenes.is_empty(), mo.Html(html.note(t("no_dialogues"), "empty")))

    def _named(n, s):
        return "  ·  ".join(
            [str(n), s["name"] or s["seed_id"], t(s["language"]), s["pressure"] or s["kind"], s["domain"]]
        )

    _options = {_named(n, s): s for n, s in enumerate(_scenes.to_dicts(), 1)}
    scene = mo.ui.dropdown(_options, value=next(iter(_options)), searchable=True, label=t("dialogue"), full_width=True)
    mo.output.replace(scene)
    return in_words, scene


@app.cell
def _(html, in_words, mo, run, scene, t):
    mo.stop(scene.value is None)
    _said = [in_words(factor, scene.value[factor]) for factor in ("domain", "relationship", "tone")]
    _turns = html.dialogue(run.dialogue(scene.value["scene_id"]), scene.value["language"], t)
    mo.Html(html.note(" · ".join([*_said, scene.value["scene_id"]])) + _turns)


@app.cell
def _(TABLES, VIEWS, html, mo, page, run, t):
    mo.stop(page != "sql")
    _example = (
        "SELECT language, occupation, count(*) AS rows\nFROM personas\nGROUP BY ALL ORDER BY rows DESC"
        if run.rows("personas")
        else "SELECT seed_id, language, name FROM seeds"
    )
    sql = mo.ui.code_editor(_example, language="sql", theme="light", min_height=110, show_copy_button=False)
    ask = mo.ui.run_button(label=t("run"))
    mo.vstack([mo.Html(html.note(t("sql_how", tables=", ".join([*TABLES, *VIEWS])))), sql, ask])
    return ask, sql


@app.cell
def _(ForgeError, ask, html, mo, run, sql, t, time):
    mo.stop(not ask.value)
    _began = time.perf_counter()
    try:
        _rows, _all = run.answer(sql.value)
        _took = f"{time.perf_counter() - _began:.2f}"
        _said = t("answered" if _all else "answered_more", n=f"{_rows.height:,}", s=_took)
        _shown = html.note(_said) + html.table(_rows.columns, _rows.rows())
    except ForgeError as _error:
        _shown = html.tag("pre", html.escape(str(_error)), class_="wrong")
    mo.Html(_shown)


if __name__ == "__main__":
    app.run()
