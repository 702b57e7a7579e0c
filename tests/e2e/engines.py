# SPDX-License-Identifier: Apache-2.0
"""Real container engines for the end-to-end tests: Docker, Podman and containerd of Debian, and our own.

    docker = place.start(engines.Docker)
    docker.run("web", "sleep", 3600, labels={"role": "front"})
    agent = place.start_agent(*docker.agent_flags())

Each engine keeps everything in a directory of its own below the place and its containers in a cgroup parent
of its own, so that it can run beside others of its kind. It ends with the place: containers, daemons,
mounts, cgroups, interfaces. Clients are killed when they take too long. Containers run by Debian's runc, or by the
OCI runtime whose path is given: place.start(engines.Docker, path).
"""

import contextlib
import hashlib
import io
import json
import os
import pathlib
import signal
import subprocess
import tarfile
import tempfile
import time

import support

IMAGE = "plimsoll.test/load:1"
LOAD = "/bin/plimsoll-load"


class Engine:
    """What the engines have in common. Subclasses set `name`, as container_info's label engine has it."""

    name = ""
    # What the programs make outside of the place, whatever they are told; taken away again when it was not there before.
    outside = ()

    def __init__(self, place, runtime=None):
        self.process = None  # the daemon, where there is one; what Workspace looks for
        self.place = place
        self.runtime = runtime  # path of an OCI runtime instead of runc
        self.path = place.path / self.name
        self.parent = f"{place.cgroup}-{self.name}"
        self.path.mkdir(exist_ok=True)
        self.runtime_root = self.path / "runtime"  # where that runtime keeps the state of its containers
        self.made = [path for path in self.outside if not os.path.exists(path)]
        self.shims = []  # (containerd's address, namespace, id)
        self.start()
        self.load_image()

    # --- what an engine is ---

    def start(self):
        """Starts the daemon, if any, and waits until it answers."""

    def command(self):
        """The client with the options that lead to this engine."""
        raise NotImplementedError

    def load_image(self):
        self.client("load", "-i", image_archive(self.place))

    def agent_flags(self):
        """Where `plimsoll agent` finds this engine's state."""
        return []

    def run(self, name, *command, labels=None, memory=None, options=()):
        """Starts a container in the background; its id."""
        words = ["run", "-d", "--name", name, "--cgroup-parent", self.parent, "--network", "none", *options]
        for label, value in (labels or {}).items():
            words += ["--label", f"{label}={value}"]
        if memory:
            words += ["--memory", str(memory)]
        return self.client(*words, IMAGE, *command).stdout.split()[-1]

    def remove(self, *names):
        self.client("rm", "-f", *names, check=False)

    def container_names(self):
        return self.client("ps", "-a", "-q", "--no-trunc", check=False).stdout.split()

    def pid(self, name):
        return int(self.client("inspect", "-f", "{{.State.Pid}}", name).stdout)

    def exit_code(self, name):
        return int(self.client("inspect", "-f", "{{.State.ExitCode}}", name).stdout)

    def group(self, identifier):
        """The cgroup of a container by its id."""
        return f"{self.parent}/{identifier}"

    # --- how it is used and ended ---

    def client(self, *words, check=True, timeout=60, text="", environment=None):
        """Runs a client command, with `text` as its input; killed after `timeout` seconds. Output goes through files:
        a process that outlives the client may keep its output open."""
        arguments = [*self.command(), *map(str, words)]
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as error:
            code = subprocess.run(["timeout", "-s", "KILL", str(timeout * support.TIME_FACTOR), *arguments],
                                  **({"input": text.encode()} if text else {"stdin": subprocess.DEVNULL}),
                                  stdout=out, stderr=error,
                                  env={**self.environment(), **(environment or {})},
                                  cwd=self.path, check=False).returncode  # conmon leaves a file "oom" where it is
            texts = []
            for file in (out, error):
                file.seek(0)
                texts.append(file.read().decode(errors="replace"))
        if check and code != 0:
            raise AssertionError(f"{' '.join(arguments)}: {code}: {texts[1]}")
        return subprocess.CompletedProcess(arguments, code, *texts)

    def environment(self):
        return os.environ

    def start_daemon(self, *arguments):
        with open(self.path / "daemon.log", "ab") as log:
            self.process = subprocess.Popen([*map(str, arguments)], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True, env=self.environment())

    def log(self):
        return (self.path / "daemon.log").read_text(errors="replace")

    def wait_ready(self, *words):
        def answers():
            if self.process.poll() is not None:
                raise AssertionError(f"{self.name} ended with {self.process.returncode}: {self.log()[-2000:]}")
            return self.client(*words, check=False, timeout=5).returncode == 0
        support.wait_until(f"{self.name} answers", answers, timeout=30)

    def stop(self):
        """Ends everything that belongs to this engine, whatever state it is in."""
        with contextlib.suppress(Exception):
            names = self.container_names()
            if names:
                self.remove(*names)
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(20 * support.TIME_FACTOR)
        for _ in range(3):  # who is killed may leave a child
            for pid in processes_that_name(str(self.path)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        if self.process is not None:
            self.process.wait()
        support.remove_groups(self.parent)
        unmount_below(self.path)
        self.remove_outside()

    def remove_outside(self):
        for shim in self.shims:
            name = hashlib.sha256("/".join(shim).encode()).hexdigest()
            pathlib.Path("/run/containerd/s", name).unlink(missing_ok=True)
        for path in self.made:
            with contextlib.suppress(OSError):  # another engine has come to use it
                os.unlink(path) if os.path.isfile(path) else os.rmdir(path)


class Docker(Engine):
    """dockerd with its own containerd. Containers get no network of its making: see connect()."""

    name = "docker"

    outside = ("/run/docker/plugins", "/run/docker", "/run/containerd/s", "/run/containerd")

    def start(self):
        self.socket = self.path / "docker.sock"
        self.config = self.path / "daemon.json"
        chosen = {"runtimes": {"chosen": {"path": self.runtime}}, "default-runtime": "chosen"} if self.runtime else {}
        self.runtime_root = self.path / "exec" / "runtime-runc"
        self.config.write_text(json.dumps({
            "data-root": str(self.path / "root"), "exec-root": str(self.path / "exec"),
            "pidfile": str(self.path / "pid"), "hosts": [f"unix://{self.socket}"], "storage-driver": "overlay2",
            "exec-opts": ["native.cgroupdriver=cgroupfs"], "iptables": False, "ip6tables": False, "ip-forward": False,
            "ip-masq": False, "bridge": "none", "deprecated-key-path": str(self.path / "key.json"),
            "shutdown-timeout": 5, **chosen}))
        self.start_daemon(support.tool("dockerd"), "--config-file", self.config)
        self.wait_ready("version")

    def command(self):
        return [support.tool("docker"), "-H", f"unix://{self.socket}"]

    def agent_flags(self):
        return [f"--docker_root={self.path / 'root'}"]

    def api_flags(self):
        """For an agent that may ask the daemon."""
        return [*self.agent_flags(), f"--docker=unix://{self.socket}"]

    def run(self, name, *command, **options):
        identifier = super().run(name, *command, **options)
        self.shims.append((f"{self.path}/exec/containerd/containerd.sock", "moby", identifier))
        return identifier


class Podman(Engine):
    """podman without a service; all of its state below the place."""

    name = "podman"
    outside = ("/var/lib/containers/cache/blob-info-cache-v1.boltdb", "/var/lib/containers/cache", "/var/lib/containers",
               "/run/runc")

    def start(self):
        # Podman 4.3's clean-up of an ended container forgets --runtime-flag, so that the default root it is.
        self.runtime_root = pathlib.Path("/run", pathlib.Path(self.runtime or "runc").name)
        if not self.runtime_root.exists() and str(self.runtime_root) not in self.made:
            self.made.append(str(self.runtime_root))
        (self.path / "containers.conf").write_text(f"""
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
log_driver = "k8s-file"
[engine]
runtime = "{pathlib.Path(support.tool('runc')).name}"
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
static_dir = "{self.path}/root/libpod"
tmp_dir = "{self.path}/tmp"
volume_path = "{self.path}/volumes"
infra_image = "{IMAGE}"
[network]
network_backend = "cni"
network_config_dir = "{self.path}/networks"
""")
        (self.path / "storage.conf").write_text(
            f'[storage]\ndriver = "overlay"\ngraphroot = "{self.path}/root"\nrunroot = "{self.path}/run"\n')
        (self.path / "registries.conf").write_text("")

    def command(self):
        return [support.tool("podman"), *(["--runtime", self.runtime] if self.runtime else [])]

    def environment(self):
        return {**os.environ, **{f"CONTAINERS_{what}_CONF": str(self.path / f"{what.lower()}.conf")
                                 for what in ("STORAGE", "REGISTRIES")},
                "CONTAINERS_CONF": str(self.path / "containers.conf"), "TMPDIR": str(self.path)}

    def agent_flags(self):
        return [f"--path.podman-root={self.path}/root", f"--path.podman-runroot={self.path}/run"]

    def remove(self, *names):
        self.client("rm", "-f", "-t", 0, *names, check=False)

    def group(self, identifier):
        return f"{self.parent}/libpod-{identifier}"


class Containerd(Engine):
    """containerd, driven by ctr. Its namespace is named as the cgroup parent: that is where ctr puts groups."""

    name = "containerd"
    outside = ("/run/containerd/runc", "/run/containerd/s", "/run/containerd/fifo", "/run/containerd")

    def start(self):
        self.parent = self.parent.replace("_", "u")  # a namespace may not have two of them in a row
        self.made.insert(0, f"/run/containerd/runc{self.parent}")
        self.address = self.path / "containerd.sock"
        (self.path / "config.toml").write_text(f"""
version = 2
root = "{self.path}/root"
state = "{self.path}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "{self.address}"
[ttrpc]
address = "{self.address}.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
path = "{self.path}/opt"
""")
        self.start_daemon(support.tool("containerd"), "--config", self.path / "config.toml")
        self.wait_ready("version")

    def command(self):
        return [support.tool("ctr"), "-a", str(self.address), "-n", self.parent.strip("/")]

    def runtime_options(self):
        """The options of `run` that choose the runtime."""
        return ["--runc-binary", self.runtime, "--runc-root", self.runtime_root] if self.runtime else []

    def load_image(self):
        self.client("image", "import", image_archive(self.place))

    def agent_flags(self):
        return [f"--path.containerd-state={self.path}/state", f"--path.containerd-root={self.path}/root"]

    def run(self, name, *command, labels=None, memory=None, options=()):
        words = ["run", "-d", *self.runtime_options(), *options]
        for label, value in (labels or {}).items():
            words += ["--label", f"{label}={value}"]
        if memory:
            words += ["--memory-limit", memory]
        self.client(*words, IMAGE, name, *command)
        self.shims.append((str(self.address), self.parent.strip("/"), name))
        return name

    def remove(self, *names):
        for name in names:
            self.client("task", "rm", "-f", name, check=False)
            self.client("container", "rm", name, check=False)

    def container_names(self):
        return self.client("container", "ls", "-q", check=False).stdout.split()

    def pid(self, name):
        for line in self.client("task", "ls").stdout.splitlines():
            if line.split()[0] == name:
                return int(line.split()[1])
        raise AssertionError(f"no task {name}")


class Own(Engine):
    """`plimsoll run`, behind the same interface."""

    name = "plimsoll"

    def start(self):
        self.parent = self.place.cgroup

    def command(self):
        return [support.binary("plimsoll"), *self.place.roots()]

    def load_image(self):
        """Runs from a directory."""

    def run(self, name, *command, labels=None, memory=None, options=()):
        words = ["-d", "--name", name, "--image", IMAGE, *options]
        for label, value in (labels or {}).items():
            words += ["--label", f"{label}={value}"]
        if memory:
            words += ["--memory", str(memory)]
        return self.place.run(*words, command=list(map(str, command))).stdout.split()[-1]

    def pid(self, name):
        return find_member(json.loads(self.client("inspect", name).stdout), "pid")

    def stop(self):
        """The place ends our containers itself."""


ALL = (Docker, Podman, Containerd, Own)


def find_member(value, name):
    """The first member of that name in whatever `inspect` printed, in any case of letters."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key.lower() == name:
                return item
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((found for item in below if (found := find_member(item, name)) is not None), None)


# --- image -----------------------------------------------------------------------------------------

def image_archive(place):
    """A `docker save` archive of the place's root file system; made once."""
    archive = place.path / "image.tar"
    if archive.exists():
        return archive
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        tar.add(place.rootfs(), arcname=".")
    digest = hashlib.sha256(layer.getvalue()).hexdigest()
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Env": ["PATH=/bin"], "Cmd": ["/bin/sleep", "1000000"]},
                         "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]}}).encode()
    config_name = hashlib.sha256(config).hexdigest() + ".json"
    manifest = json.dumps([{"Config": config_name, "RepoTags": [IMAGE], "Layers": [f"{digest}/layer.tar"]}]).encode()
    with tarfile.open(archive, "w") as tar:
        for name, data in ((config_name, config), (f"{digest}/layer.tar", layer.getvalue()), ("manifest.json", manifest)):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return archive


# --- network ---------------------------------------------------------------------------------------

_links = 0


def connect(place, pid):
    """Gives the network namespace of `pid` an interface eth0, as a network plug-in would: a veth pair whose other end
    is here. Returns the address of this end; that of the container is one higher. The pair ends with the namespace."""
    global _links
    _links += 1
    host, inside = f"pt{os.getpid() % 100000}x{_links}", ["nsenter", f"--net=/proc/{pid}/ns/net"]
    network = f"10.{200 + os.getpid() % 50}.{os.getpid() // 50 % 256}.{4 * _links % 252}"
    first, second = (network.rpartition(".")[0] + f".{int(network.rpartition('.')[2]) + n}" for n in (1, 2))
    ip = support.tool("ip")
    for words in ([ip, "link", "add", host, "type", "veth", "peer", "name", "eth0", "netns", str(pid)],
                  [ip, "address", "add", f"{first}/30", "dev", host], [ip, "link", "set", host, "up"],
                  [*inside, ip, "address", "add", f"{second}/30", "dev", "eth0"],
                  [*inside, ip, "link", "set", "eth0", "up"]):
        subprocess.run(words, check=True, capture_output=True, timeout=30 * support.TIME_FACTOR)
    return first


def ping(address, count=5, size=1000):
    """Sends echo requests from here to the container's end of connect()."""
    peer = address.rpartition(".")[0] + f".{int(address.rpartition('.')[2]) + 1}"
    subprocess.run([support.tool("ping"), "-q", "-i", "0.05", "-c", str(count), "-s", str(size), peer], check=True,
                   capture_output=True, timeout=60 * support.TIME_FACTOR)


# --- what is left ----------------------------------------------------------------------------------

def processes_that_name(text):
    """Processes whose command line contains `text`, but this one and its parents."""
    spared, pid = {os.getpid()}, os.getpid()
    while pid > 1:
        pid = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        spared.add(pid)
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if text.encode() in (entry / "cmdline").read_bytes() and int(entry.name) not in spared:
                found.append(int(entry.name))
    return found


def unmount_below(path):
    """Unmounts what an engine mounted below its directory, and the network namespaces that it left in /run/netns."""
    for _ in range(5):
        points = support.mounts_below(path)
        if not points:
            return
        for point in sorted(points, key=len, reverse=True):
            subprocess.run(["umount", point], check=False, capture_output=True)
        time.sleep(0.1)
    for point in sorted(support.mounts_below(path), key=len, reverse=True):
        subprocess.run(["umount", "--lazy", point], check=False, capture_output=True)
