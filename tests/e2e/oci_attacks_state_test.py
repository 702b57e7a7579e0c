# SPDX-License-Identifier: Apache-2.0
"""Attacks on the OCI runtime from beside it: other users, reused pids, text that nobody would write."""

import json
import os
import pathlib
import stat
import subprocess
import time
import unittest

import attacks


class State(attacks.Attack):
    """Other users of the machine: the state's directory, files that are written, names."""

    def victim(self):
        victim = self.directory()
        for name in ("state.json", "other"):
            (victim / name).write_text("{}")
        self.addCleanup(lambda: self.assertEqual(sorted(os.listdir(victim)), ["other", "state.json"]))
        return victim

    def test_a_link_in_place_of_the_state(self):
        victim = self.victim()
        self.runtime.root.mkdir(exist_ok=True)
        link = self.runtime.root / "planted"
        link.symlink_to(victim)
        self.addCleanup(link.unlink)
        one = self.prepare("/bin/true")
        for words in (("delete", "--force"), ("delete",), ("state",), ("kill",), ("start",), ("exec",),
                      ("run", "--bundle", one.bundle), ("create", "--bundle", one.bundle)):
            self.runtime.call(*words, "planted", *(["/bin/true"] if words[0] == "exec" else []), check=False)

    def test_the_state_of_another_user(self):
        one = self.prepare()
        self.start(one)
        directory = self.runtime.root / one.name
        record = json.loads((directory / "state.json").read_text())
        record["poststop"] = [{"path": "/bin/sh", "args": ["sh", "-c", f"touch {self.outside}/hook"], "env": []}]
        for change, back in ((lambda: os.chown(directory, 1000, 1000), lambda: os.chown(directory, 0, 0)),
                             (lambda: directory.chmod(0o777), lambda: directory.chmod(0o700))):
            (directory / "state.json").write_text(json.dumps(record))
            change()
            for words in (("delete", "--force", one.name), ("kill", one.name, "KILL"), ("pause", one.name),
                          ("exec", one.name, "/bin/true"), ("update", "--pids-limit", "5", one.name)):
                self.assertRegex(self.runtime.fails(*words), "belongs to user|writable for others")
            self.assert_untouched()
            self.assertEqual(self.runtime.status(one.name), "running")
            back()
        del record["poststop"]
        (directory / "state.json").write_text(json.dumps(record))

    def test_files_are_not_written_through_links(self):
        one = self.prepare()
        files = self.directory()
        (files / "pid").symlink_to(self.outside / "canary")
        self.runtime.call("run", "--detach", "--pid-file", files / "pid", "--bundle", one.bundle, one.name)
        self.assertFalse((files / "pid").is_symlink())
        self.assertGreater(int((files / "pid").read_text()), 1)

    def test_the_state_is_closed_to_others(self):
        one = self.prepare()
        self.runtime.call("create", "--bundle", one.bundle, one.name)
        directory = self.runtime.root / one.name
        self.assertEqual(stat.S_IMODE(directory.stat().st_mode), 0o700)
        for file in directory.iterdir():
            if not stat.S_ISSOCK(file.stat().st_mode):
                self.assertEqual(stat.S_IMODE(file.stat().st_mode) & 0o077, 0, file)

    def test_a_pid_that_is_somebody_elses_now(self):
        other = subprocess.Popen(["/bin/sleep", "100"])
        self.addCleanup(other.wait)
        self.addCleanup(other.kill)
        time.sleep(3 / os.sysconf("SC_CLK_TCK"))  # the kernel dates processes in these ticks: the two must differ
        one = self.prepare()
        pid = self.start(one)
        os.kill(pid, 9)
        self.runtime.wait_status(one.name, "stopped")
        file = self.runtime.root / one.name / "state.json"
        record = json.loads(file.read_text())
        record["pid"] = other.pid
        file.write_text(json.dumps(record))
        self.assertEqual(self.runtime.status(one.name), "stopped")
        self.runtime.fails("kill", one.name, "KILL")
        self.runtime.fails("exec", one.name, "/bin/true")
        self.runtime.call("delete", "--force", one.name)
        self.assertIsNone(other.poll())

    def test_cgroups_that_lead_upwards(self):
        for path in ("/../../plimsoll-up", "../../../tmp", f"{self.place.cgroup}/../../x", "/", "/a/../../b"):
            one = self.prepare("/bin/true")
            one.config["linux"]["cgroupsPath"] = path
            one.write()
            self.refused(one)
        running = self.prepare()
        self.start(running)
        for path in ("..", "../..", "a/../../..", "/../.."):
            done = self.exec(running.name, "/bin/true", options=("--cgroup", path), check=False)
            self.assertNotEqual(done.returncode, 0, path)


class Configurations(attacks.Attack):
    """Text that nobody would write: an error or a container, never a crash."""

    def test_monsters(self):
        def changed(change):
            one = self.prepare("/bin/true")
            change(one.config)
            one.write()
            return one

        def at(*path, value):
            def change(config):
                for name in path[:-1]:
                    config = config.setdefault(name, {})
                config[path[-1]] = value
            return change

        huge = 2 ** 64 - 1
        id_map = [{"containerID": n, "hostID": n, "size": 1} for n in range(20000)]
        for change in (at("process", "args", value=["/bin/true"] + ["x" * 100000] * 100),
                       at("process", "args", value=["/bin/true", "a\0b"]),
                       at("process", "cwd", value="/" + ("d" * 200 + "/") * 100),
                       at("process", "cwd", value="/data\0/../.."),
                       at("process", "user", value={"uid": huge, "gid": huge}),
                       at("process", "user", value={"uid": -1, "gid": -1}),
                       at("process", "user", value={"uid": 0, "gid": 0, "additionalGids": list(range(100000))}),
                       at("process", "rlimits", value=[{"type": "RLIMIT_NOFILE", "soft": 0, "hard": 0}]),
                       at("process", "oomScoreAdj", value=10 ** 30),
                       at("hostname", value="x" * 100000),
                       at("mounts", value=[{"destination": "/data", "type": "tmpfs", "source": "x"}] * 3000),
                       at("mounts", value=[{"destination": "/data/" + "x" * 300, "type": "tmpfs", "source": "x"}]),
                       at("linux", "uidMappings", value=id_map),
                       at("linux", "maskedPaths", value=["/proc/" + "x/" * 3000] * 50),
                       at("linux", "maskedPaths", value=["/proc/../../../../../../etc/passwd"]),
                       at("linux", "resources", value={"memory": {"limit": 2 ** 63 - 1}, "pids": {"limit": huge}}),
                       at("linux", "devices", value=[{"path": "/dev/x", "type": "c", "major": huge, "minor": -5}]),
                       at("annotations", value={f"k{n}": "v" * 1000 for n in range(1000)}),
                       at("root", "path", value="/../../../../" + str(self.outside) + "\0")):
            self.run_it(changed(change))
        for text in ("[" * 200000, '{"a":' * 100000, '{"ociVersion":"1.0.2","process":' + "1" * 1000000 + "}"):
            one = self.prepare()
            (pathlib.Path(one.bundle) / "config.json").write_text(text)
            self.refused(one)


if __name__ == "__main__":
    unittest.main()
