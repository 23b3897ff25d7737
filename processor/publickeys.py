"""Standard Webhooks with a key pair (`v1a`, Ed25519): the sender keeps his secret, we know only `whpk_…`."""

from __future__ import annotations

import base64
import binascii

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

KEY_BYTES = 32


class PublicKey:
    """One sender's key. `verifies` is the only question that it answers."""

    __slots__ = ("_key",)

    def __init__(self, text: str) -> None:
        """From `whpk_<base64>` (padding may be missing). Raises ValueError when that is no key."""
        encoded = text.removeprefix("whpk_")
        try:
            raw = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
        except binascii.Error:
            raw = b""
        if len(raw) != KEY_BYTES:
            raise ValueError("not a Standard Webhooks public key: whpk_ and the base64 of 32 bytes expected")
        self._key = Ed25519PublicKey.from_public_bytes(raw)

    def verifies(self, signature: bytes, signed: bytes) -> bool:
        """Whether the owner of the key signed exactly these bytes; nothing here is secret, so time tells nothing."""
        try:
            self._key.verify(signature, signed)
        except InvalidSignature:
            return False
        return True
