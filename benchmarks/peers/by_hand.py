"""A peer: aiohttp and aiokafka put together by hand, acks=all, idempotent. It verifies nothing, and reads no JSON.

    python benchmarks/peers/by_hand.py BOOTSTRAP TOPIC

Says its port, serves until SIGTERM, says what it cost, as `benchmarks/receive.py` expects it.
"""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import sys
from pathlib import Path

from aiohttp import web
from aiokafka import AIOKafkaProducer


def highest_mb() -> float:
    """Resident, of this program only: `ru_maxrss` begins at what its parent had."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


async def serve(bootstrap: str, topic: str) -> None:
    """One durable append for each post, answered when it is acknowledged."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await producer.start()

    async def post(request: web.Request) -> web.Response:
        await producer.send_and_wait(topic, await request.read())
        return web.Response(status=202)

    app = web.Application()
    app.router.add_post("/webhooks/genesys", post)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    started = resource.getrusage(resource.RUSAGE_SELF)
    print(runner.addresses[0][1], flush=True)
    await stop.wait()
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = used.ru_utime + used.ru_stime - started.ru_utime - started.ru_stime
    print(json.dumps({"cpu": cpu, "rssMb": highest_mb()}), flush=True)
    await runner.cleanup()
    await producer.stop()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2]))
