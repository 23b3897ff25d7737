"""`kafka`: a real Apache Kafka on loopback for development, until Ctrl-C; its data stays in a folder."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import orjson

from processor.cli.numbers import port
from processor.devkafka.cluster import Cluster, cluster
from processor.devkafka.jars import cache_folder, fetched
from processor.devkafka.stay import plan_of
from processor.errors import FatalError

LOOK_SECONDS = 0.5
AGAIN_SECONDS = 30.0
"""So long a node of three that has ended stays away: to see what is without it, and what comes of its return."""
LAST_PORT = 65_533
"""Two more nodes may follow."""


def add(subparsers: Any) -> None:
    """Describe the command."""
    parser = subparsers.add_parser(
        "kafka", help="a real Apache Kafka on this machine, to try things on", description=__doc__
    )
    parser.add_argument("--nodes", type=int, choices=(1, 3), default=1, help="how many (default: 1)")
    parser.add_argument(
        "--port",
        type=partial(port, last=LAST_PORT),
        default=9092,
        help="of the first node, the others follow (default: 9092; 0: free ones)",
    )
    parser.add_argument("--folder", type=Path, help="where its data and logs stay (default: ./data/kafka-NODES)")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    folder: Path = (options.folder or Path("data") / f"kafka-{options.nodes}").resolve()
    if not fetched(cache_folder()):
        _say(f"fetching Apache Kafka into {cache_folder()}, this once: some 45 MB")
    try:
        with cluster(folder, plan_of(folder, options.nodes, options.port), keep=True) as running:
            print(orjson.dumps({"event": "ready", "bootstrap": running.bootstrap}).decode(), flush=True)
            _say(f"Apache Kafka, {options.nodes} node(s); data and logs are in {folder}; Ctrl-C ends it")
            _stay(running)
    except KeyboardInterrupt:
        _say("Kafka has ended")
    return 0


def _stop(_: int, __: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _stay(running: Cluster) -> NoReturn:
    """Until Ctrl-C, or until no node runs any more."""
    away: dict[int, float] = {}
    while True:
        time.sleep(LOOK_SECONDS)
        for number in sorted(set(running.nodes) - set(running.running)):
            if not running.running:
                raise FatalError(f"Kafka node {number} has ended: {running.node(number).last_words()}")
            if number not in away:
                away[number] = time.monotonic() + AGAIN_SECONDS
                _say(f"node {number} has ended, and is started again in {AGAIN_SECONDS:.0f} s")
            elif time.monotonic() >= away[number]:
                del away[number]
                running.start(number, wait=False)
                _say(f"node {number} is started again")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
