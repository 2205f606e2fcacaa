"""The command that sends a run out: to trainers, to the Hub, to players of personas."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from persona_forge.cli.words import Dir, Json
from persona_forge.core.errors import Misuse

if TYPE_CHECKING:
    from persona_forge.dataset.exports import Exported
    from persona_forge.dataset.folder import Folder

SHOWN = 20
"""How many rows that are left out are named one by one."""
FEW = 10
"""Personas that leave as cards or sessions, if nobody says how many."""

Form = Literal[
    "trl-dpo", "trl-dpo-implicit", "trl-kto", "trl-reward", "sft", "openai", "openai-dpo",
    "hf", "webdataset", "dialogues", "paralinguistic", "cards",
    "session-stepfun", "session-openai", "session-gemini", "session-doubao",
]  # fmt: skip
TAKES = {
    "--rows": ("hf", "cards", "session"), "--persona": ("cards", "session"), "--spec": ("cards",),
    "--model": ("session",), "--tracks": ("dialogues",), "--tags": ("trl", "sft", "openai"),
    "--force": ("trl", "sft", "openai", "dialogues"),
}  # fmt: skip
"""Options that some formats alone take, by the format's name or how it begins."""


def export(
    folder: Dir,
    to: Annotated[
        Form,
        typer.Option(
            "--to",
            help="Whose format: TRL's trainers, OpenAI's fine-tuning, the Hugging Face Hub, WebDataset, whole "
            "dialogues as sound, questions about how it was said, Character Cards, a live session's first message.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", help="The file (.jsonl, or .parquet for TRL), else a new folder.", metavar="PATH"),
    ],
    split: Annotated[
        Literal["train", "validation", "test"] | None,
        typer.Option("--split", help="This split alone.", show_default=False),
    ] = None,
    tags: Annotated[
        Literal["none", "internal"],
        typer.Option("--tags", help="Bare words, or words with this project's inline tags of delivery."),
    ] = "none",
    rows: Annotated[
        int | None, typer.Option("--rows", help=f"Personas, chosen evenly; none for hf, else {FEW}.", min=1)
    ] = None,
    persona: Annotated[
        str, typer.Option("--persona", help="This persona alone: a card or session.", metavar="ID")
    ] = "",
    spec: Annotated[Literal["v2", "v3"], typer.Option("--spec", help="The version of Character Card.")] = "v3",
    model: Annotated[
        str | None, typer.Option("--model", help="Of a session: the service's name for it.", metavar="NAME")
    ] = None,
    tracks: Annotated[
        Literal["mono", "two"], typer.Option("--tracks", help="Of a dialogue: mixed, or a track for each speaker.")
    ] = "mono",
    force: Annotated[bool, typer.Option("--force", help="Replace an export at PATH if it is there.")] = False,
    json: Json = False,
) -> None:
    """Write a run in the form that others read as it is: pairs, dialogues, speech, personas."""
    from persona_forge.dataset.opening import open_folder

    run = open_folder(folder)
    given = {"--rows": rows, "--persona": persona, "--spec": spec != "v3", "--model": model, "--tags": tags != "none",
             "--tracks": tracks != "mono", "--force": force}  # fmt: skip
    _refuse(to, [option for option, value in given.items() if value])
    if to == "hf":
        from persona_forge.cli.carding import card_of
        from persona_forge.dataset.hf import export_hf

        made = export_hf(run, out, rows=rows or 0, split=split, body=card_of(run).markdown())
    elif to == "webdataset":
        from persona_forge.dataset.webdataset import export_webdataset

        made = export_webdataset(run, out, split=split)
    elif to == "dialogues":
        from persona_forge.dataset.exports_audio import export_dialogues
        from persona_forge.speech.mixing import dialogues

        made = export_dialogues(run, out, mix=dialogues, split=split, tracks=tracks, force=force)
    elif to == "paralinguistic":
        from persona_forge.dataset.paralinguistic import export_paralinguistic

        made = export_paralinguistic(run, out, split=split)
    elif to == "cards" or to.startswith("session-"):
        made = _people(run, to, out, split, 1 if persona else rows or FEW, persona, spec, model)
    else:
        from persona_forge.dataset.exports import export as write

        made = write(run, to, out, split=split, tags=tags, force=force)
    _say(made, to, out, json)


def _refuse(to: str, given: Iterable[str]) -> None:
    for option in given:
        if not to.startswith(TAKES[option]):
            raise Misuse(f"{option} says nothing to --to {to}", allowed=f"with {', '.join(TAKES[option])}")


def _people(
    run: Folder, to: str, out: Path, split: str | None, rows: int, persona: str,
    spec: Literal["v2", "v3"], model: str | None,
) -> Exported:  # fmt: skip
    """Personas as files of their own; one alone may be a file that is named."""
    from persona_forge.dataset.exports import Exported
    from persona_forge.dataset.ledger import note_export
    from persona_forge.dataset.parcels import whole_folder
    from persona_forge.dataset.people import chosen
    from persona_forge.dataset.shards import write_text

    run.read_card()
    people = chosen(run, rows, split=split, persona=persona)
    if to == "cards":
        from persona_forge.personas.card_export import cards_of

        files = list(cards_of(people.seed_rows(), people.ontology, spec))
    else:
        from persona_forge.text.sessions import Player, session

        files = []
        for seed, system in zip(people.seed_rows(), people.systems(), strict=True):
            gender = next((pin["value"] for pin in seed["pins"] if pin["dimension"] == "gender"), None)
            player = Player(seed["name"] or seed["seed_id"], system, gender, seed["style"])
            files.append(session(to.removeprefix("session-"), player, model=model))
    if persona and out.suffix == ".json":
        if out.exists():
            raise Misuse(f"{out} is there already", todo="choose another --out")
        note_export(run, to, out, 1, ("personas",), split)
        write_text(out, _text(files[0]))
    else:
        with whole_folder(out) as here:
            for persona_id, content in zip(people.rows["persona_id"], files, strict=True):
                (here / f"{persona_id}.json").write_text(_text(content), encoding="utf-8")
            note_export(run, to, out, len(files), ("personas",), split)
    return Exported(Counter(people.rows["split"]))


def _text(content: object) -> str:
    return dumps(content, ensure_ascii=False, indent=1) + "\n"


def _say(made: Exported, to: str, out: Path, json: bool) -> None:
    from persona_forge import show

    if json:
        left_out = [{"id": row_id, "reason": why} for row_id, why in made.left_out]
        show.as_json({"to": to, "out": str(out), "rows": dict(made.rows), "left_out": left_out})
        return
    splits = ", ".join(f"{name} {n:,}" for name, n in sorted(made.rows.items()))
    show.out.print(f"{made.rows.total():,} rows are in {out} ({splits})", markup=False)
    for why, n in Counter(why for _, why in made.left_out).most_common():
        show.out.print(f"left out: {n:,}, {why}", markup=False)
    for row_id, why in made.left_out[:SHOWN]:
        show.out.print(f"  {row_id}: {why}", markup=False)
    if len(made.left_out) > SHOWN:
        show.out.print(f"  and {len(made.left_out) - SHOWN:,} more; --json names all", markup=False)
