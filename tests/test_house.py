"""The house rules that a linter does not know."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

from handlers.requests.kinds import KINDS
from processor.cli.check import documentation
from processor.settings import PREFIX, Settings, secret_fields

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(path for room in ("processor", "handlers", "sandbox") for path in (ROOT / room).rglob("*.py"))
PAGES = sorted({ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")})
ATTICS = {"utils", "common", "helpers", "manager", "misc"}


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.splitlines() if (ROOT / name).is_file()]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_short_and_opens_with_what_the_room_is_for(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 350, "the design is wrong here: split it"
    assert ast.get_docstring(ast.parse(text)), "a module opens with one sentence"
    assert not ATTICS & {path.stem, path.parent.name}


def test_the_page_of_settings_is_the_settings() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert page == documentation(), "run: genesys-processor check --documentation > docs/configuration.md"


def test_the_readme_names_every_kind_of_request_and_every_example() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = [line for line in readme.splitlines() if line.startswith("| ") and "](examples/requests/" in line]
    for kind in KINDS:
        (row,) = [row for row in rows if f"`{kind}`" in row]
        for file in (ROOT / "examples" / "requests").glob(f"{kind}.*"):
            assert f"](examples/requests/{file.name})" in row, f"the table does not lead to {file.name}"
    for file in (path for path in tracked() if path.is_relative_to(ROOT / "examples")):
        assert str(file.relative_to(ROOT)) in readme, f"the README does not name {file.name}"


def anchors(page: Path) -> set[str]:
    """The places in a page that a link may name, as GitHub makes them of its headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_and_every_file_that_a_page_names_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", text):
        if "://" not in target:
            found = page.parent / target if target else page
            assert found.exists(), target
            assert not anchor or anchor in anchors(found), f"{target}#{anchor}"
    for name in re.findall(r"`((?:processor|handlers|sandbox|tests|benchmarks|examples|docs|k8s)/[\w./-]*)`", text):
        assert (ROOT / name).exists(), name


def test_every_page_is_led_to_from_the_readme() -> None:
    seen, ahead = set[Path](), [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        seen.add(page)
        targets = re.findall(r"\]\(([^)#\s]+\.md)[^)]*\)", page.read_text(encoding="utf-8"))
        ahead += [
            found for target in targets if (found := (page.parent / target).resolve()) not in seen and found.is_file()
        ]
    decisions = {page for page in PAGES if page.parent.name == "adr"}
    assert set(PAGES) - decisions <= seen


def test_every_setting_that_a_text_names_exists() -> None:
    known = {name.upper() for name in Settings.model_fields} | {f"{n.upper()}_FILE" for n in secret_fields()}
    known |= {"CONFIG"}
    for path in tracked():
        if path.suffix in {".md", ".yaml", ".yml", ".py", ""} and path.parent.name != "tests":
            text = path.read_text(encoding="utf-8", errors="ignore")
            for name in re.findall(rf"\b{PREFIX}([A-Z][A-Z_]*[A-Z])\b", text):
                assert name in known or "test" in path.name, f"{path.relative_to(ROOT)}: {PREFIX}{name}"


def test_environment_statuses_and_constant_time_stand_where_they_belong() -> None:
    places = {
        "os.environ": {"processor/settings/__init__.py"},
        "compare_digest": {"processor/signing.py"},
        "ZoneInfo(": {"processor/timezones.py"},
    }
    for path in SOURCES:
        name = str(path.relative_to(ROOT))
        if name.startswith("sandbox/"):
            continue
        text = path.read_text(encoding="utf-8")
        for word, rooms in places.items():
            assert word not in text or name in rooms, f"{word} in {name}"


def test_no_address_of_a_machine_or_a_registry_is_committed() -> None:
    for path in tracked():
        text = path.read_text(encoding="utf-8", errors="ignore")
        assert not re.search(r"(^|[^\w./-])/(work|home|root)/[a-z]", text), path
        if path.name.startswith("requirements") or path.name in {"Makefile", "Dockerfile"}:
            assert "://" not in text, path
