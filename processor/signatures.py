"""Is this caller who it says it is? Every scheme by which a sender may prove it.

Any one configured credential suffices, but a signature that is there and wrong refuses the
post whatever else is right. Comparisons take constant time, on bytes. Nothing configured
refuses everything.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from processor.errors import ProcessorError, SettingsError
from processor.signing import decoded, mac, match, raw, secret_bytes

Read = TypeVar("Read")

TOLERANCE_SECONDS = 300
"""How far a signed timestamp may lie from our clock (Standard Webhooks)."""

HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
SIGNATURES_AT_MOST = 16
"""A sender that rotates sends two or three; more is somebody making us work."""

KEY_PAIR_SIGNATURES_AT_MOST = 4
"""Of these fewer: checking one costs as much as receiving a whole post."""

SPELLINGS = ("webhook-", "svix-")
"""How the three headers of a signature begin: the standard's own names, and those of its oldest sender."""

BASIC = 'Basic realm="webhooks", charset="UTF-8"', "a user and password"
SIGNATURE = 'StandardWebhooks realm="webhooks"', "a signature (Standard Webhooks)"
HUB_SIGNATURE = 'HubSignature realm="webhooks"', "X-Hub-Signature-256"
API_KEY = 'ApiKey realm="webhooks"', "a header with a key"
"""What proves a caller: its challenge, and what a person calls it."""


class PublicKey(Protocol):
    """Whether the owner of a key pair signed something (`processor.publickeys`)."""

    def verifies(self, signature: bytes, signed: bytes) -> bool:
        """For any bytes; never raises."""
        ...


class Unauthorised(ProcessorError):
    """The proof is missing or wrong. `reason` is a word for the metric, the text is for the caller."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Caller:
    """Who it was. `name` says which credential (`basic:1`, counted from 1), never its value.

    `message_id` is the `webhook-id` (or `svix-id`) that the signature covers, empty otherwise.
    """

    name: str
    message_id: str = ""


def _each(setting: str, entries: Sequence[str], read: Callable[[str], Read]) -> tuple[Read, ...]:
    """All of a setting's values read. Raises SettingsError that names the setting and which value."""
    found = []
    for number, entry in enumerate(entries, 1):
        try:
            found.append(read(entry))
        except ValueError as error:
            raise SettingsError(f"{setting}, value {number}: {error}") from None
    return tuple(found)


def _public_keys(entries: Sequence[str]) -> tuple[PublicKey, ...]:
    from processor.publickeys import PublicKey as Ed25519  # noqa: PLC0415 - 8 MB that few receivers need

    return _each("WEBHOOK_PUBLIC_KEYS", entries, Ed25519)


@dataclass(frozen=True, slots=True)
class Verifier:
    """The credentials that count. Made by `build`."""

    secrets: tuple[bytes, ...] = ()
    public_keys: tuple[PublicKey, ...] = ()
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
        public_keys: Sequence[str] = (),
        genesys: Sequence[str] = (),
        basic: Sequence[str] = (),
        api_keys: Sequence[str] = (),
        insecure: bool = False,
    ) -> Verifier:
        """From the settings' own forms. Raises SettingsError that names the setting, never the value.

        `insecure` lets everybody in; a signature that is wrong is still refused.
        """
        keys: dict[str, list[bytes]] = {}
        for number, entry in enumerate(api_keys, 1):
            name, separator, value = entry.partition(":")
            if not (separator and HEADER_NAME.fullmatch(name.strip()) and value.strip()):
                raise SettingsError(f"WEBHOOK_API_KEY, value {number}: `Header-Name: value` expected")
            keys.setdefault(name.strip().lower(), []).append(value.strip().encode())
        for number, entry in enumerate(basic, 1):
            user, _, password = entry.partition(":")
            if not (user and password):
                raise SettingsError(f"WEBHOOK_BASIC, value {number}: `user:password` expected")
        hmac_keys = _each("WEBHOOK_SECRETS", secrets, secret_bytes)
        if not all(genesys):
            raise SettingsError("WEBHOOK_GENESYS_SECRET has an empty value")
        return cls(
            secrets=hmac_keys,
            public_keys=_public_keys(public_keys) if public_keys else (),
            genesys=tuple(entry.encode() for entry in genesys),
            basic=tuple(entry.encode() for entry in basic),
            usual=tuple(b"Basic " + base64.b64encode(entry.encode()) for entry in basic),
            api_keys=tuple((name, tuple(values)) for name, values in keys.items()),
            insecure=insecure,
        )

    @property
    def configured(self) -> bool:
        """Whether there is any credential at all; without one everything is refused."""
        return bool(self.secrets or self.public_keys or self.genesys or self.basic or self.api_keys)

    @property
    def challenge(self) -> str:
        """The value of `WWW-Authenticate` beside a 401: what a caller may prove itself with."""
        return ", ".join(challenge for challenge, _ in self._proofs())

    def _proofs(self) -> list[tuple[str, str]]:
        taken = (
            (BASIC, self.basic or not self.configured),
            (SIGNATURE, self.secrets or self.public_keys),
            (HUB_SIGNATURE, self.genesys),
            (API_KEY, self.api_keys),
        )
        return [proof for proof, keys in taken if keys]

    def signed(self, headers: Mapping[str, str]) -> bool:
        """Whether a signature decides, so that the body must be read before anything can be said."""
        if self.genesys and "x-hub-signature-256" in headers:
            return True
        return bool(self.secrets or self.public_keys) and any(f"{one}signature" in headers for one in SPELLINGS)

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime, wire: bytes | None = None) -> Caller:
        """Who it is; `headers` by lower-case name. Raises Unauthorised.

        `wire`: the body as it came when it was compressed; a signature may cover either.
        """
        caller = None
        if self.signed(headers):
            bodies = (body,) if wire is None else (body, wire)
            found = [self._standard(headers, one, bodies, now) for one in SPELLINGS]  # all that are there must be right
            caller = next((one for one in (*found, self._hub(headers, bodies)) if one), None)
        return caller or self.known(headers)

    def known(self, headers: Mapping[str, str]) -> Caller:
        """Who it is, by what the headers alone can prove; for when nothing is `signed`. Raises Unauthorised."""
        caller = self._basic(headers) or self._api_key(headers)
        if caller:
            return caller
        if self.insecure:
            return Caller("")
        if not self.configured:
            raise Unauthorised("no-scheme", "This receiver has no credentials configured, so it accepts nobody.")
        proofs = ("authorization", *(name for name, _ in self.api_keys))
        if any(name in headers for name in proofs):
            raise Unauthorised("wrong-credentials", "The credentials are not the ones configured here.")
        takes = " or ".join(words for _, words in self._proofs())
        raise Unauthorised("no-credentials", f"Proof of the caller is missing; this receiver takes {takes}.")

    def _standard(
        self, headers: Mapping[str, str], spelling: str, bodies: Sequence[bytes], now: datetime
    ) -> Caller | None:
        given = headers.get(f"{spelling}signature")
        if given is None or not (self.secrets or self.public_keys):
            return None
        message_id, timestamp = headers.get(f"{spelling}id", ""), headers.get(f"{spelling}timestamp", "")
        if not (message_id and timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 16):
            raise Unauthorised(
                "signature-headers", f"{spelling}id and {spelling}timestamp (whole seconds) must be sent."
            )
        if abs(now.timestamp() - int(timestamp)) > TOLERANCE_SECONDS:
            raise Unauthorised("signature-time", f"{spelling}timestamp is more than five minutes from our clock.")
        offered = [one.partition(",") for one in given.split()[:SIGNATURES_AT_MOST]]
        shared = [decoded(value) for version, _, value in offered if version == "v1"]
        paired = [decoded(value) for version, _, value in offered if version == "v1a"][:KEY_PAIR_SIGNATURES_AT_MOST]
        before = raw(f"{message_id}.{timestamp}.")
        for body in bodies:
            number = match(shared, [mac(key, before, body) for key in self.secrets]) if shared else 0
            if number:
                return Caller(f"standard-webhooks:{number}", message_id)
            number = self._paired(paired, before + body) if paired else 0
            if number:
                return Caller(f"standard-webhooks-key:{number}", message_id)
        raise Unauthorised("signature-wrong", f"{spelling}signature fits none of the keys configured here.")

    def _paired(self, signatures: Sequence[bytes], signed: bytes) -> int:
        pairs = ((number, one) for number in range(len(self.public_keys)) for one in signatures)
        return next((number + 1 for number, one in pairs if self.public_keys[number].verifies(one, signed)), 0)

    def _hub(self, headers: Mapping[str, str], bodies: Sequence[bytes]) -> Caller | None:
        given = headers.get("x-hub-signature-256")
        if given is None or not self.genesys:
            return None
        signature = decoded(given.strip().removeprefix("sha256="))
        for one in bodies:
            number = match([signature], [mac(key, b"", one) for key in self.genesys])
            if number:
                return Caller(f"genesys:{number}")
        raise Unauthorised("signature-wrong", "X-Hub-Signature-256 fits none of the secrets configured here.")

    def _basic(self, headers: Mapping[str, str]) -> Caller | None:
        given = headers.get("authorization")
        if given is None or not self.basic:
            return None
        number = match([raw(given)], self.usual)
        if not number:
            scheme, _, token = given.partition(" ")
            number = match([decoded(token.strip())], self.basic) if scheme.lower() == "basic" else 0
        return Caller(f"basic:{number}") if number else None

    def _api_key(self, headers: Mapping[str, str]) -> Caller | None:
        for name, known in self.api_keys:
            number = match([raw(headers.get(name, "").strip())], known)
            if number:
                return Caller(f"api-key:{name}:{number}")
        return None
