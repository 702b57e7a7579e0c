# SPDX-License-Identifier: Apache-2.0
"""What the chart renders, by the real helm: valid documents for every branch, the least rights, and what each value does."""
import base64
import collections
import functools
import gzip
import json
import pathlib
import re
import subprocess
import tempfile
import unittest

import yaml

import chart
import shapes

HOST_FLAGS = ["--path.rootfs=/host", "--path.procfs=/host/proc", "--path.sysfs=/host/sys", "--path.cgroupfs=/host/sys/fs/cgroup"]
MIB = 1 << 20


def setUpModule():
    chart.helm()


def endpoints(documents):
    monitor = chart.one(documents, "ServiceMonitor") or chart.one(documents, "PodMonitor")
    return monitor["spec"].get("endpoints") or monitor["spec"]["podMetricsEndpoints"]


def relabelled(endpoint, labels):
    """What Prometheus makes of a target's labels by an endpoint's relabelings; the three actions that the chart uses."""
    labels = dict(labels)
    for rule in endpoint["relabelings"]:
        if rule["action"] == "replace":
            source = ";".join(labels.get(name, "") for name in rule.get("sourceLabels", []))
            labels[rule["targetLabel"]] = rule.get("replacement", source)
        elif rule["action"] == "labeldrop":
            labels = {n: v for n, v in labels.items() if not re.fullmatch(rule["regex"], n)}
        else:
            raise AssertionError(f"unknown action {rule['action']}")
    return {n: v for n, v in labels.items() if not n.startswith("__")}


class Documents(unittest.TestCase):
    """Every case of chart.CASES."""

    def test_shapes(self):
        for name, values in chart.CASES.items():
            for document in chart.render(values):
                with self.subTest(name, kind=document["kind"]):
                    self.assertEqual(shapes.problems(document), [])

    def test_names_labels_and_namespaces(self):
        for name, values in chart.CASES.items():
            documents = chart.render(values)
            with self.subTest(name):
                identities = [(d["kind"], d["metadata"]["namespace"], d["metadata"]["name"]) for d in documents]
                self.assertEqual([i for i, n in collections.Counter(identities).items() if n > 1], [])
                for document in documents:
                    self.assertRegex(document["metadata"]["name"], r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")
                    labels = document["metadata"]["labels"]
                    self.assertLessEqual(values.get("commonLabels", {}).items(), labels.items())
                    for key, value in labels.items():
                        self.assertRegex(value, r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$", key)

    def test_a_key_twice_is_one(self):
        """What a person gives beside the chart's own, or in two places; the loader refuses doubled keys."""
        twice = {"a": "common", "app.kubernetes.io/name": "other"}
        documents = chart.render({"commonLabels": twice, "podLabels": {"a": "pod", **twice}, "service": {"labels": twice},
                                  "podAnnotations": {"kubectl.kubernetes.io/default-container": "other", "checksum/config": "x"},
                                  "agent": {"config": {"log.level": "warn"}}, "nodeSelector": {"kubernetes.io/os": "linux"}})
        pod = chart.one(documents, "DaemonSet")["spec"]["template"]
        self.assertEqual(pod["metadata"]["labels"]["app.kubernetes.io/name"], "plimsoll")
        self.assertEqual(pod["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"], "agent")
        self.assertEqual(len(pod["metadata"]["annotations"]["checksum/config"]), 64)
        self.assertEqual(pod["spec"]["nodeSelector"], {"kubernetes.io/os": "linux"})

    def test_who_selects_finds_the_pods(self):
        for name, values in chart.CASES.items():
            documents = chart.render(values)
            daemon, service = chart.one(documents, "DaemonSet"), chart.one(documents, "Service")
            pods = daemon["spec"]["template"]["metadata"]["labels"]
            selectors = [daemon["spec"]["selector"]["matchLabels"]]
            selectors += [service["spec"]["selector"]] if service else []
            for kind, path in (("NetworkPolicy", "podSelector"), ("PodMonitor", "selector")):
                found = chart.one(documents, kind)
                selectors += [found["spec"][path]["matchLabels"]] if found else []
            with self.subTest(name):
                for selector in selectors:
                    self.assertTrue(selector)
                    self.assertLessEqual(selector.items(), pods.items())
                monitor = chart.one(documents, "ServiceMonitor")
                if monitor:
                    selector = monitor["spec"]["selector"]["matchLabels"]
                    self.assertLessEqual(selector.items(), service["metadata"]["labels"].items())
                    self.assertEqual(monitor["spec"]["namespaceSelector"]["matchNames"], [service["metadata"]["namespace"]])

    def test_what_is_named_is_there(self):
        given = {"plimsoll-tls", "web", "push"}  # Secrets that the cases take for granted
        for name, values in chart.CASES.items():
            documents = chart.render(values)
            spec, container = chart.pod_spec(documents), chart.agent(documents)
            with self.subTest(name):
                made = {d["metadata"]["name"] for d in documents if d["kind"] in ("Secret", "ConfigMap")} | given
                volumes = {volume["name"]: volume for volume in spec["volumes"]}
                self.assertEqual(len(volumes), len(spec["volumes"]))
                self.assertEqual({mount["name"] for mount in container["volumeMounts"]}, set(volumes))
                for volume in volumes.values():
                    reference = volume.get("secret", {}).get("secretName") or volume.get("configMap", {}).get("name")
                    self.assertIn(reference, made | {None})
                paths = [mount["mountPath"] for mount in container["volumeMounts"]]
                self.assertEqual(len(set(paths)), len(paths))
                files = [argument.split("=", 1)[1] for argument in container["args"] if ".file=" in argument]
                for file in files:
                    self.assertIn(str(pathlib.PurePath(file).parent), paths)
                account = chart.one(documents, "ServiceAccount")
                self.assertEqual(spec["serviceAccountName"], account["metadata"]["name"] if account else "other")

    def test_ports_and_paths_agree(self):
        documents = chart.render(chart.merged(chart.CASES["agent"], chart.MONITOR))
        container = chart.agent(documents)
        self.assertIn("--web.listen-address=[::]:9100", container["args"])
        self.assertIn("--web.route-prefix=/agent", container["args"])
        self.assertEqual(container["ports"], [{"name": "metrics", "containerPort": 9100, "protocol": "TCP"}])
        self.assertEqual(container["livenessProbe"]["httpGet"]["path"], "/agent/healthz")
        self.assertEqual([e["path"] for e in endpoints(documents)], ["/agent/metrics"])
        for name, values in chart.CASES.items():
            with self.subTest(name):
                documents = chart.render(values)
                names = {port["name"] for port in chart.agent(documents)["ports"]}
                for kind in ("Service", "NetworkPolicy"):
                    document = chart.one(documents, kind)
                    if document:
                        spec = document["spec"]
                        ports = spec["ports"] if kind == "Service" else spec["ingress"][0]["ports"]
                        self.assertIn(ports[0].get("targetPort", ports[0]["port"]), names)


class Rights(unittest.TestCase):
    """What the default pod may do; README "Rights" explains each."""

    def test_the_container(self):
        security = chart.agent(chart.render())["securityContext"]
        self.assertEqual(security, {"privileged": False, "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                                    "capabilities": {"drop": ["ALL"], "add": ["DAC_READ_SEARCH"]}})

    def test_the_pod(self):
        spec = chart.pod_spec(chart.render())
        self.assertEqual(spec["securityContext"], {
            "runAsUser": 1876, "runAsGroup": 1876, "runAsNonRoot": True, "fsGroup": 1876,
            "seccompProfile": {"type": "RuntimeDefault"}})
        self.assertIs(spec["automountServiceAccountToken"], False)
        self.assertIs(spec["hostNetwork"], True)
        self.assertIs(spec["hostPID"], True)
        self.assertNotIn("hostIPC", spec)
        self.assertEqual(spec["nodeSelector"], {"kubernetes.io/os": "linux"})
        self.assertEqual(spec["tolerations"], [{"operator": "Exists"}])

    def test_no_case_gets_more(self):
        for name, values in chart.CASES.items():
            spec, security = chart.pod_spec(chart.render(values)), chart.agent(chart.render(values))["securityContext"]
            with self.subTest(name):
                self.assertFalse(security["privileged"] or security["allowPrivilegeEscalation"])
                self.assertTrue(security["readOnlyRootFilesystem"])
                self.assertEqual(security["capabilities"]["drop"], ["ALL"])
                self.assertIs(spec["automountServiceAccountToken"], False)

    def test_the_node_is_mounted_read_only(self):
        for name, values in chart.CASES.items():
            documents = chart.render(values)
            hosts = {v["name"]: v["hostPath"]["path"] for v in chart.pod_spec(documents)["volumes"] if "hostPath" in v}
            with self.subTest(name):
                for mount in chart.agent(documents)["volumeMounts"]:
                    if mount["name"] in hosts and mount["name"] != "state":
                        self.assertIs(mount["readOnly"], True)
                        self.assertEqual(mount["mountPath"], f"/host{hosts[mount['name']]}".rstrip("/"))
                    self.assertNotEqual(mount.get("mountPropagation"), "Bidirectional")
                self.assertEqual([a for a in chart.agent(documents)["args"] if a.startswith("--path.")][:4], HOST_FLAGS)

    def test_whole_tree_or_single_paths(self):
        documents = chart.render()
        self.assertEqual([v["hostPath"]["path"] for v in chart.pod_spec(documents)["volumes"]], ["/"])
        self.assertEqual(chart.agent(documents)["volumeMounts"],
                         [{"name": "host-0", "mountPath": "/host", "readOnly": True, "mountPropagation": "HostToContainer"}])
        documents = chart.render({"host": {"wholeTree": False}, "agent": {"textfileDirectory": "/var/lib/textfile"}})
        self.assertEqual([v["hostPath"]["path"] for v in chart.pod_spec(documents)["volumes"]],
                         ["/proc", "/sys", "/run/containerd", "/var/lib/containerd", "/run/udev", "/usr/lib/os-release",
                          "/etc/machine-id", "/var/lib/textfile"])
        arguments = chart.agent(documents)["args"]
        self.assertIn("--no-collector.filesystem", arguments)
        self.assertFalse([a for a in arguments if a.startswith("--collector.filesystem.")])

    def test_which_rules_of_the_restricted_level_are_broken(self):
        """All but those that reading the node breaks: it is what the README says about Pod Security."""
        broken = self.broken_rules(chart.render())
        self.assertEqual(broken, {"hostPID", "hostNetwork", "hostPath", "capability DAC_READ_SEARCH"})
        self.assertEqual(self.broken_rules(chart.render(chart.CASES["root"])),
                         broken | {"capability SYS_PTRACE", "runAsNonRoot", "SELinux spc_t"})

    @staticmethod
    def broken_rules(documents):
        """Of kubernetes.io/docs/concepts/security/pod-security-standards, "restricted"."""
        spec, container = chart.pod_spec(documents), chart.agent(documents)
        security, pod = container["securityContext"], spec["securityContext"]
        kinds = {key for volume in spec["volumes"] for key in volume if key != "name"}
        found = {name for name in ("hostPID", "hostNetwork", "hostIPC") if spec.get(name)}
        found |= kinds - set("configMap csi downwardAPI emptyDir ephemeral persistentVolumeClaim projected secret".split())
        found |= {f"capability {name}" for name in security["capabilities"].get("add", []) if name != "NET_BIND_SERVICE"}
        found |= {"hostPort" for port in container["ports"] if port.get("hostPort")}
        found |= set() if security["capabilities"]["drop"] == ["ALL"] else {"drop"}
        found |= {"privileged"} if security.get("privileged") else set()
        found |= set() if security["allowPrivilegeEscalation"] is False else {"allowPrivilegeEscalation"}
        found |= set() if pod["runAsNonRoot"] and pod["runAsUser"] != 0 else {"runAsNonRoot"}
        found |= set() if pod["seccompProfile"]["type"] in ("RuntimeDefault", "Localhost") else {"seccomp"}
        kind = security.get("seLinuxOptions", {}).get("type", "container_t")
        return found | (set() if kind.startswith("container_") else {f"SELinux {kind}"})


class Probes(unittest.TestCase):
    def probe(self, values):
        container = chart.agent(chart.render(values))
        live = {k: v for k, v in container["livenessProbe"].items() if k in ("httpGet", "tcpSocket", "exec")}
        self.assertEqual(list(live), [k for k in container["readinessProbe"] if k in ("httpGet", "tcpSocket", "exec")])
        return live

    def test_by_what_is_asked_of_clients(self):
        address = "127.0.0.1:1876/healthz"
        http = {"path": "/healthz", "port": "metrics"}
        for name, expected in {
                "defaults": {"httpGet": {**http, "scheme": "HTTP"}},
                "TLS": {"httpGet": {**http, "scheme": "HTTPS"}},
                "users": {"exec": {"command": ["/usr/bin/plimsoll", "healthcheck", f"http://{address}"]}},
                "TLS and users": {"exec": {"command": ["/usr/bin/plimsoll", "healthcheck", f"https://{address}"]}},
                "users and headers": {"httpGet": {**http, "scheme": "HTTP", "httpHeaders": [
                    {"name": "Authorization", "value": "Basic eDp5"}]}},
                "client certificates": {"tcpSocket": {"port": "metrics"}},
                "own Secret": {"tcpSocket": {"port": "metrics"}}}.items():
            with self.subTest(name):
                self.assertEqual(self.probe(chart.CASES[name]), expected)
        required = {"webConfig": {"config": {"tls_server_config": {"cert_file": "a", "key_file": "b", "client_ca_file": "c",
                                                                   "client_auth_type": "RequireAndVerifyClientCert"}}}}
        self.assertEqual(self.probe(required), {"tcpSocket": {"port": "metrics"}})


class WebConfig(unittest.TestCase):
    def config(self, values):
        return yaml.safe_load(chart.one(chart.render(values), "Secret", "plimsoll-web")["stringData"]["web.yml"])

    def test_what_the_secret_holds(self):
        tls = {"cert_file": "/etc/plimsoll/tls/tls.crt", "key_file": "/etc/plimsoll/tls/tls.key"}
        self.assertEqual(self.config(chart.TLS), {"tls_server_config": tls})
        self.assertEqual(self.config(chart.CASES["client certificates"]), {"tls_server_config": {
            **tls, "client_ca_file": "/etc/plimsoll/tls/ca.crt", "client_auth_type": "RequireAndVerifyClientCert"}})
        both = chart.merged(chart.TLS, chart.USERS)
        self.assertEqual(self.config(both), {"tls_server_config": tls, **chart.USERS["webConfig"]["config"]})

    def test_no_secret_of_ours_beside_yours(self):
        documents = chart.render(chart.CASES["own Secret"])
        self.assertIsNone(chart.one(documents, "Secret"))
        self.assertEqual(endpoints(documents)[0]["scheme"], "https")

    def test_pods_restart_when_it_changes(self):
        def checksum(values):
            return chart.one(chart.render(values), "DaemonSet")["spec"]["template"]["metadata"]["annotations"]
        self.assertNotIn("checksum/web", checksum({}))
        self.assertNotEqual(checksum(chart.TLS)["checksum/web"], checksum(chart.merged(chart.TLS, chart.USERS))["checksum/web"])
        one, other = ({"agent": {"config": {"log.level": level}}} for level in ("info", "warn"))
        self.assertNotEqual(checksum(one)["checksum/config"], checksum(other)["checksum/config"])
        self.assertEqual(checksum(one), checksum(dict(one)))


class Scraping(unittest.TestCase):
    POD = {"__address__": "10.0.0.7:1876", "__meta_kubernetes_pod_node_name": "node7", "namespace": "monitoring",
           "pod": "plimsoll-x7x7x", "container": "agent", "service": "plimsoll", "endpoint": "metrics", "job": "plimsoll"}

    def test_series_belong_to_what_is_watched(self):
        """A target's own pod and namespace would count the node's root group as usage of the agent."""
        for values in (chart.MONITOR, {"podMonitor": {"enabled": True}}):
            endpoint, = endpoints(chart.render(values))
            self.assertIs(endpoint["honorLabels"], True)
            self.assertEqual(relabelled(endpoint, self.POD), {"instance": "node7", "node": "node7", "job": "plimsoll"})

    def test_kube_prometheus(self):
        for values in (chart.CASES["kube-prometheus"], chart.CASES["kube-prometheus by pods"]):
            cadvisor, node, own = endpoints(chart.render(values))
            self.assertEqual(cadvisor["path"], "/metrics/cadvisor")
            self.assertEqual(relabelled(cadvisor, self.POD), {
                "instance": "node7", "node": "node7", "job": "kubelet", "metrics_path": "/metrics/cadvisor"})
            self.assertEqual(node["path"], "/metrics/node")
            labels = relabelled(node, self.POD)
            self.assertEqual(labels, {**{n: v for n, v in self.POD.items() if not n.startswith("__")},
                                      "instance": "node7", "node": "node7", "job": "node-exporter"})
            # Each family from one of the three alone.
            self.assertEqual([r["regex"] for r in cadvisor["metricRelabelings"]], ["plimsoll_.*"])
            self.assertEqual(own["params"], {"name[]": ["plimsoll_.*", "process_.*"]})
            self.assertEqual([(r["action"], r["regex"]) for r in own["metricRelabelings"]], [("keep", "plimsoll_.*|process_.*")])
            self.assertEqual(relabelled(own, self.POD)["job"], "plimsoll")

    def test_the_nodes_name(self):
        """Without the node's network the kernel tells the pod's name; the node's is on the target."""
        endpoint, = endpoints(chart.render(chart.CASES["pod's network"]))
        rule, = endpoint["metricRelabelings"]
        self.assertEqual((rule["sourceLabels"], rule["targetLabel"]), (["__name__", "node"], "nodename"))
        self.assertEqual(re.fullmatch(rule["regex"], "node_uname_info;node7")[1], "node7")
        self.assertIsNone(re.fullmatch(rule["regex"], "node_load1;node7"))
        self.assertIn("--no-collector.conntrack", chart.agent(chart.render(chart.CASES["pod's network"]))["args"])
        self.assertNotIn("--no-collector.conntrack", chart.agent(chart.render())["args"])

    def test_annotations_only_without_a_monitor(self):
        service = chart.one(chart.render(chart.TLS), "Service")
        self.assertEqual(service["metadata"]["annotations"], {
            "prometheus.io/scrape": "true", "prometheus.io/port": "1876", "prometheus.io/path": "/metrics",
            "prometheus.io/scheme": "https"})
        self.assertNotIn("annotations", chart.one(chart.render(chart.MONITOR), "Service")["metadata"])
        self.assertEqual(service["spec"]["clusterIP"], "None")

    def test_tls_of_the_monitor(self):
        self.assertEqual(endpoints(chart.render(chart.CASES["TLS"]))[0]["tlsConfig"], {"insecureSkipVerify": True})
        self.assertNotIn("insecureSkipVerify", endpoints(chart.render(chart.CASES["client certificates"]))[0]["tlsConfig"])
        self.assertNotIn("tlsConfig", endpoints(chart.render(chart.MONITOR))[0])


class NetworkPolicy(unittest.TestCase):
    def test_in_by_the_port_and_out_to_nobody(self):
        spec = chart.one(chart.render(chart.CASES["pod's network"]), "NetworkPolicy")["spec"]
        self.assertEqual(spec["ingress"], [{"ports": [{"port": "metrics", "protocol": "TCP"}]}])
        self.assertEqual(spec["egress"], [])
        self.assertEqual(spec["policyTypes"], ["Ingress", "Egress"])
        self.assertIn("from", chart.one(chart.render(chart.CASES["policy"]), "NetworkPolicy")["spec"]["ingress"][0])

    def test_absent_where_it_would_hold_nobody(self):
        self.assertIsNone(chart.one(chart.render(), "NetworkPolicy"))
        self.assertIsNone(chart.one(chart.render(chart.CASES["no policy"]), "NetworkPolicy"))


class Extras(unittest.TestCase):
    """Dashboards and rules: the repository's own files."""

    def test_dashboards(self):
        documents = chart.render({"dashboards": {"enabled": True}})
        maps = [d for d in documents if d["kind"] == "ConfigMap"]
        shown = {name: json.loads(text) for d in maps for name, text in d["data"].items()}
        files = {p.name: json.loads(p.read_text()) for p in (chart.REPOSITORY / "dashboards").glob("*.json")}
        self.assertEqual(shown, files)
        self.assertTrue(files)
        for document in maps:
            self.assertEqual(document["metadata"]["labels"]["grafana_dashboard"], "1")
            self.assertEqual(document["metadata"]["annotations"], {"grafana_folder": "Plimsoll"})
            self.assertLess(len(json.dumps(document)), MIB)

    @unittest.skipUnless(chart.HAS_RULES, "dashboards/rules has no rules")
    def test_rules(self):
        expected = [group for path in sorted((chart.REPOSITORY / "dashboards" / "rules").glob("*.yml"))
                    for group in yaml.safe_load(path.read_text()).get("groups", [])]
        shown = chart.one(chart.render({"prometheusRule": {"enabled": True}}), "PrometheusRule")["spec"]["groups"]
        self.assertEqual(shown, expected)
        name = next(rule["alert"] for group in expected for rule in group["rules"] if "alert" in rule)
        fewer = chart.one(chart.render({"prometheusRule": {"enabled": True, "disabled": [name]}}), "PrometheusRule")
        left = [rule.get("alert") for group in fewer["spec"]["groups"] for rule in group["rules"]]
        self.assertNotIn(name, left)
        self.assertEqual(len(left), sum(len(group["rules"]) for group in expected) - 1)

    @unittest.skipUnless(chart.HAS_RULES, "dashboards/rules has no rules")
    def test_links_to_the_runbook(self):
        """Of alerts alone: a record has no annotations."""
        place = "https://wiki.example/plimsoll/RUNBOOK.md"
        plain, linked = (chart.one(chart.render({"prometheusRule": {"enabled": True, "runbookUrl": url}}), "PrometheusRule")
                         for url in ("", place))
        rules = [rule for group in linked["spec"]["groups"] for rule in group["rules"]]
        for rule in rules:
            if "alert" in rule:
                self.assertEqual(rule["annotations"]["runbook_url"], f"{place}#{rule['alert'].lower()}")
        self.assertEqual(len(rules), sum("annotations" in rule or "record" in rule for rule in rules))
        as_it_was = json.loads(json.dumps(linked).replace(place, "docs/RUNBOOK.md"))
        self.assertEqual(as_it_was, plain)

    def test_a_release_fits_into_its_secret(self):
        """helm keeps chart and manifest of a release in a Secret, which may have 1 MiB."""
        everything = {"dashboards": {"enabled": True}, "prometheusRule": {"enabled": chart.HAS_RULES}, **chart.MONITOR}
        with tempfile.TemporaryDirectory() as place:
            package = Package.build(place)
            kept = {"chart": base64.b64encode(gzip.decompress(package.read_bytes())).decode(),
                    "manifest": chart.template(everything).stdout}
        size = len(base64.b64encode(gzip.compress(json.dumps(kept).encode())))
        self.assertLess(size, MIB * 3 // 4)


class Package(unittest.TestCase):
    """scripts/package-chart: what people install."""

    @staticmethod
    def build(place, *words):
        done = subprocess.run([chart.REPOSITORY / "scripts" / "package-chart", "--output", place, *words], capture_output=True,
                              text=True, check=False, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise AssertionError(f"package-chart: {done.returncode}: {done.stderr}")
        return pathlib.Path(done.stdout.split()[-1])

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.place = pathlib.Path(directory.name)

    def test_it_renders_as_the_folder_does(self):
        package = self.build(self.place)
        values = {"dashboards": {"enabled": True}, "prometheusRule": {"enabled": chart.HAS_RULES}}
        self.assertEqual(chart.render(values, where=package), chart.render(values))

    def test_it_holds_files_and_nothing_else(self):
        names = subprocess.run(["tar", "-tvzf", self.build(self.place)], capture_output=True, text=True, check=True).stdout
        lines = [(line.split()[0], line.split()[-1]) for line in names.splitlines()]
        self.assertEqual([line for line in lines if line[0][0] not in "-d"], [])  # no links: outside of here they lead nowhere
        files = {name for kind, name in lines if kind[0] == "-"}
        boards = {f"plimsoll/files/dashboards/{p.name}" for p in (chart.REPOSITORY / "dashboards").glob("*.json")}
        rules = {f"plimsoll/files/dashboards/rules/{p.name}" for p in (chart.REPOSITORY / "dashboards" / "rules").glob("*.yml")}
        self.assertEqual({name for name in files if "/files/" in name}, boards | rules)
        self.assertLessEqual({f"plimsoll/{name}" for name in ("Chart.yaml", "values.yaml", "values.schema.json", "README.md",
                                                              "templates/daemonset.yaml", "templates/NOTES.txt")}, files)

    def test_the_same_bytes_each_time(self):
        (self.place / "b").mkdir()
        self.assertEqual(self.build(self.place).read_bytes(), self.build(self.place / "b").read_bytes())


class Notes(unittest.TestCase):
    def notes(self, values):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            json.dump(values, file)
            file.flush()
            done = chart.call("install", chart.RELEASE, chart.CHART, "--namespace", chart.NAMESPACE, "--dry-run=client",
                              "--values", file.name, check=False)
        if "cluster unreachable" in done.stderr:
            self.skipTest("this helm shows no notes without a cluster: version 4 does")
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout[done.stdout.index("NOTES:"):]

    def test_every_case_has_some(self):
        for name, values in chart.CASES.items():
            with self.subTest(name):
                notes = self.notes(values)
                self.assertIn(":1876" if name != "agent" else ":9100", notes)
                self.assertNotIn("{{", notes)

    def test_what_a_person_should_know(self):
        self.assertIn("pod-security.kubernetes.io/enforce=privileged", self.notes({}))
        self.assertIn("without TLS", self.notes({}))
        self.assertNotIn("without TLS", self.notes(chart.TLS))
        self.assertIn("CAP_DAC_READ_SEARCH", self.notes({}))
        self.assertNotIn("CAP_DAC_READ_SEARCH", self.notes(chart.CASES["root"]))
        self.assertIn("no NetworkPolicy", self.notes({}))
        self.assertNotIn("no NetworkPolicy", self.notes(chart.CASES["pod's network"]))
        self.assertIn("counts twice", self.notes(chart.CASES["kube-prometheus"]))


class Lint(unittest.TestCase):
    def test_helm_lint(self):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            json.dump(functools.reduce(chart.merged, (chart.CASES[name] for name in ("agent", "TLS and users", "kube-prometheus",
                                                                                     "policy", "pods", "dashboards"))), file)
            file.flush()
            for more in ([], ["--values", file.name]):
                done = chart.call("lint", "--strict", chart.CHART, *more)
                self.assertNotRegex(done.stdout, r"\[(WARNING|ERROR)\]")

    def test_version_is_the_programs(self):
        described = yaml.safe_load((chart.CHART / "Chart.yaml").read_text())
        version = re.search(r"project\(\s*\w+\s+VERSION\s+([\d.]+)", (chart.REPOSITORY / "CMakeLists.txt").read_text(), re.I)[1]
        self.assertEqual(described["appVersion"], version)


if __name__ == "__main__":
    unittest.main()
