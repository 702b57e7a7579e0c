# SPDX-License-Identifier: Apache-2.0
"""What the OCI runtime says and leaves when something is wrong: one clear line, an exit code that is not 0, the line in
the JSON log, and no cgroup, mount, directory or process. Which runtime: oci.py. It is never ended by a signal."""
import copy
import json
import os
import pathlib
import unittest

import oci
import support

FAILURES = 100


def set_in(content, path, value):
    """Sets content[a][b] for the path "a.b"; takes the member away when the value is None."""
    *above, last = path.split(".")
    for name in above:
        content = content.setdefault(name, {})
    if value is None:
        content.pop(last, None)
    else:
        content[last] = value


# What is wrong -> (what to change, a part of what the runtime has to say, in lower case)
WRONG = {
    "the root file system is not there": ({"root.path": "/nowhere/at/all"}, "/nowhere/at/all|rootfs"),
    "the source of a mount is not there": ({"mounts.+": {
        "destination": "/data", "type": "bind", "source": "/nowhere/else", "options": ["bind"]}}, "/nowhere/else"),
    "a kind of mount that the kernel has not": ({"mounts.+": {
        "destination": "/data", "type": "nofs", "source": "nofs"}}, "/data|nofs"),
    "the program is not there": ({"process.args": ["/bin/missing"]}, "/bin/missing"),
    "the program is none": ({"process.args": ["/etc/plain"]}, "permission denied"),
    "the kernel refuses a resource": ({"linux.resources.cpu": {"quota": 10, "period": 100000}}, "cpu"),
    "there is no such processor": ({"linux.resources.cpu": {"cpus": "4095"}}, "cpuset"),
    "what nobody here can share out": ({"linux.intelRdt": {"closID": "gold", "l3CacheSchema": "L3:0=f"}},
                                       "rdt|resctrl"),
    "a hook fails": ({"hooks.createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", "echo sorry >&2; exit 3"]}]},
                     "hook|createruntime"),
    "a hook is not there": ({"hooks.prestart": [{"path": "/nowhere/hook"}]}, "/nowhere/hook|hook"),
    "a hook takes too long": ({"hooks.createRuntime": [{"path": "/bin/sleep", "args": ["sleep", "100"], "timeout": 1}]},
                              "hook|timeout|timed out|deadline|createruntime"),
    "a hook inside fails": ({"hooks.createContainer": [{"path": "/bin/false"}]}, "hook|createcontainer"),
    "a namespace to join is not there": ({"linux.namespaces.+": {"type": "user", "path": "/nowhere/ns"}},
                                         "/nowhere/ns|namespace"),
    "a sysctl is not there": ({"linux.sysctl": {"net.ipv4.no_such": "1"}}, "no_such|sysctl"),
    "a sysctl of the host": ({"linux.sysctl": {"vm.swappiness": "1"}}, "vm.swappiness|sysctl"),
    "a limit without a meaning": ({"process.rlimits": [{"type": "RLIMIT_NONE", "soft": 1, "hard": 1}]}, "rlimit"),
    "a working directory that is none": ({"process.cwd": "/etc/plain"}, "/etc/plain|cwd|chdir|not a directory"),
    "an action without a meaning": ({"linux.seccomp": {"defaultAction": "SCMP_ACT_NONE"}}, "scmp_act_none|action"),
    "a device that is not described": ({"linux.devices": [{
        "path": "/dev/x", "type": "z", "major": 1, "minor": 1}]}, "dev"),
}
QUICK = [what for what in WRONG if "too long" not in what]
NOT_CRUN = ("a device that is not described",  # it makes something
            "the kernel refuses a resource", "there is no such processor")  # its groups stay


def spoiled(content, changes):
    content = copy.deepcopy(content)
    for path, value in changes.items():
        if path.endswith(".+"):
            *above, last = path[:-2].split(".")
            place = content
            for name in above:
                place = place[name]
            place[last].append(value)
        else:
            set_in(content, path, value)
    return content


class Failures(oci.Case):
    def setUp(self):
        super().setUp()
        self.strict = self.runtime.kind != "crun"  # which takes much for granted

    def wrong(self, what):
        changes, said = WRONG[what]
        one = self.prepare()
        one.config = spoiled(one.config, changes)
        one.write()
        return one, said

    def test_each_is_said_and_leaves_nothing(self):
        log = self.directory() / "log"
        for what in WRONG:
            if not self.strict and what in NOT_CRUN:
                continue
            with self.subTest(what):
                one, said = self.wrong(what)
                log.write_text("")
                done = self.runtime.call("--log", log, "--log-format", "json", "create", "--bundle", one.bundle,
                                         one.name, check=False)
                self.assertGreater(done.returncode, 0, done.stderr)
                last = json.loads(log.read_text().splitlines()[-1])
                self.assertEqual(last["level"], "error")
                self.assertRegex(last["msg"].lower(), said)
                self.assertRegex(done.stderr.lower(), said)
                self.assert_gone(one)

    def test_a_hundred_failures_leave_nothing(self):
        """With `create` and `run` in turn, and nobody deletes afterwards."""
        self.runtime.call("run", "--bundle", (first := self.prepare("/bin/true")).bundle, first.name)
        before = self.present()
        for number in range(FAILURES):
            what = QUICK[number % len(QUICK)]
            if not self.strict and what in NOT_CRUN:
                continue
            one, _ = self.wrong(what)
            word = ("create", "run")[number // len(QUICK) % 2]
            done = self.runtime.call(word, "--bundle", one.bundle, one.name, check=False)
            self.assertGreater(done.returncode, 0, (word, what))
        support.wait_until("processes have ended", lambda: oci.children() == [], timeout=5)
        self.assertEqual(self.present(), before)

    def present(self):
        return {"groups": oci.groups_below(self.place.cgroup), "mounts": support.mounts_below(self.place.path),
                "state": oci.files_below(self.runtime.root), "temporary": oci.files_below(self.runtime.temporary),
                "children": oci.children(),
                "elsewhere": [str(mount) for mount in support.hierarchies() for name in os.listdir(mount)
                              if name.startswith("t") and name[1:].isdigit()]}

    # --- the bundle ---

    def test_a_bundle_without_a_configuration(self):
        bundle = self.place.bundle(None)
        self.assertIn("config.json", self.runtime.fails("create", "--bundle", bundle, "none"))
        said = self.runtime.fails("create", "--bundle", "/nowhere/at/all", "none")
        self.assertRegex(said, "/nowhere/at/all|no such file")
        self.assertEqual(self.runtime.names(), [])

    def test_a_bundle_without_a_root_file_system(self):
        one = self.prepare()
        one.config["root"]["path"] = "rootfs"
        one.write()
        self.assertIn("rootfs", self.runtime.fails("run", "--bundle", one.bundle, one.name))
        self.assert_gone(one)

    def test_text_that_is_no_configuration(self):
        good = json.dumps(oci.config(self.place))
        for what, text in {"empty": "", "half": good[:len(good) // 2], "more": good + "}", "list": "[]", "text": '"x"',
                           "null": "null", "number": "7", "empty object": "{}", "deep": "[" * 200000,
                           "binary": "\x00\x01\x7f", "not UTF-8": None}.items():
            if what == "more" and self.runtime.kind == "runc":
                continue  # which stops reading where the object ends
            with self.subTest(what):
                bundle = self.place.bundle(text)
                if text is None:
                    pathlib.Path(bundle, "config.json").write_bytes(b'{"ociVersion": "\xff\xfe"}')
                for word in ("create", "run"):
                    done = self.runtime.call(word, "--bundle", bundle, "none", check=False)
                    self.assertGreater(done.returncode, 0, done.stderr)
                    self.assertTrue(done.stderr.strip())
                    self.assertLess(len(done.stderr), 4000, "as good as one line")
                self.assertEqual(self.runtime.names(), [])

    def test_members_of_a_wrong_type(self):
        self.not_for_crun("ignores some")
        for path, value in (("process", []), ("process.args", "sh"), ("process.args", [7]), ("process.env", {}),
                            ("root", "rootfs"), ("mounts", {}), ("mounts.0", 7), ("linux", []),
                            ("linux.namespaces", {}), ("linux.resources", 7), ("process.user.uid", "root"),
                            ("process.user.uid", -1), ("hooks", []),
                            ("linux.resources.memory", {"limit": "much"}), ("annotations", ["x"]), ("process.cwd", 7)):
            with self.subTest(path, value=value):
                one = self.prepare()
                if path != "mounts.0":
                    set_in(one.config, path, value)
                else:
                    one.config["mounts"][0] = value
                one.write()
                done = self.runtime.call("create", "--bundle", one.bundle, one.name, check=False)
                self.assertGreater(done.returncode, 0, done.stderr)
                self.assert_gone(one)

    def test_what_has_to_be_there(self):
        self.not_for_crun("does without")
        for path, value in (("process.args", []), ("process.cwd", "relative"), ("process.cwd", ""), ("root", None),
                            ("process", None)):
            with self.subTest(path, value=value):
                one = self.prepare()
                set_in(one.config, path, value)
                one.write()
                done = self.runtime.call("run", "--bundle", one.bundle, one.name, check=False)
                self.assertGreater(done.returncode, 0, done.stderr)
                self.runtime.call("delete", "--force", one.name)
                self.assert_gone(one)

    def test_unknown_members_are_no_error(self):
        one = self.prepare("/bin/true")
        one.config["org.example.future"] = {"a": [1, {"b": None}]}
        one.config["linux"]["notYet"] = True
        one.config["process"]["later"] = "x"
        one.write()
        self.runtime.call("run", "--bundle", one.bundle, one.name)

    # --- ids and states ---

    def test_ids_that_are_refused(self):
        self.not_for_crun("1.8 follows an id out of its root, and deletes there")
        one = self.prepare()
        before = sorted(os.listdir(self.place.path))
        for name in ("..", "a/b", "../x", "/abs", "a b", "a\nb", "ä", "x" * 2000, "a/../b", "a;b", "*"):
            with self.subTest(name):
                for words in (("create", "--bundle", one.bundle), ("run", "--bundle", one.bundle), ("state",),
                              ("delete",), ("start",)):
                    done = self.runtime.call(*words, name, check=False)
                    self.assertGreater(done.returncode, 0, words)
                    self.assertTrue(done.stderr.strip(), words)
        self.assertEqual(self.runtime.names(), [])
        self.assertEqual([name for name in sorted(os.listdir(self.place.path)) if name != "runtime"],
                         [name for name in before if name != "runtime"])

    def test_ids_that_are_allowed(self):
        for name in ("a", "A9", "under_score", "with.dot", "with-dash", "with+plus", "x" * 200):
            with self.subTest(name):
                one = self.prepare("/bin/true")
                self.runtime.call("run", "--bundle", one.bundle, name)

    def test_nobody(self):
        for words in (("state", "nobody"), ("start", "nobody"), ("kill", "nobody", "KILL"), ("delete", "nobody"),
                      ("exec", "nobody", "/bin/true"), ("pause", "nobody"), ("resume", "nobody"), ("ps", "nobody"),
                      ("update", "--memory", "67108864", "nobody")):
            with self.subTest(words[0]):
                self.assertRegex(self.runtime.fails(*words), self.runtime.nobody)
        self.runtime.call("delete", "--force", "nobody")
        self.assertEqual(self.runtime.names(), [])

    def test_an_id_that_is_taken(self):
        one, other = self.prepare(), self.prepare()
        pid = self.start(one)
        self.assertRegex(self.runtime.fails("create", "--bundle", other.bundle, one.name), "exist|in use")
        self.assertEqual((self.runtime.status(one.name), self.runtime.state(one.name)["pid"]), ("running", pid))
        self.assertTrue(one.processes())

    def test_what_does_not_fit_the_state(self):
        one = self.prepare()
        self.runtime.call("create", "--bundle", one.bundle, one.name)
        self.runtime.call("start", one.name)
        self.runtime.fails("start", one.name)
        self.assertRegex(self.runtime.fails("delete", one.name), "running|stopped")
        self.assertEqual(self.runtime.status(one.name), "running")
        if self.strict:
            self.runtime.fails("resume", one.name)
            self.runtime.fails("kill", one.name, "NOSIGNAL")
            self.runtime.fails("kill", one.name, "999")
        self.assertEqual(self.runtime.status(one.name), "running")
        self.runtime.call("kill", one.name, "KILL")
        self.runtime.wait_status(one.name, "stopped")
        self.assertRegex(self.runtime.fails("kill", one.name, "TERM"),
                         "container not running|process already finished" if self.strict else "no such process")
        for word in ("start", "pause"):
            self.runtime.fails(word, one.name)
        self.assertEqual(self.runtime.status(one.name), "stopped")
        self.runtime.call("delete", one.name)

    def test_who_ended_before_it_was_started(self):
        one = self.prepare()
        self.runtime.call("create", "--bundle", one.bundle, one.name)
        os.kill(pid := self.runtime.state(one.name)["pid"], 9)
        self.wait_code(pid)
        self.assertEqual(self.runtime.status(one.name), "stopped")
        self.runtime.fails("start", one.name)
        self.runtime.call("delete", one.name)
        self.assert_gone(one)

    def test_words_that_are_not_understood(self):
        self.not_for_crun("reads what is no number as 0")
        one = self.prepare()
        for words in (("nonsense",), ("create", "--nonsense", one.name), ("create",), ("state",), ("kill",),
                      ("exec", one.name), ("--nonsense", "list"), ("--log-format", "xml", "list"),
                      ("list", "--format", "xml"), ("update", "--memory", "much", one.name),
                      ("run", "--preserve-fds", "some", "--bundle", one.bundle, one.name)):
            with self.subTest(words):
                done = self.runtime.call(*words, check=False)
                self.assertGreater(done.returncode, 0, words)
                self.assertTrue(done.stderr.strip() or done.stdout.strip())
        self.assertEqual(self.runtime.names(), [])

    def test_garbage_in_place_of_the_state(self):
        for text in (b"", b'{"id": "x', b'{"id": 7, "pid": "x"}', bytes(range(256))):
            with self.subTest(text[:20]):
                one = self.prepare()
                pid = self.start(one)
                for file in (self.runtime.root / one.name).iterdir():
                    if file.is_file() and not file.is_symlink() and not file.is_fifo():
                        file.write_bytes(text)
                for word in ("state", "start", "pause"):
                    self.assertGreater(self.runtime.call(word, one.name, check=False).returncode, 0)
                self.assertGreaterEqual(self.runtime.call("list", check=False).returncode, 0)
                self.assertGreaterEqual(self.runtime.call("delete", "--force", one.name, check=False).returncode, 0)
                os.kill(pid, 9)
                self.wait_code(pid)
                support.remove_groups(one.group)
                self.clear_state(one)

    def clear_state(self, one):
        directory = self.runtime.root / one.name
        for file in directory.iterdir() if directory.exists() else ():
            file.unlink()
        if directory.exists():
            directory.rmdir()


if __name__ == "__main__":
    unittest.main(verbosity=2)
