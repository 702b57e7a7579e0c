# SPDX-License-Identifier: Apache-2.0
"""Values: wrong ones are refused, by the schema alone (Debian's jsonschema) and by helm; README, values.yaml and schema
have the same keys; and the judges of shapes.py can say no."""
import copy
import json
import re
import unittest

import yaml

import chart
import fields
import shapes
import values_table

try:
    import jsonschema
except ImportError:
    jsonschema = None

SCHEMA = json.loads((chart.CHART / "values.schema.json").read_text())
DEFAULTS = yaml.safe_load((chart.CHART / "values.yaml").read_text())
HASH = chart.USERS["webConfig"]["config"]["basic_auth_users"]["prometheus"]

# (dotted path, a value that must not be taken)
WRONG = [
    ("agent.port", 0), ("agent.port", 65536), ("agent.port", "1876"), ("service.port", -1),
    ("agent.listenAddress", "node.example"), ("agent.listenAddress", "::"), ("agent.logLevel", "verbose"),
    ("agent.routePrefix", "agent"), ("agent.routePrefix", "/a/"), ("agent.logFormat", "text"),
    ("agent.extraArgs", ["collector.cpu"]), ("agent.extraArgs", "--a"),
    ("agent.textfileDirectory", "var/lib"), ("agent.textfileDirectory", "/var/../etc"), ("agent.engines.containerdRoot", "run"),
    ("agent.engines.rktRoot", "/run/rkt"), ("image.pullPolicy", "Sometimes"), ("image.digest", "sha256:12"), ("image.tag", "a b"),
    ("image.repository", "plimsoll:1.0"), ("image.repository", ""), ("imagePullSecrets", ["registry"]),
    ("host.mountPropagation", "Bidirectional"), ("host.recursiveReadOnly", "Yes"), ("host.paths", ["run"]), ("host.paths", ["/"]),
    ("host.paths", ["/run/../etc"]), ("host.pid", "yes"),
    ("securityContext.capabilities", ["ALL"]), ("securityContext.capabilities", ["CAP_SYS_PTRACE"]),
    ("securityContext.privileged", True),
    ("securityContext.capabilities", ["SYS_PTRACE", "SYS_PTRACE"]), ("securityContext.runAsUser", -1),
    ("securityContext.seccompProfile", {"type": "Default"}), ("securityContext.allowPrivilegeEscalation", True),
    ("webConfig.config", {"basic_auth_users": {"prometheus": "secret"}}), ("webConfig.config", {"tls_sever_config": {}}),
    ("webConfig.tlsSecret", "Not A Name"), ("webConfig.scheme", "HTTPS"), ("webConfig.probeHeaders", [{"name": "Authorization"}]),
    ("serviceMonitor.interval", "often"), ("serviceMonitor.interval", 15), ("serviceMonitor.labels", ["release"]),
    ("serviceMonitor.labels", {"release": 1}), ("serviceMonitor.job", ""), ("podMonitor.interval", "15s"),
    ("prometheusRule.runbookUrl", "docs/RUNBOOK.md"), ("prometheusRule.runbookUrl", "https://wiki.example/a#b"),
    ("kubePrometheus.compat", "true"), ("dashboards.label", ""), ("resources.limit", {}),
    ("resources.limits", {"memory": "much"}), ("tolerations", {"operator": "Exists"}), ("nodeSelector", {"pool": True}),
    ("affinity.nodeaffinity", {}), ("updateStrategy.type", "Recreate"), ("updateStrategy.rollingUpdate", {"maxUnavailble": 1}),
    ("terminationGracePeriodSeconds", -1), ("probes.period", 0), ("state.sizeLimit", "much"), ("priorityClassName", "A b"),
    ("extraVolumeMounts", [{"name": "a"}]), ("servicemonitor.enabled", True), ("podAnnotations", {"a": {"b": "c"}}),
]

# ({values}, words of the message): what is wrong only together, so that only the templates can tell.
TOGETHER = [
    ({"agent": {"extraArgs": ["--web.listen-address=:9"]}}, "web.listen-address is set by the chart"),
    ({"agent": {"extraArgs": ["-path.rootfs=/"]}}, "path.rootfs is set by the chart"),
    ({"webConfig": {"existingSecret": "a", "tlsSecret": "b"}}, "neither config nor tlsSecret"),
    ({"webConfig": {"clientCertificates": True}}, "needs webConfig.tlsSecret"),
    ({"webConfig": {"clientCertificates": True, "tlsSecret": "b", "config": {"tls_server_config": {"cert_file": "c"}}}},
     "client_auth_type"),
    ({"serviceMonitor": {"enabled": True}, "podMonitor": {"enabled": True}}, "scraped twice"),
    ({"serviceMonitor": {"enabled": True}, "service": {"enabled": False}}, "needs service.enabled"),
    ({"kubePrometheus": {"compat": True}}, "turn serviceMonitor or podMonitor on"),
    ({"host": {"recursiveReadOnly": "Enabled"}}, "mountPropagation None"),
    ({"agent": {"config": {"remote_write": [{"url": "http://a"}]}}}, "state.enabled"),
    ({"agent": {"config": {"remote_write": [{"url": "http://a", "basic_auth": {"username": "a", "password": "b"}}]}}},
     "password_file"),
    ({"agent": {"config": {"remote_write": [{"url": "http://a", "authorization": {"credentials": "b"}}]}}},
     "credentials_file"),
    ({"agent": {"config": {"remote_write": [{"url": "http://a"}]}}, "host": {"network": False}, "state": {"enabled": True}},
     "networkPolicy.egress"),
    ({"prometheusRule": {"enabled": True}}, "no rules"),
]


def nested(path, value):
    for key in reversed(path.split(".")):
        value = {key: value}
    return value


def schema_says(values):
    """What the schema has against them, over the defaults, as helm asks it."""
    validator = jsonschema.Draft7Validator(SCHEMA)
    return [error.message for error in validator.iter_errors(chart.merged(copy.deepcopy(DEFAULTS), values))]


def objects(schema, path=()):
    """Paths of the objects that name their keys."""
    if schema.get("properties"):
        yield path
        for key, part in schema["properties"].items():
            yield from objects(part, (*path, key))


def leaves(values, path=()):
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key), value


@unittest.skipIf(jsonschema is None, "python3-jsonschema is not installed: run scripts/install-dependencies")
class Schema(unittest.TestCase):
    def test_it_is_a_schema(self):
        jsonschema.Draft7Validator.check_schema(SCHEMA)

    def test_right_values(self):
        for name, values in chart.CASES.items():
            with self.subTest(name):
                self.assertEqual(schema_says(values), [])

    def test_wrong_values(self):
        for path, value in WRONG:
            with self.subTest(path, value=value):
                self.assertNotEqual(schema_says(nested(path, value)), [])

    def test_another_type_is_wrong_everywhere(self):
        for path, value in leaves(DEFAULTS):
            other = "text" if isinstance(value, dict) else {"a": 1}
            with self.subTest(".".join(path)):
                self.assertNotEqual(schema_says(nested(".".join(path), other)), [])

    def test_an_unknown_key_is_wrong_everywhere(self):
        for path in objects(SCHEMA):
            with self.subTest(".".join(path)):
                self.assertNotEqual(schema_says(nested(".".join((*path, "nobodyKnowsThis")), 1)), [])

    def test_it_has_the_keys_of_the_values(self):
        for path in objects(SCHEMA):
            schema, values = SCHEMA, DEFAULTS
            for key in path:
                schema, values = schema["properties"][key], (values or {}).get(key)
            if isinstance(values, dict) and values:
                optional = {"global", "localhostProfile", "claims", "maxSurge"}
                with self.subTest(".".join(path)):
                    self.assertEqual(set(schema["properties"]) - optional, set(values) - optional)


class Helm(unittest.TestCase):
    """What a person sees."""

    def refused(self, values):
        done = chart.template(values, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(done.stdout, "")
        return done.stderr

    def test_the_schema_is_heeded(self):
        for path, value in WRONG[::6]:
            with self.subTest(path, value=value):
                words = self.refused(nested(path, value))
                self.assertIn(path.split(".")[0], words)
        self.assertRegex(self.refused({"replicas": 3}), "(?i)additional propert.*replicas.* not allowed")

    def test_what_is_wrong_together(self):
        for values, words in TOGETHER:
            if "prometheusRule" in values and chart.HAS_RULES:
                continue
            with self.subTest(words):
                self.assertIn(words, self.refused(values))

    def test_yaml_cannot_be_smuggled_in(self):
        """A value with line breaks stays one value."""
        hostile = 'x"\n  privileged: true\n#'
        documents = chart.render({"agent": {"extraArgs": [f"--metric.deny={hostile}"], "mountPointsExclude": hostile},
                                  "podAnnotations": {"a": hostile}, "serviceMonitor": {"enabled": True, "labels": {"a": hostile}},
                                  "dashboards": {"enabled": True, "labelValue": hostile, "folder": hostile}})
        self.assertIn(f"--metric.deny={hostile}", chart.agent(documents)["args"])
        self.assertIs(chart.agent(documents)["securityContext"]["privileged"], False)
        self.assertEqual(chart.one(documents, "ServiceMonitor")["metadata"]["labels"]["a"], hostile)


class Readme(unittest.TestCase):
    def test_the_table_is_in_step(self):
        shown = (chart.CHART / "README.md").read_text()
        self.assertEqual(shown, values_table.readme(), "run tests/chart/values_table.py --write")
        names = re.findall(r"^\| `([\w.]+)` \|", shown, re.M)
        covered = [".".join(path) for path, _ in leaves(DEFAULTS)]
        self.assertEqual([path for path in covered if not any(path == n or path.startswith(f"{n}.") for n in names)], [])

    def test_every_value_that_is_named_exists(self):
        groups = "|".join(key for key, value in DEFAULTS.items() if isinstance(value, dict) and value)
        found = re.findall(rf"`((?:{groups})\.[A-Za-z.]+)", (chart.CHART / "README.md").read_text())
        self.assertGreater(len(found), 50)
        for name in found:
            with self.subTest(name):
                value = DEFAULTS
                for key in name.split("."):
                    if value == {}:  # below it is somebody else's
                        break
                    self.assertIn(key, value)
                    value = value[key]

    def test_what_it_shows_can_be_installed(self):
        """Every block of YAML in it is a set of values, but for the one for kube-prometheus-stack."""
        blocks = re.findall(r"```yaml\n(.*?)```", (chart.CHART / "README.md").read_text(), re.S)
        ours = [block for block in blocks if "nodeExporter" not in block]
        self.assertGreaterEqual(len(ours), 4)
        for block in ours:
            values = yaml.load(block.replace("$2y$10$...", HASH), chart.StrictLoader)
            if not chart.HAS_RULES:
                values.pop("prometheusRule", None)
            with self.subTest(block):
                self.assertTrue(chart.render(values))


class Judges(unittest.TestCase):
    """Neither of the two that shapes.py asks lets everything pass."""

    DOCUMENT = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"ports": [{"port": 1}]}}

    def damaged(self):
        for path, value in {"spec.port": 1, "spec.ports": [{"prt": 1}], "metadata.label": {}, "sepc": {}}.items():
            yield path, chart.merged(copy.deepcopy(self.DOCUMENT), nested(path, value))

    def test_our_table(self):
        self.assertEqual(fields.problems(self.DOCUMENT), [])
        for path, document in self.damaged():
            with self.subTest(path):
                self.assertNotEqual(fields.problems(document), [])
        self.assertNotEqual(fields.problems({**self.DOCUMENT, "kind": "Pod"}), [])

    @unittest.skipUnless(shapes.folder() and jsonschema, "PLIMSOLL_KUBERNETES_SCHEMAS is not set: see shapes.py")
    def test_what_is_published(self):
        self.assertEqual(shapes.published_problems(self.DOCUMENT), [])
        wrong_type = chart.merged(copy.deepcopy(self.DOCUMENT), nested("spec.ports", [{"port": "one"}]))
        for path, document in [*self.damaged(), ("type", wrong_type), ("kind", {**self.DOCUMENT, "kind": "Serviec"})]:
            with self.subTest(path):
                self.assertNotEqual(shapes.published_problems(document), [])
        monitor = {"apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor", "metadata": {"name": "a"},
                   "spec": {"selector": {}, "endpoints": [{"port": "a", "intervall": "15s"}]}}
        self.assertNotEqual(shapes.published_problems(monitor), [])


if __name__ == "__main__":
    unittest.main()
