"""The demo, judged by the report that it writes from the far sides' books."""

from __future__ import annotations

import re
import signal
from itertools import pairwise

import orjson
import pytest

from processor.app.log import open_log
from processor.settings import load
from tests.e2e.programs import child

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CASES = {"as it is": [], "killed while WFM is away": ["--kill-at", "9", "--wfm-down", "1.4..17"]}
GUIDE = ["--dialect", "guide"]


async def played(tmp_path, *more):
    """The report of a demo that ended well, and what it told."""
    report = tmp_path / "report.json"
    words = ("demo", "--seconds", "20", "--folder", tmp_path / "all", "--report", report, *more)
    async with child(*words, cwd=tmp_path) as process:
        out, err = (part.decode() for part in await process.communicate())
    assert process.returncode == 0, out + err
    assert err == ""
    logs = [orjson.loads(line) for line in (tmp_path / "all" / "product.log").read_text().splitlines()]
    assert [line for line in logs if line["level"] == "error"] == []
    return orjson.loads(report.read_bytes()), out


def defended(found, out):
    assert (found["lost"], found["duplicated"], found["findings"], found["deadLetters"]) == (0, 0, [], 0)
    assert min(found[name] for name in ("breaches", "adjustments", "restores", "decisions")) >= 1
    for word in ("BREACH", "ADJUST", "RESTORE", "in Genesys: Email Support"):
        assert word in out


@pytest.mark.parametrize("accident", CASES.values(), ids=CASES)
async def test_a_queue_is_defended_and_nothing_is_lost(tmp_path, accident):
    found, out = await played(tmp_path, *accident)
    defended(found, out)
    assert found["synced"]["wfm"] > 500
    assert found["synced"]["calendar"] > 500
    assert found["received"] > 1000
    assert found["staleDropped"] >= 1, "the floor sends late, on purpose"
    assert set(found["latencyMs"]["clean"]) == {"p50", "p99"}
    clock = [line[2:7] for line in out.splitlines() if re.match(r"  \d\d:\d\d  ", line)]
    assert clock == sorted(clock, key=lambda at: (at < clock[0], at)), "told in the order in which it happened"
    if accident:
        assert {"calendar-write", "queue-adjust", "queue-restore"} <= await done_while_wfm_was_away(tmp_path / "all")


async def test_the_same_in_the_guides_dialect_killed_while_wfm_is_away(tmp_path):
    """Their API tells less: no routing status, no half hours; what is looked up makes up most of what arrives."""
    found, out = await played(tmp_path, *GUIDE, *CASES["killed while WFM is away"])
    defended(found, out)
    assert found["synced"]["wfm"] > 100
    assert found["synced"]["calendar"] > 200
    assert found["received"] > 20


async def done_while_wfm_was_away(folder):
    """The kinds of effects in the longest pause between two pushes."""
    rows = []
    async with open_log(load({"PROCESSOR_LOG": f"sqlite:///{folder / 'events.db'}"})) as log:
        for partition in range(log.partitions):
            start, end = await log.bounds("genesys.outcomes", partition)
            read = log.read("genesys.outcomes", partition, start, end)
            rows.extend([(record.timestamp, orjson.loads(record.message.value)["kind"]) async for record in read])
    pushes = sorted(when for when, kind in rows if kind.startswith("wfm-"))
    first, last = max(pairwise(pushes), key=lambda pair: pair[1] - pair[0])
    assert (last - first).total_seconds() > 8
    return {kind for when, kind in rows if first < when < last}


async def test_ctrl_c_drains_everything(tmp_path):
    async with child("demo", "--folder", tmp_path) as process:
        async for line in process.stdout:
            if b"clean," in line:
                break
        process.send_signal(signal.SIGINT)
        out, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert "ended cleanly" in out.decode()
