# SPDX-License-Identifier: Apache-2.0
"""A rendered DaemonSet's pod as a container on this machine, without a kubelet.

What kubelet and containerd make of a pod (CRI: RunPodSandbox, CreateContainer) is made here out of the same document: an
OCI bundle with the pod's command, user, capabilities, mounts, namespaces, filter, memory bound and volumes, for Debian's
runc, which is what they call. It is a translation by us: no admission, no API server, no CNI, no kubelet. Kubernetes gives a
container no ambient and no inheritable capabilities, so a user other than root has those of its program's file.

    with pod.Pod(place, documents, root=pod.image_root(place)) as running:
        running.get("/metrics")
"""

import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import time
import unittest

import support

FILE_CAPABILITIES = ("cap_dac_read_search,cap_sys_ptrace,cap_net_admin,cap_perfmon,cap_net_bind_service,cap_sys_admin,"
                     "cap_sys_nice,cap_setpcap+p")
# Kubernetes' defaults for procMount, and what containerd mounts anyway.
MASKED = ("/proc/asound /proc/acpi /proc/interrupts /proc/kcore /proc/keys /proc/latency_stats /proc/timer_list "
          "/proc/timer_stats /proc/sched_debug /proc/scsi /sys/firmware /sys/devices/virtual/powercap").split()
READ_ONLY = "/proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger".split()
MOUNTS = [
    ("/proc", "proc", "nosuid noexec nodev"), ("/dev", "tmpfs", "nosuid strictatime mode=755 size=65536k"),
    ("/dev/shm", "tmpfs", "nosuid noexec nodev mode=1777 size=65536k"), ("/sys", "sysfs", "nosuid noexec nodev ro")]
PROFILE = pathlib.Path("/usr/share/containers/seccomp.json")  # RuntimeDefault of CRI-O; Debian's golang-github-containers-common
PROPAGATION = {"None": "rprivate", "HostToContainer": "rslave"}


def image_root(place, capabilities=FILE_CAPABILITIES, shell=False):
    """What the image holds, made of the built program and the libraries that it names: nothing else is in it. With a shell
    for tests, /bin/busybox, which gets by itself whatever the container is allowed."""
    root = place.path / f"image-{len(capabilities)}-{shell}"
    if root.exists():
        return root
    program = support.binary("plimsoll")
    (root / "usr/bin").mkdir(parents=True)
    for name in ("proc", "sys", "dev", "etc", "tmp"):
        (root / name).mkdir()
    shutil.copy(program, root / "usr/bin/plimsoll")
    later = [str(found) for name in ("libssl.so.3", "libcurl.so.4") for found in pathlib.Path("/usr/lib").glob(f"*/{name}")]
    listed = subprocess.run(["ldd", program, *later], capture_output=True, text=True, check=True).stdout
    for library in {*later, *re.findall(r"(/\S+\.so\S*) ", listed)}:
        target = root / library.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(os.path.realpath(library), target)
    if capabilities:
        subprocess.run([support.tool("setcap"), capabilities, str(root / "usr/bin/plimsoll")], check=True)
    if shell:
        (root / "bin").mkdir(exist_ok=True)
        shutil.copy(support.tool("busybox"), root / "bin/busybox")
        subprocess.run([support.tool("setcap"), "cap_dac_read_search+ep", str(root / "bin/busybox")], check=True)
    return root


def real_image_root(place):
    """The image's own layers, as scripts/build-image makes them of the build under test."""
    root, stage = place.path / "image", place.path / "stage"
    if root.exists():
        return root
    build = pathlib.Path(support.binary("plimsoll")).parents[1]
    support.binary("plimsoll-launcher")  # which is part of what it packs
    if not (build / "CMakeCache.txt").exists():
        raise unittest.SkipTest(f"{build} is no build directory")
    done = subprocess.run([support.REPOSITORY / "scripts" / "build-image", "--build", build, "--stage", stage],
                          capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise AssertionError(f"build-image: {done.returncode}: {done.stderr}")
    root.mkdir()
    for layer in ("system", "program"):
        subprocess.run(["tar", "--xattrs", "--xattrs-include=security.capability", "-xpf", stage / f"{layer}.tar", "-C", root],
                       check=True, capture_output=True)
    return root


def seccomp_profile(capabilities):
    """PROFILE in the form of config.json, for a container with these capabilities (without CAP_)."""
    have = {f"CAP_{name}" for name in capabilities}
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    source = json.loads(PROFILE.read_text())

    def fits(rule):
        includes, excludes = rule.get("includes") or {}, rule.get("excludes") or {}
        return (set(includes.get("caps") or []) <= have and machine in (includes.get("arches") or [machine]) and
                not set(excludes.get("caps") or []) & have and machine not in (excludes.get("arches") or []))
    keys = ("action", "errnoRet", "args")
    rules = [{"names": rule.get("names") or [rule["name"]], **{key: rule[key] for key in keys if rule.get(key)}}
             for rule in source["syscalls"] if fits(rule)]
    mine = f"SCMP_ARCH_{platform.machine().upper()}"
    architectures = [arch for entry in source.get("archMap", []) if entry["architecture"] == mine
                     for arch in (mine, *(entry["subArchitectures"] or []))]
    return {"defaultAction": source["defaultAction"], "defaultErrnoRet": source.get("defaultErrnoRet", 1),
            "architectures": architectures, "syscalls": rules}


def bytes_of(quantity):
    number, unit = re.fullmatch(r"(\d+)([KMG]i)?", quantity).groups()
    return int(number) << {"Ki": 10, "Mi": 20, "Gi": 30, None: 0}[unit]


class Pod:
    """One pod of the DaemonSet among `documents`. `secrets`: {name: {file: text}} of Secrets that the chart only names."""

    def __init__(self, place, documents, root, secrets=None, runtime="runc"):
        self.place, self.documents = place, documents
        self.runtime = support.tool(runtime) if "/" not in runtime else runtime
        daemon, = (d for d in documents if d["kind"] == "DaemonSet")
        self.spec = daemon["spec"]["template"]["spec"]
        self.container, = self.spec["containers"]
        self.secrets = {**(secrets or {}), **{d["metadata"]["name"]: d["stringData"] for d in documents if d["kind"] == "Secret"}}
        self.maps = {d["metadata"]["name"]: d["data"] for d in documents if d["kind"] == "ConfigMap"}
        self.name = f"pod-{time.monotonic_ns()}"
        self.bundle = place.path / self.name
        self.bundle.mkdir()
        self.group = f"{place.cgroup}/{self.name}"
        self.root = root
        self.process = None
        self.port = self.container["ports"][0]["containerPort"]
        (self.bundle / "config.json").write_text(json.dumps(self.config()))

    # --- the translation ---

    def config(self):
        security, pod = self.container["securityContext"], self.spec["securityContext"]
        capabilities = security["capabilities"].get("add", [])
        sets = [f"CAP_{name}" for name in capabilities]
        host_network = self.spec.get("hostNetwork")  # takes the node's name along
        kinds = ["mount", "ipc", *([] if self.spec.get("hostPID") else ["pid"]), *([] if host_network else ["network", "uts"])]
        linux = {"namespaces": [{"type": kind} for kind in kinds],
                 "maskedPaths": MASKED, "readonlyPaths": READ_ONLY, "cgroupsPath": self.group, "rootfsPropagation": "rslave",
                 "resources": {"devices": [{"allow": False, "access": "rwm"}], **self.limits()}}
        if pod["seccompProfile"]["type"] == "RuntimeDefault" and PROFILE.exists():
            linux["seccomp"] = seccomp_profile(capabilities)
        return {
            "ociVersion": "1.0.2", **({} if host_network else {"hostname": "plimsoll-x7x7x"}),
            "root": {"path": str(self.root), "readonly": security["readOnlyRootFilesystem"]},
            "process": {
                "args": self.container["command"] + self.container["args"], "cwd": "/", "env": ["PATH=/usr/bin"],
                "user": {"uid": pod["runAsUser"], "gid": pod["runAsGroup"], "additionalGids": [pod["fsGroup"]]},
                "capabilities": {"bounding": sets, "effective": sets, "permitted": sets},
                "noNewPrivileges": not security["allowPrivilegeEscalation"],
                "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 1024, "hard": 20000}]},
            "mounts": [{"destination": target, "type": kind, "source": kind, "options": options.split()}
                       for target, kind, options in MOUNTS] + self.mounts(),
            "linux": linux}

    def limits(self):
        memory = self.container.get("resources", {}).get("limits", {}).get("memory")
        return {"memory": {"limit": bytes_of(memory)}} if memory else {}

    def mounts(self):
        volumes = {volume["name"]: volume for volume in self.spec["volumes"]}
        found = []
        for mount in sorted(self.container["volumeMounts"], key=lambda one: one["mountPath"]):
            source = self.source(volumes[mount["name"]])
            options = ["rbind", "ro" if mount.get("readOnly") else "rw", PROPAGATION[mount.get("mountPropagation", "None")]]
            found.append({"destination": mount["mountPath"], "type": "bind", "source": str(source), "options": options})
        return found

    def source(self, volume):
        """A path of the node for a volume; files are laid out as the kubelet does, below a link that is swapped at once."""
        if "hostPath" in volume:
            return volume["hostPath"]["path"]
        group = self.spec["securityContext"]["fsGroup"]
        path = self.bundle / f"volume-{volume['name']}"
        path.mkdir(exist_ok=True)
        if "emptyDir" in volume:
            os.chown(path, 0, group)
            path.chmod(0o2775)
            return path
        if "secret" in volume:
            self.write_files(path, self.secrets[volume["secret"]["secretName"]], volume["secret"]["defaultMode"], group)
        else:
            self.write_files(path, self.maps[volume["configMap"]["name"]], 0o644, group)
        return path

    @staticmethod
    def write_files(path, files, mode, group):
        """Also for changing them: what Kubernetes does is a new directory and one rename."""
        version = path / f"..{time.monotonic_ns()}"
        version.mkdir()
        for name, text in files.items():
            (version / name).write_text(text)
            os.chown(version / name, 0, group)
            (version / name).chmod(mode)
            if not (path / name).is_symlink():
                (path / name).symlink_to(f"..data/{name}")
        (path / "..new").symlink_to(version.name)
        os.replace(path / "..new", path / "..data")

    # --- its life ---

    def call(self, *words):
        return subprocess.run([self.runtime, "--root", str(self.place.path / "state"), *map(str, words)], capture_output=True,
                              text=True, check=False, stdin=subprocess.DEVNULL)

    def __enter__(self):
        with open(self.bundle / "log", "wb") as log:
            self.process = subprocess.Popen(
                [self.runtime, "--root", str(self.place.path / "state"), "run", "--bundle", str(self.bundle), "--pid-file",
                 str(self.bundle / "pid"), self.name], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            support.wait_until("the pod's process", self._started)
            if not self.spec.get("hostNetwork"):  # as a CNI does first
                self.inside("ip", "link", "set", "lo", "up")
            support.wait_until("the pod listens", lambda: "listening on" in self.log() or self._ended())
        except BaseException:
            self.__exit__()
            raise
        return self

    def _ended(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the pod ended with {self.process.returncode}: {self.log()}")

    def _started(self):
        self._ended()
        file = self.bundle / "pid"
        return file.exists() and file.read_text()

    def __exit__(self, *_):
        self.call("kill", self.name, "TERM")
        try:
            self.process.wait(self.spec["terminationGracePeriodSeconds"] * support.TIME_FACTOR)
        except subprocess.TimeoutExpired:
            self.call("kill", self.name, "KILL")
            self.process.wait()
        self.call("delete", "--force", self.name)
        support.remove_groups(self.group)

    @property
    def pid(self):
        return int((self.bundle / "pid").read_text())

    def log(self):
        return (self.bundle / "log").read_text(errors="replace")

    def inside(self, *words, check=True):
        """A program of this machine in the pod's network."""
        done = subprocess.run(["nsenter", "-t", str(self.pid), "-n", *map(str, words)], capture_output=True, text=True,
                              check=False, stdin=subprocess.DEVNULL)
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(map(str, words))}: {done.returncode}: {done.stderr} {self.log()}")
        return done

    def ask(self, path="/metrics", *options, scheme="http", check=True):
        """(status, body) of a GET."""
        done = self.inside(support.tool("curl"), "-sS", "--max-time", 20, "-w", "\n%{http_code}", *options,
                           f"{scheme}://127.0.0.1:{self.port}{path}", check=check)
        body, _, status = done.stdout.rpartition("\n")
        return int(status), body

    def samples(self, path="/metrics", *options, **named):
        status, body = self.ask(path, *options, **named)
        if status != 200:
            raise AssertionError(f"{path}: {status} {body}")
        return support.parse_samples(body)

    def probe(self, kind="livenessProbe"):
        """Whether the pod's own probe is content, as the kubelet would make it."""
        probe = self.container[kind]
        if "exec" in probe:
            return self.call("exec", self.name, *probe["exec"]["command"]).returncode == 0
        if "tcpSocket" in probe:
            words = ["curl", "-s", "--max-time", 2, f"telnet://127.0.0.1:{self.port}"]
            return self.inside(*words, check=False).returncode in (0, 28)  # 28: nobody said anything, as is right
        get = probe["httpGet"]
        headers = [word for one in get.get("httpHeaders", []) for word in ("-H", f"{one['name']}: {one['value']}")]
        return 200 <= self.ask(get["path"], "-k", *headers, scheme=get["scheme"].lower(), check=False)[0] < 400

    def group_file(self, controller, v1, v2):
        """A file of the pod's group."""
        group = self.group.strip("/")
        return (support.CGROUPS / group / v2 if support.is_v2() else support.CGROUPS / controller / group / v1).read_text()
