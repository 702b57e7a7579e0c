# SPDX-License-Identifier: Apache-2.0
"""Our own short table of field names of the Kubernetes API, for where nobody has the published schemas at hand (shapes.py).
It holds what the chart renders; it knows neither types nor values. `*`: any name; `**`: anything below."""

_METADATA = "metadata.name metadata.namespace metadata.labels.* metadata.annotations.*"

_POD = """
serviceAccountName automountServiceAccountToken enableServiceLinks hostPID hostNetwork dnsPolicy priorityClassName
terminationGracePeriodSeconds imagePullSecrets.name nodeSelector.* affinity.nodeAffinity.** affinity.podAffinity.**
affinity.podAntiAffinity.** tolerations.key tolerations.operator tolerations.value tolerations.effect
tolerations.tolerationSeconds securityContext.runAsUser securityContext.runAsGroup securityContext.runAsNonRoot
securityContext.fsGroup securityContext.seccompProfile.type securityContext.seccompProfile.localhostProfile
volumes.name volumes.hostPath.path volumes.hostPath.type volumes.configMap.name volumes.secret.secretName
volumes.secret.defaultMode volumes.emptyDir.sizeLimit
""".split()

_PROBE = "tcpSocket.port httpGet.path httpGet.port httpGet.scheme httpGet.httpHeaders.name httpGet.httpHeaders.value " \
         "exec.command periodSeconds timeoutSeconds failureThreshold"

_CONTAINER = ["name", "image", "imagePullPolicy", "command", "args", "terminationMessagePolicy", "env.name", "env.value"] + [
    *"ports.name ports.containerPort ports.protocol resources.requests.* resources.limits.* resources.claims.**".split(),
    *"volumeMounts.name volumeMounts.mountPath volumeMounts.readOnly volumeMounts.mountPropagation".split(),
    "volumeMounts.recursiveReadOnly",
    *(f"securityContext.{name}" for name in (
        "privileged allowPrivilegeEscalation readOnlyRootFilesystem capabilities.drop capabilities.add appArmorProfile.type "
        "appArmorProfile.localhostProfile seLinuxOptions.type seLinuxOptions.level seLinuxOptions.role "
        "seLinuxOptions.user").split()),
    *(f"{probe}.{name}" for probe in ("livenessProbe", "readinessProbe") for name in _PROBE.split())]

_ENDPOINT = """
port path scheme honorLabels interval scrapeTimeout params.* tlsConfig.** basicAuth.username.name basicAuth.username.key
basicAuth.password.name basicAuth.password.key
""".split() + [f"{list_}.{name}" for list_ in ("relabelings", "metricRelabelings")
               for name in "action sourceLabels targetLabel replacement regex separator modulus".split()]

_MONITOR = ["spec.namespaceSelector.matchNames", "spec.selector.matchLabels.*", "spec.sampleLimit"]

_TABLE = {
    ("apps/v1", "DaemonSet"): [
        "spec.selector.matchLabels.*", "spec.updateStrategy.type", "spec.updateStrategy.rollingUpdate.maxUnavailable",
        "spec.updateStrategy.rollingUpdate.maxSurge", "spec.template.metadata.labels.*", "spec.template.metadata.annotations.*",
        *(f"spec.template.spec.{name}" for name in _POD),
        *(f"spec.template.spec.containers.{name}" for name in _CONTAINER)],
    ("v1", "Service"): "spec.clusterIP spec.selector.* spec.ports.name spec.ports.port spec.ports.targetPort "
                       "spec.ports.protocol".split(),
    ("v1", "ServiceAccount"): ["automountServiceAccountToken"],
    ("v1", "ConfigMap"): ["data.*"],
    ("v1", "Secret"): ["type", "stringData.*"],
    ("networking.k8s.io/v1", "NetworkPolicy"):
        "spec.podSelector.matchLabels.* spec.policyTypes spec.ingress.ports.port spec.ingress.ports.protocol "
        "spec.ingress.from.** spec.egress spec.egress.**".split(),
    ("monitoring.coreos.com/v1", "ServiceMonitor"): [*_MONITOR, *(f"spec.endpoints.{name}" for name in _ENDPOINT)],
    ("monitoring.coreos.com/v1", "PodMonitor"): [*_MONITOR, *(f"spec.podMetricsEndpoints.{name}" for name in _ENDPOINT)],
    ("monitoring.coreos.com/v1", "PrometheusRule"): [
        "spec.groups.name", "spec.groups.interval", "spec.groups.limit", "spec.groups.labels.*",
        *(f"spec.groups.rules.{name}" for name in "alert record expr for keep_firing_for labels.* annotations.*".split())],
}


def paths(value, path=()):
    """Paths of all leaves, through lists as if they were not there; an empty list or object is a leaf."""
    if isinstance(value, dict) and value:
        for name, part in value.items():
            yield from paths(part, (*path, name))
    elif isinstance(value, list) and value:
        for part in value:
            yield from paths(part, path)
    else:
        yield path


def fits(path, pattern):
    if pattern == ["**"]:
        return bool(path)
    if not path or not pattern:
        return not path and not pattern
    return pattern[0] in ("*", path[0]) and fits(path[1:], pattern[1:])


def problems(document):
    kind = (document.get("apiVersion"), document.get("kind"))
    if kind not in _TABLE:
        return [f"{kind} is not in our table"]
    allowed = [name.split(".") for name in ["apiVersion", "kind", *_METADATA.split(), *_TABLE[kind]]]
    # An empty object or list stands where something more would.
    return [".".join(path) for path in paths(document)
            if not any(fits(path, pattern) or pattern[:len(path)] == list(path) for pattern in allowed)]
