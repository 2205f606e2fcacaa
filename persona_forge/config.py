"""One TOML file holds every island's settings; each island owns its part.

Reading it never shows a traceback: an unknown key or a wrong value is answered with its place, what is allowed there,
and the nearest name.
"""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from persona_forge.core.errors import ConfigError
from persona_forge.dialogues.config import DialoguesConfig
from persona_forge.personas.config import PersonasConfig, SeedsConfig
from persona_forge.speech.config import SpeechConfig


class RunConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str = "persona_forge"
    """What all randomness of the run is drawn from: another key, another draw."""
    workers: int = 2
    """Shards worked on at once, where the work is computing and not waiting."""
    runner: Literal["local", "ray"] = "local"
    """Who does the shards of a flow: processes on this machine, or a Ray cluster that sees the same --out."""
    ray_address: str | None = None
    """ray: the cluster, as ray://host:10001 or auto; none: one is started here, with so many workers."""


class Config(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    run: RunConfig = RunConfig()
    seeds: SeedsConfig = SeedsConfig()
    personas: PersonasConfig = PersonasConfig()
    dialogues: DialoguesConfig = DialoguesConfig()
    speech: SpeechConfig = SpeechConfig()


SECTIONS: dict[str, tuple[str, ...]] = {
    name: tuple(section.annotation.model_fields)  # type: ignore[union-attr]
    for name, section in Config.model_fields.items()
}


def read_config(path: Path | None) -> Config:
    """The settings in a TOML file, or the defaults; paths in it are taken relative to the file."""
    if path is None:
        return Config()
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(
            f"there is no config file {path}", todo="check the path; with no CONFIG the defaults run"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the config file {path} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    config = make_config(data, where=str(path))
    base = path.resolve().parent
    seeds = config.seeds.model_copy(update={
        "paths": tuple(str(base / p) for p in config.seeds.paths),
        "ontology": config.seeds.ontology and str(base / config.seeds.ontology),
    })  # fmt: skip
    speech = config.speech.model_copy(update={"voices": config.speech.voices and str(base / config.speech.voices)})
    return config.model_copy(update={"seeds": seeds, "speech": speech})


def make_config(data: dict[str, object], *, where: str) -> Config:
    """Validates settings given as a dictionary of sections; raises ConfigError with the key."""
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        raise _explain(error, where) from error


def _explain(error: ValidationError, where: str) -> ConfigError:
    first = error.errors()[0]
    path = [str(p) for p in first["loc"]]
    key = ".".join(path)
    if first["type"] != "extra_forbidden":
        return ConfigError(f"{where}: {key} = {first['input']!r}: {first['msg'].lower()}")
    allowed = SECTIONS.get(path[0], ()) if len(path) > 1 else tuple(SECTIONS)
    near = difflib.get_close_matches(path[-1], allowed, n=1)
    what = "key" if len(path) > 1 else "section"
    return ConfigError(f"{where}: unknown {what} {key!r}", allowed=", ".join(allowed),
                       todo=f"did you mean {near[0]!r}?" if near else "remove it")  # fmt: skip
