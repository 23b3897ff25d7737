"""The metrics of several processes as those of one: what a process was told of the others, added to its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

KEPT = ("counter", "histogram")
"""Kinds that never go back, not even when the process that counted has ended."""
LEAST = ("process_start_time_seconds", "process_max_fds", "python_info")
"""Of these the least value counts, as of everything that says since when."""
MOST = "_seconds"
"""Of gauges that end so the greatest value counts: how old the oldest is, how long the slowest waits."""

Families = list[list[Any]]
"""[name, documentation, kind, [[sample, labels, value], …]] for each metric: JSON on its way between processes."""


def families(metrics: Iterable[Metric]) -> Families:
    """What a registry's `collect` gives."""
    return [
        [one.name, one.documentation, one.type, [[s.name, dict(s.labels), s.value] for s in one.samples]]
        for one in metrics
    ]


class Summed(CollectorRegistry):
    """Use it where a registry is shown. `others` is replaced when there is news."""

    def __init__(self, own: CollectorRegistry) -> None:
        super().__init__()
        self._own = own
        self._gone: Families = []
        self.others: Mapping[object, Families] = {}

    def keep(self, ended: Families) -> None:
        """A process has ended: what it counted stays counted."""
        lasting = [family for family in ended if family[2] in KEPT]
        self._gone = families(_summed([self._gone, lasting]))

    def collect(self) -> Iterator[Metric]:
        """One metric of each name."""
        yield from _summed([families(self._own.collect()), self._gone, *self.others.values()])


def _summed(parts: Iterable[Families]) -> Iterator[Metric]:
    heads: dict[str, tuple[str, str]] = {}
    values: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]] = {}
    for part in parts:
        for name, documentation, kind, samples in part:
            heads.setdefault(name, (documentation, kind))
            found = values.setdefault(name, {})
            for sample, labels, value in samples:
                key = (sample, tuple(labels.items()))
                if key not in found:
                    found[key] = value
                elif sample in LEAST or sample.endswith("_created"):
                    found[key] = min(found[key], value)
                elif kind == "gauge" and sample.endswith(MOST):
                    found[key] = max(found[key], value)
                else:
                    found[key] += value
    for name, (documentation, kind) in heads.items():
        metric = Metric(name, documentation, kind)
        for (sample, labels), value in values[name].items():
            metric.add_sample(sample, dict(labels), value)
        yield metric
