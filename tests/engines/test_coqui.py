"""Coqui: the file of voices and the cutting of a turn anywhere; its real code, with tiny random weights, where it is
installed."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from tiny_xtts import VOICES, write_model, write_voices

from persona_forge.core.errors import EngineError, Misuse, Permanent
from persona_forge.core.ports import Delivery, Direction, Pause, Spoken, Voice
from persona_forge.engines import contract_voice
from persona_forge.engines.apart import Apart
from persona_forge.engines.coqui import Coqui, _directed, _Piece
from persona_forge.engines.voice_file import digest_of

real = pytest.mark.skipif(find_spec("TTS") is None, reason="Coqui TTS is not installed here: the extra coqui")
XTTS = "tts_models/multilingual/multi-dataset/xtts_v2"


@pytest.fixture(scope="session")
def voices(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_voices(tmp_path_factory.mktemp("voices")))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory, voices: str) -> Coqui:
    return Coqui(str(write_model(tmp_path_factory.mktemp("models") / "tiny")), voices)


def say(coqui: Voice, text: str, voice: str = "anna", language: str = "en", delivery: Delivery | None = None) -> Spoken:
    return coqui.speak(text, voice=voice, language=language, delivery=delivery or Delivery())


# ---- whose voices


def test_the_weights_of_xtts_want_their_licence_agreed_to(voices: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COQUI_TOS_AGREED", raising=False)
    with pytest.raises(EngineError, match="non-commercial"):
        Coqui(XTTS, voices)
    monkeypatch.setenv("COQUI_TOS_AGREED", "1")
    cards = Coqui(XTTS, voices).voices("en")
    assert [(c.name, c.gender, c.licence.partition("; ")[0]) for c in cards] == [
        ("anna", "female", "CC0-1.0"), ("bert", "male", "CC-BY-4.0")
    ]  # fmt: skip
    assert all("non-commercial" in c.licence for c in cards)
    assert [c.name for c in Coqui("tts_models/en/ljspeech/vits", voices).voices("zh")] == ["anna"]


@pytest.mark.parametrize(
    ("spoilt", "key"),
    [
        (('\nlicence = "CC0-1.0"\nconsent', "\nconsent"), "anna.clips.0.licence: field required"),
        (('\nconsent = "made of noise: there is no speaker"', ""), "anna.clips.0.consent: field required"),
        (("made of noise: there is no speaker", " "), "anna.clips.0.consent: string should have at least 1 character"),
        (("calm.wav", "gone.wav"), "anna.clips.0.path: there is no file"),
        (('emotion = "sad"', 'emotion = "blue"'), "anna.clips.1.emotion: input should be 'neutral'"),
    ],
)
def test_a_clip_without_licence_consent_or_file_is_refused_by_file_and_key(
    voices: str, tmp_path: Path, spoilt: tuple[str, str], key: str
) -> None:
    path = write_voices(tmp_path)
    path.write_text(VOICES.replace(*spoilt, 1), encoding="utf-8")
    with pytest.raises(Misuse) as error:
        Coqui("tts_models/en/ljspeech/vits", str(path))
    assert str(path) in error.value.what
    assert key in error.value.what


def test_another_clip_is_another_choice_of_voices(tmp_path: Path) -> None:
    path = write_voices(tmp_path)
    before = digest_of(path)
    assert digest_of(path) == before
    clip = tmp_path / "sad.wav"
    clip.write_bytes(clip.read_bytes()[:-2] + b"\x01\x02")
    assert digest_of(path) != before


# ---- where a turn is cut


def test_a_turn_is_cut_where_its_direction_changes() -> None:
    told = Direction("happy", 0.5, "fast", "low", "normal", cues=(
        (0, "laugh", None), (6, "sad", 0.8), (6, "pause", 0.5), (9, "whisper", None), (11, "pause", 0.25)
    ))  # fmt: skip
    pieces, silences, lost = _directed("Hello, my dear.", told)
    assert pieces == [
        _Piece("Hello,", "happy", 1.26, 0.0), _Piece(" my", "sad", 1.26, 0.0), _Piece(" d", "sad", 1.26, -8.0),
        _Piece("ear.", "sad", 1.26, -8.0),
    ]  # fmt: skip
    assert silences == [0.0, 0.5, 0.0, 0.25, 0.0]
    assert lost == {"f0_scale", "breathiness", "events"}


def test_a_turn_without_cues_is_one_piece() -> None:
    assert _directed("好。", Direction("sad")) == ([_Piece("好。", "sad")], [0.0, 0.0], set())


# ---- its real code


@real
@pytest.mark.parametrize("rule", contract_voice.RULES, ids=lambda rule: rule.__name__)
def test_xtts_keeps_the_contract(tiny: Coqui, rule: Callable[[Voice], None]) -> None:
    if rule is contract_voice.it_speaks_or_refuses_5000_characters:
        pytest.skip("takes minutes")
    rule(tiny)


@real
def test_the_mood_comes_from_the_clip_and_one_that_is_not_there_is_named(tiny: Coqui) -> None:
    plain, sad, angry = (
        say(tiny, "hello there", delivery=Delivery(direction=Direction(emotion)))
        for emotion in ("neutral", "sad", "angry")
    )
    assert (plain.parameters["clips"], plain.not_obeyed) == (["calm.wav"], frozenset())
    assert (sad.parameters["clips"], sad.not_obeyed) == (["sad.wav"], frozenset())
    assert (angry.parameters["clips"], angry.not_obeyed) == (["calm.wav"], {"f0_range"})
    assert not np.array_equal(plain.samples, sad.samples)
    only = say(tiny, "hello there", "bert")
    assert (only.parameters["clips"], only.not_obeyed) == (["sad.wav"], frozenset())


@real
def test_a_turn_that_changes_is_spoken_in_pieces_with_its_pause(tiny: Coqui) -> None:
    told = Direction(speed="slow", cues=((5, "pause", 0.5), (5, "sad", None), (5, "soft", None)))
    spoken = say(tiny, "hello there", delivery=Delivery(direction=told))
    assert spoken.parameters["pieces"] == [["neutral", 0.78, 0.0], ["sad", 0.78, -4.0]]
    assert spoken.parameters["clips"] == ["calm.wav", "sad.wav"]
    silent = np.abs(spoken.samples) < 1e-6
    assert np.diff(np.flatnonzero(~silent)).max() >= 0.5 * 24_000


@real
def test_xtts_names_a_pace_that_it_has_not(tiny: Coqui) -> None:
    assert say(tiny, "hello", delivery=Delivery(rate=3.0, f0_scale=1.2)).not_obeyed == {"rate", "f0_scale"}


@real
def test_what_coqui_raises_costs_one_turn(tiny: Coqui) -> None:
    with pytest.raises(Permanent, match="coqui could not say it: AssertionError"):
        say(tiny, "a" * 500)
    assert say(tiny, "hello").rate == 24_000


@real
def test_xtts_apart_speaks_the_same_samples(tiny: Coqui, voices: str) -> None:
    import torch

    torch.set_num_threads(1)
    there = Apart(Coqui, {"model": str(tiny._folder), "voices": voices}, processes=1)
    try:
        delivery = Delivery(rate=1.1, pauses=(Pause(5, 0.2),))
        here = say(tiny, "hello there", delivery=delivery)
        assert (there.model, there.licence) == ("tiny", tiny.licence)
        assert np.array_equal(say(there, "hello there", delivery=delivery).samples, here.samples)
    finally:
        there.close()
