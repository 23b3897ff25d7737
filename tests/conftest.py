"""What every test may ask for."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

pytest_plugins = ["tests.kafkabroker", "tests.kafkasecurity"]

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_configure() -> None:
    """Ctrl-C is tried on children, who inherit it as it is here: a shell that started us in the background ignores it."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("PROCESSOR_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The recorded samples beside the checkout; they are not part of the product."""
    if not SHARED.is_dir():
        pytest.skip("the recorded samples are not beside this checkout; tests/data covers the same ground")
    return SHARED
