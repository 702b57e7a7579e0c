# SPDX-License-Identifier: Apache-2.0
"""The container image: how large it is and what is in it; and that it shows the host, the engine's containers and itself
with the options that docs/INSTALL.md gives, under Podman and Docker."""
import gzip
import json
import os
import pathlib
import re
import ssl
import struct
import tarfile
import time
import unittest
import unittest.mock

import artifacts
import engines
import support

TAG = "plimsoll:under-test"
LARGEST = 15_000_000  # bytes, compressed as Docker does it; Podman's quicker compression gives a twentieth more
READS_ALL, ADMIN = 1 << 2, 1 << 21  # CAP_DAC_READ_SEARCH, CAP_SYS_ADMIN
USER = 1876

# What docs/INSTALL.md says, word by word.
OPTIONS = ["--read-only", "--cap-drop=ALL", "--cap-add=DAC_READ_SEARCH", "--pid=host", "--network=host"]


def host_mount():
    """`-v /:/host:ro,rslave`, but where nothing is shared, as systemd has it everywhere, Docker refuses the last word."""
    line = next(line for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines() if line.split()[4] == "/")
    return "/:/host:ro,rslave" if "shared:" in line else "/:/host:ro"


class Files(unittest.TestCase):
    """What the two layers hold, without any engine."""

    @classmethod
    def setUpClass(cls):
        cls.members = {}
        for layer in ("system", "program"):
            with tarfile.open(artifacts.image_stage() / f"{layer}.tar") as archive:
                cls.members[layer] = archive.getmembers()
        cls.files = [member for members in cls.members.values() for member in members if not member.isdir()]

    def test_only_one_program(self):
        programs = [m.name for m in self.files if not re.search(r"\.so(\.|$)", m.name) and m.isreg() and m.mode & 0o111]
        self.assertEqual(programs, ["usr/bin/plimsoll"])
        self.assertEqual([m.name for m in self.files if m.name.endswith(("/sh", "bash", "busybox"))], [])

    def test_no_file_is_in_both_layers(self):
        self.assertEqual(len(self.files), len({m.name for m in self.files}))

    def test_owners_and_modes(self):
        for member in (m for members in self.members.values() for m in members):
            owner = USER if member.name in ("run/plimsoll", "var/lib/plimsoll") else 0
            self.assertEqual((member.uid, member.gid), (owner, owner), member.name)
            if not member.issym() and member.name != "tmp":
                self.assertEqual(member.mode & 0o7022, 0, member.name)

    def test_capabilities_are_permitted_and_not_in_effect(self):
        named = {m.name: m.pax_headers["SCHILY.xattr.security.capability"] for m in self.files
                 if "SCHILY.xattr.security.capability" in m.pax_headers}
        self.assertEqual(list(named), ["usr/bin/plimsoll"])
        revision, low, inheritable, high, _ = struct.unpack("<5I", named["usr/bin/plimsoll"].encode("utf-8", "surrogateescape"))
        self.assertEqual((revision, inheritable), (0x02000000, 0), "revision 2, without the bit that makes them effective")
        told = {1 << bit for bit in range(64) if (high << 32 | low) >> bit & 1}
        self.assertLessEqual({READS_ALL, ADMIN}, told)
        self.assertEqual(len(told), 8)

    def test_certificates(self):
        context = ssl.create_default_context(cafile=artifacts.image_layer("system") / "etc/ssl/certs/ca-certificates.crt")
        self.assertGreater(context.cert_store_stats()["x509_ca"], 100)

    def test_dockerfile_takes_what_is_there(self):
        text = (artifacts.image_stage() / "Dockerfile").read_text()
        self.assertEqual(re.findall(r"^FROM (.*)$", text, re.M), ["scratch"])
        self.assertEqual(re.findall(r"^ADD (\S+) /$", text, re.M), ["system.tar", "program.tar"])
        self.assertEqual(set(re.findall(r"^ARG (\w+)$", text, re.M)), set(artifacts.image_arguments()))


class Running:
    """With an engine of its own; subclasses say which."""

    kind = None
    build_options, run_options = [], []

    @classmethod
    def setUpClass(cls):
        support.require_root()
        stage = artifacts.image_stage()
        cls.place = support.Workspace()
        cls.addClassCleanup(cls.place.close)
        cls.engine = cls.place.start(cls.kind)
        arguments = [f"--build-arg={name}={value}" for name, value in artifacts.image_arguments().items()]
        cls.engine.client("build", "-t", TAG, *cls.build_options, *arguments, stage, timeout=120)
        cls.engine.run("neighbour", "sleep", 3600, labels={"role": "front"})
        cls.begin = time.monotonic()
        cls.port = support.free_port()
        cls.run_agent("agent", cls.port, "--enable_metrics=cpu,memory,network,disk,process", *cls.engine.agent_flags())
        support.wait_until(lambda: cls.engine.client("logs", "agent", check=False).stderr,
                           lambda: support.http_get(f"http://127.0.0.1:{cls.port}/metrics")[0] == 200, timeout=20)
        cls.seconds = time.monotonic() - cls.begin
        cls.samples = support.parse_samples(support.http_get(f"http://127.0.0.1:{cls.port}/metrics")[1])

    @classmethod
    def run_agent(cls, name, port, *flags, options=(), mount=None):
        """`docker run` with the documented options, and those that a test needs to run beside others."""
        default = json.loads(cls.engine.client("image", "inspect", TAG).stdout)[0]["Config"]["Cmd"]
        roots = [flag for flag in flags if flag.startswith("--root=")]  # stands before the command
        flags = [flag for flag in flags if flag not in roots]
        default[1:1] = roots
        cls.engine.client("run", "-d", "--name", name, "--cgroup-parent", cls.engine.parent, *cls.run_options, *OPTIONS,
                          "-v", mount or host_mount(), "-e", f"PLIMSOLL_HEALTHCHECK_URL=http://127.0.0.1:{port}/healthz", *options,
                          TAG, *default, f"--web.listen-address=127.0.0.1:{port}", *flags)

    def values(self, family, **labels):
        return [value for name, have, value in self.samples if name == family and labels.items() <= have.items()]

    def value(self, family, **labels):
        found = self.values(family, **labels)
        self.assertEqual(len(found), 1, f"{family} {labels}")
        return found[0]

    def test_configuration(self):
        config = json.loads(self.engine.client("image", "inspect", TAG).stdout)[0]["Config"]
        self.assertEqual(config["Entrypoint"], ["plimsoll"])
        self.assertIn("--path.rootfs=/host", config["Cmd"])
        self.assertEqual(list(config["ExposedPorts"]), ["1876/tcp"])
        labels = {name.removeprefix("org.opencontainers.image."): text for name, text in config["Labels"].items()}
        self.assertEqual((labels["title"], labels["version"], labels["licenses"]),
                         ("plimsoll", artifacts.build().version, "Apache-2.0"))
        self.assertRegex(labels["created"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual(labels["revision"], artifacts.image_arguments()["REVISION"])

    def test_the_host(self):
        total = int(re.search(r"MemTotal:\s+(\d+) kB", pathlib.Path("/proc/meminfo").read_text())[1]) * 1024
        self.assertEqual(self.value("node_memory_MemTotal_bytes"), total)
        self.assertEqual(self.value("node_uname_info", nodename=os.uname().nodename), 1)
        disk = os.statvfs("/")
        self.assertEqual(self.value("node_filesystem_size_bytes", mountpoint="/"), disk.f_blocks * disk.f_frsize)
        devices = {have["device"] for name, have, _ in self.samples if name == "node_network_receive_bytes_total"}
        here = {path.name for path in pathlib.Path("/sys/class/net").iterdir() if path.is_dir()}
        self.assertIn("lo", devices)
        self.assertTrue(devices <= here | {"lo"} or devices & here == here, (devices, here))

    def test_the_engines_containers_by_name(self):
        self.assertEqual(self.values("container_last_seen", name="neighbour", image=engines.IMAGE) != [], True)
        self.assertGreater(self.value("container_memory_usage_bytes", name="neighbour"), 0)
        self.assertEqual(self.value("container_info", name="neighbour", container_label_role="front"), 1)

    def test_what_it_costs_itself(self):
        self.assertGreater(self.value("container_memory_rss", name="agent"), 0)
        self.assertGreater(sum(self.values("container_cpu_usage_seconds_total", name="agent")), 0)
        self.assertGreater(self.value("process_resident_memory_bytes"), 0)

    def rights(self, name):
        """{(CapEff, CapPrm)} of a container's threads; that they have nothing else is checked here."""
        found = set()
        for status in pathlib.Path(f"/proc/{self.engine.pid(name)}/task").glob("*/status"):
            lines = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
            self.assertEqual((int(lines["CapInh"], 16), int(lines["CapAmb"], 16), lines["NoNewPrivs"], lines["Seccomp"]),
                             (0, 0, "1", "2"))
            self.assertEqual(lines["Uid"], "\t".join([str(USER)] * 4))
            found.add((int(lines["CapEff"], 16), int(lines["CapPrm"], 16)))
        return found

    def test_its_rights(self):
        self.assertEqual(self.rights("agent"), {(READS_ALL, READS_ALL)})

    def page_of(self, name, *flags, options=()):
        port = support.free_port()
        self.run_agent(name, port, *flags, options=options)
        self.addCleanup(self.engine.remove, name)
        try:
            support.wait_until("it serves", lambda: support.http_get(f"http://127.0.0.1:{port}/-/ready")[0] == 200)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.engine.client('logs', name, check=False).stderr}") from None
        return support.parse_samples(support.http_get(f"http://127.0.0.1:{port}/metrics")[1])

    def test_more_rights_are_used_at_the_start_and_given_up(self):
        samples = self.page_of("admin", options=["--cap-add=SYS_ADMIN"])
        log = self.engine.client("logs", "admin").stderr
        self.assertNotIn("CAP_SYS_ADMIN and CAP_DAC_READ_SEARCH at the start", log)
        self.assertIn("plimsoll_cgroup_events_info", {name for name, _, _ in samples})
        self.assertEqual(self.rights("admin"), {(READS_ALL, READS_ALL)})

    def test_without_any_right(self):
        """The host and every group, but no names of containers; and the log says what is missing."""
        options = [word for word in OPTIONS if not word.startswith("--cap-add")]
        with unittest.mock.patch(f"{__name__}.OPTIONS", options):
            samples = self.page_of("plain", *self.engine.agent_flags())
        self.assertLessEqual({"node_memory_MemTotal_bytes", "container_memory_usage_bytes"}, {name for name, _, _ in samples})
        self.assertEqual([labels for _, labels, _ in samples if labels.get("name") == "neighbour"], [])
        self.assertIn("not to be seen without CAP_DAC_READ_SEARCH", self.engine.client("logs", "plain").stderr)
        self.assertEqual(self.rights("plain"), {(0, 0)})

    def test_remote_write_from_a_volume(self):
        """What docs/INSTALL.md says of it: a volume that the engine makes is writable for the agent."""
        settings = self.place.path / f"{self.engine.name}.yml"
        settings.write_text("remote_write: [{url: 'http://127.0.0.1:9/', remote_timeout: 1s}]\n")
        volume = f"queue-{self.engine.name}"
        self.addCleanup(self.engine.client, "volume", "rm", volume, check=False)
        samples = self.page_of("writer", "--root=/var/lib/plimsoll", f"--config.file=/host{settings}",
                               options=["-v", f"{volume}:/var/lib/plimsoll"])
        self.assertTrue([name for name, _, _ in samples if name.startswith("plimsoll_remote_write")])
        place = self.engine.client("volume", "inspect", "-f", "{{.Mountpoint}}", volume).stdout.strip()
        support.wait_until("something is kept", lambda: os.path.isdir(f"{place}/remote-write"))
        self.assertEqual(os.stat(f"{place}/remote-write").st_uid, USER)

    def test_health(self):
        check = ["exec", "agent", "plimsoll", "healthcheck"]
        done = self.engine.client(*check, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        done = self.engine.client(*check, f"http://127.0.0.1:{support.free_port()}/healthz", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("plimsoll healthcheck: http://", done.stderr)

    def test_it_ends_when_told_to(self):
        port = support.free_port()
        self.run_agent("short", port)
        self.addCleanup(self.engine.remove, "short")
        support.wait_until("it serves", lambda: support.http_get(f"http://127.0.0.1:{port}/healthz")[0] == 200)
        begin = time.monotonic()
        self.engine.client("stop", "-t", "20", "short")
        self.assertLess(time.monotonic() - begin, 15 * support.TIME_FACTOR)
        self.assertEqual(self.engine.exit_code("short"), 0)

    def test_without_its_mount_it_says_what_is_missing(self):
        done = self.engine.client("run", "--rm", "--name", "blind", "--cgroup-parent", self.engine.parent, "--network=none",
                                  *self.run_options, TAG, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("/host/proc", done.stderr + done.stdout)


class Podman(Running, unittest.TestCase):
    kind = engines.Podman
    build_options = ["--format", "docker", "--no-cache", "--timestamp", "1700000000"]

    def test_size(self):
        directory = self.place.path / "pushed"
        self.engine.client("push", "--compress", TAG, f"dir:{directory}", timeout=120)
        manifest = json.loads((directory / "manifest.json").read_text())
        pushed = [layer["size"] for layer in manifest["layers"]]
        for layer in manifest["layers"]:
            with open(directory / layer["digest"].partition(":")[2], "rb") as blob:
                self.assertEqual(blob.read(2), b"\x1f\x8b", "not compressed by gzip")
        usual = [len(gzip.compress((artifacts.image_stage() / f"{name}.tar").read_bytes(), 6)) for name in ("system", "program")]
        print(f"\n  image: {sum(usual)} bytes compressed, {usual}; as Podman pushes it {sum(pushed)}, {pushed}; "
              f"first page {self.seconds:.2f} s after `run`")
        self.assertEqual(len(pushed), 2)
        self.assertLessEqual(sum(usual), LARGEST)
        self.assertLessEqual(sum(pushed), LARGEST * 1.05)

    def test_made_again_its_layers_are_the_same(self):
        """Its configuration is not: in Docker's format it names the container that it was built in."""
        arguments = [f"--build-arg={name}={value}" for name, value in artifacts.image_arguments().items()]
        self.engine.client("build", "-t", "plimsoll:again", *self.build_options, *arguments, artifacts.image_stage(), timeout=120)
        first, again = (json.loads(self.engine.client("image", "inspect", tag).stdout)[0] for tag in (TAG, "plimsoll:again"))
        self.assertEqual(len(first["RootFS"]["Layers"]), 2)
        self.assertEqual(again["RootFS"], first["RootFS"])
        self.assertEqual(again["Created"], first["Created"])

    def test_layers_hold_what_was_staged(self):
        archive = self.place.path / "saved.tar"
        self.engine.client("save", "-o", archive, TAG, timeout=120)
        with tarfile.open(archive) as saved:
            layers = json.load(saved.extractfile("manifest.json"))[0]["Layers"]
            found = set()
            for layer in layers:
                data = saved.extractfile(layer)
                with tarfile.open(fileobj=data) as files:
                    found |= {member.name for member in files if not member.isdir()}
        staged = {str(path.relative_to(artifacts.image_layer(name))) for name in ("system", "program")
                  for path in artifacts.image_layer(name).rglob("*") if path.is_symlink() or not path.is_dir()}
        self.assertEqual(found, staged)


class Docker(Running, unittest.TestCase):
    kind = engines.Docker

    def test_docker_sees_its_health(self):
        port = support.free_port()
        self.run_agent("checked", port, options=["--health-interval=1s"])
        self.addCleanup(self.engine.remove, "checked")

        def health():
            return self.engine.client("inspect", "-f", "{{.State.Health.Status}}", "checked").stdout.strip()
        support.wait_until("docker calls it healthy", lambda: health() == "healthy", timeout=20, interval=0.3)


if __name__ == "__main__":
    unittest.main(verbosity=2)
