"""The nodes of one cluster together: formatted, started, found ready, and gone without a trace of a process."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import orjson

from processor.devkafka import classes
from processor.devkafka.jars import FLAGS, cache_folder, classpath, java
from processor.devkafka.keeper import Keeper
from processor.devkafka.node import Node, last_words
from processor.devkafka.plan import Plan, Seat, draw, properties
from processor.errors import FatalError
from processor.eventlog.kafka_ready import until_ready

FORMAT_SECONDS = 60.0
READY_SECONDS = 120.0
STOP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Extras:
    """What a cluster of one node has beside the plain listener."""

    listeners: Sequence[str] = ()
    properties: Mapping[str, str] = field(default_factory=dict)
    users: Sequence[str] = ()
    """SCRAM users, as the formatting tool takes them."""
    java_flags: Sequence[str] = ()


class Cluster:
    """A running cluster. Its calls block, and are for one thread at a time."""

    def __init__(self, plan: Plan, nodes: Sequence[Node], folder: Path, keeper: Keeper) -> None:
        self.plan = plan
        self.folder = folder
        self.bootstrap = plan.bootstrap
        self._nodes = nodes
        self._keeper = keeper

    @property
    def nodes(self) -> tuple[int, ...]:
        """The numbers of all nodes, running or not."""
        return tuple(node.number for node in self._nodes)

    @property
    def running(self) -> tuple[int, ...]:
        """The numbers of the nodes whose process runs, hung or not."""
        return tuple(node.number for node in self._nodes if node.alive)

    def node(self, number: int) -> Node:
        """The node of that number, from 1 (a broker's id is its node's number)."""
        return self._nodes[number - 1]

    @property
    def controller(self) -> int:
        """The node that leads the quorum, by what the nodes last wrote down; 0 while none does."""
        states = [
            orjson.loads(file.read_bytes()) for file in self.folder.glob("data*/__cluster_metadata-0/quorum-state")
        ]
        newest = max(states, key=lambda state: int(state["leaderEpoch"]), default={"leaderId": 0})
        return max(0, int(newest["leaderId"]))

    def stop(self, number: int) -> None:
        """A node leaves in order (SIGTERM): its partitions are led elsewhere before it goes."""
        self.node(number).stop()

    def kill(self, number: int) -> None:
        """A node is gone at once (SIGKILL)."""
        self.node(number).kill()

    def pause(self, number: int) -> None:
        """A node hangs; `resume` lets it go on."""
        self.node(number).pause()

    def resume(self, number: int) -> None:
        """A hung node goes on."""
        self.node(number).resume()

    def start(self, number: int, *, wait: bool = True) -> None:
        """A stopped or killed node comes back with its data; with `wait` it takes connections when this returns."""
        node = self.node(number)
        if not node.alive:
            node.start()
            self._watch()
        if wait:
            node.wait_open()

    def restart(self, number: int) -> None:
        """Stop it in order, and start it again."""
        self.stop(number)
        self.start(number)

    def restore(self) -> None:
        """Every node runs, none hangs, and the cluster takes and gives records: for the end of a test with faults."""
        for node in self._nodes:
            node.resume()
        for number in self.nodes:
            self.start(number, wait=False)
        self.wait_ready()

    def wait_ready(self, seconds: float = READY_SECONDS) -> None:
        """All ports open, all brokers registered, a topic made, a record acknowledged by all, groups served."""
        for node in self._nodes:
            node.wait_open(seconds)
        asyncio.run(until_ready(self.bootstrap, len(self._nodes), seconds))

    def begin(self) -> None:
        """Start all nodes; kills them again when they do not become ready."""
        try:
            for node in self._nodes:
                node.start()
            self._watch()
            self.wait_ready()
        except BaseException:
            self.end(at_once=True)
            raise

    def end(self, *, at_once: bool) -> None:
        """All nodes gone: `at_once` by SIGKILL, else asked first, all together, and killed after some seconds."""
        for node in self._nodes:
            node.kill() if at_once else node.ask_to_stop()
        for node in self._nodes:
            node.join(5.0)
        self._keeper.dismiss()

    def _watch(self) -> None:
        self._keeper.watch(node.process.pid for node in self._nodes if node.process is not None and node.alive)


@contextmanager
def cluster(folder: Path, plan: Plan, extras: Extras | None = None, *, keep: bool = False) -> Iterator[Cluster]:
    """A cluster that lives in `folder`, ready on entry. Without `keep` it is killed and its data removed; logs stay.

    Raises `FatalError` with the reason when it cannot be had.
    """
    built = _build(folder, plan, extras or Extras())
    built.begin()
    try:
        yield built
    finally:
        built.end(at_once=not keep)
        if not keep:
            for seat in plan.seats:
                shutil.rmtree(_data(folder, seat), ignore_errors=True)


@contextmanager
def throw_away(folder: Path, nodes: int) -> Iterator[Cluster]:
    """A new cluster on free ports, for a test session."""
    with cluster(folder, draw(nodes)) as made:
        yield made


def _build(folder: Path, plan: Plan, extras: Extras) -> Cluster:
    path = classpath(cache_folder())
    file = classes.kept(cache_folder(), java(), path)
    classes.make(file, [str(java()), *FLAGS, "-cp", path], partial(_run_once, path))
    return _built(folder, plan, extras, [*classes.flags(file), "-cp", path])


def _run_once(path: str, folder: Path, flags: Sequence[str]) -> None:
    """Until it is ready, and ended in order: only then it tells what it has loaded."""
    node = _built(folder, draw(1), Extras(java_flags=flags), ["-cp", path])
    node.begin()
    node.node(1).stop(STOP_SECONDS)
    node.end(at_once=True)


def _built(folder: Path, plan: Plan, extras: Extras, flags: Sequence[str]) -> Cluster:
    folder.mkdir(parents=True, exist_ok=True)
    program = [str(java()), *FLAGS, *extras.java_flags, *flags]
    for seat in plan.seats:
        text = properties(plan, seat, _data(folder, seat), extras.properties, extras.listeners)
        _settings(folder, seat).write_text(text, encoding="utf-8")
    _format(folder, plan, program, extras.users)
    nodes = [
        Node(seat.number, seat.port, [*program, "kafka.Kafka", str(_settings(folder, seat))], _log(folder, seat))
        for seat in plan.seats
    ]
    return Cluster(plan, nodes, folder, Keeper())


def _format(folder: Path, plan: Plan, program: Sequence[str], users: Sequence[str]) -> None:
    """Make the folders of new nodes; those that were made before stay as they are."""
    quorum = ["--standalone"] if len(plan.seats) == 1 else ["--initial-controllers", plan.voters]
    scram = [part for user in users for part in ("--add-scram", user)]
    running = []
    for seat in plan.seats:
        if (_data(folder, seat) / "meta.properties").exists():
            continue
        tool = ["kafka.tools.StorageTool", "format", "-t", plan.cluster_id, "-c", str(_settings(folder, seat))]
        with _log(folder, seat).open("ab") as log:
            command = [*program, *tool, *quorum, *scram]
            running.append((seat, subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)))  # noqa: S603 (our own command line)
    for seat, process in running:
        if process.wait(FORMAT_SECONDS) != 0:
            words = last_words(_log(folder, seat))
            raise FatalError(f"the folder of Kafka node {seat.number} could not be made: {words}")


def _data(folder: Path, seat: Seat) -> Path:
    return folder / f"data{seat.number}"


def _settings(folder: Path, seat: Seat) -> Path:
    return folder / f"node{seat.number}.properties"


def _log(folder: Path, seat: Seat) -> Path:
    return folder / f"node{seat.number}.log"
