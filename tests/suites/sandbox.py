# SPDX-License-Identifier: Apache-2.0
"""A place where a runtime may create and destroy without the host noticing: mount, pid, network, uts, ipc and cgroup
namespaces of its own (unshare(1), cgroup_namespaces(7)), and below every cgroup hierarchy one group that looks like
the root from within. Nothing of the host is unmounted: that happens in the copy of the mount table only. What ran
there ends with it, and its groups are removed, found by place, not by name.

Of a host's hierarchies (cgroups(7)) the sandbox shows those of one kind: `v1` alone, `v2` alone, or `hybrid`.
"""
import contextlib
import fcntl
import itertools
import os
import pty
import select
import subprocess
import sys
import termios
import time

KINDS = ("v1", "hybrid", "v2")
WHOLE = 10
_CGROUP = "/sys/fs/cgroup"


def hierarchies():
    """{mount point: type and options} of the host's cgroup hierarchies."""
    found = {}
    with open("/proc/self/mounts") as mounts:
        for line in mounts:
            _, where, kind, options, *_ = line.split()
            if kind in ("cgroup", "cgroup2") and where not in found:
                found[where] = (kind, _hierarchy_options(kind, options))
    return found


def _hierarchy_options(kind, options):
    generic = {"rw", "ro", "relatime", "nosuid", "nodev", "noexec", "xattr", "clone_children"}
    own = [word for word in options.split(",") if word not in generic and "release_agent" not in word]
    return "" if kind == "cgroup2" else ",".join((["none"] if own[0].startswith("name=") else []) + own)


def usual_kind():
    """v1 where its controllers are: what a runtime that knows no hybrid hosts can work with."""
    return "v1" if any(kind == "cgroup" for kind, _ in hierarchies().values()) else "v2"


class Sandbox:
    """with Sandbox("v1") as sandbox: output, status, ended = sandbox.run(["true"], ...)"""

    def __init__(self, kind="v1"):
        self._kind = kind
        self._groups = []
        self.leftovers = []  # cgroups that were still there at the end: hierarchy and path in the sandbox

    def __enter__(self):
        for where in hierarchies():
            group = f"{where}/plimsoll-suite-{os.getpid()}"
            os.mkdir(group)
            self._groups.append(group)
            if os.path.exists(f"{group}/cpuset.cpus") and not _read(f"{group}/cpuset.cpus"):
                for name in ("cpuset.cpus", "cpuset.mems"):
                    _write(f"{group}/{name}", _read(f"{where}/{name}"))
        return self

    def __exit__(self, *_):
        for group in self._groups:
            self._remove(group)

    def run(self, command, cwd, environment, limit, terminal):
        """(what it printed, its exit status, what ended it or nothing); `limit`: seconds it may take without printing
        anything; WHOLE times that is what it may take at all."""
        ours, theirs = pty.openpty() if terminal else os.pipe()
        with open(os.devnull) as null:
            process = subprocess.Popen(
                ["unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--uts", "--ipc", "--net", "--cgroup",
                 "--mount-proc", sys.executable, os.path.abspath(__file__), os.readlink("/proc/self/ns/mnt"),
                 self._kind, "tty" if terminal else "notty", *command],
                cwd=cwd, env=environment, stdin=theirs if terminal else null, stdout=theirs, stderr=theirs,
                start_new_session=True, preexec_fn=self._join)
        os.close(theirs)
        late = True  # also when we are interrupted
        try:
            if self._kind == "v2":
                self._leave_root(process)
            with contextlib.closing(os.fdopen(ours, "rb", 0)) as source:
                output, late = _drain(source, process, limit)
        finally:
            if late:
                _thaw(*self._groups)
                process.kill()
            status = process.wait()
        killed = f"killed by signal {-status}" if status < 0 else ""
        ended = f"hung: killed, the limit is {limit} s" if late else killed
        return output.decode(errors="replace"), status, ended

    def _join(self):
        for group in self._groups:
            tasks = f"{group}/tasks"
            _write(tasks if os.path.exists(tasks) else f"{group}/cgroup.procs", "0")

    def _leave_root(self, process):
        """In version 2 a group with processes cannot hand controllers down. unshare(1) has forked: its cgroup
        namespace has its root, and it can go to the root of the host; pid 1 waits for that in _own_leaf."""
        children = f"/proc/{process.pid}/task/{process.pid}/children"
        _wait("unshare(1) to fork", lambda: process.poll() is not None or _read(children))
        for group in self._groups:
            with contextlib.suppress(OSError):  # it has ended already
                if not os.path.exists(f"{group}/tasks"):
                    _write(f"{os.path.dirname(group)}/cgroup.procs", str(process.pid))

    def _remove(self, group):
        """Bottom-up. The processes are gone or going: their namespace has ended."""
        hierarchy = os.path.basename(os.path.dirname(group))
        self.leftovers += [hierarchy + path.removeprefix(group) for path, _, _ in os.walk(group)
                           if path not in (group, f"{group}/suite")]
        deadline = time.monotonic() + 10
        while os.path.isdir(group):
            _thaw(group)
            for directory, _, _ in os.walk(group, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(directory)
            if time.monotonic() > deadline:
                raise OSError(f"{group} can't be removed; processes left in it: look at its cgroup.procs")
            time.sleep(0 if not os.path.isdir(group) else 0.01)


def _read(path):
    with open(path) as file:
        return file.read().strip()


def _write(path, text):
    with open(path, "w") as file:
        file.write(text)


def _wait(what, condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise OSError(f"waited {seconds} s for {what}")
        time.sleep(0.01)


def _thaw(*groups):
    """A frozen process of a v1 hierarchy does not even die of SIGKILL, and its namespace waits for it."""
    for directory, _, files in itertools.chain.from_iterable(map(os.walk, groups)):
        for name, value in (("freezer.state", "THAWED"), ("cgroup.freeze", "0")):
            if name in files:
                with contextlib.suppress(OSError):
                    _write(f"{directory}/{name}", value)


def _drain(source, process, limit):
    """What the process prints until it ends, and whether it was too late. A pty's end is an error (EIO)."""
    chunks, end = [], time.monotonic() + WHOLE * limit
    deadline = time.monotonic() + limit
    while (left := min(deadline, end) - time.monotonic()) > 0:
        if not select.select([source], [], [], min(left, 0.5))[0]:
            if process.poll() is None:
                continue
            return b"".join(chunks), False
        try:
            chunk = source.read(65536)
        except OSError:
            chunk = b""
        if not chunk:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(limit)
            return b"".join(chunks), process.returncode is None
        chunks.append(chunk)
        deadline = time.monotonic() + limit
    return b"".join(chunks), True


# --- within: pid 1 of the new namespaces ------------------------------------------------------------

def _mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)


def _show_hierarchies(kind, found):
    subprocess.run(["umount", "-R", _CGROUP], check=True)  # in the copy: see main()
    if kind == "v2":
        _mount("-t", "cgroup2", "cgroup2", _CGROUP)
        _own_leaf()
        return
    _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", _CGROUP)
    for where, (filesystem, options) in found.items():
        if filesystem == "cgroup2" and kind != "hybrid":
            continue
        os.makedirs(where)
        _mount("-t", filesystem, *(["-o", options] if options else []), filesystem, where)


def _own_leaf():
    os.mkdir(f"{_CGROUP}/suite")
    _write(f"{_CGROUP}/suite/cgroup.procs", "0")
    _wait("the root cgroup to be empty", lambda: not _read(f"{_CGROUP}/cgroup.procs"))
    if controllers := _read(f"{_CGROUP}/cgroup.controllers"):
        _write(f"{_CGROUP}/cgroup.subtree_control", " ".join(f"+{name}" for name in controllers.split()))


def _reap(child):
    """pid 1's duty, until the child has ended: its exit status."""
    while True:
        pid, status = os.wait()
        if pid == child:
            return status


def within(kind, terminal, command):
    found = hierarchies()
    _show_hierarchies(kind, found)
    _mount("--make-rshared", "/")  # among ours, as systemd's hosts have it: tests of propagation expect that
    _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")  # runtimes keep their state there
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    child = os.fork()
    if child == 0:
        os.setsid()
        if terminal:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        os.execvp(command[0], command)
    code = os.waitstatus_to_exitcode(_reap(child))
    _thaw(_CGROUP)
    return code if code >= 0 else 128 - code


def main():
    host, kind, terminal, *command = sys.argv[1:]
    if os.readlink("/proc/self/ns/mnt") == host or os.getpid() != 1:
        sys.exit("sandbox.py: refused: this is the host's mount table; it is started by Sandbox.run only")
    sys.exit(within(kind, terminal == "tty", command))


if __name__ == "__main__":
    main()
