"""Act 1: seeds, how many rows each is allotted, and the personas that grow from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from persona_forge.core.errors import OntologyError
from persona_forge.core.tables.schema import Column, Table, category, count, real, rows, text

SEEDS = Table(
    "seeds",
    2,
    "One persona as authored.",
    "seed_id",
    (
        Column("seed_id", text, "The source's own id where it has one, else a hash of source and prose."),
        Column("language", text, "zh or en: the language the seed is written in and speaks."),
        Column("name", text, "What the persona is called."),
        Column("prose", text, "The persona in the author's words."),
        Column(
            "opinions",
            rows(topic=text, stance=text, strength=real),
            "Views that never flip; strength from 0 (a leaning) to 1 (a conviction).",
        ),
        Column(
            "catchphrases",
            rows(text=text, trigger=text, at_most=count),
            "Words the persona is known by, what brings them on, and how often at most in a dialogue.",
        ),
        Column(
            "emotional_limits",
            rows(trigger=text, threshold=text, reaction=text, recovery=text),
            "What is too much: the trigger, how much of it, what the persona then does, what brings calm again.",
        ),
        Column("style", text, "How the persona talks."),
        Column("voice", text, "How the persona sounds, in the author's words; may be empty."),
        Column(
            "pins",
            rows(dimension=text, value=text, evidence=text, by=text),
            "Traits that the prose states: the value, the words that say so, and who pinned it (author or cue).",
        ),
        Column("withheld", pa.list_(text), "Dimensions that the prose touches without settling: null in its rows."),
        Column("author_kind", text, "human, project, model or unknown: who wrote the seed."),
        Column("source", text, "Where the seed comes from."),
        Column("licence", text, "The licence it comes under (SPDX where there is one)."),
        Column("review", text, "new, approved or rejected."),
        Column(
            "flags",
            rows(kind=text, evidence=text, detail=text),
            "What a person should look at: the kind, the words that raised it, and why it matters.",
        ),
        Column("extras", text, "JSON: what the source had and no column here holds."),
    ),
)

FAMILIES = Table(
    "families",
    1,
    "Which seeds are much alike: a family stands in one split alone.",
    "seed_id",
    (
        Column("seed_id", text, "The seed."),
        Column("family", text, "The seed_id of the first of its family; its own where it stands alone."),
        Column("near", text, "The seed that it is most alike; null where it stands alone.", nullable=True),
        Column("similarity", real, "How alike the two are, from 0 to 1."),
        Column("split", text, "train, validation or test: of the whole family."),
    ),
)

QUOTAS = Table(
    "quotas",
    1,
    "How many rows a seed is allotted in one growth step, and in which shard they are made.",
    "seed_id",
    (
        Column("seed_id", text, "The seed."),
        Column("language", text, "Its language."),
        Column("split", text, "train, validation or test: one for all rows of a seed."),
        Column("first", pa.int64(), "Number of the first row, counted within the seed."),
        Column("stop", pa.int64(), "Number of the row after the last."),
        Column("shard", text, "The shard of personas in which these rows are made."),
    ),
)

WEIGHTS = Table(
    "weights",
    1,
    "One fitted factor of the law that rows are drawn from: a target's, and how near the law comes to it.",
    "tilt",
    (
        Column("tilt", count, "Number of the target, in the order of the settings."),
        Column("dimensions", pa.list_(text), "The target's dimensions, sorted."),
        Column("language", text, "The language it speaks of; null for both.", nullable=True),
        Column("values", pa.list_(text), "One value of each of them."),
        Column("weight", pa.int64(), "The factor of this combination: a positive whole number."),
        Column("met", pa.bool_(), "Whether the fitted law is within the tolerance of the target."),
        Column("distance", real, "Total variation between the target and the fitted law, computed exactly."),
        Column("nearest", real, "The least distance to which any weights could bring this target by itself."),
        Column("why", text, "What forbids what was not met; empty where all was."),
    ),
)

COVER = Table(
    "cover",
    1,
    "One row of a covering array, laid over a seed that permits it: the first rows of that seed.",
    "seed_id",
    (
        Column("seed_id", text, "The seed."),
        Column("language", text, "Its language."),
        Column("place", count, "Number of the row among those laid over this seed, from 0."),
        Column("traits", rows(dimension=text, value=text), "Its visible traits; what the seed withholds is left out."),
    ),
)

PERSONAS_FIXED = (
    Column("persona_id", pa.binary(), "16 bytes: a function of the seed and of every trait value; hex in SQL."),
    Column("seed_id", category, "The seed this persona grew from."),
    Column("language", category, "zh or en."),
)
PERSONAS_LAST = (
    Column("origin", category, "cover (laid so that combinations are covered) or fill (drawn)."),
    Column("split", category, "train, validation or test."),
)
RESERVED = frozenset(
    {c.name for c in (*PERSONAS_FIXED, *PERSONAS_LAST)} | {"shard", "first", "stop", "row", "count", "traits"}
)
"""Names that no dimension may have."""


def personas(dimensions: Mapping[str, Sequence[str]]) -> Table:
    """The personas table under an ontology: dimension → its values, one nullable dictionary column each."""
    if taken := sorted(RESERVED & set(dimensions)):
        raise OntologyError(
            f"dimension names {taken} are reserved for columns of the personas table", todo="rename these dimensions"
        )
    traits = tuple(
        Column(name, category, f"One of {len(values)} values; null where the seed withholds it.", nullable=True)
        for name, values in dimensions.items()
    )
    return Table("personas", 1, "One seed with one value for each trait dimension.", "persona_id",
                 (*PERSONAS_FIXED, *traits, *PERSONAS_LAST))  # fmt: skip


PERSONAS = personas({})
