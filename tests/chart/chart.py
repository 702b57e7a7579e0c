# SPDX-License-Identifier: Apache-2.0
"""The chart, rendered by the real helm.

    for document in chart.render({"serviceMonitor": {"enabled": True}}): ...

Environment: PLIMSOLL_HELM = the program (default: `helm` on the path, else build/helm/helm, which scripts/install-dependencies
puts there where npm is installed). Without it what needs rendering is skipped.
"""

import functools
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import yaml

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
CHART = REPOSITORY / "helm" / "plimsoll"
RELEASE, NAMESPACE = "plimsoll", "monitoring"


class StrictLoader(yaml.SafeLoader):
    """Refuses what YAML forbids and PyYAML swallows: a key twice, of which a cluster would take either."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        doubled = {key for key in keys if keys.count(key) > 1}
        if doubled:
            raise yaml.constructor.ConstructorError(None, None, f"twice: {sorted(map(str, doubled))}", node.start_mark)
        return super().construct_mapping(node, deep)


def load_all(text):
    return [document for document in yaml.load_all(text, StrictLoader) if document]


@functools.cache
def helm():
    """Path of helm; skips the test when there is none."""
    places = [os.environ.get("PLIMSOLL_HELM"), shutil.which("helm"), str(REPOSITORY / "build" / "helm" / "helm")]
    for place in places:
        if place and os.access(place, os.X_OK):
            return place
    raise unittest.SkipTest("helm is not installed: scripts/install-dependencies gets it where npm is, or set PLIMSOLL_HELM")


def call(*words, check=True):
    """Runs helm apart from whatever this user has configured."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "HOME": home, "HELM_CACHE_HOME": home, "HELM_CONFIG_HOME": home, "HELM_DATA_HOME": home}
        environment.pop("KUBECONFIG", None)
        done = subprocess.run([helm(), *map(str, words)], capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL, env=environment, timeout=60)
    if check and done.returncode != 0:
        raise AssertionError(f"helm {' '.join(map(str, words))}: {done.returncode}: {done.stderr}")
    return done


def template(values=None, where=CHART, check=True, words=()):
    """The completed `helm template` with these values."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        json.dump(values or {}, file)  # JSON is YAML
        file.flush()
        return call("template", RELEASE, where, "--namespace", NAMESPACE, "--values", file.name, *words, check=check)


@functools.cache
def _rendered(values, where):
    return template(json.loads(values), where).stdout


def render(values=None, where=CHART):
    """The documents that these values give."""
    return load_all(_rendered(json.dumps(values or {}), where))


def one(documents, kind, name=None):
    """The only document of a kind (and name); None when there is none."""
    found = [d for d in documents if d["kind"] == kind and name in (None, d["metadata"]["name"])]
    if len(found) > 1:
        raise AssertionError(f"{len(found)} times {kind}: {[d['metadata']['name'] for d in found]}")
    return found[0] if found else None


def pod_spec(documents):
    return one(documents, "DaemonSet")["spec"]["template"]["spec"]


def agent(documents):
    """The agent's container."""
    containers = pod_spec(documents)["containers"]
    if len(containers) != 1:
        raise AssertionError(f"containers: {[c['name'] for c in containers]}")
    return containers[0]


def merged(base, more):
    """Values one over the other, as helm does."""
    result = dict(base)
    for key, value in more.items():
        result[key] = merged(result[key], value) if isinstance(value, dict) and isinstance(result.get(key), dict) else value
    return result


# Sets of values between which every branch of every template is taken.
TLS = {"webConfig": {"tlsSecret": "plimsoll-tls"}}
USERS = {"webConfig": {"config": {"basic_auth_users": {
    "prometheus": "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"}}}}
MONITOR = {"serviceMonitor": {"enabled": True}}
CASES = {
    "defaults": {},
    "names": {"nameOverride": "watch", "fullnameOverride": "node-watch", "commonLabels": {"team": "ops"}},
    "image": {"image": {"repository": "registry.example:5000/ops/plimsoll", "digest": "sha256:" + "ab" * 32,
                        "pullPolicy": "Always"},
              "imagePullSecrets": [{"name": "registry"}]},
    "agent": {"agent": {"port": 9100, "listenAddress": "[::]", "routePrefix": "/agent", "logLevel": "debug", "logFormat": "json",
                        "extraArgs": ["--collector.softirqs"], "extraEnv": [{"name": "TZ", "value": "UTC"}],
                        "mountPointsExclude": "", "netDevicesExclude": "", "textfileDirectory": "/var/lib/textfile",
                        "engines": {"containerdState": "/run/k3s/containerd", "dockerRoot": "/data/docker"}}},
    "config": {"agent": {"config": {"series": {"drop": ['{namespace="kube-system"}']}}}},
    "remote write": {"agent": {"config": {"remote_write": [{"url": "https://mimir.example/api/v1/push"}]}},
                     "host": {"network": False}, "state": {"enabled": True},
                     "networkPolicy": {"egress": [{"ports": [{"port": 443}]}]}},
    "host state": {"state": {"enabled": True, "hostPath": "/var/lib/plimsoll"}},
    "pod's network": {"host": {"network": False}, "serviceMonitor": {"enabled": True}},
    "few paths": {"host": {"wholeTree": False, "pid": False, "recursiveReadOnly": "IfPossible"},
                  "agent": {"textfileDirectory": "/var/lib/textfile"}},
    "still tree": {"host": {"mountPropagation": "None", "recursiveReadOnly": "Enabled"}},
    "root": {"securityContext": {"runAsUser": 0, "runAsGroup": 0, "capabilities": ["DAC_READ_SEARCH", "SYS_PTRACE"],
                                 "appArmorProfile": {"type": "RuntimeDefault"}, "seLinuxOptions": {"type": "spc_t"}}},
    "no capability": {"securityContext": {"capabilities": [],
                                          "seccompProfile": {"type": "Localhost", "localhostProfile": "a.json"}}},
    "TLS": merged(TLS, MONITOR),
    "client certificates": {"webConfig": {"tlsSecret": "plimsoll-tls", "clientCertificates": True},
                            "serviceMonitor": {"enabled": True,
                                               "tlsConfig": {"ca": {"secret": {"name": "ca", "key": "ca.crt"}}}}},
    "users": merged(USERS, {"serviceMonitor": {"enabled": True, "basicAuth": {
        "username": {"name": "scrape", "key": "user"}, "password": {"name": "scrape", "key": "password"}}}}),
    "TLS and users": merged(TLS, USERS),
    "users and headers": merged(USERS, {"webConfig": {"probeHeaders": [{"name": "Authorization", "value": "Basic eDp5"}]}}),
    "own Secret": {"webConfig": {"existingSecret": "web"}, "podMonitor": {"enabled": True}},
    "monitor": {"serviceMonitor": {"enabled": True, "namespace": "prometheus", "labels": {"release": "kps"}, "job": "nodes",
                                   "interval": "15s", "scrapeTimeout": "10s", "sampleLimit": 50000,
                                   "relabelings": [{"action": "replace", "replacement": "a", "targetLabel": "cluster"}],
                                   "metricRelabelings": [{"action": "labeldrop", "regex": "image"}]}},
    "pod monitor": {"podMonitor": {"enabled": True}, "service": {"enabled": False}},
    "kube-prometheus": {"serviceMonitor": {"enabled": True}, "kubePrometheus": {"compat": True}},
    "kube-prometheus by pods": {"podMonitor": {"enabled": True}, "kubePrometheus": {"compat": True}},
    "dashboards": {"dashboards": {"enabled": True, "namespace": "grafana", "label": "board", "labelValue": "yes", "folder": ""}},
    "service": {"service": {"port": 80, "labels": {"a": "b"}, "annotations": {"c": "d"}, "scrapeAnnotations": False}},
    "policy": {"host": {"network": False}, "networkPolicy": {"from": [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]}},
    "no policy": {"host": {"network": False}, "networkPolicy": {"enabled": False}},
    "account": {"serviceAccount": {"create": False, "name": "other"}},
    "annotated account": {"serviceAccount": {"annotations": {"a": "b"}}},
    "pods": {"priorityClassName": "system-node-critical", "tolerations": [], "nodeSelector": {"pool": "a"},
             "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
                 {"matchExpressions": [{"key": "type", "operator": "NotIn", "values": ["virtual-kubelet"]}]}]}}},
             "updateStrategy": {"type": "OnDelete", "rollingUpdate": None}, "podLabels": {"a": "b"}, "podAnnotations": {"c": "d"},
             "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}, "terminationGracePeriodSeconds": 0,
             "probes": {"period": 30, "timeout": 3, "failureThreshold": 2},
             "extraVolumes": [{"name": "push", "secret": {"secretName": "push"}}],
             "extraVolumeMounts": [{"name": "push", "mountPath": "/etc/push", "readOnly": True}]},
}
HAS_RULES = bool(list((REPOSITORY / "dashboards" / "rules").glob("*.yml")))
if HAS_RULES:
    CASES["rules"] = {"prometheusRule": {"enabled": True, "namespace": "prometheus", "labels": {"release": "kps"}}}
