"""The loop over an empty log, and volume to feed the loop with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from handlers.brake import brakes
from handlers.events import (
    Decision,
    FreezeRequested,
    Interval,
    PoolUpdated,
    QueueUpdated,
    ServiceLevel,
    VolumeUpdated,
)
from handlers.feedback import Feedback
from handlers.policy import Mode, Rule, Selection, remember
from handlers.situation import know
from processor.app.errands.backtesting import Blank
from processor.app.errands.backtesting import hear as judged
from processor.table import Table, last

START = datetime(2026, 3, 9, 9, tzinfo=UTC)
QUEUE = "queue/q-1"
CALM = {"offered": 300, "level": 0.99}


async def feedback(
    mode: Mode = Mode.ACT,
    rule: Rule | None = None,
    pool: tuple[str, ...] = ("backup-1",),
    select: tuple[str, ...] = (),
) -> Feedback:
    loop = Feedback(
        windows=Table(VolumeUpdated, fold=remember),
        queues=Table(QueueUpdated, fold=know),
        freezes=Table(FreezeRequested, fold=brakes),
        decisions=Table(Decision, fold=last),
        held=Table(PoolUpdated, fold=last),
        mode=mode,
        rule=rule or Rule(),
        selection=Selection.parse(select),
        pools={"name:email*": pool},
    )
    for table in (loop.windows, loop.queues, loop.freezes, loop.decisions, loop.held):
        await table.load(Blank(), 0)
    return loop


def queue(seconds: float, at: int = 0, by: str | None = None, name: str = "Email Support") -> QueueUpdated:
    return QueueUpdated(
        id=f"queue-{at}-{seconds}",
        time=START + timedelta(minutes=at),
        subject=QUEUE,
        queue_id="q-1",
        name=name,
        media_types={"email": ServiceLevel(service_level_seconds=seconds, service_level_percentage=0.9)},
        modified_by=by,
    )


def volume(
    minute: int, offered: int | None = 600, level: float | None = 0.7, target: float | None = 60, span: int = 60
) -> VolumeUpdated:
    end = START + timedelta(minutes=minute)
    return VolumeUpdated(
        id=f"volume-{minute}-{span}",
        time=end,
        subject=QUEUE,
        received_at=end,
        queue_id="q-1",
        media_type="email",
        interval=Interval(start=end - timedelta(minutes=span), end=end),
        origin="aggregates",
        offered=offered,
        answered=offered,
        service_level=level,
        service_level_target_seconds=target,
    )


def of(medium: str, minute: int, **what: Any) -> VolumeUpdated:
    """The same of another medium."""
    return volume(minute, **what).model_copy(update={"media_type": medium, "id": f"{medium}-{minute}"})


async def hear(loop: Feedback, *events: VolumeUpdated | QueueUpdated | FreezeRequested) -> list[Decision]:
    """Settings and people's words are only known to it; volume it judges."""
    decided: list[Decision] = []
    for event in events:
        if isinstance(event, QueueUpdated):
            loop.queues.apply(event)
        elif isinstance(event, FreezeRequested):
            loop.freezes.apply(event)
        else:
            decided += await judged(loop, event)
    return decided


def tick(loop: Feedback, at: datetime) -> list[Decision]:
    decided = []
    for output in loop.tick(0, at):
        assert isinstance(output, Decision)
        loop.decisions.apply(output)
        decided.append(output)
    return decided


def freeze(number: int, kind: str = "queue-freeze", *, restore: bool = False) -> FreezeRequested:
    return FreezeRequested(
        id=f"request-{number}",
        time=START + timedelta(minutes=number),
        subject=QUEUE,
        kind=kind,
        queue_id="q-1",
        by="ana",
        reason="stock-taking",
        restore=restore,
    )


def actions(decided: list[Decision]) -> list[str]:
    return [decision.action for decision in decided]
