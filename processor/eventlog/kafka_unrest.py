"""Whether a group's partitions are given out anew without end, and what that mostly means."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable

WITHIN_SECONDS = 60.0
TOO_OFTEN = 10
"""Members that join, leave or restart one after the other stay below."""
ONE_NAME = "two processes have the same KAFKA_MEMBER_ID"
NO_NAMES = "processes of this role are started and ended without end, or Kafka does not hear of them in time"

logger = logging.getLogger("processor.eventlog")


class Unrest:
    """Two static members of one name take the group from each other for ever, and Kafka's client names no reason."""

    def __init__(self, group: str, monotonic: Callable[[], float] = time.monotonic, *, named: bool = True) -> None:
        """`named`: its members have names, which two of them may share."""
        self._group = group
        self._often = ONE_NAME if named else NO_NAMES
        self._monotonic = monotonic
        self._times: deque[float] = deque(maxlen=TOO_OFTEN)

    def rebalanced(self) -> None:
        """Call it each time; tells an operator at each tenth within a minute."""
        self._times.append(self._monotonic())
        if len(self._times) == TOO_OFTEN and self._times[-1] - self._times[0] <= WITHIN_SECONDS:
            hint = f"if this comes again and again, {self._often}"
            logger.error("unrest", extra={"group": self._group, "rebalances": TOO_OFTEN, "hint": hint})
            self._times.clear()
