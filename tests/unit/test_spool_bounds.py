"""How much a spool keeps, and how old it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from processor.errors import RetryableError
from processor.eventlog import Message
from tests.unit.spooldesk import TOPIC, Upstream, numbers, one, shown, spooling, until


async def test_a_full_spool_refuses_and_takes_again_once_kafka_has_taken_some(tmp_path: Path) -> None:
    upstream = Upstream()
    upstream.turn("refuses")
    async with spooling(tmp_path, upstream, most_bytes=2_000) as (spool, metrics):
        kept = 0
        with pytest.raises(RetryableError, match="the spool is full"):  # noqa: PT012 - it raises at some time
            while True:
                await spool.append([one(kept)])
                kept += 1
        assert 50 < kept < 150
        assert 1_900 < (shown(metrics, "bytes") or 0) <= 2_000
        with pytest.raises(RetryableError, match="the spool is full"):
            await spool.append([Message(TOPIC, "agent/u-1", b"9" * 2_000)])
        upstream.turn("takes")
        await spool.emptied()
        assert numbers(upstream) == list(range(kept)), "what was refused is nowhere"
        assert shown(metrics, "bytes") == 0
        upstream.turn("refuses")
        await spool.append([one(kept)])


async def test_a_full_spool_is_not_ready(tmp_path: Path) -> None:
    upstream = Upstream()
    upstream.turn("refuses")
    async with spooling(tmp_path, upstream, most_bytes=len("agent/u-1") + len("0") + len("ce_ide0")) as (spool, _):
        await spool.check()
        await spool.append([one(0)])
        with pytest.raises(RetryableError, match="the spool is full"):
            await spool.check()


async def test_what_a_killed_process_left_counts_for_the_bound(tmp_path: Path) -> None:
    upstream = Upstream()
    upstream.turn("refuses")
    async with spooling(tmp_path, upstream) as (spool, _):
        await spool.append([Message(TOPIC, f"agent/u-{n}", b"x" * 10_000) for n in range(20)])
    async with spooling(tmp_path, upstream, most_bytes=200_000) as (spool, _):
        with pytest.raises(RetryableError, match="the spool is full"):
            await spool.append([one(0)])


async def test_the_age_of_the_oldest_grows_while_it_lies_there(tmp_path: Path) -> None:
    upstream = Upstream()
    upstream.turn("refuses")
    clock = [datetime(2026, 3, 9, tzinfo=UTC)]
    async with spooling(tmp_path, upstream, clock=lambda: clock[0]) as (spool, metrics):
        await spool.append([one(0)])
        await until(lambda: spool._forwarder._oldest is not None)
        clock[0] += timedelta(minutes=7)
        assert shown(metrics, "oldest_seconds") == 420
        upstream.turn("takes")
        await spool.emptied()
        assert shown(metrics, "oldest_seconds") == 0


def test_the_manifests_bound_a_spool_below_its_volume() -> None:
    file = Path(__file__).parents[2] / "k8s" / "components" / "spool" / "kustomization.yaml"
    (statefulset, _) = yaml.safe_load(file.read_text(encoding="utf-8"))["patches"]
    added = {step["path"]: step.get("value") for step in yaml.safe_load(statefulset["patch"])}
    (claim,) = added["/spec/volumeClaimTemplates"]
    volume = int(claim["spec"]["resources"]["requests"]["storage"].removesuffix("Gi")) << 30
    variables = [step["value"] for step in yaml.safe_load(statefulset["patch"]) if step["path"].endswith("/env/-")]
    most = int({one["name"]: one["value"] for one in variables}["PROCESSOR_SPOOL_MAX_BYTES"])
    assert most * 1.15 < volume * 0.95, "the file is larger than what lies in it, and has a journal beside it"
