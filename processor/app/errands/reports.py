"""The guides' read-only jobs: what there is, asked of Genesys, and what became of requests, read from the log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import handlers
from handlers.events import Outcome
from handlers.reports import campaigns, presence, profiles, queues, schedules
from processor.app.auditfile import lines_of_its_own
from processor.app.farsides import far_sides
from processor.app.kafka import is_kafka
from processor.app.log import log_file, open_log, utc_now
from processor.app.policy import policy
from processor.clients.genesys.jobs import Jobs
from processor.clients.genesys.jobs.schedules import Place
from processor.errors import PoisonError
from processor.eventlog.partitions import partition_of
from processor.settings import Settings, SettingsError
from processor.table import Table
from processor.telemetry import Metrics


@dataclass(frozen=True, slots=True)
class Question:
    """About what, over how many days past; `queues`: whose contacts count."""

    id: str
    days: int
    queues: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a report finds things."""

    far: handlers.FarSides
    policy: handlers.Policy
    settings: Settings
    now: Callable[[], datetime]

    @property
    def jobs(self) -> Jobs:
        """Genesys. Raises `SettingsError` where it is not configured: some reports do without."""
        if self.far.jobs is None:
            raise SettingsError("nobody to ask: set PROCESSOR_GENESYS_CLIENT_ID and PROCESSOR_GENESYS_CLIENT_SECRET")
        return self.far.jobs

    async def outcomes(self, subject: str, kind: str, days: int) -> list[Outcome]:
        """How the requests of a kind about a subject ended in these days, the oldest first.

        From the log, if there is one, and from the audit file, if there is one, what was done without a log.
        """
        since = self.now() - timedelta(days=days)
        found = [*await self._logged(subject, kind, since, days), *self._filed(subject, kind, since)]
        return sorted(found, key=lambda one: one.time)

    def _filed(self, subject: str, kind: str, since: datetime) -> Iterator[Outcome]:
        if self.settings.audit_file:
            for line in lines_of_its_own(self.settings.audit_file, subject):
                if line.get("kind") == kind and (one := Outcome.model_validate(line)).time >= since:
                    yield one

    async def _logged(self, subject: str, kind: str, since: datetime, days: int) -> list[Outcome]:
        if not is_kafka(self.settings) and not log_file(self.settings).exists():
            return []

        def collect(known: list[Outcome] | None, event: Outcome) -> list[Outcome] | None:
            known = [] if known is None else known
            if event.subject == subject and event.kind == kind and event.time >= since:
                known.append(event)
            return known or None

        table: Table[Outcome, list[Outcome]] = Table(Outcome, fold=collect, since=timedelta(days=days))
        async with open_log(self.settings) as log:
            await table.load(log, partition_of(subject, log.partitions))
        return table.get(subject) or []


Report = Callable[[Sources, Question], Awaitable[Mapping[str, Any]]]


async def report(settings: Settings, kind: str, question: Question) -> Mapping[str, Any]:
    """The answer as JSON values. Raises as the far side does, `SettingsError` where one is needed and not there."""
    async with far_sides(settings, Metrics.build(), utc_now) as far:
        return await REPORTS[kind](Sources(far, policy(settings), settings, utc_now), question)


async def _schedule(sources: Sources, question: Question) -> Mapping[str, Any]:
    job = sources.jobs.schedules
    group, slash, schedule = question.id.rpartition("/")
    if (job.form == "weekly") != bool(slash):
        form = "GROUP/SCHEDULE" if job.form == "weekly" else "SCHEDULE"
        raise PoisonError(f"{question.id} is not the id of a schedule in this dialect: say {form}")
    place = Place(schedule, group)
    told = await schedules.report(
        job, place, sources.policy.floor, question.queues, now=sources.now(), days=question.days
    )
    subject = f"schedule-group/{group}" if group else f"schedule/{schedule}"
    outcomes = await sources.outcomes(subject, "schedule", question.days)
    return {**told, **schedules.measured(outcomes, schedule)}


async def _queue(sources: Sources, question: Question) -> Mapping[str, Any]:
    outcomes = await sources.outcomes(f"queue/{question.id}", "queue-routing", question.days)
    return await queues.report(sources.jobs.queues, question.id, outcomes, now=sources.now(), days=question.days)


async def _presence(sources: Sources, question: Question) -> Mapping[str, Any]:
    return presence.report(await sources.outcomes(f"agent/{question.id}", "presence", question.days))


async def _profile(sources: Sources, question: Question) -> Mapping[str, Any]:
    job = sources.jobs.profiles
    kind = "agent" if "profileId" in job.lacks else "profile"
    outcomes = await sources.outcomes(f"{kind}/{question.id}", "routing-profile", question.days)
    rule = sources.policy.utilization
    return await profiles.report(job, question.id, outcomes, question.queues, rule, days=question.days)


async def _campaign(sources: Sources, question: Question) -> Mapping[str, Any]:
    outcomes = await sources.outcomes(f"campaign/{question.id}", "campaign-schedule", question.days)
    return await campaigns.report(sources.jobs.campaigns, question.id, outcomes, now=sources.now())


REPORTS: Mapping[str, Report] = {
    "campaign": _campaign,
    "profile": _profile,
    "presence": _presence,
    "queue": _queue,
    "schedule": _schedule,
}
"""By the word on the command line."""
