"""How a request ended, told as an outcome: the words of each kind of end. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from handlers.events import Begun, Outcome, Requested
from handlers.requests.ends import STARTED
from handlers.requests.plans import Plan, Result, Story
from handlers.requests.words import ELSEWHERE, InvalidRequest, Problem
from processor.clients.genesys.jobs import Found
from processor.errors import ConflictError, NotValid, PoisonError, ProcessorError, UnknownEnd

UNREADABLE = "request"
"""The `kind` of the outcome of what is no request of ours: a stranger's words name no metric."""
INTENDED = "intended"
"""The fact of an outcome that tells what a try that broke off meant to leave."""


def announced(story: Story, plan: Plan) -> Story:
    """It is about to be tried and cannot be made conditional."""
    return replace(story, status=STARTED, before=plan.before, after=plan.after, facts=plan.facts)


def finished(story: Story, plan: Plan, result: Result, latency_ms: float) -> Story:
    """It was carried out, or a part of it."""
    return replace(
        story,
        status=result.status,
        latency_ms=latency_ms,
        conflict_retries=result.conflict_retries,
        error=result.error,
        before=result.before,
        after=result.after,
        facts={**plan.facts, **result.facts},
    )


def turned_down(story: Story, plan: Plan | None, error: ProcessorError, latency_ms: float) -> Story:
    """It was not carried out; `plan` is there when the far side was already asked."""
    before = plan.before if plan else {}
    facts = {**(plan.facts if plan else {}), **problems_of(error)}
    story = replace(story, latency_ms=latency_ms, error=_text(error), before=before, after=before, facts=facts)
    if isinstance(error, UnknownEnd):
        return replace(story, status="unknown", after={})
    if isinstance(error, ConflictError):
        met = there(error.found)
        story = replace(story, conflict_retries=error.retries)
        return replace(story, status="conflict", before=met or before, after=met or before)
    return replace(story, status="refused")


def broken_off(story: Story, begun: Begun, there: Mapping[str, Any]) -> Story:
    """Turned down now, but an earlier try had begun to write. `there`: what is there now, empty when nobody can say.

    What was meant is kept beside it: an undo must not pass over what others did since.
    """
    look = "`after` is what is there now" if there else "look at Genesys"
    error = f"{story.error}; an earlier try broke off, so a part of it may stand: {look}"
    facts = {**story.facts, INTENDED: begun.after}
    return replace(story, status="failed", before=begun.before, after=there, error=error, facts=facts)


def unanswered(story: Story, error: ProcessorError, begun: Begun | None, latency_ms: float) -> Story:
    """Given up by who cannot wait. `begun`: by a try that came to a call."""
    story = replace(story, status="failed", error=_text(error), latency_ms=latency_ms)
    return story if begun is None else broken_off(story, begun, {})


def _text(error: ProcessorError) -> str:
    remedy = getattr(error, "remedy", None)
    return f"{error} ({remedy})" if remedy else str(error)


def problems_of(error: Exception) -> Mapping[str, Any]:
    """Of a request that is not valid: all that is wrong, each with its place and what would do; else nothing."""
    problems = tuple(_problems(error))
    return {"problems": [asdict(problem) for problem in problems]} if problems else {}


def _problems(error: Exception) -> Iterable[Problem]:
    if isinstance(error, InvalidRequest):
        return error.problems
    if isinstance(error, NotValid):
        remedy = error.remedy or "what Genesys says there"
        return [Problem(place, message, remedy) for place, message in error.places or (("", str(error)),)]
    if isinstance(error, PoisonError):
        return [Problem(error.field or "", str(error), ELSEWHERE)]
    return ()


def there(found: object) -> Mapping[str, Any]:
    """What a conflict met: in the request's own words where the rules said it so, else who was there."""
    if isinstance(found, Found):
        return {"version": found.guard, "modifiedBy": found.by}
    return found if isinstance(found, Mapping) else {}


def outcome(
    asked: Requested, story: Story, *, kind: str, fields: Mapping[str, Any], audit: Mapping[str, Any], now: datetime
) -> Outcome:
    """The record. A request has one end, and at most one `started` before it: their ids follow from its own."""
    return Outcome(
        id=f"{asked.id}/{STARTED}" if story.status == STARTED else asked.id,
        time=now,
        subject=asked.subject,
        source=asked.source,
        cause=asked.id,
        trace=asked.trace,
        request_id=asked.id,
        kind=kind,
        status=story.status,
        request=fields,
        before=story.before,
        after=story.after,
        facts=story.facts,
        latency_ms=round(story.latency_ms, 1),
        conflict_retries=story.conflict_retries,
        error=story.error,
        audit=audit,
    )
