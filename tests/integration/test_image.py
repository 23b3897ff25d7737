"""The steps of the image, without Docker: three environments, a wheel compiled in one and installed in the others."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.image import ROOT, build_steps, copied
from tests.wheels import fetched


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
