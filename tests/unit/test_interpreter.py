"""What a process that serves may do that others may not."""

from __future__ import annotations

import subprocess
import sys

SETTLED = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (64, min(512, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
from processor.app.interpreter import settle
settle()
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
print(soft == hard > 64)
"""


def test_as_many_files_are_open_as_may_be() -> None:
    done = subprocess.run([sys.executable, "-c", SETTLED], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "True\n"
