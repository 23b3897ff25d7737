"""What a far side said: a good answer, or one of the ways to be turned down, and what its headers and body add."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from processor.errors import ConflictError, FarSideDown, NotValid, RefusedError, RetryableError

LONGEST_WAIT = timedelta(minutes=15)
"""A `Retry-After` beyond this is cut: some APIs send daily limits, and a person may lift them earlier."""


class NotModified(RefusedError):
    """304: what we hold is what is there."""


class Unauthorised(FarSideDown):
    """401 or 407: our credentials are at fault, and no record is: all wait until a person mends them."""


class Redirected(FarSideDown):
    """3xx: the address that we were given is not the right one, and no record is at fault; we follow nobody."""


class Forbidden(RefusedError):
    """403: a person must grant the permission that `remedy` names."""


class NotFound(NotValid):
    """404 or 410: it is not there, or not for us. `said`: the answer's own words, without its address."""

    def __init__(
        self, message: str, remedy: str | None = None, *, said: str = "", places: Sequence[tuple[str, str]] = ()
    ) -> None:
        super().__init__(message, remedy, places=places)
        self.said = said

    def named(self, field: str, what: str, remedy: str) -> NotFound:
        """The same, where it is known what is not there and which field of a request named it."""
        return NotFound(f"{what}: {self}", remedy, said=self.said, places=((field, what),))


class NotAllowed(RefusedError):
    """405: not with this method on this resource."""


class PreconditionFailed(ConflictError):
    """412: If-Match or If-None-Match did not hold."""


class Rejected(RefusedError):
    """Any other 4xx: the request itself is at fault."""


class Invalid(NotValid, Rejected):
    """400 or 422: what was sent is not valid, and `places` says where, as far as the body does."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A good answer. Header names in lower case. `asked`: the far side's clock when the request left."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    asked: datetime

    def json(self) -> Any:
        """The body as JSON, {} when empty. Raises `RetryableError` on anything else (a proxy's page, say)."""
        try:
            return orjson.loads(self.body) if self.body else {}
        except orjson.JSONDecodeError as error:
            raise RetryableError(f"an answer with status {self.status} is no JSON: {error}") from error


def retry_after(reply: Reply) -> timedelta | None:
    """How long to stay away: the header (seconds or a date), the rate limit's reset, or "[17]" in the message."""
    header = reply.headers.get("retry-after", "").strip()
    seconds: float | None = None
    if re.fullmatch(r"\d{1,9}(\.\d+)?", header):
        seconds = float(header)
    elif header:
        seconds = _until(header, reply)
    if seconds is None and (bracket := re.search(r"\[(\d{1,6})\]", _body(reply).get("message") or "")):
        seconds = float(bracket[1])
    if seconds is None:
        seconds = _number(reply.headers.get("inin-ratelimit-reset"))
    return None if seconds is None else min(timedelta(seconds=max(seconds, 0.0)), LONGEST_WAIT)


def _until(header: str, reply: Reply) -> float | None:
    try:
        then = parsedate_to_datetime(header)
    except ValueError:
        return None
    return ((then if then.tzinfo else then.replace(tzinfo=UTC)) - reply.asked).total_seconds()


A_MINUTE = 300.0
"""Requests in a minute that a token is allowed, where an answer only says how many are left."""


def allowance(reply: Reply) -> tuple[float, float, float] | None:
    """(used, allowed, seconds until renewed) of Genesys's rate limit, where the answer tells all three.

    `X-RateLimit-Remaining` alone (the guides) does not say when: what is left is then to be used no
    faster than it is renewed in the mean.
    """
    if (left := _number(reply.headers.get("x-ratelimit-remaining"))) is not None:
        return A_MINUTE - min(left, A_MINUTE), A_MINUTE, max(left, 1.0) * 60 / A_MINUTE
    used, allowed, reset = (
        _number(reply.headers.get(f"inin-ratelimit-{name}")) for name in ("count", "allowed", "reset")
    )
    return None if used is None or allowed is None or reset is None else (used, allowed, reset)


def _number(text: str | None) -> float | None:
    return float(text) if text and re.fullmatch(r"\d{1,9}(\.\d+)?", text.strip()) else None


def _body(reply: Reply) -> Mapping[str, Any]:
    try:
        body = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def saying(reply: Reply, secrets: Iterable[str]) -> str:
    """What the body says, short, with the correlation id to give to the far side's support, without our secrets."""
    body = _body(reply)
    words = " ".join(str(body[name]) for name in ("code", "error", "message", "error_description") if body.get(name))
    if not words:
        words = reply.body[:200].decode("utf-8", "replace").strip()
    for secret in secrets:
        for part in (secret, secret.partition(" ")[2]):
            words = words.replace(part, "…") if part else words
    words = " ".join(words.split())[:300]
    correlation = reply.headers.get("inin-correlation-id", "")[:80]
    return f"{words} (ININ-Correlation-Id {correlation})" if correlation else words


MOST_FAULTS = 20


def faults(reply: Reply) -> list[tuple[str, str]]:
    """(field, what is wrong with it) of each that the body names under `details` or `errors`."""
    body = _body(reply)
    named = [one for name in ("details", "errors") for one in body.get(name) or () if isinstance(one, dict)]
    found = []
    for one in named[:MOST_FAULTS]:
        where = next((one[name] for name in ("fieldName", "field", "entityName") if one.get(name)), "")
        what = next((one[name] for name in ("message", "errorCode", "code") if one.get(name)), "not accepted")
        found.append((str(where)[:200], str(what)[:300]))
    return found


PERMISSION = r"(?<![\w:/])[a-zA-Z][a-zA-Z-]*(?::[a-zA-Z*][a-zA-Z-]*){1,3}(?![\w:/])"
"""`routing:queue:edit`, `schedule:write`, as they stand in a sentence."""


def missing_permission(reply: Reply) -> str:
    """What a person should grant, as the 403's body names it."""
    body = _body(reply)
    named = body.get("missingPermissions") or (body.get("messageParams") or {}).get("permissions")
    if isinstance(named, list):
        named = ", ".join(map(str, named))
    if not named:
        words = " ".join(str(body.get(name) or "") for name in ("message", "error_description"))
        named = ", ".join(dict.fromkeys(re.findall(PERMISSION, words)))
    where = "Genesys's administration, OAuth clients"
    if not named:
        return f"check what roles or scopes these credentials have: {where}"
    return f"grant the permission {named} to the client, by a role or a scope: {where}"
