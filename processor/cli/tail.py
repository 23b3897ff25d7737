"""`tail TOPIC`: one record a line, from the beginning or as they come."""

from __future__ import annotations

import argparse
import asyncio
import base64
import sys
from typing import Any

import orjson

from processor.app.log import open_log
from processor.app.topics import TOPICS
from processor.errors import PoisonError
from processor.event import instant
from processor.eventlog import EventLog, Record
from processor.settings import load

PAUSE_SECONDS = 0.2


def add(subparsers: Any) -> None:
    """Describe the command."""
    parser = subparsers.add_parser("tail", help="print the records of a topic", description=__doc__)
    parser.add_argument(
        "topic", metavar="TOPIC", help="for example genesys.presence (the prefix genesys. may be left out)"
    )
    parser.add_argument("--from", dest="start", choices=("beginning", "end"), default="end", help="default: end")
    parser.add_argument("--until-end", action="store_true", help="stop at what is there now")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, for programs")
    parser.set_defaults(run=lambda options: asyncio.run(_tail(options)))


async def _tail(options: argparse.Namespace) -> int:
    topic = options.topic if options.topic.startswith("genesys.") else f"genesys.{options.topic}"
    if topic not in {known.name for known in TOPICS}:
        names = ", ".join(known.name for known in TOPICS)
        raise PoisonError(f"there is no topic {topic}; the topics are {names}")
    show = _json if options.json or not sys.stdout.isatty() else _readable
    async with open_log(load()) as log:
        positions = {p: await log.bounds(topic, p) for p in range(log.partitions)}
        position = {p: start if options.start == "beginning" else end for p, (start, end) in positions.items()}
        if options.start == "end" and options.until_end:
            return 0
        while True:
            for record in await _news(log, topic, position):
                print(show(record))
            sys.stdout.flush()
            if options.until_end:
                return 0
            await asyncio.sleep(PAUSE_SECONDS)


async def _news(log: EventLog, topic: str, position: dict[int, int]) -> list[Record]:
    """What came since, over all partitions in the order of appending; moves `position` on."""
    records: list[Record] = []
    for partition, start in list(position.items()):
        _, end = await log.bounds(topic, partition)
        records += [record async for record in log.read(topic, partition, start, end)]
        position[partition] = max(end, start)
    return sorted(records, key=lambda record: record.timestamp)


def readable(value: bytes | None) -> Any:
    """JSON where it is JSON, else in base64; None for a tombstone."""
    if value is None:
        return None
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return {"base64": base64.b64encode(value).decode()}


def as_dict(record: Record) -> dict[str, Any]:
    """A record as INTERFACE §1 shows it: `value` as JSON where it is JSON, else in base64."""
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": instant(record.timestamp),
        "key": record.message.key,
        "headers": dict(record.message.headers),
        "value": readable(record.message.value),
    }


def _json(record: Record) -> str:
    return orjson.dumps(as_dict(record)).decode()


def _readable(record: Record) -> str:
    headers = record.message.headers
    value = (record.message.value or b"").decode(errors="replace")
    place = f"{record.partition}-{record.offset}"
    return f"{instant(record.timestamp)}  {place:>9}  {headers.get('ce_type', '')}  {record.message.key}  {value}"
