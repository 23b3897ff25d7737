"""Look-here → ask Genesys → its answer, for `genesys.raw`, like any delivery."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import orjson

from handlers.events import Lookup, Outcome
from processor.clients.genesys import Answer, Genesys
from processor.errors import RefusedError
from processor.event import Envelope, Publishable, digest

SPREADS = ("schedule", "management-unit", "business-unit")
"""Kinds of subjects that have no state of their own to publish: they name others to look at."""
REMEMBERED = 100_000
ONCE_AN_HOUR = timedelta(hours=1)
CLOCKS_DIFFER = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class LookUp:
    """Asks once for what many events point to: a look-here is dropped when a later question is already answered.

    `answered`: by (what, subject), when Genesys was last asked and for which look-here. One that
    comes again itself is asked again: its answer may not have reached the log.
    """

    genesys: Genesys
    now: Callable[[], datetime]
    answered: OrderedDict[tuple[str, str], tuple[datetime, str]] = field(default_factory=OrderedDict)
    refused: dict[str, datetime] = field(default_factory=dict)
    """By what was asked, when a refusal was last put into the audit trail: once an hour is enough."""

    async def __call__(self, lookup: Lookup) -> Iterable[Publishable] | None:
        """The answers, or further look-heres where the subject stands for many, or the outcome `refused`."""
        key = (lookup.what, lookup.subject)
        asked, by = self.answered.get(key, (None, ""))
        if asked is not None and asked >= lookup.since and by != lookup.id:
            return None
        try:
            return await (self._spread(lookup) if lookup.subject.partition("/")[0] in SPREADS else self._look(lookup))
        except RefusedError as refusal:
            return self._refusal(lookup, refusal)

    async def _spread(self, lookup: Lookup) -> list[Publishable]:
        left = self.genesys.now()
        found = await self.genesys.spread(lookup.what, lookup.subject, lookup.details)
        self._remember((lookup.what, lookup.subject), left, lookup.id)
        return [further(lookup, number, *pair) for number, pair in enumerate(sorted(set(found)), 1)]

    async def _look(self, lookup: Lookup) -> list[Publishable]:
        answers = await self.genesys.look(lookup.what, lookup.subject, lookup.since, lookup.until, lookup.details)
        source = f"genesys/{await self.genesys.organisation_id()}"
        received_at = lookup.received_at or self.now()
        deliveries: list[Publishable] = []
        for answer in answers:
            asked = asked_after(answer.asked, lookup.since)
            self._remember((answer.what, answer.subject), asked, lookup.id)
            deliveries.append(delivery(answer, lookup, source, asked, received_at))
        return deliveries

    def _refusal(self, lookup: Lookup, refusal: RefusedError) -> list[Publishable]:
        now = self.now()
        if lookup.what in self.refused and now - self.refused[lookup.what] < ONCE_AN_HOUR:
            return []
        self.refused[lookup.what] = now
        remedy = f" ({refusal.remedy})" if refusal.remedy else ""
        outcome = Outcome(
            id=f"{lookup.id}/refused",
            time=now,
            subject=lookup.subject,
            source=lookup.source,
            cause=lookup.cause,
            trace=lookup.trace,
            kind="look-up",
            status="refused",
            error=f"{refusal}{remedy}",
            audit={"what": lookup.what, "why": lookup.why},
        )
        return [outcome]

    def _remember(self, key: tuple[str, str], asked: datetime, by: str) -> None:
        self.answered[key] = (asked, by)
        self.answered.move_to_end(key)
        if len(self.answered) > REMEMBERED:
            self.answered.popitem(last=False)


def asked_after(asked: datetime, since: datetime) -> datetime:
    """When Genesys was asked, by its own clock, of which we see whole seconds only.

    A question that an event led to left after the event: an estimate that says otherwise, by no
    more than clocks differ, is lifted to it, or the answer would look older than its cause.
    """
    return since if asked < since <= asked + CLOCKS_DIFFER else asked


def delivery(answer: Answer, lookup: Lookup, source: str, asked: datetime, received_at: datetime) -> Envelope:
    """The delivery that an answer is: it happened when it was asked for. The same answer has the same id."""
    data = orjson.dumps(answer.body)
    return Envelope(
        id=f"{lookup.id}.{digest(data)[:8]}",
        source=source,
        type=f"answer.{answer.what}",
        subject=answer.subject,
        time=asked,
        received_at=received_at,
        data=data,
        trace=lookup.trace,
        cause=lookup.cause,
    )


def further(lookup: Lookup, number: int, what: str, subject: str) -> Lookup:
    """One of those that a subject spreads to, as urgent as the first."""
    return lookup.model_copy(
        update={"id": f"{lookup.id}/{number}", "what": what, "subject": subject, "sequence": "", "fences": {}}
    )
