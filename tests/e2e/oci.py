# SPDX-License-Identifier: Apache-2.0
"""What the tests of the OCI runtime share: which runtime, a root file system, a complete config.json, terminals, and
what a runtime may leave behind.

    with oci.Place() as place:
        runtime = oci.Runtime(place)
        bundle = place.bundle(oci.config(place, "/bin/echo", "hello"))
        runtime.call("run", "--bundle", bundle, "one").stdout

Environment: PLIMSOLL_OCI_RUNTIME = the runtime under test (default: plimsoll-oci beside the other executables, see
support.py). The tests are right when Debian's runc passes them.
"""

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import pathlib
import pty
import select
import shutil
import signal
import struct
import subprocess
import tempfile
import termios
import time
import unittest

import support

OWN = "plimsoll-oci"
HOOKS = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")
PR_SET_CHILD_SUBREAPER = 36
# A shell's words that end well when it is on a terminal that gets, in a while, the size of on_terminal(.., 33, 101).
ASK_SIZE = "test -t 0 && test -t 1 && until stty size 2>&1 | grep '33 101'; do sleep 0.05; done"
CAPABILITIES = [f"CAP_{name}" for name in (
    "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL "
    "AUDIT_WRITE").split()]


def runtime_path():
    return os.environ.get("PLIMSOLL_OCI_RUNTIME") or support.binary(OWN)


def runtime_kind(path=None):
    """runc, crun or plimsoll-oci: the first word of --version."""
    done = subprocess.run([path or runtime_path(), "--version"], capture_output=True, text=True, check=True,
                          stdin=subprocess.DEVNULL, timeout=30)
    return done.stdout.split()[0]


class Place(support.Workspace):
    """A workspace whose root file system has all of busybox, some users, and no file of ours."""

    def __init__(self):
        super().__init__()
        self.path.chmod(0o711)  # so that who is somebody else in a user namespace finds what is below

    def rootfs(self):
        rootfs = self.path / "rootfs"
        if not rootfs.exists():
            for name in ("bin", "proc", "sys", "dev", "tmp", "etc", "data", "root", "run", "home/app"):
                (rootfs / name).mkdir(parents=True)
            (rootfs / "tmp").chmod(0o1777)
            busybox = support.tool("busybox")
            shutil.copy(busybox, rootfs / "bin")
            for name in subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split():
                with contextlib.suppress(FileExistsError):
                    (rootfs / "bin" / name).symlink_to("busybox")
            (rootfs / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n")
            (rootfs / "etc/group").write_text("root:x:0:\napp:x:1000:\nextra:x:2000:app\n")
            (rootfs / "etc/plain").write_text("not a program\n")
            (rootfs / "etc/plain").chmod(0o644)
        return str(rootfs)

    def bundle(self, content):
        """A new bundle directory with this config.json (what json takes, or text as it is); its path."""
        directory = pathlib.Path(tempfile.mkdtemp(prefix="bundle-", dir=self.path))
        if content is not None:
            (directory / "config.json").write_text(content if isinstance(content, str) else json.dumps(content))
        return str(directory)


class Runtime:
    """The runtime under test on a state directory of its own."""

    def __init__(self, place, path=None):
        self.path = path or runtime_path()
        self.kind = runtime_kind(self.path)
        self.nobody = "does not exist" if self.kind != "crun" else "no such file"  # what it says of an unknown id
        self.root = place.path / "runtime"
        self.place = place
        self.temporary = place.path / "tmp"
        self.temporary.mkdir(exist_ok=True)

    def arguments(self, *words):
        return [self.path, "--root", str(self.root), *map(str, words)]

    def call(self, *words, check=True, text="", timeout=30, cwd=None, **more):
        """Runs one command. Output goes through files, as a container that stays keeps it open."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as error, tempfile.TemporaryFile() as given:
            given.write(text.encode())
            given.seek(0)
            code = subprocess.run(self.arguments(*words), stdin=given, stdout=out, stderr=error, check=False,
                                  cwd=cwd or self.place.path, env={**os.environ, "TMPDIR": str(self.temporary)},
                                  timeout=timeout * support.TIME_FACTOR, **more).returncode
            texts = []
            for file in (out, error):
                file.seek(0)
                texts.append(file.read().decode(errors="replace"))
        done = subprocess.CompletedProcess(words, code, *texts)
        if check and code != 0:
            raise AssertionError(f"{words}: {code}: {texts[1]}")
        return done

    def fails(self, *words, **more):
        """Runs a command that has to fail; what it said, in lower case."""
        done = self.call(*words, check=False, **more)
        if done.returncode == 0:
            raise AssertionError(f"{words} did not fail: {done.stdout}{done.stderr}")
        if not done.stderr.strip():
            raise AssertionError(f"{words} said nothing: {done.returncode}")
        return done.stderr.lower()

    def state(self, name):
        return json.loads(self.call("state", name).stdout)

    def status(self, name):
        return self.state(name)["status"]

    def wait_status(self, name, status, timeout=15):
        support.wait_until(f"{name} is {status}", lambda: self.status(name) == status, timeout)

    def names(self):
        return sorted(os.listdir(self.root)) if self.root.exists() else []


class Container:
    """A bundle of a test's own and the id that its container is to have."""

    def __init__(self, place, name, content):
        self.name, self.config = name, content
        self.bundle = place.bundle(content)
        self.group = content["linux"]["cgroupsPath"]

    def write(self):
        """Puts the changed configuration into the bundle."""
        (pathlib.Path(self.bundle) / "config.json").write_text(json.dumps(self.config))

    def bind(self, source, target, mode="rw"):
        self.config["mounts"].append({"destination": target, "type": "bind", "source": str(source),
                                      "options": ["rbind", mode]})
        self.write()

    def processes(self):
        try:
            return list(map(int, group_text(self.group, "processes").split()))
        except FileNotFoundError:
            return []


class Case(unittest.TestCase):
    """A test of the command line: one place and one state directory for the class, and nothing is left of a test."""

    number = 0

    @classmethod
    def setUpClass(cls):
        adopt_orphans()
        cls.place = Place()
        cls.addClassCleanup(cls.place.close)
        cls.runtime = Runtime(cls.place)

    def setUp(self):
        self.addCleanup(end_children)

    def not_for_crun(self, why):
        """Skips a test of what crun, unlike runc, does in a way of its own, and no client depends on."""
        if self.runtime.kind == "crun":
            self.skipTest(f"crun {why}")

    def prepare(self, *command, **process):
        """A container that is not there yet; deleted at the end of the test."""
        Case.number += 1
        one = Container(self.place, f"t{Case.number}", config(self.place, *command, **process))
        self.addCleanup(self.runtime.call, "delete", "--force", one.name, check=False)
        return one

    def start(self, one):
        """Runs it in the background; the pid of its first process."""
        pid_file = self.directory() / "pid"
        self.runtime.call("run", "--detach", "--pid-file", pid_file, "--bundle", one.bundle, one.name)
        return int(pid_file.read_text())

    def exec(self, name, *command, options=(), **more):
        return self.runtime.call("exec", *options, name, *command, **more)

    def directory(self):
        return pathlib.Path(tempfile.mkdtemp(prefix="files-", dir=self.place.path))

    def wait_code(self, pid):
        """The exit code of a child, or an adopted one."""
        found = support.wait_until(f"{pid} ends", lambda: (done := os.waitpid(pid, os.WNOHANG))[0] and done)
        return os.waitstatus_to_exitcode(found[1])

    def assert_gone(self, one):
        self.assertRegex(self.runtime.fails("state", one.name), self.runtime.nobody)
        self.assertNotIn(one.name, self.runtime.names())
        self.assertEqual([str(mount) for mount in support.hierarchies() if (mount / one.group.strip("/")).exists()], [])


def config(place, *command, **process):
    """A complete config.json in the manner of a default one; `process`: members of its process to replace."""
    hidden = ["/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"]
    return {
        "ociVersion": "1.0.2",
        "hostname": "inside",
        "annotations": {"org.example/team": "blue"},
        "root": {"path": place.rootfs(), "readonly": False},
        "process": {
            "terminal": False, "user": {"uid": 0, "gid": 0}, "args": list(map(str, command or ["/bin/sleep", "1000"])),
            "env": ["PATH=/bin:/usr/bin", "TERM=xterm"], "cwd": "/", "noNewPrivileges": True,
            "capabilities": {kind: CAPABILITIES for kind in ("bounding", "effective", "permitted")}, **process},
        "mounts": [
            _mount("/proc", "proc"),
            _mount("/dev", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
            _mount("/dev/pts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
            _mount("/dev/shm", "tmpfs", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
            _mount("/dev/mqueue", "mqueue", "nosuid", "noexec", "nodev"),
            _mount("/sys", "sysfs", "nosuid", "noexec", "nodev", "ro"),
            _mount("/sys/fs/cgroup", "cgroup", "nosuid", "noexec", "nodev", "relatime", "ro")],
        "linux": {
            "cgroupsPath": f"{place.cgroup}/{time.monotonic_ns()}",
            "namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount", "cgroup")],
            "resources": {"devices": [{"allow": False, "access": "rwm"}]},
            "maskedPaths": hidden, "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"]}}


def _mount(target, kind, *options):
    return {"destination": target, "type": kind, "source": kind, **({"options": list(options)} if options else {})}


# --- cgroups ---------------------------------------------------------------------------------------

# what -> (hierarchy, file) on v1, file on v2
_FILES = {"memory": (("memory", "memory.limit_in_bytes"), "memory.max"), "pids": (("pids", "pids.max"), "pids.max"),
          "cpu": (("cpu", "cpu.cfs_quota_us"), "cpu.max"), "processes": (("pids", "cgroup.procs"), "cgroup.procs")}


def group_text(group, what):
    (hierarchy, old), new = _FILES[what]
    file = support.CGROUPS / group.strip("/") / new if support.is_v2() else (
        support.CGROUPS / hierarchy / group.strip("/") / old)
    return file.read_text()


def group_value(group, what):
    """A group's limit of memory, pids or CPU time per period (of 100 ms)."""
    return group_text(group, what).split()[0]


def groups_below(path):
    """Directories of cgroups below `path`, in every hierarchy."""
    found = []
    for mount in support.hierarchies():
        for where, directories, _ in os.walk(mount / path.strip("/")):
            found += [os.path.join(where, name) for name in directories]
    return sorted(found)


# --- terminals -------------------------------------------------------------------------------------

def on_terminal(arguments, rows, columns, text="", timeout=30, **more):
    """Runs a program on a terminal of this size; (exit code, what it wrote with plain line ends)."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = subprocess.Popen(arguments, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                               preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0), **more)
    os.close(slave)
    try:
        os.write(master, text.encode())
        output = read_terminal(master, lambda seen: False, timeout)
        return process.wait(timeout * support.TIME_FACTOR), output
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(master)


def read_terminal(master, enough, timeout=30):
    """Reads until there is enough, or everybody has closed the other end."""
    seen, deadline = "", time.monotonic() + timeout * support.TIME_FACTOR
    while not enough(seen):
        if not select.select([master], [], [], max(0, deadline - time.monotonic()))[0]:
            raise AssertionError(f"the terminal stays open; so far: {seen!r}")
        try:
            data = os.read(master, 4096)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            data = b""
        if not data:
            break
        seen += data.decode(errors="replace").replace("\r\n", "\n")
    return seen


# --- what is left ----------------------------------------------------------------------------------

def adopt_orphans():
    """From now on processes whose parent ends become children of this process, so that none is overlooked."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def children(reap=True):
    """Processes that are children of this one; those that have ended are taken away first."""
    found = []
    for task in pathlib.Path("/proc/self/task").iterdir():
        found += map(int, (task / "children").read_text().split())
    alive = []
    for pid in found:
        with contextlib.suppress(ChildProcessError):
            if not reap or os.waitpid(pid, os.WNOHANG)[0] == 0:
                alive.append(pid)
    return alive


def end_children():
    for _ in range(3):
        for pid in children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(AssertionError):
            support.wait_until("no child is left", lambda: not children(), timeout=5)
            return


def files_below(path):
    """Paths of everything below a directory."""
    return sorted(os.path.join(where, name) for where, directories, files in os.walk(path)
                  for name in (*directories, *files))
