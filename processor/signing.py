"""How a body is signed, for those who send and those who check; and secrets compared in constant time, on bytes."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Sequence
from datetime import datetime


def secret_bytes(secret: str) -> bytes:
    """The key in `whsec_<base64>` (padding may be missing). Raises ValueError when there is none."""
    text = secret.removeprefix("whsec_")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        key = b""
    if not key:
        raise ValueError("not a Standard Webhooks secret: whsec_ and base64 expected")
    return key


def sign(secret: str, message_id: str, timestamp: datetime, body: bytes) -> str:
    """What goes into `webhook-signature`, with `webhook-id` and `webhook-timestamp` (whole seconds) beside it.

    A sender that rotates its secret sends several, separated by a space.
    """
    signed = mac(secret_bytes(secret), f"{message_id}.{int(timestamp.timestamp())}.".encode(), body)
    return "v1," + base64.b64encode(signed).decode()


def sign_hub(secret: str, body: bytes) -> str:
    """The value of `X-Hub-Signature-256`, as Genesys's Open Messaging sends it."""
    return "sha256=" + base64.b64encode(mac(secret.encode(), b"", body)).decode()


def same(given: str, known: str) -> bool:
    """Whether a secret that somebody brought is ours; an empty one never is."""
    return bool(known) and hmac.compare_digest(raw(given), raw(known))


def match(given: Sequence[bytes], known: Sequence[bytes]) -> int:
    """The number (from 1) of the first of `known` that was given, 0 for none; all pairs are compared."""
    found = 0
    for number in range(len(known), 0, -1):
        for one in given:
            if hmac.compare_digest(one, known[number - 1]):
                found = number
    return found


def mac(key: bytes, before: bytes, body: bytes) -> bytes:
    """HMAC-SHA256 of both parts, one after the other."""
    return hmac.digest(key, before + body, "sha256")


def raw(text: str) -> bytes:
    """The bytes that came over the wire, whatever they were."""
    return text.encode("utf-8", "surrogateescape")


def decoded(text: str) -> bytes:
    """Base64 as bytes, empty when it is none: empty equals no digest and no credential."""
    try:
        return base64.b64decode(raw(text), validate=True)
    except binascii.Error:
        return b""
