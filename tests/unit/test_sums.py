"""Metrics of several processes as one: sums, since-when, and that a process's end takes nothing back."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from processor.app.workers.sums import Families, Summed, families


def process(posts: int, open_now: int, seconds: float) -> Families:
    registry = CollectorRegistry()
    Counter("posts", "Posts.", ["status"], registry=registry).labels("202").inc(posts)
    Gauge("open", "Open.", registry=registry).set(open_now)
    Histogram("took_seconds", "Took.", registry=registry, buckets=(1, 2)).observe(seconds)
    return families(registry.collect())


def shown(registry: CollectorRegistry) -> str:
    return generate_latest(registry).decode()


def test_everything_is_added_up() -> None:
    summed = Summed(CollectorRegistry())
    summed.others = {1: process(3, 1, 0.5), 2: process(4, 2, 1.5)}
    text = shown(summed)
    assert 'posts_total{status="202"} 7.0' in text
    assert "open 3.0" in text
    assert 'took_seconds_bucket{le="1.0"} 1.0' in text
    assert 'took_seconds_bucket{le="+Inf"} 2.0' in text
    assert "took_seconds_sum 2.0" in text
    assert text.count("# TYPE posts_total counter") == 1


def test_counters_never_go_back_and_gauges_do() -> None:
    summed = Summed(CollectorRegistry())
    summed.others = {1: process(3, 1, 0.5)}
    summed.keep(process(3, 1, 0.5))
    summed.others = {1: process(1, 5, 0.5)}
    text = shown(summed)
    assert 'posts_total{status="202"} 4.0' in text
    assert "open 5.0" in text
    assert "took_seconds_count 2.0" in text


def test_our_own_are_there_too_and_since_when_is_the_earliest() -> None:
    own = CollectorRegistry()
    Gauge("process_start_time_seconds", "Start.", registry=own).set(100)
    summed = Summed(own)
    summed.others = {
        1: [["process_start_time_seconds", "Start.", "gauge", [["process_start_time_seconds", {}, 200.0]]]]
    }
    assert "process_start_time_seconds 100.0" in shown(summed)


def test_how_long_something_waits_is_the_longest_of_all() -> None:
    summed = Summed(CollectorRegistry())
    summed.others = {
        n: [["age_seconds", "Age.", "gauge", [["age_seconds", {}, age]]]] for n, age in ((1, 40.0), (2, 7.0))
    }
    assert "age_seconds 40.0" in shown(summed)
