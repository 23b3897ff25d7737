"""A shell that outlives us by a moment: it kills our nodes when we are gone, however we went."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable

SCRIPT = 'while read -r line; do pids=$line; done; [ -z "$pids" ] || kill -9 $pids'


class Keeper:
    """Told the pids of the moment; the end of its input (our end) is its signal."""

    def __init__(self) -> None:
        self._shell = subprocess.Popen(  # noqa: S603 (our own command line)
            ["/bin/sh", "-c", SCRIPT],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def watch(self, pids: Iterable[int]) -> None:
        """These, and none of those told before."""
        if self._shell.stdin is not None and self._shell.poll() is None:
            self._shell.stdin.write((" ".join(str(pid) for pid in pids) + "\n").encode())
            self._shell.stdin.flush()

    def dismiss(self) -> None:
        """End it without killing anybody."""
        self._shell.kill()
        self._shell.wait()
        if self._shell.stdin is not None:
            self._shell.stdin.close()
