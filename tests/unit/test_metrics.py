"""The names of metrics: as Prometheus wants them, moved by something, and no others in what people and machines are told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from prometheus_client.metrics import Counter, Gauge, Histogram

from processor.telemetry import Metrics

ROOT = Path(__file__).parents[2]
UNITS = ("_seconds", "_bytes", "_records")
STATES = {"processor_posts_in_flight", "processor_spooling", "processor_breaker_open", "processor_topics_broken"}
"""Gauges that count things or say yes and no."""
TOLD = (*sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "k8s").rglob("*.yaml")), ROOT / "README.md")
NAME = re.compile(r"\bprocessor_[a-z_]+[a-z](?:\{([^}]*)\})?")
LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"")


def metrics() -> dict[str, Counter | Gauge | Histogram]:
    """By field."""
    built = Metrics.build()
    return {one.name: getattr(built, one.name) for one in fields(Metrics) if one.name != "registry"}


def shown() -> dict[str, set[str]]:
    """Every name that `/metrics` can show, and its labels."""
    found: dict[str, set[str]] = {}
    for one in metrics().values():
        name, labels = one._name, set(one._labelnames)
        if isinstance(one, Counter):
            found[f"{name}_total"] = labels
        elif isinstance(one, Histogram):
            found |= {f"{name}_sum": labels, f"{name}_count": labels, f"{name}_bucket": labels | {"le"}}
        else:
            found[name] = labels
    return found


@pytest.mark.parametrize("field", metrics())
def test_a_metric_has_a_unit_where_it_has_one_and_says_what_it_is(field: str) -> None:
    one = metrics()[field]
    name = one._name
    assert re.fullmatch(r"processor_[a-z]+(_[a-z]+)*", name)
    assert not name.endswith(("_total", "_count", "_sum", "_bucket")), "the client adds these"
    assert one._documentation.endswith(".")
    if isinstance(one, Histogram):
        assert name.endswith("_seconds")
    elif isinstance(one, Gauge):
        assert name.endswith(UNITS) or name in STATES


def test_every_metric_is_moved_by_something() -> None:
    sources = [*(ROOT / "processor").rglob("*.py"), *(ROOT / "handlers").rglob("*.py")]
    text = "\n".join(file.read_text(encoding="utf-8") for file in sources if file.name != "telemetry.py")
    idle = [field for field in metrics() if not re.search(rf"metrics\.{field}\b", text)]
    assert not idle


def mentions() -> Iterator[tuple[str, str, set[str]]]:
    """(where, name, the labels it is asked by)."""
    for file in TOLD:
        for found in NAME.finditer(file.read_text(encoding="utf-8")):
            yield file.name, found.group().partition("{")[0], set(LABEL.findall(found.group(1) or ""))


def test_what_people_and_machines_are_told_to_look_at_exists() -> None:
    known, told = shown(), list(mentions())
    histograms = {one._name for one in metrics().values() if isinstance(one, Histogram)}
    assert len(told) > 20
    for where, name, labels in told:
        assert name in known or name in histograms, f"{where}: {name}"
        assert labels <= known.get(name, set()), f"{where}: {name} has no label {labels - known.get(name, set())}"
