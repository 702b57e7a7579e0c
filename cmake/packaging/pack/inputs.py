# SPDX-License-Identifier: Apache-2.0
"""What went into a build, as its tools have recorded it: the linker's list of the files it read (--dependency-file), the
compiler's lists of headers (in Ninja's log), CMake's cache."""
import functools
import pathlib
import re
import subprocess

from . import debian


class Build:
    def __init__(self, directory):
        """ValueError when it is no build directory."""
        self.directory = pathlib.Path(directory).resolve()
        try:
            text = (self.directory / "CMakeCache.txt").read_text()
        except OSError as error:
            raise ValueError(f"{directory}: no build directory: {error}") from None
        self.cache = dict(re.findall(r"^([\w-]+):\w+=(.*)$", text, re.M))

    def executable(self, name):
        path = self.directory / "bin" / name
        if not path.is_file():
            raise ValueError(f"{path} is missing: cmake --build {self.directory} --target {name}")
        return path

    @property
    def source(self):
        return pathlib.Path(self.cache["CMAKE_HOME_DIRECTORY"])

    @property
    def version(self):
        return self.cache["CMAKE_PROJECT_VERSION"]

    @property
    def machine(self):
        """As uname(1) has it: x86_64, aarch64."""
        compiler = next(self.directory.glob("CMakeFiles/*/CMakeSystem.cmake")).read_text()
        return re.search(r'set\(CMAKE_SYSTEM_PROCESSOR "(\S+)"\)', compiler)[1]

    @property
    def prefix(self):
        return self.cache["CMAKE_INSTALL_PREFIX"]

    def linked(self, name):
        """Paths of the files that the linker read for an executable: objects, archives, libraries."""
        found = list((self.directory).glob(f"*/{name}.link.d")) + list((self.directory).glob(f"*/*/{name}.link.d"))
        if not found:
            raise ValueError(f"{self.directory}: the linker has left no list {name}.link.d: build {name} again")
        rule = found[0].read_text().split("\n\n")[0].replace("\\\n", " ").partition(":")[2]
        return sorted({self._absolute(word) for word in rule.split()})

    @functools.cached_property
    def headers(self):
        """Paths of all files that were compiled or included."""
        done = subprocess.run([self.cache.get("CMAKE_MAKE_PROGRAM", "ninja"), "-C", str(self.directory), "-t", "deps"],
                              check=True, capture_output=True, text=True)
        lines = {line.strip() for line in done.stdout.splitlines() if line.startswith("    ")}
        return sorted({self._absolute(line) for line in lines})

    def _absolute(self, path):
        return pathlib.Path(self.directory, path).resolve()

    def is_own(self, path):
        return path.is_relative_to(self.directory) or (path.is_relative_to(self.source) and not self.is_civetweb(path))

    @property
    def revision(self):
        """What PLIMSOLL_REVISION said, else the commit of the source; "" outside of a repository."""
        done = subprocess.run(["git", "-C", str(self.source), "rev-parse", "--short=12", "HEAD"], capture_output=True,
                              text=True, check=False)
        return self.cache.get("PLIMSOLL_REVISION") or done.stdout.strip()

    # --- civetweb, which comes as source ---

    @property
    def civetweb(self):
        """Directory of its source; None in a build with Debian's library."""
        return pathlib.Path(self.cache["PLIMSOLL_CIVETWEB_SOURCE"]) if self.cache.get("PLIMSOLL_CIVETWEB") == "source" else None

    def is_civetweb(self, path):
        return self.civetweb is not None and path.is_relative_to(self.civetweb.resolve())

    def civetweb_version(self):
        head = (self.civetweb / "debian" / "changelog").read_text().splitlines()[0]
        return re.match(r"civetweb \(([^)]+)\)", head)[1]


def package_of(path):
    """The package's name; LookupError for a file that is nobody's."""
    name = debian.owner(path)
    if not name:
        raise LookupError(f"{path} belongs to no package: who has made it, and may it be passed on?")
    return name


def packages_of(paths):
    """{package name: [paths]}; the key "" has what is nobody's."""
    found = {}
    for path in paths:
        found.setdefault(debian.owner(path) or "", []).append(str(path))
    return found
