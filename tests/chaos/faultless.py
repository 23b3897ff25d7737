"""Histories as a faultless product would have made them, out of the callers' own events; and faults put into them."""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from tests.chaos.callers import events
from tests.chaos.history import FACETS, Post, Row, Told

PARTITIONS = 4


@dataclass(slots=True)
class History:
    posts: list[Post] = field(default_factory=list)
    log: list[Row] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)

    def of(self, topic: str) -> list[Row]:
        return [row for row in self.log if row.topic == f"genesys.{topic}"]

    def states(self) -> list[Row]:
        """The last clean record of each subject."""
        return list({row.key: row for row in self.of("presence")}.values())


class Faultless:
    """Writes what it is told into a history: fenced by time and id, each delivery with its fate."""

    def __init__(self) -> None:
        self.history = History()
        self._ends: Counter[tuple[str, int]] = Counter()
        self._seen: set[str] = set()
        self._known: dict[tuple[str, str], tuple[str, str, str]] = {}

    def take(self, post: Post) -> None:
        raw = self._write("raw", post, {"ce_id": post.id}, post.body)
        caused = {"ce_causationid": post.id, "ce_causedigest": hashlib.sha256(post.body.encode()).hexdigest()[:8]}
        if post.facet == "junk":
            place = f"normalise.genesys.raw.{raw.partition}.{raw.offset}"
            about = {"ce_id": post.id, "dlq_topic": raw.topic, "dlq_id": place, "dlq_replayed": "0"}
            self._write("deadletters", post, about, post.body)
        elif post.id in self._seen or (post.at, post.id) <= self._known.get((post.subject, post.facet), ("",))[:2]:
            self._write("fates", post, {"ce_id": f"{post.id}@{raw.offset}", **caused}, "{}")
        else:
            self._known[post.subject, post.facet] = post.at, post.id, post.value
            clean = self._write("presence", post, {"ce_id": post.id, **caused}, json.dumps(self._state(post.subject)))
            self.history.told.append(Told(clean.id, clean.key, f"{clean.partition}-{clean.offset}"))
        self._seen.add(post.id)

    def _state(self, subject: str) -> dict[str, str]:
        found = {}
        for facet, (name, since) in FACETS.items():
            if known := self._known.get((subject, facet)):
                found |= {name: known[2], since: known[0]}
        return found

    def _write(self, topic: str, post: Post, headers: dict[str, str], value: str) -> Row:
        partition = sum(post.subject.encode()) % PARTITIONS
        row = Row(f"genesys.{topic}", partition, self._ends[topic, partition], post.subject, headers, value)
        self._ends[topic, partition] += 1
        self.history.log.append(row)
        return row


def faultless(seed: int, count: int = 240) -> History:
    """Some posts come twice, some land although nobody was told so, some never come at all."""
    chance = random.Random(seed)
    product = Faultless()
    for post in islice(events(seed), count):
        arrives, told = chance.random() < 0.95, chance.random() < 0.9
        product.history.posts.append(replace(post, acknowledged=arrives and told))
        for _ in range(arrives + (arrives and chance.random() < 0.2)):
            product.take(post)
    return product.history


Plant = Callable[[random.Random, History], None]
"""Puts one fault at any place of a faultless history."""


def _drop(topic: str) -> Plant:
    def plant(chance: random.Random, history: History) -> None:
        history.log.remove(chance.choice(history.of(topic)))

    return plant


def _lose(chance: random.Random, history: History) -> None:
    """An acknowledged post, with everything that came of it."""
    lost = chance.choice([post for post in history.posts if post.acknowledged])
    history.log = [row for row in history.log if lost.id not in {row.id.partition("@")[0], row.cause[0]}]


def _lose_the_tail(chance: random.Random, history: History) -> None:
    """As a leader that was behind the others would."""
    partition = chance.choice(history.of("raw")).partition
    gone = [row for row in history.of("raw") if row.partition == partition][-5:]
    history.log = [row for row in history.log if row not in gone]


def _alter(chance: random.Random, history: History) -> None:
    at = history.log.index(chance.choice(history.of("raw")))
    history.log[at] = replace(history.log[at], value=history.log[at].value + " ")


def _repeat(topic: str, **changes: Any) -> Plant:
    def plant(chance: random.Random, history: History) -> None:
        row = chance.choice(history.of(topic))
        history.log.append(replace(row, offset=len(history.log), headers={**row.headers, **changes}))

    return plant


def _pairs(history: History) -> list[tuple[Row, Row]]:
    """Two clean records of a subject, one after the other, of the same facet and of different times."""
    facet = {post.id: (post.facet, post.at) for post in history.posts}
    last: dict[tuple[str, str], Row] = {}
    found = []
    for row in history.of("presence"):
        key = row.key, facet[row.id][0]
        if key in last and facet[last[key].id][1] != facet[row.id][1]:
            found.append((last[key], row))
        last[key] = row
    return found


def _swap(chance: random.Random, history: History) -> None:
    one, two = chance.choice(_pairs(history))
    first, second = history.log.index(one), history.log.index(two)
    history.log[first], history.log[second] = replace(two, offset=one.offset), replace(one, offset=two.offset)


def _scatter(chance: random.Random, history: History) -> None:
    often = Counter(row.key for row in history.of("presence"))
    row = chance.choice([row for row in history.of("presence") if often[row.key] > 1])
    history.log[history.log.index(row)] = replace(row, partition=PARTITIONS)


def _overwrite(chance: random.Random, history: History) -> None:
    """What was true before is said again, as a new record."""
    one, two = chance.choice(_pairs(history))
    history.log.append(replace(one, offset=len(history.log), headers={**one.headers, "ce_id": f"{two.id}/again"}))


def _older_in_place(chance: random.Random, history: History) -> None:
    """The newest delivery is taken for an old one."""
    facet = {post.id: post.facet for post in history.posts}
    newest = {(row.key, facet[row.id]): row for row in history.of("presence")}
    row = chance.choice(list(newest.values()))
    fate = Row("genesys.fates", row.partition, 10_000, row.key, {**row.headers, "ce_id": f"{row.id}@"}, "{}")
    later = [other for other in history.of("presence") if other.key == row.key and other.offset > row.offset]
    history.log = [other for other in history.log if other is not row and other not in later] + [fate]


def _untrue(chance: random.Random, history: History) -> None:
    row = chance.choice(history.of("presence"))
    name = "presence" if "presence" in row.data else "routingStatus"
    value = json.dumps({**row.data, name: "PURPLE"})
    history.log[history.log.index(row)] = replace(row, value=value)


def _untold(chance: random.Random, history: History) -> None:
    last = chance.choice(history.states())
    history.told = [told for told in history.told if told.id != last.id]


def _mistold(chance: random.Random, history: History) -> None:
    at = chance.randrange(len(history.told))
    history.told[at] = replace(history.told[at], sequence="9-9")


PLANTS: dict[str, Plant] = {
    "lost: with all that came of it": _lose,
    "lost: the end of a partition": _lose_the_tail,
    "lost: its bytes are others": _alter,
    "lost: only from raw": _drop("raw"),
    "lost: never published": _drop("presence"),
    "lost: its fate": _drop("fates"),
    "lost: its dead letter": _drop("deadletters"),
    "doubled: a clean record": _repeat("presence"),
    "doubled: a clean record under another id": _repeat("presence", ce_id="another"),
    "doubled: a fate": _repeat("fates"),
    "doubled: a dead letter": _repeat("deadletters"),
    "doubled: in raw, without a fate of its own": _repeat("raw"),
    "reordered: two of a subject": _swap,
    "reordered: a subject in two partitions": _scatter,
    "stale: said again": _overwrite,
    "stale: the newest taken for an old one": _older_in_place,
    "untrue: another value": _untrue,
    "wfm: not told of the last": _untold,
    "wfm: told of another place": _mistold,
}
