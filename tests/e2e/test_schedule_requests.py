"""Working hours from a request to the clean topic and back again, in both dialects, and the report about them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sandbox.names import EMAIL, uid
from sandbox.options import Options
from sandbox.run import running as sandbox_running
from tests.e2e.centre import connected
from tests.e2e.programs import Product, eventually, running

GROUP, HOURS = uid("schedule-group", "New York Support"), uid("schedule", "Support Hours")
EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "requests"
SUBJECTS = {"guide": f"schedule-group/{GROUP}", "platform": f"schedule/{HOURS}"}
IDS = {"guide": f"{GROUP}/{HOURS}", "platform": HOURS}
WEEK = {"guide": 44, "platform": 45}


async def pattern(product: Product) -> dict[str, Any]:
    """The schedule as the clean topic has it last."""
    groups = [one["value"] for one in await product.topic("schedules") if one["value"]["groupId"] == GROUP]
    found = [one["pattern"] for one in groups[-1]["schedules"] if one["scheduleId"] == HOURS] if groups else []
    return found[0] if found else {}


async def shows(product: Product, hour: str) -> None:
    """Until the first opening of the schedule begins at this hour."""

    async def look() -> bool:
        seen = await pattern(product)
        begins = [entry["startTime"] for entry in seen.get("entries", ())] or [str(seen.get("start")).partition("T")[2]]
        return begins[0].startswith(hour)

    await eventually(look)


@pytest.mark.slow
@pytest.mark.parametrize("dialect", SUBJECTS)
async def test_a_request_shows_in_the_clean_topic_and_is_taken_back(dialect: str, tmp_path: Path) -> None:
    options = Options(port=0, wfm_port=0, quiet=True, dialect=dialect, rate_limit=10_000)
    async with sandbox_running(options) as sandbox, running(tmp_path, **connected(sandbox)) as product:
        await shows(product, "08:00")
        done = await product.command("request", EXAMPLES / f"schedule.{dialect}.yaml", "--wait")
        assert done.code == 0, done.err
        await shows(product, "09:00")
        (record,) = [one for one in await product.topic("outcomes") if one["value"]["kind"] == "schedule"]
        outcome = record["value"]
        assert (outcome["status"], record["key"]) == ("done", SUBJECTS[dialect])
        assert outcome["audit"]["details"].endswith(f"Hours: {WEEK[dialect]}.00")
        report = await product.command("report", "schedule", IDS[dialect], "--queue", EMAIL.id, "--json")
        (told,) = report.lines
        assert (told["requests"], told["validationSuccessRate"], told["totalWeeklyHours"]) == (1, 1, WEEK[dialect])
        assert told["configLatencyMs"] == outcome["latencyMs"]
        undone = await product.command("request", "--undo", outcome["requestId"], "--wait")
        assert undone.code == 0, undone.err
        await shows(product, "08:00")
        people = await product.command("report", "schedule", IDS[dialect])
        assert "requests: 2\n" in people.out
        assert "totalWeeklyHours: 50.0\n" in people.out
