"""What must hold between what callers were told, what the log holds, and what WFM was told. Pure; shares no code with us.

Violations are sentences for a person; an empty list is the verdict "nothing went wrong".
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CLEAN = frozenset(f"genesys.{name}" for name in ("schedules", "shifts", "presence", "queues", "volume", "campaigns"))
FACETS = {"presence": ("presence", "presenceSince"), "routing": ("routingStatus", "routingStatusSince")}
HOURS = "hours"
"""The facet of a schedule group: the name of its one schedule, since the time of the callback."""
STATES = {**dict.fromkeys(FACETS, "genesys.presence"), HOURS: "genesys.schedules"}
"""By facet where its state is published."""
OWN = frozenset({"answer.horizon"})
"""What the product itself puts into raw, without being told anything."""


@dataclass(frozen=True, slots=True)
class Post:
    """One event as a caller sent it, perhaps several times, and whether he was ever told 202."""

    id: str
    subject: str
    facet: str
    value: str
    at: str
    body: str
    acknowledged: bool


@dataclass(frozen=True, slots=True)
class Row:
    topic: str
    partition: int
    offset: int
    key: str
    headers: Mapping[str, str]
    value: str

    @property
    def place(self) -> str:
        return f"{self.topic}-{self.partition}@{self.offset}"

    @property
    def id(self) -> str:
        return self.headers.get("ce_id", "")

    @property
    def cause(self) -> tuple[str, str]:
        """Which event of raw it came from, told from another under the same id."""
        return self.headers.get("ce_causationid", ""), self.headers.get("ce_causedigest", "")

    @property
    def data(self) -> Mapping[str, Any]:
        return json.loads(self.value or "{}")

    def says(self, facet: str) -> tuple[Any, Any]:
        """The facet's value, and since when."""
        if facet == HOURS:
            names = [one["name"] for one in self.data.get("schedules", ())]
            return (names[0], self.headers.get("ce_time")) if len(names) == 1 else (names or None, None)
        name, since = FACETS[facet]
        return self.data.get(name), self.data.get(since)


@dataclass(frozen=True, slots=True)
class Told:
    """An event as WFM took it."""

    id: str
    subject: str
    sequence: str


def rows(file: Path) -> list[Row]:
    """Through SQLite's own reader and the view for people: none of our code is in between."""
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as database:
        found = database.execute("SELECT topic, partition, offset, key, headers, value FROM log").fetchall()
        (whole,) = database.execute("PRAGMA integrity_check").fetchone()
    if whole != "ok":
        raise AssertionError(f"{file} is damaged: {whole}")
    return [Row(t, p, o, key, json.loads(headers), value or "") for t, p, o, key, headers, value in found]


def violations(
    posts: Sequence[Post], log: Sequence[Row], told: Sequence[Told] | None = None, *, dense: bool = True
) -> list[str]:
    """`told` None: there was no WFM system. `dense` False: not each offset is a record (Kafka's transactions)."""
    clean = sorted((row for row in log if row.topic in CLEAN), key=lambda row: (row.topic, row.partition, row.offset))
    found = [*_empty(posts), *_lost(posts, log), *_invented(posts, log), *_fates(log), *_twice(clean)]
    found += [*_scattered(log), *(_gaps(log) if dense else ())]
    found += [*_untrue(posts, clean), *_back(clean), *_overwritten(posts, log, clean)]
    if told is not None:
        found += [*told_wrongly(told, clean)]
    return found


def _raw(log: Iterable[Row]) -> Iterator[Row]:
    return (row for row in log if row.topic == "genesys.raw")


def _empty(posts: Sequence[Post]) -> Iterator[str]:
    if not any(post.acknowledged for post in posts):
        yield "empty: nothing was acknowledged, so this history shows nothing"


def _lost(posts: Sequence[Post], log: Sequence[Row]) -> Iterator[str]:
    kept = {(row.id, row.value) for row in _raw(log)}
    for post in posts:
        if post.acknowledged and (post.id, post.body) not in kept:
            yield f"lost: {post.id} was acknowledged and is not in raw"


def _invented(posts: Sequence[Post], log: Sequence[Row]) -> Iterator[str]:
    sent = {(post.id, post.body) for post in posts}
    for row in _raw(log):
        if (row.id, row.value) not in sent and row.headers.get("ce_type") not in OWN:
            yield f"invented: {row.place} holds {row.id}, which nobody sent like this"


def _fates(log: Sequence[Row]) -> Iterator[str]:
    """Each raw record ends once: as a clean record, a fate, or a dead letter. (What a replay ends as comes on top.)"""
    raw: Counter[tuple[str, str]] = Counter()
    ends: Counter[tuple[str, str]] = Counter()
    parked: Counter[str] = Counter()
    for row in log:
        if row.topic == "genesys.raw":
            raw[row.id, hashlib.sha256(row.value.encode()).hexdigest()[:8]] += 1
        elif row.topic in CLEAN or row.topic == "genesys.fates":
            ends[row.cause] += 1
        elif row.headers.get("dlq_topic") == "genesys.raw" and row.headers.get("dlq_replayed") == "0":
            ends[row.id, hashlib.sha256(row.value.encode()).hexdigest()[:8]] += 1
            parked[row.headers["dlq_id"]] += 1
    for event in raw.keys() | ends.keys():
        if raw[event] != ends[event]:
            yield f"fate: {event[0]} is in raw {raw[event]} times and ended {ends[event]} times"
    for place, count in parked.items():
        if count > 1:
            yield f"fate: {place} is among the dead letters {count} times"


def _twice(clean: Sequence[Row]) -> Iterator[str]:
    for (topic, event), count in Counter((row.topic, row.id) for row in clean).items():
        if count > 1:
            yield f"twice: {topic} holds {event} {count} times"


def _scattered(log: Sequence[Row]) -> Iterator[str]:
    """Order holds within a partition only: a subject has one, the same in every topic."""
    homes: dict[str, set[int]] = defaultdict(set)
    for row in log:
        homes[row.key].add(row.partition)
    for key, partitions in homes.items():
        if len(partitions) > 1:
            yield f"order: {key} lies in partitions {sorted(partitions)}"


def _gaps(log: Sequence[Row]) -> Iterator[str]:
    """For logs from which nothing was compacted."""
    offsets: dict[tuple[str, int], list[int]] = defaultdict(list)
    for row in log:
        offsets[row.topic, row.partition].append(row.offset)
    for (topic, partition), found in offsets.items():
        if sorted(found) != list(range(len(found))):
            yield f"order: the offsets of {topic}-{partition} are not 0 to {len(found) - 1}"


def _untrue(posts: Sequence[Post], clean: Sequence[Row]) -> Iterator[str]:
    """A clean record says of its own facet what its cause has said."""
    sent = {post.id: post for post in posts if post.facet in STATES}
    for row in clean:
        cause = sent.get(row.cause[0])
        if cause and row.topic == STATES[cause.facet] and row.says(cause.facet) != (cause.value, cause.at):
            value, since = row.says(cause.facet)
            yield f"untrue: {row.place} says {value} since {since}, its cause {cause.value} since {cause.at}"


def _back(clean: Sequence[Row]) -> Iterator[str]:
    last: dict[tuple[str, str], str] = {}
    for row in clean:
        for facet, topic in STATES.items():
            if row.topic != topic:
                continue
            at, before = row.says(facet)[1], last.get((row.key, facet))
            if before and (not at or at < before):
                yield f"back: {row.place} sets {facet} of {row.key} from {before} to {at}"
            if at:
                last[row.key, facet] = at


def _overwritten(posts: Sequence[Post], log: Sequence[Row], clean: Sequence[Row]) -> Iterator[str]:
    """The last clean state is what a perfect delivery of all that is in raw would have given."""
    arrived = {row.id for row in _raw(log)}
    newest: dict[tuple[str, str], tuple[str, str, str]] = {}
    for post in posts:
        if post.facet in STATES and post.id in arrived:
            known = newest.get((post.subject, post.facet), ("", "", ""))
            newest[post.subject, post.facet] = max(known, (post.at, post.id, post.value))
    state = {(row.topic, row.key): row for row in clean}
    for (subject, facet), (at, _, value) in newest.items():
        row = state.get((STATES[facet], subject))
        shown, since = row.says(facet) if row else (None, None)
        if (shown, since) != (value, at):
            yield f"stale: {facet} of {subject} is {shown} since {since}, not {value} since {at}"


def told_wrongly(told: Sequence[Told], clean: Sequence[Row]) -> Iterator[str]:
    """WFM knows each event by one place, and of each subject the last."""
    places = {row.id: f"{row.partition}-{row.offset}" for row in clean if row.topic == "genesys.presence"}
    for event in told:
        if places.get(event.id) != event.sequence:
            yield f"wfm: {event.id} was told as {event.sequence}, the topic has it at {places.get(event.id)}"
    known = {event.id for event in told}
    for row in {row.key: row for row in clean if row.topic == "genesys.presence"}.values():
        if row.id not in known:
            yield f"wfm: the last state of {row.key}, {row.id}, was never told"


@dataclass(frozen=True, slots=True)
class Shown:
    """One occurrence of a calendar entry, as a person's program shows it."""

    title: str
    start: str
    end: str


def shown_wrongly(calendars: Mapping[str, Sequence[Shown]], clean: Sequence[Row]) -> Iterator[str]:
    """`calendars`: by collection what it shows within the horizon. Each shows the last state of its group, once."""
    last = {row.key: row for row in clean if row.topic == "genesys.schedules"}
    for key, row in last.items():
        name = key.replace("/", "-")
        title, _ = row.says(HOURS)
        wanted = Counter(Shown(title, one["start"], one["end"]) for one in row.data["intervals"])
        there = Counter(calendars.get(name, ()))
        for one, count in (wanted - there).items():
            yield f"calendar: {name} lacks {count} x {one.title} from {one.start} to {one.end}"
        for one, count in (there - wanted).items():
            yield f"calendar: {name} shows {count} x {one.title} from {one.start} to {one.end}, which is not so"
    for name in calendars.keys() - {key.replace("/", "-") for key in last}:
        yield f"calendar: {name} belongs to nothing that was published"
