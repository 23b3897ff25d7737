"""What the operating system tells a process: to leave, and that it takes too long."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence


class Signals:
    """`leave` at the first SIGTERM or Ctrl-C, `hurry` at the second."""

    def __init__(self, numbers: Sequence[signal.Signals] = (signal.SIGTERM, signal.SIGINT)) -> None:
        self.leave = asyncio.Event()
        self.hurry = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in numbers:
            loop.add_signal_handler(number, self.tell)

    def tell(self) -> None:
        """Once more."""
        (self.hurry if self.leave.is_set() else self.leave).set()
