"""One node of Kafka as a process of ours: started, stopped, killed, hung and continued."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from processor.devkafka.plan import HOST
from processor.errors import FatalError

STEP_SECONDS = 0.05
LAST_LINES = 6
CALL = re.compile(r"\s+(at .+\(.+\)|\.\.\. \d+ more)")
"""A line of a stack trace."""


@dataclass(slots=True)
class Node:
    """A node's process; what it says goes to `log`, appended over restarts. Its calls block."""

    number: int
    port: int
    command: Sequence[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def alive(self) -> bool:
        """Whether its process runs, hung or not."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start it and return at once; `wait_open` says when it takes connections."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 (our own command line)
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_open(self, seconds: float = 60.0) -> None:
        """Return when its port takes connections. Raises `FatalError` with its last words."""
        deadline = time.monotonic() + seconds
        while not self._open():
            if not self.alive:
                raise FatalError(f"Kafka node {self.number} ended: {self.last_words()}")
            if time.monotonic() > deadline:
                raise FatalError(f"Kafka node {self.number} does not listen after {seconds:.0f} s: {self.last_words()}")
            time.sleep(STEP_SECONDS)

    def _open(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1.0)
            return probe.connect_ex((HOST, self.port)) == 0

    def ask_to_stop(self) -> None:
        """SIGTERM, not waited for; a hung one is let go first."""
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGTERM)

    def stop(self, seconds: float = 5.0) -> None:
        """SIGTERM, and SIGKILL when it has not gone in time: the last node of a lost quorum waits for ever."""
        self.ask_to_stop()
        self.join(seconds)

    def join(self, seconds: float) -> None:
        """Wait for its end; SIGKILL when it does not come in time."""
        if self.process is not None:
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """SIGKILL; returns when it is gone."""
        self._signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    def pause(self) -> None:
        """SIGSTOP: it hangs, its port still takes connections. When this returns all its threads have stopped."""
        self._signal(signal.SIGSTOP)
        if self.process is not None and self.process.returncode is None:
            os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """SIGCONT after `pause`."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def last_words(self) -> str:
        """For the message of a failure."""
        return last_words(self.log)


def last_words(log: Path) -> str:
    """The end of what a program of Kafka's said: why, not where in its own code."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    lines = [line for line in text.splitlines() if line.strip() and not CALL.match(line)]
    return " / ".join(lines[-LAST_LINES:]) or "it said nothing"
