"""What containers are told is what the product understands; nothing that the image needs is left out of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from processor.settings import load
from sandbox.options import Options

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
BASE = ROOT / "k8s" / "base"


def manifests() -> list[dict[str, Any]]:
    kustomization = yaml.safe_load((BASE / "kustomization.yaml").read_text(encoding="utf-8"))
    names = kustomization["resources"]
    assert set(names) | {"kustomization.yaml", "config.yaml"} == {path.name for path in BASE.iterdir()}
    return [one for name in names for one in yaml.safe_load_all((BASE / name).read_text(encoding="utf-8"))]


def pod() -> dict[str, Any]:
    (found,) = [one for one in manifests() if one["kind"] == "StatefulSet"]
    assert found["spec"]["replicas"] == 1, "the embedded log has one writer"
    return found["spec"]["template"]["spec"]


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


def test_kubernetes_tells_it_settings_that_exist(tmp_path: Path) -> None:
    (container,) = pod()["containers"]
    told = {entry["name"]: entry["value"] for entry in container["env"]}
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert {Path(told["PROCESSOR_CONFIG"]).parent, Path(told["PROCESSOR_ADMIN_TOKEN_FILE"]).parent} <= set(
        map(Path, mounts)
    )
    secret = tmp_path / "secret"
    secret.write_text("genesys:a-secret")
    told |= {name: str(secret) for name in told if name.endswith("_FILE")}
    settings = load(told | {"PROCESSOR_CONFIG": str(BASE / "config.yaml")})
    assert settings.admin_token, "the admin port is reachable from outside the pod"
    assert settings.webhook_basic
    assert settings.log == "sqlite:////data/events.db"
    assert "/data" in mounts


def test_the_pod_runs_as_nobody_and_is_watched_on_the_admin_port() -> None:
    spec = pod()
    (container,) = spec["containers"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "admin"}
    assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert spec["enableServiceLinks"] is False


def copied() -> list[str]:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    words = [line.split()[1:-1] for line in lines if line.startswith("COPY ") and "--from" not in line]
    return [word for line in words for word in line]


def test_the_image_gets_every_file_that_it_copies() -> None:
    admitted = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for name in copied():
        assert (ROOT / name).exists()
        assert any(fnmatch(name, pattern) for pattern in admitted), f".dockerignore keeps {name} out"


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_the_wheel_of_those_files_is_the_whole_product(tmp_path: Path) -> None:
    for name in copied():
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path / name)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run(
        [*command, "--no-build-isolation", "--wheel-dir", "dist", "."], cwd=tmp_path, check=True, timeout=150
    )
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    inside = zipfile.ZipFile(wheel)
    packed = set(inside.namelist())
    for room in ("processor", "handlers", "sandbox"):
        for path in (ROOT / room).rglob("*"):
            if path.suffix in {".py", ".html"} and not any(part == "__pycache__" for part in path.parts):
                assert str(path.relative_to(ROOT)) in packed
    (entry,) = [name for name in packed if name.endswith("entry_points.txt")]
    assert "genesys-processor = processor.cli:main" in inside.read(entry).decode()
