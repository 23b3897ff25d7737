"""What the loop would have decided about volume that was recorded: the very rules, nothing is asked or changed.

What the adjustments would have done to the volume nobody knows: each hour is judged as it came, by the target that
people wanted then. A queue's last record says only what they want now.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson

import handlers
from handlers.events import Decision, QueueUpdated, Standing, VolumeUpdated
from handlers.feedback import Feedback
from handlers.policy import Mode
from processor.app.log import open_log
from processor.app.policy import policy
from processor.errors import PoisonError
from processor.event import Event
from processor.eventlog import EventLog, Message, Record
from processor.settings import Settings
from processor.shapes import renewed
from processor.table import Table

RECORDED: tuple[type[QueueUpdated | VolumeUpdated | Decision], ...] = (QueueUpdated, VolumeUpdated, Decision)


class Blank:
    """A log that holds nothing, for tables that are filled by hand."""

    def __init__(self, partitions: int = 1) -> None:
        self.partitions = partitions

    async def bounds(self, _: str, __: int) -> tuple[int, int]:
        """Nothing."""
        return 0, 0

    async def read(self, _: str, __: int, ___: int, ____: int) -> AsyncIterator[Record]:
        """Nothing."""
        return
        yield


@dataclass(slots=True)
class Wanted:
    """The queues with the targets that people had set, as time goes by.

    Where something stands on a medium, the loop's own in those days (`acted`, in the order of the times) or what is
    tried now, people want its baseline; else what the volume was measured against.
    """

    queues: dict[str, QueueUpdated]
    acted: deque[Decision]
    stood: dict[str, Mapping[str, Standing]] = field(default_factory=dict)

    def at(self, volume: VolumeUpdated, tried: Mapping[str, Standing]) -> QueueUpdated | None:
        """The queue when this volume was told; None for one that is not known.

        A decision has the time of the volume that it answered, which was still of the target before.
        """
        while self.acted and self.acted[0].time < volume.time:
            one = self.acted.popleft()
            self.stood[one.subject] = one.standing
        queue = self.queues.get(volume.subject)
        if queue is None:
            return None
        wanted: dict[str, Any] = {volume.media_type: volume.service_level_target_seconds}
        for stands in (tried, self.stood.get(volume.subject, {})):
            wanted |= {medium: one.baseline.get("serviceLevelSeconds") for medium, one in stands.items()}
        levels = {
            medium: level.model_copy(
                update={"service_level_seconds": wanted.get(medium) or level.service_level_seconds}
            )
            for medium, level in queue.media_types.items()
        }
        self.queues[volume.subject] = queue.model_copy(update={"media_types": levels})
        return self.queues[volume.subject]


async def backtest(settings: Settings, files: Sequence[Path]) -> tuple[list[Decision], Mapping[str, str]]:
    """In the order of the volume's times, and the queues' names by subject.

    `files` hold lines of `tail --json`; none = the log of the settings.

    Raises `PoisonError` for a line that is no record, naming it.
    """
    events = _from_files(files) if files else await _from_log(settings)
    queues = {event.subject: event for event in events if isinstance(event, QueueUpdated)}
    volumes = sorted((e for e in events if isinstance(e, VolumeUpdated)), key=lambda event: (event.time, event.id))
    acted = sorted((e for e in events if isinstance(e, Decision)), key=lambda event: event.time)
    names = {subject: queue.name for subject, queue in queues.items()}
    return await replay(settings, queues, volumes, acted), names


async def replay(
    settings: Settings,
    queues: Mapping[str, QueueUpdated],
    volumes: Iterable[VolumeUpdated],
    acted: Iterable[Decision] = (),
) -> list[Decision]:
    """As `act` would decide; a queue whose settings are not known is decided about never."""
    mind = handlers.judge(replace(policy(settings), mode=Mode.ACT))
    tables: tuple[Table[Any, Any], ...] = (mind.windows, mind.queues, mind.freezes, mind.decisions, mind.held)
    blank: Any = Blank()
    for table in tables:
        await table.load(blank, 0)
    made: list[Decision] = []
    wanted = Wanted(dict(queues), deque(acted))
    for volume in volumes:
        last = mind.decisions.get(volume.subject)
        queue = wanted.at(volume, last.standing if last else {})
        if queue is None:
            continue
        mind.queues.apply(renewed(queue, {"time": volume.time + timedelta(milliseconds=1)}))
        made += await hear(mind, volume)
    return made


async def hear(mind: Feedback, volume: VolumeUpdated) -> list[Decision]:
    """As the engine does: its tables are caught up, then it judges, then what it decided is known to it."""
    mind.windows.apply(volume)
    decided = [output for output in await mind(volume) or () if isinstance(output, Decision)]
    for decision in decided:
        mind.decisions.apply(decision)
    return decided


async def _from_log(settings: Settings) -> list[Event]:
    async with open_log(settings) as log:
        return [event async for event in _read(log)]


async def _read(log: EventLog) -> AsyncIterator[Event]:
    for kind in RECORDED:
        for partition in range(log.partitions):
            async for record in log.read(kind.topic, partition, *await log.bounds(kind.topic, partition)):
                if record.message.value is not None:
                    yield kind.from_record(record)


def _from_files(files: Sequence[Path]) -> list[Event]:
    found: list[Event] = []
    for file in files:
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
            raise PoisonError(f"{file}: cannot be read: {why}") from error
        found += [event for number, line in enumerate(lines, 1) if (event := _event(line, f"{file}:{number}"))]
    return found


def _event(line: str, place: str) -> Event | None:
    if not line.strip():
        return None
    try:
        said = orjson.loads(line)
        kind = next((one for one in RECORDED if one.topic == said["topic"]), None)
        if kind is None or said["value"] is None:
            return None
        message = Message(said["topic"], said["key"], orjson.dumps(said["value"]), said["headers"])
        return kind.from_record(Record(said["topic"], 0, int(said["offset"]), said["timestamp"], message))
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise PoisonError(f"{place}: no line of `tail --json`: {error}", place) from error
