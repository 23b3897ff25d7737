"""`python -m processor.app.health`: exit 0 when the product of this machine is ready. Containers ask it at times."""

from __future__ import annotations

import sys
from http.client import HTTPConnection, HTTPException

from processor.errors import FatalError
from processor.settings import load

SECONDS = 5.0
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104 - nobody listens there because of this
"""Whoever listens on all addresses is met on loopback."""


def main() -> int:
    """Says why it is not, on stderr."""
    try:
        settings = load()
        host = EVERYWHERE.get(settings.admin_host, settings.admin_host)
        asked = HTTPConnection(host, settings.admin_port, timeout=SECONDS)
        asked.request("GET", "/readyz")
        answer = asked.getresponse()
    except (FatalError, OSError, HTTPException) as error:
        print(f"not ready: {error}", file=sys.stderr)  # noqa: T201 - as the CLI does
        return 1
    if answer.status != 200:
        print(f"not ready: {answer.read(500).decode(errors='replace')}", file=sys.stderr)  # noqa: T201 - as the CLI does
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
