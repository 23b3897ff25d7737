"""The product with its clock put forward or back: `python -m tests.chaos.skewed SECONDS serve …`."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta

from processor.app import log

right = log.utc_now
skew = timedelta(seconds=float(sys.argv.pop(1)))


def wrong() -> datetime:
    return right() + skew


log.utc_now = wrong  # before anybody else has taken it

from processor.cli import main  # noqa: E402

if __name__ == "__main__":
    raise SystemExit(main())
