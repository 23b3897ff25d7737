"""The topics as Strimzi resources, for clusters where an operator makes what a cluster holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from processor.eventlog.kafka_promises import Wanted, settings_for
from processor.eventlog.kafka_topics import REPLICATION, Order

HEAD = "# Generated: genesys-processor topics --strimzi {cluster}\n"


def resources(order: Order, cluster: str) -> Iterator[dict[str, Any]]:
    """One KafkaTopic for each topic, with every setting that a promise rests on."""
    wanted = Wanted(order.partitions, order.replication or REPLICATION, order.max_bytes)
    for topic in order.topics:
        yield {
            "apiVersion": "kafka.strimzi.io/v1",
            "kind": "KafkaTopic",
            "metadata": {"name": topic.name, "labels": {"strimzi.io/cluster": cluster}},
            "spec": {
                "partitions": wanted.partitions,
                "replicas": wanted.replication,
                "config": dict(sorted(settings_for(topic, wanted).items())),
            },
        }


def manifest(order: Order, cluster: str) -> str:
    """As a file to apply."""
    return HEAD.format(cluster=cluster) + yaml.safe_dump_all(resources(order, cluster), sort_keys=False)
