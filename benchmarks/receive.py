"""Durable, verified posts per second of the receiver, beside a bare aiohttp handler that stores nothing.

    python benchmarks/receive.py [--seconds 4] [--rounds 3] [--connections 8 64 256] [--json FILE]

Each server is a process of its own on a free loopback port; rounds alternate between them, and the
median counts. `cpu` is the server's processor time per post, user + system: steadier than rates on
a shared machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web
from load import USER, Load, connection


async def bare(address: asyncio.Future[str], stop: asyncio.Event) -> None:
    """What is compared against: reads the body, answers 202, keeps nothing."""

    async def post(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=202)

    app = web.Application()
    app.router.add_post("/webhooks/genesys", post)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
    await site.start()
    address.set_result(f"{runner.addresses[0][1]}")
    await stop.wait()
    await runner.cleanup()


async def ours(address: asyncio.Future[str], stop: asyncio.Event, *, durable: bool) -> None:
    """The receiver as `serve` wires it; without `durable` the append only yields once."""
    from handlers.normalise.envelopes import envelopes  # noqa: PLC0415 - the bare server must not pay for these
    from processor.app.interpreter import settle  # noqa: PLC0415
    from processor.event import RAW  # noqa: PLC0415
    from processor.eventlog import Message, Topic  # noqa: PLC0415
    from processor.receiver import Receiver  # noqa: PLC0415
    from processor.signatures import Verifier  # noqa: PLC0415
    from processor.telemetry import Metrics  # noqa: PLC0415
    from processor.web.listener import Where, listening, runner_of  # noqa: PLC0415

    def now() -> datetime:
        return datetime.now(UTC)

    settle()

    async def run(append: object) -> None:
        receiver = Receiver(append, envelopes, Verifier.build(basic=[USER]), Metrics.build(), now)
        async with listening(runner_of(receiver.handle, 5, receiver.plain), Where("127.0.0.1", 0)) as at:
            address.set_result(at.rpartition(":")[2])
            await stop.wait()

    if not durable:

        async def append(_: list[Message]) -> None:
            await asyncio.sleep(0)

        await run(append)
        return
    from processor.eventlog.sqlite import SqliteLog  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="bench-receive-") as folder:
        async with SqliteLog.open(Path(folder) / "events.db", [Topic(RAW)], 12, now) as log:
            await run(log.append)


def highest_mb() -> float:
    """Resident, of this program only: `ru_maxrss` begins at what its parent had."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


async def serve(kind: str) -> None:
    """The child process: says its port, serves until SIGTERM, says what it cost."""
    stop, address = asyncio.Event(), asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    work = bare(address, stop) if kind == "bare" else ours(address, stop, durable=kind == "durable")
    task = asyncio.ensure_future(work)
    await asyncio.wait([address, task], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()
    started = resource.getrusage(resource.RUSAGE_SELF)
    print(address.result(), flush=True)
    await task
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = used.ru_utime + used.ru_stime - started.ru_utime - started.ru_stime
    print(json.dumps({"cpu": cpu, "rssMb": highest_mb()}), flush=True)


def command(kind: str) -> list[str]:
    """What starts the server of this kind."""
    return [sys.executable, __file__, "--serve", kind]


async def measure(words: list[str], kind: str, connections: int, seconds: float, *, fresh: bool) -> dict[str, float]:
    """One server, started by `words`, one load."""
    server = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    assert server.stdout
    try:
        port = int(await asyncio.wait_for(server.stdout.readline(), 60))
        started = time.perf_counter()
        load = Load(port, fresh, started + seconds)
        await asyncio.gather(*(connection(load) for _ in range(connections)))
        elapsed = time.perf_counter() - started
        server.terminate()
        cost = json.loads(await asyncio.wait_for(server.stdout.readline(), 30))
    except BaseException:
        server.kill()
        raise
    finally:
        await server.wait()
    if load.wrong:
        raise SystemExit(f"{kind}: {load.wrong} of {len(load.latencies)} answers were not 202")
    cuts = statistics.quantiles(load.latencies, n=100)
    return {
        "rate": len(load.latencies) / elapsed,
        "p50Ms": cuts[49] * 1e3,
        "p99Ms": cuts[98] * 1e3,
        "cpuUs": cost["cpu"] / len(load.latencies) * 1e6,
        "rssMb": cost["rssMb"],
    }


async def compare(
    kinds: list[str],
    connections: int,
    seconds: float,
    rounds: int,
    *,
    fresh: bool,
    started_by: Callable[[str], list[str]] = command,
) -> list[dict]:
    """Alternating rounds; medians, with the ratio to bare."""
    runs: dict[str, list[dict[str, float]]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind in kinds:
            runs[kind].append(await measure(started_by(kind), kind, connections, seconds, fresh=fresh))
    medians = {
        kind: {name: statistics.median(run[name] for run in runs[kind]) for name in runs[kind][0]} for kind in kinds
    }
    rows = []
    for kind, found in medians.items():
        name = f"receive-{kind}-{connections}{'-new-connections' if fresh else ''}"
        reference = medians["bare"]
        shown = {key: round(found[key], 2) for key in ("p50Ms", "p99Ms", "rssMb", "cpuUs")}
        rows.append(
            {
                "name": name,
                "value": round(found["rate"]),
                "unit": "posts/s",
                "reference": round(reference["rate"]),
                "ratio": round(found["rate"] / reference["rate"], 3),
                "cpuRatio": round(found["cpuUs"] / reference["cpuUs"], 2),
                **shown,
            }
        )
        print(json.dumps(rows[-1]), flush=True)
    return rows


def main() -> None:
    """Parse, run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, nargs="+", default=[8, 64, 256])
    parser.add_argument("--kinds", nargs="+", default=["bare", "durable"])
    parser.add_argument(
        "--no-fresh", action="store_true", help="leave out the runs with a new connection for each post"
    )
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(options.serve))
        return

    async def everything() -> list[dict]:
        rows = []
        for number in options.connections:
            rows += await compare(options.kinds, number, options.seconds, options.rounds, fresh=False)
        if not options.no_fresh:
            rows += await compare(options.kinds, 64, options.seconds, options.rounds, fresh=True)
        return rows

    rows = asyncio.run(everything())
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
