"""What the command `kafka` does when nodes end by themselves, or by somebody who wants to see what happens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from processor.cli import kafka
from processor.errors import FatalError


@dataclass
class Nodes:
    """A cluster by the numbers of its nodes; `course` kills some at each look."""

    nodes: tuple[int, ...]
    course: Iterator[tuple[int, ...]]
    running: tuple[int, ...] = ()
    time: float = 0
    started: list[tuple[float, int]] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.time += seconds
        gone = next(self.course)
        self.running = tuple(number for number in self.running if number not in gone)

    def monotonic(self) -> float:
        return self.time

    def start(self, number: int, *, wait: bool) -> None:
        assert not wait, "the others are looked after meanwhile"
        self.started.append((self.time, number))
        self.running = (*self.running, number)

    def node(self, _: int) -> Any:
        return self

    def last_words(self) -> str:
        return "the disk is full"


def end_of(monkeypatch: pytest.MonkeyPatch, nodes: Nodes) -> str:
    """What the command says at its end."""
    nodes.running = nodes.nodes
    monkeypatch.setattr(kafka, "time", nodes)
    running: Any = nodes
    with pytest.raises(FatalError) as ended:
        kafka._stay(running)
    return str(ended.value)


def test_the_end_of_the_only_node_is_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = Nodes((1,), iter([(), (1,)]))
    assert end_of(monkeypatch, nodes) == "Kafka node 1 has ended: the disk is full"
    assert nodes.time == 2 * kafka.LOOK_SECONDS


def test_of_three_one_that_ended_comes_back_each_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = int(kafka.AGAIN_SECONDS / kafka.LOOK_SECONDS)
    nodes = Nodes((1, 2, 3), iter([(2,), *[()] * looks, (2, 3), *[()] * looks, (1, 2, 3)]))
    assert end_of(monkeypatch, nodes) == "Kafka node 1 has ended: the disk is full"
    first = kafka.LOOK_SECONDS + kafka.AGAIN_SECONDS
    assert nodes.started == [(first, 2), (2 * first, 2), (2 * first, 3)]
    assert capsys.readouterr().err.splitlines()[:2] == [
        "node 2 has ended, and is started again in 30 s",
        "node 2 is started again",
    ]
