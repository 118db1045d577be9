"""Drives a cluster through Debian's python3-kubernetes.

python-client.py KUBECONFIG IMAGE [--containers]: prints `ok NAME` for every check, and fails at the first that does not
hold. IMAGE has a shell; programs are run only with --containers.
"""

import json
import sys
import threading
import time
import uuid

from kubernetes import client, config, dynamic, utils, watch
from kubernetes.client.rest import ApiException
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.configmaplock import ConfigMapLock
from kubernetes.stream import portforward, stream

kubeconfig, image, with_containers = sys.argv[1], sys.argv[2], "--containers" in sys.argv
config.load_kube_config(kubeconfig)
core, apps, batch = client.CoreV1Api(), client.AppsV1Api(), client.BatchV1Api()
namespace = f"python-{uuid.uuid4().hex[:8]}"
core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=namespace)))

checks = []


def check(function):
    checks.append(function)
    return function


def until(what, condition, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        result = condition()
        if result:
            return result
        time.sleep(0.05)
    raise AssertionError(f"not in {seconds} s: {what}")


def refused(status, call):
    try:
        call()
    except ApiException as error:
        assert error.status == status, (error.status, error.body)
        return json.loads(error.body)
    raise AssertionError(f"was not refused with {status}")


def meta(name, **labels):
    return client.V1ObjectMeta(name=name, labels=labels or None)


def a_pod_spec(script, **more):
    container = client.V1Container(name="main", image=image, command=["sh", "-c", script], **more)
    return client.V1PodSpec(containers=[container], termination_grace_period_seconds=1)


def a_deployment(name, replicas):
    template = client.V1PodTemplateSpec(metadata=meta(None, app=name), spec=a_pod_spec("sleep 3600"))
    selector = client.V1LabelSelector(match_labels={"app": name})
    spec = client.V1DeploymentSpec(replicas=replicas, selector=selector, template=template)
    return client.V1Deployment(metadata=meta(name), spec=spec)


@check
def version_and_discovery():
    version = client.VersionApi().get_code()
    assert version.major == "1" and int(version.minor) >= 36, version
    groups = [group.name for group in client.ApisApi().get_api_versions().groups]
    assert "apps" in groups and "batch" in groups, groups
    assert any(resource.name == "pods" for resource in core.get_api_resources().resources)
    assert [node.metadata.name for node in core.list_node().items]


@check
def crud_of_config_maps():
    made = core.create_namespaced_config_map(namespace, client.V1ConfigMap(metadata=meta("map"), data={"a": "1"}))
    assert made.metadata.uid and made.metadata.creation_timestamp
    body = refused(409, lambda: core.create_namespaced_config_map(namespace, client.V1ConfigMap(metadata=meta("map"))))
    assert body["reason"] == "AlreadyExists", body
    read = core.read_namespaced_config_map("map", namespace)
    read.data["b"] = "2"
    replaced = core.replace_namespaced_config_map("map", namespace, read)
    assert replaced.data == {"a": "1", "b": "2"}
    assert refused(409, lambda: core.replace_namespaced_config_map("map", namespace, read))["reason"] == "Conflict"
    assert core.patch_namespaced_config_map("map", namespace, {"data": {"a": None}}).data == {"b": "2"}
    operations = [{"op": "add", "path": "/data/c", "value": "3"}]
    assert core.patch_namespaced_config_map("map", namespace, operations).data == {"b": "2", "c": "3"}
    status = core.delete_namespaced_config_map("map", namespace)
    assert status.status == "Success", status
    assert refused(404, lambda: core.read_namespaced_config_map("map", namespace))["reason"] == "NotFound"


@check
def crud_of_many_kinds():
    storage, rbac, network = client.StorageV1Api(), client.RbacAuthorizationV1Api(), client.NetworkingV1Api()
    core.create_namespaced_secret(namespace, client.V1Secret(metadata=meta("secret"), string_data={"a": "b"}))
    assert core.read_namespaced_secret("secret", namespace).data == {"a": "Yg=="}
    core.create_namespaced_service_account(namespace, client.V1ServiceAccount(metadata=meta("account")))
    port = client.V1ServicePort(port=80, target_port="http")
    service = core.create_namespaced_service(
        namespace, client.V1Service(metadata=meta("service"), spec=client.V1ServiceSpec(ports=[port], selector={"a": "b"}))
    )
    assert service.spec.cluster_ip and service.spec.ports[0].target_port == "http"
    rule = client.V1PolicyRule(api_groups=[""], resources=["pods"], verbs=["get"])
    rbac.create_namespaced_role(namespace, client.V1Role(metadata=meta("role"), rules=[rule]))
    name = f"{namespace}-class"
    storage.create_storage_class(client.V1StorageClass(metadata=meta(name), provisioner="example.com/none"))
    assert storage.read_storage_class(name).reclaim_policy == "Delete"
    storage.delete_storage_class(name)
    backend = client.V1IngressBackend(
        service=client.V1IngressServiceBackend(name="service", port=client.V1ServiceBackendPort(number=80))
    )
    network.create_namespaced_ingress(
        namespace, client.V1Ingress(metadata=meta("ingress"), spec=client.V1IngressSpec(default_backend=backend))
    )
    budget = client.V1PodDisruptionBudget(
        metadata=meta("budget"),
        spec=client.V1PodDisruptionBudgetSpec(min_available="50%", selector=client.V1LabelSelector()),
    )
    client.PolicyV1Api().create_namespaced_pod_disruption_budget(namespace, budget)
    schedule = client.V1CronJob(
        metadata=meta("cron"),
        spec=client.V1CronJobSpec(
            schedule="0 0 1 1 *",
            job_template=client.V1JobTemplateSpec(
                spec=client.V1JobSpec(
                    template=client.V1PodTemplateSpec(
                        spec=client.V1PodSpec(
                            containers=[client.V1Container(name="main", image=image)], restart_policy="Never"
                        )
                    )
                )
            ),
        ),
    )
    assert batch.create_namespaced_cron_job(namespace, schedule).spec.concurrency_policy == "Allow"


@check
def lists_and_watches():
    for index in range(5):
        core.create_namespaced_config_map(namespace, client.V1ConfigMap(metadata=meta(f"listed-{index}", kind="listed")))
    page = core.list_namespaced_config_map(namespace, label_selector="kind=listed", limit=2)
    names = [item.metadata.name for item in page.items]
    while page.metadata._continue:
        page = core.list_namespaced_config_map(
            namespace, label_selector="kind=listed", limit=2, _continue=page.metadata._continue
        )
        names += [item.metadata.name for item in page.items]
    assert names == [f"listed-{index}" for index in range(5)], names
    seen = []
    watcher = watch.Watch()
    core.patch_namespaced_config_map("listed-0", namespace, {"data": {"changed": "yes"}})
    core.delete_namespaced_config_map("listed-1", namespace)
    for event in watcher.stream(
        core.list_namespaced_config_map,
        namespace,
        label_selector="kind=listed",
        resource_version=page.metadata.resource_version,
        timeout_seconds=30,
    ):
        seen.append((event["type"], event["object"].metadata.name))
        if len(seen) == 2:
            watcher.stop()
    assert seen == [("MODIFIED", "listed-0"), ("DELETED", "listed-1")], seen
    core.delete_collection_namespaced_config_map(namespace, label_selector="kind=listed")
    assert core.list_namespaced_config_map(namespace, label_selector="kind=listed").items == []


@check
def deployments_scale_and_roll():
    apps.create_namespaced_deployment(namespace, a_deployment("web", 1))

    def available(replicas):
        status = apps.read_namespaced_deployment("web", namespace).status
        return status.available_replicas == replicas and status.updated_replicas == replicas

    until("one replica", lambda: available(1))
    apps.patch_namespaced_deployment_scale("web", namespace, {"spec": {"replicas": 2}})
    assert apps.read_namespaced_deployment_scale("web", namespace).spec.replicas == 2
    until("two replicas", lambda: available(2))
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "main", "env": [{"name": "A", "value": "b"}]}]}}}}
    patched = apps.patch_namespaced_deployment("web", namespace, patch)
    assert patched.spec.template.spec.containers[0].image == image
    until("it has rolled out", lambda: available(2) and len(apps.list_namespaced_replica_set(namespace).items) == 2)
    apps.delete_namespaced_deployment("web", namespace, propagation_policy="Foreground")
    until("its pods are gone", lambda: not core.list_namespaced_pod(namespace, label_selector="app=web").items)


@check
def dynamic_client_and_server_side_apply():
    api = dynamic.DynamicClient(client.ApiClient()).resources.get(api_version="v1", kind="ConfigMap")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "dynamic"}, "data": {"a": "1"}}
    assert api.create(body=body, namespace=namespace).data.a == "1"
    patch = {"data": {"a": "2"}}
    assert api.patch(name="dynamic", namespace=namespace, body=patch, content_type="application/merge-patch+json").data.a == "2"
    # This release knows no apply of its own; under a type that it does not know it sends text.
    applied = core.api_client.call_api(
        f"/api/v1/namespaces/{namespace}/configmaps/dynamic",
        "PATCH",
        query_params=[("fieldManager", "python"), ("force", "true")],
        header_params={"Content-Type": "application/apply-patch+yaml", "Accept": "application/json"},
        body=json.dumps({**body, "data": {"b": "3"}}),
        auth_settings=["BearerToken"],
        response_type="V1ConfigMap",
        _return_http_data_only=True,
    )
    assert applied.data == {"a": "2", "b": "3"}, applied.data
    assert any(entry.manager == "python" and entry.operation == "Apply" for entry in applied.metadata.managed_fields)
    api.delete(name="dynamic", namespace=namespace)


@check
def objects_from_documents():
    documents = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "document", "namespace": namespace}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "document", "namespace": namespace}, "spec": {"ports": [{"port": 1}]}},
    ]
    utils.create_from_dict(client.ApiClient(), {"apiVersion": "v1", "kind": "List", "items": documents})
    assert core.read_namespaced_service("document", namespace).spec.ports[0].protocol == "TCP"


@check
def access_reviews():
    attributes = client.V1ResourceAttributes(namespace=namespace, verb="get", resource="pods")
    spec = client.V1SelfSubjectAccessReviewSpec(resource_attributes=attributes)
    review = client.V1SelfSubjectAccessReview(spec=spec)
    assert client.AuthorizationV1Api().create_self_subject_access_review(review).status.allowed


@check
def leader_election():
    led = threading.Event()
    lock = ConfigMapLock("leader", namespace, "me")
    settings = electionconfig.Config(
        lock, lease_duration=4, renew_deadline=3, retry_period=1.1, onstarted_leading=led.set, onstopped_leading=None
    )
    threading.Thread(target=lambda: leaderelection.LeaderElection(settings).run(), daemon=True).start()
    assert led.wait(20), "nobody leads"
    record = core.read_namespaced_config_map("leader", namespace).metadata.annotations
    assert '"holderIdentity": "me"' in record["control-plane.alpha.kubernetes.io/leader"], record


def a_running_pod(name, script, **more):
    spec = a_pod_spec(script, **more)
    core.create_namespaced_pod(namespace, client.V1Pod(metadata=meta(name), spec=spec))
    until(f"{name} runs", lambda: core.read_namespaced_pod_status(name, namespace).status.phase == "Running")


def containers_exec():
    a_running_pod("shell", "echo one; echo two; trap 'exit 0' TERM; while :; do sleep 0.1; done")
    command = ["sh", "-c", "echo out; echo err >&2"]
    output = stream(
        core.connect_get_namespaced_pod_exec, "shell", namespace, command=command,
        stdout=True, stderr=True, stdin=False, tty=False,
    )
    assert sorted(output.split()) == ["err", "out"], output
    session = stream(
        core.connect_get_namespaced_pod_exec, "shell", namespace, command=["sh"],
        stdout=True, stderr=True, stdin=True, tty=False, _preload_content=False,
    )
    session.write_stdin("echo heard; exit 3\n")
    assert session.readline_stdout(timeout=20) == "heard"
    session.run_forever(timeout=20)
    assert session.returncode == 3, session.returncode
    session.close()


def containers_logs():
    read = lambda **options: core.read_namespaced_pod_log("shell", namespace, **options)
    until("it has logged", lambda: read() == "one\ntwo\n")
    assert read(tail_lines=1) == "two\n"
    assert read(limit_bytes=3) == "one"
    lines = []
    for line in watch.Watch().stream(core.read_namespaced_pod_log, "shell", namespace):
        lines.append(line)
        if len(lines) == 2:
            break
    assert lines == ["one", "two"], lines


def containers_attach():
    a_running_pod("echo", "read line; echo heard $line; sleep 2", stdin=True, stdin_once=True)
    session = stream(
        core.connect_get_namespaced_pod_attach, "echo", namespace,
        stdout=True, stderr=True, stdin=True, tty=False, _preload_content=False,
    )
    session.write_stdin("you\n")
    assert session.readline_stdout(timeout=20) == "heard you"
    session.close()


def containers_port_forward():
    a_running_pod("web", "mkdir /www; echo hello > /www/index.html; exec httpd -f -p 8080 -h /www")

    def ask():
        forward = portforward(core.connect_get_namespaced_pod_portforward, "web", namespace, ports="8080")
        try:
            socket = forward.socket(8080)
            socket.settimeout(10)
            socket.sendall(b"GET / HTTP/1.0\r\n\r\n")
            answer = b""
            while chunk := socket.recv(4096):
                answer += chunk
            return answer.endswith(b"hello\n")
        finally:
            forward.close()

    until("the server answers", ask)


def containers_proxy():
    answer = core.connect_get_namespaced_pod_proxy_with_path("web:8080", namespace, "index.html")
    assert answer == "hello\n", answer


if with_containers:
    checks += [containers_exec, containers_logs, containers_attach, containers_port_forward, containers_proxy]
try:
    for function in checks:
        function()
        print("ok", function.__name__, flush=True)
finally:
    core.delete_namespace(namespace)
