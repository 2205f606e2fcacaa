"""A turn performed: by a voice that obeys all, one that obeys nothing, one that is directed in words, and Kokoro."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_forge.core.errors import Permanent
from persona_forge.core.ports import Delivery, Samples, Spoken, Voice
from persona_forge.engines.espeak import Espeak
from persona_forge.engines.kokoro import Kokoro
from persona_forge.engines.tone import CENTRES_HZ, SECONDS, Tone
from persona_forge.speech.effects import RATE, rms
from persona_forge.speech.measure import Measured, measure, track
from persona_forge.speech.perform import PLAIN, perform
from persona_forge.speech.phrasing import CLAUSE_S, LONGEST, SENTENCE_S
from persona_forge.text.tags import EVENTS

CAST = {"voice": "female1", "f0_scale": 1.0, "formant_scale": 1.0, "breathiness": 0.0, "tremor": 0.0}


class Heard(Tone):
    """Tone with fewer controls, that remembers what it was asked; what it lacks must not be asked of it."""

    def __init__(self, *lacks: str) -> None:
        self.controls = Tone.controls - set(lacks)
        self.asked: list[tuple[str, Delivery]] = []

    def speak(self, text: str, *, voice: str, language: str, delivery: Delivery) -> Spoken:
        assert delivery.asks() <= self.controls
        self.asked.append((text, delivery))
        return super().speak(text, voice=voice, language=language, delivery=delivery)


class Dumb(Heard):
    """A tone that obeys nothing."""

    def __init__(self) -> None:
        super().__init__(*Tone.controls)


class Directed(Tone):
    """A tone that goes by words and drops what it is told to drop."""

    controls = frozenset({"direction"})

    def __init__(self, *drops: str) -> None:
        self.drops, self.asked = frozenset(drops), []

    def speak(self, text: str, *, voice: str, language: str, delivery: Delivery) -> Spoken:
        assert not delivery.asks()
        self.asked.append((text, delivery.direction))
        return replace(super().speak(text, voice=voice, language=language, delivery=Delivery()), not_obeyed=self.drops)


def play(tagged: str, voice: Voice | None = None, *, language: str = "en", cast: Any = CAST, **delivery: Any) -> Spoken:
    made = perform(tagged, {**PLAIN, **delivery}, instruction="Brisk.", voice=voice or Tone(), cast=cast,
                   language=language)  # fmt: skip
    assert made.rate == RATE
    assert made.samples.dtype == np.float32
    assert np.abs(made.samples).max() <= 1
    assert json.loads(json.dumps(made.parameters)) == made.parameters
    return made


def heard(made: Spoken, text: str = "a", language: str = "en") -> Measured:
    return measure(made.samples, made.rate, text, language)


def part(made: Spoken, n: int) -> Samples:
    phrase = made.parameters["phrases"][n]
    return made.samples[round(phrase["start_s"] * RATE) : round(phrase["end_s"] * RATE)]


def f0(samples: Samples) -> float:
    found = measure(samples, RATE, "a", "en").f0_median_hz
    assert found is not None
    return found


def db(one: Samples, other: Samples) -> float:
    return float(20 * np.log10(rms(one) / rms(other)))


# ---- one phrase


@pytest.mark.parametrize("voice", [Tone(), Dumb()], ids=["obeys all", "obeys nothing"])
def test_a_delivery_is_carried_out_by_the_engine_or_by_effects(voice: Voice) -> None:
    text = "one two three four five six seven"
    plain = play(text, voice)
    told = {"speed": "fast", "pitch": "low", "volume": "soft", "emotion": "surprised", "intensity": 0.55}
    made = play(text, voice, cast={**CAST, "formant_scale": 1.1, "tremor": 0.3}, **told)
    assert made.not_obeyed == frozenset()
    assert plain.samples.size / made.samples.size == pytest.approx(1.26, rel=0.03)
    assert f0(made.samples) / f0(plain.samples) == pytest.approx(0.86 * 1.08, rel=0.03)
    assert db(made.samples, plain.samples) == pytest.approx(-6, abs=0.7)
    (done,) = made.parameters["phrases"]
    assert done["wanted"] == {"rate": 1.26, "f0_scale": 0.9288, "f0_range": 1.5, "formant_scale": 1.1, "gain_db": -6.0,
                              "tremor": 0.3}  # fmt: skip
    assert done["effects"] == ({} if voice.controls else done["wanted"])


def test_the_engine_is_asked_for_what_it_can_do_and_effects_do_the_rest() -> None:
    voice = Heard("formant_scale", "breathiness", "gain_db")
    made = play("one two", voice, cast={**CAST, "formant_scale": 1.2, "breathiness": 0.2}, volume="loud", speed="slow")
    assert voice.asked == [("one two", Delivery(rate=0.78))]
    assert made.parameters["phrases"][0]["effects"] == {"formant_scale": 1.2, "breathiness": 0.2, "gain_db": 4.0}


def test_what_an_engine_does_not_carry_out_by_half_an_effect_does_whole() -> None:
    made = perform("Good morning to you.", PLAIN, instruction="", voice=Espeak(), language="en",
                   cast={"voice": "en-us+m3", "breathiness": 0.4})  # fmt: skip
    assert made.not_obeyed == frozenset()
    assert made.parameters["phrases"][0]["effects"] == {"breathiness": 0.4}
    wide = play("Good morning to you.", Espeak(), cast={**CAST, "voice": "en-us+m3"}, pitch="high", emotion="happy",
                intensity=0.8)  # fmt: skip
    assert wide.not_obeyed == frozenset()
    assert wide.parameters["phrases"][0]["effects"] == {"f0_range": 1.8727}


@pytest.mark.real
@pytest.mark.parametrize("speed", ["slow", "medium", "fast"])
def test_a_voice_begins_with_its_first_consonant_at_any_speed(speed: str) -> None:
    made = play("天黑以后，把窗户关上。", KOKORO, cast={**CAST, "voice": "zf_xiaoxiao"}, language="zh", speed=speed)
    voiced, times = track(made.samples.astype(np.float64), RATE, 100, 500)
    assert 0.05 < times[np.flatnonzero(voiced)[0]] < 0.15


@pytest.mark.real
def test_a_voice_that_creaks_as_it_likes_has_the_pitch_that_was_wanted() -> None:
    cast = {**CAST, "voice": "bm_lewis"}
    made = [play("Take the stairs, the lift is broken.", KOKORO, cast=cast, pitch=p) for p in ("low", "medium", "high")]
    low, own, high = (f0(one.samples) for one in made)
    assert [one.not_obeyed for one in made] == [frozenset()] * 3
    assert [one.parameters["phrases"][0]["engine"]["f0_scale"] for one in made] == [1.0] * 3
    assert low / own == pytest.approx(0.86, rel=0.06)
    assert high / own == pytest.approx(1.16, rel=0.06)


def test_a_whisper_has_no_pitch_to_move_and_says_so() -> None:
    made = play("one two three", Heard("breathiness"), volume="whisper", pitch="high")
    assert made.not_obeyed == {"f0_scale"}
    assert heard(made).voiced_ratio < 0.02
    assert db(made.samples, play("one two three", pitch="high").samples) == pytest.approx(-14, abs=0.5)


def test_a_clip_is_trimmed_to_its_speech() -> None:
    class Padded(Tone):
        def speak(self, text: str, **told: Any) -> Spoken:
            made = super().speak(text, **told)
            return replace(made, samples=np.pad(made.samples, 6000))

    made = play("one two", Padded())
    assert made.samples.size == pytest.approx(6 * SECONDS["en"] * RATE + 480, abs=60)


# ---- phrases, pauses, sounds


def test_a_mood_that_turns_half_way_is_heard_in_the_second_half_alone() -> None:
    for voice in (Tone(), Dumb()):
        made = play(f"{{happy:0.8}}{'a' * 41}, {{sad:0.8}}{'a' * 32}", voice)  # whole swings of the tone, at its rate
        first, second = (f0(part(made, n)) for n in (0, 1))
        assert first / CENTRES_HZ["female"][1] == pytest.approx(1 + 0.06 * 0.8 / 0.55, rel=0.03)
        assert second / CENTRES_HZ["female"][1] == pytest.approx((1 - 0.05 * 0.8 / 0.55) * 0.86, rel=0.03)


@pytest.mark.parametrize(
    ("between", "seconds"),
    [(".{fast}", SENTENCE_S), (",{fast} ", CLAUSE_S), (" {fast}", 0.0), ("。{fast}…", SENTENCE_S)],
)
def test_the_silence_between_phrases_goes_by_their_punctuation(between: str, seconds: float) -> None:
    made = play(f"one two{between}three")
    one, two = made.parameters["phrases"]
    assert two["start_s"] - one["end_s"] == pytest.approx(seconds / 1.26, abs=0.002)


@pytest.mark.parametrize("seconds", [0.3, 1.25])
def test_a_pause_is_as_long_as_it_was_asked_for(seconds: float) -> None:
    for tagged in (f"one two,{{pause:{seconds}}} three", f"one{{pause:{seconds}}}two"):
        ((start, end),) = heard(play(tagged)).pauses
        assert end - start == pytest.approx(seconds, abs=0.02)


def test_pauses_and_sounds_at_either_end_are_kept() -> None:
    made = play("{pause:0.5}{sigh}one two{pause:0.4}{laugh}{pause:0.25}", Heard("events"))
    (sigh, begun, ended), (laugh, late, last) = made.events
    assert (sigh, laugh) == ("sigh", "laugh")
    assert begun == pytest.approx(0.5, abs=0.001)
    assert late == pytest.approx(made.parameters["phrases"][0]["end_s"] + 0.4 - 0.01, abs=0.001)
    assert made.samples.size / RATE - last == pytest.approx(0.25, abs=0.001)
    assert ended < made.parameters["phrases"][0]["start_s"]


def test_a_pause_without_end_is_held_and_named() -> None:
    made = play("one{pause:1e8}two")
    assert made.not_obeyed == {"pauses"}
    assert made.samples.size / RATE < 12


@pytest.mark.parametrize("kind", EVENTS)
@pytest.mark.parametrize("tagged", ["{%s}one two three", "one two, {%s}three four", "one two three.{%s}"])
def test_a_sound_stands_where_its_times_say(kind: str, tagged: str) -> None:
    made = play(tagged % kind, Heard("events"))
    ((name, start, end),) = made.events
    assert name == kind
    assert made.not_obeyed == frozenset()
    inside = made.samples[round(start * RATE) : round(end * RATE)]
    assert rms(inside) > 0.01
    for phrase in made.parameters["phrases"]:
        assert phrase["end_s"] <= start - 0.079 or phrase["start_s"] >= end + 0.079
    gaps = np.concatenate([made.samples[max(0, round((start - 0.05) * RATE)) : round(start * RATE)],
                           made.samples[round(end * RATE) : round((end + 0.05) * RATE)]])  # fmt: skip
    assert not gaps.any()


def test_two_sounds_in_one_turn_are_not_alike() -> None:
    made = play("{cough}one two {cough}three", Heard("events"))
    one, two = (made.samples[round(a * RATE) : round(b * RATE)] for _, a, b in made.events)
    assert one.size != two.size or not np.allclose(one, two, atol=1e-3)


def test_an_engine_that_has_sounds_makes_them_itself() -> None:
    voice = Heard()
    made = play("{sigh}one two. {loud}three {cough}four{laugh}", voice)
    assert [[(e.type, e.char_pos) for e in d.events] for _, d in voice.asked] == [
        [("sigh", 0)],
        [("cough", 6), ("laugh", 10)],
    ]
    assert [kind for kind, _, _ in made.events] == ["sigh", "cough", "laugh"]
    for _, start, end in made.events:
        assert rms(made.samples[round(start * RATE) : round(end * RATE)]) > 0.03


def test_silences_are_filled_with_the_room_of_the_speech() -> None:
    class Hissing(Heard):
        def speak(self, text: str, **told: Any) -> Spoken:
            made = super().speak(text, **told)
            noise = np.random.default_rng(1).standard_normal(made.samples.size + 12_000) * 0.0005
            return replace(made, samples=(np.pad(made.samples, 6000) + noise).astype(np.float32))

    made = play("one two{pause:0.5}three", Hissing())
    one, two = made.parameters["phrases"]
    silence = made.samples[round(one["end_s"] * RATE) + 500 : round(two["start_s"] * RATE) - 500]
    assert 20 * np.log10(rms(silence) / 0.0005) == pytest.approx(0, abs=1.5)


def test_joins_do_not_click() -> None:
    made = play("one{soft}two{loud}three{pause:0.3}four", Dumb())
    steps = np.abs(np.diff(made.samples))
    plain = np.abs(np.diff(play("one two three four", Dumb(), volume="loud").samples))
    assert steps.max() < 1.2 * plain.max()


# ---- emphasis


def test_a_stressed_word_is_longer_louder_and_higher_than_in_the_plain_turn() -> None:
    plain = play("one two three four five six", Dumb())
    made = play("one two three {emphasis}four five six", Dumb())
    ((start, end),) = made.parameters["phrases"][0]["stresses"]
    more = (made.samples.size - plain.samples.size) / RATE
    assert more == pytest.approx(0.3 * (end - start), abs=0.03)
    word = plain.samples[round(start * RATE) : round(end * RATE)]
    stressed = made.samples[round(start * RATE) : round((end + more) * RATE)]
    assert db(stressed, word) > 2
    assert f0(stressed) / f0(word) > 1.05
    assert made.not_obeyed == frozenset()


def test_a_sentence_with_a_stress_is_spoken_as_one() -> None:
    voice = Heard()
    play("one {emphasis}two three", voice)
    assert [text for text, _ in voice.asked] == ["one two three", "two"]


# ---- directed in words


def test_a_directed_voice_gets_the_whole_turn_and_no_numbers() -> None:
    voice = Directed()
    made = play("{sad:0.8}{sigh}One two. {loud}Three.", voice, cast={**CAST, "formant_scale": 1.2}, speed="slow")
    ((text, direction),) = voice.asked
    assert text == "One two. Three."
    assert (direction.emotion, direction.intensity, direction.speed, direction.instruction) == (
        *("sad", 0.8, "slow", "Brisk."),
    )
    assert direction.cues == ((0, "sad", 0.8), (0, "sigh", None), (9, "loud", None))
    assert made.not_obeyed == frozenset()
    assert made.events == ()
    assert made.parameters["phrases"][0]["effects"] == {"formant_scale": 1.2}


def test_sounds_and_pauses_that_a_directed_voice_lacks_are_put_in() -> None:
    made = play(
        "{sigh}one two three four,{pause:0.5} five six seven eight{laugh}", Directed("events", "pauses", "rate")
    )
    assert made.not_obeyed == {"rate"}
    assert [kind for kind, _, _ in made.events] == ["sigh", "laugh"]
    assert made.events[0][1] == 0
    assert made.events[1][2] == pytest.approx(made.samples.size / RATE)
    one, two = made.parameters["phrases"]
    assert two["start_s"] - one["end_s"] == pytest.approx(0.48, abs=0.01)
    assert one["end_s"] - one["start_s"] == pytest.approx(two["end_s"] - two["start_s"], rel=0.5)


def test_what_a_directed_voice_did_not_do_effects_do_where_one_manner_holds_throughout() -> None:
    plain = play("one two three four", Directed())
    made = play("one two three four", Directed("f0_scale", "gain_db"), pitch="high", volume="soft", speed="fast")
    assert made.not_obeyed == frozenset()
    assert made.parameters["phrases"][0]["effects"] == {"f0_scale": 1.16, "gain_db": -6.0}
    assert f0(made.samples) / f0(plain.samples) == pytest.approx(1.16, rel=0.02)
    assert db(made.samples, plain.samples) == pytest.approx(-6, abs=0.3)
    turned = play("one two {loud}three four", Directed("f0_scale", "gain_db"), pitch="high")
    assert turned.not_obeyed == {"f0_scale", "gain_db"}


def test_a_long_turn_goes_to_a_directed_voice_in_parts_with_their_own_cues() -> None:
    voice = Directed()
    play("One two three four. " * 100 + "{sad}Five.", voice)
    assert max(len(text) for text, _ in voice.asked) <= 900
    assert "".join(text for text, _ in voice.asked) == "One two three four. " * 100 + "Five."
    text, direction = voice.asked[-1]
    assert text[direction.cues[0][0] :] == "Five."


# ---- bad input


@pytest.mark.parametrize(
    "tagged", ["", "  ", "…", "!?。", "{sigh}", "{sad:0.4} ", "\N{GRINNING FACE}", "{{sigh}}", "[laughter]", "(coughs)"]
)
@pytest.mark.parametrize("voice", [Tone(), Directed()], ids=["numbers", "words"])
def test_what_has_no_words_is_refused(tagged: str, voice: Voice) -> None:
    with pytest.raises(Permanent, match="nothing to say"):
        play(tagged, voice)


@pytest.mark.parametrize("tagged", ["{sing} la", "oh {sigh", "a } b", "{pause}x"])
def test_a_tag_that_is_none_is_refused(tagged: str) -> None:
    with pytest.raises(Permanent):
        play(tagged)


@pytest.mark.parametrize("voice", [Heard(), Directed()], ids=["numbers", "words"])
def test_no_tag_aside_or_markup_reaches_an_engine(voice: Any) -> None:
    play(
        "{{sigh}} <b>Yes</b> [laughs] **so** (coughs) *waves* {sigh}\N{GRINNING FACE} it {pause:0.1}is【笑】（咳）.",
        voice,
    )
    said = " ".join(" ".join(text for text, _ in voice.asked).split())
    assert said in ("Yes so it is", "Yes so it is .")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_five_thousand_characters_go_sentence_by_sentence(language: str) -> None:
    text = {"en": "It was the best of times, they say. " * 139, "zh": "今天天气很好，我们走吧。" * 417}[language]
    voice = Heard()
    made = play("{fast}" + text, voice, language=language)
    said = [asked for asked, _ in voice.asked]
    assert max(map(len, said)) <= LONGEST[language]
    assert {asked[-1] for asked in said} <= {".", "。"}
    assert "".join(said).replace(" ", "") == text.replace(" ", "")
    assert made.not_obeyed == frozenset()


def test_five_thousand_letters_without_a_break_are_spoken() -> None:
    voice = Heard()
    play("a" * 5000, voice)
    assert sum(len(text) for text, _ in voice.asked) == 5000


NAN = np.full(2400, np.nan, np.float32)


@pytest.mark.parametrize("samples", [np.zeros(2400, np.float32), np.zeros(0, np.float32), NAN])
def test_a_take_that_is_silent_or_no_numbers_is_refused_before_any_effect(samples: Samples) -> None:
    class Broken(Tone):
        def speak(self, text: str, **told: Any) -> Spoken:
            return Spoken(samples, RATE)

    with pytest.raises(Permanent):
        play("one", Broken(), cast={**CAST, "formant_scale": 1.2})


def test_another_rate_is_refused() -> None:
    class Slow(Tone):
        def speak(self, text: str, **told: Any) -> Spoken:
            return Spoken(np.full(2400, 0.1, np.float32), 22_050)

    with pytest.raises(Permanent, match="22050"):
        play("one", Slow())


PIECES = ["{sigh}", "{laugh}", "{pause:0.2}", "{sad:0.5}", "{whisper}", "{loud}", "{fast}", "{emphasis}", "one ",
          "two, ", "three. ", "你好", "。", "\N{GRINNING FACE}", "{{", "5%", "(x)", "é"]  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=8), st.sampled_from(["en", "zh"]), st.booleans())
def test_whatever_is_written_is_spoken_or_refused_and_events_keep_their_order(
    pieces: list[str], language: str, directed: bool
) -> None:
    tagged = "".join(pieces)
    voice = Directed("events", "pauses") if directed else Heard("events", "breathiness")
    try:
        made = play(tagged, voice, language=language)
    except Permanent:
        return
    assert [kind for kind, _, _ in made.events] == [p[1:-1] for p in pieces if p in ("{sigh}", "{laugh}")]
    ends = [0.0, *(t for _, a, b in made.events for t in (a, b)), made.samples.size / RATE + 1e-9]
    assert ends == sorted(ends)
    assert np.array_equal(made.samples, play(tagged, voice, language=language).samples)


# ---- Kokoro

KOKORO = Kokoro()
OWN = {"en": {"voice": "af_heart"}, "zh": {"voice": "zm_yunxi"}}


@pytest.mark.real
@pytest.mark.parametrize(("language", "text"), [("en", "You took the money."), ("zh", "是你拿走了钱。")])
def test_kokoro_whispers(language: str, text: str) -> None:
    made = play(text, KOKORO, language=language, cast=OWN[language], volume="whisper")
    assert made.not_obeyed == frozenset()
    assert heard(made, text, language).voiced_ratio < 0.05


@pytest.mark.real
def test_kokoro_changes_its_mood_half_way_and_sighs_between() -> None:
    made = play("{happy:0.8}That is so good! {sigh}{sad:0.8}But he is gone.", KOKORO, cast=OWN["en"])
    happy, sad = (f0(part(made, n)) for n in (0, 1))
    assert sad < 0.85 * happy
    ((kind, start, end),) = made.events
    assert kind == "sigh"
    assert [(e.type, round(e.start_s - start, 1)) for e in heard(made).events] == [("sigh", 0.0)]
    assert made.parameters["phrases"][0]["end_s"] < start < end < made.parameters["phrases"][1]["start_s"]


@pytest.mark.real
@pytest.mark.parametrize(("language", "tagged", "after"), [
    ("en", "He wants the {emphasis}money, not the keys.", (0.3, 1.0)),
    ("zh", "他要的是{emphasis}钥匙不是钱。", (0.4, 1.2)),
])  # fmt: skip
def test_kokoro_stresses_a_word_where_it_is(language: str, tagged: str, after: tuple[float, float]) -> None:
    plain = play(tagged.replace("{emphasis}", ""), KOKORO, language=language, cast=OWN[language])
    made = play(tagged, KOKORO, language=language, cast=OWN[language])
    ((start, end),) = made.parameters["phrases"][0]["stresses"]
    assert after[0] < start < end < after[1]
    more = made.samples.size - plain.samples.size
    assert more / RATE == pytest.approx(0.3 * (end - start), abs=0.03)
    a, b = round(start * RATE), round(end * RATE)
    assert db(made.samples[a : b + more], plain.samples[a:b]) > 2
    assert f0(made.samples[a : b + more]) > 1.05 * f0(plain.samples[a:b])
    rest = round((start - 0.15) * RATE)
    assert np.array_equal(made.samples[:rest], plain.samples[:rest])
