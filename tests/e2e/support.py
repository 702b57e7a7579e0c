# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests share: a throw-away place, the real binaries, a real Prometheus.

    with Workspace() as place:
        agent = place.start_agent("--exited.retention", "20s")
        prometheus = place.start_prometheus(agent.address)
        place.plimsoll("run", "-d", "--name", "web", "--rootfs", place.rootfs(), "/bin/plimsoll-load", "sleep", "9")
        prometheus.wait_for('container_last_seen{name="web"}')

Leaving the block ends every process and removes every cgroup, interface and file that was made in it.
Environment: PLIMSOLL = the program (default build/release/bin/plimsoll, else build/dev/bin/plimsoll; the
other executables are beside it);
PLIMSOLL_TIME_FACTOR stretches time limits (default 1, in the emulated guest 8).
"""

import atexit
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
IN_GUEST = "PLIMSOLL_IN_VM" in os.environ
TIME_FACTOR = float(os.environ.get("PLIMSOLL_TIME_FACTOR", "8" if IN_GUEST else "1"))
SCRAPE_INTERVAL = 1 * (5 if IN_GUEST else 1)  # seconds, unless a test says otherwise
CGROUPS = pathlib.Path("/sys/fs/cgroup")


def binary(name):
    """Path of one of our executables; skips the test when it has not been built."""
    named = os.environ.get("PLIMSOLL")
    places = [pathlib.Path(named).parent] if named else [REPOSITORY / "build" / p / "bin" for p in ("release", "dev")]
    for place in places:
        if (place / name).is_file():
            return str(place / name)
    raise unittest.SkipTest(f"{name} is not in {' or '.join(map(str, places))}: build it or set PLIMSOLL")


def tool(name):
    """Path of a Debian program; skips the test when it is not installed."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin")
    if not found:
        raise unittest.SkipTest(f"{name} is not installed: run scripts/install-dependencies")
    return found


def require_root():
    if os.geteuid() != 0:
        raise unittest.SkipTest("needs root")


def free_port():
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(what, check, timeout=15, interval=0.05):
    """The first true value of check() within `timeout` seconds; an AssertionError naming `what` otherwise."""
    deadline = time.monotonic() + timeout * TIME_FACTOR
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout * TIME_FACTOR:.0f} s: {what}")
        time.sleep(interval)


def _interrupted(number, frame):
    raise KeyboardInterrupt


signal.signal(signal.SIGTERM, _interrupted)  # a test that is told to end cleans up first


# --- cgroups ---------------------------------------------------------------------------------------

def is_v2():
    return (CGROUPS / "cgroup.controllers").exists()


def hierarchies():
    """Mount points of all cgroup hierarchies: one on pure v2, about ten on v1 and hybrid."""
    if is_v2():
        return [CGROUPS]
    return [entry for entry in CGROUPS.iterdir() if entry.is_dir() and not entry.is_symlink()]


def group_cpu_seconds(path):
    """The kernel's CPU counter of the group `path`, in seconds; ended children are part of it."""
    if not is_v2():
        return int((CGROUPS / "cpuacct" / path.strip("/") / "cpuacct.usage").read_text()) / 1e9
    text = (CGROUPS / path.strip("/") / "cpu.stat").read_text()
    return int(re.search(r"^usage_usec (\d+)$", text, re.M).group(1)) / 1e6


def remove_groups(path, patience=0):
    """Removes the groups at and below `path` in every hierarchy, after killing what is still in them
    when `patience` seconds are over."""
    deadline = time.monotonic() + patience * TIME_FACTOR
    for mount in hierarchies():
        for where, _, _ in os.walk(mount / path.strip("/"), topdown=False):
            _remove_group(pathlib.Path(where), deadline)


def _remove_group(group, deadline):
    while group.exists() and time.monotonic() < deadline + 5 * TIME_FACTOR:
        with contextlib.suppress(OSError):
            group.rmdir()
            return
        if time.monotonic() >= deadline:
            with contextlib.suppress(OSError):
                for pid in (group / "cgroup.procs").read_text().split():
                    os.kill(int(pid), signal.SIGKILL)
        time.sleep(0.02)


# --- text exposition -------------------------------------------------------------------------------

_SAMPLE = re.compile(r'^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$')
_LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"(?:,|$)')


def parse_samples(text):
    """[(name, {label: value}, float)] of a text exposition; a malformed line is an AssertionError."""
    samples = []
    for line in text.split("\n"):  # a label's value may hold every other separator of lines
        if not line or line.startswith("#"):
            continue
        match = _SAMPLE.match(line)
        if not match:
            raise AssertionError(f"no sample: {line!r}")
        labels = {n: re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], v)
                  for n, v in _LABEL.findall(match[2] or "")}
        samples.append((match[1], labels, float(match[3])))
    return samples


def http_get(url, timeout=30):
    """(status, body) of a GET; status 0 when nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=timeout * TIME_FACTOR) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


# --- processes -------------------------------------------------------------------------------------

class Server:
    """A process that serves HTTP on 127.0.0.1; its output goes to a file."""

    def __init__(self, arguments, log):
        self.log = pathlib.Path(log)
        with open(log, "ab") as output:
            self.process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        self.address = None

    def output(self):
        return self.log.read_text(errors="replace")

    def alive(self):
        return self.process.poll() is None

    def wait_ready(self, path):
        def answered():
            if not self.alive():
                raise AssertionError(f"{self.process.args[0]} ended with {self.process.returncode}: {self.output()}")
            return http_get(f"http://{self.address}{path}", timeout=5)[0] == 200
        wait_until(f"{self.address}{path}: {self.output()}", answered, timeout=30)

    def kill(self):
        """SIGKILL, as the machine's OOM killer would."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        """SIGTERM; SIGKILL when that is not obeyed in ten seconds. Returns the exit code."""
        if self.alive():
            self.process.terminate()
            try:
                self.process.wait(10 * TIME_FACTOR)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.process.returncode


class Agent(Server):
    """`plimsoll agent`; `address` is HOST:PORT as it printed it."""

    def __init__(self, place, port, flags):
        log = place.path / f"agent-{time.monotonic_ns()}.log"
        super().__init__([binary("plimsoll"), *place.roots(), "agent",
                          "--web.listen-address", f"127.0.0.1:{port}", *flags], log)
        self.address = wait_until("the agent's listen address", self._printed_address, timeout=20)
        self.wait_ready("/-/ready")

    def _printed_address(self):
        if not self.alive():
            raise AssertionError(f"the agent ended with {self.process.returncode}: {self.output()}")
        found = re.search(r"127\.0\.0\.1:([1-9]\d*)", self.output())
        return found and found[0]

    @property
    def port(self):
        return int(self.address.rpartition(":")[2])

    def metrics(self, path="/metrics"):
        """Text of one scrape."""
        status, body = http_get(f"http://{self.address}{path}")
        if status != 200:
            raise AssertionError(f"{path}: {status} {body}")
        return body

    def samples(self, path="/metrics"):
        return parse_samples(self.metrics(path))

    def value(self, family, **labels):
        """Sum of the family's samples that have these labels; None when there are none."""
        found = [v for n, have, v in self.samples() if n == family and labels.items() <= have.items()]
        return sum(found) if found else None


class Prometheus(Server):
    """Debian's prometheus with one job; everything is asked through its HTTP API."""

    def __init__(self, place, targets, interval, job=None):
        """`job`: more of the scrape configuration."""
        directory = place.path / f"prometheus-{time.monotonic_ns()}"
        directory.mkdir()
        config = {"global": {"scrape_interval": f"{interval}s", "scrape_timeout": f"{interval}s"},
                  "scrape_configs": [{"job_name": "plimsoll", "static_configs": [{"targets": targets}],
                                      **(job or {})}]}
        (directory / "config.yml").write_text(json.dumps(config))  # JSON is YAML
        port = free_port()
        super().__init__([tool("prometheus"), f"--config.file={directory}/config.yml",
                          f"--storage.tsdb.path={directory}/data", f"--web.listen-address=127.0.0.1:{port}",
                          "--log.level=warn"], directory / "log")
        self.address = f"127.0.0.1:{port}"
        self.wait_ready("/-/ready")

    def api(self, path, **parameters):
        status, body = http_get(f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
        answer = json.loads(body) if body.startswith("{") else {}
        if status != 200 or answer.get("status") != "success":
            raise AssertionError(f"{path} {parameters}: {status} {answer.get('error', body)}")
        return answer["data"]

    def query(self, expression):
        """[(labels, float)] of an instant query now."""
        return [(row["metric"], float(row["value"][1])) for row in self.api("query", query=expression)["result"]]

    def value(self, expression):
        """The only value of an expression; None without a result."""
        rows = self.query(expression)
        if len(rows) > 1:
            raise AssertionError(f"{len(rows)} results: {expression}")
        return rows[0][1] if rows else None

    def series(self, expression, start, step):
        """[(time, float)] from `start` (unix time) to now of an expression with one result."""
        rows = self.api("query_range", query=expression, start=start, end=time.time(), step=step)["result"]
        if len(rows) > 1:
            raise AssertionError(f"{len(rows)} results: {expression}")
        return [(t, float(v)) for t, v in rows[0]["values"]] if rows else []

    def wait_for(self, expression, predicate=lambda value: True, timeout=30):
        """The first value of the expression that satisfies the predicate."""
        last = None

        def satisfied():
            nonlocal last
            last = self.value(expression)
            return last is not None and predicate(last)
        try:
            wait_until(expression, satisfied, timeout, interval=0.2)
        except AssertionError as error:
            raise AssertionError(f"{error}; last value {last}") from None
        return last


# --- the place -------------------------------------------------------------------------------------

class Workspace:
    """State roots, a root file system and a parent cgroup of a test's own; cleaned up at the end."""

    def __init__(self):
        require_root()
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="plimsoll-e2e-"))
        self.cgroup = f"/plimsoll-test-{self.path.name.rpartition('-')[2]}"
        self.servers = []
        self.directories = [self.path]
        self.closed = False
        atexit.register(self.close)  # an interrupted test runs no clean-ups

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def roots(self):
        return ["--root", str(self.path / "root"), "--runroot", str(self.path / "runroot")]

    def plimsoll(self, *arguments, check=True, timeout=60):
        """Runs `plimsoll ARGUMENTS`; the completed process with text output."""
        done = subprocess.run([binary("plimsoll"), *self.roots(), *map(str, arguments)], text=True, errors="replace",
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout * TIME_FACTOR)
        if check and done.returncode != 0:
            raise AssertionError(f"plimsoll {' '.join(map(str, arguments))}: {done.returncode}: {done.stderr}")
        return done

    def run_arguments(self, *options):
        """`run` with this place's parent group and root file system; append the command."""
        return ["run", "--cgroup-parent", self.cgroup, *options, "--rootfs", self.rootfs()]

    def run(self, *options, command, check=True):
        """Runs a container; the completed process (its id is on stdout with -d)."""
        return self.plimsoll(*self.run_arguments(*options), *command, check=check)

    def container_ids(self):
        return self.plimsoll("ps", "-a", "-q", "--no-trunc").stdout.split()

    def rootfs(self):
        """A root file system with busybox (as /bin/sh etc.) and plimsoll-load; made once."""
        rootfs = self.path / "rootfs"
        if not rootfs.exists():
            for name in ("bin", "proc", "sys", "dev", "tmp", "etc", "data"):
                (rootfs / name).mkdir(parents=True)
            shutil.copy(binary("plimsoll-load"), rootfs / "bin")
            shutil.copy(tool("busybox"), rootfs / "bin")
            for name in ("sh", "true", "cat", "sleep", "ls"):
                (rootfs / "bin" / name).symlink_to("busybox")
        return str(rootfs)

    def disk_directory(self):
        """A directory on a real block device; skips the test when there is none."""
        parent = "/mnt/disk" if os.path.ismount("/mnt/disk") else str(self.path)
        device = os.stat(parent).st_dev
        if not os.path.exists(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}"):
            raise unittest.SkipTest(f"{parent} is not on a block device")
        directory = pathlib.Path(tempfile.mkdtemp(prefix="plimsoll-disk-", dir=parent))
        self.directories.append(directory)
        return str(directory)

    def start_agent(self, *flags, port=0):
        return self._keep(Agent, port, flags)

    def start_prometheus(self, *targets, interval=SCRAPE_INTERVAL):
        return self._keep(Prometheus, list(targets), interval)

    def start(self, kind, *arguments):
        """Starts what has `process` and stop(); kind(place, *arguments). It ends with the place."""
        return self._keep(kind, *arguments)

    def _keep(self, kind, *arguments):
        server = kind.__new__(kind)  # known before it starts, so that a failed start is cleaned up too
        self.servers.append(server)
        server.__init__(self, *arguments)
        return server

    def close(self):
        """Ends and removes everything; once."""
        if self.closed:
            return
        self.closed = True
        for server in reversed(self.servers):
            if hasattr(server, "process"):
                server.stop()
        if (self.path / "root").exists():
            with contextlib.suppress(AssertionError, subprocess.TimeoutExpired, unittest.SkipTest):
                ids = self.container_ids()
                if ids:
                    self.plimsoll("rm", "-f", *ids, timeout=120)
        remove_groups(f"{self.cgroup}-monitors", patience=5)
        remove_groups(self.cgroup)
        for directory in reversed(self.directories):
            remove_tree(directory)


def mounts_below(path):
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        points = [line.split()[4] for line in file]
    return [point for point in points if point == str(path) or point.startswith(f"{path}/")]


def remove_tree(path):
    """Removes a directory tree; refuses when something is mounted in it."""
    if mounts_below(path):
        raise AssertionError(f"still mounted: {mounts_below(path)}")
    shutil.rmtree(path, ignore_errors=False)
