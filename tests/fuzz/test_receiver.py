"""Ten thousand hostile requests to the product as its user runs it: nothing breaks, nothing is told, nothing swells.

Other requests: `make test PYTEST="tests/fuzz --hypothesis-seed=7"`.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest
from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st

from processor.settings import without_settings
from tests.fuzz.hostile import PATH, Request, basic, request

ROOT = Path(__file__).parents[2]
BASIC, KEY, SHARED = "gc:pass-of-the-fuzz-test", "key-of-the-fuzz-test", "whsec_c2VjcmV0IG9mIHRoZSBmdXp6IHRlc3Q="
SECRETS = (BASIC, BASIC.partition(":")[2], basic(BASIC).decode()[6:], KEY, SHARED.removeprefix("whsec_"))
EXAMPLES, REQUESTS, AT_ONCE = 100, 100, 16
WAIT_SECONDS = 20


@dataclass
class Product:
    """A server process, and what it answered."""

    process: asyncio.subprocess.Process
    port: int
    admin: str
    statuses: Counter[int] = field(default_factory=Counter)

    async def send(self, sent: Request) -> bytes:
        """The answer's first bytes; empty when the connection was closed without one."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        answer = b""
        try:
            writer.write(sent.data)
            if sent.whole:
                async with asyncio.timeout(WAIT_SECONDS):
                    answer = await reader.readuntil(b"\r\n")
                    if answer.startswith(b"HTTP/1.1 100"):
                        answer = await reader.readuntil(b"\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.transport.abort()  # gone without a word, answered or not
        return answer

    async def storm(self, chance: Random) -> None:
        """A hundred at once and a few; then one honest post still passes."""
        free = asyncio.Semaphore(AT_ONCE)

        async def one(sent: Request) -> None:
            async with free:
                answer = await self.send(sent)
            if answer:
                status = int(answer.split()[1])
                self.statuses[status] += 1
                assert status < 500, (answer, sent.data[:2000])

        async with asyncio.TaskGroup() as tasks:
            for _ in range(REQUESTS):
                tasks.create_task(one(request(chance, basic(BASIC))))
        answer = await self.send(honest())
        assert answer.startswith(b"HTTP/1.1 202 "), answer

    def memory(self) -> int:
        """Resident bytes of the server."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * 4096


def honest() -> Request:
    body = b'{"topicName":"channel.metadata","eventBody":{"message":"WebSocket Heartbeat"}}'
    head = b"POST %b HTTP/1.1\r\nHost: x\r\nAuthorization: %b\r\nContent-Length: %d\r\n\r\n"
    return Request(head % (PATH, basic(BASIC), len(body)) + body, whole=True)


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Product]:
    environment = without_settings() | {
        "PROCESSOR_LOG": f"sqlite:///{folder}/events.db",
        "PROCESSOR_RECEIVER_PORT": "0",
        "PROCESSOR_ADMIN_PORT": "0",
        "PROCESSOR_WEBHOOK_BASIC": BASIC,
        "PROCESSOR_WEBHOOK_API_KEY": f"X-Key: {KEY}",
        "PROCESSOR_WEBHOOK_SECRETS": SHARED,
        "PROCESSOR_WEBHOOK_GENESYS_SECRET": SHARED,
        "PROCESSOR_TRUSTED_PROXIES": "127.0.0.0/8",
    }
    with (folder / "stderr").open("wb") as errors:
        command = (sys.executable, "-m", "processor", "serve", "--role", "receive", "--role", "normalise")
        process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=errors
        )
        try:
            assert process.stdout
            ready = json.loads(await asyncio.wait_for(process.stdout.readline(), 30))
            yield Product(process, int(ready["receiver"].rpartition(":")[2]), ready["admin"])
            process.terminate()
            assert await asyncio.wait_for(process.wait(), 30) == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_ten_thousand_hostile_requests(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    with asyncio.Runner() as runner:
        serves = serving(tmp_path)
        product = runner.run(serves.__aenter__())
        sizes: list[int] = []

        @seed(pytestconfig.getoption("hypothesis_seed") or 0)
        @settings(max_examples=EXAMPLES, deadline=None, database=None, phases=[Phase.generate])
        @given(start=st.integers(0, 2**32))
        def storm(start: int) -> None:
            runner.run(product.storm(Random(start)))
            sizes.append(product.memory())

        storm()
        runner.run(serves.__aexit__(None, None, None))
    assert max(sizes[EXAMPLES // 2 :]) - sizes[EXAMPLES // 2 - 1] < 24 << 20, sizes
    settings_of = without_settings() | {"PROCESSOR_LOG": f"sqlite:///{tmp_path}/events.db"}
    command = (sys.executable, "-m", "processor", "drift", "--json")
    drift = subprocess.run(command, cwd=ROOT, env=settings_of, capture_output=True, check=True, timeout=60)
    assert json.loads(drift.stdout)["looked"]["records"] > EXAMPLES
    said = (tmp_path / "stderr").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in said.splitlines()]
    assert not [line for line in lines if line["level"] in {"error", "critical"} or "exception" in line]
    assert len(said) < REQUESTS * EXAMPLES * 1000
    assert not [secret for secret in SECRETS if secret in said]
    assert {202, 400, 401, 413, 415} <= set(product.statuses)
