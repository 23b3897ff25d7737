"""The rules that Prometheus gets are those that the runbook gives as worth having."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| [^|]+ \| `(?P<expression>[^`]+)`(?:.* for (?P<minutes>\d+) minutes)?.* \|$", re.MULTILINE)


def test_the_runbook_and_the_rules_say_the_same() -> None:
    told = (ROOT / "docs/runbook.md").read_text(encoding="utf-8").partition("| alert | expression |")[2]
    rows = [found.groupdict() for found in ROW.finditer(told.partition("\n\n")[0])]
    file = yaml.safe_load((ROOT / "k8s/overlays/production/alerts.yaml").read_text(encoding="utf-8"))
    (group,) = file["spec"]["groups"]
    assert len(rows) == len(group["rules"]) > 10
    for row, rule in zip(rows, group["rules"], strict=True):
        expression, opening_hours, _ = rule["expr"].partition(" and on() ")
        assert expression == row["expression"]
        assert bool(opening_hours) == (rule["alert"] == "GenesysNothingComes")
        assert rule.get("for") == (f"{row['minutes']}m" if row["minutes"] else None)
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["summary"].endswith(".") or rule["annotations"]["summary"].endswith("?")
