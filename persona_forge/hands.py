"""What a stage may be handed: the compiled trait space, the key of the run's randomness, and the ports.

Each is made on first use and kept for the process; `release` lets the heavy ones go, so that a language model and a
voice never compete for the cores.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from persona_forge.choices import Choice, make_voice
from persona_forge.config import Config
from persona_forge.core.ids import digest
from persona_forge.core.ports import Chat, Critic, Ear, Usage, Voice
from persona_forge.engines import weights
from persona_forge.engines.ticking import Tick, TickingChat, TickingVoice

if TYPE_CHECKING:
    from persona_forge.engines.openai import OpenAIChat
    from persona_forge.engines.patience import Patience
    from persona_forge.engines.replies import Replies
    from persona_forge.space.compile import Space
    from persona_forge.space.ontology import Ontology

LOCAL_REQUESTS = 2
"""Under way at once in the embedded server: two share a pass over the weights, more would only share the cores."""

T = TypeVar("T")


def spent(root: Path) -> Usage:
    """Tokens and money of all replies stored under a folder."""
    from persona_forge.engines.replies import Replies
    from persona_forge.engines.validate import total

    sum_of = Usage()
    for folder in sorted(p for p in root.glob("*/*") if p.is_dir()):
        replies = Replies(folder)
        sum_of = total(sum_of, replies.spent)
        replies.close()
    return sum_of


class Hands:
    """Makes and keeps what the stages of one run are handed."""

    def __init__(
        self, config: Config, ontology: str, where: str, choices: dict[str, Choice], root: Path | None = None
    ) -> None:
        """`root` is the run's folder, where it is written down what was sent to be spoken; none: it is not."""
        self.config, self.choices, self._root = config, choices, root
        self._ontology, self._where = ontology, where
        self._kept: dict[str, Any] = {}
        self._lock = threading.RLock()

    def _once(self, name: str, make: Callable[[], T]) -> T:
        with self._lock:
            if name not in self._kept:
                self._kept[name] = make()
            kept: T = self._kept[name]
            return kept

    @property
    def ontology(self) -> Ontology:
        from persona_forge.space.ontology import read_ontology

        return self._once("ontology", lambda: read_ontology(self._ontology, self._where))

    @property
    def space(self) -> Space:
        from persona_forge.space.compile import compile_space

        return self._once("space", lambda: compile_space(self.ontology))

    @property
    def key(self) -> str:
        """Of all randomness: another ontology is another draw, a reordered one the same."""
        return digest("run", self.config.run.key, self.ontology.digest)

    def chat(self, hand: str, root: Path, folder: Path, tick: Tick) -> tuple[Chat, Replies]:
        """A chat over the run's engine that keeps replies in `folder` (of all those under `root`), and their store.

        `hand` is chat or judge: the same engine, with the model that is to judge where one is named.
        """
        from persona_forge.engines.batch import BatchChat
        from persona_forge.engines.budget import Price
        from persona_forge.engines.chats import ready

        d = self.config.dialogues
        engine = self._once(hand, lambda: self._chat_engine(d.judge_model if hand == "judge" else None))
        chat, replies = ready(
            BatchChat(cast("OpenAIChat", engine), folder) if d.batch else engine,
            folder,
            budget=self._once("budget", lambda: self._budget(root)),
            price=Price(**price.model_dump()) if (price := d.prices.get(engine.model)) else None,
            patience=self._patience(),
        )
        return TickingChat(chat, tick), replies

    def _patience(self) -> Patience:
        from persona_forge.engines.batch import TOGETHER
        from persona_forge.engines.patience import Patience

        if self.config.dialogues.batch:
            return TOGETHER
        if self.choices["chat"].engine == "local":
            return Patience(at_once=LOCAL_REQUESTS, most_at_once=LOCAL_REQUESTS)
        return Patience(most_at_once=self.config.dialogues.concurrency)

    def ticking_voice(self, tick: Tick) -> Voice:
        return TickingVoice(self.voice, tick)

    @property
    def voice(self) -> Voice:
        ledger = self._root / "replies" / "characters.txt" if self._root else None
        return self._once("voice", lambda: make_voice(self.choices["voice"].engine, self.config.speech, ledger))

    @property
    def ear(self) -> Ear:
        def make() -> Ear:
            from persona_forge.engines.whisper import Deaf, Whisper

            whisper = self.choices["ear"].engine == "whisper"
            return Whisper(threads=self.config.speech.threads) if whisper else Deaf()

        return self._once("ear", make)

    @property
    def critic(self) -> Critic | None:
        from persona_forge.engines.dnsmos import DnsMos, installed

        return self._once("critic", DnsMos) if installed() else None

    def _budget(self, root: Path) -> Any:
        """Draws on what the run has spent already, in whichever process."""
        from persona_forge.engines.budget import Budget, Limits

        d = self.config.dialogues
        return Budget(Limits(tokens=d.budget_tokens, money=d.budget_money), spent=spent(root))

    def _chat_engine(self, other_model: str | None) -> Chat:
        choice, d = self.choices["chat"], self.config.dialogues
        model = other_model or choice.model
        if choice.engine == "local":
            from persona_forge.engines.local import LocalChat

            path = weights.pull(model, lambda _: None)
            return LocalChat(path, model=model, parallel=LOCAL_REQUESTS, threads=d.threads)
        if choice.engine == "openai":
            from persona_forge.engines.openai import OpenAIChat

            return OpenAIChat(model, base_url=d.base_url or "", key_from=d.key_from, timeout_s=d.timeout_s)
        from persona_forge.engines.scripted import ScriptedChat

        return ScriptedChat()

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine to its end; Ctrl-C cancels it and waits until it has let go, so that no reply is lost."""
        return self._once("runner", asyncio.Runner).run(work)

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Releases the ports afterwards. Ctrl-C does not wait for that: what an engine is at ends with the process."""
        try:
            yield
        except Exception:
            self.release()
            raise
        self.release()

    def release(self) -> None:
        """Lets the ports go: memory and cores are free for the next stage."""
        with self._lock:
            for name in ("chat", "judge"):
                chat = self._kept.pop(name, None)
                if chat is not None:
                    self.wait(chat.close())
            runner = self._kept.pop("runner", None)
            if runner is not None:
                runner.close()
            for name in ("voice", "ear"):
                close = getattr(self._kept.pop(name, None), "close", None)
                if close is not None:
                    close()
