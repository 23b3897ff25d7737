"""A cluster that stays: its plan is kept beside its data, so that the next start finds the same one."""

from __future__ import annotations

import socket
from dataclasses import asdict, replace
from pathlib import Path

import orjson

from processor.devkafka.plan import HOST, Plan, Seat, draw
from processor.errors import ConflictError, FatalError


def plan_of(folder: Path, nodes: int, port: int) -> Plan:
    """The cluster that `folder` holds, its clients' ports moved to `port` and on; a new one in an empty folder.

    Raises `ConflictError` when the folder is in use or holds another number of nodes, `FatalError` for a port taken.
    """
    file = folder / "cluster.json"
    plan = _moved(_kept(file, nodes), port) if file.exists() else draw(nodes, port)
    for seat in plan.seats:
        if not _free(seat.controller_port):
            raise ConflictError(
                f"{folder} seems to be in use: port {seat.controller_port} of {HOST}, on which its node {seat.number} "
                "is reached by the others, is taken. End the other command, or take another --folder"
            )
    for seat in plan.seats:
        if not _free(seat.port):
            raise FatalError(f"port {seat.port} of {HOST} is taken: end what listens there, or give another --port")
    folder.mkdir(parents=True, exist_ok=True)
    file.write_bytes(orjson.dumps(asdict(plan), option=orjson.OPT_INDENT_2) + b"\n")
    return plan


def _kept(file: Path, nodes: int) -> Plan:
    try:
        values = orjson.loads(file.read_bytes())
        plan = Plan(values["cluster_id"], tuple(Seat(**seat) for seat in values["seats"]), values["session_ms"])
    except (ValueError, TypeError, KeyError) as error:
        raise FatalError(f"{file} is not a plan of ours ({error}): take another folder, or remove this one") from error
    if len(plan.seats) != nodes:
        raise ConflictError(f"{file.parent} holds a cluster of {len(plan.seats)} node(s): take another --folder")
    return plan


def _moved(plan: Plan, port: int) -> Plan:
    """Clients' ports may change between starts; those between the nodes are written in their quorum."""
    if not port:
        return plan
    return replace(plan, seats=tuple(replace(seat, port=port + seat.number - 1) for seat in plan.seats))


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
