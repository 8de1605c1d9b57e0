"""The manifests for Kubernetes: valid, closed to all who have no business there, and the same as
what Compose starts. No cluster executes them here."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
VARIANTS = ["base", "gpu", "ray"]
VERSIONS = ["1.31", "1.37"]

Document = dict[str, Any]


def built(folder: Path) -> list[Document]:
    """What `kubectl apply -k` sends, but for the namespace."""
    plan = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert set(plan) <= {"apiVersion", "kind", "namespace", "resources", "patches"}
    documents: list[Document] = []
    for name in plan["resources"]:
        source = folder / name
        documents += built(source) if source.is_dir() else yaml.safe_load_all(source.read_text())
    for patch in plan.get("patches", []):
        (target,) = [
            document
            for document in documents
            if {"kind": document["kind"], "name": document["metadata"]["name"]} == patch["target"]
        ]
        for change in yaml.safe_load((folder / patch["path"]).read_text()):
            apply(target, **change)
    return documents


def apply(target: Any, op: str, path: str, value: Any) -> None:
    """One operation of a JSON patch (RFC 6902)."""
    *way, last = [part.replace("~1", "/") for part in path.split("/")[1:]]
    for part in way:
        target = target[int(part) if isinstance(target, list) else part]
    if isinstance(target, list):
        assert (op, last) == ("add", "-")
        target.append(value)
    else:
        assert op == ("replace" if last in target else "add")
        target[last] = value


def pods(documents: list[Document]) -> dict[str, Document]:
    """The pod templates, also those that the RayCluster's operator makes pods of."""
    found = {}
    for document in documents:
        spec = document.get("spec", {})
        if document["kind"] == "RayCluster":
            found["ray-head"] = spec["headGroupSpec"]["template"]
            for group in spec["workerGroupSpecs"]:
                found[f"ray-{group['groupName']}"] = group["template"]
        elif "template" in spec:
            found[document["metadata"]["name"]] = spec["template"]
    return found


def named(documents: list[Document], kind: str) -> dict[str, Document]:
    return {d["metadata"]["name"]: d["spec"] for d in documents if d["kind"] == kind}


@pytest.fixture(params=VARIANTS)
def documents(request: pytest.FixtureRequest) -> list[Document]:
    return built(DEPLOY / "kubernetes" / request.param)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_document_is_valid(documents: list[Document], version: str) -> None:
    for document in documents:
        if document["kind"] != "RayCluster":  # is of KubeRay; see the next tests
            kubernetes_validate.validate(document, version, strict=True)
    for name, template in pods(documents).items():
        template = {"metadata": {}, **template}
        wrapped = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": name}}
        kubernetes_validate.validate({**wrapped, "template": template}, version, strict=True)


def test_a_field_that_is_not_known_would_be_found() -> None:
    deployment = next(d for d in built(DEPLOY / "kubernetes/base") if d["kind"] == "Deployment")
    deployment["spec"]["template"]["spec"]["containers"][0]["readOnly"] = True
    with pytest.raises(kubernetes_validate.ValidationError, match="readOnly"):
        kubernetes_validate.validate(deployment, VERSIONS[-1], strict=True)


def test_the_ray_cluster_asks_for_a_token_and_its_head_computes_nothing() -> None:
    """What KubeRay 1.7 knows beside the pod templates, as far as it is used here."""
    cluster = named(built(DEPLOY / "kubernetes/ray"), "RayCluster")["ray"]
    assert set(cluster) == {"rayVersion", "authOptions", "headGroupSpec", "workerGroupSpecs"}
    assert cluster["authOptions"] == {"mode": "token", "secretName": "ray"}
    head, (workers,) = cluster["headGroupSpec"], cluster["workerGroupSpecs"]
    assert set(head) == {"rayStartParams", "template"}
    numbers = {"replicas", "minReplicas", "maxReplicas"}
    assert set(workers) == {"groupName", "rayStartParams", "template", *numbers}
    for group in (head, workers):
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
        (container,) = group["template"]["spec"]["containers"]
        assert {"name": "RAY_USAGE_STATS_ENABLED", "value": "0"} in container["env"]
    assert (head["rayStartParams"]["num-cpus"], head["rayStartParams"]["num-gpus"]) == ("0", "0")
    limits = [one["template"]["spec"]["containers"][0]["resources"] for one in (head, workers)]
    assert [limit["limits"].get("nvidia.com/gpu") for limit in limits] == [None, 1]


def test_no_pod_has_more_rights_than_it_needs(documents: list[Document]) -> None:
    for name, template in pods(documents).items():
        pod = template["spec"]
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod), name
        assert not any("hostPath" in volume for volume in pod["volumes"]), name
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name
            assert not any("hostPort" in port for port in container.get("ports", [])), name
            assert not any("valueFrom" in variable for variable in container.get("env", [])), name


def test_secrets_are_files_that_are_made_by_the_script(documents: list[Document]) -> None:
    made = (DEPLOY / "start").read_text()
    for template in pods(documents).values():
        for volume in template["spec"]["volumes"]:
            secret = volume.get("secret", {"secretName": "scribe", "items": []})
            if secret["secretName"] == "ray":
                continue
            for item in secret["items"]:
                assert f"keep {item['key']} " in made


def test_no_other_machine_is_given_a_way_in(documents: list[Document]) -> None:
    kinds = {document["kind"] for document in documents}
    assert not kinds & {"Ingress", "Gateway", "HTTPRoute"}
    assert {service["type"] for service in named(documents, "Service").values()} == {"ClusterIP"}
    (scribe,) = pods(documents)["scribe"]["spec"]["containers"]
    assert {"name": "SCRIBE_HOST", "value": "127.0.0.1"} in scribe["env"]


def reaches(documents: list[Document], source: Document, target: Document, port: int) -> bool:
    """Whether pods of the namespace with these labels may connect to those with these."""
    policies = named(documents, "NetworkPolicy").values()

    def may(pod: Document, other: Document, kind: str, rules: str, peers: str) -> bool:
        mine = [
            policy
            for policy in policies
            if kind in policy["policyTypes"]
            and policy["podSelector"].get("matchLabels", {}).items() <= pod.items()
        ]
        return not mine or any(
            "namespaceSelector" not in peer
            and peer["podSelector"]["matchLabels"].items() <= other.items()
            and port in [allowed["port"] for allowed in rule.get("ports", [{"port": port}])]
            for policy in mine
            for rule in policy.get(rules, [])
            for peer in rule[peers]
        )

    outwards = may(source, target, "Egress", "egress", "to")
    return outwards and may(target, source, "Ingress", "ingress", "from")


def test_only_scribe_reaches_the_servers_and_nobody_reaches_scribe() -> None:
    base, ray = (built(DEPLOY / "kubernetes" / name) for name in ("base", "ray"))
    labels = {name: pod["metadata"]["labels"] for name, pod in pods(base).items()}
    stranger = {"app.kubernetes.io/name": "stranger"}
    machine = {"ray.io/cluster": "ray", "ray.io/node-type": "worker"}  # as KubeRay sets them
    for documents in (base, ray):
        for server, port in (("postgres", 5432), ("s3", 8333)):
            assert reaches(documents, labels["scribe"], labels[server], port)
            assert not reaches(documents, labels["scribe"], labels[server], 9333)
            assert not reaches(documents, stranger, labels[server], port)
            assert not reaches(documents, labels[server], labels["scribe"], 3000)
            assert reaches(documents, machine, labels[server], port) == (documents is ray)
        assert not reaches(documents, stranger, labels["scribe"], 3000)
        assert not reaches(documents, stranger, machine, 6379) or documents is base
    assert reaches(ray, machine, machine, 6379)
    assert reaches(ray, machine, labels["scribe"], 40000)
    assert reaches(ray, labels["scribe"], machine, 6379)


def test_the_servers_are_those_of_compose() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    for name in ("s3", "postgres"):
        (container,) = pods(built(DEPLOY / "kubernetes/base"))[name]["spec"]["containers"]
        assert container["image"] in compose[name]["image"]
        arguments = [
            part.replace("/run/secrets", "/secrets") for part in compose[name].get("command", [])
        ]
        assert container.get("command", [])[2:] == arguments
    weed = pods(built(DEPLOY / "kubernetes/base"))["s3"]["spec"]["containers"][0]
    variables = {each["name"]: each["value"] for each in weed["env"]}
    assert variables == {name: str(value) for name, value in compose["s3"]["environment"].items()}


@pytest.fixture
def ui() -> Iterator[str]:
    """Something that answers where Dagster's UI would."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/server_info" else 404)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_scribe_is_healthy_when_its_ui_answers(tmp_path: Path, ui: str) -> None:
    (scribe,) = pods(built(DEPLOY / "kubernetes/base"))["scribe"]["spec"]["containers"]
    probes = [
        scribe[f"{name}Probe"]["exec"]["command"] for name in ("startup", "readiness", "liveness")
    ]
    assert probes[0] == probes[1] == probes[2]

    def healthy() -> bool:
        environment = {**os.environ, "SCRIBE_HOME": str(tmp_path)}
        command = [sys.executable, *probes[0][1:]]
        return not subprocess.run(command, env=environment, capture_output=True).returncode

    assert not healthy()
    (tmp_path / "stack.lock").write_text(json.dumps({"ui_url": f"{ui}/elsewhere"}))
    assert not healthy()
    (tmp_path / "stack.lock").write_text(json.dumps({"ui_url": ui}))
    assert healthy()


KUBECTL = shutil.which("kubectl")


@pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed")
@pytest.mark.parametrize("variant", VARIANTS)
def test_kubectl_builds_the_same(variant: str) -> None:
    folder = DEPLOY / "kubernetes" / variant
    made = subprocess.run([str(KUBECTL), "kustomize", folder], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr

    def by_name(documents: Iterable[Document]) -> dict[tuple[str, str], Document]:
        found = {}
        for document in documents:
            document["metadata"].pop("namespace", None)
            found[document["kind"], document["metadata"]["name"]] = document
        return found

    assert by_name(yaml.safe_load_all(made.stdout)) == by_name(built(folder))
