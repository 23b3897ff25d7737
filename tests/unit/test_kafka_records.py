"""What a message takes of a batch is known before its bytes are made, as text of any script."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from processor.errors import PoisonError
from processor.eventlog import Message
from processor.eventlog.kafka_records import OVERHEAD, encode, fill

MOST = 1 << 20


class Batch:
    """As aiokafka makes them, with room for one record."""

    def __init__(self) -> None:
        self._builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, MOST)
        self._count = 0

    def append(self, *, timestamp: int | None, key: bytes, value: bytes, headers: list[tuple[str, bytes]]) -> object:
        self._count += 1
        return self._builder.append(self._count - 1, timestamp or 0, key, value, headers) if self._count == 1 else None

    def size(self) -> int:
        return len(self._builder.build())


@pytest.mark.parametrize("headers", [{}, {f"{n:03d}": "" for n in range(300)}, {"é" * 500: "x"}, {"x": "日" * 500}])
@pytest.mark.parametrize(("key", "value"), [("k", None), ("k" * 300, b"v" * 70_000), ("ü" * 300, b"")])
def test_no_message_takes_more_than_was_said_nor_much_less(
    key: str, value: bytes | None, headers: Mapping[str, str]
) -> None:
    ((row,),) = encode([Message("things", key, value, headers)], 1, {"things": MOST}).values()
    batch = Batch()
    assert fill(batch, [row, row], 0, None) == 1
    assert batch.size() <= row.size <= batch.size() + OVERHEAD + 10 * len(headers)
    with pytest.raises(PoisonError, match="bytes are more than the topic things takes"):
        encode([row.message], 1, {"things": row.size - 1})


@pytest.mark.parametrize(
    "message",
    [
        Message("things", "\ud800", b""),
        Message("things", "k", b"", {"\ud800": ""}),
        Message("things", "k", b"", {"x": "\ud800"}),
        Message("things", "k", b"", {"x": b"bytes"}),  # type: ignore[dict-item]
    ],
)
def test_what_cannot_be_written_is_found_before_its_batch(message: Message) -> None:
    with pytest.raises(PoisonError, match="this message cannot be written"):
        encode([message], 1, {"things": MOST})
