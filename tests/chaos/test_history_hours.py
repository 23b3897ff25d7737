"""The judge of opening hours and of what calendars show of them: a planted fault of any kind is seen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice

import pytest

from tests.chaos.callers import events
from tests.chaos.history import HOURS, Post, Row, Shown, shown_wrongly, violations

POSTS = [replace(post, acknowledged=True) for post in islice(events(7, hours=True), 2_000) if post.facet == HOURS]
SPANS = (
    ("2026-03-09T08:00:00.000Z", "2026-03-09T17:00:00.000Z"),
    ("2026-03-10T08:00:00.000Z", "2026-03-10T17:00:00.000Z"),
)


def row(topic: str, of: Post, offset: int, headers: Mapping[str, str], value: str) -> Row:
    return Row(f"genesys.{topic}", sum(of.subject.encode()) % 4, offset, of.subject, headers, value)


def raw(of: Post, offset: int) -> Row:
    return row("raw", of, offset, {"ce_id": of.id, "ce_type": "schedule:updated"}, of.body)


def caused(of: Post) -> dict[str, str]:
    return {"ce_causationid": of.id, "ce_causedigest": hashlib.sha256(of.body.encode()).hexdigest()[:8]}


def clean(of: Post, offset: int) -> Row:
    data = {"schedules": [{"name": of.value}], "intervals": [{"start": start, "end": end} for start, end in SPANS]}
    return row("schedules", of, offset, {"ce_id": of.id, "ce_time": of.at, **caused(of)}, json.dumps(data))


def stale(of: Post, offset: int) -> Row:
    return row("fates", of, offset, {"ce_id": f"{of.id}@{offset}", **caused(of)}, '{"fate":"stale"}')


def history() -> list[Row]:
    """As a faultless product would have written it."""
    log: list[Row] = []
    known: dict[str, tuple[str, str]] = {}
    for offset, post in enumerate(POSTS):
        log.append(raw(post, offset))
        newer = (post.at, post.id) > known.get(post.subject, ("", ""))
        log.append((clean if newer else stale)(post, offset))
        known[post.subject] = max(known.get(post.subject, ("", "")), (post.at, post.id))
    return log


def last(log: Sequence[Row]) -> dict[str, Row]:
    return {one.key: one for one in log if one.topic == "genesys.schedules"}


def shown(log: Sequence[Row]) -> dict[str, list[Shown]]:
    return {
        key.replace("/", "-"): [Shown(one.says(HOURS)[0], start, end) for start, end in SPANS]
        for key, one in last(log).items()
    }


def test_a_faultless_history_passes() -> None:
    log = history()
    assert len(last(log)) == 4
    assert any(one.topic == "genesys.fates" for one in log), "some came too late"
    assert not violations(POSTS, log, dense=False)
    assert not list(shown_wrongly(shown(log), log))


def test_what_the_product_asks_itself_is_not_invented() -> None:
    log = history()
    first = POSTS[0]
    asked = replace(first, id="horizon@2026", body='{"day":"2026-03-09"}')
    log.append(replace(raw(asked, 9_000), headers={"ce_id": asked.id, "ce_type": "answer.horizon"}))
    log.append(stale(asked, 9_000))
    assert not violations(POSTS, log, dense=False)


def older(log: list[Row]) -> None:
    """What was true before is said again."""
    one = last(log)[POSTS[0].subject]
    before = next(other for other in log if other.topic == one.topic and other.key == one.key and other is not one)
    log.append(replace(before, offset=9_000, headers={**before.headers, "ce_id": "again"}))


def twice(log: list[Row]) -> None:
    log.append(replace(last(log)[POSTS[0].subject], offset=9_000))


def lost(log: list[Row]) -> None:
    log.remove(next(one for one in log if one.topic == "genesys.raw"))


def never_published(log: list[Row]) -> None:
    one = last(log)[POSTS[0].subject]
    log[log.index(one)] = replace(one, topic="genesys.fates")


def two_schedules(log: list[Row]) -> None:
    one = last(log)[POSTS[0].subject]
    log[log.index(one)] = replace(one, value=json.dumps({**one.data, "schedules": [*one.data["schedules"]] * 2}))


SEEN = (
    *((older, "back:"), (older, "stale:"), (twice, "twice:"), (lost, "lost:")),
    *((never_published, "stale:"), (two_schedules, "untrue:")),
)


@pytest.mark.parametrize(("plant", "told"), SEEN)
def test_it_sees(plant, told) -> None:
    log = history()
    plant(log)
    assert any(one.startswith(told) for one in violations(POSTS, log, dense=False))


def an_entry_less(there: dict[str, list[Shown]]) -> None:
    there["schedule-group-g-1"].pop()


def an_entry_twice(there: dict[str, list[Shown]]) -> None:
    there["schedule-group-g-1"].append(there["schedule-group-g-1"][0])


def the_hours_before(there: dict[str, list[Shown]]) -> None:
    entries = there["schedule-group-g-1"]
    entries[0] = replace(entries[0], title="Hours of the day before")


def another_end(there: dict[str, list[Shown]]) -> None:
    entries = there["schedule-group-g-1"]
    entries[0] = replace(entries[0], end="2026-03-09T18:00:00.000Z")


def of_nobody(there: dict[str, list[Shown]]) -> None:
    there["schedule-group-g-9"] = []


def no_calendar(there: dict[str, list[Shown]]) -> None:
    del there["schedule-group-g-1"]


@pytest.mark.parametrize(
    "plant", [an_entry_less, an_entry_twice, the_hours_before, another_end, of_nobody, no_calendar]
)
def test_it_sees_what_a_calendar_shows_wrongly(plant) -> None:
    log = history()
    there = shown(log)
    plant(there)
    found = list(shown_wrongly(there, log))
    assert found
    assert all(one.startswith("calendar:") for one in found)
