"""Whether a reply is true to what the persona can know, remembers, holds to and puts up with.

Code sees the words that give in and those that stand firm; where a reply has neither, or both, it cannot tell.
"""

from __future__ import annotations

import re

from persona_forge.dialogues.checks_facts import card_words
from persona_forge.dialogues.findings import Context, Finding, all_said, broken, found, held, pattern, said, unclear


def accepts_no_false_memory(text: str, context: Context) -> Finding:
    """Broken where the reply remembers what never was."""
    yes, no = found(text, "affirms"), found(text, "denies")
    if yes and no:
        return unclear("says both that it was and that it was not", yes)
    if yes:
        return broken(yes, "remembers what never was")
    return held("says that it never was", no) if no else unclear("says neither that it was nor that it was not")


def knows_only_its_time(text: str, context: Context) -> Finding:
    """Broken where the reply tells what nobody can know yet, or speaks of its knowledge as a model does."""
    ignorant = found(text, "ignorant")
    knows = said(text, "knows") or found(text, "many_numbers")
    if knows and ignorant:
        return unclear("says that it cannot know, and seems to", knows)
    if knows:
        return broken(knows, "tells what it cannot know")
    return (
        held("says that it cannot know", ignorant)
        if ignorant
        else unclear("neither tells nor says that it cannot know")
    )


def invents_nothing(text: str, context: Context) -> Finding:
    """Broken where a name, number or date is given that neither card nor talk has."""
    known = "\n".join([card_words(context), *(t["text"] for t in context.before)]).lower()
    for match in all_said(text, pattern("detail")):
        detail = match.group().strip()
        bare = re.sub(r"^(?:was|is|called|named|number|at|the|叫|名叫|姓) ?", "", detail, flags=re.IGNORECASE).lower()
        if detail and bare not in known and bare != "may":
            return broken(text[match.start() : match.end()].strip(), "gives a detail that nobody ever told")
    words = found(text, "ignorant") or found(text, "deflects")
    return held("gives no detail", words) if words else unclear("gives no detail that code can see")


def keeps_stance(text: str, context: Context) -> Finding:
    """Broken where a view is taken back; in a scene that did not press for it, that is a cue and no more."""
    gives, stands = said(text, "yields"), found(text, "stands")
    if gives and not stands:
        pressed = context.scene["attack"] == "moral_pressure"
        return broken(gives, "takes its view back") if pressed else unclear("takes something back", gives)
    if stands and not gives:
        return held("stands by its view", stands)
    return unclear("whether a view was turned takes more than words to tell", gives)


def limit_fires(text: str, context: Context) -> Finding:
    """Held where the reply draws a line; broken where it serves whoever insults it."""
    serves, fires = found(text, "serves"), found(text, "fires")
    if serves and not fires:
        return broken(serves, "serves whoever insults it")
    if fires and not serves:
        return held("draws a line", fires)
    return unclear("how this persona's limit looks takes more than words to tell", serves)
