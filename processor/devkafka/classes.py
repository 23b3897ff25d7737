"""Kafka's Java classes as they lie in memory once loaded, kept in a file: with it a start costs half as much.

Java calls it class data sharing. Where the file cannot be made Kafka starts without, only more slowly.
"""

from __future__ import annotations

import hashlib
import logging
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from processor.errors import FatalError

DUMP_SECONDS = 300.0

logger = logging.getLogger("processor.devkafka")


def kept(folder: Path, java: Path, classpath: str) -> Path:
    """Where it is, or would be: another Java or other jars have a file of their own."""
    made_for = f"{java.resolve()} {java.stat().st_mtime_ns} {classpath}"
    return folder / f"classes-{hashlib.sha256(made_for.encode()).hexdigest()[:16]}.jsa"


def flags(file: Path) -> tuple[str, ...]:
    """What uses it, where it is."""
    return (f"-XX:SharedArchiveFile={file}",) if file.exists() and file.stat().st_size else ()


def make(file: Path, program: Sequence[str], run: Callable[[Path, Sequence[str]], None]) -> None:
    """Does nothing where it is, or could not be made before.

    `program` ends with the class path; `run` runs a node in the folder once, with these flags, to see what it loads.
    """
    if file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent) as name:
        loaded, made = Path(name) / "loaded", Path(name) / "made"
        dump = ["-Xshare:dump", f"-XX:SharedClassListFile={loaded}", f"-XX:SharedArchiveFile={made}"]
        try:
            run(Path(name) / "node", [f"-XX:DumpLoadedClassList={loaded}"])
            command = [program[0], *dump, *program[1:]]
            subprocess.run(command, check=True, capture_output=True, timeout=DUMP_SECONDS)  # noqa: S603 (our own command line)
        except (FatalError, OSError, subprocess.SubprocessError) as error:
            logger.warning("kafka-starts-slowly", extra={"error": str(error)})
            made.touch()
        made.replace(file)  # whole, or not at all: others may be at the same
