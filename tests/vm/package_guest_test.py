# SPDX-License-Identifier: Apache-2.0
"""The package's life on a machine with systemd as process 1 (tests/vm/systemd-guest): one boot, in which guest-package
installs, reloads, upgrades, removes and purges; here is looked at what it has left."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "packages"))
import package  # noqa: E402
from support import parse_samples  # noqa: E402

LIMIT = 3600  # seconds; five minutes on a machine with nothing else to do
OLD = "0.0.9"
# Of the agents that are compared one is older and has been asked before.
OWN_HISTORY = {"plimsoll_scrape_duration_seconds"}


@unittest.skipUnless(os.geteuid() == 0, "needs root")
@unittest.skipUnless(shutil.which("qemu-system-x86_64"), "needs qemu-system-x86")
class Life(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        holder = tempfile.TemporaryDirectory(prefix="plimsoll-package-")
        cls.addClassCleanup(holder.cleanup)
        cls.out = pathlib.Path(holder.name)
        guest = package.REPOSITORY / "tests/vm/systemd-guest"
        if not package.GUEST_IMAGE.exists():
            package.run(guest, "--", "/bin/true", cwd=package.REPOSITORY)
        cls.new, cls.old = package.make_deb(cls.out), package.make_deb(cls.out, OLD)
        needed = package.dependencies(cls.new, package.guest_status(cls.out), ["libssl3", "libcurl4"])
        package.make_repository(cls.out / "repository", needed)
        cls.done = subprocess.run(
            [guest, "-t", str(LIMIT), "--out", cls.out, "--", "/bin/bash", "tests/vm/guest-package",
             f"/mnt/out/{cls.old.name}", f"/mnt/out/{cls.new.name}", "/mnt/out/repository", "/host/usr/bin/busybox"],
            text=True, capture_output=True, timeout=LIMIT + 100, check=False, cwd=package.REPOSITORY)

    def left(self, name):
        try:
            return (self.out / name).read_text()
        except FileNotFoundError:
            log = (self.out / "apt.log").read_text() if (self.out / "apt.log").exists() else ""
            self.fail(f"the guest ended with {self.done.returncode} before it wrote {name}:\n{log[-2000:]}\n{self.done.stderr}")

    def samples(self, name):
        return parse_samples(self.left(name))

    def families(self, name):
        return set(re.findall(r"^# TYPE (\S+)", self.left(name), re.M))

    def value(self, name, family):
        return [value for found, _, value in self.samples(name) if found == family]

    def test_every_step_went_well(self):
        self.assertEqual((self.done.returncode, self.done.stderr), (0, ""), self.out)

    def test_it_is_started_and_enabled(self):
        self.assertEqual(self.left("version.old"), f"{OLD}-1\n")
        self.assertEqual(self.left("active.old"), "active\n")
        self.assertEqual(self.left("enabled"), "enabled\n")

    def test_as_a_user_with_two_capabilities(self):
        status = dict(re.findall(r"^(\w+):\s+(.+)$", self.left("status"), re.M))
        user = self.left("user").split(":")
        self.assertEqual(status["Uid"].split(), [user[2]] * 4)
        self.assertNotEqual(user[2], "0")
        two = 1 << 2 | 1 << 19  # CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE
        self.assertEqual((int(status["CapEff"], 16), int(status["CapPrm"], 16)), (two, two))
        self.assertEqual((int(status["CapAmb"], 16), int(status["CapInh"], 16)), (0, 0))
        self.assertEqual((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"))

    def test_the_score_of_its_confinement(self):
        score = float(re.search(r"Overall exposure level for plimsoll.service: ([\d.]+)", self.left("security"))[1])
        print(f"  systemd-analyze security: {score}")
        self.assertLessEqual(score, 3.0)

    def test_it_serves_host_and_containers(self):
        names = {name for name, _, _ in self.samples("page")}
        for name in ("node_cpu_seconds_total", "node_filesystem_size_bytes", "node_timex_status", "node_uname_info",
                     "container_cpu_usage_seconds_total", "container_memory_working_set_bytes", "machine_cpu_cores"):
            self.assertIn(name, names)
        self.assertIn("keep", [labels.get("name") for name, labels, _ in self.samples("page") if name == "container_last_seen"])

    def test_the_unit_hides_nothing(self):
        unit, root = self.families("page.unit"), self.families("page.root")
        self.assertGreater(len(root), 300)
        self.assertEqual((root ^ unit) - OWN_HISTORY, set())
        # Which collectors find something, and which file systems there are. Nobody but this guest has a mount where
        # ProtectKernelModules= hides what is below.
        for family in ("node_scrape_collector_success", "node_filesystem_readonly", "node_filesystem_device_error", "node_network_info"):
            seen = [{(tuple(sorted(labels.items())), value) for name, labels, value in self.samples(page)
                     if name == family and not labels.get("mountpoint", "").startswith("/usr/lib/modules/")}
                    for page in ("page.unit", "page.root")]
            self.assertTrue(seen[0])
            self.assertEqual(seen[0], seen[1], family)

    def test_reload(self):
        self.assertTrue(self.value("page", "node_load1"))
        self.assertEqual(self.value("page.reloaded", "node_load1"), [])
        self.assertTrue(self.value("page.reloaded", "node_load5"))

    def test_a_reload_of_a_broken_file_is_refused_and_said(self):
        self.assertEqual(self.left("active.broken"), "active\n")
        self.assertEqual(self.value("page.broken", "plimsoll_config_last_reload_successful"), [0])
        self.assertEqual(self.value("page.broken", "node_load1"), [])
        self.assertRegex(self.left("status.broken"), r"^serving on 0\.0\.0\.0:1876; the last reload failed: /etc/plimsoll/plimsoll.yml: line")

    def test_an_upgrade_restarts_the_agent_and_no_container(self):
        self.assertEqual(self.left("version.new"), f"{package.field(self.new, 'Version')}\n")
        self.assertEqual(self.left("active.new"), "active\n")
        self.assertNotEqual(self.left("agent.old"), self.left("agent.new"))
        before = dict(line.split("=") for line in self.left("container.old").split())
        self.assertEqual(before["status"], "running")
        self.assertEqual(before["id"], self.left("id").strip())
        self.assertGreater(int(before["pid"]), 1)
        self.assertEqual(self.left("container.new"), self.left("container.old"))
        self.assertIn(before["id"], [labels["id"].rpartition("/")[2] for name, labels, _ in self.samples("page.upgraded")
                                     if name == "container_last_seen" and labels.get("name") == "keep"])

    def test_an_upgrade_keeps_the_settings(self):
        self.assertEqual(self.value("page.upgraded", "node_load15"), [])
        self.assertTrue(self.value("page.upgraded", "node_load1"))

    def test_remote_write_has_a_place(self):
        self.assertRegex(self.left("directories"), r"(?m)^drwx------ \d+ root +root .* /var/lib/plimsoll$")
        self.assertRegex(self.left("directories"), r"(?m)^drwx------ \d+ plimsoll plimsoll .* /var/lib/plimsoll/remote-write$")
        self.assertEqual(self.left("queue"), "127.0.0.1_9\n")

    def test_nothing_is_refused_in_the_log(self):
        """But what is refused on purpose, and what this kernel has not."""
        lines = [line for line in self.left("journal").splitlines() if re.search(r"level=(warn|error)|denied|not permitted", line)]
        expected = r"no fanotify on the cgroup file systems|the configuration stays as it was|remote write"
        self.assertEqual([line for line in lines if not re.search(expected, line)], [])

    def test_removal_leaves_settings_and_state(self):
        self.assertEqual(self.left("active.removed"), "inactive\n")
        self.assertNotIn("plimsoll", self.left("processes"))
        more = set(self.left("files.removed").split()) - set(self.left("files.before").split())
        places = {re.sub(r"^(/etc/(?:plimsoll|default|systemd)|/var/lib/plimsoll).*", r"\1", path) for path in more}
        self.assertEqual(places, {"/etc/plimsoll", "/etc/default", "/etc/systemd", "/var/lib/plimsoll"})
        self.assertIn("masked", self.left("unit.removed"))

    def test_purging_leaves_nothing_but_the_user(self):
        before, purged = set(self.left("files.before").split()), set(self.left("files.purged").split())
        self.assertEqual((purged - before, before - purged), (set(), set()))
        self.assertEqual(self.left("cgroups"), "")
        self.assertIn("No such file", self.left("enabled.purged"))
        self.assertRegex(self.left("user"), r"^plimsoll:x:\d+:\d+:.*:/usr/sbin/nologin\n$")


if __name__ == "__main__":
    unittest.main()
