"""The command `kafka` as a person uses it: a ready line, data that stay, Ctrl-C, and nothing left behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from processor.eventlog.kafka_ready import PROBE
from tests.kafkabroker import Broker

SECONDS = 90


@asynccontextmanager
async def kafka_command(folder: Path, port: int = 0) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "processor", "kafka", "--port", str(port), "--folder", str(folder)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout
        async with asyncio.timeout(SECONDS):
            ready = json.loads(await process.stdout.readline())
        assert set(ready) == {"event", "bootstrap"}
        yield process, ready["bootstrap"]
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def java_of(folder: Path) -> int:
    """The pid of the node that works on the folder: only what we started is looked at."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if b"kafka.Kafka" in words and str(folder).encode() in words:
                return int(entry.name)
    return 0


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    if node := java_of(tmp_path):  # what the command should have ended itself
        os.kill(node, signal.SIGKILL)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="only Linux shows the processes of others this way")
async def test_data_stay_over_ctrl_c_and_a_killed_command_leaves_no_node(kafka: Broker, folder: Path) -> None:
    async with kafka_command(folder) as (process, bootstrap):
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
        await producer.start()
        await producer.send_and_wait(PROBE, b"stays")
        await producer.stop()
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(SECONDS):
            _, words = await process.communicate()
        assert process.returncode == 0
        assert str(folder) in words.decode()
        assert not java_of(folder)
    async with kafka_command(folder) as (process, bootstrap):
        consumer = AIOKafkaConsumer(PROBE, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
        await consumer.start()
        assert b"stays" in [(await consumer.getone()).value for _ in range(2)]
        await consumer.stop()
        assert java_of(folder)
        process.kill()
        async with asyncio.timeout(SECONDS):
            while java_of(folder):  # noqa: ASYNC110 (nobody tells us of the end of a process that is not our child)
                await asyncio.sleep(0.05)
