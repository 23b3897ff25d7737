"""`topics [--check|--strimzi CLUSTER]`: makes the topics, or says whether they are as they must be."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from typing import Any

from processor.app.documents.strimzi import manifest
from processor.app.kafka import connection_of, is_kafka, order_of
from processor.app.log import log_file, open_log
from processor.app.topics import TOPICS
from processor.eventlog import Topic
from processor.eventlog.kafka_promises import Finding
from processor.eventlog.kafka_topics import check, prepare
from processor.settings import Settings, load


def add(subparsers: Any) -> None:
    """Describe the command."""
    parser = subparsers.add_parser("topics", help="create or check the topics", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="change nothing; exit 1 when something is missing or breaks a promise"
    )
    parser.add_argument(
        "--strimzi",
        metavar="CLUSTER",
        help="touch nothing; print them as Strimzi's KafkaTopic resources for this cluster",
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    if options.strimzi:
        print(manifest(order_of(load()), options.strimzi), end="")
        return 0
    return asyncio.run(_topics(options))


async def _topics(options: argparse.Namespace) -> int:
    settings = load()
    if is_kafka(settings):
        return await _in_kafka(settings, check_only=options.check)
    return await _in_file(settings, check_only=options.check)


async def _in_kafka(settings: Settings, *, check_only: bool) -> int:
    act = check if check_only else prepare
    findings: Sequence[Finding] = await act(connection_of(settings), order_of(settings))
    broken = {finding.topic for finding in findings if finding.breaks}
    for topic in TOPICS:
        print(f"{topic.name:<22} {_policy(topic):<9} {'NOT as promised' if topic.name in broken else 'as promised'}")
    for finding in findings:
        print(f"{'BREAKS' if finding.breaks else 'note  '}  {finding}")
    return 1 if broken else 0


async def _in_file(settings: Settings, *, check_only: bool) -> int:
    file = log_file(settings)
    if check_only and not file.exists():
        print(f"{file} does not exist yet: genesys-processor topics")
        return 1
    async with open_log(settings) as log:
        for topic in TOPICS:
            bounds = [await log.bounds(topic.name, partition) for partition in range(log.partitions)]
            kept = sum(end - start for start, end in bounds)
            print(f"{topic.name:<22} {log.partitions:>3} partitions  {_policy(topic):<9} up to {kept} records")
    return 0


def _policy(topic: Topic) -> str:
    return "compact" if topic.compact else f"{topic.retention.days if topic.retention else 0} days"
