"""The wheel: all of it as it is, or with BUILD_NATIVE=1 what every event passes compiled (docs/adr/0010)."""

from __future__ import annotations

import os
from glob import glob

from setuptools import Extension, setup

EVERY_EVENT = (
    "handlers/normalise/*.py",
    "processor/deadline.py",
    "processor/envelope.py",
    "processor/instants.py",
    "processor/intake.py",
    "processor/member.py",
    "processor/receiver.py",
    "processor/routing.py",
    "processor/serial.py",
    "processor/signatures.py",
    "processor/signing.py",
    "processor/table.py",
    "processor/tables.py",
    "processor/written.py",
    "processor/eventlog/kafka_lane.py",
    "processor/eventlog/kafka_records.py",
    "processor/eventlog/producer.py",
    "processor/eventlog/sqlite_rows.py",
    "processor/web/answers.py",
    "processor/web/callers.py",
    "processor/web/heads.py",
    "processor/web/refusals.py",
)
"""Ordinary Python, without pydantic and asynchronous generators, which mypyc leaves alone."""


def compiled() -> list[Extension]:
    """Only who asks for it needs mypyc and a C compiler."""
    if os.environ.get("BUILD_NATIVE") != "1":
        return []
    from mypyc.build import mypycify  # noqa: PLC0415 - only who asks for it has it

    paths = [path for pattern in EVERY_EVENT for path in sorted(glob(pattern))]  # noqa: PTH207 - mypyc wants them so
    return mypycify(
        ["--config-file=", "--ignore-missing-imports", *paths], group_name="genesys_processor", debug_level="0"
    )


setup(ext_modules=compiled())
