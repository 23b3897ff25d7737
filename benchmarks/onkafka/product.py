"""The product as its user runs it, in processes of its own, and what each of them costs."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PARTITIONS = 12
READY_SECONDS = 120
STOP_SECONDS = 60


def now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Place:
    """The broker, its process, and the folder for what the processes of the product say."""

    bootstrap: str
    broker: int
    folder: Path


@dataclass(frozen=True)
class Running:
    """One process of the product; `ready` is its ready line."""

    pid: int
    ready: Mapping[str, Any]

    @property
    def cpu(self) -> float:
        """Seconds of processor time until now, user and system."""
        about = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(about[11]) + int(about[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def rss(self) -> float:
        """MB in use now."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


@asynccontextmanager
async def serving(place: Place, name: str, roles: Iterable[str], **settings: str) -> AsyncIterator[Running]:
    """Up and ready inside, gone after it. `name` is its member id, so that it gets its own partitions back."""
    plain = {key: value for key, value in os.environ.items() if not key.startswith("PROCESSOR_")}
    environment = {
        **plain,
        "PYTHONPATH": str(ROOT),
        "PROCESSOR_LOG": f"kafka://{place.bootstrap}",
        "PROCESSOR_KAFKA_MEMBER_ID": name,
        "PROCESSOR_PARTITIONS": str(PARTITIONS),
        "PROCESSOR_RECEIVER_PORT": "0",
        "PROCESSOR_ADMIN_PORT": "0",
        **settings,
    }
    words = [word for role in roles for word in ("--role", role)]
    with (place.folder / f"{name}.log").open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "processor", "serve", *words),
            env=environment,
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
        )
    try:
        if process.stdout is None:
            raise RuntimeError("no stdout")
        line = await asyncio.wait_for(process.stdout.readline(), READY_SECONDS)
        if not line:
            said = (place.folder / f"{name}.log").read_text(encoding="utf-8")
            raise SystemExit(f"{name} did not start: {said[-2000:]}")
        yield Running(process.pid, json.loads(line))
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()


def row(name: str, value: float, unit: str, reference: float | None = None, **more: float | None) -> dict[str, Any]:
    """As every benchmark reports; shown at once."""
    digits = 0 if value >= 100 else 2
    found: dict[str, Any] = {
        "name": name,
        "value": round(value, digits) if digits else round(value),
        "unit": unit,
        "reference": reference,
        "ratio": round(value / reference, 2) if reference else None,
        "p50Ms": None,
        "p99Ms": None,
        "rssMb": None,
    }
    found |= {key: number if number is None else round(number, 1) for key, number in more.items()}
    print(json.dumps(found), flush=True)
    return found
