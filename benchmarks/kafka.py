"""The product on a real Kafka of one node, all in one run with what it is compared to.

    python benchmarks/kafka.py [posts clean storm backlog] [--peers] [--backlog RECORDS] → results/kafka-<measure>.json

`posts`: durable, verified posts a second, beside a bare aiohttp handler that stores nothing.
`clean`: raw events to clean ones, in order and fenced, by one process and by two.
`storm`: 1,000 callbacks in 2 s, to the clean topic and to a WFM system.
`backlog`: so many events drained in order while posts go on; twice, by how processes share the processors.

`--peers` adds what others would build for the same (`benchmarks/peers`). On a shared machine compare
within one run: `ratio`, and `cpuUs`, the processor time for one post or event.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from onkafka import backlog, clean, posts, storm
from onkafka.product import PARTITIONS, Place
from peers import environments

from processor.app.topics import TOPICS
from processor.devkafka.cluster import Extras, cluster
from processor.devkafka.plan import draw
from processor.eventlog.kafka_connection import Connection
from processor.eventlog.kafka_topics import Order, prepare

RESULTS = Path(__file__).resolve().parent / "results"
MEASURES = ("posts", "clean", "storm", "backlog")
LARGEST = 1 << 20

BROKER = Extras(java_flags=("-Xms1g", "-Xmx1g"), properties={"num.network.threads": "3", "num.io.threads": "8"})
"""The heap that Kafka's own start script gives and its own numbers of threads, not those of a small one for tests."""


def measure(name: str, place: Place, options: argparse.Namespace) -> list[dict[str, Any]]:
    """One of them. What is compared runs within one measure."""
    peers = options.peers
    if name == "posts":
        servers = environments.servers(place.bootstrap) if peers else {}
        work = posts.posts(place.bootstrap, options.connections, options.seconds, options.rounds, servers)
        return asyncio.run(work)
    if name == "clean":
        rows = asyncio.run(clean.raw_to_clean(place, options.events))
        return rows + (asyncio.run(environments.clean(place.bootstrap, 3 * options.events)) if peers else [])
    if name == "storm":
        return asyncio.run(storm.storms(place, options.rounds))
    return asyncio.run(backlog.backlog(place, options.backlog))


def on_a_broker_of_its_own(name: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    """What one measure leaves in topics and groups is not the next one's."""
    with tempfile.TemporaryDirectory(prefix="bench-kafka-") as folder, cluster(Path(folder), draw(1), BROKER) as broker:
        asyncio.run(prepare(Connection(broker.bootstrap), Order(TOPICS, PARTITIONS, LARGEST)))
        process = broker.node(1).process
        return measure(name, Place(broker.bootstrap, process.pid if process else 0, Path(folder)), options)


def main(words: Sequence[str]) -> None:
    """Parse, run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "measures", nargs="*", metavar="MEASURE", help=f"of {', '.join(MEASURES)}; all, when none is named"
    )
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--connections", type=int, nargs="+", default=[8, 64, 256])
    parser.add_argument("--seconds", type=float, default=2, help="of each run of posts")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--events", type=int, default=100_000, help="raw to clean, for each process")
    parser.add_argument("--backlog", type=int, default=1_000_000)
    parser.add_argument("--peers", action="store_true", help="also what others build; makes benchmarks/.peers")
    options = parser.parse_args(words)
    if unknown := set(options.measures) - set(MEASURES):
        parser.error(f"no such measure: {', '.join(sorted(unknown))}; there are {', '.join(MEASURES)}")
    if options.serve:
        asyncio.run(posts.serve(options.serve))
        return
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # a new broker names its leaders late
    RESULTS.mkdir(exist_ok=True)
    for name in options.measures or MEASURES:
        load = os.getloadavg()[0]
        rows = on_a_broker_of_its_own(name, options)
        ended, processors = os.getloadavg()[0], os.cpu_count()
        print(f"{name}: load {load:.1f} at the start, {ended:.1f} at the end, on {processors} processors", flush=True)
        (RESULTS / f"kafka-{name}.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
