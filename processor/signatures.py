"""Is this caller who it says it is? Every scheme by which a sender may prove it, and how we sign ourselves.

Any one configured credential suffices, but a signature that is there and wrong refuses the
post whatever else is right. Comparisons take constant time, on bytes. Nothing configured
refuses everything.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from processor.errors import FatalError, ProcessorError

TOLERANCE_SECONDS = 300
"""How far a signed timestamp may lie from our clock (Standard Webhooks)."""

SIGNATURES_AT_MOST = 16
"""A sender that rotates sends two or three; more is somebody making us work."""


class Unauthorised(ProcessorError):
    """The proof is missing or wrong. `reason` is a word for the metric, the text is for the caller."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Caller:
    """Who it was. `name` says which credential (`basic:1`, counted from 1), never its value.

    `message_id` is the `webhook-id` that the signature covers, empty otherwise.
    """

    name: str
    message_id: str = ""


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
    signed = _digest(secret_bytes(secret), f"{message_id}.{int(timestamp.timestamp())}.".encode(), body)
    return "v1," + base64.b64encode(signed).decode()


def same(given: str, known: str) -> bool:
    """Whether a secret that somebody brought is ours; an empty one never is."""
    return bool(known) and hmac.compare_digest(_raw(given), _raw(known))


def _digest(key: bytes, before: bytes, body: bytes) -> bytes:
    return hmac.digest(key, before + body, "sha256")


def _raw(text: str) -> bytes:
    """The bytes that came over the wire, whatever they were."""
    return text.encode("utf-8", "surrogateescape")


def _decoded(text: str) -> bytes:
    """Base64 as bytes, empty when it is none: empty equals no digest and no credential."""
    try:
        return base64.b64decode(_raw(text), validate=True)
    except binascii.Error:
        return b""


def _match(given: Sequence[bytes], known: Sequence[bytes]) -> int:
    """The number (from 1) of the first of `known` that was given, 0 for none; all pairs are compared."""
    found = 0
    for number in range(len(known), 0, -1):
        for one in given:
            if hmac.compare_digest(one, known[number - 1]):
                found = number
    return found


@dataclass(frozen=True, slots=True)
class Verifier:
    """The credentials that count. Made by `build`."""

    secrets: tuple[bytes, ...] = ()
    genesys: tuple[bytes, ...] = ()
    basic: tuple[bytes, ...] = ()
    usual: tuple[bytes, ...] = ()
    """The same as whole header values in the form that all senders use: compared first, without decoding."""
    api_keys: tuple[tuple[str, tuple[bytes, ...]], ...] = ()
    insecure: bool = False

    @classmethod
    def build(
        cls,
        *,
        secrets: Sequence[str] = (),
        genesys: Sequence[str] = (),
        basic: Sequence[str] = (),
        api_keys: Sequence[str] = (),
        insecure: bool = False,
    ) -> Verifier:
        """From the settings' own forms. Raises FatalError that names the setting, never the value.

        `insecure` lets everybody in; a signature that is wrong is still refused.
        """
        keys: dict[str, list[bytes]] = {}
        for number, entry in enumerate(api_keys, 1):
            name, separator, value = entry.partition(":")
            if not (separator and name.strip() and value.strip()):
                raise FatalError(f"WEBHOOK_API_KEY, value {number}: `Header-Name: value` expected")
            keys.setdefault(name.strip().lower(), []).append(value.strip().encode())
        for number, entry in enumerate(basic, 1):
            if ":" not in entry:
                raise FatalError(f"WEBHOOK_BASIC, value {number}: `user:password` expected")
        hmac_keys = []
        for number, entry in enumerate(secrets, 1):
            try:
                hmac_keys.append(secret_bytes(entry))
            except ValueError as error:
                raise FatalError(f"WEBHOOK_SECRETS, value {number}: {error}") from None
        if not all(genesys):
            raise FatalError("WEBHOOK_GENESYS_SECRET has an empty value")
        return cls(
            secrets=tuple(hmac_keys),
            genesys=tuple(entry.encode() for entry in genesys),
            basic=tuple(entry.encode() for entry in basic),
            usual=tuple(b"Basic " + base64.b64encode(entry.encode()) for entry in basic),
            api_keys=tuple((name, tuple(values)) for name, values in keys.items()),
            insecure=insecure,
        )

    @property
    def configured(self) -> bool:
        """Whether there is any credential at all; without one everything is refused."""
        return bool(self.secrets or self.genesys or self.basic or self.api_keys)

    @property
    def challenge(self) -> str:
        """The value of `WWW-Authenticate` beside a 401: what a caller may prove itself with."""
        offers = []
        if self.basic or not self.configured:
            offers.append('Basic realm="webhooks", charset="UTF-8"')
        if self.secrets:
            offers.append('StandardWebhooks realm="webhooks"')
        if self.genesys:
            offers.append('HubSignature realm="webhooks"')
        if self.api_keys:
            offers.append('ApiKey realm="webhooks"')
        return ", ".join(offers)

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime, wire: bytes | None = None) -> Caller:
        """Who it is; `headers` by lower-case name. Raises Unauthorised.

        `wire`: the body as it came when it was compressed; a signature may cover either.
        """
        bodies = (body,) if wire is None else (body, wire)
        signed = self._standard(headers, bodies, now)
        hub = self._hub(headers, bodies)
        caller = signed or hub or self._basic(headers) or self._api_key(headers)
        if caller:
            return caller
        if self.insecure:
            return Caller("")
        if not self.configured:
            raise Unauthorised("no-scheme", "This receiver has no credentials configured, so it accepts nobody.")
        proofs = ("authorization", *(name for name, _ in self.api_keys))
        if any(name in headers for name in proofs):
            raise Unauthorised("wrong-credentials", "The credentials are not the ones configured here.")
        raise Unauthorised("no-credentials", f"Proof of the caller is missing; this receiver takes: {self.challenge}")

    def _standard(self, headers: Mapping[str, str], bodies: Sequence[bytes], now: datetime) -> Caller | None:
        given = headers.get("webhook-signature")
        if given is None or not self.secrets:
            return None
        message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not (message_id and timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 16):
            raise Unauthorised("signature-headers", "webhook-id and webhook-timestamp (whole seconds) must be sent.")
        if abs(now.timestamp() - int(timestamp)) > TOLERANCE_SECONDS:
            raise Unauthorised("signature-time", "webhook-timestamp is more than five minutes from our clock.")
        offered = given.split()[:SIGNATURES_AT_MOST]
        signatures = [_decoded(one.removeprefix("v1,")) for one in offered if one.startswith("v1,")]
        before = _raw(f"{message_id}.{timestamp}.")
        for one in bodies:
            number = _match(signatures, [_digest(key, before, one) for key in self.secrets])
            if number:
                return Caller(f"standard-webhooks:{number}", message_id)
        raise Unauthorised("signature-wrong", "webhook-signature fits none of the secrets configured here.")

    def _hub(self, headers: Mapping[str, str], bodies: Sequence[bytes]) -> Caller | None:
        given = headers.get("x-hub-signature-256")
        if given is None or not self.genesys:
            return None
        signature = _decoded(given.strip().removeprefix("sha256="))
        for one in bodies:
            number = _match([signature], [_digest(key, b"", one) for key in self.genesys])
            if number:
                return Caller(f"genesys:{number}")
        raise Unauthorised("signature-wrong", "X-Hub-Signature-256 fits none of the secrets configured here.")

    def _basic(self, headers: Mapping[str, str]) -> Caller | None:
        given = headers.get("authorization")
        if given is None or not self.basic:
            return None
        number = _match([_raw(given)], self.usual)
        if not number:
            scheme, _, token = given.partition(" ")
            number = _match([_decoded(token.strip())], self.basic) if scheme.lower() == "basic" else 0
        return Caller(f"basic:{number}") if number else None

    def _api_key(self, headers: Mapping[str, str]) -> Caller | None:
        for name, known in self.api_keys:
            number = _match([_raw(headers.get(name, "").strip())], known)
            if number:
                return Caller(f"api-key:{name}:{number}")
        return None
