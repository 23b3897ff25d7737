"""TLS to the brokers with certificates that are renewed while we run: each handshake uses what the files hold then.

Strimzi, for one, renews them every year and its own authority too; the files change under a running pod.
"""

from __future__ import annotations

import logging
import ssl
from pathlib import Path
from typing import Any, Self

logger = logging.getLogger("processor.eventlog")


class Following(ssl.SSLContext):
    """A client's context. New files that cannot be used leave the former ones in use, and say so."""

    def __new__(cls, *_: Path | None) -> Self:
        """The class that we stand in for wants its protocol; what it does is done by another one each time."""
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self, ca: Path | None, cert: Path | None, key: Path | None) -> None:
        """Raises `OSError` (as `ssl.SSLError` is one) for what cannot be read."""
        self._files = ca, cert, key
        self._stamp = self._look()
        self._present = self._read()

    def wrap_bio(self, *arguments: Any, **more: Any) -> ssl.SSLObject:
        """Called for each connection."""
        try:
            if (found := self._look()) != self._stamp:
                self._present, self._stamp = self._read(), found
                logger.info("kafka-tls-reloaded")
        except OSError as error:  # half of them are written, perhaps: the next handshake looks again
            logger.warning("kafka-tls-reload-failed", extra={"error": str(error)})
        return self._present.wrap_bio(*arguments, **more)

    def _look(self) -> tuple[int, ...]:
        stats = [file.stat() for file in self._files if file]
        return tuple(number for stat in stats for number in (stat.st_mtime_ns, stat.st_ino, stat.st_size))

    def _read(self) -> ssl.SSLContext:
        ca, cert, key = self._files
        context = ssl.create_default_context(cafile=ca)
        if cert:
            context.load_cert_chain(cert, key, password="")  # without one it would ask at the terminal
        return context
