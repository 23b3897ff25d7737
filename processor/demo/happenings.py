"""What happened in the demo, from both sides' books, in the order of time and cause: breach, decision, change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

JUDGED_WITHIN = timedelta(minutes=1)
"""The floor judges its own hour so often; the loop may have seen a breach before."""
WORDS = {
    "adjust": "ADJUST ",
    "restore": "RESTORE",
    "stand-back": "STAND BACK",
    "suggest": "NOTICE ",
    "frozen": "FROZEN ",
    "resumed": "RESUMED",
}


class Happening(NamedTuple):
    """`key` tells it from the others."""

    when: str
    key: str
    words: str


def happened(ledger: dict[str, Any], decisions: Sequence[dict[str, Any]]) -> list[Happening]:
    """Without what waits for its cause: the floor has not judged yet when the loop acts at once.

    What the loop did before the floor judged is told as of then.
    """
    found = [*_breaches(ledger), *_answers(ledger, decisions)]
    return sorted(found, key=lambda one: one.when)  # at the same time the breach stays before its answer


def _breaches(ledger: dict[str, Any]) -> Iterator[Happening]:
    for breach in ledger["breaches"]:
        name = ledger["queues"][breach["queueId"]]["name"]
        numbers = f"{breach['offered']} offered in the hour, service level {breach['serviceLevel']:.0%}"
        key = f"breach {breach['queueId']} {breach['start']}"
        yield Happening(breach["start"], key, f"BREACH   {name}: {numbers}")


def _answers(ledger: dict[str, Any], decisions: Sequence[dict[str, Any]]) -> Iterator[Happening]:
    """By queue one after the other; behind one that waits all wait."""
    taken = [(one["queueId"], one["action"], _decided(one)) for one in decisions]
    made = [(one["queueId"], "", _changed(one, ledger)) for one in ledger["changes"]]
    latest: dict[str, str] = {}
    waiting = set()
    for queue, action, one in sorted([*taken, *made], key=lambda answer: answer[2].when):
        noted = _noted(ledger, queue, one.when) if action == "adjust" else ""
        if noted is None and _moment(ledger["now"]) - _moment(one.when) <= JUDGED_WITHIN:
            waiting.add(queue)
        if queue not in waiting:
            latest[queue] = max(latest.get(queue, ""), one.when, noted or "")
            yield one._replace(when=latest[queue])


def _noted(ledger: dict[str, Any], queue: str, when: str) -> str | None:
    """When the floor noted the breach that lasted then, or began just after; None while it has not."""
    for breach in ledger["breaches"]:
        over = breach["end"] is not None and breach["end"] < when
        if breach["queueId"] == queue and not over and _moment(breach["start"]) - _moment(when) <= JUDGED_WITHIN:
            return str(breach["start"])
    return None


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _decided(decision: dict[str, Any]) -> Happening:
    word = WORDS.get(decision["action"], decision["action"])
    words = f"{word}  {decision['name'] or decision['queueId']}: {decision['reason']}"
    return Happening(decision["time"], f"decision {decision['time']} {decision['action']}", words)


def _changed(change: dict[str, Any], ledger: dict[str, Any]) -> Happening:
    queue = ledger["queues"][change["queueId"]]
    words = (
        f"in Genesys: {queue['name']}: target {change['targetSeconds']:g} s "
        f"(people want {queue['peopleWantSeconds']:g} s), {change['joined']} members joined"
    )
    return Happening(change["at"], f"change {change}", words)
