"""Every table, once. schemas/<table>.v<N>.json is generated from here: `python -m persona_forge.core.tables`."""

from __future__ import annotations

from persona_forge.core.tables.act1 import COVER, FAMILIES, PERSONAS, QUOTAS, RESERVED, SEEDS, WEIGHTS, personas
from persona_forge.core.tables.act2 import CANDIDATES, JUDGEMENTS, PAIRS, SCENES, SCRIPTS
from persona_forge.core.tables.act3 import BASELINES, CASTING, CHECKS, CLIPS, MEASURES
from persona_forge.core.tables.ledger import EVENTS, REJECTS
from persona_forge.core.tables.schema import Column, Table

TABLES: dict[str, Table] = {
    t.name: t
    for t in (
        SEEDS,
        FAMILIES,
        QUOTAS,
        WEIGHTS,
        COVER,
        PERSONAS,
        SCENES,
        SCRIPTS,
        CANDIDATES,
        JUDGEMENTS,
        PAIRS,
        CASTING,
        BASELINES,
        CLIPS,
        MEASURES,
        CHECKS,
        EVENTS,
        REJECTS,
    )
}

__all__ = [
    "BASELINES",
    "CANDIDATES",
    "CASTING",
    "CHECKS",
    "CLIPS",
    "COVER",
    "EVENTS",
    "FAMILIES",
    "JUDGEMENTS",
    "MEASURES",
    "PAIRS",
    "PERSONAS",
    "QUOTAS",
    "REJECTS",
    "RESERVED",
    "SCENES",
    "SCRIPTS",
    "SEEDS",
    "TABLES",
    "WEIGHTS",
    "Column",
    "Table",
    "personas",
]
