# SPDX-License-Identifier: Apache-2.0
"""Containers that an agent finds by the files of an engine which does not run here: real processes in real groups,
beside state that is written as the engine writes it. Pods of Kubernetes (containerd's CRI plugin) and a container
of Docker whose restart policy and health check have been at work."""
import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import time

import support


SEED = os.urandom(8).hex()  # another test may do the same at the same time, and an agent finds groups everywhere


def identifier(*words):
    """64 hexadecimal digits that are the same for the same words, but differ between processes."""
    return hashlib.sha256("/".join((SEED, *words)).encode()).hexdigest()


def replace(path, value):
    """Writes JSON as engines do: a new file takes the old one's place."""
    new = pathlib.Path(f"{path}.new")
    new.write_text(json.dumps(value))
    new.rename(path)


class Groups:
    """Processes in groups of their own below `parent`, in every hierarchy; they end with the place."""

    def __init__(self, place, parent):
        self.parent = parent
        self.processes = []
        self.process = None  # the last one; what Workspace looks for before it calls stop()
        self.place = place

    def start(self, group, *command, network_of=None, own_network=False, cpus=None, memory=None):
        """Runs `command` in the group; its process. `network_of`: another process whose network it shares."""
        for mount in support.hierarchies():
            (mount / group.strip("/")).mkdir(parents=True, exist_ok=True)
        self.limit(group, cpus, memory)
        inside = ([support.tool("nsenter"), f"--net=/proc/{network_of}/ns/net"] if network_of
                  else [support.tool("unshare"), "--net"] if own_network else [])
        self.process = subprocess.Popen([*inside, *map(str, command)], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        preexec_fn=lambda: self.enter(group))
        self.processes.append(self.process)
        return self.process

    @staticmethod
    def enter(group):
        for mount in support.hierarchies():
            if (mount / "cpuset.cpus").exists():  # v1: empty until it is given some
                for name in ("cpuset.cpus", "cpuset.mems"):
                    Groups.inherit(mount, group, name)
            (mount / group.strip("/") / "cgroup.procs").write_text(str(os.getpid()))

    @staticmethod
    def inherit(mount, group, name):
        """Gives the group and those above it what the root has."""
        value, at = (mount / name).read_text(), mount
        for part in group.strip("/").split("/"):
            at = at / part
            if not (at / name).read_text().strip():
                (at / name).write_text(value)

    @staticmethod
    def limit(group, cpus, memory):
        if support.is_v2():
            enable_controllers(group)
        name = group.strip("/")
        for path, value in ((f"cpu/{name}/cpu.cfs_quota_us", cpus and int(cpus * 100000)),
                            (f"{name}/cpu.max", cpus and f"{int(cpus * 100000)} 100000"),
                            (f"memory/{name}/memory.limit_in_bytes", memory), (f"{name}/memory.max", memory)):
            if value and (support.CGROUPS / path).exists():
                (support.CGROUPS / path).write_text(str(value))

    def stop(self):
        for process in self.processes:
            process.kill()
            process.wait()
        support.remove_groups(self.parent)


def enable_controllers(group):
    """Of pure v2: cpu, memory and pids for the group, by all that are above it."""
    at = support.CGROUPS
    for part in group.strip("/").split("/"):
        with contextlib.suppress(OSError):
            (at / "cgroup.subtree_control").write_text("+cpu +memory +pids +io")
        at = at / part


class Kubernetes(Groups):
    """Pods as containerd's CRI plugin lays them out, with their sandboxes and a network each."""

    def __init__(self, place):
        super().__init__(place, f"{place.cgroup}-kubepods")
        self.state, self.root = place.path / "cri-state", place.path / "cri-root"

    def agent_flags(self):
        return [f"--path.containerd-state={self.state}", f"--path.containerd-root={self.root}"]

    def add_pod(self, namespace, pod):
        """The process that holds the pod's network."""
        name = identifier(namespace, pod)
        self.write_bundle(namespace, pod, name, {"io.kubernetes.cri.container-type": "sandbox",
                                                 "io.kubernetes.cri.image-name": "registry.example/pause:3.9"})
        return self.start(self.group(namespace, pod, name), support.tool("busybox"), "sleep", 1000, own_network=True)

    def add_container(self, sandbox, namespace, pod, container, *command, instance=0, **limits):
        name = identifier(namespace, pod, container, str(instance))
        self.write_bundle(namespace, pod, name, {
            "io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.container-name": container,
            "io.kubernetes.cri.image-name": f"registry.example/{container}:1"})
        self.write_status(name)
        return self.start(self.group(namespace, pod, name), *command, network_of=sandbox.pid, **limits)

    def end_container(self, process, namespace, pod, container, exit_code, reason="", instance=0):
        """Kills the process and leaves what containerd leaves of an ended container."""
        name = identifier(namespace, pod, container, str(instance))
        process.kill()
        process.wait()
        self.write_status(name, FinishedAt=time.time_ns(), ExitCode=exit_code, Reason=reason)
        support.remove_groups(self.group(namespace, pod, name))
        shutil.rmtree(self.bundle(name))

    def write_status(self, name, **members):
        directory = self.root / "io.containerd.grpc.v1.cri" / "containers" / name
        directory.mkdir(parents=True, exist_ok=True)
        replace(directory / "status", {"Version": "v1", "Pid": 0, "CreatedAt": 1_700_000_000 * 10**9,
                                       "StartedAt": time.time_ns(), "FinishedAt": 0, "ExitCode": 0, **members})

    def bundle(self, name):
        return self.state / "io.containerd.runtime.v2.task" / "k8s.io" / name

    def group(self, namespace, pod, name):
        return f"{self.parent}/burstable/pod{identifier(namespace, pod)[:8]}/{name}"

    def write_bundle(self, namespace, pod, name, annotations):
        self.bundle(name).mkdir(parents=True)
        (self.bundle(name) / "config.json").write_text(json.dumps({
            "ociVersion": "1.0.2", "process": {"env": []}, "annotations": {
                "io.kubernetes.cri.sandbox-name": pod, "io.kubernetes.cri.sandbox-namespace": namespace,
                "io.kubernetes.cri.sandbox-uid": identifier(namespace, pod)[:8], **annotations},
            "linux": {"cgroupsPath": self.group(namespace, pod, name),
                      "namespaces": [{"type": "pid"}, {"type": "network"}]}}))


class Docker(Groups):
    """One running container of a Docker whose daemon is not there."""

    def __init__(self, place):
        super().__init__(place, f"{place.cgroup}-docker")
        self.root = place.path / "docker-root"

    def agent_flags(self):
        return [f"--docker_root={self.root}"]

    def add_container(self, name, *command, restarts, healthy):
        """Runs `command` with a writable layer of its own."""
        write_docker_container(self.root, name, restarts, healthy)
        layer = self.place.path / f"layer-{name}"
        for part in ("lower/bin", "upper", "work", "merged"):
            (layer / part).mkdir(parents=True)
        shutil.copy(support.tool("busybox"), layer / "lower" / "bin" / "busybox")
        mount = f"lowerdir={layer}/lower,upperdir={layer}/upper,workdir={layer}/work"
        script = (f"mount -t overlay overlay -o {mount} {layer}/merged && echo written > {layer}/merged/file && "
                  f'exec chroot {layer}/merged "$@"')
        words = [support.tool("unshare"), "--mount", "/bin/sh", "-c", script, "sh", *command]
        return self.start(self.group(name), *words)

    def group(self, name):
        return f"{self.parent}/{identifier('docker', name)}"


def write_docker_container(root, name, restarts, healthy):
    """What Docker keeps of a container that runs; its id."""
    key = identifier("docker", name)
    files = root / "containers" / key
    files.mkdir(parents=True)
    health = {"Status": "healthy" if healthy else "unhealthy", "FailingStreak": 0, "Log": []}
    replace(files / "config.v2.json", {
        "State": {"Running": True, "Pid": 0, "ExitCode": 0, "StartedAt": "2026-01-02T03:04:05.6Z",
                  "FinishedAt": "0001-01-01T00:00:00Z", "Health": health},
        "ID": key, "Created": "2026-01-02T03:04:05.6Z", "Name": f"/{name}", "Driver": "overlay2",
        "Config": {"Env": [], "Image": f"registry.example/{name}:1", "Labels": {}}, "RestartCount": restarts})
    replace(files / "hostconfig.json", {"NetworkMode": "none"})
    return key
