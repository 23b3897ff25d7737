"""How each node of a cluster is set: its ports, its ids, and the text of its properties."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
PORTS = range(20_000, 32_000)
"""Below the ports that the kernel hands out by itself: a stopped node finds its own free again."""


@dataclass(frozen=True, slots=True)
class Seat:
    """One node: its number from 1, where clients and where the other nodes reach it, the id of its folder."""

    number: int
    port: int
    controller_port: int
    directory_id: str

    @property
    def address(self) -> str:
        """Where clients reach it."""
        return f"{HOST}:{self.port}"

    @property
    def controller(self) -> str:
        """Where the other nodes reach it."""
        return f"{HOST}:{self.controller_port}"


@dataclass(frozen=True, slots=True)
class Plan:
    """A cluster: its id, its nodes, and what is set beside our own settings (more listeners, for example)."""

    cluster_id: str
    seats: tuple[Seat, ...]
    session_ms: int = 3000
    """So long a killed broker counts as alive; its restart waits for it."""

    @property
    def bootstrap(self) -> str:
        """What a client is given."""
        return ",".join(seat.address for seat in self.seats)

    @property
    def voters(self) -> str:
        """The first quorum, for the formatting of three nodes."""
        return ",".join(f"{seat.number}@{seat.controller}:{seat.directory_id}" for seat in self.seats)


def draw(nodes: int, port: int = 0) -> Plan:
    """A new cluster on free ports; with `port` given its nodes listen there and on the ports that follow."""
    free = free_ports(2 * nodes)
    ports = list(range(port, port + nodes)) if port else free[:nodes]
    seats = tuple(
        Seat(number, ports[number - 1], free[nodes + number - 1], identity()) for number in range(1, nodes + 1)
    )
    return Plan(identity(), seats)


def identity() -> str:
    """An id as Kafka makes them: 22 letters, the first no dash (which the command line would take for an option)."""
    while (drawn := secrets.token_urlsafe(16)).startswith("-"):
        pass
    return drawn


def free_ports(count: int, besides: Collection[int] = ()) -> list[int]:
    """So many different ports of loopback that nobody listens on now; none of `besides`."""
    found: list[int] = []
    while len(found) < count:
        port = secrets.choice(PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        if port not in found and port not in besides:
            found.append(port)
    return found


def properties(plan: Plan, seat: Seat, folder: Path, more: Mapping[str, str], listeners: Sequence[str] = ()) -> str:
    """The node's settings file. `listeners` stand beside the plain one, as `NAME://host:port`."""
    count = len(plan.seats)
    in_sync = str(min(2, count))
    reached = ",".join([f"PLAINTEXT://{seat.address}", f"CONTROLLER://{seat.controller}", *listeners])
    values = {
        "process.roles": "broker,controller",
        "node.id": str(seat.number),
        "listeners": reached,
        "advertised.listeners": reached,
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "controller.quorum.bootstrap.servers": ",".join(other.controller for other in plan.seats),
        "log.dirs": str(folder),
        "num.partitions": "6",
        "default.replication.factor": str(count),
        "min.insync.replicas": in_sync,
        "auto.create.topics.enable": "false",
        **_replicated(str(count), in_sync),
        **_quick(plan.session_ms),
        **more,
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())


def _replicated(count: str, in_sync: str) -> dict[str, str]:
    return {
        "offsets.topic.replication.factor": count,
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": count,
        "transaction.state.log.min.isr": in_sync,
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": count,
        "share.coordinator.state.topic.min.isr": in_sync,
    }


def _quick(session_ms: int) -> dict[str, str]:
    """Small, and quick to notice: elections, fail-over, compaction and retention in a second instead of minutes."""
    return {
        "group.initial.rebalance.delay.ms": "0",
        "num.network.threads": "2",
        "num.io.threads": "2",
        "log.cleaner.dedupe.buffer.size": "8388608",
        "log.cleaner.backoff.ms": "500",
        "log.retention.check.interval.ms": "1000",
        "log.segment.delete.delay.ms": "500",
        "broker.session.timeout.ms": str(session_ms),
        "broker.heartbeat.interval.ms": str(session_ms // 6),
        "controller.quorum.election.timeout.ms": "500",
        "controller.quorum.fetch.timeout.ms": "1000",
        "controller.quorum.election.backoff.max.ms": "300",
    }
