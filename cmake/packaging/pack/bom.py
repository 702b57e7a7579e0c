# SPDX-License-Identifier: Apache-2.0
"""Fills a bill of materials from what really went into a build: files of a packed tree, libraries that are linked,
loaded or brought along, archives and headers that are part of the executables."""
import pathlib

from . import archive, elf, inputs, libraries, spdx

PROGRAM, CIVETWEB = "plimsoll", "civetweb"


class Materials:
    """`name`: of the document. `time`: in seconds, what it says of when it was made."""

    def __init__(self, build, name, time):
        self.build = build
        self.document = spdx.Document(name, time)
        self.own = self.document.add_own_package("plimsoll", build.version)

    def describe(self, root, executables, shipped, text_path):
        """Writes the document to `text_path` in the tree `root`. `executables`: {target of the build: path in the tree}.
        `shipped`: {path in the tree: package} of what is others'."""
        files = {}
        for path in archive.files_below(root):
            if path == text_path or pathlib.Path(root, path).is_symlink():
                continue
            package = self._package(shipped[path]) if path in shipped else self.own
            files[path] = self.document.add_file(root, path, package, own=path not in shipped)
        for name, path in executables.items():
            self._add_statics(name, files[path])
        if PROGRAM in executables:
            self._add_libraries(files[executables[PROGRAM]])
        self._add_headers()
        spdx.write(self.document, self.own, root, text_path)

    def _package(self, name):
        return self._civetweb() if name == CIVETWEB else self.document.add_debian_package(name)

    def _package_of(self, path):
        return self._package(inputs.package_of(path))

    def _add_statics(self, name, file):
        """Archives and start-up objects that the linker has put into an executable."""
        linked = [path for path in self.build.linked(name) if path.suffix in (".a", ".o") and not self.build.is_own(path)]
        for package in sorted({self._package_of(path) for path in linked}):
            self.document.relate(file, "STATIC_LINK", package)
        if self.build.civetweb and name == PROGRAM:
            self.document.relate(file, "STATIC_LINK", self._civetweb())

    def _civetweb(self):
        source = self.build.civetweb
        return self.document.add_source_package(CIVETWEB, self.build.civetweb_version(), source / "debian" / "copyright")

    def _add_libraries(self, file):
        """What the program needs at its start, what it loads later, and what those need."""
        paths, needs = libraries.closure(self.build.executable(PROGRAM))
        package = {name: self._package_of(path) for name, path in paths.items()}
        for name in needs[""]:
            self.document.relate(file, "DYNAMIC_LINK", package[name])
        for name in libraries.LOADED_LATER:
            self.document.relate(package[name], "RUNTIME_DEPENDENCY_OF", file, "loaded when it is needed")
        for name, needed in needs.items():
            for other in needed:
                if name and package[name] != package[other]:
                    self.document.relate(package[name], "DEPENDS_ON", package[other])

    def _add_headers(self):
        """Packages whose headers were compiled: code of some (json, CLI11, the C++ library) is in the executables."""
        foreign = [path for path in self.build.headers if not self.build.is_own(path) and not self.build.is_civetweb(path)]
        for name in sorted(filter(None, inputs.packages_of(foreign))):
            which = self.document.add_debian_package(name)
            self.document.relate(which, "BUILD_DEPENDENCY_OF", self.own, "its headers are compiled in")

