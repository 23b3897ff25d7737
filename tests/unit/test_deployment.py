"""What containers are told is what the product understands; nothing that the image needs is left out of it."""

from __future__ import annotations

from fnmatch import fnmatch

import pytest
import yaml

from processor.settings import load
from sandbox.options import Options
from tests.image import ROOT, copied

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


def test_the_image_gets_every_file_that_it_copies() -> None:
    admitted = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for name in copied():
        assert (ROOT / name).exists()
        assert any(fnmatch(name, pattern) for pattern in admitted), f".dockerignore keeps {name} out"
