"""Spools whose workers are no longer started: one of those that are sends what lies there, and removes the file."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from processor.errors import ProcessorError
from processor.eventlog import Topic
from processor.eventlog.lease import Lease
from processor.eventlog.sqlite import SqliteLog
from processor.spool_forward import Forwarder, Patience, Upstream
from processor.telemetry import Metrics

log = logging.getLogger("processor.spool")


def spool_of(file: Path, worker: int | None) -> Path:
    """The file of a worker by its number; of a process that is the only receiver `file` itself."""
    return file if worker is None else file.with_name(f"{file.stem}-{worker}{file.suffix}")


def left_over(file: Path, workers: int) -> Sequence[Path]:
    """What lies beside it from other numbers of workers; `workers` 1 is a process that is the only receiver."""
    ours = {spool_of(file, number) for number in range(1, workers + 1)} if workers > 1 else {file}
    name = re.compile(rf"{re.escape(file.stem)}(-[1-9]\d*)?{re.escape(file.suffix)}")
    if not file.parent.is_dir():
        return ()
    return sorted(other for other in file.parent.iterdir() if name.fullmatch(other.name) and other not in ours)


async def adopt(
    file: Path,
    upstream: Upstream,
    topic: str,
    partitions: int,
    now: Callable[[], datetime],
    *,
    metrics: Metrics,
    patience: Patience,
) -> None:
    """Returns when the file is gone, or when it cannot be had: then it says why, and the next start tries again."""
    try:
        lease = Lease(file, "spool")
    except ProcessorError as error:
        log.warning("spool-not-adopted", extra={"file": str(file), "reason": str(error)})
        return
    try:
        async with SqliteLog.open(file, [Topic(topic)], partitions, now) as store:
            forwarder = Forwarder(store, topic, upstream, metrics=metrics, now=now, patience=patience)
            while count := await forwarder.remaining():
                log.warning("spool-adopted", extra={"file": str(file), "records": count})
                metrics.spool_left_records.set(count)
                await forwarder.forward()
        for part in ("-wal", "-shm", ""):
            file.with_name(file.name + part).unlink(missing_ok=True)
        log.info("spool-removed", extra={"file": str(file)})
    except (ProcessorError, OSError) as error:
        log.error("spool-not-adopted", extra={"file": str(file), "reason": str(error)})  # noqa: TRY400 - the reason is all
    finally:
        metrics.spool_left_records.set(0)
        lease.release()
