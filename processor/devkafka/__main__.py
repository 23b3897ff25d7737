"""`python -m processor.devkafka`: fetches Kafka's jars now, so that the first start does not have to wait for them."""

from __future__ import annotations

import sys

from processor.devkafka.jars import cache_folder, classpath, java
from processor.errors import FatalError

if __name__ == "__main__":
    try:
        java()
        classpath(cache_folder())
    except FatalError as error:
        sys.exit(f"no Kafka here, its tests will be skipped: {error}")
