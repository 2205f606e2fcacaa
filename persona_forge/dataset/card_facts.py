"""What a data card says, worked out from a run's sealed tables: one small question a section.

Nothing here knows of time or place: no clock, no path, no name of an annotator. A run that was made before a column was
there has the sections that need it left out.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from math import sqrt
from typing import Any

from persona_forge.core.ids import digest
from persona_forge.core.tables import TABLES
from persona_forge.dataset import ledger
from persona_forge.dataset.events import UNDO
from persona_forge.dataset.explore import Explorer
from persona_forge.text.agreement import agreement

Row = dict[str, Any]
Z = 1.959964
"""Of a 95 % interval."""


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    if not of:
        return 0.0, 1.0
    share, z2 = hits / of, Z * Z
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = Z * sqrt(share * (1 - share) / of + z2 / (4 * of * of)) / (1 + z2 / of)
    return max(0.0, middle - half), min(1.0, middle + half)


def rows(run: Explorer, sql: str) -> list[Row]:
    return run.ask(sql).to_dicts()


def columns(run: Explorer, table: str) -> set[str]:
    return set(run.folder.scan(table).collect_schema().names())


def identity(run: Explorer) -> str:
    """A digest of every sealed table: two runs with the same hold the same rows."""
    seals = [seal for table in TABLES for seal in run.folder.seals(table)]
    return digest(*sorted(f"{seal.table}/{seal.shard}/{seal.sha256}" for seal in seals))


# Where it comes from --------------------------------------------------------------------------------------------------


def seeds(run: Explorer) -> list[Row]:
    return rows(
        run,
        """
        SELECT source, licence, author_kind AS author, language, count(*) AS seeds,
               count(*) FILTER (review = 'approved') AS approved
        FROM seeds GROUP BY ALL ORDER BY ALL""",
    )


def makers(run: Explorer) -> list[Row]:
    """Engine and model of all that was written, judged and spoken."""
    return rows(
        run,
        """
        SELECT 'dialogues' AS what, engine, model, prompt_version AS how, count(*) AS rows FROM scripts GROUP BY ALL
        UNION ALL SELECT 'replies', engine, model, prompt_version, count(*) FROM candidates GROUP BY ALL
        UNION ALL SELECT 'looks', judged_by, CASE judged_by WHEN 'code' THEN 'rules' ELSE judge END, '', count(*)
                  FROM judgements GROUP BY ALL
        UNION ALL SELECT 'clips', made_engine, made_model, made_licence, count(*) FROM clips GROUP BY ALL
        ORDER BY ALL""",
    )


def settings(run: Explorer) -> list[tuple[str, str]]:
    """As they were set, but for where files lie."""
    hidden = {"seeds.paths", "seeds.ontology", "speech.voices"}
    config = run.card["config"]
    flat = [
        (f"{section}.{key}", value) for section, keys in sorted(config.items()) for key, value in sorted(keys.items())
    ]
    return [(key, json.dumps(value, ensure_ascii=False)) for key, value in flat if key not in hidden]


def stages(run: Explorer) -> list[Row]:
    made = run.card["ingredients"]
    return [{"stage": s["name"], "version": made[s["name"]].get("version", ""), "writes": s["writes"]}
            for s in run.card["stages"] if s["name"] in made]  # fmt: skip


def withdrawn(run: Explorer) -> int:
    """Seeds that were taken out again."""
    return len(ledger.withdrawn(run.folder.root))


# Personas and dialogues -----------------------------------------------------------------------------------------------


def pairs(run: Explorer) -> list[Row]:
    return rows(
        run,
        """
        SELECT kind, coalesce(attack, exit, '') AS pressure, count(*) FILTER (language = 'en') AS en,
               count(*) FILTER (language = 'zh') AS zh, string_agg(DISTINCT depth, ', ' ORDER BY depth) AS depths
        FROM pairs GROUP BY ALL ORDER BY ALL""",
    )


def deciders(run: Explorer) -> list[Row]:
    return rows(
        run,
        """
        SELECT decided_by, count(*) AS pairs, avg(margin) AS margin,
               avg(CAST(shown_first = 'chosen' AS INT)) AS chosen_first
        FROM pairs GROUP BY ALL ORDER BY ALL""",
    )


def drift(run: Explorer) -> list[Row]:
    """Mean in-character score by language, attack and depth."""
    return rows(
        run,
        """
        SELECT language, attack, depth, sum(in_character * looks) / sum(looks) AS score, sum(looks)::BIGINT AS looks
        FROM drift GROUP BY ALL ORDER BY ALL""",
    )


def half_life(run: Explorer) -> Row:
    found = "SELECT count(*) AS personas, count(half_life_turns) AS falling, median(half_life_turns) AS median"
    return rows(run, f"{found} FROM half_life")[0]


def standing(run: Explorer) -> list[Row]:
    """What annotators did and did not undo, in order."""
    events = run.folder.scan("events").sort("at", "event_id").collect().to_dicts()
    undone = {json.loads(e["detail"]).get("event_id") for e in events if e["verdict"] == UNDO}
    return [e for e in events if e["event_id"] not in undone and e["verdict"] != UNDO]


def agreements(run: Explorer) -> list[Row]:
    """How far annotators agree, an app at a time; what was said after others' views were seen does not count."""
    labels: dict[str, dict[str, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    for event in standing(run):
        for unit, label in _labels(event):
            labels[event["app"]][unit][event["who"]] = label
    found = []
    for app, units in sorted(labels.items()):
        agreed = agreement(units.values())
        people = {who for by in units.values() for who in by}
        found.append({"app": app, "annotators": len(people), "judged": len(units), "twice": agreed.units,
                      "alpha": agreed.alpha})  # fmt: skip
    return found


def _labels(event: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    detail = json.loads(event["detail"])
    if not detail.get("blind", True):
        return
    if event["verdict"] in ("approve", "reject"):
        yield event["on"], event["verdict"]
    elif event["verdict"] == "chosen":
        yield event["on"], str(detail.get("pick"))
    for tag, heard in (detail.get("heard") or {}).items():
        yield f"{event['on']} {tag}", str(heard)


DIALOGUE = """
    SELECT c.scene_id, s.script_id, c.language, c.kind, c.domain, c.relationship, c.tone,
           coalesce(c.attack, c.exit, '') AS pressure, c.depth, s.probe_turn, s.split, d.name, s.turns,
           p.chosen.text AS chosen, p.rejected.text AS rejected, p.assertion
    FROM scripts s JOIN scenes c USING (scene_id) JOIN seeds d ON d.seed_id = s.seed_id
    LEFT JOIN pairs p ON p.script_id = s.script_id
    WHERE {} ORDER BY c.scene_id LIMIT 1"""
WHICH = ("c.language = 'zh' AND c.kind = 'plain'", "c.language = 'en' AND c.kind = 'plain'", "c.kind = 'attack'")
"""One dialogue in each language without pressure, and one with; or whatever the language has."""


def dialogues(run: Explorer) -> list[Row]:
    """Three, each the first by its id of those that fit; an id is a hash, so nothing about the words chose them."""
    shown: list[str] = []
    found = []
    for which in WHICH:
        for asked in (which, which.split(" AND ")[0]):
            fresh = f"{asked} AND NOT list_contains({shown or ['']}, c.scene_id)"
            if one := rows(run, DIALOGUE.format(fresh)):
                found += one
                shown.append(one[0]["scene_id"])
                break
    return found


# Speech ---------------------------------------------------------------------------------------------------------------


def speech(run: Explorer) -> list[Row]:
    mos = "median(qc_mos)" if "qc_mos" in columns(run, "checks") else "NULL"
    return rows(
        run,
        f"""
        SELECT language, made_engine AS engine, count(*) AS clips, count(DISTINCT made_voice) AS voices,
               sum(meas_duration_s) / 60 AS minutes, median(qc_error_rate) AS error_rate, {mos} AS mos,
               avg(CAST(qc_pass AS INT)) AS passed
        FROM utterances GROUP BY ALL ORDER BY ALL""",
    )


def obedience(run: Explorer) -> list[Row]:
    """Of each engine and tag: measured as obeyed, measured at all, and wanted."""
    if "qc_obeyed" not in columns(run, "checks"):
        return []
    found = rows(
        run,
        """
        SELECT engine, o.tag AS tag, count(*) FILTER (o.obeyed) AS obeyed, count(o.obeyed) AS measured,
               count(*) AS wanted
        FROM (SELECT made_engine AS engine, unnest(qc_obeyed) AS o FROM utterances) GROUP BY ALL ORDER BY ALL""",
    )
    return [{**row, "share": row["obeyed"] / row["measured"] if row["measured"] else None,
             "interval": wilson(row["obeyed"], row["measured"])} for row in found]  # fmt: skip


def turn_taking(run: Explorer) -> list[Row]:
    if "floor" not in columns(run, "clips"):
        return []
    return rows(
        run,
        """
        SELECT floor, count(*) AS turns, count(*) / sum(count(*)) OVER () AS share, median(gap_s) AS gap,
               quantile_cont(gap_s, 0.1) AS low, quantile_cont(gap_s, 0.9) AS high
        FROM clips WHERE part IN ('turn', 'back_channel') GROUP BY ALL ORDER BY turns DESC, floor""",
    )


def length(run: Explorer) -> Row:
    """Spoken dialogues and how long they take from the first word to the last."""
    of_dialogue = "WHERE part IN ('turn', 'back_channel')" if "part" in columns(run, "clips") else ""
    return rows(
        run,
        f"""
        SELECT count(*) AS dialogues, sum(ends) / 60 AS minutes, median(ends) AS median_s
        FROM (SELECT script_id, max(offset_s + meas_duration_s) AS ends FROM utterances {of_dialogue} GROUP BY ALL)""",
    )[0]


def listened(run: Explorer) -> int:
    """How many clips listeners have judged."""
    return len({event["on"] for event in standing(run) if event["app"] == "listen"})
