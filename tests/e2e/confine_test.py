# SPDX-License-Identifier: Apache-2.0
"""How the agent locks itself in: capabilities and filter of every thread as docs/SECURITY.md promises them, the
same page with and without, what an ordinary user sees and is told, and the agent as process 1."""
import collections
import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import engines
import support

DAC_READ_SEARCH, NET_BIND_SERVICE, NET_ADMIN, SYS_PTRACE, SYS_ADMIN, PERFMON = 2, 10, 12, 19, 21, 38
STEADY = {DAC_READ_SEARCH, SYS_PTRACE}
UNCONFINED = ["--security.keep-capabilities=all", "--security.seccomp=false"]
AS_NOBODY = ["--reuid=65534", "--regid=65534", "--clear-groups"]
OF_A_CONTAINER = ("chown,dac_override,fowner,fsetid,kill,setgid,setuid,setpcap,net_bind_service,net_raw,sys_chroot,mknod,"
                  "audit_write,setfcap").split(",")  # what engines leave to root

place = None


def setUpModule():
    global place
    place = support.Workspace()
    unittest.addModuleCleanup(place.close)


def numbers(mask):
    return {bit for bit in range(64) if int(mask, 16) >> bit & 1}


def status_of_threads(pid):
    """[{field: value}] of every thread."""
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # ended meanwhile
            found.append(dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines() if ":\t" in line))
    return found


def everything():
    """Flags that turn on all host collectors and all kinds of container metrics."""
    text = subprocess.run([support.binary("plimsoll"), "agent", "--help"], capture_output=True, text=True, check=True).stdout
    kinds = text[text.index("Kinds of container metrics"):]
    kinds, hosts = kinds[:kinds.index("ost collectors")], kinds[kinds.index("ost collectors"):]
    names = [n for n in re.findall(r"^[* ] (\w+) {2,}", kinds, re.M) if n not in ("app", "perf_event", "resctrl")]
    return [f"--enable_metrics={','.join(names)}", *(f"--collector.{n}" for n in re.findall(r"^ {2}[* ] (\w+) {2,}", hosts, re.M))]


class EachThread(unittest.TestCase):
    """/proc/PID/task/*/status."""

    def start(self, *flags):
        agent = place.start_agent(*flags)
        self.addCleanup(agent.stop)
        agent.metrics()
        threads = status_of_threads(agent.process.pid)
        self.assertGreater(len(threads), 3)
        return agent, threads

    def assert_confined(self, threads, kept, seccomp="2"):
        mine = numbers(status_of_threads(os.getpid())[0]["CapPrm"])
        for thread in threads:
            with self.subTest(thread["Name"]):
                self.assertEqual(numbers(thread["CapEff"]), kept & mine)
                self.assertEqual(numbers(thread["CapPrm"]), kept & mine)
                for empty in ("CapInh", "CapBnd", "CapAmb"):
                    self.assertEqual(numbers(thread[empty]), set(), empty)
                self.assertEqual(thread["NoNewPrivs"], "1")
                self.assertEqual(thread["Seccomp"], seccomp)

    def test_two_capabilities_and_the_filter(self):
        agent, threads = self.start()
        self.assert_confined(threads, STEADY)
        self.assertIn("plimsoll-lives", {thread["Name"] for thread in threads})
        self.assertNotIn("not to be seen", agent.output())

    def test_one_more_for_what_needs_it(self):
        with self.subTest("taskstats"):
            self.assert_confined(self.start("--enable_metrics=cpu,delays")[1], STEADY | {NET_ADMIN})
        with self.subTest("perf"):
            self.assert_confined(self.start("--collector.perf")[1], STEADY | {PERFMON})
        with self.subTest("port"):
            agent, threads = self.start("--web.listen-address=127.0.0.1:873")
            self.assert_confined(threads, STEADY | {NET_BIND_SERVICE})
            self.assertEqual(support.http_get("http://127.0.0.1:873/healthz")[0], 200, agent.output())

    def test_flags(self):
        with self.subTest("one"):
            self.assert_confined(self.start("--security.keep-capabilities=sys_admin")[1], STEADY | {SYS_ADMIN})
        with self.subTest("no filter"):
            agent, threads = self.start("--security.seccomp=false")
            self.assert_confined(threads, STEADY, seccomp="0")
            self.assertIn("no system call filter: turned off", agent.output())
        with self.subTest("all"):
            threads = self.start(*UNCONFINED)[1]
            self.assertEqual({(t["CapEff"], t["Seccomp"]) for t in threads},
                             {(status_of_threads(os.getpid())[0]["CapEff"], "0")})

    def test_the_watch_of_ends_goes_first(self):
        """Its priority was lent before CAP_SYS_NICE went."""
        agent, _ = self.start()
        nice = {}
        for task in pathlib.Path(f"/proc/{agent.process.pid}/task").iterdir():
            name, _, rest = (task / "stat").read_text().rpartition(")")
            nice[name.partition("(")[2]] = int(rest.split()[16])
        self.assertEqual(nice["plimsoll-lives"], -15)
        self.assertEqual({nice[name] for name in nice if name not in ("plimsoll-lives", "plimsoll-disk")}, {0})


class SamePage(unittest.TestCase):
    """Every family and every series with everything turned on, with containers of several engines running."""

    @classmethod
    def setUpClass(cls):
        running = []
        for kind in (engines.Docker, engines.Podman, engines.Own):
            with contextlib.suppress(unittest.SkipTest):
                running.append(place.start(kind))
        for one in running:
            load = f"{engines.LOAD} spin 100; {engines.LOAD} write /data/f 1048576; exec /bin/sleep 1000"
            one.run(f"page-{one.name}", "/bin/sh", "-c", load)
            cls.addClassCleanup(one.remove, f"page-{one.name}")
            if one.name != "plimsoll":
                one.run(f"user-{one.name}", "/bin/sleep", "1000", options=["--user", "1234:1234"])
                cls.addClassCleanup(one.remove, f"user-{one.name}")
        place.run("--name", "ended", command=["/bin/true"])
        cls.flags = [flag for one in running for flag in one.agent_flags()] + everything()

    def page(self, *flags):
        """{family: {labels: value}}, the second scrape's: some figures are differences."""
        agent = place.start_agent(*self.flags, *flags)
        self.addCleanup(agent.stop)
        support.wait_until("layers are measured", lambda: "plimsoll_container_layer_inodes{" in agent.metrics())
        time.sleep(1)
        page = collections.defaultdict(dict)
        for name, labels, value in agent.samples():
            page[name][tuple(sorted(labels.items()))] = value
        agent.stop()
        return page, agent.output()

    def test_nothing_is_missing(self):
        first, _ = self.page(*UNCONFINED)
        second, _ = self.page(*UNCONFINED)
        confined, output = self.page()
        self.assertNotIn("level=warn", output)
        self.assertGreater(len(first), 400)
        for family in first:
            steady = first[family].keys() & second[family].keys()  # what came or went of itself is not asked about
            with self.subTest(family):
                self.assertEqual(steady - confined[family].keys(), set())
        for family in ("node_scrape_collector_success", "plimsoll_cgroup_events_info", "container_info"):
            self.assertEqual(confined[family], second[family])
        for family in ("container_cpu_usage_seconds_total", "container_fs_usage_bytes", "container_memory_failures_total"):
            for labels in first[family].keys() & second[family].keys():
                if any(value.startswith(("page-", "user-")) for name, value in labels if name == "name"):
                    self.assertGreaterEqual(confined[family][labels], first[family][labels], labels)


class LessThanRoot(unittest.TestCase):
    """Another uid than 0, or fewer capabilities: in the agent's own words and figures."""

    def start(self, *privileges):
        directory = pathlib.Path(tempfile.mkdtemp(prefix="plimsoll-user-"))
        self.addCleanup(shutil.rmtree, directory)
        directory.chmod(0o755)
        program = shutil.copy(support.binary("plimsoll"), directory)
        log = directory / "log"
        words = [support.tool("setpriv"), *privileges, program, *place.roots(), "agent",
                 "--web.listen-address=127.0.0.1:0"]
        server = support.Server(words, log)
        self.addCleanup(server.stop)
        server.address = support.wait_until("the address", lambda: (found := re.search(r"127\.0\.0\.1:\d+", server.output()))
                                            and found[0])
        server.wait_ready("/-/ready")
        return server

    def samples(self, server):
        status, body = support.http_get(f"http://{server.address}/metrics")
        self.assertEqual(status, 200)
        return support.parse_samples(body)

    def test_sees_what_the_user_may_read_and_says_what_not(self):
        place.run("-d", "--name", "seen", command=["/bin/sleep", "1000"])
        self.addCleanup(place.plimsoll, "rm", "-f", "seen", check=False)
        server = self.start(*AS_NOBODY)
        found = self.samples(server)
        self.assertEqual([v for n, _, v in found if n == "container_scrape_error"], [0])
        self.assertNotIn("failed:", server.output())
        groups = [labels for n, labels, _ in found if n == "container_memory_usage_bytes" and labels["id"].startswith(place.cgroup)]
        self.assertGreaterEqual(len(groups), 1, "counters are anybody's")
        self.assertFalse([labels for n, labels, _ in found if labels.get("name") == "seen"], "its record is not")
        for line in ("without CAP_DAC_READ_SEARCH: names", "without CAP_SYS_PTRACE", "fanotify", "CAP_SYS_NICE",
                     "ended containers of `plimsoll run`"):
            self.assertIn(line, server.output())
        for thread in status_of_threads(server.process.pid):
            self.assertEqual((numbers(thread["CapPrm"]), thread["NoNewPrivs"], thread["Seccomp"]), (set(), "1", "2"))
        self.assertEqual(server.stop(), 0)

    def test_with_two_capabilities_of_its_own(self):
        place.run("-d", "--name", "named", command=["/bin/sleep", "1000"])
        self.addCleanup(place.plimsoll, "rm", "-f", "named", check=False)
        both = "+dac_read_search,+sys_ptrace"
        server = self.start(*AS_NOBODY, f"--inh-caps={both}", f"--ambient-caps={both}")
        self.assertTrue([labels for n, labels, _ in self.samples(server) if labels.get("name") == "named"])
        self.assertNotIn("without CAP_", server.output())
        for thread in status_of_threads(server.process.pid):
            self.assertEqual(numbers(thread["CapEff"]), STEADY)
            self.assertEqual((numbers(thread["CapInh"]), numbers(thread["CapAmb"])), (set(), set()))


    def test_as_root_of_a_container(self):
        place.run("-d", "--name", "own", command=["/bin/sleep", "1000"])
        self.addCleanup(place.plimsoll, "rm", "-f", "own", check=False)
        server = self.start("--inh-caps=-all", "--bounding-set=-all," + ",".join(f"+{name}" for name in OF_A_CONTAINER))
        self.assertTrue([labels for n, labels, _ in self.samples(server) if labels.get("name") == "own"])
        for line in ("without CAP_DAC_READ_SEARCH", "without CAP_SYS_PTRACE", "fanotify", "CAP_SYS_NICE"):
            self.assertIn(line, server.output())
        self.assertNotIn("ended containers of `plimsoll run`", server.output())
        for thread in status_of_threads(server.process.pid):
            for field in ("CapEff", "CapPrm", "CapBnd"):
                self.assertEqual(numbers(thread[field]), set(), field)


class ProcessOne(unittest.TestCase):
    """In a pid namespace of its own, as in a container."""

    def start(self):
        """The server, and pid of the agent here."""
        log = place.path / f"init-{time.monotonic_ns()}.log"
        # A shell that leaves children behind, one of them dead, and becomes the agent, as an entry script does.
        orphans = "(sh -c 'sleep 2; exit 3' & ); sh -c 'exit 4' & sleep 0.2"
        words = [support.binary("plimsoll"), *place.roots(), "agent", "--web.listen-address=127.0.0.1:0"]
        server = support.Server([support.tool("unshare"), "--pid", "--fork", "--kill-child", "sh", "-c",
                                 f'{orphans}; exec "$@"', "sh", *words], log)
        self.addCleanup(server.stop)
        server.address = support.wait_until("the address", lambda: (found := re.search(r"127\.0\.0\.1:\d+", server.output()))
                                            and found[0])
        children = pathlib.Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
        return server, int(children[0])

    def children_of(self, pid):
        return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()

    def test_reaps_orphans(self):
        server, pid = self.start()
        self.assertIn("NSpid:\t" + str(pid) + "\t1\n", pathlib.Path(f"/proc/{pid}/status").read_text())
        support.wait_until("no child is left", lambda: not self.children_of(pid), timeout=10)
        self.assertTrue(server.alive())

    def test_ends_on_signals(self):
        for number, name in ((signal.SIGTERM, "SIGTERM"), (signal.SIGINT, "SIGINT")):
            with self.subTest(name):
                server, pid = self.start()
                server.wait_ready("/-/ready")
                os.kill(pid, number)
                self.assertEqual(server.process.wait(10 * support.TIME_FACTOR), 0)
                self.assertIn(f"ending on {name}", server.output())


if __name__ == "__main__":
    unittest.main(verbosity=2)
