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

LISTENED = """
SELECT utterance_id, who, detail ->> '$.heard.emotion' AS emotion, detail ->> '$.heard.speed' AS speed,
       (detail ->> '$.heard.naturalness')::INTEGER AS naturalness
FROM (
    SELECT e."on" AS utterance_id, e.who, arg_max(e.detail, e.at) AS detail
    FROM events e
    WHERE e.app = 'listen' AND e.verdict = 'heard' AND NOT EXISTS (
        FROM events u WHERE u.verdict = 'undo' AND u.who = e.who AND (u.detail ->> 'event_id') = e.event_id)
    GROUP BY ALL
)
WHERE coalesce((detail ->> 'blind')::BOOLEAN, true)
"""
"""What each listener heard in a clip, where it was said before they could know what was wanted."""

HEARD = """
SELECT utterance_id, tag, if(tag = 'emotion', want_emotion, want_speed) AS wanted, heard,
       CASE WHEN heard IS NULL OR heard = 'unclear' THEN NULL
            WHEN tag = 'emotion' THEN heard = want_emotion
            ELSE sign(list_position(paces, heard) - 3) = sign(list_position(paces, want_speed) - 3) END AS obeyed,
       'listener' AS by, listeners, agreeing
FROM (
    SELECT utterance_id, tag, (sum(count(*)) OVER of_clip)::BIGINT AS listeners, count(*) AS agreeing,
           if(2 * agreeing > listeners, answer, NULL) AS heard,
           ['slow', 'medium_slow', 'medium', 'medium_fast', 'fast'] AS paces
    FROM (UNPIVOT listened ON emotion, speed INTO NAME tag VALUE answer)
    GROUP BY utterance_id, tag, answer
    WINDOW of_clip AS (PARTITION BY utterance_id, tag)
    QUALIFY row_number() OVER (PARTITION BY utterance_id, tag ORDER BY count(*) DESC, answer) = 1
)
JOIN clips USING (utterance_id)
"""
"""By clip and tag what more than half of its listeners heard, and whether that is what was wanted; of a pace, whether
it lies on the side of medium that was wanted."""

OBEDIENCE = """
SELECT made_engine, language, o.tag AS tag, o.wanted AS wanted, count(*) AS n, count(o.obeyed) AS told,
       avg(o.obeyed::INT) AS obeyed,
       (obeyed + 1.9208 / told - 1.96 * sqrt((obeyed * (1 - obeyed) + 0.9604 / told) / told)) / (1 + 3.8416 / told)
           AS low,
       (obeyed + 1.9208 / told + 1.96 * sqrt((obeyed * (1 - obeyed) + 0.9604 / told) / told)) / (1 + 3.8416 / told)
           AS high,
       1 - told / n AS unknown
FROM (SELECT made_engine, language, unnest(qc_obeyed) AS o FROM clips JOIN checks USING (utterance_id))
GROUP BY ALL
"""
"""Of each tag that was wanted: how often, how often something here could tell, and of these what share was obeyed, with
the 95 % interval of Wilson (1927)."""

VIEWS = {
    "utterances": UTTERANCES,
    "drift": DRIFT,
    "half_life": HALF_LIFE,
    "listened": LISTENED,
    "heard": HEARD,
    "obedience": OBEDIENCE,
}
"""In this order: a later one may read those before it."""
