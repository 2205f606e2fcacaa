"""The whole stack around an engine, in the one order that keeps every promise.

    repair( patience( store( budget( engine ))))

Each layer is a Chat. The store stands inside of patience, so that `asked` is written when a request really goes
out and not while it queues; the budget inside of the store, so that a stored reply costs nothing; repair outside of
all, so that its second question is stored, retried and paid for by itself.
"""

from __future__ import annotations

from pathlib import Path

from persona_forge.core.ports import Chat
from persona_forge.engines.budget import Budget, BudgetedChat, Limits, Price
from persona_forge.engines.patience import Patience, PatientChat
from persona_forge.engines.replies import Replies, StoredChat
from persona_forge.engines.validate import RepairedChat


def ready(
    chat: Chat,
    folder: Path,
    *,
    budget: Budget | None = None,
    price: Price | None = None,
    patience: Patience | None = None,
) -> tuple[Chat, Replies]:
    """A chat that survives, and the store behind it (how much is there, what was lost in flight, what it cost)."""
    stored = StoredChat(BudgetedChat(chat, budget or Budget(Limits()), price), folder)
    return RepairedChat(PatientChat(stored, patience)), stored.replies
