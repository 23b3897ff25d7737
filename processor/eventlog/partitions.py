"""Where a key lives: the same partition on every log, so that a topic can move between them."""

from __future__ import annotations

from functools import lru_cache

from aiokafka.partitioner import murmur2


@lru_cache(maxsize=131_072)
def partition_of(key: str, partitions: int) -> int:
    """Kafka's default: murmur2 of the key's UTF-8 bytes, sign bit cleared, modulo `partitions`."""
    return (int(murmur2(key.encode())) & 0x7FFF_FFFF) % partitions
