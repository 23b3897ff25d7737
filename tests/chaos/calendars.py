"""What the calendars show of the groups, as the judge wants it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from tests.chaos.callers import stamp
from tests.chaos.history import Row, Shown
from tests.contract.calendarclient import read_back


def calendars(home: str, log: Iterable[Row]) -> Mapping[str, Sequence[Shown]]:
    """By collection what it shows within the horizon that was published last for its group."""
    windows = {row.key.replace("/", "-"): row.data["horizon"] for row in log if row.topic == "genesys.schedules"}
    return {
        name: [
            Shown(one.title, stamp(one.start), stamp(one.end))
            for one in read_back(home, name, *(datetime.fromisoformat(window[edge]) for edge in ("start", "end")))
        ]
        for name, window in windows.items()
    }
