"""Rows for torch: an IterableDataset whose workers share what is their rank's, each row once.

It has the two methods by which torchdata's StatefulDataLoader keeps its place; without that loader it is a plain one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch.utils.data import IterableDataset, get_worker_info

from persona_forge.dataset.loader import Row, Rows


class TorchRows(IterableDataset):  # type: ignore[misc]
    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self._part: Rows | None = None

    def __iter__(self) -> Iterator[Row]:
        return iter(self._mine())

    def set_epoch(self, epoch: int) -> None:
        """As of the rows; workers that persist do not hear of it."""
        self.rows.set_epoch(epoch)
        self._part = None

    def state_dict(self) -> dict[str, Any]:
        return self._mine().state_dict()

    def load_state_dict(self, state: object) -> None:
        self._mine().load_state_dict(state)

    def _mine(self) -> Rows:
        """This worker's share; in the main process, the rank's."""
        if self._part is None:
            info = get_worker_info()
            self._part = self.rows if info is None else self.rows.part(info.id, info.num_workers)
        return self._part
