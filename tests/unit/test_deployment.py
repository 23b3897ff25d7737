"""What containers are told is what the product understands; nothing that the image needs is left out of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

from processor.settings import load
from sandbox.options import Options
from tests.wheels import fetched

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("service", COMPOSE["services"])
def test_compose_tells_each_service_settings_that_exist(service: str) -> None:
    settings = load(COMPOSE["services"][service].get("environment", {}))
    if service == "product":
        assert settings.genesys_client_id == Options().client_id
        assert settings.genesys_client_secret.get_secret_value() == Options().client_secret
        assert settings.wfm_secret.get_secret_value() == Options().wfm_secret
        assert settings.api_url.endswith(f":{Options().port}")
        assert settings.wfm_url.endswith(f":{Options().wfm_port}")
        assert settings.admin_token is not None, "its port is published"


def test_compose_has_a_kafka_that_the_product_and_its_user_reach() -> None:
    services = COMPOSE["services"]
    told = services["kafka"]["environment"]
    listeners = dict(one.split("://") for one in told["KAFKA_LISTENERS"].split(","))
    reached = dict(one.split("://") for one in told["KAFKA_ADVERTISED_LISTENERS"].split(","))
    assert services["product"]["environment"]["PROCESSOR_LOG"] == f"kafka://{reached['INSIDE']}"
    assert services["kafka"]["ports"] == [f"{reached['OUTSIDE']}:{reached['OUTSIDE'].rpartition(':')[2]}"]
    for name, address in reached.items():
        assert address.endswith(listeners[name])
    assert told["KAFKA_CONTROLLER_QUORUM_VOTERS"] == f"{told['KAFKA_NODE_ID']}@kafka{listeners['CONTROLLER']}"
    assert reached["INSIDE"].startswith("kafka:"), "the service's name"
    assert {told[name] for name in told if name.endswith(("_REPLICATION_FACTOR", "_MIN_ISR"))} == {"1"}, "one broker"
    kept = services["kafka"]["volumes"][0].partition(":")[2]
    assert told["KAFKA_LOG_DIRS"] == kept
    assert set(services["product"]["depends_on"]) == {"kafka", "centre", "calendars"}


def copied() -> list[str]:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    words = [line.split()[1:-1] for line in lines if line.startswith("COPY ") and "--from" not in line]
    return [word for line in words for word in line]


def test_the_image_gets_every_file_that_it_copies() -> None:
    admitted = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for name in copied():
        assert (ROOT / name).exists()
        assert any(fnmatch(name, pattern) for pattern in admitted), f".dockerignore keeps {name} out"


def build_steps(place: Path) -> str:
    """The commands of the image's build stage, as a script for another place than the root of an image."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", "")
    stage = text.partition("AS build\n")[2].partition("\nFROM ")[0]
    runs = [line.removeprefix("RUN ") for line in stage.splitlines() if line.startswith("RUN ")]
    assert len(runs) == 2
    return "set -eu\n" + "\n".join(runs).replace("/opt/", f"{place}/opt/")


@pytest.mark.slow
@pytest.mark.timeout(700)
def test_the_steps_of_the_image_give_the_whole_product(tmp_path: Path) -> None:
    for name in copied():
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path / name)
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(tmp_path)}
    environment["PIP_NO_COMPILE"] = "1"  # the image's business; here nobody runs it twice
    locks = [ROOT / name for name in copied() if name.startswith("requirements")]
    environment |= fetched(ROOT / ".venv" / "wheels", *locks)
    done = subprocess.run(
        ["sh", "-c", build_steps(tmp_path)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=480,
    )
    assert done.returncode == 0, done.stderr
    product = tmp_path / "opt" / "product" / "bin"
    shown = subprocess.run(
        [str(product / "genesys-processor"), "--help"], cwd="/", capture_output=True, text=True, check=True, timeout=30
    )
    assert "serve" in shown.stdout
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    for room in ("processor", "handlers", "sandbox"):
        for path in (tmp_path / room).rglob("*"):
            if path.suffix in {".py", ".html"}:
                assert str(path.relative_to(tmp_path)) in packed
    assert any(name.startswith("processor/written.") and name.endswith(".so") for name in packed), "compiled"
