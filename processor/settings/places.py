"""What a setting may name as a place: a web address, a log. A wrong one is told at the start, not at its first use."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator

SQLITE, KAFKA = "sqlite:///", "kafka://"
BROKER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:@/?#\[\]]+)(:(\d{1,5}))?", re.ASCII)
HIGHEST_PORT = 65535


def _split(text: str) -> SplitResult:
    """Raises ValueError, which never shows the text: there may be a password in it."""
    try:
        parts = urlsplit(text)
        known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        known = False
    if not known or not text.isprintable() or " " in text:
        raise ValueError("no web address such as https://host.example/base")
    return parts


def _base(text: str) -> str:
    parts = _split(text)
    if parts.query or parts.fragment:
        raise ValueError("paths are added to it, so it cannot have a `?` or `#`")
    return text


def _whole(text: str) -> str:
    _split(text)
    return text


BaseAddress = Annotated[str, AfterValidator(_base)]
"""Of a web service; our paths are added."""
Address = Annotated[str, AfterValidator(_whole)]
"""Of one page that is posted to."""


def hidden_in(address: str) -> tuple[str, ...]:
    """The secrets in an address: the password before its host, and all that stands behind `?`."""
    parts = urlsplit(address)
    return tuple(part for part in (parts.password, parts.query) if part)


def wrong_log(text: str) -> str:
    """Why this names no log; empty when it does."""
    if text.startswith(SQLITE):
        return wrong_file(text)
    if not text.startswith(KAFKA):
        return "must be sqlite:///FILE or kafka://host:port[,host:port]"
    for broker in text.removeprefix(KAFKA).split(","):
        found = BROKER.fullmatch(broker.strip())
        if not found or not 0 < int(found[3] or 1) <= HIGHEST_PORT:
            return "must be kafka://host:port[,host:port] (who logs in is KAFKA_USERNAME)"
    return ""


def wrong_file(text: str) -> str:
    """Why this names no embedded log; empty when it does."""
    file = text.removeprefix(SQLITE)
    if file == text or not file.rstrip("/") or file.endswith("/") or file.startswith(":"):
        return "must be sqlite:///FILE, or sqlite:////FILE from the root of the disk"
    return ""
