# SPDX-License-Identifier: Apache-2.0
"""The Debian package of a build, for tests: made by cpack, taken apart, and a repository with what it depends on.

PLIMSOLL names the build as in tests/e2e (its program); by default build/release, else build/dev."""
import functools
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "tests/e2e"))
import support  # noqa: E402

GUEST_IMAGE = REPOSITORY / "build/vm/systemd-bookworm.ext4"  # of tests/vm/systemd-guest
DOWNLOADS = REPOSITORY / "build/vm/packages"


def build_directory():
    return pathlib.Path(support.binary("plimsoll")).parents[1]


def run(*words, **options):
    """Standard output of a command that must succeed."""
    done = subprocess.run(list(map(str, words)), text=True, capture_output=True, check=False, **options)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, words))} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def make_deb(directory, version=None, umask=0o022):
    """Packs the build into `directory`, as another version when one is named; the path of the package."""
    build = build_directory()
    config = build / "CPackConfig.cmake"
    if not config.exists():
        raise unittest.SkipTest(f"{build} is no build directory with CPackConfig.cmake")
    directory = pathlib.Path(directory)
    words = [support.tool("cpack"), "--config", config, "-G", "DEB", "-B", directory]
    environment = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    run(*words, *(["-D", f"CPACK_PACKAGE_VERSION={version}"] if version else []), umask=umask, env=environment)
    shutil.rmtree(directory / "_CPack_Packages")
    found = sorted(directory.glob(f"plimsoll_{version or ''}*.deb"))
    if len(found) != 1:
        raise AssertionError(f"cpack made {found}")
    return found[0]


@functools.cache
def the_deb():
    """The package of the build, made once."""
    holder = tempfile.TemporaryDirectory(prefix="plimsoll-deb-")
    unittest.addModuleCleanup(holder.cleanup)
    return make_deb(holder.name)


def unpacked(deb, directory):
    """Its files below `directory`, its control files in DEBIAN there."""
    run("dpkg-deb", "-R", deb, directory)
    return pathlib.Path(directory)


def field(deb, name):
    return run("dpkg-deb", "-f", deb, name).strip()


def dependencies(deb, status, more=()):
    """Downloads what `deb`, and `more` packages, need on a machine with that dpkg status; their paths."""
    DOWNLOADS.mkdir(parents=True, exist_ok=True)
    (DOWNLOADS / "partial").mkdir(exist_ok=True)
    words = ["apt-get", "-q", "-y", "-o", f"Dir::State::status={status}", "-o", f"Dir::Cache::archives={DOWNLOADS}",
             "--no-install-recommends", "-o", "APT::Sandbox::User=root", "-o", "Debug::NoLocking=true"]
    wanted = re.findall(r"^Inst (\S+) (?:\[\S+\] )?\((\S+)", run(*words, "--simulate", "install", deb, *more), re.M)
    run(*words, "--download-only", "install", deb, *more)
    paths = []
    for name, version in wanted:
        file = version.replace(":", "%3a")
        paths += [path for path in DOWNLOADS.glob(f"{name}_{file}_*.deb")]
    return paths


def guest_status(directory):
    """dpkg's status file of the guest."""
    text = run("debugfs", "-R", "cat /var/lib/dpkg/status", GUEST_IMAGE,
               env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"})
    path = pathlib.Path(directory) / "guest-status"
    path.write_text(text)
    return path


def make_repository(directory, debs):
    """An archive for apt at file:DIRECTORY."""
    directory.mkdir()
    for deb in debs:
        shutil.copy(deb, directory)
    (directory / "Packages").write_text(run("dpkg-scanpackages", "--multiversion", ".", cwd=directory))
