"""A peer: FastAPI with FastStream's Kafka router, as its documentation shows them together; acks=all, idempotent.

    python benchmarks/peers/faststream_fastapi.py BOOTSTRAP TOPIC

Says its port, serves until SIGTERM, says what it cost, as `benchmarks/receive.py` expects it.
"""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request, Response
from faststream.kafka.fastapi import KafkaRouter


def application(bootstrap: str, topic: str) -> FastAPI:
    """One durable append for each post, answered when it is acknowledged."""
    router = KafkaRouter(bootstrap, acks="all", enable_idempotence=True)

    @router.post("/webhooks/genesys")
    async def post(request: Request) -> Response:
        await router.broker.publish(await request.body(), topic)
        return Response(status_code=202)

    app = FastAPI()
    app.include_router(router)
    return app


class Server(uvicorn.Server):
    """It leaves at SIGTERM without raising it once more, so that there is time to say what it cost."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ours instead of uvicorn's."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.handle_exit, signal.SIGTERM, None)
        yield


def highest_mb() -> float:
    """Resident, of this program only: `ru_maxrss` begins at what its parent had."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


async def serve(bootstrap: str, topic: str) -> None:
    """Until SIGTERM."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    config = uvicorn.Config(application(bootstrap, topic), log_level="error", access_log=False)
    server = Server(config)
    started = resource.getrusage(resource.RUSAGE_SELF)
    print(listener.getsockname()[1], flush=True)
    await server.serve(sockets=[listener])
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = used.ru_utime + used.ru_stime - started.ru_utime - started.ru_stime
    print(json.dumps({"cpu": cpu, "rssMb": highest_mb()}), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2]))
