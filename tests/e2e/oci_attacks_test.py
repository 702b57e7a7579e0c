# SPDX-License-Identifier: Apache-2.0
"""What containers, images and other users have done to OCI runtimes, done to the one under test: the holes of runc and
crun since 2019 that are in the table of docs/SECURITY.md, and those that were found in ours. Each attack is made for
real, through the command line; races are run in loops beside a process that swaps what the runtime walks over.

The attacker is root in the container, or owns the image, a volume or the directory of the state."""

import contextlib
import hashlib
import os
import pathlib
import re
import select
import socket
import stat
import subprocess
import unittest

import attacks
import oci
import support

# Writes down, as fast as it can, what can be seen of processes that were not there at its start.
SPY = """for p in /proc/[0-9]*; do known="$known $p "; done
while :; do for p in /proc/[0-9]*; do case "$known" in *" $p "*) ;; *)
  for f in $p/exe $p/cwd $p/root $p/fd/*; do t=$(readlink $f 2>/dev/null) && echo "${f##*/} $t"; done; esac; done
done >> /data/seen"""


class Executable(attacks.Attack):
    """CVE-2019-5736: a container's process that is the host's executable can be used to write to that."""

    def setUp(self):
        super().setUp()
        self.binary = pathlib.Path(self.runtime.path)
        before = hashlib.sha256(self.binary.read_bytes()).digest()
        self.addCleanup(lambda: self.assertEqual(hashlib.sha256(self.binary.read_bytes()).digest(), before))
        with contextlib.suppress(FileNotFoundError):
            (self.rootfs / "data/seen").unlink()

    def assert_never_seen(self):
        for line in self.seen():
            self.assertNotIn(self.binary.name, line)
            self.assertNotIn(str(self.place.path), line)

    def trap(self, name, text=None):
        path = self.rootfs / "bin" / name
        self.addCleanup(path.unlink)
        if text is None:
            path.symlink_to("/proc/self/exe")
        else:
            path.write_text(text)
            path.chmod(0o755)
        return f"/bin/{name}"

    def test_programs_that_are_the_runtime_itself(self):
        programs = [self.trap("itself"), self.trap("script", "#!/proc/self/exe\n"),
                    self.trap("words", "#!/proc/self/exe --version\n"), "/proc/self/exe"]
        one = self.prepare("/bin/sh", "-c", SPY)
        self.start(one)
        support.wait_until("the spy looks", lambda: (self.rootfs / "data/seen").exists())
        for program in programs * 3:
            for words in ((program,), (program, "--version"), (program, "run", "x")):
                done = self.exec(one.name, *words, check=False)
                self.assertNotIn("plimsoll-oci version", done.stdout)
                self.assertNotIn("runc version", done.stdout)
        for program in programs:
            other = self.prepare(program, "--version")
            self.assertNotIn("version", self.run_it(other).stdout)
        self.assert_never_seen()

    def test_who_looks_at_exec_sees_nothing_of_the_host(self):
        one = self.prepare("/bin/sh", "-c", SPY)
        self.start(one)
        support.wait_until("the spy looks", lambda: (self.rootfs / "data/seen").exists())
        for turn in range(25):
            self.exec(one.name, "/bin/true", options=("--user", "1000") if turn % 2 else ())
        self.assert_never_seen()

    @unittest.skipIf(os.environ.get("PLIMSOLL_OCI_RUNTIME"), "runc's hooks have its own protection")
    def test_hooks_that_are_the_runtime_itself(self):
        hook = self.trap("hook")
        (self.rootfs / "data/seen").write_text("")
        one = self.prepare("/bin/true")
        spy = {"path": "/bin/sh", "args": ["sh", "-c", f"({SPY}) <&- 2>&- & sleep 0.1"], "env": ["PATH=/bin"]}
        one.config["hooks"] = {"startContainer": [spy] + [{"path": hook, "args": ["hook", "--version"]}] * 2}
        one.write()
        self.assertNotIn("version", self.run_it(one).stdout)
        self.assert_never_seen()


class Descriptors(attacks.Attack):
    """CVE-2024-21626: what is open in the runtime is a way out."""

    OPEN = "for p in self 1; do for f in /proc/$p/fd/*; do echo ${f##*/} $(readlink $f); done; done"

    def assert_only_streams(self, text, allowed=()):
        for line in text.splitlines():
            number, _, target = line.partition(" ")
            if int(number) > 2 and number not in allowed and not re.match(r"pipe:|/proc/|$", target):
                raise AssertionError(f"descriptor {line} is open:\n{text}")

    def script(self):
        # Without redirections: the shell keeps copies of what it redirects.
        return ("/bin/sh", "-c", self.OPEN)

    def test_nothing_else_is_open(self):
        one = self.prepare(*self.script())
        self.assert_only_streams(self.run_it(one).stdout)
        running = self.prepare()
        self.start(running)
        self.assert_only_streams(self.exec(running.name, *self.script()).stdout)

    def test_nothing_else_is_open_on_a_terminal(self):
        one = self.prepare(*self.script(), terminal=True)
        code, text = oci.on_terminal(self.runtime.arguments("run", "--bundle", one.bundle, one.name), 20, 80)
        self.assertEqual(code, 0, text)
        self.assert_only_streams(text)
        running = self.prepare()
        self.start(running)
        code, text = oci.on_terminal(self.runtime.arguments("exec", "-t", running.name, *self.script()), 20, 80)
        self.assertEqual(code, 0, text)
        self.assert_only_streams(text)

    def test_what_the_caller_has_open_stays_with_it(self):
        fd = os.open(self.outside, os.O_RDONLY)
        self.addCleanup(os.close, fd)
        os.set_inheritable(fd, True)
        one = self.prepare(*self.script())
        text = self.run_it(one, close_fds=False).stdout
        self.assertNotIn(str(self.outside), text)
        self.assert_only_streams(text)

    def test_preserved_ones_and_no_others(self):
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        self.addCleanup(os.close, write)
        one = self.prepare(*self.script())
        words = self.runtime.arguments("run", "--preserve-fds", "1", "--bundle", one.bundle, one.name)
        # The shell puts descriptors where they are wanted.
        done = subprocess.run(["/bin/sh", "-c", 'exec "$@" 3</dev/null 4</etc', "x", *words], capture_output=True,
                              text=True, check=True, stdin=subprocess.DEVNULL, timeout=60)
        self.assertRegex(done.stdout, r"(?m)^3 /dev/null$")
        self.assert_only_streams(done.stdout, ("3",))

    def test_closed_streams_are_not_filled_with_the_runtimes(self):
        image = self.image()
        for closed in ("0<&-", "1>&-", "0<&- 1>&-", "0<&- 1>&- 2>&-"):
            for command in ("run", "exec"):
                with self.subTest(closed=closed, command=command):
                    look = "for n in 0 1 2; do readlink /proc/self/fd/$n; done > /data/out"
                    one = self.container(image, "/bin/sh", "-c", look if command == "run" else "sleep 100")
                    words = self.runtime.arguments("run", "--bundle", one.bundle, one.name)
                    if command == "exec":
                        self.start(one)
                        words = self.runtime.arguments("exec", one.name, "/bin/sh", "-c", look)
                    subprocess.run(["/bin/sh", "-c", f'exec "$@" {closed}', "x", *words], check=False, timeout=60,
                                   stdin=subprocess.DEVNULL, capture_output=True)
                    first, second, third = (image / "data/out").read_text().splitlines()
                    self.assertEqual((first, second), ("/dev/null", "/data/out"))
                    self.assertRegex(third, r"^(/dev/null|pipe:)")

    def test_working_directories_that_lead_to_descriptors(self):
        link = self.rootfs / "data/way"
        running = self.prepare()
        self.start(running)
        look = ("/bin/sh", "-c", "pwd; ls -d ../../../../../../../usr/lib 2>/dev/null; cat "
                "../canary canary 2>/dev/null; true")
        for number in range(3, 24):
            for directory in (f"/proc/self/fd/{number}", f"/proc/self/fd/{number}/..", f"/proc/1/fd/{number}",
                              "/data/way", "/data/way/.."):
                with contextlib.suppress(FileNotFoundError):
                    link.unlink()
                link.symlink_to(f"/proc/self/fd/{number}")
                for done in (self.run_it(self.prepare(*look, cwd=directory)),
                             self.exec(running.name, *look, options=("--cwd", directory), check=False)):
                    self.assertNotIn("the host's", done.stdout)
                    self.assertNotIn("usr/lib", done.stdout)
                    if done.returncode == 0:
                        self.assertRegex(done.stdout, r"^/")
        link.unlink()


class Links(attacks.Attack):
    """CVE-2019-18837, 2021-30465, 2023-27561, 2023-28642, 2024-45310, 2026-41579, 2026-47766: links in the image, or
    put there during the start."""

    def test_kernel_file_systems_at_links(self):
        for name in ("proc", "sys", "dev"):
            for target in (str(self.outside), "../" * 20 + str(self.outside)[1:], "/data", "data"):
                with self.subTest(name, target=target):
                    image = self.image()
                    (image / name).rmdir()
                    (image / name).symlink_to(target)
                    self.refused(self.container(image, "/bin/true"))
                    self.assert_untouched()

    def test_a_device_directory_that_is_a_link_and_not_mounted(self):
        for mounts in ((), ("/dev/pts",), ("/dev/pts", "/dev/shm")):
            for terminal in (False, True):
                image = self.image()
                (image / "dev").rmdir()
                (image / "dev").symlink_to(self.outside)
                one = self.container(image, "/bin/true", terminal=terminal)
                one.config["mounts"] = [mount for mount in one.config["mounts"] if mount["destination"] in mounts
                                        or not mount["destination"].startswith("/dev")]
                one.write()
                words = self.runtime.arguments("run", "--bundle", one.bundle, one.name)
                if terminal:
                    oci.on_terminal(words, 20, 80)
                else:
                    self.run_it(one)
                self.assert_untouched()

    def test_missing_mount_points_behind_links(self):
        volume = self.directory()
        image = self.image()
        (image / "data/out").symlink_to(self.outside)
        (image / "data/up").symlink_to("../" * 30 + str(self.outside)[1:])
        for target in ("/data/out/made/deep", "/data/up/made", "/data/out", "/data/up/file"):
            one = self.container(image, "/bin/true")
            one.bind(volume, target)
            self.run_it(one)
            self.assert_untouched()

    def test_working_directories_behind_links(self):
        image = self.image()
        (image / "data/out").symlink_to(self.outside)
        self.run_it(self.container(image, "/bin/true", cwd="/data/out/made/deep"))
        self.assert_untouched()

    def test_devices_behind_links(self):
        image = self.image()
        (image / "data/out").symlink_to(self.outside)
        one = self.container(image, "/bin/true")
        one.config["linux"]["devices"] = [{"path": "/data/out/node", "type": "c", "major": 1, "minor": 3,
                                           "fileMode": 0o666, "uid": 0, "gid": 0}]
        one.write()
        self.run_it(one)
        self.assert_untouched()

    def test_mount_targets_that_are_swapped(self):
        volume = self.directory()
        (volume / "target").mkdir()
        (volume / "link").symlink_to("../" * 20 + str(self.outside)[1:])
        payload = self.directory()
        image = self.image()
        look = "cat /vol/target/canary /vol/link/canary 2>/dev/null; cat /proc/self/mounts"
        with attacks.swapping(volume, "swap('target', 'link')"):
            for _ in range(40):
                one = self.container(image, "/bin/sh", "-c", look)
                one.bind(volume, "/vol")
                one.bind(payload, "/vol/target/made")
                one.config["mounts"].append({"destination": "/vol/target", "type": "tmpfs", "source": "tmpfs"})
                one.write()
                done = self.run_it(one)
                self.assertNotIn("the host's", done.stdout)
                self.assert_untouched()

    def test_directories_that_are_swapped_while_they_are_made(self):
        image = self.image()
        (image / "data/way").mkdir()
        (image / "data/link").symlink_to("../" * 20 + str(self.outside)[1:])
        with attacks.swapping(image / "data", "swap('way', 'link')"):
            for number in range(40):
                one = self.container(image, "/bin/true", cwd=f"/data/way/a{number}/b/c")
                one.config["mounts"].append({"destination": f"/data/way/m{number}/n", "type": "tmpfs", "source": "x"})
                one.write()
                self.run_it(one)
                self.assert_untouched()

    def test_devices_that_are_swapped_for_links(self):
        image = self.image()
        canary = self.outside / "canary"
        (image / "data/link").symlink_to(canary)
        code = (f"if swap('node', 'link') == 0: time.sleep(0.001), os.unlink('node'), os.unlink('link'), "
                f"os.symlink({str(canary)!r}, 'link')")
        with attacks.swapping(image / "data", code):
            for _ in range(40):
                one = self.container(image, "/bin/true")
                one.config["linux"]["devices"] = [{"path": "/data/node", "type": "c", "major": 1, "minor": 3,
                                                   "fileMode": 0o666, "uid": 1000, "gid": 1000}]
                one.write()
                self.run_it(one)
                self.assert_untouched()
                self.assertEqual(canary.stat().st_uid, 0)

    def test_copied_up_trees_stay_inside(self):
        image = self.image()
        (image / "data/link").symlink_to(self.outside)
        (image / "data/canary").symlink_to(self.outside / "canary")
        one = self.container(image, "/bin/sh", "-c", "cat /data/canary /data/link/canary; ls -l /data")
        one.config["mounts"].append({"destination": "/data", "type": "tmpfs", "source": "tmpfs",
                                     "options": ["tmpcopyup"]})
        one.write()
        self.assertNotIn("the host's", self.run_it(one).stdout)


class Procfs(attacks.Attack):
    """CVE-2019-16884, 2019-19921, 2025-31133, 2025-52565, 2025-52881: what is hidden, and what is written to."""

    def test_nothing_is_mounted_over_procfs(self):
        fake = self.directory()
        (fake / "file").write_text("")
        for target, source, kind in (("/proc", fake, "bind"), ("/proc/sys", fake, "bind"),
                                     ("/proc/self/attr", fake, "bind"),
                                     ("/proc", "tmpfs", "tmpfs"), ("/proc/sys/kernel", "tmpfs", "tmpfs"),
                                     ("/proc/self/attr/exec", fake / "file", "bind"),
                                     ("/proc/sysrq-trigger", fake / "file", "bind")):
            with self.subTest(target, kind=kind):
                one = self.prepare("/bin/true")
                one.config["mounts"].append({"destination": target, "type": kind, "source": str(source),
                                             "options": ["rbind"] if kind == "bind" else []})
                one.write()
                self.refused(one)

    def test_links_in_the_image_do_not_lead_mounts_into_procfs(self):
        image = self.image()
        (image / "data/way").symlink_to("/proc/self/attr")
        one = self.container(image, "/bin/true")
        one.bind(self.directory(), "/data/way")
        self.refused(one)

    def test_a_null_device_that_is_another_file(self):
        for fake in ("link", "file", "device"):
            image = self.image()
            one = self.container(image, "/bin/sh", "-c", "cat /proc/kcore | head -c 20; echo hidden")
            one.config["mounts"] = [mount for mount in one.config["mounts"] if mount["destination"] != "/dev"
                                    and not mount["destination"].startswith("/dev/")]
            one.write()
            null = image / "dev/null"
            if fake == "link":
                null.symlink_to("/proc/sys/kernel/core_pattern")
            elif fake == "file":
                null.write_text("the image's")
            else:
                os.mknod(null, stat.S_IFCHR | 0o666, os.makedev(1, 5))
            done = self.run_it(one)
            self.assertTrue(done.returncode != 0 or done.stdout == "hidden\n", done.stdout)

    def test_what_is_hidden_while_the_directory_is_swapped(self):
        image = self.image()
        (image / "fake").mkdir()
        for name in ("sys", "kcore"):
            (image / "fake" / name).mkdir()
        look = ("for p in /proc /fake; do test -e $p/1/stat || continue; "
                "test -n \"$(head -c 1 $p/keys)\" && echo BAD keys; "
                "echo x 2>/dev/null > $p/sys/kernel/domainname && echo BAD sys; done 2>/dev/null; echo done")
        with attacks.swapping(image, "swap('proc', 'fake')"):
            for _ in range(40):
                done = self.run_it(self.container(image, "/bin/sh", "-c", look))
                self.assertNotIn("BAD", done.stdout)

    def test_a_console_that_is_a_link(self):
        image = self.image()
        one = self.container(image, "/bin/true", terminal=True)
        one.config["mounts"] = [mount for mount in one.config["mounts"] if mount["destination"] != "/dev"
                                and mount["destination"] not in ("/dev/shm", "/dev/mqueue")]
        one.write()
        (image / "dev/console").symlink_to(self.outside / "canary")
        (image / "dev/pts").mkdir()
        code, _ = oci.on_terminal(self.runtime.arguments("run", "--bundle", one.bundle, one.name), 20, 80)
        self.assertNotEqual(code, 0)

    def test_settings_of_the_host_are_out_of_reach(self):
        before = pathlib.Path("/proc/sys/kernel/core_pattern").read_text()
        for name in ("kernel.core_pattern", "net/../kernel/core_pattern", "net.ipv4/../../kernel.core_pattern",
                     "net/ipv4/../../../sysrq-trigger", "kernel/shm_rmid_forced/../core_pattern", "vm.swappiness"):
            with self.subTest(name):
                one = self.prepare("/bin/true")
                one.config["linux"]["sysctl"] = {name: "|/bin/evil"}
                one.write()
                self.refused(one)
        self.assertEqual(pathlib.Path("/proc/sys/kernel/core_pattern").read_text(), before)


class Privileges(attacks.Attack):
    """CVE-2022-0492, 2022-24769, 2022-27650, 2022-29162, 2023-25809, 2026-30892."""

    def test_inheritable_capabilities_are_empty(self):
        look = ("/bin/grep", "-E", "CapInh|CapAmb", "/proc/self/status")
        running = self.prepare()
        self.start(running)
        for done in (self.run_it(self.prepare(*look)), self.exec(running.name, *look),
                     self.exec(running.name, *look, options=("--cap", "CAP_NET_ADMIN")),
                     self.exec(running.name, *look, options=("--user", "1000:1000"))):
            self.assertEqual(re.findall(r"\w+:\s*(\w+)", done.stdout), ["0" * 16] * 2, done.stderr)

    def test_cgroups_have_no_release_agent(self):
        attack = """cd /sys/fs/cgroup; for d in . */ */*/; do
          for f in release_agent notify_on_release cgroup.procs tasks devices.allow memory.limit_in_bytes; do
          (echo 1 > $d/$f) 2>/dev/null && echo BAD $d$f; done; done
          mkdir /tmp/c 2>/dev/null; mount -t cgroup -o memory x /tmp/c 2>/dev/null && echo BAD mount
          mount -o remount,rw /sys/fs/cgroup 2>/dev/null && echo BAD remount; echo done"""
        done = self.run_it(self.prepare("/bin/sh", "-c", attack))
        self.assertEqual(done.stdout, "done\n")

    def test_a_bound_sys_is_read_only_as_a_whole(self):
        self.place.path.chmod(0o755)
        for cgroup_mount in (True, False):
            one = self.prepare("/bin/cat", "/proc/self/mountinfo")
            linux = one.config["linux"]
            linux["namespaces"] = [{"type": kind} for kind in ("pid", "ipc", "uts", "mount", "user")]
            linux["uidMappings"] = linux["gidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
            if not cgroup_mount:
                one.config["mounts"] = [mount for mount in one.config["mounts"] if "cgroup" not in mount["destination"]]
            one.write()
            done = self.run_it(one)
            self.assertEqual(done.returncode, 0, done.stderr)
            below = [line.split() for line in done.stdout.splitlines() if line.split()[4].startswith("/sys")]
            self.assertGreater(len(below), 1)
            for fields in below:
                self.assertIn("ro", fields[5].split(","), " ".join(fields))

    def test_users_are_those_that_were_meant(self):
        image = self.image()
        names = ("+1", "-1", " 1", "1 ", "0x1", "01x", "4294967295", "4294967296", "99999999999999999999", "1:", "1",
                 "root", "", "１")
        passwd = "".join(f"{name}:x:0:0::/:/bin/sh\n" for name in names) + "app:x:1000:1000::/:/bin/sh\n:::::::\n"
        (image / "etc/passwd").write_text(passwd)
        (image / "etc/group").write_text("".join(f"{name}:x:0:\n" for name in names) + "::0:\napp:x:1000:\n")
        one = self.container(image)
        self.start(one)
        who = ("/bin/sh", "-c", "echo $(id -u):$(id -g)")
        for given, expected in (("1", "1:0"), ("1:1", "1:1"), ("0", "0:0"), ("00001", "1:0"), ("app", "1000:1000"),
                                ("4294967294:7", "4294967294:7"), ("app:5", "1000:5"), ("7:app", "7:1000")):
            with self.subTest(given):
                self.assertEqual(self.exec(one.name, *who, options=("--user", given)).stdout, expected + "\n")
        for given in ("1:", ":1", ":", "", "+1", "-1", " 1", "1 ", "1:+1", "1: 1", "1:-1", "4294967295", "4294967296",
                      "1:4294967295", "99999999999999999999", "1:1:1", "1::1", "nobody-here", "1:nobody-here", "1\t"):
            with self.subTest(given):
                done = self.exec(one.name, *who, options=("--user=" + given,), check=False)
                self.assertNotEqual(done.returncode, 0, f"'{given}' became {done.stdout}")

    def test_the_containers_passwd_is_not_opened_unless_it_is_a_file(self):
        for kind in ("fifo", "device", "directory", "link", "socket"):
            with self.subTest(kind):
                image = self.image()
                one = self.container(image)
                self.start(one)
                passwd, watched = image / "etc/passwd", image / "etc/passwd"
                if kind == "fifo":
                    os.mkfifo(passwd)
                elif kind == "device":
                    os.mknod(passwd, stat.S_IFCHR | 0o666, os.makedev(1, 5))
                elif kind == "directory":
                    passwd.mkdir()
                elif kind == "socket":
                    socket.socket(socket.AF_UNIX).bind(str(passwd))
                else:
                    watched = self.outside / "passwd"
                    watched.write_text("app:x:0:0::/:/bin/sh\n")
                    passwd.symlink_to(watched)
                events = attacks.opened(watched)
                self.exec(one.name, "/bin/true", options=("--user", "app"), check=False, timeout=15)
                self.exec(one.name, "/bin/true", options=("--user", "5"), check=False, timeout=15)
                self.assertFalse(select.select([events], [], [], 0)[0], "was opened on the host")
                os.close(events)
                if kind == "link":
                    self.assertNotEqual(
                        self.exec(one.name, "/bin/true", options=("--user", "app"), check=False).returncode, 0)
                    watched.unlink()

    def test_hooks_of_the_image_have_the_programs_rights(self):
        image = self.image()
        one = self.container(image, "/bin/true", user={"uid": 1000, "gid": 1000}, noNewPrivileges=True)
        (image / "data").chmod(0o777)
        script = "id -u > /data/hook; grep -E 'CapEff|NoNewPrivs|Seccomp:' /proc/self/status >> /data/hook"
        one.config["hooks"] = {"startContainer": [{"path": "/bin/sh", "args": ["sh", "-c", script],
                                                   "env": ["PATH=/bin"]}]}
        one.config["linux"]["seccomp"] = {
            "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
            "syscalls": [{"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38},
                         {"names": ["swapon"], "action": "SCMP_ACT_ERRNO"}]}
        one.write()
        done = self.run_it(one)
        self.assertEqual(done.returncode, 0, done.stderr)
        uid, *rest = (image / "data/hook").read_text().splitlines()
        self.assertEqual(uid, "1000")
        self.assertEqual([line.split()[1] for line in rest], ["0" * 16, "1", "2"])


if __name__ == "__main__":
    unittest.main()
