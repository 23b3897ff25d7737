"""Standard Webhooks signatures as the receiving side checks them: written from the specification alone."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping

WINDOW = 300


def why_not(secret: str, headers: Mapping[str, str], body: bytes, now: float | None = None) -> str | None:
    """None when the signature holds; otherwise what is wrong with it. Timestamps are real time."""
    name, stamp, given = (headers.get(f"webhook-{part}", "") for part in ("id", "timestamp", "signature"))
    if not (name and stamp and given):
        return "webhook-id, webhook-timestamp and webhook-signature are required"
    if not stamp.isdecimal() or abs((now or time.time()) - int(stamp)) > WINDOW:
        return "the timestamp is more than five minutes off"
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{name}.{stamp}.".encode() + body
    expected = b"v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256))
    if not any(hmac.compare_digest(expected, one.encode()) for one in given.split()):
        return "no signature matches"
    return None
