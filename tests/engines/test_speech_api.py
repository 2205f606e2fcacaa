"""Speech over /v1/audio/speech, against a real local server that is as strict as the makers' references."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from speech_server import Server, served, wav

from persona_forge.core.errors import Busy, ConfigError, EngineError, ForgeError, Permanent, Refused, Stopped, Transient
from persona_forge.core.ports import CONTROLS, Delivery, Direction, Spoken, Voice
from persona_forge.engines import contract_voice
from persona_forge.engines.budget import Unanswered
from persona_forge.engines.patience import Patience
from persona_forge.engines.speech_api import FEMALE, MALE, SpeechAPI
from persona_forge.text.tags import EMOTIONS, NAMES, PITCHES, SPEEDS, VOLUMES

KEY = "sk-secret-0123456789"
MODELS = {"openai": "gpt-4o-mini-tts", "stepfun": "stepaudio-2.5-tts", "stepfun_label": "step-tts-2", "plain": "tts-1"}
VOICES = """
[wenrounansheng]
language = ["zh", "en"]
gender = "male"
age_group = "young_adult"
licence = "StepFun's terms of service"
[qingchunshaonv]
language = "zh"
gender = "female"
age_group = "teen"
licence = "StepFun's terms of service"
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with served() as running:
        yield running


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("voices") / "stepfun.toml"
    path.write_text(VOICES, encoding="utf-8")
    return str(path)


@pytest.fixture
def make(server: Server, voices: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., SpeechAPI]:
    monkeypatch.setenv("SPEECH_KEY", KEY)

    def made(dialect: str = "openai", **options: Any) -> SpeechAPI:
        quick = Patience(tries=3, first_wait_s=0.01)
        own = {"voices": voices} if dialect.startswith("stepfun") else {}
        given = {"base_url": server.url, "key_from": "SPEECH_KEY", "patience": quick, "timeout_s": 30.0, **own}
        return SpeechAPI(MODELS[dialect], dialect=dialect, **{**given, **options})  # type: ignore[arg-type]

    return made


def say(voice: Voice, text: str, language: str = "zh", direction: Direction | None = None) -> Spoken:
    name = voice.voices(language)[0].name
    return voice.speak(text, voice=name, language=language, delivery=Delivery(direction=direction))


def refusal(voice: Voice, text: str) -> ForgeError:
    with pytest.raises(ForgeError) as error:
        say(voice, text)
    said = "".join(traceback.format_exception(error.value))
    assert KEY not in said
    assert say(voice, "好。").rate == 24_000
    return error.value


@pytest.mark.parametrize("dialect", MODELS)
@pytest.mark.parametrize("rule", contract_voice.RULES, ids=lambda rule: rule.__name__)
def test_every_dialect_keeps_the_contract(make: Callable[..., SpeechAPI], dialect: str, rule: Any) -> None:
    rule(make(dialect))


# ---- what is sent


def test_openai_is_told_in_words(make: Callable[..., SpeechAPI], server: Server) -> None:
    told = Direction("sad", 0.9, "slow", "low", "whisper", "Tired, at night.", "scottish", ((3, "sigh", None),))
    spoken = say(make(), "Well, no.", "en", told)
    body = server.bodies[-1]
    told_so = "sounding very sad; slowly; in a whisper; in a low voice; Tired, at night.; before “l, no.” sigh"
    assert body == {"model": "gpt-4o-mini-tts", "voice": "coral", "input": "Well, no.", "response_format": "wav",
                    "instructions": told_so}  # fmt: skip
    assert server.keys[-1] == f"Bearer {KEY}"
    assert spoken.not_obeyed == frozenset()
    assert spoken.parameters == {"dialect": "openai", "instructions": told_so, "dropped": {"accent": 1}}


def test_stepfun_is_told_in_an_instruction_and_in_brackets(make: Callable[..., SpeechAPI], server: Server) -> None:
    told = Direction("happy", 0.5, instruction="很轻松。" * 60, cues=((2, "laugh", None), (4, "pause", 0.5)))
    spoken = say(make("stepfun"), "好啊(真的)，走吧。", "zh", told)
    body = server.bodies[-1]
    assert body["instruction"] == "语气高兴"
    assert body["input"] == "好啊(笑),真(停顿0.5秒)的,，走吧。"
    assert spoken.not_obeyed == frozenset()
    assert spoken.parameters["dropped"] == {"instruction": 1}


def test_step_tts_2_is_told_by_one_label_and_by_numbers(make: Callable[..., SpeechAPI], server: Server) -> None:
    told = Direction("angry", 0.5, "fast", "high", "whisper", cues=((1, "gasp", None), (2, "pause", 1.0)))
    spoken = say(make("stepfun_label"), "你怎么来了？", "zh", told)
    body = server.bodies[-1]
    assert {k: body[k] for k in ("voice_label", "speed", "volume")} == {
        "voice_label": {"emotion": "生气"}, "speed": 1.26, "volume": 0.4
    }  # fmt: skip
    assert spoken.not_obeyed == {"f0_scale", "events", "pauses"}


def test_plain_has_a_speed_and_says_where_it_ends(make: Callable[..., SpeechAPI], server: Server) -> None:
    voice = make("plain")
    delivery = Delivery(rate=5.0, gain_db=3.0, direction=Direction("sad"))
    spoken = voice.speak("Go.", voice="ash", language="en", delivery=delivery)
    assert server.bodies[-1]["speed"] == 4.0
    assert spoken.not_obeyed == {"rate", "gain_db"}


whole = st.builds(
    Direction,
    emotion=st.sampled_from(EMOTIONS), intensity=st.floats(0, 1), speed=st.sampled_from(SPEEDS),
    pitch=st.sampled_from(PITCHES), volume=st.sampled_from(VOLUMES), accent=st.sampled_from(["", "cantonese"]),
    instruction=st.text("ab {}()（），。好", max_size=300),
    cues=st.lists(st.tuples(st.integers(0, 8), st.sampled_from(sorted(NAMES - {"pause"})), st.none()), max_size=5)
    .map(tuple),
)  # fmt: skip


@pytest.mark.parametrize("dialect", MODELS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(direction=whole, text=st.text("ab {}()（）[]sigh，好", max_size=20).map(lambda t: f"好 {t} end"))
def test_whatever_is_wanted_no_request_is_refused_and_no_brace_arrives(
    make: Callable[..., SpeechAPI], dialect: str, direction: Direction, text: str
) -> None:
    spoken = say(make(dialect), text, "zh", direction)
    assert spoken.not_obeyed <= set(CONTROLS)


def test_text_past_the_makers_limit_is_refused_before_it_is_sent(
    make: Callable[..., SpeechAPI], server: Server
) -> None:
    sent = len(server.bodies)
    for dialect, most in (("openai", 4096), ("stepfun", 1000)):
        with pytest.raises(Permanent, match=f"{most + 1} characters are more than the {most}"):
            say(make(dialect), "好" * (most + 1))
    assert len(server.bodies) == sent


# ---- what comes back


def test_samples_are_ours_whatever_rate_and_format_came(make: Callable[..., SpeechAPI]) -> None:
    voice = make()
    for text in ("telephone", "flac"):
        spoken = say(voice, text)
        assert (spoken.rate, spoken.samples.dtype, spoken.samples.size) == (24_000, np.float32, 24_000)
        assert np.argmax(np.abs(np.fft.rfft(spoken.samples))) == 220


def test_a_streamed_wav_is_read_to_its_end(make: Callable[..., SpeechAPI]) -> None:
    spoken = say(make(), "好好好好好好")
    assert spoken.samples.size == round(24_000 * 0.7)
    assert len(wav(0.7)) == 44 + 2 * spoken.samples.size


@pytest.mark.parametrize(
    ("text", "kind", "says"),
    [
        ("400", Refused, "no:"),
        ("401", Refused, "no:"),
        ("429", Busy, "no:"),
        ("500", Transient, "no:"),
        ("503", Transient, "no:"),
        ("reset", Unanswered, "gpt-4o-mini-tts at 127.0.0.1"),
        ("hang", Unanswered, "timed out"),
        ("trickle", Unanswered, "does not end"),
        ("elsewhere", Refused, "gpt-4o-mini-tts at 127.0.0.1"),
        ("empty", Permanent, "sent no audio: ''"),
        ("garbage", Permanent, "sent no audio"),
        ("html", Permanent, "sent no audio: '<!doctype html><p>Sign in, Bearer [key]"),
        ("cut", Permanent, "sent no audio: 'RIFF"),
        ("silence", Permanent, "returned silence"),
        ("slowest", Permanent, "says that it gave 5 samples a second"),
    ],
)
def test_what_an_endpoint_should_not_do_costs_one_turn(
    make: Callable[..., SpeechAPI], server: Server, text: str, kind: type[ForgeError], says: str
) -> None:
    before = server.seen[text]
    error = refusal(make(timeout_s=1.5) if text in ("hang", "trickle") else make(), text)
    assert type(error) is kind
    assert says in error.what
    assert server.seen[text] - before == (3 if issubclass(kind, Transient) else 1)
    assert server.stolen == []


@pytest.mark.parametrize("text", ["once-429 a", "once-500 b", "once-reset c", "once-hang d"])
def test_what_passes_is_tried_again(make: Callable[..., SpeechAPI], server: Server, text: str) -> None:
    server.seen.clear()
    assert say(make(timeout_s=3.0), text).samples.size > 0
    assert server.seen[text.split()[0]] == 2


def test_many_turns_at_once_get_their_own_answers(make: Callable[..., SpeechAPI]) -> None:
    voice = make(at_once=4)
    with ThreadPoolExecutor(voice.at_once) as pool:
        sizes = list(pool.map(lambda n: say(voice, "好" * n).samples.size, range(1, 25)))
    assert sizes == [round(24_000 * (0.4 + 0.05 * n)) for n in range(1, 25)]


# ---- money, keys


def test_an_endpoint_that_may_cost_money_needs_a_key_and_a_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPEECH_KEY", raising=False)
    with pytest.raises(EngineError, match="SPEECH_KEY"):
        SpeechAPI("gpt-4o-mini-tts", key_from="SPEECH_KEY")
    monkeypatch.setenv("SPEECH_KEY", KEY)
    with pytest.raises(ConfigError, match="may cost money"):
        SpeechAPI("gpt-4o-mini-tts", key_from="SPEECH_KEY")
    voice = SpeechAPI("gpt-4o-mini-tts", key_from="SPEECH_KEY", budget_characters=10)
    assert KEY not in repr(voice)
    assert [c.name for c in voice.voices("en")] == [*FEMALE.split(), *MALE.split()]


def test_the_budget_stops_before_it_is_passed_also_in_the_next_run(
    make: Callable[..., SpeechAPI], server: Server, tmp_path: Path
) -> None:
    ledger = tmp_path / "spent" / "speech.txt"
    voice = make(budget_characters=20, ledger=ledger)
    for _ in range(3):
        say(voice, "今天好。")
    for fault in ("401", "429"):  # a no is not charged
        with pytest.raises(ForgeError):
            say(voice, fault)
    again = make(budget_characters=20, ledger=ledger, timeout_s=1.0)
    with pytest.raises(Stopped, match="20 characters are sent, it has 4"):
        say(again, "hang")  # twice, for nobody knows whether that was charged; the third would pass the budget
    sent = len(server.bodies)
    with pytest.raises(Stopped, match="20 characters are sent, it has 2"):
        say(again, "好。")
    assert len(server.bodies) == sent


def test_words_of_direction_count_as_well(make: Callable[..., SpeechAPI]) -> None:
    voice = make("stepfun", budget_characters=10)
    say(voice, "好。", direction=Direction("happy"))
    assert voice._account.spent == 2 + len("语气高兴")


@pytest.mark.parametrize(("dialect", "model"), [("openai", "tts-1-hd"), ("stepfun", "step-tts-mini"),
                                                ("stepfun_label", "stepaudio-2.5-tts")])  # fmt: skip
def test_a_model_that_does_not_understand_a_dialect_is_refused(dialect: Any, model: str, voices: str) -> None:
    with pytest.raises(ConfigError, match=f"{model} does not understand"):
        SpeechAPI(model, base_url="http://127.0.0.1:9/v1", dialect=dialect, voices=voices)


def test_stepfun_needs_a_file_of_voices() -> None:
    with pytest.raises(ConfigError, match="voices are not known"):
        SpeechAPI("stepaudio-2.5-tts", base_url="http://127.0.0.1:9/v1", dialect="stepfun")


@pytest.mark.parametrize(
    ("spoilt", "says"),
    [
        (('gender = "male"', ""), "wenrounansheng.gender: field required"),
        (('"teen"', '"13"'), "qingchunshaonv.age_group: input should be 'child', 'teen'"),
        (("licence", "license"), "wenrounansheng.licen"),
        (('language = "zh"', 'language = "fr"'), "qingchunshaonv.language"),
        ((VOICES, ""), "names no voice"),
        (("[wen", "["), "wenrou"),
        ((VOICES, "["), "cannot be read"),
    ],
)
def test_a_spoilt_file_of_voices_is_refused_by_file_and_key(tmp_path: Path, spoilt: tuple[str, str], says: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(VOICES.replace(*spoilt), encoding="utf-8")
    if says == "wenrou":
        SpeechAPI("m", base_url="http://127.0.0.1:9/v1", voices=str(path))
        return
    with pytest.raises(ConfigError) as error:
        SpeechAPI("m", base_url="http://127.0.0.1:9/v1", voices=str(path))
    assert says in error.value.what
    assert "mine.toml" in error.value.what
