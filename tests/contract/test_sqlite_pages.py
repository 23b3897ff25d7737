"""How much the log in one file reads at once, and with how few statements it writes."""

from __future__ import annotations

import pytest

from processor.eventlog import Message
from processor.eventlog import sqlite as log_module
from processor.eventlog.sqlite_reader import PAGE_BYTES, PAGE_RECORDS, page
from processor.eventlog.sqlite_writer import _insert_rows
from tests.contract.filelog import content, open_log


@pytest.mark.parametrize(
    ("sizes", "pages"),
    [
        ([1] * (2 * PAGE_RECORDS + 1), [PAGE_RECORDS, PAGE_RECORDS, 1]),
        ([PAGE_BYTES // 3] * 5, [2, 2, 1]),  # headers count too
        ([PAGE_BYTES + 1, 1, PAGE_BYTES + 1], [1, 1, 1]),
        ([1, PAGE_BYTES + 1], [1, 1]),
    ],
)
async def test_a_page_is_what_its_bounds_allow_and_at_least_one_record(file, monkeypatch, sizes, pages):
    found = []

    def counted(connection, **words):
        records = page(connection, **words)
        found.append(len(records))
        return records

    monkeypatch.setattr(log_module, "page", counted)
    async with open_log(file) as log:
        await log.append([Message("things", "a", bytes(size), {"ce_id": "1"}) for size in sizes])
        records = await content(log, "things")
        assert [len(record.message.value or b"") for record in records] == sizes
    assert found == pages


class Connection:
    """Notes how many rows come with each statement."""

    def __init__(self) -> None:
        self.rows: list[int] = []

    def execute(self, statement: str, values: list[object]) -> None:
        assert statement.count("?") == len(values)
        self.rows.append(len(values) // 5)


@pytest.mark.parametrize(
    ("count", "statements"),
    [(0, []), (1, [1]), (63, [63]), (64, [64]), (65, [64, 1]), (512, [512]), (1_100, [512, 512, 64, 12])],
)
def test_rows_are_written_with_few_statements(count, statements):
    connection = Connection()
    _insert_rows(connection, [0] * count * 5)
    assert connection.rows == statements
