"""What every Voice must do, as rules that a test calls: `for rule in RULES: rule(voice)`.

The rules know nothing of who stands behind the port. A control that an engine does not declare is a gap, and fine; one
that it declares is heard in the samples. A language it has no voices for is a gap as well; one of en and zh it has.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

import numpy as np

from persona_forge.core.errors import ForgeError, Misuse, Permanent
from persona_forge.core.ports import CONTROLS, Delivery, Direction, Event, Pause, Spoken, Voice

TEXTS = {"en": "Good morning, friend.", "zh": "早上好，朋友。"}
NEUTRAL = Delivery()
EVERYTHING = Delivery(
    rate=1.1,
    f0_scale=1.1,
    f0_range=1.2,
    formant_scale=1.1,
    gain_db=-3.0,
    breathiness=0.3,
    tremor=0.2,
    pauses=(Pause(4, 0.3),),
    events=(Event("sigh", 0),),
)
DIRECTED = Delivery(direction=Direction(emotion="sad", intensity=0.8, speed="slow", cues=((5, "laugh", None),)))
AGES = ("child", "teen", "young_adult", "middle_aged", "elderly")


def languages(voice: Voice) -> list[str]:
    """Those of ours that it speaks."""
    return [language for language in TEXTS if voice.voices(language)]


def say(voice: Voice, delivery: Delivery = NEUTRAL, text: str = "", language: str = "") -> Spoken:
    """Some text by its first voice."""
    language = language or languages(voice)[0]
    name = voice.voices(language)[0].name
    return voice.speak(text or TEXTS[language], voice=name, language=language, delivery=delivery)


def it_says_what_it_is(voice: Voice) -> None:
    assert isinstance(voice, Voice)
    assert voice.engine
    assert voice.model
    assert voice.licence
    assert voice.controls <= {*CONTROLS, "direction"}
    assert EVERYTHING.asks() == set(CONTROLS)


def it_has_voices_in_a_language_of_ours_and_none_in_others(voice: Voice) -> None:
    assert languages(voice) != []
    assert voice.voices("xx") == ()
    for language in languages(voice):
        cards = voice.voices(language)
        assert len({card.name for card in cards}) == len(cards)
        assert {card.language for card in cards} == {language}
        assert {card.gender for card in cards} <= {"female", "male"}
        assert {card.age_group for card in cards} <= set(AGES)
        assert all(card.licence for card in cards)


def it_gives_sound_samples_in_each_language(voice: Voice) -> None:
    for language in languages(voice):
        spoken = say(voice, language=language)
        assert spoken.samples.dtype == np.float32
        assert spoken.samples.ndim == 1
        assert np.isfinite(spoken.samples).all()
        assert 0.01 < np.abs(spoken.samples).max() <= 1
        assert 8_000 <= spoken.rate <= 48_000
        assert 0.3 < spoken.samples.size / spoken.rate < 10
        assert spoken.not_obeyed == frozenset()
        assert spoken.events == ()


def it_gives_the_same_samples_whatever_was_said_before(voice: Voice) -> None:
    first = say(voice, EVERYTHING)
    say(voice, Delivery(rate=0.8), text="No 1.", language=languages(voice)[-1])
    again = say(voice, EVERYTHING)
    assert np.array_equal(first.samples, again.samples)
    assert first.parameters == again.parameters


def it_names_the_controls_that_it_has_not(voice: Voice) -> None:
    assert say(voice, EVERYTHING).not_obeyed >= EVERYTHING.asks() - voice.controls


def it_goes_by_direction_in_words_or_takes_no_notice(voice: Voice) -> None:
    directed = say(voice, DIRECTED)
    assert directed.not_obeyed <= set(CONTROLS)
    if "direction" not in voice.controls:
        assert directed.not_obeyed == frozenset()
        assert np.array_equal(directed.samples, say(voice).samples)


def it_does_what_it_declares(voice: Voice) -> None:
    """Those controls that length and level show; pitch takes a measure."""
    plain = say(voice)
    seconds = plain.samples.size / plain.rate
    if "rate" in voice.controls:
        fast, slow = say(voice, Delivery(rate=1.3)), say(voice, Delivery(rate=0.75))
        assert fast.samples.size / fast.rate < 0.9 * seconds
        assert slow.samples.size / slow.rate > 1.1 * seconds
    if "gain_db" in voice.controls:
        soft = say(voice, Delivery(gain_db=-6.0))
        assert abs(20 * np.log10(np.std(soft.samples) / np.std(plain.samples)) + 6) < 0.5
    if "pauses" in voice.controls:
        paused = say(voice, Delivery(pauses=(Pause(12 if languages(voice)[0] == "en" else 3, 1.0),)))
        assert _longest_silence_s(paused) >= 0.95


def its_events_lie_inside_the_clip(voice: Voice) -> None:
    spoken = say(voice, Delivery(events=(Event("sigh", 5),)))
    assert ("events" in spoken.not_obeyed) == (spoken.events == ())
    for kind, start, end in spoken.events:
        assert kind == "sigh"
        assert 0 <= start < end <= spoken.samples.size / spoken.rate


def its_parameters_are_json(voice: Voice) -> None:
    parameters = say(voice, EVERYTHING).parameters
    assert json.loads(json.dumps(parameters)) == parameters


def it_refuses_a_voice_and_a_language_that_it_has_not(voice: Voice) -> None:
    language = languages(voice)[0]
    name = voice.voices(language)[0].name
    error = _refusal(partial(voice.speak, TEXTS[language], voice="nobody", language=language, delivery=NEUTRAL))
    assert isinstance(error, Misuse)
    assert name in error.allowed
    error = _refusal(partial(voice.speak, "Bonjour.", voice=name, language="xx", delivery=NEUTRAL))
    assert isinstance(error, Misuse)


def it_blends_two_voices_if_it_says_so(voice: Voice) -> None:
    for language in languages(voice):
        first, second = (voice.voices(language)[n].name for n in (0, -1))
        say_as = partial(voice.speak, TEXTS[language], language=language, delivery=NEUTRAL)
        bad = [f"{first}+nobody:0.5", f"{first}+{second}:1.5", f"{first}+{second}", f"{first}+{second}:x", "+:0.5"]
        bad += [] if voice.blends else [f"{first}+{second}:0.4"]
        assert [name for name in bad if not isinstance(_refusal(partial(say_as, voice=name)), Misuse)] == []
        if voice.blends:
            alone, none, some, most = (
                say_as(voice=name).samples
                for name in (first, f"{first}+{second}:0", f"{first}+{second}:0.4", f"{first}+{second}:0.9")
            )
            assert np.array_equal(alone, none)
            assert not np.array_equal(alone, some)
            assert not np.array_equal(some, most)


def it_refuses_text_without_words(voice: Voice) -> None:
    language = languages(voice)[0]
    name = voice.voices(language)[0].name
    for text in ("", " \n", "……！？", "-- ... --", "\N{GRINNING FACE}", "{sigh}", "{pause:0.4}{happy:0.6}…"):
        error = _refusal(partial(voice.speak, text, voice=name, language=language, delivery=NEUTRAL))
        assert isinstance(error, Permanent), text


def it_speaks_odd_text(voice: Voice) -> None:
    for language in languages(voice):
        for text in ("A", "<b>OK</b>\N{GRINNING FACE}\u200b，\n\t9:30在… 5%!"):
            spoken = say(voice, text=text, language=language)
            assert np.isfinite(spoken.samples).all()
            assert spoken.samples.size / spoken.rate < 15


def it_speaks_or_refuses_5000_characters(voice: Voice) -> None:
    """Takes minutes with a neural voice on a CPU."""
    for language, text in (("en", "The best of times, they say. " * 172), ("zh", "今天天气很好，我们走吧。" * 416)):
        if language not in languages(voice):
            continue
        error = _refusal(partial(_is_long, voice, text, language))
        assert error is None or (isinstance(error, Permanent) and "characters" in error.what)


RULES: tuple[Callable[[Voice], None], ...] = (
    it_says_what_it_is,
    it_has_voices_in_a_language_of_ours_and_none_in_others,
    it_gives_sound_samples_in_each_language,
    it_gives_the_same_samples_whatever_was_said_before,
    it_names_the_controls_that_it_has_not,
    it_goes_by_direction_in_words_or_takes_no_notice,
    it_does_what_it_declares,
    its_events_lie_inside_the_clip,
    its_parameters_are_json,
    it_refuses_a_voice_and_a_language_that_it_has_not,
    it_blends_two_voices_if_it_says_so,
    it_refuses_text_without_words,
    it_speaks_odd_text,
    it_speaks_or_refuses_5000_characters,
)


def _is_long(voice: Voice, text: str, language: str) -> Spoken:
    spoken = say(voice, Delivery(rate=2.0), text, language)
    assert spoken.samples.size / spoken.rate > 60
    return spoken


def _refusal(call: Callable[[], Spoken]) -> ForgeError | None:
    try:
        call()
    except ForgeError as error:
        return error
    return None


def _longest_silence_s(spoken: Spoken) -> float:
    loud = np.flatnonzero(np.abs(spoken.samples) > 1e-4)
    return float(np.diff(loud).max(initial=0)) / spoken.rate
