# SPDX-License-Identifier: Apache-2.0
"""What is packed out of a build, made once for a test file: the relocatable archive, the image's trees. The build is that
of PLIMSOLL's program, as in tests/e2e."""
import functools
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import unittest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY / "tests" / "e2e"), str(REPOSITORY / "cmake" / "packaging")]
import support  # noqa: E402
from pack import inputs  # noqa: E402


def scratch():
    """A directory that is there until the end of the test file."""
    holder = tempfile.TemporaryDirectory(prefix="plimsoll-pack-")
    unittest.addModuleCleanup(holder.cleanup)
    return pathlib.Path(holder.name)


@functools.cache
def build():
    """The build, if it is one that packages can be made of."""
    found = inputs.Build(pathlib.Path(support.binary("plimsoll")).parents[1])
    support.binary("plimsoll-launcher")
    if found.cache.get("PLIMSOLL_SANITIZE"):
        raise unittest.SkipTest("a build with sanitizers is not packed")
    return found


def script(name, *words, **options):
    """Runs scripts/NAME on the build; its output."""
    done = subprocess.run([sys.executable, str(REPOSITORY / "scripts" / name), "--build", str(build().directory),
                           *map(str, words)], capture_output=True, text=True, timeout=300, check=False, **options)
    if done.returncode != 0:
        raise AssertionError(f"{name}: {done.returncode}: {done.stderr}")
    return done.stdout.strip()


@functools.cache
def tarball():
    """Path of the archive, compressed in haste."""
    return pathlib.Path(script("build-tarball", "--level", 0, "--output", scratch()))


def unpack(directory):
    """The archive's directory, unpacked in `directory`."""
    with tarfile.open(tarball()) as archive:
        archive.extraction_filter = getattr(tarfile, "tar_filter", None)  # Debian 12's Python has no choice of filters
        archive.extractall(directory)
    found, = pathlib.Path(directory).iterdir()
    return found


@functools.cache
def image_stage():
    """Directory with what the Dockerfile is built from."""
    target = scratch()
    script("build-image", "--stage", target)
    return target


@functools.cache
def image_layer(name):
    """Directory with the files of a layer, `system` or `program`; without their extended attributes."""
    target = scratch()
    with tarfile.open(image_stage() / f"{name}.tar") as archive:
        archive.extraction_filter = getattr(tarfile, "fully_trusted_filter", None)
        archive.extractall(target)
    return target


def image_arguments():
    return dict(line.split("=", 1) for line in (image_stage() / "arguments").read_text().splitlines())
