# SPDX-License-Identifier: Apache-2.0
"""The table of container families and kernels: present, off by default, or absent because the kernel does not have it,
which must be shown by looking for the kernel's file in that machine's cgroups.

Measures this machine, its view without the v2 tree (cgroup v1 alone) and, with PLIMSOLL_FAMILY_GUESTS="6.1 5.10",
pure v2 on these kernels, emulated. PLIMSOLL_FAMILY_TABLE = file that the table is written to.
What each family is read from comes from docs/METRICS.md.
"""
import contextlib
import json
import os
import pathlib
import platform
import re
import socket
import struct
import subprocess
import sys
import tempfile
import unittest

import engines
import support

GUESTS = os.environ.get("PLIMSOLL_FAMILY_GUESTS", "").split()
GUEST_SECONDS = 1500
OURS = re.compile(r"container_|machine_|plimsoll_container_")
METRICS = support.REPOSITORY / "docs" / "METRICS.md"

# Absent although its source is there: family -> reason. A reason has to be one of the machine, not of the agent.
NOT_HERE = {
    "container_fs_io_cost_": "blk-iocost is not switched on for any disk",
    "container_health_state": "no container with an engine that has health checks was run",
    "plimsoll_container_restarts_total": "no container with an engine that has restart policies was run",
    "plimsoll_container_state": "no container with an engine that tells states was run",
    "machine_dimm_": "no memory controller that EDAC knows",
    "machine_node_": "one NUMA node without its own description",
    "machine_nvm_": "no persistent memory",
    "machine_cpu_books": "s390 only",
    "machine_cpu_drawers": "s390 only",
}


# --- what families there are, and from where -------------------------------------------------------

def sources():
    """{family: (kind, source on v1, source on v2)} from the tables of docs/METRICS.md; a table that names no sources is of
    what has none in the kernel, and its families are not in here but in own_families()."""
    return {name: row for name, row in documented().items() if row}


def own_families():
    return {name for name, row in documented().items() if not row}


def documented():
    found, columns = {}, []
    for line in METRICS.read_text().splitlines():
        cells = [cell.replace("`", "").strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells[:1] == ["family"]:
            columns = [cells.index("kind"), *(n for n, cell in enumerate(cells) if cell.startswith("source"))] \
                if "kind" in cells else []
        elif cells and OURS.match(cells[0]):
            found[cells[0]] = row_of([cells[column] for column in columns])
    return found


def row_of(cells):
    """(kind, v1, v2) of the cells kind and source, or kind, v1 and v2."""
    if not cells:
        return None
    kind, *files = (cell.replace("(off)", "").replace("(none)", "").strip() for cell in cells)
    return kind, files[0], files[0] if files[-1] in ("same", "the same") else files[-1]


def files_of(source):
    """[(pattern of a file name, [words of a line])] that a source names: "cpu.stat nr_bursts, with a quota"."""
    found = []
    for part in re.split(r"; | - ", source):
        match = re.match(r'([a-z]+\.[\w.\[\]]*[\w\]])(?: (.*))?$', part.split(', with')[0].split(", on the")[0])
        if match:
            pattern = re.escape(match[1]).replace("SIZE", "[^.]+").replace(r"\[\.rsvd\]", r"(\.rsvd)?")
            pattern = pattern.replace(r"\[_recursive\]", "(_recursive)?")
            lines = [words.split() for words in (match[2] or "").split(",") if not words.strip().startswith("field")]
            found.append((pattern, [words for words in lines if words]))
    return found


def kernel_has(source, directories):
    """The first "file: line" that a source names and that one of the groups has; None when there is none."""
    for pattern, lines in files_of(source):
        for directory in directories:
            for file in sorted(directory.iterdir()) if directory.is_dir() else ():
                if not re.fullmatch(pattern, file.name):
                    continue
                text = ""
                with contextlib.suppress(OSError):
                    text = file.read_text()
                if not lines:
                    return file.name
                for words in lines:
                    if re.search(r"(?:^|\s)" + r"\b.*\s".join(map(re.escape, words)) + "(?:[ =]|$)", text, re.M):
                        return f"{file.name} {' '.join(words)}"
    return None


def cgroup_statistics(directory):
    """What the kernel answers to taskstats' CGROUPSTATS for a group: "" or the text of its error.
    Documentation/accounting/cgroupstats.rst"""
    def ask(family, command, attribute, payload):
        body = struct.pack("=BBHHH", command, 1, 0, 4 + len(payload), attribute) + payload
        body += b"\0" * (-len(body) % 4)
        link.send(struct.pack("=IHHII", 16 + len(body), family, 1, 1, 0) + body)  # NLM_F_REQUEST
        answer = link.recv(65536)
        failed = struct.unpack_from("=H", answer, 4)[0] == 2  # NLMSG_ERROR
        return (b"", -struct.unpack_from("=i", answer, 16)[0]) if failed else (answer[20:], 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16) as link:  # NETLINK_GENERIC
        attributes, error = ask(16, 3, 2, b"TASKSTATS\0")  # GENL_ID_CTRL, CTRL_CMD_GETFAMILY
        while not error and struct.unpack_from("=H", attributes, 2)[0] != 1:  # CTRL_ATTR_FAMILY_ID
            length = struct.unpack_from("=H", attributes)[0]
            attributes = attributes[length + -length % 4:]
        if not error:
            family = struct.unpack_from("=H", attributes, 4)[0]
            with open_directory(directory) as descriptor:
                _, error = ask(family, 4, 1, struct.pack("=I", descriptor))  # CGROUPSTATS_CMD_GET
    return os.strerror(error) if error else ""


@contextlib.contextmanager
def open_directory(path):
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


# --- measuring a machine ---------------------------------------------------------------------------

class Measurement:
    """One machine: its containers, and what an agent shows of them with the default kinds and with all."""

    def __init__(self, place, cgroupfs):
        self.place, self.cgroupfs, self.notes, self.groups = place, cgroupfs, [], []
        for kind in engines.ALL if not support.IN_GUEST else (engines.Containerd, engines.Own):
            try:
                self.groups.append(self.start_container(place.start(kind)))
            except (unittest.SkipTest, AssertionError) as error:
                self.notes.append(f"no container of {kind.name}: {str(error)[-300:]}")
        if not self.groups:
            raise AssertionError("; ".join(self.notes))

    def start_container(self, engine):
        script = f"{engines.LOAD} spin 300; {engines.LOAD} write /data/f 1048576; exec /bin/sleep 100000"
        disk = self.place.disk_directory() if engine.name != "podman" else self.place.path
        options = {"containerd": ["--cpu-quota", "50000", "--cpu-period", "100000", "--mount",
                                  f"type=bind,src={disk},dst=/data,options=rbind:rw"]}.get(
                                      engine.name, ["--cpus", "0.5", "-v", f"{disk}:/data"])
        if engine.name == "docker":
            options += ["--health-cmd", "true", "--health-interval", "1s"]
        identifier = engine.run("web", "/bin/sh", "-c", f"/bin/sleep 1; {script}", memory=64 << 20, options=options)
        group = engine.group(identifier)
        self.count_block_io(group, disk)
        with contextlib.suppress(subprocess.CalledProcessError, unittest.SkipTest):
            engines.ping(engines.connect(self.place, engine.pid("web")))
        return group

    def count_block_io(self, group, disk):
        """v1's blkio counts nothing until there has been a rule."""
        rule = support.CGROUPS / "blkio" / group.strip("/") / "blkio.throttle.write_bps_device"
        if rule.exists():
            device = os.stat(disk).st_dev
            with contextlib.suppress(OSError):
                rule.write_text(f"{os.major(device)}:{os.minor(device)} {1 << 40}")

    def agent_flags(self):
        flags = [flag for server in self.place.servers if isinstance(server, engines.Engine) for flag in server.agent_flags()]
        return [*flags, f"--path.cgroupfs={self.cgroupfs}"]

    def families(self, *flags):
        agent = self.place.start_agent(*self.agent_flags(), *flags)

        def layers_measured():
            return agent.value("container_fs_usage_bytes", id=self.groups[0]) is not None
        with contextlib.suppress(AssertionError):  # the table will tell
            support.wait_until("a writable layer is measured", layers_measured, timeout=40, interval=1)
        everywhere, of_containers = set(), set()
        for name, labels, _ in agent.samples("/metrics/cadvisor"):
            if OURS.match(name):
                everywhere.add(name)
                if labels.get("id") in self.groups or "id" not in labels:
                    of_containers.add(name)
        agent.stop()
        return everywhere, of_containers

    def directories(self):
        """The directories of the containers' groups in the hierarchies that the agent saw."""
        mounts = [self.cgroupfs] if support.is_v2() else [m for m in self.cgroupfs.iterdir() if m.is_dir()]
        return [mount / group.strip("/") for mount in mounts for group in self.groups]

    def result(self):
        known = sources()
        default = self.families()
        full = self.families(f"--enable_metrics={','.join(all_kinds())}")
        table = {}
        for family, (kind, v1, v2) in known.items():
            # Some are of the whole machine alone, by their source; of the others a container must have them.
            index, where = (0, ", id=/ only") if v1.startswith('id="/"') else (1, "")
            if family in default[index]:
                table[family] = f"present{where}"
            elif family in full[index]:
                table[family] = f"off by default ({kind}{where})"
            else:
                table[family] = self.absence(family, v1, v2)
        unknown = sorted((default[0] | full[0]) - known.keys() - own_families())
        return {"kernel": platform.release(), "table": table, "unknown": unknown, "notes": self.notes}

    def absence(self, family, v1, v2):
        """Why a family is not there; an answer that begins with "MISSING" is a failure."""
        for begin, reason in NOT_HERE.items():
            if family.startswith(begin):
                return f"not here: {reason}"
        found = kernel_has(v1, self.directories()) or kernel_has(v2, self.directories())
        if found:
            return f"MISSING although the kernel has {found}"
        if "CGROUPSTATS" in v1:
            error = cgroup_statistics(next(d for d in self.directories() if d.is_dir()))
            return f"absent by kernel (CGROUPSTATS: {error})" if error else "MISSING although the kernel has CGROUPSTATS"
        named = " or ".join(sorted({source for source in (v1, v2) if files_of(source)}))
        return f"absent by kernel (no {named})" if named else f"MISSING, and no kernel file is named: {v1!r}, {v2!r}"


def all_kinds():
    """Every name that --enable_metrics takes, as the agent says when it is given another."""
    done = subprocess.run([support.binary("plimsoll"), "agent", "--enable_metrics=none-such"], text=True,
                          capture_output=True, check=False)
    return re.search(r"choose from (.*)", done.stderr)[1].replace(",", " ").split()


def bind_v1(directory):
    """The v1 hierarchies alone, in a mount namespace of our own."""
    for mount in support.hierarchies():
        if not (mount / "cgroup.controllers").exists():
            (directory / mount.name).mkdir()
            subprocess.run(["mount", "--bind", mount, directory / mount.name], check=True)


def measure(view, out):
    with support.Workspace() as place:
        cgroupfs = support.CGROUPS
        if view == "v1":
            cgroupfs = pathlib.Path(tempfile.mkdtemp(dir="/mnt"))
            subprocess.run(["mount", "-t", "tmpfs", "cgroups", cgroupfs], check=True)
            bind_v1(cgroupfs)
        try:
            result = Measurement(place, cgroupfs).result()
        finally:
            if view == "v1":
                place.close()
                subprocess.run(["umount", "--recursive", cgroupfs], check=False)
                cgroupfs.rmdir()
        pathlib.Path(out).write_text(json.dumps(result))


# --- the table -------------------------------------------------------------------------------------

@unittest.skipUnless(METRICS.exists(), "docs/METRICS.md has not been made")
class FamilyTable(unittest.TestCase):
    def setUp(self):
        support.require_root()
        holder = tempfile.TemporaryDirectory(prefix="plimsoll-table-")
        self.addCleanup(holder.cleanup)
        self.directory = pathlib.Path(holder.name)

    def run_measurement(self, column, prefix, view, seconds, out):
        done = subprocess.run([*prefix, "/usr/bin/python3", os.path.abspath(__file__), "--measure", view, str(out)],
                              text=True, capture_output=True, timeout=seconds, check=False, cwd=support.REPOSITORY)
        self.assertEqual(done.returncode, 0, f"{column}: {done.stdout[-2000:]} {done.stderr[-4000:]}")
        return json.loads((self.directory / pathlib.Path(out).name).read_text())

    def measurements(self):
        """{column: result}"""
        found = {}
        if support.is_v2():
            found[f"v2 {platform.release().split('-')[0]}"] = self.run_measurement("v2", [], "all", 600, self.directory / "v2")
        else:
            private = ["unshare", "--mount", "--propagation", "private"]
            found["v1"] = self.run_measurement("v1", private, "v1", 600, self.directory / "v1")
            found["hybrid"] = self.run_measurement("hybrid", [], "all", 600, self.directory / "hybrid")
        for series in GUESTS:
            vm = [support.REPOSITORY / "tests/vm/run", "-k", series, "-t", str(GUEST_SECONDS), "-m", "2048", "--disk", "512",
                  "--out", str(self.directory), "--"]
            found[f"v2 {series}"] = self.run_measurement(series, list(map(str, vm)), "all", GUEST_SECONDS + 60,
                                                         f"/mnt/out/guest-{series}")
        return found

    def test_every_family_on_every_kernel(self):
        results = self.measurements()
        text = as_markdown(results)
        print(text)
        if os.environ.get("PLIMSOLL_FAMILY_TABLE"):
            pathlib.Path(os.environ["PLIMSOLL_FAMILY_TABLE"]).write_text(text)
        for column, result in results.items():
            with self.subTest(column):
                self.assertEqual({f: cell for f, cell in result["table"].items() if cell.startswith("MISSING")}, {})
                self.assertEqual(result["unknown"], [], "shown, but not in docs/METRICS.md")
        absent = [family for family in sources()
                  if all(result["table"][family].startswith("absent") for result in results.values())]
        print(f"  shown on none of these machines: {', '.join(absent) or 'none'}")


def as_markdown(results):
    lines = ["| family | " + " | ".join(f"{column} ({result['kernel']})" for column, result in results.items()) + " |",
             "|---|" + "---|" * len(results)]
    for family in sorted(sources()):
        lines.append(f"| {family} | " + " | ".join(result["table"][family] for result in results.values()) + " |")
    for column, result in results.items():
        lines += [f"\n{column}: {note}" for note in result["notes"]]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(*sys.argv[2:])
    else:
        unittest.main(verbosity=2)
