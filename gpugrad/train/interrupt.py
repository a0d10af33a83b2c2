"""Ctrl-C as a request: finish the batch, save, and say how to go on."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

from .callback import Callback
from .training import INTERRUPTED, Training


class Interruptible(Callback):
    """On SIGINT (Ctrl-C) or SIGTERM stop after the batch in hand; a second Ctrl-C raises KeyboardInterrupt at once.

    Only in the main thread, where Python delivers signals; elsewhere it does nothing.  The former handlers come back.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, Any] = {}

    def on_train_begin(self, training: Training) -> None:
        """Take over the signals."""
        self.asked = False
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._ask) for number in (signal.SIGINT, signal.SIGTERM)}

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def on_batch_end(self, training: Training) -> None:
        """Stop if asked to."""
        if self.asked:
            training.stop(INTERRUPTED)

    def on_epoch_end(self, training: Training) -> None:
        """Stop if asked to, so that a request during validation needs no further batch."""
        if self.asked and not training.stopped:
            training.stop(INTERRUPTED)

    def close(self) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._before = {}
