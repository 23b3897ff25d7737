"""Names of processes in their groups: unique on one host, found again after a restart, and a setting wins."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from processor.app.membership import member_id
from processor.app.roles import Role
from processor.settings import load

KAFKA = {"PROCESSOR_LOG": "kafka://127.0.0.1:1"}


def test_processes_of_one_host_have_different_names_and_find_them_again(tmp_path: Path) -> None:
    settings = load(KAFKA)
    with member_id(settings, [Role.ALL], tmp_path) as first:
        assert first == f"{socket.gethostname()}.all.1"
        with member_id(settings, [Role.ALL], tmp_path) as second:
            assert second == f"{socket.gethostname()}.all.2"
        with member_id(settings, [Role.ALL], tmp_path) as again:
            assert again == second


def test_roles_are_counted_apart(tmp_path: Path) -> None:
    """Else a restart in another order would hand the name of one kind of work to another."""
    settings = load(KAFKA)
    with (
        member_id(settings, [Role.SYNC, Role.NORMALISE], tmp_path) as both,
        member_id(settings, [Role.LOOK_UP], tmp_path) as other,
    ):
        assert both.endswith(".normalise.sync.1")
        assert other.endswith(".look-up.1")


def test_a_setting_wins(tmp_path: Path) -> None:
    with member_id(load({**KAFKA, "PROCESSOR_KAFKA_MEMBER_ID": "pod-0"}), [Role.ALL], tmp_path) as name:
        assert name == "pod-0"
    assert list(tmp_path.iterdir()) == []


def test_where_no_lock_can_be_kept_the_name_is_still_unique(tmp_path: Path) -> None:
    nowhere = tmp_path / "file"
    nowhere.write_text("no folder")
    with member_id(load(KAFKA), [Role.ALL], nowhere) as name:
        assert name.endswith(f".pid{os.getpid()}")
