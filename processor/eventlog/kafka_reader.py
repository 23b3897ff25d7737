"""Questions to Kafka that belong to no consumer group: where a partition ends, what it holds, what is committed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

from aiokafka import errors
from aiokafka.client import ConnectionGroup, CoordinationType
from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
from aiokafka.protocol.admin import DescribeConfigsRequest
from aiokafka.protocol.commit import OffsetFetchRequest
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition

from processor.errors import FatalError
from processor.eventlog import Record
from processor.eventlog.kafka_asking import PAUSE_SECONDS, Asking, check_code
from processor.eventlog.kafka_connection import Connection
from processor.eventlog.kafka_records import decode

LATEST, EARLIEST = -1, -2
TOPIC_RESOURCE = 2
FRESH_SECONDS = 0.02
"""The ends of a topic are asked for all partitions at once; whoever asks next within this gets the same answer."""
STARTS_FRESH_SECONDS = 10.0
PAGE_BYTES = 1024 * 1024
ABOUT_A_RECORD = 4096
"""Bytes; a broker gives at least one batch whatever was asked."""
WAIT_MS = 100
TRIES_FOR_A_NEW_TOPIC = 40
"""A broker knows a topic some 100 ms after it was created."""


class Reader(Asking):
    """Reads committed records only. `RetryableError` when a question is not answered, see `Asking`."""

    def __init__(self, connection: Connection, topics: Sequence[str], partitions: int) -> None:
        super().__init__(connection, topics)
        self.partitions = partitions
        self._clock = asyncio.get_running_loop().time
        self._ends: dict[str, tuple[float, dict[int, int]]] = {}
        self._starts: dict[str, tuple[float, dict[int, int]]] = {}
        self._floors: dict[TopicPartition, int] = {}
        self._coordinators: dict[str, int] = {}

    def forget(self, topic: str | None = None) -> None:
        """The ends of this one, or of all, have moved: the next question goes to the brokers."""
        for name in self._ends.copy() if topic is None else (topic,):
            self._ends.pop(name, None)

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """The first offset kept and the end that a reader of committed records sees now."""
        self.check_topic(topic)
        if not 0 <= partition < self.partitions:
            raise FatalError(f"this event log has no partition {partition} of a topic {topic!r}")
        starts = await self._recent(self._starts, topic, EARLIEST, STARTS_FRESH_SECONDS)
        ends = await self._recent(self._ends, topic, LATEST, FRESH_SECONDS)
        floor = self._floors.pop(TopicPartition(topic, partition), 0)
        if ends[partition] < floor:
            ends = await self._insist(
                f"{topic} {partition} ends too early", lambda: self._past(topic, partition, floor)
            )
        return starts[partition], max(starts[partition], ends[partition])

    def expect(self, place: TopicPartition, end: int) -> None:
        """We have committed up to here: a broker shows it some milliseconds after it has said so."""
        self._floors[place] = max(end, self._floors.get(place, 0))
        self.forget(place.topic)

    async def _past(self, topic: str, partition: int, floor: int) -> dict[int, int]:
        ends = await self._list(topic, LATEST)
        if ends[partition] < floor:
            raise errors.LeaderNotAvailableError(f"{ends[partition]} is before {floor}")
        self._ends[topic] = self._clock(), ends
        return ends

    async def _recent(
        self, known: dict[str, tuple[float, dict[int, int]]], topic: str, which: int, fresh: float
    ) -> dict[int, int]:
        asked, answer = known.get(topic, (-fresh, {}))
        if self._clock() - asked < fresh and answer:
            return answer
        asked = self._clock()
        answer = await self._insist(f"no ends of {topic}", lambda: self._list(topic, which))
        known[topic] = asked, answer
        return answer

    async def _list(self, topic: str, which: int) -> dict[int, int]:
        by_leader: dict[int, list[tuple[int, int]]] = {}
        for partition in range(self.partitions):
            by_leader.setdefault(self._leader(topic, partition), []).append((partition, which))
        requests = [OffsetRequest(-1, READ_COMMITTED, [(topic, asked)]) for asked in by_leader.values()]
        answers = await asyncio.gather(*map(self._client.send, by_leader, requests))
        found: dict[int, int] = {}
        for answer in answers:
            for _, parts in answer.topics:
                for partition, code, _, offset in parts:
                    check_code(code)
                    found[partition] = offset
        return found

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[Record]:
        """A page at a time."""
        first, last = await self.bounds(topic, partition)
        position, end = max(start, first), min(end, last)
        while position < end:
            what = f"{topic} {partition} cannot be read at {position}"
            records, following = await self._insist(what, self._page_at(topic, partition, position, end))
            for record in records:
                if record.offset >= end:
                    return
                yield record
            position = following

    def _page_at(
        self, topic: str, partition: int, position: int, end: int
    ) -> Callable[[], Awaitable[tuple[Sequence[Record], int]]]:
        async def page() -> tuple[Sequence[Record], int]:
            size = min(PAGE_BYTES, (end - position) * ABOUT_A_RECORD)
            request = FetchRequest(WAIT_MS, 1, size, READ_COMMITTED, [(topic, [(partition, position, size)])])
            answer = await self._client.send(self._leader(topic, partition), request)
            (_, ((_, code, _, *rest),)) = answer.topics[0]
            if errors.for_code(code) is errors.OffsetOutOfRangeError:
                return await self._kept(topic, partition, position)
            check_code(code)
            found = PartitionRecords(
                TopicPartition(topic, partition),
                MemoryRecords(rest[-1]),
                rest[2] if answer.API_VERSION >= 11 else rest[-2],
                position,
                None,
                None,
                True,
                READ_COMMITTED,
            )
            records = decode(topic, partition, found)
            if found.next_fetch_offset == position:
                raise errors.NotEnoughReplicasError(f"nothing came of {topic} {partition} at {position}")
            return records, found.next_fetch_offset

        return page

    async def _kept(self, topic: str, partition: int, position: int) -> tuple[Sequence[Record], int]:
        """Retention was faster than we: go on where the partition begins now."""
        starts = await self._list(topic, EARLIEST)
        self._starts[topic] = self._clock(), starts
        if starts[partition] <= position:
            raise errors.OffsetOutOfRangeError(f"{topic} {partition} has no offset {position}")
        return (), starts[partition]

    async def reaches(self, topic: str, partition: int, offset: int) -> bool:
        """Whether its leader has it up to here; what a reader of committed records sees may end earlier for a while."""

        async def ask() -> bool:
            request = FetchRequest(0, 0, 1, READ_COMMITTED, [(topic, [(partition, offset, 1)])])
            answer = await self._client.send(self._leader(topic, partition), request)
            (_, ((_, code, *_rest),)) = answer.topics[0]
            if errors.for_code(code) is errors.OffsetOutOfRangeError:
                return False
            check_code(code)
            return True

        return await self._insist(f"{topic} {partition} does not say where it ends", ask)

    async def committed(self, group: str, topic: str) -> Mapping[int, int]:
        """As the group's coordinator has it; 0 says no more than nothing."""
        self.check_topic(topic)
        return await self._insist(f"no offsets of {group}", lambda: self._offsets(group, topic))

    async def _offsets(self, group: str, topic: str) -> dict[int, int]:
        node = self._coordinators.get(group)
        if node is None:
            node = self._coordinators[group] = await self._client.coordinator_lookup(CoordinationType.GROUP, group)
        try:
            request = OffsetFetchRequest(group, [(topic, list(range(self.partitions)))])
            answer = await self._client.send(node, request, group=ConnectionGroup.COORDINATION)
            found: dict[int, int] = {}
            for _, parts in answer.topics:
                for partition, offset, _, code in parts:
                    check_code(code)
                    found[partition] = offset
            check_code(getattr(answer, "error_code", 0))
        except (errors.KafkaError, OSError):
            self._coordinators.pop(group, None)
            raise
        return {partition: offset for partition, offset in found.items() if offset > 0}

    async def check(self, fewest: Mapping[str, int], seconds: float) -> None:
        """Raise `RetryableError` when a partition could not take an append. `fewest`: replicas it needs, by topic."""
        await self._insist("an append would fail", lambda: self._check(fewest), seconds)

    async def _check(self, fewest: Mapping[str, int]) -> None:
        answer = await self._client.send(self._node(), MetadataRequest(list(fewest), allow_auto_topic_creation=False))
        for code, topic, *_, parts in answer.topics:
            check_code(code)
            for code_here, partition, leader, _replicas, in_sync, *_offline in parts:
                if leader < 0 or len(in_sync) < fewest[topic]:
                    reason = f"{topic} {partition} has {len(in_sync)} replicas in sync and needs {fewest[topic]}"
                    raise errors.NotEnoughReplicasError(f"{reason}, error {code_here}")

    async def settings(self, names: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """These settings of each topic, as the brokers have them; none of one whose settings we may not see.

        Raises `FatalError` for a topic that is not there.
        """

        async def ask() -> dict[str, dict[str, str]]:
            resources = [(TOPIC_RESOURCE, topic, list(names)) for topic in sorted(self._topics)]
            answer = await self._client.send(self._node(), DescribeConfigsRequest(resources, include_synonyms=False))
            found: dict[str, dict[str, str]] = {}
            for code, _, _, topic, entries in answer.resources:
                if errors.for_code(code) is errors.TopicAuthorizationFailedError:
                    found[topic] = {}
                elif errors.for_code(code) is not errors.UnknownTopicOrPartitionError:
                    check_code(code)
                    found[topic] = {entry[0]: entry[1] for entry in entries}
            return found

        for _ in range(TRIES_FOR_A_NEW_TOPIC):
            found = await self._insist("no settings of topics", ask)
            if len(found) == len(self._topics):
                return found
            await asyncio.sleep(PAUSE_SECONDS)
        missing = ", ".join(sorted(self._topics - found.keys()))
        raise FatalError(f"Kafka has no topic {missing}: create what is missing with `genesys-processor topics`")

    async def partitions_of(self, topic: str) -> int:
        """How many there are."""

        async def ask() -> int:
            answer = await self._client.send(self._node(), MetadataRequest([topic], allow_auto_topic_creation=False))
            (code, _, *_, parts) = answer.topics[0]
            check_code(code)
            return len(parts)

        return await self._insist(f"nothing about {topic}", ask)
