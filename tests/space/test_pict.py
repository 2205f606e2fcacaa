from __future__ import annotations

import operator
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import combinations, product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_forge.core.errors import Misuse
from persona_forge.space.cover_file import cover_file
from persona_forge.space.pict import Model, read_pict

SHARED = Path(os.environ.get("PERSONA_FORGE_SHARED") or Path(__file__).parents[3] / "shared" / "data")
MODELS = SHARED / "pict_models"


def allowed(model: Model) -> set[tuple[str, ...]]:
    """The rows that a model's boxes leave, by the first names of values."""
    rows = product(*(range(len(p.values)) for p in model.parameters))
    free = [row for row in rows if not any(all(row[d] in codes for d, codes in box.items()) for box in model.boxes)]
    return {tuple(p.values[c][0] for p, c in zip(model.parameters, row, strict=True)) for row in free}


def rows_where(text: str, holds: Callable[[dict[str, str]], bool]) -> None:
    """The constraint in the last lines of the text leaves just the rows for which the predicate is true."""
    model = read_pict(text, "m.txt")
    names = [p.name for p in model.parameters]
    whole = product(*([v[0] for v in p.values] for p in model.parameters))
    assert allowed(model) == {row for row in whole if holds(dict(zip(names, row, strict=True)))}


THREE = "A: 1, 2, 3, 10\nB: 1, 2, 2.0e1\nOS, Win7, win8, Linux|Unix, [x]\n"


@pytest.mark.parametrize(
    ("constraint", "holds"),
    [
        ('IF [OS] = "win7" THEN [A] > 2;', lambda r: r["OS"] != "Win7" or float(r["A"]) > 2),
        ("[A] = [B];", lambda r: float(r["A"]) == float(r["B"])),
        ("[a] <> [B] or [A]>=[b] and [B]< 2;", lambda r: r["A"] != r["B"] or r["B"] == "1"),
        ("not [A] <= 2 and [B] = 2;", lambda r: float(r["A"]) > 2 and r["B"] == "2"),
        ("NOT ([A] <= 2 AND [B] = 2);", lambda r: not (float(r["A"]) <= 2 and r["B"] == "2")),
        ("[A] in {1, 10};", lambda r: r["A"] in {"1", "10"}),
        ('[OS] LIKE "WIN?";', lambda r: r["OS"].lower().startswith("win")),
        ('[OS] like "*n*" and not [OS] like "[x]";', lambda r: "n" in r["OS"].lower()),
        ('[OS] LIKE "[X]";', lambda r: r["OS"] == "[x]"),
        ('[OS] = "Unix";', lambda r: False),
        ('[OS] > "linux";', lambda r: r["OS"].lower() > "linux"),
        ("IF [A] = 1 THEN [B] = 1 ELSE [B] = 20;", lambda r: r["B"] == ("1" if r["A"] == "1" else "2.0e1")),
        ("[A] = 1;\n# between\n[B] =\n  2;", lambda r: r["A"] == "1" and r["B"] == "2"),
        (
            'IF [A]=1 OR\n([A]=2 AND [B]=2) THEN [OS]="[x]";',
            lambda r: r["OS"] == "[x]" or not (r["A"] == "1" or (r["A"] == "2" and r["B"] == "2")),
        ),
    ],
)
def test_a_constraint_leaves_the_rows_it_should(constraint: str, holds: Callable[[dict[str, str]], bool]) -> None:
    rows_where(THREE + constraint, holds)


@dataclass(frozen=True)
class Said:
    """A predicate as text and as what it means."""

    text: str
    true: Callable[[Sequence[str]], bool]


DOMAINS = {"Ab": ["1", "2", "30"], "b c": ["2", "3"], "D": ["x", "Y", "xyz"]}
SIGNS = {"=": operator.eq, "<>": operator.ne, ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}


@st.composite
def terms(draw: st.DrawFn) -> Said:
    at = draw(st.integers(0, 2))
    name, values = list(DOMAINS.items())[at]
    kind = draw(st.sampled_from(["plain", "in", "like", "pair"]))
    sign = draw(st.sampled_from(list(SIGNS)))
    if kind == "pair" or (kind == "like" and at < 2):
        return Said(f"[Ab] {sign} [ B C ]", lambda row: SIGNS[sign](int(row[0]), int(row[1])))
    if kind == "like":
        pattern = draw(st.sampled_from(["x*", "?", "*Z", "*"]))
        return Said(f'[d] LIKE "{pattern}"', lambda row: fnmatchcase(row[2].lower(), pattern.lower()))
    many = (
        draw(st.lists(st.sampled_from(values), min_size=1, unique=True))
        if kind == "in"
        else [draw(st.sampled_from(values))]
    )
    quoted = [v if at < 2 else f'"{v.upper()}"' for v in many]
    if kind == "in":
        return Said(f"[{name}] IN {{{', '.join(quoted)}}}", lambda row: row[at] in many)
    if at < 2:
        return Said(f"[{name}] {sign} {quoted[0]}", lambda row: SIGNS[sign](int(row[at]), int(many[0])))
    return Said(f"[{name}]{sign}{quoted[0]}", lambda row: SIGNS[sign](row[at].lower(), many[0].lower()))


def joined(inner: st.SearchStrategy[Said]) -> st.SearchStrategy[Said]:
    return st.one_of(
        st.builds(lambda a, b: Said(f"({a.text}) AND ({b.text})", lambda r: a.true(r) and b.true(r)), inner, inner),
        st.builds(lambda a, b: Said(f"{a.text} and {b.text}", lambda r: a.true(r) and b.true(r)), terms(), terms()),
        st.builds(lambda a, b: Said(f"({a.text}) OR\n ({b.text})", lambda r: a.true(r) or b.true(r)), inner, inner),
        st.builds(lambda a: Said(f"NOT ({a.text})", lambda r: not a.true(r)), inner),
    )


@settings(deadline=None)
@given(st.recursive(terms(), joined, max_leaves=6), st.recursive(terms(), joined, max_leaves=4), terms())
def test_random_constraints_mean_what_their_parts_mean(given_: Said, then: Said, otherwise: Said) -> None:
    head = "".join(f"{name}: {', '.join(values)}\n" for name, values in DOMAINS.items())
    model = read_pict(
        f"{head}IF {given_.text} THEN {then.text} ELSE {otherwise.text};\n{then.text} OR {given_.text};", "m"
    )
    whole = product(*DOMAINS.values())
    assert allowed(model) == {
        row
        for row in whole
        if (then.true(row) if given_.true(row) else otherwise.true(row)) and (then.true(row) or given_.true(row))
    }


def test_parameters_weights_aliases_negatives_and_reuse_are_read() -> None:
    model = read_pict("# c\nA b:\t~-1, 0 (10), 1|one\nC, x , y(3)\nE: <A B>, 7\n\n", "m")
    assert [p.name for p in model.parameters] == ["A b", "C", "E"]
    assert model.parameters[0].values == (("-1",), ("0",), ("1", "one"))
    assert model.parameters[0].negative == (True, False, False)
    assert model.parameters[0].numbers == (-1.0, 0.0, 1.0)
    assert model.parameters[1].values == (("x",), ("y",))
    assert model.parameters[2].values == (("-1",), ("0",), ("1", "one"), ("7",))
    assert [model.shown([2, 0, 0], row) for row in (0, 1)] == [["1", "x", "~-1"], ["one", "x", "~-1"]]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("A: 1, 2\nB: 1, 2\n{ A, B } @ 2\n", "line 3: the sub-model { A, B } @ 2"),
        ("A: 1, 2\nB: 1, 2\nIF [A] = 1 AND IsNegative([B]) THEN [B] = 2;", "line 3: the function IsNegative()"),
        ("A: 1, 2\n[A] = 1\n", "the constraints end where ';' should be"),
        ("A: 1, 2\n[Z] = 1;", "line 2: unknown parameter 'Z'"),
        ('A: 1, 2\n[A] = "x";', 'line 2: [A] is a number, and "x" is text'),
        ("A: 1, b\n\n[A] = 1;", "line 3: [A] is text, and 1 is a number"),
        ("A: 1, b\nB: 1, 2\n[A] = [B];", "line 3: [A] = [B]"),
        ("A: 1, 2\na: 1\n", "line 2: 'a' stands twice"),
        ("A: 1,, 2\n", "line 1: A has an empty value"),
        ("A: 1, <B>\n", "line 1: unknown parameter <B>"),
        ("nothing\n", "line 1: not a parameter: nothing"),
        ("A: 1, 2\nIF [A] = 1 [A] = 2;", "line 2: '[A]' where 'then' should be"),
        ("A: 1, 2\nIF [A] @ 1 THEN [A] = 2;", "line 2: can't read '@ 1 THEN [A] = 2;'"),
        ("A: 1, 2\n[A] 1;", "line 2: '1' after [A]"),
        ("", "m.txt: no parameters"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(text: str, says: str) -> None:
    with pytest.raises(Misuse) as error:
        read_pict(text, "m.txt")
    assert says in error.value.what


def test_a_model_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(Misuse, match="leave nothing possible"):
        cover_file("A: 1, 2\nB: 1, 2\n[A] = 1;\n[A] = 2;", "m", 2, 1)


@st.composite
def negatives(draw: st.DrawFn) -> tuple[list[list[str]], str]:
    """Values of parameters, negative ones signed, and a constraint or none."""
    domains = [
        [("~" if draw(st.integers(0, 3)) == 0 else "") + f"v{i}" for i in range(draw(st.integers(1, 4)))]
        for _ in range(draw(st.integers(2, 4)))
    ]
    one, two = draw(st.permutations(range(len(domains))))[:2]
    v, w = (draw(st.sampled_from(domains[d])).removeprefix("~") for d in (one, two))
    sign = draw(st.sampled_from(["=", "<>"]))
    return domains, draw(st.sampled_from(["", f'IF [P{one}] = "{v}" THEN [P{two}] {sign} "{w}";']))


@settings(deadline=None, max_examples=40)
@given(negatives(), st.integers(2, 3))
def test_negative_values_stand_alone_and_beside_all_that_is_positive(case: tuple[list[list[str]], str], t: int) -> None:
    domains, constraint = case
    if t > len(domains):
        return
    text = "".join(f"P{i}: {', '.join(values)}\n" for i, values in enumerate(domains)) + constraint
    possible = [
        tuple(v if f"~{v}" not in d else f"~{v}" for v, d in zip(row, domains, strict=True))
        for row in allowed(read_pict(text, "m"))
    ]
    possible = [row for row in possible if sum(v.startswith("~") for v in row) <= 1]

    def tuples(rows: list[tuple[str, ...]]) -> set[object]:
        """Of positive values in rows without negatives, and of one negative and positives."""
        found: set[object] = set()
        for row in rows:
            bad = [i for i, v in enumerate(row) if v.startswith("~")]
            found |= {(g, tuple(row[i] for i in g)) for g in combinations(range(len(row)), t) if set(bad) <= set(g)}
        return found

    if not possible:
        with pytest.raises(Misuse):
            cover_file(text, "m", t, 1, 0.1)
        return
    _, rows, report = cover_file(text, "m", t, 1, 0.1)
    assert set(rows) <= set(possible)
    assert tuples(rows) == tuples(possible)
    assert report.covered == len(tuples(possible))


@pytest.mark.skipif(not MODELS.is_dir(), reason="the folder of PICT models is not beside this checkout")
@pytest.mark.parametrize(
    ("name", "sizes", "tuples"),
    [
        ("3__13", (19, 74), (702, 7722)),
        ("4__15.3__17.2__29", (38, 217), (14026, 762008)),
        ("10__20", (210, 0), (19000, 0)),
        ("create_volume", (42, 178), (218, 954)),
        ("word_font", (17, 57), (790, 9508)),
        ("real032", (96, 354), (2133, 36090)),
        ("real101", (95, 720), (2676, 54385)),
    ],
)
def test_no_more_rows_than_pict_on_its_own_models(name: str, sizes: tuple[int, int], tuples: tuple[int, int]) -> None:
    text = (MODELS / f"{name}.txt").read_text()
    model = read_pict(text, name)
    codes = [
        {
            ("~" if bad else "") + name: c
            for c, (v, bad) in enumerate(zip(p.values, p.negative, strict=True))
            for name in v
        }
        for p in model.parameters
    ]
    for t, most, expected in zip((2, 3), sizes, tuples, strict=True):
        if not most:
            continue
        names, rows, report = cover_file(text, name, t, 1)
        assert names == tuple(p.name for p in model.parameters)
        assert len(rows) == report.rows <= most
        assert report.covered == expected
        coded = [[of[v] for v, of in zip(row, codes, strict=True)] for row in rows]
        assert not any(all(row[d] in own for d, own in box.items()) for row in coded for box in model.boxes)


@pytest.mark.skipif(not MODELS.is_dir(), reason="the folder of PICT models is not beside this checkout")
def test_the_model_with_sub_models_is_refused_by_name() -> None:
    with pytest.raises(Misuse, match=r"line 13: the sub-model \{ PLATFORM, CPUS, RAM, HDD \} @ 2"):
        read_pict((MODELS / "machine.txt").read_text(), "machine.txt")
