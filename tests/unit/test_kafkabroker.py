"""No broker to be had: skipped with the reason on a person's machine, a failure in CI, never silently passed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from processor.errors import FatalError
from tests.kafkabroker import had


@contextmanager
def nowhere() -> Iterator[None]:
    raise FatalError("there is no Java")
    yield


def test_skipped_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="there is no Java"), had(nowhere()):
        pass


def test_failed_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="there is no Java"), had(nowhere()):
        pass
