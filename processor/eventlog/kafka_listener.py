"""What a consumer's coordination calls when partitions come and go; it swallows what these raise, so they do not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.structs import TopicPartition

from processor.eventlog.kafka_seats import Seats


class Listener(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka ships no types
    """One for each consumer."""

    def __init__(self, seats: Seats, told_of: Callable[[], None]) -> None:
        """`told_of` counts."""
        self._seats = seats
        self._told_of = told_of

    async def on_partitions_revoked(self, _: Sequence[TopicPartition]) -> None:
        """Drained before it returns: the group waits for us."""
        await self._seats.revoked()

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Returns at once: no heartbeat goes out meanwhile."""
        self._told_of()
        self._seats.assigned(list(assigned))
