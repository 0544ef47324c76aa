"""What the nemesis did, and when, written down by itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.faults.proof.history import Fault, Kind


class Diary:
    def __init__(self) -> None:
        self.faults: list[Fault] = []

    @contextmanager
    def noted(self, kind: Kind, target: str = "", **detail: str) -> Iterator[dict[str, str]]:
        """What is done inside began when this is entered and ended when it is left; if it is left
        by an error it never ended. More may be put into the detail."""
        began = time.time()
        ended = None
        try:
            yield detail
            ended = time.time()
        finally:
            fault = Fault(kind=kind, target=target, began=began, ended=ended, detail=detail)
            self.faults.append(fault)
