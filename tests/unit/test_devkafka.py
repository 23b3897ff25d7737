"""The plan of a development cluster: ports, ids, settings, and the same ones at the next start."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from processor.cli import main
from processor.devkafka import classes, stay
from processor.devkafka.jars import _must_be_known
from processor.devkafka.node import last_words
from processor.devkafka.plan import draw, free_ports, identity, properties
from processor.devkafka.stay import plan_of
from processor.errors import ConflictError, FatalError


def test_an_id_is_one_that_kafka_takes() -> None:
    assert all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{21}", identity()) for _ in range(500))


def test_ports_are_free_and_different() -> None:
    assert len(set(free_ports(12))) == 12


def test_nodes_listen_on_the_given_port_and_those_that_follow() -> None:
    assert draw(3, 9092).bootstrap == "127.0.0.1:9092,127.0.0.1:9093,127.0.0.1:9094"


def test_one_node_replicates_nothing_and_three_acknowledge_by_two(tmp_path: Path) -> None:
    one, three = draw(1), draw(3)
    assert "min.insync.replicas=1\n" in properties(one, one.seats[0], tmp_path, {})
    text = properties(three, three.seats[2], tmp_path, {"num.partitions": "12"}, ["TLS://127.0.0.1:1"])
    for line in ("node.id=3", "min.insync.replicas=2", "offsets.topic.replication.factor=3", "num.partitions=12"):
        assert f"{line}\n" in text
    assert text.count("TLS://127.0.0.1:1") == 2
    assert text.count("num.partitions") == 3  # ours, and those of the two internal topics


def test_the_next_start_finds_the_same_cluster_on_other_client_ports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stay, "_free", lambda _: True)  # three in a row are seldom ours alone
    first = plan_of(tmp_path, 3, 0)
    moved = plan_of(tmp_path, 3, free_ports(1)[0])
    assert moved.cluster_id == first.cluster_id
    assert [seat.controller_port for seat in moved.seats] == [seat.controller_port for seat in first.seats]
    assert plan_of(tmp_path, 3, 0) == moved


def test_another_number_of_nodes_a_taken_port_and_a_foreign_file_are_refused(tmp_path: Path) -> None:
    plan_of(tmp_path, 1, 0)
    with pytest.raises(ConflictError, match="1 node"):
        plan_of(tmp_path, 3, 0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(FatalError, match="is taken"):
            plan_of(tmp_path / "other", 1, taken.getsockname()[1])
    between_the_nodes = plan_of(tmp_path, 1, 0).seats[0].controller_port
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", between_the_nodes))
        with pytest.raises(ConflictError, match="in use"):  # another port would not help
            plan_of(tmp_path, 1, free_ports(1)[0])
    (tmp_path / "cluster.json").write_text("{}")
    with pytest.raises(FatalError, match="not a plan"):
        plan_of(tmp_path, 1, 0)


@pytest.mark.parametrize("port", ["-1", "65534", "seven"])
def test_a_port_that_cannot_be_is_a_wrong_use(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["kafka", "--port", port])
    assert ended.value.code == 2
    assert "--port" in capsys.readouterr().err


def test_a_jar_that_is_not_the_one_we_know_is_refused(tmp_path: Path) -> None:
    jar = tmp_path / "kafka_2.13-4.4.0.jar"
    jar.write_bytes(b"something else")
    with pytest.raises(FatalError, match="is not the file that we know"):
        _must_be_known([jar])
    unknown = jar.rename(tmp_path / "unknown.jar")
    with pytest.raises(FatalError, match="is not the file that we know"):
        _must_be_known([unknown])


def test_other_jars_have_classes_of_their_own(tmp_path: Path) -> None:
    java = Path(sys.executable)
    assert classes.kept(tmp_path, java, "a.jar") == classes.kept(tmp_path, java, "a.jar")
    assert classes.kept(tmp_path, java, "a.jar") != classes.kept(tmp_path, java, "b.jar")


def test_where_the_classes_cannot_be_kept_kafka_starts_without_and_nobody_tries_again(tmp_path: Path) -> None:
    file = tmp_path / "cache" / "classes.jsa"
    tried: list[Path] = []

    def fails(folder: Path, _: Sequence[str]) -> None:
        tried.append(folder)
        raise FatalError("it does not listen")

    for _ in range(2):
        classes.make(file, ["/nowhere/java"], fails)
    assert len(tried) == 1
    assert classes.flags(file) == ()
    assert list(file.parent.iterdir()) == [file], "what it tried with is gone"


def test_classes_that_are_kept_are_used(tmp_path: Path) -> None:
    file = tmp_path / "classes.jsa"
    assert classes.flags(file) == ()
    file.write_bytes(b"classes")
    assert classes.flags(file) == (f"-XX:SharedArchiveFile={file}",)


def test_what_kafka_says_last_is_why_and_not_where_in_its_code(tmp_path: Path) -> None:
    log = tmp_path / "node1.log"
    assert last_words(log) == "it said nothing"
    why = 'Exception in thread "main" ConfigException: Invalid value lots for configuration log.segment.bytes'
    calls = [f"\tat kafka.Kafka$.call(Kafka.scala:{number})" for number in range(12)]
    named = "\tat kafka.Kafka$.main(Kafka.scala) ~[kafka_2.13-4.4.0.jar:?]"
    log.write_text("\n".join(["Formatting.", why, *calls, named, "Caused by: lots", calls[0], "\t... 11 more", ""]))
    assert last_words(log) == f"Formatting. / {why} / Caused by: lots"
    log.write_text("\n".join(f"line {number}" for number in range(9)))
    assert last_words(log) == "line 3 / line 4 / line 5 / line 6 / line 7 / line 8"
