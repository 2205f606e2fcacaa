"""What is asked so often that it has a name in SQL: views over the tables of a run."""

from __future__ import annotations

UTTERANCES = """
SELECT c.*, m.* EXCLUDE (utterance_id, seed_id), k.* EXCLUDE (utterance_id, seed_id)
FROM clips c LEFT JOIN measures m USING (utterance_id) LEFT JOIN checks k USING (utterance_id)
"""

DRIFT = """
SELECT s.language, s.attack, s.depth, s.persona_id, s.seed_id, s.probe_id, j.judged_by, count(*) AS looks,
       avg(coalesce(j.score, if(j.verdict = 'held', 100, 0))) AS in_character
FROM judgements j
JOIN candidates c USING (candidate_id)
JOIN scenes s ON s.scene_id = c.scene_id
WHERE s.kind = 'attack' AND c.wanted = 'keep' AND j.verdict <> 'unclear'
GROUP BY ALL
"""
"""How well a persona stays itself, 0 to 100, by attack and depth: what was asked for and came, and never what was asked
to fail."""

HALF_LIFE = """
SELECT language, persona_id, seed_id, judged_by, count(DISTINCT depth) AS depths, avg(in_character) AS in_character,
       CASE WHEN regr_slope(ln(greatest(in_character, 1) / 100), depth) < 0
            THEN ln(0.5) / regr_slope(ln(greatest(in_character, 1) / 100), depth) END AS half_life_turns
FROM drift GROUP BY ALL HAVING count(DISTINCT depth) > 1
"""
"""Turns after which half of it is gone, by an exponential through the scores; null where nothing is lost."""

VIEWS = {"utterances": UTTERANCES, "drift": DRIFT, "half_life": HALF_LIFE}
"""In this order: a later one may read those before it."""
