"""Who is meant by the selectors that Kubernetes is given: our pods, those that we speak to, and nobody else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from processor.app.farsides import far_sides
from processor.app.log import utc_now
from processor.app.policy import policy
from processor.app.roles import Role, groups
from processor.settings import load
from processor.telemetry import Metrics
from tests.test_manifests import OVERLAYS, Manifest, named, rendered

Labels = Mapping[str, str]
OURS = {"app.kubernetes.io/name": "genesys-processor"}
BROKER = {"strimzi.io/cluster": "events", "strimzi.io/kind": "Kafka", "app.kubernetes.io/name": "kafka"}
PROMETHEUS = {"app.kubernetes.io/name": "prometheus", "genesys-processor/operator": "true"}
STRANGER = {"app.kubernetes.io/name": "ingress-nginx"}
ADMIN, RECEIVER, KAFKA, HTTPS, DNS = "admin", "receiver", 9093, 443, 53


def chosen(selector: Mapping[str, Any], labels: Labels) -> bool:
    """As Kubernetes does: all that is named must be there; a selector that names nothing takes everybody."""
    assert set(selector) <= {"matchLabels"}, "not understood here"
    return selector.get("matchLabels", {}).items() <= labels.items()


def peers(rule: Manifest, side: str, labels: Labels) -> bool:
    return side not in rule or any(chosen(peer.get("podSelector", {}), labels) for peer in rule[side])


def passes(policy: Manifest, direction: str, labels: Labels, port: str | int) -> bool:
    side = {"ingress": "from", "egress": "to"}[direction]
    return any(
        peers(rule, side, labels) and port in {one["port"] for one in rule["ports"]}
        for rule in policy["spec"][direction]
    )


def pods(overlay: str) -> dict[str, Labels]:
    return {
        one["metadata"]["name"]: one["spec"]["template"]["metadata"]["labels"]
        for one in rendered(overlay)
        if one["kind"] in {"Deployment", "StatefulSet"}
    }


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_network_policy_is_about_our_pods_and_no_others_of_the_namespace(overlay: str) -> None:
    (only,) = named(overlay, "NetworkPolicy").values()
    assert all(chosen(only["spec"]["podSelector"], labels) for labels in pods(overlay).values())
    for labels in (BROKER, PROMETHEUS, STRANGER):
        assert not chosen(only["spec"]["podSelector"], labels), "their way out would be ours"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_whom_we_must_reach_and_who_must_reach_us(overlay: str) -> None:
    (only,) = named(overlay, "NetworkPolicy").values()
    for port in (HTTPS, DNS):
        assert passes(only, "egress", STRANGER, port)
    assert passes(only, "egress", BROKER, KAFKA) is (overlay != "single")
    assert not passes(only, "egress", STRANGER, KAFKA)
    assert passes(only, "ingress", STRANGER, RECEIVER)
    assert passes(only, "ingress", PROMETHEUS, ADMIN)
    assert not passes(only, "ingress", STRANGER, ADMIN)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_each_workload_and_each_budget_means_its_own_pods(overlay: str) -> None:
    found = pods(overlay)
    for one in rendered(overlay):
        name = one["metadata"]["name"]
        if one["kind"] in {"Deployment", "StatefulSet", "PodDisruptionBudget"}:
            meant = {pod for pod, labels in found.items() if chosen(one["spec"]["selector"], labels)}
            assert meant == {name}
            assert not chosen(one["spec"]["selector"], STRANGER)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_callbacks_go_to_receivers_and_whoever_watches_finds_every_pod(overlay: str) -> None:
    found = pods(overlay)
    services = {name: one["spec"]["selector"] for name, one in named(overlay, "Service").items()}
    behind = {
        name: {pod for pod, labels in found.items() if selector.items() <= labels.items()}
        for name, selector in services.items()
    }
    receivers = {"genesys-processor"} if overlay == "single" else {"genesys-processor-receiver"}
    assert behind == {"genesys-processor": receivers, "genesys-processor-admin": set(found)}
    for one in named(overlay, "ServiceMonitor").values():
        watched = one["spec"]["selector"]["matchLabels"].items()
        (service,) = [s for s in named(overlay, "Service").values() if watched <= s["metadata"]["labels"].items()]
        assert service["metadata"]["name"] == "genesys-processor-admin"


@pytest.mark.parametrize("overlay", OVERLAYS[1:])
def test_pods_of_a_role_are_spread_by_themselves_over_zones_and_nodes(overlay: str) -> None:
    for one in rendered(overlay):
        if one["kind"] in {"Deployment", "StatefulSet"}:
            template = one["spec"]["template"]
            spread = template["spec"]["topologySpreadConstraints"]
            assert [rule["topologyKey"] for rule in spread] == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
            for rule in spread:
                assert chosen(rule["labelSelector"], template["metadata"]["labels"])
                assert set(rule["matchLabelKeys"]) <= template["metadata"]["labels"].keys()


@pytest.mark.parametrize("overlay", OVERLAYS[1:])
async def test_lag_is_asked_of_groups_that_there_are(overlay: str) -> None:
    settings = load({"PROCESSOR_WFM_URL": "https://wfm.example.com"})
    async with far_sides(settings, Metrics.build(), utc_now) as far:
        found = {(group.name, group.topic) for group in groups((Role.ALL,), policy(settings), far, utc_now)}
    for one in named(overlay, "ScaledObject").values():
        assert "cooldownPeriod" not in one["spec"], "it only delays the way to no pod at all"
        for trigger in one["spec"]["triggers"]:
            told = trigger["metadata"]
            assert (told["consumerGroup"], told["topic"]) in found
            assert told["scaleToZeroOnInvalidOffset"] == "true", "a group that never committed has no lag"
            assert trigger["useCachedMetrics"], "asked twice at once, lag seems not to move and is left out"
