# SPDX-License-Identifier: Apache-2.0
"""The pod that the chart describes, run for real (pod.py says how): what it sees of this machine, with which rights, and that
each right is needed and enough."""
import os
import pathlib
import re
import subprocess
import sys
import time
import unittest

import yaml

import chart

sys.path.insert(0, str(chart.REPOSITORY / "tests" / "e2e"))
import engines  # noqa: E402 (only found by the line above)
import support  # noqa: E402
import pod  # noqa: E402

DAC_READ_SEARCH, SYS_PTRACE = 2, 19
CONTAINERS = int(os.environ.get("PLIMSOLL_CHART_CONTAINERS", "3"))

place = None
podman = containerd = None


def setUpModule():
    global place, podman, containerd
    chart.helm()
    for name in ("runc", "nsenter", "curl", "ip", "setcap"):
        support.tool(name)
    place = support.Workspace()
    unittest.addModuleCleanup(place.close)
    place.path.chmod(0o711)
    podman = place.start(engines.Podman)
    podman.run("web", "sleep", 3600, labels={"role": "front"})
    containerd = place.start(engines.Containerd)
    containerd.run("api", "sleep", 3600, labels={"io.kubernetes.pod.name": "api-x7", "io.kubernetes.pod.namespace": "shop",
                                                 "io.kubernetes.container.name": "server"})
    place.run("-d", "--name", "own", command=["/bin/sleep", "3600"])


def engine_values():
    """Where the engines of this test keep their state; on a node the defaults fit."""
    return {"storageRoot": f"{podman.path}/root", "storageRunroot": f"{podman.path}/run",
            "containerdState": f"{containerd.path}/state", "containerdRoot": f"{containerd.path}/root",
            "plimsollRoot": f"{place.path}/root", "plimsollRunroot": f"{place.path}/runroot"}


def values(more=None):
    """A free port, since it is this machine's."""
    return chart.merged({"agent": {"port": support.free_port(), "engines": engine_values()}}, more or {})


def start(more=None, root=None, **options):
    """A pod with these values, to be used with `with`."""
    return pod.Pod(place, chart.render(values(more)), root or pod.image_root(place), **options)


def run(test, *arguments, **options):
    """The same, running until the test ends."""
    started = start(*arguments, **options)
    started.__enter__()
    test.addCleanup(started.__exit__)
    return started


def names(samples):
    return {labels["name"] for name, labels, _ in samples if name == "container_last_seen" and labels.get("name")}


def layer_of(name, samples):
    """How many files are in the container's writable layer."""
    return next((v for n, labels, v in samples if n == "plimsoll_container_layer_inodes" and labels.get("name") == name), None)


def families(samples):
    return {name for name, _, _ in samples}


def status_of_threads(pid):
    return [dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines() if ":\t" in line)
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir()]


def bits(mask):
    return {bit for bit in range(64) if int(mask, 16) >> bit & 1}


class DefaultPod(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pod = start()
        cls.pod.__enter__()
        cls.addClassCleanup(cls.pod.__exit__)
        cls.pod.ask()
        support.wait_until("the size of a layer", lambda: layer_of("web", cls.pod.samples()), timeout=30)
        cls.samples = cls.pod.samples()

    def value(self, family, **labels):
        found = [v for n, have, v in self.samples if n == family and labels.items() <= have.items()]
        self.assertTrue(found, f"{family}{labels}")
        return sum(found)

    def test_containers_are_named(self):
        self.assertLessEqual({"web", "own"}, names(self.samples))
        pods = [labels for name, labels, _ in self.samples if name == "container_last_seen" and labels.get("pod") == "api-x7"]
        self.assertEqual([(one["namespace"], one["container"], one["image"]) for one in pods],
                         [("shop", "server", engines.IMAGE)])

    def test_the_host_is_this_machine(self):
        self.assertEqual(self.value("node_uname_info", nodename=os.uname().nodename), 1)
        size = os.statvfs("/")
        self.assertEqual(self.value("node_filesystem_size_bytes", mountpoint="/"), size.f_blocks * size.f_frsize)
        booted = re.search(r"^btime (\d+)$", pathlib.Path("/proc/stat").read_text(), re.M)[1]
        self.assertEqual(self.value("node_boot_time_seconds"), float(booted))
        self.assertGreater(self.value("node_interrupts_total"), 0)  # /proc/interrupts of the pod itself is masked

    def test_interfaces_are_the_nodes(self):
        shown = {labels["device"] for name, labels, _ in self.samples if name == "node_network_receive_bytes_total"}
        pattern = chart_default("netDevicesExclude")
        self.assertEqual(shown, {path.name for path in pathlib.Path("/sys/class/net").iterdir()
                                 if path.is_dir() and not re.search(pattern, path.name)})

    def test_layers_of_containers_are_walked(self):
        self.assertGreater(self.value("plimsoll_container_layer_inodes", name="web"), 0)

    def test_rights_of_every_thread(self):
        threads = status_of_threads(self.pod.pid)
        self.assertGreater(len(threads), 3)
        for thread in threads:
            self.assertEqual(thread["Uid"].split(), ["1876"] * 4)
            self.assertEqual(bits(thread["CapEff"]), {DAC_READ_SEARCH})
            self.assertEqual(bits(thread["CapPrm"]), {DAC_READ_SEARCH})
            self.assertEqual(bits(thread["CapInh"]) | bits(thread["CapAmb"]), set())
            self.assertEqual(thread["NoNewPrivs"], "1")
            self.assertEqual(thread["Seccomp"], "2")

    def test_its_probes_are_content(self):
        self.assertTrue(self.pod.probe())
        self.assertTrue(self.pod.probe("readinessProbe"))  # there was a collection

    def test_what_it_says_it_cannot_see(self):
        lines = re.findall(r'not to be seen[^"]*', self.pod.log())
        self.assertEqual(len([line for line in lines if "CAP_SYS_PTRACE" in line]), 1)
        self.assertEqual([line for line in lines if "CAP_DAC_READ_SEARCH:" in line], [])


class Harmless(unittest.TestCase):
    """What somebody who has taken over the agent could do with its user, its capability and its mounts."""

    def setUp(self):
        self.pod = run(self, root=pod.image_root(place, shell=True))

    def words(self, *words):
        return self.pod.call("exec", self.pod.name, "/bin/busybox", *words)

    def test_read_everything_and_change_nothing(self):
        here = place.path / "of-root"
        here.write_text("secret")
        here.chmod(0o600)
        self.assertEqual(self.words("cat", f"/host{here}").stdout, "secret")
        v1 = "" if support.is_v2() else "memory/"
        for what, words in {
                "a file": f"echo x >/host{here}", "a new file": f"echo x >/host{place.path}/new",
                "a setting": "echo x >/host/proc/sys/kernel/core_pattern", "its own root": "echo x >/new",
                "a group": f"mkdir /host/sys/fs/cgroup/{v1}new", "a device": "mknod /tmp/disk b 8 0",
                "a mount": "mount -t tmpfs x /tmp", "a process": "kill 1"}.items():
            with self.subTest(what):
                done = self.words("sh", "-c", words)
                self.assertNotEqual(done.returncode, 0)
                self.assertRegex(done.stderr, "(?i)read-only file system|permission denied|operation not permitted")
        self.assertEqual(here.read_text(), "secret")

    def test_disks_are_closed(self):
        disks = [path.name for path in pathlib.Path("/sys/block").iterdir() if pathlib.Path("/dev", path.name).exists()]
        if not disks:
            self.skipTest("this machine has no disk")
        done = self.words("head", "-c", "1", f"/host/dev/{disks[0]}")
        self.assertRegex(done.stderr, "(?i)operation not permitted|permission denied")

    def test_the_nodes_keys_are_out_of_reach_without_the_tree(self):
        key = pathlib.Path("/etc/shadow")
        self.assertEqual(self.words("cat", f"/host{key}").stdout, key.read_text())
        single = {"host": {"wholeTree": False, "paths": ["/usr/lib/os-release"]}}
        few = run(self, single, root=pod.image_root(place, shell=True))
        done = few.call("exec", few.name, "/bin/busybox", "cat", f"/host{key}")
        self.assertRegex(done.stderr, "(?i)no such file")

    def test_engines_do_not_talk_to_it(self):
        """connect(2) asks for the right to write to the socket, wherever it is mounted."""
        self.assertEqual(self.words("test", "-S", f"/host{containerd.address}").returncode, 0)
        self.assertEqual(self.words("test", "-w", f"/host{containerd.address}").returncode, 1)
        as_root = run(self, {"securityContext": {"runAsUser": 0}}, root=pod.image_root(place, shell=True))
        done = as_root.call("exec", as_root.name, "/bin/busybox", "test", "-w", f"/host{containerd.address}")
        self.assertEqual(done.returncode, 0)

    def test_other_processes_memory_is_closed(self):
        self.assertRegex(self.words("head", "-c", "1", f"/proc/{podman.pid('web')}/mem").stderr, "(?i)permission denied")
        self.assertRegex(self.words("ls", "/proc/1/root/").stderr, "(?i)permission denied")


class Needs(unittest.TestCase):
    """Each thing that the pod is given, taken away: what the README says is then missing."""

    def test_the_capability(self):
        without = run(self, {"securityContext": {"capabilities": []}})
        self.assertEqual(names(without.samples()), set())
        self.assertIn("not to be seen without CAP_DAC_READ_SEARCH", without.log())

    def test_the_programs_file_capabilities(self):
        bare = pod.image_root(place, capabilities="")
        self.assertEqual(names(run(self, root=bare).samples()), set())
        as_root = run(self, {"securityContext": {"runAsUser": 0, "runAsGroup": 0}}, root=bare)
        self.assertIn("web", names(as_root.samples()))

    def test_process_ids_of_the_node(self):
        without = run(self, {"host": {"pid": False}})
        self.assertIn("web", names(without.samples()))
        time.sleep(3)
        self.assertIsNone(layer_of("web", without.samples()))

    def test_the_nodes_network(self):
        """Without it the kernel shows the pod's own table of connections, which is left out then, and the pod's name."""
        own, nodes = (run(self, {"host": {"network": network}}).samples() for network in (False, True))
        lost = families(nodes) - families(own)
        self.assertEqual({name for name in lost if not name.startswith("node_nf_conntrack")}, set())
        self.assertEqual([labels["nodename"] for page in (own, nodes) for name, labels, _ in page if name == "node_uname_info"],
                         ["plimsoll-x7x7x", os.uname().nodename])
        interfaces = [{labels["device"] for name, labels, _ in page if name == "node_network_receive_bytes_total"}
                      for page in (own, nodes)]
        self.assertEqual(*interfaces)

    def test_single_paths_in_the_place_of_the_tree(self):
        paths = [str(place.path), "/usr/lib/os-release"]
        few = run(self, {"host": {"wholeTree": False, "paths": paths}}).samples()
        whole = run(self).samples()
        self.assertEqual(names(few), names(whole))
        missing = {name for name in families(whole) - families(few) if name.startswith("node_")}
        self.assertEqual({name for name in missing if not name.startswith("node_filesystem_")}, set())
        self.assertIn("node_filesystem_size_bytes", missing)

    def test_more_capabilities_see_more(self):
        flags = {"agent": {"extraArgs": ["--enable_metrics=cpu,memory,process"]}}
        few = run(self, flags).samples()
        more = run(self, chart.merged(flags, {"securityContext": {"capabilities": ["DAC_READ_SEARCH", "SYS_PTRACE"]}})).samples()
        sockets = [sum(1 for name, labels, _ in page if name == "container_sockets" and labels.get("name") == "web")
                   for page in (few, more)]
        self.assertEqual(sockets[1], 1)
        self.assertLessEqual(sockets[0], sockets[1])


class Values(unittest.TestCase):
    """Values that reach the agent: files are where it looks, with modes that it can read."""

    def test_configuration_file(self):
        started = run(self, {"agent": {"config": {"metric": {"allow": ["node_load1"]}}}})
        shown = {name for name in families(started.samples()) if name.startswith(("node_", "container_"))}
        self.assertEqual({name for name in shown if "scrape" not in name}, {"node_load1"})

    def test_state(self):
        started = run(self, {"state": {"enabled": True, "sizeLimit": "1Gi"}, "networkPolicy": {"enabled": False},
                             "agent": {"config": {"remote_write": [{"url": "http://127.0.0.1:9/"}]}}})
        state = started.bundle / "volume-state"
        support.wait_until("a queue", lambda: list(state.glob("remote-write/*")), timeout=10)

    def test_route_prefix_port_and_text_files(self):
        (place.path / "text").mkdir(exist_ok=True)
        (place.path / "text/mine.prom").write_text("mine_value 4\n")
        started = run(self, {"agent": {"routePrefix": "/agent", "port": 9100, "textfileDirectory": f"{place.path}/text"}})
        self.assertIn(("mine_value", {}, 4.0), started.samples("/agent/metrics"))
        self.assertTrue(started.probe())

    def test_tls(self):
        secret = dict(zip(("tls.crt", "tls.key"), certificate("one")))
        started = run(self, {"webConfig": {"tlsSecret": "pair"}}, secrets={"pair": secret})
        self.assertTrue(started.probe())
        self.assertNotEqual(started.ask("/metrics", check=False)[0], 200)
        self.assertEqual(self.subject(started), "one")
        renewed = dict(zip(("tls.crt", "tls.key"), certificate("two")))
        started.write_files(started.bundle / "volume-tls", renewed, 0o440, 1876)
        support.wait_until("the renewed certificate", lambda: self.subject(started) == "two", timeout=10)

    @staticmethod
    def subject(started):
        shown = started.inside("curl", "-skv", f"https://127.0.0.1:{started.port}/healthz").stderr
        return re.search(r"subject: CN=(\w+)", shown)[1]

    def test_users(self):
        started = run(self, {"webConfig": {"config": {"basic_auth_users": {"prometheus": password_hash("right")}}}})
        self.assertEqual(started.ask()[0], 401)
        self.assertEqual(started.ask("/metrics", "-u", "prometheus:right")[0], 200)
        text = subprocess.run([support.binary("plimsoll"), "--help"], capture_output=True, text=True, check=True).stdout
        if "healthcheck" not in text:
            self.skipTest("this build has no `plimsoll healthcheck`")
        self.assertTrue(started.probe())


def certificate(name):
    """(certificate, key) in PEM."""
    files = [place.path / f"{name}.{kind}" for kind in ("crt", "key")]
    subprocess.run([support.tool("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "2", "-subj", f"/CN={name}", "-out", files[0], "-keyout", files[1]], check=True, capture_output=True)
    return [file.read_text() for file in files]


def password_hash(password):
    done = subprocess.run([support.tool("htpasswd"), "-nbBC", "5", "x", password], capture_output=True, text=True, check=True)
    return done.stdout.strip().partition(":")[2]


class Image(unittest.TestCase):
    """The image that the chart is made for: its user, its program's place and file capabilities, its libraries."""

    def test_the_default_pod_runs_from_it(self):
        started = run(self, {"webConfig": {"config": {"basic_auth_users": {"prometheus": password_hash("right")}}},
                             "state": {"enabled": True}, "networkPolicy": {"enabled": False},
                             "agent": {"config": {"remote_write": [{"url": "http://127.0.0.1:9/"}]}}},
                      root=pod.real_image_root(place))
        self.assertTrue(started.probe())
        self.assertIn("web", names(started.samples("/metrics", "-u", "prometheus:right")))
        for thread in status_of_threads(started.pid):
            self.assertEqual(thread["Uid"].split(), ["1876"] * 4)
            self.assertEqual(bits(thread["CapEff"]), {DAC_READ_SEARCH})

    def test_tls_and_the_kubelets_probe(self):
        pair = dict(zip(("tls.crt", "tls.key"), certificate("image")))
        started = run(self, {"webConfig": {"tlsSecret": "pair"}}, root=pod.real_image_root(place), secrets={"pair": pair})
        self.assertTrue(started.probe())
        support.wait_until("ready, after a first collection", lambda: started.probe("readinessProbe"))

    def test_more_capabilities_come_through(self):
        started = run(self, {"securityContext": {"capabilities": ["DAC_READ_SEARCH", "SYS_PTRACE", "SYS_ADMIN", "SYS_NICE"]}},
                      root=pod.real_image_root(place))
        self.assertNotIn("not to be seen", started.log())
        self.assertEqual(bits(status_of_threads(started.pid)[0]["CapPrm"]), {DAC_READ_SEARCH, SYS_PTRACE})


class OtherRuntimes(unittest.TestCase):
    def test_our_own_runtime_runs_it_too(self):
        started = run(self, runtime=support.binary("plimsoll-oci"))
        self.assertIn("web", names(started.samples()))
        self.assertEqual(status_of_threads(started.pid)[0]["Uid"].split(), ["1876"] * 4)
        self.assertEqual(bits(status_of_threads(started.pid)[0]["CapEff"]), {DAC_READ_SEARCH})


class Resources(unittest.TestCase):
    """What values.yaml asks for, measured: prints the figures of the README. PLIMSOLL_CHART_CONTAINERS = how many."""

    def test_memory_and_processor(self):
        for number in range(CONTAINERS):
            place.run("-d", "--name", f"n{number}", command=["/bin/sleep", "3600"])
        started = run(self)
        shown = started.ask()[1].count("container_last_seen{")
        self.assertGreaterEqual(shown, CONTAINERS)
        began, cpu = time.monotonic(), self.processor(started)
        for _ in range(20):
            started.ask()
            time.sleep(0.1)
        each = (self.processor(started) - cpu) / 20
        working, most = self.memory(started)
        print(f"\n{shown} groups, {CONTAINERS} containers: {each * 1000:.1f} ms of CPU a scrape, "
              f"working set {working / 2**20:.1f} MiB, most {most / 2**20:.1f} MiB", file=sys.stderr)
        limit = pod.bytes_of(started.container["resources"]["limits"]["memory"])
        self.assertLess(working, limit / 2)
        self.assertLess(working, pod.bytes_of(started.container["resources"]["requests"]["memory"]) * max(1, CONTAINERS / 100))

    @staticmethod
    def processor(started):
        fields = pathlib.Path(f"/proc/{started.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @staticmethod
    def memory(started):
        """(working set as kubelet has it: usage less inactive file pages; the most that was used)."""
        usage = int(started.group_file("memory", "memory.usage_in_bytes", "memory.current"))
        lines = started.group_file("memory", "memory.stat", "memory.stat")
        inactive = re.search(r"^(?:total_)?inactive_file (\d+)$", lines, re.M)[1]
        most = int(started.group_file("memory", "memory.max_usage_in_bytes", "memory.peak"))
        return usage - int(inactive), most


def chart_default(name):
    return yaml.safe_load((chart.CHART / "values.yaml").read_text())["agent"][name]


if __name__ == "__main__":
    unittest.main()
