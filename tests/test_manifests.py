"""What Kubernetes is told: rendered as kubectl renders it, judged by the schemas of those who read it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from processor.app.documents.strimzi import manifest
from processor.app.kafka import order_of
from processor.app.topics import TOPICS
from processor.settings import load

ROOT = Path(__file__).resolve().parents[1]
OVERLAYS = ("single", "production", "production-spool")
CERTIFICATES = Path("/run/secrets")
SCHEMAS = {
    "ScaledObject": ("github.com/kedacore/keda/v2@v2.17.2", "config/crd/bases/keda.sh_scaledobjects.yaml"),
    "TriggerAuthentication": (
        "github.com/kedacore/keda/v2@v2.17.2",
        "config/crd/bases/keda.sh_triggerauthentications.yaml",
    ),
    "ServiceMonitor": (
        "github.com/prometheus-operator/prometheus-operator@v0.83.0",
        "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
    ),
    "PrometheusRule": (
        "github.com/prometheus-operator/prometheus-operator@v0.83.0",
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
    ),
}
"""Of the operators: the module of the Go proxy that holds them, and where."""
FOREIGN = {"KafkaTopic", "KafkaUser", *SCHEMAS}
Manifest = dict[str, Any]


def unavailable(what: str) -> None:
    """Skip with the reason; in CI it must be there."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


@cache
def renderer() -> tuple[str, ...]:
    for command in ((str(ROOT / ".venv/bin/kustomize"), "build"), ("kustomize", "build"), ("kubectl", "kustomize")):
        if shutil.which(command[0]):
            return command
    return ()


@cache
def _rendered(overlay: str) -> str:
    command = [*renderer(), str(ROOT / "k8s" / "overlays" / overlay)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def rendered(overlay: str) -> list[Manifest]:
    if not renderer():
        unavailable("neither kustomize nor kubectl is here: make check builds one where there is Go")
    return list(yaml.safe_load_all(_rendered(overlay)))


def named(overlay: str, kind: str) -> dict[str, Manifest]:
    return {one["metadata"]["name"]: one for one in rendered(overlay) if one["kind"] == kind}


def workloads(overlay: str) -> Iterator[tuple[str, Manifest, Manifest]]:
    """(name, pod, container) of everything that runs."""
    for one in rendered(overlay):
        if one["kind"] in {"Deployment", "StatefulSet"}:
            pod = one["spec"]["template"]["spec"]
            (container,) = pod["containers"]
            yield one["metadata"]["name"], pod, container


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kubernetes_takes_every_object(overlay: str) -> None:
    for one in rendered(overlay):
        if one["kind"] not in FOREIGN:
            kubernetes_validate.validate(one, "1.31", strict=True)


@cache
def schema(kind: str) -> Manifest:
    module, path = SCHEMAS[kind]
    if not shutil.which("go"):
        unavailable("no Go here to fetch the operators' schemas with")
    folder = ROOT / ".venv" / "schemas"
    folder.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"GOPATH": str(folder), "GOFLAGS": "-modcacherw", "GOTOOLCHAIN": "local"}
    fetched = subprocess.run(
        ["go", "mod", "download", module], env=environment, cwd=folder, capture_output=True, text=True, check=False, timeout=55
    )  # fmt: skip
    if fetched.returncode:
        unavailable(f"the schema of {kind} cannot be fetched: {fetched.stderr.strip()[-200:]}")
    definition = yaml.safe_load((folder / "pkg/mod" / module / path).read_text(encoding="utf-8"))
    (version,) = [one for one in definition["spec"]["versions"] if one["served"]]
    return closed(version["schema"]["openAPIV3Schema"])


def closed(found: Any) -> Any:
    """The same schema refusing fields it does not name, as the API server drops them without a word."""
    if isinstance(found, list):
        return [closed(one) for one in found]
    if not isinstance(found, dict):
        return found
    made = {name: closed(value) for name, value in found.items()}
    if isinstance(pattern := made.get("pattern"), str) and "(?i)" in pattern:  # Go takes it anywhere, Python in front
        made["pattern"] = "(?i)" + pattern.replace("(?i)", "")
    if "properties" in made and not made.get("x-kubernetes-preserve-unknown-fields"):
        made.setdefault("additionalProperties", False)
    return made


@pytest.mark.parametrize("overlay", OVERLAYS[1:])
@pytest.mark.parametrize("kind", SCHEMAS)
def test_the_operators_take_theirs(overlay: str, kind: str) -> None:
    found = named(overlay, kind)
    assert found
    for one in found.values():
        judged = {name: value for name, value in one.items() if name != "metadata"}
        jsonschema.validate(judged, {**schema(kind), "required": ["spec"]}, jsonschema.Draft202012Validator)


@pytest.mark.parametrize("overlay", OVERLAYS[1:])
def test_strimzi_is_asked_for_the_topics_that_we_promise(overlay: str) -> None:
    committed = (ROOT / "k8s/overlays/production/topics.yaml").read_text(encoding="utf-8")
    assert committed == manifest(order_of(load({})), "events"), "run genesys-processor topics --strimzi events"
    assert named(overlay, "KafkaTopic").keys() == {topic.name for topic in TOPICS}
    theirs = [*named(overlay, "KafkaTopic").values(), *named(overlay, "KafkaUser").values()]
    assert {one["apiVersion"] for one in theirs} == {"kafka.strimzi.io/v1"}, "Strimzi 1.0 takes no other"
    (user,) = named(overlay, "KafkaUser").values()
    (topics,) = [acl for acl in user["spec"]["authorization"]["acls"] if acl["resource"]["type"] == "topic"]
    assert all(topic.name.startswith(topics["resource"]["name"]) for topic in TOPICS)
    assert {"Read", "Write", "Describe", "DescribeConfigs"} == set(topics["operations"])


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_is_told_settings_that_exist(overlay: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("genesys:a-secret")
    told_by_file = ROOT / "k8s" / "overlays" / overlay.removesuffix("-spool") / "config.yaml"
    for name, _, container in workloads(overlay):
        told = {entry["name"]: entry.get("value", name) for entry in container["env"]}
        told |= {key: str(secret) for key in told if key.endswith("_FILE")}
        settings = load(told | {"PROCESSOR_CONFIG": str(told_by_file)})
        assert settings.admin_token, "the admin port is reachable from outside the pod"
        assert container["args"][0] == "serve"
        if "receiver" in {port["name"] for port in container["ports"]}:
            assert settings.webhook_basic
            assert settings.receiver_host == "0.0.0.0"
        if overlay != "single":
            assert settings.log.startswith("kafka://")
            assert settings.kafka_member_id == name, "each pod has its own name"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_file_that_a_pod_is_told_of_is_mounted(overlay: str) -> None:
    for _, pod, container in workloads(overlay):
        mounts = [Path(mount["mountPath"]) for mount in container["volumeMounts"]]
        volumes = {volume["name"] for volume in pod["volumes"]}
        claims = {"data", "spool"}
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes | claims
        for entry in container["env"]:
            if str(entry.get("value", "")).startswith("/"):
                assert any(Path(entry["value"]).is_relative_to(mount) for mount in mounts), entry


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_runs_as_nobody_and_is_watched_on_the_admin_port(overlay: str) -> None:
    for _, pod, container in workloads(overlay):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "admin"}
        assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
        assert pod["terminationGracePeriodSeconds"] >= 60


def test_the_embedded_log_has_one_writer() -> None:
    (only,) = named("single", "StatefulSet").values()
    assert only["spec"]["replicas"] == 1


@pytest.mark.parametrize("overlay", OVERLAYS[1:])
def test_the_roles_together_are_the_whole_product(overlay: str) -> None:
    roles = {word for _, _, c in workloads(overlay) for word in c["args"][1:] if word != "--role"}
    assert roles == {"receive", "normalise", "look-up", "sync", "loop", "requests"}


@pytest.mark.parametrize("overlay", OVERLAYS[1:])
def test_what_is_scaled_exists_and_says_no_number_itself(overlay: str) -> None:
    known = {(one["kind"], one["metadata"]["name"]): one for one in rendered(overlay)}
    scalers = [*named(overlay, "HorizontalPodAutoscaler").values(), *named(overlay, "ScaledObject").values()]
    targets = [(s["spec"]["scaleTargetRef"]["kind"], s["spec"]["scaleTargetRef"]["name"]) for s in scalers]
    assert len(set(targets)) == len(targets), "two scalers of one workload fight"
    for target in targets:
        assert "replicas" not in known[target]["spec"]
    partitions = load({}).partitions
    topics = {topic.name for topic in TOPICS}
    for one in named(overlay, "ScaledObject").values():
        assert one["spec"]["maxReplicaCount"] <= partitions
        assert one["spec"]["minReplicaCount"] >= 1
        for trigger in one["spec"]["triggers"]:
            assert trigger["metadata"]["topic"] in topics
            assert int(trigger["metadata"]["lagThreshold"]) > partitions, "commit markers count as lag"


@pytest.mark.parametrize("overlay", OVERLAYS[1:])
def test_every_role_may_lose_one_pod_at_a_time_and_no_more(overlay: str) -> None:
    labels = {
        one["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"]
        for one in rendered(overlay)
        if one["kind"] in {"Deployment", "StatefulSet"}
    }
    budgets = named(overlay, "PodDisruptionBudget").values()
    assert {one["spec"]["selector"]["matchLabels"]["app.kubernetes.io/component"] for one in budgets} == labels


def test_receivers_with_a_spool_have_a_volume_each_and_time_to_empty_it() -> None:
    receiver = named("production-spool", "StatefulSet")["genesys-processor-receiver"]
    (claim,) = receiver["spec"]["volumeClaimTemplates"]
    (container,) = receiver["spec"]["template"]["spec"]["containers"]
    told = {entry["name"]: entry.get("value", "") for entry in container["env"]}
    (mount,) = [m for m in container["volumeMounts"] if m["name"] == claim["metadata"]["name"]]
    assert told["PROCESSOR_SPOOL"].startswith(f"sqlite:///{mount['mountPath']}/")
    assert receiver["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] >= 600
    assert named("production-spool", "Deployment") == {}


def test_the_dockerfile_is_as_its_linter_wants_it() -> None:
    linter = ROOT / ".venv" / "bin" / "hadolint"
    command = str(linter) if linter.exists() else shutil.which("hadolint")
    if not command:
        unavailable("hadolint is not here")
    done = subprocess.run(
        [str(command), str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False, timeout=55
    )
    assert done.returncode == 0, done.stdout + done.stderr
