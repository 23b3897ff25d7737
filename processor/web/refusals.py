"""The answers that end a post early: each says what is wrong, what the caller can do, and a word for the metric."""

from __future__ import annotations

from datetime import timedelta

from aiohttp import web

from processor.web import bodies
from processor.web.answers import problem, retry_after


class Refusal(Exception):
    """The answer, with the word for the metric."""

    def __init__(self, reason: str, response: web.Response) -> None:
        super().__init__(reason)
        self.reason = reason
        self.response = response


def ours(reason: str, detail: str, wait: timedelta | None = None) -> Refusal:
    """503: it lies with us, and a repeat is right."""
    return Refusal(reason, problem(503, detail, headers=retry_after(wait, 2)))


def wrong_method(allowed: str) -> Refusal:
    """405."""
    return Refusal("method", problem(405, f"Only {allowed} here.", headers={"Allow": allowed}, close=True))


def unauthorised(reason: str, detail: str, challenge: str, *, close: bool) -> Refusal:
    """401, never 403: senders renew their token and send again. `close` when the body was not read."""
    return Refusal(reason, problem(401, detail, headers={"WWW-Authenticate": challenge}, close=close))


def failing(seconds: float, *, close: bool) -> Refusal:
    """429 for an address that keeps failing to prove itself; it says no more about the proof."""
    detail = "Too many posts from this address could not prove who sent them."
    remedy = "Mend the credentials of the sender; posts that prove themselves are taken at any time."
    return Refusal("failing", problem(429, detail, remedy=remedy, headers=retry_after(None, seconds), close=close))


def too_fast(rate: float, seconds: float, *, close: bool) -> Refusal:
    """429 for a caller whose posts are right, but too many."""
    remedy = f"Send at most {rate:g} posts a second."
    pause = retry_after(None, seconds)
    return Refusal("rate", problem(429, "This caller is too fast.", remedy=remedy, headers=pause, close=close))


def not_json(detail: str) -> Refusal:
    """400: the one body that is refused for what it holds."""
    remedy = "Send one JSON object, a JSON array of events, or a CloudEvents batch, in UTF-8."
    return Refusal("not-json", problem(400, detail, remedy=remedy))


def of_body(error: Exception, limit: int) -> Refusal:
    """For what `processor.web.bodies` raises; the connection ends, since the rest of the body may still come."""
    if isinstance(error, bodies.UnknownEncoding):
        detail, remedy = "This Content-Encoding is not read here.", "Send the body plain, or as gzip or deflate."
        return Refusal("encoding", problem(415, detail, remedy=remedy, headers=bodies.ACCEPTED, close=True))
    if isinstance(error, bodies.TooLarge):
        detail = f"The body is larger than {limit} bytes (decompressed)."
        remedy = "Send fewer events in a post, or raise PROCESSOR_RECEIVER_MAX_BYTES."
        return Refusal("too-large", problem(413, detail, remedy=remedy, close=True, limitBytes=limit))
    if isinstance(error, bodies.TooSlow):
        return Refusal("too-slow", problem(408, "The body did not come in time.", close=True))
    if isinstance(error, bodies.TooMuch):
        return Refusal("overloaded", problem(503, "Too many posts are being read.", headers=retry_after(None, 2)))
    remedy = "Send the body as its Content-Encoding and Transfer-Encoding say."
    return Refusal("damaged", problem(400, "The body is damaged.", remedy=remedy, close=True))
