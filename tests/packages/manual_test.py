# SPDX-License-Identifier: Apache-2.0
"""Manual pages and completions of a build: what --help shows is in them, formatters have nothing to complain about, and
real shells complete words by them."""
import pathlib
import re
import subprocess
import tempfile
import unittest

import package
from support import Workspace, binary, tool

MANUAL = package.build_directory() / "manual"
if not (MANUAL / "plimsoll.1").exists():
    raise unittest.SkipTest(f"{MANUAL} has no pages: build the target manual")


def help_of(program, *command):
    done = subprocess.run([binary(program), *command, "--help"], text=True, capture_output=True, check=True)
    return done.stdout


def commands_of(program):
    listed = re.search(r"(?i)^commands:\n(.*?)\n\n", help_of(program), re.S | re.M)[1]
    return re.findall(r"^ +([a-z]+)", listed, re.M)


def flags_of(text):
    """Every flag at the beginning of a line of a help."""
    lines = [m[0] for m in re.finditer(r"^ +-.*", text, re.M)]
    return {flag for line in lines for flag in re.findall(r"(?<![\w.-])--?[a-zA-Z][\w.-]*", re.split(r"[ =](?![- ]*-)", line.strip())[0])}


def page(name):
    """A page as a reader has it, on one endless line a paragraph."""
    done = subprocess.run([tool("groff"), "-man", "-Tascii", "-rLL=10000n", "-P-cbou", MANUAL / name], text=True,
                          capture_output=True, check=True)
    return done.stdout


class Pages(unittest.TestCase):
    def test_there_is_one_for_each_command(self):
        names = {path.name for path in MANUAL.iterdir() if path.suffix in (".1", ".5", ".8")}
        self.assertEqual(names, {"plimsoll.1", "plimsoll.yml.5", "plimsoll-oci.8",
                                 *(f"plimsoll-{name}.1" for name in commands_of("plimsoll"))})
        self.assertGreater(len(names), 14)

    def test_formatters_do_not_complain(self):
        for path in sorted(MANUAL.glob("*.[158]")):
            with self.subTest(page=path.name):
                done = subprocess.run([tool("groff"), "-ww", "-man", "-Tutf8", "-z", path], text=True, capture_output=True)
                self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_mandoc_does_not_complain(self):
        done = subprocess.run([tool("mandoc"), "-T", "lint", "-W", "warning", *sorted(MANUAL.glob("*.[158]"))],
                              text=True, capture_output=True)
        self.assertEqual(done.stdout + done.stderr, "")

    def test_every_flag_of_a_command_is_in_its_page(self):
        for command in commands_of("plimsoll"):
            if command in ("version", "completion"):
                continue
            flags, text = flags_of(help_of("plimsoll", command)), page(f"plimsoll-{command}.1")
            with self.subTest(command=command):
                self.assertIn("--help", flags)
                self.assertEqual([flag for flag in sorted(flags) if not re.search(rf"{re.escape(flag)}(?![\w.-])", text)], [])

    def test_the_agents_page_is_complete(self):
        text = page("plimsoll-agent.1")
        entries = re.findall(r"^ +(--[\w.-]+)", text, re.M)
        self.assertGreater(len(entries), 150)
        self.assertIn("--collector.watchdog, --no-collector.watchdog\n", text)
        self.assertIn("Default: 0.0.0.0:1876.", text)
        self.assertIn("--log.level debug|info|warn|error\n", text)
        self.assertIn("Kinds of container metrics", text)

    def test_the_settings_are_the_flags(self):
        flags = {flag[2:] for flag in flags_of(help_of("plimsoll", "agent")) if flag.startswith("--")}
        flags -= {"help", "version", "help-cadvisor", "config.file"}
        text = page("plimsoll.yml.5")
        self.assertEqual([flag for flag in sorted(flags) if not re.search(rf"^ +.*{re.escape(flag)}(, |: )", text, re.M)], [])
        self.assertIn("collector.watchdog: true|false\n", text)
        self.assertNotIn("no-collector.", text)

    def test_the_runtimes_page(self):
        text = page("plimsoll-oci.8")
        flags = flags_of(help_of("plimsoll-oci"))
        for command in commands_of("plimsoll-oci"):
            self.assertRegex(text, rf"(?m)^ +{command}( |$)")
            flags |= flags_of(help_of("plimsoll-oci", command))
        self.assertGreater(len(flags), 40)
        self.assertEqual([flag for flag in sorted(flags) if not re.search(rf"{re.escape(flag)}(?![\w.-])", text)], [])


class Command(unittest.TestCase):
    def test_it_prints_what_is_installed(self):
        for shell in ("bash", "zsh", "fish"):
            done = subprocess.run([binary("plimsoll"), "completion", shell], text=True, capture_output=True, check=True)
            self.assertEqual(done.stdout, (MANUAL / f"plimsoll.{shell}").read_text())

    def test_errors(self):
        for words, message in (([], "say for which shell"), (["csh"], "'csh' is no shell that is known here: bash, zsh or fish"),
                               (["bash", "zsh"], "say for which shell"), (["--bash"], "unknown option '--bash'")):
            done = subprocess.run([binary("plimsoll"), "completion", *words], text=True, capture_output=True)
            self.assertEqual((done.returncode, done.stdout), (2, ""), words)
            self.assertIn(message, done.stderr)

    def test_a_reader_that_is_gone(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([binary("plimsoll"), "completion", "bash"], stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("No space left", done.stderr)


class Shells:
    """What each shell has to offer. complete(words, environment) returns the offers for the last word."""

    def offers(self, *words):
        return set(self.complete(words))

    def test_commands(self):
        self.assertEqual(self.offers("plimsoll", "r"), {"run", "rm"})
        self.assertLessEqual({"agent", "completion", "ps", "run"}, self.offers("plimsoll", ""))
        self.assertEqual(self.offers("plimsoll-oci", "pa"), {"pause"})

    def test_options_of_a_command(self):
        self.assertEqual(self.offers("plimsoll", "run", "--net"), {"--network"})
        self.assertEqual(self.offers("plimsoll", "agent", "--no-collector.wa"), {"--no-collector.watchdog"})
        self.assertEqual(self.offers("plimsoll-oci", "create", "--console"), {"--console-socket"})
        self.assertNotIn("--network", self.offers("plimsoll", "ps", "--"))

    def test_options_of_the_program_before_it(self):
        self.assertEqual(self.offers("plimsoll", "--runr"), {"--runroot"})
        self.assertEqual(self.offers("plimsoll", "--root", "/x", "insp"), {"inspect"})

    def test_values_of_which_there_are_a_few(self):
        self.assertEqual(self.offers("plimsoll", "run", "--network", ""), {"none", "host", "veth"})
        self.assertEqual(self.offers("plimsoll", "agent", "--log.level", "w"), {"warn"})
        self.assertEqual(self.offers("plimsoll", "completion", "f"), {"fish"})

    def test_directories(self):
        with tempfile.TemporaryDirectory(prefix="plimsoll-complete-") as directory:
            (pathlib.Path(directory) / "one-box").mkdir()
            (pathlib.Path(directory) / "one-file").write_text("")
            found = self.offers("plimsoll", "run", "--rootfs", f"{directory}/one")
            self.assertEqual({pathlib.PurePath(name).name for name in found}, {"one-box"})
            found = self.offers("plimsoll", "agent", "--config.file", f"{directory}/one-f")
            self.assertEqual({pathlib.PurePath(name).name for name in found}, {"one-file"})

    def test_containers(self):
        with Workspace() as place:
            place.plimsoll(*place.run_arguments("--name", "first-box"), "/bin/plimsoll-load", "sleep", "0")
            self.programs(place.path)
            self.assertEqual(self.offers("plimsoll", "rm", "fi"), {"first-box"})
            self.assertEqual(self.offers("plimsoll", "logs", "--tail", "2", "fi"), {"first-box"})
            self.assertEqual(self.offers("plimsoll", "rm", "zz"), set())

    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="plimsoll-complete-")
        self.addCleanup(holder.cleanup)
        self.directory = pathlib.Path(holder.name)
        self.programs(self.directory)

    def programs(self, state):
        """What a completion asks for containers: those below `state`."""
        for name, roots in (("plimsoll", f"--root {state}/root --runroot {state}/runroot"), ("plimsoll-oci", f"--root {state}/oci")):
            program = self.directory / name
            program.write_text(f"#!/bin/sh\nexec {binary(name)} {roots} \"$@\"\n")
            program.chmod(0o755)

    def shell(self, words, text):
        environment = {"PATH": f"{self.directory}:/usr/bin:/bin", "HOME": str(self.directory), "TERM": "dumb", "LC_ALL": "C.UTF-8"}
        done = subprocess.run([tool(words[0]), *words[1:]], input=text, text=True, capture_output=True, timeout=60,
                              env=environment)
        self.assertEqual(done.stderr, "")
        return done.stdout


class Bash(Shells, unittest.TestCase):
    def complete(self, words):
        quoted = " ".join(f"'{word}'" for word in words)
        function = words[0].replace("-", "_")
        return self.shell(["bash", "--norc"], f"set -u\n. {MANUAL}/{words[0]}.bash\nCOMP_WORDS=({quoted})\n"
                          f"COMP_CWORD={len(words) - 1}\n_{function}\n"
                          '[ ${#COMPREPLY[@]} = 0 ] || printf "%s\\n" "${COMPREPLY[@]}"\n').split()

    def test_it_is_registered(self):
        said = self.shell(["bash", "--norc"], f". {MANUAL}/plimsoll.bash\n. {MANUAL}/plimsoll-oci.bash\ncomplete -p\n")
        self.assertEqual(sorted(said.splitlines()), ["complete -F _plimsoll plimsoll", "complete -F _plimsoll_oci plimsoll-oci"])

    def test_an_option_and_its_value_in_one_word(self):
        self.assertEqual(self.offers("plimsoll", "run", "--network", "="), {"none", "host", "veth"})
        self.assertEqual(self.offers("plimsoll", "run", "--network", "=", "v"), {"veth"})
        self.assertEqual(self.offers("plimsoll", "--root", "=", "/x", "insp"), {"inspect"})

    def test_what_belongs_to_the_container_is_left_alone(self):
        self.assertEqual(self.offers("plimsoll", "run", "--rootfs", "/x", "prog", "--net"), set())
        self.assertEqual(self.offers("plimsoll", "exec", "box", "ls", "-"), set())


class Fish(Shells, unittest.TestCase):
    def complete(self, words):
        text = " ".join(words)
        said = self.shell(["fish", "--no-config"], f"source {MANUAL}/{words[0]}.fish\ncomplete -C '{text}'\n")
        return [line.split("\t")[0].rstrip("/") for line in said.splitlines()]


class Zsh(Shells, unittest.TestCase):
    """zsh completes in a terminal only: one of its own, zpty, in which compadd also prints what it is given."""
    SCRIPT = r"""
zmodload zsh/zpty
zpty inner zsh -f -i
zpty -w inner 'PS1= PS2=; fpath=(@directory $fpath); autoload -Uz compinit; compinit -u -D; LISTMAX=10000
stty -echo 2>/dev/null; zstyle ":completion:*" list-colors no=; setopt no_list_beep no_beep
compadd() { local -a offered; if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return; fi
  builtin compadd -A offered "$@"; (( $#offered )) && print -rl -- "<"${^offered}">"; builtin compadd "$@"; }
bindkey "^I" complete-word; print READY'
zpty -r inner text '*READY*READY*' || zpty -r inner text '*READY*'
zpty -w -n inner "@words"$'\t'
sleep 0.2
zpty -w -n inner $'\x15print DO''NE\n'
zpty -r inner text '*DONE*'
print -r -- $text
"""

    def complete(self, words):
        with tempfile.TemporaryDirectory(prefix="plimsoll-zsh-") as directory:
            for program in ("plimsoll", "plimsoll-oci"):
                (pathlib.Path(directory) / f"_{program}").write_text((MANUAL / f"{program}.zsh").read_text())
            script = self.SCRIPT.replace("@directory", directory).replace("@words", " ".join(words))
            said = self.shell(["zsh", "-f"], script)
        return [word.rstrip("/").removesuffix("=") for word in re.findall(r"<([^<>\r\n]+)>", said)]


if __name__ == "__main__":
    unittest.main()
