"""Recurrence rules as Genesys writes them, against a calendar read day by day."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.normalise.rrule import occurrences
from processor.errors import PoisonError
from processor.timezones import zone

DAY = timedelta(days=1)
NEW_YORK = zone("America/New_York")
START = datetime(2026, 1, 5, 8)  # noqa: DTZ001 - a Monday, on the wall
CODES = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def by_hand(frequency, interval, *, days, month_days, months, count, until, left_out, first, last):
    """Day by day, as one reads a calendar."""
    found, counted = [], 0
    for n in range((last - START).days + 2):
        moment = START + n * DAY
        if until and moment > until:
            break
        matches = {
            "DAILY": n % interval == 0,
            "WEEKLY": (n + START.weekday()) // 7 % interval == 0,
            "MONTHLY": ((moment.year - START.year) * 12 + moment.month - START.month) % interval == 0,
            "YEARLY": (moment.year - START.year) % interval == 0,
        }[frequency]
        if days and moment.weekday() not in days:
            continue
        if month_days and moment.day not in month_days:
            continue
        if (months and moment.month not in months) or not matches:
            continue
        counted += 1
        if count and counted > count:
            break
        if first <= moment <= last and moment.date() not in left_out:
            found.append(moment)
    return found


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_rules_against_a_calendar_read_day_by_day(data):
    draw = data.draw
    frequency = draw(st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]))
    interval = draw(st.integers(1, 4))
    days = draw(st.sets(st.integers(0, 6), max_size=4)) if frequency in {"DAILY", "WEEKLY"} else set()
    month_days = (
        draw(st.sets(st.integers(1, 28), min_size=1, max_size=3)) if frequency in {"MONTHLY", "YEARLY"} else set()
    )
    months = draw(st.sets(st.integers(1, 12), min_size=1, max_size=3)) if frequency == "YEARLY" else set()
    if frequency == "WEEKLY" and not days:
        days = {START.weekday()}
    ending = draw(st.sampled_from(["", "COUNT", "UNTIL"]))
    count = draw(st.integers(1, 60)) if ending == "COUNT" else 0
    until = START + draw(st.integers(0, 700)) * DAY if ending == "UNTIL" else None
    left_out = {(START + n * DAY).date() for n in draw(st.sets(st.integers(0, 800), max_size=5))}
    text = f"FREQ={frequency};INTERVAL={interval}"
    text += ";BYDAY=" + ",".join(CODES[day] for day in sorted(days)) if days else ""
    text += ";BYMONTHDAY=" + ",".join(map(str, sorted(month_days))) if month_days else ""
    text += ";BYMONTH=" + ",".join(map(str, sorted(months))) if months else ""
    text += f";COUNT={count}" if count else ""
    text += f";UNTIL={until:%Y%m%dT%H%M%S}" if until else ""
    if left_out:
        text = f"RRULE:{text}\nEXDATE:" + ",".join(f"{day:%Y%m%d}T080000" for day in sorted(left_out))
    first = START + draw(st.integers(-20, 600)) * DAY
    last = first + 90 * DAY
    expected = by_hand(
        frequency,
        interval,
        days=days,
        month_days=month_days,
        months=months,
        count=count,
        until=until,
        left_out=left_out,
        first=first,
        last=last,
    )
    assert occurrences(text, START, first, last, NEW_YORK) == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("FREQ=DAILY;UNTIL=20260107", [5, 6, 7]),
        ("FREQ=DAILY;UNTIL=20260107T080000", [5, 6, 7]),
        ("FREQ=DAILY;UNTIL=20260107T125959Z", [5, 6]),
        ("FREQ=DAILY;UNTIL=20260107T130000Z", [5, 6, 7]),
        ("FREQ=DAILY;UNTIL=20250101", []),
        ("FREQ=DAILY;COUNT=2;", [5, 6]),
        ("rrule:freq=weekly;byday=tu", [6, 13]),
        ("FREQ=MONTHLY;BYDAY=2WE", [14]),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE;BYSETPOS=2", [6]),
        ("RRULE:FREQ=DAILY;COUNT=3\r\nEXDATE;VALUE=DATE:20260106", [5, 7]),
        ("RRULE:FREQ=DAILY;COUNT=3\\nEXDATE:20260106T130000Z", [5, 7]),
        ("RRULE:FREQ=DAILY;COUNT=1\nRDATE:20260109T080000\nDTSTART:20200101T000000", [5, 9]),
        ("FREQ=WEEKLY;BYMONTH=1;COUNT=2", [5, 12]),
        ("FREQ=DAILY;BYMONTH=2", []),
    ],
)
def test_rules_as_they_are_written(rule, expected):
    found = occurrences(rule, START, START, START + 10 * DAY, NEW_YORK)
    assert [one.day for one in found] == expected


def test_for_ever_does_not_overflow_in_any_zone():
    for name in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        assert len(occurrences("FREQ=DAILY;UNTIL=99991231T235959Z", START, START, START + 9 * DAY, zone(name))) == 10


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=SECONDLY",
        "FREQ=HOURLY;INTERVAL=2",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;INTERVAL=-1",
        "FREQ=DAILY;COUNT=0",
        "FREQ=DAILY;BYMINUTE=0,1,2",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=WEEKLY;BYDAY=XX",
        "FREQ=WEEKLY;UNTIL=tomorrow",
        "FREQ=WEEKLY;UNTIL=20261399",
        "BYDAY=MO",
        "every day",
        "EXRULE:FREQ=DAILY",
        "FREQ=DAILY;WKST=" + "x" * 10_000,
        "FREQ=DAILY;INTERVAL=" + "1" * 5_000,
        "FREQ=MONTHLY;COUNT=" + "1" * 5_000,
        "FREQ=MONTHLY;BYDAY=" + "9" * 25 + "MO",
        "FREQ=YEARLY;BYEASTER=100000",
        "FREQ=YEARLY;BYHOUR=" + "9" * 25,
    ],
)
def test_rules_that_no_server_should_run(rule):
    with pytest.raises(PoisonError) as refused:
        occurrences(rule, START, START, START + 10 * DAY, NEW_YORK)
    assert refused.value.field == "rrule"
    assert len(str(refused.value)) < 400
