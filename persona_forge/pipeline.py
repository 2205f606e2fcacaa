"""The page: every stage, in order. Read it top to bottom and you know the project.

Act 1 reads authored seeds and pins what their prose states, finds those that are alike, shares the rows asked for among
them, and expands each into valid, unique vectors of traits. Act 2 chooses a few personas, puts each in a scene, under
pressure or not, has a language model write the dialogue with its direction, and right and wrong replies, which are
judged and paired. Act 3 casts voices, speaks every turn, measures what came out and checks the words by ear.
"""

from __future__ import annotations

from persona_forge.core.stage import Stage
from persona_forge.dataset.events import gather
from persona_forge.dialogues import candidates as replies
from persona_forge.dialogues.judge import PROMPTS as RUBRIC
from persona_forge.dialogues.judge import judge
from persona_forge.dialogues.pairs import pairs
from persona_forge.dialogues.scenes import FILES, scenes
from persona_forge.dialogues.scripts import PROMPTS, scripts
from persona_forge.personas.allot import allot
from persona_forge.personas.cover import cover
from persona_forge.personas.curate import curate
from persona_forge.personas.expand import expand
from persona_forge.personas.families import families
from persona_forge.personas.fit import fit
from persona_forge.speech.baseline import baselines
from persona_forge.speech.cast import cast
from persona_forge.speech.speak import speak
from persona_forge.speech.verify import checks, measures

# fmt: off
PIPELINE = (
    #     name           shape     reads                  writes      v  function  section, quantities
    Stage("seeds",       "source", (),                    "seeds",    3, curate,   "seeds"),
    Stage("families",    "plan",   ("seeds",),            "families", 1, families, "personas"),
    Stage("allot",       "plan",   ("seeds", "families"), "quotas",   2, allot,    "personas",
          ("rows", "rows_per_shard")),
    Stage("fit",         "plan",   ("quotas", "seeds"),   "weights",  1, fit,      "personas", once=True),
    Stage("cover",       "plan",   ("quotas", "seeds"),   "cover",    1, cover,    "personas", ("rows",), once=True),
    Stage("expand",      "map",    ("quotas", "seeds", "weights", "cover"), "personas", 1, expand, "personas",
          yields="many"),

    Stage("scenes",      "plan",   ("personas", "seeds"), "scenes",   3, scenes,   "dialogues", ("count", "per_shard"),
          FILES),
    Stage("scripts",     "map",    ("scenes", "seeds"),   "scripts",  3, scripts,  "dialogues", files=PROMPTS),
    Stage("candidates",  "map",    ("scripts", "scenes", "seeds"), "candidates", 2, replies.candidates, "dialogues",
          files=replies.FILES, yields="many"),
    Stage("judge",       "map",    ("candidates", "scripts", "scenes", "seeds"), "judgements", 1, judge, "dialogues",
          files=RUBRIC, yields="many"),
    Stage("events",      "source", (),                    "events",   1, gather,   "dialogues"),
    Stage("pair",        "map",    ("candidates", "judgements", "scripts", "scenes", "seeds", "events"), "pairs", 1,
          pairs, "dialogues", yields="many"),

    Stage("cast",        "plan",   ("scripts", "scenes"), "casting",  2, cast,     "speech", ("count", "per_shard")),
    Stage("speak",       "map",    ("casting", "scripts", "scenes", "pairs"), "clips", 3, speak, "speech",
          may_lack=("pairs",)),
    Stage("measure",     "map",    ("clips",),            "measures", 3, measures, "speech"),
    Stage("baseline",    "plan",   ("casting",),          "baselines", 2, baselines, "speech"),
    Stage("check",       "map",    ("clips", "measures", "baselines", "casting"), "checks", 3, checks, "speech"),
)
# fmt: on

ACTS = {
    "expand": ("seeds", "families", "allot", "fit", "cover", "expand"),
    "script": ("scenes", "scripts"),
    "judge": ("candidates", "judge"),
    "pair": ("events", "pair"),
    "speak": ("cast", "speak", "measure", "baseline", "check"),
}
"""The stages that a command of its own runs."""


def stage(name: str) -> Stage:
    return next(s for s in PIPELINE if s.name == name)
