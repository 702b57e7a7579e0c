# SPDX-License-Identifier: Apache-2.0
"""The relocatable archive: what is in it, and that it runs where there is nothing else, from a path with odd characters."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import tarfile
import tempfile
import threading
import unittest
import urllib.request

import artifacts
import support

ODD = "a path: with $ORIGIN, 'quotes' and é"
# A mount namespace whose root has nothing but the tree and the kernel's own file systems. The root is a mount point, as
# pivot_root(2) wants it.
ENTER = """
mount --bind "$1" "$1" && cd "$1" || exit 99
for name in $2; do mkdir -p $name && mount --rbind /$name $name || exit 99; done
root=$1; shift 2
exec chroot "$root" "$@"
"""


class Contents(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tarfile.open(artifacts.tarball()) as archive:
            cls.members = archive.getmembers()
        cls.top = cls.members[0].name
        cls.names = [member.name.removeprefix(cls.top).lstrip("/") for member in cls.members]

    def test_name_says_version_and_machine(self):
        self.assertEqual(f"{self.top}.tar.xz", artifacts.tarball().name)
        self.assertRegex(self.top, rf"^plimsoll-{re.escape(artifacts.build().version)}-linux-{os.uname().machine}$")

    def test_what_people_look_for_is_there(self):
        for name in ("bin/plimsoll", "bin/plimsoll-oci", "lib/plimsoll/program/plimsoll", "lib/plimsoll/libssl.so.3",
                     "lib/plimsoll/libcurl.so.4", "lib/plimsoll/libsystemd.so.0", "LICENSE", "etc/plimsoll/plimsoll.yml",
                     "lib/systemd/system/plimsoll.service", "share/man/man1/plimsoll-agent.1.gz",
                     "share/bash-completion/completions/plimsoll", "share/doc/plimsoll/plimsoll.spdx.json",
                     "share/doc/plimsoll/licenses/libcurl4/copyright", "share/doc/plimsoll/licenses/civetweb/copyright"):
            self.assertIn(name, self.names)
        self.assertTrue([name for name in self.names if re.match(r"share/plimsoll/dashboards/.*\.json", name)])

    def test_everything_stays_below_its_directory(self):
        for member in self.members:
            self.assertTrue(member.name == self.top or member.name.startswith(f"{self.top}/"), member.name)
            self.assertNotIn("..", member.name.split("/"))
            self.assertTrue(member.isfile() or member.isdir() or member.issym(), member.name)
            if member.issym():
                target = os.path.normpath(os.path.join(os.path.dirname(member.name), member.linkname))
                self.assertIn(target.removeprefix(f"{self.top}/"), self.names)

    def test_nothing_tells_who_made_it_when(self):
        self.assertEqual({(m.uid, m.gid, m.uname, m.gname) for m in self.members}, {(0, 0, "root", "root")})
        self.assertEqual(len({m.mtime for m in self.members}), 1)
        self.assertEqual({oct(m.mode) for m in self.members if not m.issym()}, {"0o644", "0o755"})
        self.assertEqual(self.names, sorted(self.names, key=lambda name: name.split("/")))

    def test_each_library_has_its_licence(self):
        libraries = [name for name in self.names if re.search(r"\.so\.", name)]
        self.assertGreater(len(libraries), 20)
        licences = re.findall(r"^share/doc/plimsoll/licenses/([^/\n]+)(?:/copyright)?$", "\n".join(self.names), re.M)
        bill = json.loads(self.text("share/doc/plimsoll/plimsoll.spdx.json"))
        ids = {file["fileName"][2:]: file["SPDXID"] for file in bill["files"]}
        owners = {r["relatedSpdxElement"]: r["spdxElementId"].removeprefix("SPDXRef-Package-")
                  for r in bill["relationships"] if r["relationshipType"] == "CONTAINS"}
        known = {re.sub(r"[^A-Za-z0-9.-]", "-", name) for name in licences}
        for name in libraries:
            owner = re.sub(r"-[0-9a-f]{8}$", "", owners[ids[name]])
            self.assertIn(owner, known, name)

    def text(self, name):
        with tarfile.open(artifacts.tarball()) as archive:
            return archive.extractfile(f"{self.top}/{name}").read().decode()


class Alone(unittest.TestCase):
    """In a root directory where the unpacked archive is all there is."""

    @classmethod
    def setUpClass(cls):
        support.require_root()
        cls.place = support.Workspace()
        cls.addClassCleanup(cls.place.close)
        cls.root = cls.place.path / "alone"
        (cls.root / ODD).mkdir(parents=True)
        tree = artifacts.unpack(cls.root / ODD)
        cls.program = f"/{tree.relative_to(cls.root)}/bin/plimsoll"
        (cls.root / "tmp").mkdir()

    def words(self, *words, mounts="proc sys dev", program=None):
        return ["unshare", "-m", "--propagation", "private", "sh", "-c", ENTER, "sh", str(self.root), mounts,
                program or self.program, *map(str, words)]

    def call(self, *words, environment=None, **options):
        return subprocess.run(self.words(*words, **options), capture_output=True, text=True, timeout=60,
                              env={"PATH": os.environ["PATH"], **(environment or {})}, check=False)

    def test_version_without_any_file_system_of_the_kernel(self):
        done = self.call("version", mounts="")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout, f"plimsoll version {artifacts.build().version}\n")

    def test_the_environment_does_not_choose_its_libraries(self):
        done = self.call("version", mounts="", environment={"LD_LIBRARY_PATH": "/tmp", "LD_RUN_PATH": "/tmp"})
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_through_a_link_elsewhere(self):
        link = self.root / "pl"
        link.symlink_to(self.program)
        for mounts in ("", "proc"):
            done = self.call("version", mounts=mounts, program="/pl")
            self.assertEqual((done.returncode, done.stderr), (0, ""), mounts)

    def test_the_runtime_beside_it(self):
        done = self.call("--version", mounts="", program=f"{self.program}-oci")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("spec:", done.stdout)

    def test_words_arrive_as_they_are(self):
        done = self.call("no such, command\n$HOME", mounts="")
        self.assertEqual(done.returncode, 2)
        self.assertIn("no such, command\n$HOME", done.stderr)

    def test_run(self):
        shutil.copytree(self.place.rootfs(), self.root / "rootfs", symlinks=True, dirs_exist_ok=True)
        roots = ["--root", "/tmp/root", "--runroot", "/tmp/runroot"]
        done = self.call(*roots, "run", "--rm", "--cgroup-parent", self.place.cgroup, "--rootfs", "/rootfs", "/bin/sh", "-c",
                         "echo inside; exit 7")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (7, "inside\n", ""))

    def test_agent_with_all_that_it_loads(self):
        """TLS loads OpenSSL, remote write libcurl, the collector systemd libsystemd: all of them from the archive."""
        agent, port = self.start_agent()
        self.assertEqual((pathlib.Path("/proc") / str(agent.pid) / "comm").read_text(), "plimsoll\n")
        page = urllib.request.urlopen(f"https://127.0.0.1:{port}/metrics", context=ssl._create_unverified_context(),
                                      timeout=30).read().decode()
        samples = {name for name, _, _ in support.parse_samples(page)}
        self.assertLessEqual({"node_memory_MemTotal_bytes", "container_cpu_usage_seconds_total", "plimsoll_build_info"}, samples)
        mapped = {line.split(None, 5)[5].strip() for line in
                  (pathlib.Path("/proc") / str(agent.pid) / "maps").read_text().splitlines() if len(line.split(None, 5)) == 6}
        files = {name for name in mapped if name.startswith("/")}
        self.assertEqual([name for name in files if f"{ODD}/plimsoll-" not in name], [])
        for library in ("libssl.so.3", "libcurl.so.4", "libsystemd.so.0", "libc.so.6", "loader/plimsoll"):
            self.assertTrue([name for name in files if name.endswith(library)], f"{library} is not in {sorted(files)}")
        self.assertEqual(self.call("healthcheck", f"https://127.0.0.1:{port}/healthz").returncode, 0)
        agent.terminate()
        self.assertEqual(agent.wait(20), 0)
        done = self.call("healthcheck", f"https://127.0.0.1:{port}/healthz")
        self.assertEqual(done.returncode, 1)
        self.assertIn("healthz: ", done.stderr)

    def offer_bus(self):
        """The address of a bus, where somebody hangs up at once: enough for the library to be loaded."""
        address = self.root / "run" / "dbus" / "system_bus_socket"
        address.parent.mkdir(parents=True)
        server = socket.socket(socket.AF_UNIX)
        self.addCleanup(server.close)
        server.bind(str(address))
        server.listen()

        def hang_up():
            with contextlib.suppress(OSError):
                while True:
                    server.accept()[0].close()
        threading.Thread(target=hang_up, daemon=True).start()

    def start_agent(self):
        subprocess.run([support.tool("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.root / "key",
                        "-out", self.root / "cert", "-days", "2", "-subj", "/CN=here"], check=True, capture_output=True)
        (self.root / "web.yml").write_text("tls_server_config: {cert_file: /cert, key_file: /key}\n")
        (self.root / "agent.yml").write_text("remote_write: [{url: 'http://127.0.0.1:9/'}]\n")
        self.offer_bus()
        port = support.free_port()
        log = open(self.place.path / "log", "ab")
        self.addCleanup(log.close)
        words = self.words("--root", "/tmp/root", "--runroot", "/tmp/runroot", "agent", "--config.file=/agent.yml",
                           "--web.config.file=/web.yml", f"--web.listen-address=127.0.0.1:{port}", "--collector.systemd")
        agent = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.addCleanup(lambda: (agent.kill(), agent.wait()))

        def serves():
            self.assertIsNone(agent.poll(), (self.place.path / "log").read_text())
            return self.call("healthcheck", f"https://127.0.0.1:{port}/healthz").returncode == 0
        support.wait_until("the agent serves", serves, timeout=20, interval=0.2)
        return agent, port


class Torn(unittest.TestCase):
    def test_the_launcher_without_its_libraries_says_so(self):
        with tempfile.TemporaryDirectory() as directory:
            tree = artifacts.unpack(directory)
            alone = shutil.copy(tree / "bin" / "plimsoll", pathlib.Path(directory))
            done = subprocess.run([alone, "version"], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 127)
            self.assertIn("bin and lib of the archive belong side by side", done.stderr)

    def test_a_missing_library_is_named(self):
        with tempfile.TemporaryDirectory() as directory:
            tree = artifacts.unpack(directory)
            (tree / "lib" / "plimsoll" / "libyaml-cpp.so.0.7").unlink()
            done = subprocess.run(["unshare", "-m", "chroot", directory, f"/{tree.name}/bin/plimsoll", "version"],
                                  capture_output=True, text=True, check=False) if os.geteuid() == 0 else self.skipTest("needs root")
            self.assertEqual(done.returncode, 127)
            self.assertIn("libyaml-cpp.so.0.7", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
