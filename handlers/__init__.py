"""THE DOMAIN: knows schedules, not Kafka. What we do about each event, the whole policy on one screen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from handlers.adjust_queues import AdjustQueues
from handlers.brake import brakes
from handlers.capacity import Floor
from handlers.configure_campaigns import ConfigureCampaigns
from handlers.configure_profiles import ConfigureProfiles
from handlers.configure_queues import ConfigureQueues
from handlers.configure_schedules import ConfigureSchedules
from handlers.counting import count
from handlers.door import Door
from handlers.escalate import Escalate
from handlers.events import (
    CampaignUpdated,
    Decision,
    ExportCursor,
    FreezeRequested,
    Lookup,
    PoolUpdated,
    PresenceUpdated,
    ProfileUpdated,
    QueueUpdated,
    Requested,
    ScheduleUpdated,
    ShiftsUpdated,
    VolumeUpdated,
)
from handlers.exports import ExportPlan, export_tick
from handlers.feedback import Feedback
from handlers.look_up import LookUp
from handlers.normalise import Context, Normalise
from handlers.normalise import count as count_normalised
from handlers.normalise.burial import burial
from handlers.normalise.horizon import horizon
from handlers.policy import REMEMBERED, Mode, Rule, Selection, remember
from handlers.reconcile import Held, state_tick, volume_tick
from handlers.requests.ends import LogEnds
from handlers.requests.operating_hours import Hours
from handlers.requests.plans import Configure
from handlers.requests.utilization import Thresholds
from handlers.set_presence import SetPresence
from handlers.situation import know
from handlers.sync_calendars import SyncScheduleCalendar, SyncShiftCalendar
from handlers.sync_wfm import SyncCampaignsToWfm, SyncToWfm
from processor.clients.calendars import Calendars
from processor.clients.genesys import Genesys
from processor.clients.genesys.jobs import Jobs
from processor.clients.genesys.jobs.exports import Exports
from processor.clients.pace import Time
from processor.clients.wfm import PushEvent, Wfm
from processor.event import Event, Raw
from processor.routing import Group, PartitionTick, Tick, on
from processor.table import Table, last


@dataclass(frozen=True, slots=True)
class Policy:
    """What people have decided: how far ahead, which topics, and what the loop may do."""

    horizon: timedelta
    holidays: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    poll: timedelta = timedelta(seconds=30)
    mode: Mode = Mode.OBSERVE
    rule: Rule = field(default_factory=Rule)
    selection: Selection = field(default_factory=Selection)
    pools: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    operating_hours: Hours = field(default_factory=Hours)
    floor: Floor = field(default_factory=Floor)
    utilization: Thresholds = field(default_factory=Thresholds)
    export: ExportPlan | None = None


@dataclass(frozen=True, slots=True)
class Push:
    """A system that events are pushed to, and which topics it gets; `name` stands in its groups' names."""

    name: str
    sender: Wfm
    topics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FarSides:
    """Who is there; None is not configured, and its groups do not run."""

    genesys: Genesys | None = None
    jobs: Jobs | None = None
    pushes: tuple[Push, ...] = ()
    calendars: Calendars | None = None
    people: Wfm | None = None


PUSHED: Mapping[str, type[Event]] = {
    "schedules": ScheduleUpdated,
    "shifts": ShiftsUpdated,
    "presence": PresenceUpdated,
    "queues": QueueUpdated,
    "profiles": ProfileUpdated,
}


def normalise(policy: Policy, now: Callable[[], datetime]) -> list[Group]:
    """genesys.raw → clean topics and look-heres: the one writer of both."""
    normaliser = Normalise(Context(now, policy.horizon, policy.holidays))
    return [
        Group(
            "normalise",
            "genesys.raw",
            (on(Raw, normaliser),),
            pure=True,
            owns=normaliser.tables,
            observe=count_normalised,
            partition_ticks=(burial(normaliser.known), horizon(normaliser.known, now())),
        )
    ]


def look_up(
    policy: Policy, genesys: Genesys, now: Callable[[], datetime], exports: Exports | None = None
) -> list[Group]:
    """Look-heres → Genesys → genesys.raw; and what has to be asked for without being told."""
    queues: Table[QueueUpdated, QueueUpdated] = Table(QueueUpdated, fold=last)
    decisions: Table[Decision, Decision] = Table(Decision, fold=last)
    held = Held()

    def polled() -> list[str]:
        return [queue.queue_id for _, queue in queues.items() if not queue.deleted]

    def targets() -> dict[str, dict[str, float]]:
        return {
            decision.queue_id: {m: float(s.baseline["serviceLevelSeconds"]) for m, s in decision.standing.items()}
            for _, decision in decisions.items()
            if decision.standing
        }

    cursors: Table[ExportCursor, ExportCursor] = Table(ExportCursor, fold=last)
    ticks: tuple[Tick, ...] = (
        state_tick(genesys, held.subjects, held.parts),
        volume_tick(genesys, targets, polled, now, policy.poll),
    )
    if exports and policy.export:
        ticks += (export_tick(exports, policy.export, cursors, genesys.organisation_id, now),)
    handler = LookUp(genesys, now)
    watches: tuple[Table[Any, Any], ...] = (queues, decisions, cursors, *held.tables)
    return [Group("look-up", "genesys.lookups", (on(Lookup, handler),), watches=watches, ticks=ticks, observe=count)]


def sync(far: FarSides, now: Callable[[], datetime]) -> list[Group]:
    """Clean topics → WFM and calendars: one group for each far side and topic."""
    groups = [group for push in far.pushes for group in _pushed(push, now)]
    if far.calendars:
        hours = on(ScheduleUpdated, SyncScheduleCalendar(far.calendars, now))
        shifts = on(ShiftsUpdated, SyncShiftCalendar(far.calendars, now))
        groups.append(
            Group(
                "sync-calendar-schedules", ScheduleUpdated.topic, (hours,), states=True, observe=count, far="calendars"
            )
        )
        groups.append(
            Group("sync-calendar-shifts", ShiftsUpdated.topic, (shifts,), states=True, observe=count, far="calendars")
        )
    return groups


def _pushed(push: Push, now: Callable[[], datetime]) -> list[Group]:
    handlers = {name: on(event, SyncToWfm(push.sender, now)) for name, event in PUSHED.items()}
    handlers["campaigns"] = on(CampaignUpdated, SyncCampaignsToWfm(push.sender, now))
    return [
        Group(f"sync-{push.name}-{name}", f"genesys.{name}", (route,), states=True, observe=count, far=push.name)
        for name, route in handlers.items()
        if name in push.topics
    ]


def judge(policy: Policy, *, reaches: bool = True, since: datetime | None = None) -> Feedback:
    """What decides about queues, over all that it has to know; its tables are still empty."""
    return Feedback(
        windows=Table(VolumeUpdated, fold=remember, since=REMEMBERED + timedelta(hours=1)),
        queues=Table(QueueUpdated, fold=know),
        freezes=Table(FreezeRequested, fold=brakes),
        decisions=Table(Decision, fold=last),
        held=Table(PoolUpdated, fold=last),
        mode=policy.mode if reaches or policy.mode is Mode.OFF else Mode.OBSERVE,
        rule=policy.rule,
        selection=policy.selection,
        pools=policy.pools,
        reaches=reaches,
        since=since,
    )


def loop(policy: Policy, far: FarSides, now: Callable[[], datetime]) -> list[Group]:
    """Volume → decision → Genesys and people. Whatever the mode: what it had changed is given back."""
    if policy.mode is Mode.OFF and far.genesys is None:
        return []
    mind = judge(policy, reaches=far.genesys is not None, since=now())
    groups = [
        Group(
            "feedback",
            VolumeUpdated.topic,
            (on(VolumeUpdated, mind),),
            pure=True,
            owns=(mind.decisions,),
            follows=(mind.windows, mind.queues, mind.freezes, mind.held),
            observe=count,
            partition_ticks=(PartitionTick("brake", timedelta(seconds=0.5), mind.tick),),
        )
    ]
    if far.genesys:
        groups.append(_adjusting(policy, far.genesys, now))
    if far.people:
        groups.append(_escalating(far.people, policy.rule))
    return groups


def _adjusting(policy: Policy, genesys: Genesys, now: Callable[[], datetime]) -> Group:
    adjust = AdjustQueues(
        genesys,
        Table(Decision, fold=last),
        Table(FreezeRequested, fold=brakes),
        Table(PoolUpdated, fold=last),
        Table(QueueUpdated, fold=last),
        now,
        policy.mode,
        policy.selection,
    )
    follows = (adjust.decisions, adjust.freezes, adjust.pools, adjust.queues)
    return Group("adjust-queues", Decision.topic, (on(Decision, adjust),), follows=follows, states=True, observe=count)


def _escalating(people: Wfm, rule: Rule) -> Group:
    tell = Escalate(people, PushEvent.of, Table(QueueUpdated, fold=know), rule)
    return Group("escalate-decisions", Decision.topic, (on(Decision, tell),), follows=(tell.queues,), far="people")


def configures(
    policy: Policy, jobs: Jobs, now: Callable[[], datetime], clocks: Time | None = None
) -> Mapping[str, Configure[Any]]:
    """The rules of each kind of request, by its word. `clocks`: by which they wait before they write once more."""
    clocks = clocks or Time()
    return {
        "schedule": ConfigureSchedules(jobs, now, policy.floor, policy.holidays, clocks),
        "campaign-schedule": ConfigureCampaigns(jobs, now),
        "routing-profile": ConfigureProfiles(jobs, now, policy.utilization, clocks),
        "queue-routing": ConfigureQueues(jobs, now, clocks),
        "presence": SetPresence(jobs, now, policy.operating_hours),
    }


def requests(policy: Policy, far: FarSides, now: Callable[[], datetime], clocks: Time | None = None) -> list[Group]:
    """What people and other programs ask for → Genesys, the brake → the loop. Without Genesys it runs to say so."""
    ends = LogEnds()
    rules = configures(policy, far.jobs, now, clocks) if far.jobs else None
    door = Door(rules, ends, now, far.genesys.now if far.genesys else now)
    take = (on(Requested, door),)
    return [Group("requests", Requested.topic, take, follows=ends.tables, observe=count, reads=door.reads)]
