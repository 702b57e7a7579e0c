# SPDX-License-Identifier: Apache-2.0
"""What a bundle's config.json can say, seen from inside of the container and from the host: hooks, descriptors, joined
namespaces, mappings, mounts, limits, devices, a filter. runtime-spec's config.md and config-linux.md."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import unittest

import oci
import support


class Bundles(oci.Case):
    def test_hooks(self):
        data = self.directory()
        one = self.prepare("/bin/sh", "-c", "echo program >>/data/order")
        one.bind(data, "/data")
        one.config["hooks"] = {}
        for hook in oci.HOOKS:
            where = "/data" if hook == "startContainer" else data
            one.config["hooks"][hook] = [
                {"path": "/bin/sh", "args": ["sh", "-c", f"cat >{where}/{hook}; echo {hook}$MARK >>{where}/order"],
                 "env": ["PATH=/bin:/usr/bin", f"MARK={mark}"]} for mark in ("", "2")]
        one.write()
        self.runtime.call("create", "--bundle", one.bundle, one.name)
        order = data / "order"
        created = [f"{hook}{mark}" for hook in oci.HOOKS[:3] for mark in ("", "2")]
        early = ["poststart", "poststart2"] if self.runtime.kind == "runc" else []  # before 1.3 it runs them in create
        self.assertIn(order.read_text().split(), (created, created + early))
        pid = self.runtime.state(one.name)["pid"]
        self.runtime.call("start", one.name)
        self.wait_code(pid)
        self.runtime.call("delete", one.name)
        words = order.read_text().split()
        late = [f"{hook}{mark}" for hook in oci.HOOKS[3:] for mark in ("", "2") if f"{hook}{mark}" not in early]
        found = [word for word in words if word not in ("program", *created, *early)]
        if self.runtime.kind == "crun":  # whose poststart does not wait for startContainer
            late, found = sorted(late), sorted(found)
        self.assertEqual(found, late)
        self.assertLess(words.index("startContainer2"), words.index("program"))
        for hook in oci.HOOKS:
            state = json.loads((data / hook).read_text())
            self.assertEqual(state["id"], one.name, hook)
            if hook != "startContainer" or self.runtime.kind != "crun":  # which says "/" there
                self.assertEqual(state["bundle"], one.bundle, hook)
            self.assertRegex(state["ociVersion"], r"^1\.")
            self.assertEqual(state["annotations"], {"org.example/team": "blue"})
            if hook in ("prestart", "createRuntime", "poststart"):
                self.assertEqual(state["pid"], pid, hook)
        self.assertEqual(json.loads((data / "poststop").read_text())["status"], "stopped")
        for hook in oci.HOOKS[:2]:
            self.assertIn(json.loads((data / hook).read_text())["status"], ("creating", "created"))

    def test_without_a_mount_namespace(self):
        if self.runtime.kind != oci.OWN:
            self.skipTest("others leave the mounts behind")
        one = self.prepare()
        linux = one.config["linux"]
        linux["namespaces"] = [space for space in linux["namespaces"] if space["type"] != "mount"]
        linux["maskedPaths"], linux["readonlyPaths"] = [], []
        one.write()
        before = pathlib.Path("/proc/self/mountinfo").read_text()
        pid = self.start(one)
        self.assertEqual(os.readlink(f"/proc/{pid}/ns/mnt"), os.readlink("/proc/self/ns/mnt"))
        self.assertEqual(self.exec(one.name, "/bin/cat", "/etc/plain").stdout, "not a program\n", "in its own root")
        self.runtime.call("delete", "--force", one.name)
        self.assertEqual(pathlib.Path("/proc/self/mountinfo").read_text(), before)

    def test_without_a_process(self):
        if self.runtime.kind == "runc":
            self.skipTest("runc wants one at once")
        one = self.prepare()
        del one.config["process"]
        one.write()
        self.runtime.call("create", "--bundle", one.bundle, one.name)
        self.assertEqual(self.runtime.status(one.name), "created")
        self.assertIn("process", self.runtime.fails("start", one.name))
        self.runtime.wait_status(one.name, "stopped")
        self.runtime.call("delete", one.name)
        self.assert_gone(one)

    def test_hooks_in_the_container_have_no_more_rights_than_the_program(self):
        self.not_for_crun("it runs them with all of its own rights")
        data = self.directory()
        one = self.prepare("/bin/true")
        one.bind(data, "/data")
        one.config["process"]["env"] = ["PATH=/bin:/usr/bin", "MARK=a", "HOME=", "MARK=b"]
        script = "echo $MARK $HOME >/data/said; grep -h -e CapEff -e NoNewPrivs /proc/self/status >>/data/said; exit 3"
        one.config["hooks"] = {"startContainer": [{"path": "/bin/true"},
                                                  {"path": "/bin/sh", "args": ["sh", "-c", script]}]}
        one.write()
        words = self.runtime.fails("run", "--bundle", one.bundle, one.name)
        self.assertIn("error running startcontainer hook #1", words)
        mark, *status = (data / "said").read_text().splitlines()
        self.assertEqual(mark, "b /root", "the program's variables, the last of each, and a home")
        bits = int(status[0].split()[1], 16)
        self.assertEqual(bits & 1 << 21, 0, "CAP_SYS_ADMIN")

    def test_a_death_before_the_program_is_no_start(self):
        one = self.prepare("/bin/echo", "ran")
        namespaces = one.config["linux"]["namespaces"]
        one.config["linux"]["namespaces"] = [kind for kind in namespaces if kind["type"] != "pid"]
        one.config["hooks"] = {"createContainer": [{"path": "/bin/sh", "args": ["sh", "-c", "kill -9 $PPID"]}]}
        one.write()
        done = self.runtime.call("run", "--bundle", one.bundle, one.name, check=False)
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("killed", done.stderr)

    def test_the_hook_before_the_root_is_entered_stands_in_it(self):
        one = self.prepare("/bin/true")
        data = self.directory()
        one.config["hooks"] = {"createContainer": [{"path": "/bin/sh", "args": ["sh", "-c", f"pwd >{data}/place"]}]}
        one.write()
        self.runtime.call("run", "--bundle", one.bundle, one.name)
        self.assertEqual(os.path.realpath((data / "place").read_text().strip()), os.path.realpath(self.place.rootfs()))

    def test_the_cpus_of_the_caller_are_not_those_of_the_container(self):
        self.not_for_crun("it leaves them as they are")
        before = os.sched_getaffinity(0)
        if len(before) < 2:
            self.skipTest("one CPU only")
        one = self.prepare("/bin/grep", "Cpus_allowed_list", "/proc/self/status")
        free = self.runtime.call("run", "--bundle", one.bundle, one.name).stdout
        try:
            os.sched_setaffinity(0, {min(before)})
            bound = self.runtime.call("run", "--bundle", one.bundle, one.name).stdout
        finally:
            os.sched_setaffinity(0, before)
        self.assertEqual(bound, free)

    def test_exec_takes_its_process_from_a_pipe(self):
        one = self.prepare()
        self.start(one)
        process = dict(one.config["process"], args=["/bin/echo", "piped"], terminal=False)
        command = " ".join(self.runtime.arguments("exec", "--process"))
        done = subprocess.run(["bash", "-c", f"{command} <(cat) {one.name}"], input=json.dumps(process), text=True,
                              capture_output=True, timeout=30 * support.TIME_FACTOR)
        self.assertEqual((done.stdout, done.returncode), ("piped\n", 0), done.stderr)

    def test_a_created_container_ends_by_a_signal(self):
        one = self.prepare()
        self.runtime.call("create", "--bundle", one.bundle, one.name)
        self.runtime.call("kill", one.name, "TERM")
        self.runtime.wait_status(one.name, "stopped")
        self.runtime.call("delete", one.name)

    def test_descriptors_that_are_kept(self):
        reader, writer = os.pipe()
        one = self.prepare("/bin/sh", "-c", "echo kept >&3; ls /proc/self/fd")
        command = self.runtime.arguments("run", "--preserve-fds", "1", "--bundle", one.bundle, one.name)
        try:
            done = subprocess.run(["bash", "-c", f'exec "$@" 3>&{writer}', "bash", *command], pass_fds=(writer,),
                                  stdin=subprocess.DEVNULL, capture_output=True, check=True, text=True,
                                  timeout=30 * support.TIME_FACTOR)
            os.close(writer)
            writer = -1
            self.assertEqual(os.read(reader, 100), b"kept\n")
            self.assertEqual(done.stdout.split()[:4], ["0", "1", "2", "3"])
            self.assertEqual(len(done.stdout.split()), 5, "and the one that ls itself opens")
        finally:
            os.close(reader)
            if writer >= 0:
                os.close(writer)

    def test_no_other_descriptor_is_passed_on(self):
        one = self.prepare("/bin/ls", "/proc/self/fd")
        with open("/etc/hostname", "rb") as leak:
            os.set_inheritable(leak.fileno(), True)
            done = subprocess.run(self.runtime.arguments("run", "--bundle", one.bundle, one.name), text=True,
                                  stdin=subprocess.DEVNULL, capture_output=True, check=True, close_fds=False,
                                  timeout=30 * support.TIME_FACTOR)
        self.assertEqual(done.stdout.split(), ["0", "1", "2", "3"])

    def test_joins_namespaces_by_path(self):
        first = self.prepare()
        pid = self.start(first)
        second = self.prepare()
        paths = {"network": "net", "ipc": "ipc", "uts": "uts", "pid": "pid"}
        for kind in second.config["linux"]["namespaces"]:
            if kind["type"] in paths:
                kind["path"] = f"/proc/{pid}/ns/{paths[kind['type']]}"
        del second.config["hostname"]
        second.write()
        other = self.start(second)
        for kind in paths.values():
            self.assertEqual(os.readlink(f"/proc/{other}/ns/{kind}"), os.readlink(f"/proc/{pid}/ns/{kind}"))
        self.assertNotEqual(os.readlink(f"/proc/{other}/ns/mnt"), os.readlink(f"/proc/{pid}/ns/mnt"))
        self.assertEqual(self.exec(second.name, "/bin/ps").stdout.count("sleep 1000"), 2)
        self.runtime.call("kill", second.name, "KILL")
        self.assertEqual(self.wait_code(other), -9, "before the first can end, this one must be waited for")

    def test_user_namespace(self):
        one = self.prepare("/bin/sh", "-c", "cat /proc/self/uid_map /proc/self/gid_map; id -u; touch /tmp/x")
        one.config["linux"]["namespaces"].append({"type": "user"})
        one.config["linux"]["uidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 2000}]
        one.config["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 200000, "size": 2000}]
        one.write()
        words = self.runtime.call("run", "--bundle", one.bundle, one.name).stdout.split()
        self.assertEqual(words[:7], ["0", "100000", "2000", "0", "200000", "2000", "0"])
        (pathlib.Path(self.place.rootfs()) / "tmp/x").unlink()

    def test_user_namespace_without_mappings(self):
        if oci.runtime_kind() == "runc":
            self.skipTest("runc wants mappings")
        one = self.prepare("/bin/sh", "-c", "cat /proc/self/uid_map; stat -c %u:%g /; id -u")
        one.config["linux"]["namespaces"].append({"type": "user"})
        one.write()
        words = self.runtime.call("run", "--bundle", one.bundle, one.name).stdout.split()
        self.assertEqual(words, ["0", "0", "4294967295", "0:0", "0"])

    def test_mounts_and_paths(self):
        one = self.prepare("/bin/sh", "-c",
                           "wc -c </proc/keys; touch /proc/sys/kernel/ostype; touch /data/x; cat /proc/mounts")
        data = self.directory()
        one.bind(data, "/data", "ro")
        one.config["root"]["readonly"] = True
        one.write()
        done = self.runtime.call("run", "--bundle", one.bundle, one.name)
        self.assertEqual(done.stdout.split()[0], "0", "a masked path is empty")
        self.assertEqual(done.stderr.count("Read-only file system"), 2, done.stderr)
        mounts = {line.split()[1]: line.split()[3] for line in done.stdout.splitlines() if line.count(" ") == 5}
        for path in ("/", "/proc/sys", "/data", "/sys"):
            self.assertEqual(mounts[path].split(",")[0], "ro", path)
        self.assertEqual(os.listdir(data), [])

    def test_rlimits_sysctl_and_oom_score(self):
        one = self.prepare("/bin/sh", "-c", "ulimit -n; ulimit -Hn; cat /proc/sys/net/ipv4/ip_default_ttl "
                           "/proc/self/oom_score_adj; umask", oomScoreAdj=500, user={"uid": 0, "gid": 0, "umask": 0o27},
                           rlimits=[{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}])
        one.config["linux"]["sysctl"] = {"net.ipv4.ip_default_ttl": "9"}
        one.write()
        words = self.runtime.call("run", "--bundle", one.bundle, one.name).stdout.split()
        self.assertEqual(words, ["100", "200", "9", "500", "0027"])

    def test_devices(self):
        one = self.prepare("/bin/sh", "-c", "ls -ln /dev/mine; head -c 1 /dev/mine | wc -c; head -c 1 /dev/kmsg2")
        one.config["linux"]["devices"] = [
            {"path": "/dev/mine", "type": "c", "major": 1, "minor": 5, "fileMode": 0o640, "uid": 7, "gid": 8},
            {"path": "/dev/kmsg2", "type": "c", "major": 1, "minor": 11, "fileMode": 0o666}]
        one.write()
        done = self.runtime.call("run", "--bundle", one.bundle, one.name, check=False)
        self.assertRegex(done.stdout, r"crw-r----- +1 7 +8 +1, +5 .*\n1\n")
        self.assertIn("Operation not permitted", done.stderr, "a device that the rules do not allow")

    def test_another_user_has_what_the_programs_file_permits(self):
        """Also with no_new_privs, as far as config.json permits it: so programs like CoreDNS are run in Kubernetes."""
        program = pathlib.Path(self.place.rootfs(), "data/busybox")
        shutil.copy(support.tool("busybox"), program)
        subprocess.run([support.tool("setcap"), "cap_net_bind_service,cap_chown+ep", str(program)], check=True)
        words = ["/data/busybox", "grep", "-E", "CapPrm|CapEff|CapAmb|NoNewPrivs", "/proc/self/status"]
        for forbidden in (True, False):
            config = oci.config(self.place, *words)
            sets = ["CAP_NET_BIND_SERVICE", "CAP_CHOWN", "CAP_KILL"]
            config["process"].update(user={"uid": 1000, "gid": 1000}, noNewPrivileges=forbidden,
                                     capabilities={kind: sets for kind in ("bounding", "effective", "permitted")})
            with self.subTest(no_new_privs=forbidden):
                shown = self.runtime.call("run", "--bundle", self.place.bundle(config), "permitted").stdout
                self.assertEqual(re.findall(r"\w+:\t(\w+)", shown), [f"{1 << 10 | 1:016x}"] * 2 + ["0" * 16, str(int(forbidden))])

    def test_seccomp(self):
        one = self.prepare("/bin/sh", "-c", "grep Seccomp: /proc/self/status; mkdir /tmp/y; echo after")
        one.config["linux"]["seccomp"] = {
            "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
            "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]}
        one.write()
        done = self.runtime.call("run", "--bundle", one.bundle, one.name)
        self.assertEqual(done.stdout.split(), ["Seccomp:", "2", "after"])
        self.assertIn("No space left on device", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
