"""A key that is erased is gone: from every topic, from the file's bytes, and the others are as they were."""

from __future__ import annotations

from hashlib import sha256

from processor.eventlog import Message
from processor.eventlog.sqlite_verify import verify
from tests.contract.filelog import no_offsets, nothing, open_log, rows, state


def bytes_on_disk(file) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(file.parent.iterdir()))


async def test_every_record_of_a_key_goes_with_its_bytes(file):
    async with open_log(file) as log:
        for number in range(300):
            await log.append([state("agent/ann", f"SECRET-{number:04}"), state("agent/bob", f"{number}")])
        await log.append([Message("things", "agent/ann", b"SECRET-0300"), Message("kept", "agent/bob", b"about ann")])
        assert b"SECRET-" in bytes_on_disk(file)
        assert await log.erase("agent/ann", {}) == {"things": 1, "states": 300, "kept": 0}
        assert b"SECRET-" not in bytes_on_disk(file)
        assert await rows(log, "states") == [("agent/bob", str(number).encode()) for number in range(300)]
        assert await log.bounds("states", 0) == (1, 600)
        assert await log.erase("agent/ann", {}) == {"things": 0, "states": 0, "kept": 0}
        await log.append([state("agent/ann", "back")])
        assert (await rows(log, "states"))[-1] == ("agent/ann", b"back")


async def test_what_must_stay_is_reduced(file):
    async with open_log(file) as log:
        await log.append([Message("kept", "a", b"long"), Message("kept", "a", b"gone"), Message("kept", "b", b"other")])
        reduce = {"kept": lambda value: value[:1] if value == b"long" else None}
        assert (await log.erase("a", reduce))["kept"] == 2
        assert await rows(log, "kept") == [("a", b"l"), ("b", b"other")]


async def test_what_was_reduced_is_not_taken_for_damage(file):
    digest = sha256(b"long").hexdigest()
    async with open_log(file) as log:
        await log.append([Message("kept", "a", b"long", {"ce_datadigest": digest, "ce_id": "1"})])
        await log.erase("a", {"kept": lambda value: value[:1]})
        (record,) = [one async for one in log.read("kept", 0, 0, 1)]
    assert record.message.headers == {"ce_datadigest": sha256(b"l").hexdigest(), "ce_id": "1"}
    assert verify(file).damages == []


async def test_the_newest_is_spared_where_somebody_has_not_read_it(file):
    async with open_log(file) as log, log.subscribe("states", "readers", nothing, no_offsets) as subscription:
        await log.append([state("a", number) for number in "012"])
        assert await log.behind("a") == {}
        await subscription.commit({0: 2})
        assert await log.behind("a") == {"readers": "states"}
        await log.erase("a", {}, {"states"})
        assert await rows(log, "states") == [("a", b"2")]
        await subscription.commit({0: 3})
        assert await log.behind("a") == {}


async def test_it_is_known_whether_a_group_is_held(file):
    async with open_log(file) as log:
        assert not log.held("readers")
        async with log.subscribe("states", "readers", nothing, no_offsets):
            assert log.held("readers")
        assert not log.held("readers")
