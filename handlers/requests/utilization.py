"""How far agents should be used, by what came of a queue's contacts: the rule of the third guide. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from processor.clients.genesys.jobs.profiles import Load

LOOK_BACK = timedelta(days=7)
"""The span whose history counts (G3, step 3: `P7D`)."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """G3, step 3. Waits in seconds, shares 0 to 1, utilisations in percent."""

    long_wait: float = 30
    abandoned_above: float = 0.05
    short_wait: float = 5
    abandoned_below: float = 0.01
    high: float = 92
    usual: float = 85
    low: float = 78


@dataclass(frozen=True, slots=True)
class Recommendation:
    """`reason` is for people."""

    percent: float
    reason: str


def recommend(load: Load | None, rule: Thresholds) -> Recommendation:
    """More where callers wait long or give up, less where hardly anybody does; the usual one without data."""
    if load is None or not load.handled + load.abandoned:
        return Recommendation(rule.usual, "nobody came in the span: no data")
    gave_up = load.abandoned / (load.handled + load.abandoned)
    seen = f"waits {load.average_wait_seconds:.1f} s on average, {gave_up:.1%} gave up"
    if load.average_wait_seconds > rule.long_wait or gave_up > rule.abandoned_above:
        return Recommendation(
            rule.high, f"{seen}: above {rule.long_wait:g} s or {rule.abandoned_above:.1%}, more is needed"
        )
    if load.average_wait_seconds < rule.short_wait and gave_up < rule.abandoned_below:
        return Recommendation(
            rule.low, f"{seen}: below {rule.short_wait:g} s and {rule.abandoned_below:.1%}, less will do"
        )
    return Recommendation(rule.usual, f"{seen}: as usual")
