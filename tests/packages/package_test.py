# SPDX-License-Identifier: Apache-2.0
"""What is in the Debian package, before anybody installs it (that is tests/vm/package_guest_test.py)."""
import gzip
import hashlib
import pathlib
import re
import subprocess
import tempfile
import unittest

import package
from support import binary, free_port, http_get, tool, wait_until

PACKAGING = package.REPOSITORY / "cmake/packaging"
UNIT = PACKAGING / "plimsoll.service"


class Contents(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        for program in ("dpkg-deb", "cpack", "dpkg-shlibdeps"):
            tool(program)
        holder = tempfile.TemporaryDirectory(prefix="plimsoll-contents-")
        cls.addClassCleanup(holder.cleanup)
        cls.deb = package.the_deb()
        cls.root = package.unpacked(cls.deb, pathlib.Path(holder.name) / "root")

    def files(self):
        return {f"/{path.relative_to(self.root)}" for path in self.root.rglob("*")
                if not path.is_dir() and "DEBIAN" not in path.parts}

    def test_every_file_has_its_place(self):
        files = self.files()
        for wanted in ("/usr/bin/plimsoll", "/usr/bin/plimsoll-oci", "/etc/plimsoll/plimsoll.yml", "/etc/default/plimsoll",
                       "/lib/systemd/system/plimsoll.service", "/usr/lib/sysusers.d/plimsoll.conf",
                       "/usr/share/man/man1/plimsoll.1.gz", "/usr/share/man/man1/plimsoll-run.1.gz",
                       "/usr/share/man/man5/plimsoll.yml.5.gz", "/usr/share/man/man8/plimsoll-oci.8.gz",
                       "/usr/share/bash-completion/completions/plimsoll", "/usr/share/zsh/vendor-completions/_plimsoll",
                       "/usr/share/fish/vendor_completions.d/plimsoll.fish", "/usr/share/doc/plimsoll/copyright",
                       "/usr/share/doc/plimsoll/changelog.Debian.gz", "/usr/share/plimsoll/dashboards/plimsoll-fleet.json", "/usr/share/plimsoll/rules/plimsoll-host.yml"):
            self.assertIn(wanted, files)
        places = r"/etc/(plimsoll|default)/|/lib/systemd/system/|/usr/bin/|/usr/lib/sysusers\.d/|/usr/share/(bash-completion/completions|" \
                 r"doc/plimsoll|fish/vendor_completions\.d|lintian/overrides|man/man[158]|plimsoll/(dashboards|rules)|zsh/vendor-completions)/"
        self.assertEqual([file for file in sorted(files) if not re.match(places, file)], [])

    def test_modes_and_owners(self):
        listed = package.run("dpkg-deb", "-c", self.deb).splitlines()
        self.assertGreater(len(listed), 40)
        for line in listed:
            mode, owner, *_ = line.split()
            wanted = "drwxr-xr-x" if line.startswith("d") else "-rwxr-xr-x" if "/usr/bin/" in line else "-rw-r--r--"
            self.assertEqual((mode, owner), (wanted, "root/root"), line)

    def test_executables_are_stripped_and_run(self):
        for name in ("plimsoll", "plimsoll-oci"):
            program = self.root / "usr/bin" / name
            self.assertNotIn(".debug_info", package.run("readelf", "-S", "-W", program))
            said = package.run(program, "--version")
            self.assertIn(package.field(self.deb, "Version").rpartition("-")[0], said)
        self.assertNotIn("NEEDED", package.run("readelf", "-d", "-W", self.root / "usr/bin/plimsoll-oci"))

    def test_what_it_depends_on(self):
        depends = package.field(self.deb, "Depends")
        for name in ("libc6 (>=", "libstdc++6 (>=", "libprometheus-cpp-core1.0", "libre2-9", "systemd-sysusers"):
            self.assertIn(name, depends)
        # Loaded by name when they are asked for: nobody but us knows.
        code = "".join(path.read_text() for folder in ("exporter", "collectors", "base", "agent")
                       for path in (package.REPOSITORY / folder).rglob("*.cpp"))
        loaded = set(re.findall(r'dlopen\("(lib[^"]+)"', code))
        self.assertEqual(loaded, {"libssl.so.3", "libcurl.so.4", "libsystemd.so.0"})
        self.assertEqual(package.field(self.deb, "Recommends"), "libssl3, libcurl4, libsystemd0")

    def test_fields(self):
        self.assertEqual(package.field(self.deb, "Architecture"), package.run("dpkg", "--print-architecture").strip())
        self.assertEqual((package.field(self.deb, "Section"), package.field(self.deb, "Priority")), ("admin", "optional"))
        self.assertGreater(int(package.field(self.deb, "Installed-Size")), 1000)
        version = re.search(r"project\(plimsoll VERSION (\S+)", (package.REPOSITORY / "CMakeLists.txt").read_text())[1]
        self.assertEqual(package.field(self.deb, "Version"), f"{version}-1")
        self.assertEqual(self.deb.name, f"plimsoll_{version}-1_{package.field(self.deb, 'Architecture')}.deb")

    def test_configuration_files_are_marked(self):
        marked = (self.root / "DEBIAN/conffiles").read_text().split()
        self.assertEqual(sorted(marked), sorted(file for file in self.files() if file.startswith("/etc/")))

    def test_checksums(self):
        sums = dict(reversed(line.split("  ")) for line in (self.root / "DEBIAN/md5sums").read_text().splitlines())
        self.assertEqual({f"/{name}" for name in sums}, self.files())
        name = "usr/share/doc/plimsoll/copyright"
        self.assertEqual(sums[name], hashlib.md5((self.root / name).read_bytes()).hexdigest())

    def test_the_changelog_is_of_this_version(self):
        changelog = gzip.decompress((self.root / "usr/share/doc/plimsoll/changelog.Debian.gz").read_bytes()).decode()
        self.assertTrue(changelog.startswith(f"plimsoll ({package.field(self.deb, 'Version')}) "), changelog)
        self.assertIn(f" -- {package.field(self.deb, 'Maintainer')}  ", changelog)

    def test_licences_of_what_is_compiled_in(self):
        text = (self.root / "usr/share/doc/plimsoll/copyright").read_text()
        for part in ("Apache-2.0", "civetweb", "nlohmann-json", "cli11", "libseccomp", "glibc"):
            self.assertIn(part, text)

    def test_lintian(self):
        done = subprocess.run([tool("lintian"), "--fail-on", "error,warning", "--allow-root", self.deb],
                              text=True, capture_output=True)
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_another_build_gives_the_same_bytes(self):
        """Whatever the umask, but for a file mode in the archive's own header, which nobody looks at."""
        with tempfile.TemporaryDirectory(prefix="plimsoll-again-") as directory:
            again = package.make_deb(directory, umask=0o077)
            members = package.run("ar", "t", self.deb).split()
            self.assertEqual(package.run("ar", "t", again).split(), members)
            self.assertEqual(len(members), 3)
            for member in members:
                first, second = (subprocess.run(["ar", "p", deb, member], capture_output=True, check=True).stdout
                                 for deb in (self.deb, again))
                self.assertTrue(first and first == second, member)


class Scripts(unittest.TestCase):
    def test_syntax(self):
        for name in ("postinst", "prerm", "postrm"):
            script = PACKAGING / "debian" / name
            package.run("sh", "-n", script)
            self.assertRegex(script.read_text(), r"(?m)^set -e$")

    def test_words_that_dpkg_may_say_to_them(self):
        """Outside of any system, below an empty root: nothing is to be done, and nothing fails."""
        with tempfile.TemporaryDirectory(prefix="plimsoll-scripts-") as directory:
            root = pathlib.Path(directory)
            (root / "var/lib").mkdir(parents=True)
            for name, words in (("prerm", "upgrade 0.2"), ("prerm", "failed-upgrade 0.1"), ("prerm", "remove"),
                                ("postrm", "upgrade 0.2"), ("postrm", "abort-install"), ("postrm", "disappear")):
                package.run("sh", PACKAGING / "debian" / name, *words.split(), env={"PATH": "/nonexistent:/bin", "DPKG_ROOT": directory})
            self.assertEqual([str(path.relative_to(root)) for path in root.rglob("*")], ["var", "var/lib"])


class Unit(unittest.TestCase):
    def test_systemd_understands_it(self):
        with tempfile.TemporaryDirectory(prefix="plimsoll-unit-") as directory:
            copy = pathlib.Path(directory) / "plimsoll.service"
            copy.write_text(UNIT.read_text().replace("/usr/bin/plimsoll", binary("plimsoll")))
            done = subprocess.run([tool("systemd-analyze"), "verify", "--man=no", copy], text=True, capture_output=True)
            mine = [line for line in (done.stdout + done.stderr).splitlines() if "plimsoll" in line]
            self.assertEqual(mine, [])

    def test_its_score(self):
        done = subprocess.run([tool("systemd-analyze"), "security", "--offline=true", "--no-pager", UNIT], text=True, capture_output=True)
        if "Unknown option" in done.stderr or "unrecognized option" in done.stderr:
            self.skipTest("systemd-analyze is too old for --offline")
        score = re.search(r"Overall exposure level for plimsoll.service: ([\d.]+)", done.stdout)
        self.assertLessEqual(float(score[1]), 3.0)

    def test_state_of_containers_is_no_directory_of_the_unit(self):
        """systemd would remove a RuntimeDirectory with the unit's end, and give a StateDirectory to its user."""
        text = UNIT.read_text()
        for key in ("RuntimeDirectory", "StateDirectory", "CacheDirectory", "LogsDirectory"):
            for value in re.findall(rf"(?m)^{key}=(.*)$", text):
                self.assertNotIn("plimsoll", value.split())

    def test_the_agent_allows_no_more_than_the_unit(self):
        """Each system call of the agent's own filter is one of the unit's, or the agent would fail where nobody looks."""
        allowed = set(re.findall(r'"([a-z_0-9]+)"', (package.REPOSITORY / "agent/confine/filter_calls.h").read_text()))
        allowed |= set(re.findall(r'filter\.allow\("([a-z_0-9]+)"', (package.REPOSITORY / "agent/confine/filter.cpp").read_text()))
        self.assertGreater(len(allowed), 150)
        unit, groups = self.calls_of_the_unit(), self.groups()
        known = set().union(*groups.values())
        # perf and quotas are asked for by flags, and no C library makes the other two.
        on_purpose = {"perf_event_open", "quotactl", "quotactl_fd", "futex_wait", "futex_wake"}
        self.assertEqual(sorted((allowed & known) - unit - on_purpose), [])

    def groups(self):
        text = subprocess.run([tool("systemd-analyze"), "syscall-filter", "--no-pager"], text=True, capture_output=True, check=True).stdout
        groups, current = {}, None
        for line in text.splitlines():
            if line.startswith("@"):
                current = groups.setdefault(line.strip(), set())
            elif line.startswith("#"):
                current = set()
            elif line.startswith("    ") and not line.strip().startswith("#"):
                current.add(line.strip())
        return groups

    def calls_of_the_unit(self):
        groups = self.groups()

        def spread(word):
            if not word.startswith("@"):
                return {word}
            return set().union(*(spread(each) for each in groups[word]))
        calls = spread("@default")
        for value in re.findall(r"(?m)^SystemCallFilter=(.*)$", UNIT.read_text()):
            words = set().union(*(spread(word) for word in value.lstrip("~").split()))
            calls = calls - words if value.startswith("~") else calls | words
        return calls


class Settings(unittest.TestCase):
    def test_the_agent_takes_the_file_as_it_is_shipped(self):
        port = free_port()
        agent = subprocess.Popen([binary("plimsoll"), "agent", f"--config.file={PACKAGING / 'plimsoll.yml'}",
                                  f"--web.listen-address=127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            wait_until("/healthz", lambda: http_get(f"http://127.0.0.1:{port}/healthz")[0] == 200)
        finally:
            agent.terminate()
            agent.communicate(timeout=60)

    def test_what_it_shows_as_examples_is_right(self):
        """With every comment that is an example taken as it is written."""
        lines = (PACKAGING / "plimsoll.yml").read_text().splitlines()
        examples = [line[1:] for line in lines if re.match(r"#(\S|  )", line) and "config.file" not in line]
        self.assertGreater(len(examples), 5)
        with tempfile.TemporaryDirectory(prefix="plimsoll-examples-") as directory:
            file = pathlib.Path(directory) / "plimsoll.yml"
            file.write_text("\n".join([*examples, "no-such-key: 1", ""]))
            done = subprocess.run([binary("plimsoll"), "agent", f"--config.file={file}"], text=True, capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 2)
        self.assertIn(f"line {len(examples) + 1}: no-such-key", done.stderr)


if __name__ == "__main__":
    unittest.main()
