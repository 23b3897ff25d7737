"""What `setup.py` compiles is there, can be compiled, and is what runs where it should."""

from __future__ import annotations

import ast
import importlib
import os
import runpy
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest
import setuptools

ROOT = Path(__file__).resolve().parents[2]


def every_event() -> list[str]:
    """The paths that are compiled, as the build sees them."""
    told: dict[str, object] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.delenv("BUILD_NATIVE", raising=False)
        patch.setattr(setuptools, "setup", told.update)
        patterns = runpy.run_path("setup.py")["EVERY_EVENT"]
        assert told == {"ext_modules": []}, "who does not ask for it needs no compiler"
        found = {pattern: sorted(map(str, Path().glob(pattern))) for pattern in patterns}
    assert all(found.values()), found
    return [path for paths in found.values() for path in paths]


PATHS = every_event()


@pytest.mark.parametrize("path", PATHS)
def test_what_passes_every_event_needs_nothing_that_mypyc_leaves_out(path: str) -> None:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncFunctionDef):
            assert not any(isinstance(part, ast.Yield) for part in ast.walk(node)), f"{node.name}: in a room of its own"
        if isinstance(node, ast.ImportFrom) and node.module == "pydantic":
            assert not {"BaseModel", "Field"} & {name.name for name in node.names}, "models are classes of another kind"


COMPILED = pytest.mark.skipif("EXPECT_NATIVE" not in os.environ, reason="not compiled here: make test-native")


@COMPILED
def test_here_the_compiled_form_runs() -> None:
    names = [path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in PATHS]
    for name in names:
        importlib.import_module(name)
    # by name, for a package may have a function of the name of its own module
    files = {name: sys.modules[name].__file__ or "" for name in names}
    assert [name for name, file in files.items() if not file.endswith(tuple(EXTENSION_SUFFIXES))] == []


@COMPILED
def test_it_runs_in_programs_too_that_tests_start_in_other_folders(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "processor", "--version"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.endswith(" (compiled)\n")


def told(*words: str) -> list[str]:
    command = [sys.executable, str(ROOT / "tests" / "unit" / "bothforms.py"), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True, encoding="utf-8")
    return done.stdout.splitlines()


@COMPILED
def test_both_forms_say_the_same_of_whatever_comes() -> None:
    *compiled, place = told("4000")
    *interpreted, source = told("4000", "--sources")
    assert (Path(place).suffix, Path(source).suffix) == (".so", ".py")
    assert compiled == interpreted
    assert len(compiled) > 4_000
