# SPDX-License-Identifier: Apache-2.0
"""The bills of materials of archive, image and Debian package: SPDX 2.3 in form, and complete: judged by readelf, dpkg and
the linker's lists, which are read here anew."""
import functools
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import artifacts
import support
from pack import debian, elf, inputs, libraries, spdx

PACKAGE_FIELDS = {"SPDXID", "name", "versionInfo", "downloadLocation", "licenseConcluded", "licenseDeclared", "copyrightText"}
FILE_FIELDS = {"SPDXID", "fileName", "checksums", "licenseConcluded", "copyrightText"}
RELATIONS = {"DESCRIBES", "CONTAINS", "STATIC_LINK", "DYNAMIC_LINK", "RUNTIME_DEPENDENCY_OF", "DEPENDS_ON", "BUILD_DEPENDENCY_OF"}
PATH = "share/doc/plimsoll/plimsoll.spdx.json"
LATER = ("libssl.so.3", "libcurl.so.4", "libsystemd.so.0")


@functools.cache
def readelf(path):
    """What a file needs, by binutils."""
    text = subprocess.run([support.tool("readelf"), "-dW", path], capture_output=True, text=True, check=True).stdout
    return re.findall(r"\(NEEDED\)\s+Shared library: \[(.+)\]", text)


def head(path):
    """Class, order of bytes and machine of an ELF file."""
    with open(path, "rb") as file:
        data = file.read(20)
    return data[4:6] + data[18:20]


@functools.cache
def dpkg_search(path):
    """The package that a file is from, by dpkg."""
    for candidate in (os.path.realpath(path), str(path), os.path.realpath(path).removeprefix("/usr")):
        done = subprocess.run(["dpkg", "-S", candidate], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return done.stdout.partition(":")[0]
    raise AssertionError(f"dpkg does not know {path}")


@functools.cache
def places_of(kind):
    """{name: path} of the libraries whose head is `kind`, in the loader's order."""
    cache = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    places = {}
    for name, place in re.findall(r"^\t(\S+) \(.*\) => (\S+)$", cache, re.M):
        if os.path.exists(place) and head(place) == kind:
            places.setdefault(name, place)
    return places


def needed_packages(path):
    """Packages of all libraries that an executable needs, directly and not, those that it loads later included."""
    places = places_of(head(path))
    names, wanted = set(), [*readelf(path), *LATER]
    while wanted:
        name = wanted.pop()
        if name not in names:
            names.add(name)
            wanted += readelf(places[name])
    return {dpkg_search(places[name]) for name in names}


class Bill:
    """The tests for each; subclasses say where the tree and the document are."""

    prefix = ""
    executables = {}  # name: path in the tree

    @classmethod
    def setUpClass(cls):
        cls.root = cls.make_tree()
        cls.text = (cls.root / cls.prefix / PATH).read_text()
        cls.document = json.loads(cls.text)
        cls.packages = {package["SPDXID"]: package for package in cls.document["packages"]}
        cls.files = {file["SPDXID"]: file for file in cls.document["files"]}
        cls.relations = [(r["spdxElementId"], r["relationshipType"], r["relatedSpdxElement"])
                         for r in cls.document["relationships"]]
        cls.own = next(other for one, kind, other in cls.relations if kind == "DESCRIBES")

    def related(self, one, kind):
        return {other for first, how, other in self.relations if (first, how) == (one, kind)}

    def file_id(self, path):
        return next(which for which, file in self.files.items() if file["fileName"] == f"./{path}")

    def package_names(self, ids):
        return {self.packages[which]["name"] for which in ids}

    # --- form ---

    def test_head(self):
        head = self.document
        self.assertEqual((head["spdxVersion"], head["dataLicense"], head["SPDXID"]), ("SPDX-2.3", "CC0-1.0", "SPDXRef-DOCUMENT"))
        self.assertRegex(head["creationInfo"]["created"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertRegex(head["creationInfo"]["creators"][0], r"^Tool: \S+$")
        self.assertRegex(head["documentNamespace"], r"^https://[^#\s]+-[0-9a-f]{64}$")
        self.assertTrue(head["name"])

    def test_required_fields(self):
        for fields, elements in ((PACKAGE_FIELDS, self.packages), (FILE_FIELDS, self.files)):
            for which, element in elements.items():
                self.assertLessEqual(fields, set(element), which)
                self.assertTrue(all(element[field] for field in fields), which)
                self.assertRegex(which, r"^SPDXRef-[A-Za-z0-9.-]+$")
        identifiers = [element["SPDXID"] for element in (*self.document["packages"], *self.document["files"])]
        self.assertEqual(len(identifiers), len(set(identifiers)))

    def test_relationships_lead_somewhere(self):
        known = {"SPDXRef-DOCUMENT", *self.packages, *self.files}
        for one, kind, other in self.relations:
            self.assertIn(kind, RELATIONS)
            self.assertLessEqual({one, other}, known)
        mentioned = {which for one, _, other in self.relations for which in (one, other)}
        self.assertEqual(set(self.packages) | set(self.files), mentioned - {"SPDXRef-DOCUMENT"})

    def test_licences_are_expressions(self):
        texts = {info["licenseId"]: info["extractedText"] for info in self.document.get("hasExtractedLicensingInfos", [])}
        for package in self.packages.values():
            declared = package["licenseDeclared"]
            self.assertRegex(declared, r"^[A-Za-z0-9.-]+( (AND|OR|WITH) [A-Za-z0-9.-]+)*$")
            if declared.startswith("LicenseRef-"):
                self.assertGreater(len(texts[declared]), 100)
        self.assertEqual(set(texts), {p["licenseDeclared"] for p in self.packages.values()} & set(texts))

    # --- contents ---

    def test_every_file_with_its_sums(self):
        listed = {file["fileName"]: file for file in self.files.values()}
        there = {f"./{path.relative_to(self.root)}": path for path in self.root.rglob("*")
                 if path.is_file() and not path.is_symlink()}
        self.assertEqual(set(there) - set(listed), {f"./{self.prefix}{PATH}"})
        self.assertEqual(set(listed) - set(there), set())
        for name, file in listed.items():
            data = there[name].read_bytes()
            sums = {c["algorithm"]: c["checksumValue"] for c in file["checksums"]}
            self.assertEqual(sums, {"SHA1": hashlib.sha1(data).hexdigest(), "SHA256": hashlib.sha256(data).hexdigest()}, name)

    def test_verification_code(self):
        own = self.packages[self.own]
        sums = sorted(next(c["checksumValue"] for c in self.files[which]["checksums"] if c["algorithm"] == "SHA1")
                      for which in self.related(self.own, "CONTAINS"))
        code = own["packageVerificationCode"]
        self.assertEqual(code["packageVerificationCodeValue"], hashlib.sha1("".join(sums).encode()).hexdigest())
        self.assertEqual(code["packageVerificationCodeExcludedFiles"], [f"./{self.prefix}{PATH}"])

    def test_every_library_that_the_program_needs(self):
        program = self.root / self.executables["plimsoll"]
        which = self.file_id(self.executables["plimsoll"])
        direct = self.package_names(self.related(which, "DYNAMIC_LINK"))
        later = {self.packages[one]["name"] for one, kind, other in self.relations
                 if (kind, other) == ("RUNTIME_DEPENDENCY_OF", which)}
        self.assertEqual(later, {"libssl3", "libcurl4", "libsystemd0"})
        reached, waiting = set(), [next(i for i, p in self.packages.items() if p["name"] == name) for name in direct | later]
        while waiting:
            one = waiting.pop()
            if one not in reached:
                reached.add(one)
                waiting += self.related(one, "DEPENDS_ON")
        self.assertEqual(self.package_names(reached), needed_packages(program))
        self.assertGreater(len(reached), 20)

    def test_every_archive_that_was_linked(self):
        for name, path in self.executables.items():
            lists = [p for p in artifacts.build().directory.rglob(f"{name}.link.d") if p.is_file()]
            self.assertEqual(len(lists), 1)
            words = re.findall(r"^\s+(/\S+\.a) ?\\?$", lists[0].read_text(), re.M)
            foreign = [word for word in words if os.path.realpath(word).startswith("/usr/")]
            self.assertTrue(foreign, name)
            named = self.package_names(self.related(self.file_id(path), "STATIC_LINK"))
            self.assertLessEqual({dpkg_search(word) for word in foreign}, named, name)

    def test_what_is_compiled_in(self):
        names = {package["name"]: package for package in self.packages.values()}
        builds = {self.packages[one]["name"] for one, kind, other in self.relations if kind == "BUILD_DEPENDENCY_OF"}
        self.assertLessEqual({"nlohmann-json3-dev", "libcli11-dev", "libspdlog-dev", "libstdc++-12-dev"}, builds)
        source = artifacts.build().civetweb
        if source:
            version = re.match(r"civetweb \((.+?)\)", (source / "debian/changelog").read_text())[1]
            self.assertEqual(names["civetweb"]["versionInfo"], version)

    def test_versions_are_those_installed(self):
        text = subprocess.run(["dpkg-query", "-W", "-f", "${Package}\t${Version}\n"], capture_output=True, text=True,
                              check=True).stdout
        versions = dict(line.split("\t") for line in text.splitlines())
        ours = {"plimsoll": artifacts.build().version}
        for package in self.packages.values():
            if package["name"] != "civetweb":
                self.assertEqual(package["versionInfo"], (versions | ours)[package["name"]], package["name"])


class Tarball(Bill, unittest.TestCase):
    executables = {"plimsoll": "lib/plimsoll/program/plimsoll", "plimsoll-oci": "bin/plimsoll-oci", "plimsoll-launcher": "bin/plimsoll"}

    @classmethod
    def make_tree(cls):
        return artifacts.unpack(artifacts.scratch())

    def test_files_of_others_are_others(self):
        library = self.file_id("lib/plimsoll/libssl.so.3")
        self.assertEqual(self.packages[next(o for o, k, f in self.relations if (k, f) == ("CONTAINS", library))]["name"], "libssl3")
        self.assertIn(self.file_id("bin/plimsoll"), self.related(self.own, "CONTAINS"))


class Image(Bill, unittest.TestCase):
    prefix = "usr/"
    executables = {"plimsoll": "usr/bin/plimsoll"}

    @classmethod
    def make_tree(cls):
        whole = artifacts.scratch()
        for layer in ("system", "program"):
            shutil.copytree(artifacts.image_layer(layer), whole, symlinks=True, dirs_exist_ok=True)
        return whole

    def test_certificates_have_an_owner(self):
        bundle = self.file_id("etc/ssl/certs/ca-certificates.crt")
        owners = [self.packages[one]["name"] for one, kind, other in self.relations if (kind, other) == ("CONTAINS", bundle)]
        self.assertEqual(owners, ["ca-certificates"])


class Deb(Bill, unittest.TestCase):
    prefix = "usr/"
    executables = {"plimsoll": "usr/bin/plimsoll", "plimsoll-oci": "usr/bin/plimsoll-oci"}

    @classmethod
    def make_tree(cls):
        directory = artifacts.scratch()
        words = [support.tool("cpack"), "--config", artifacts.build().directory / "CPackConfig.cmake", "-G", "DEB",
                 "-B", directory / "made"]
        subprocess.run(words, check=True, capture_output=True, cwd=directory)
        package, = (directory / "made").glob("*.deb")
        subprocess.run(["dpkg-deb", "-x", package, directory / "tree"], check=True)
        return directory / "tree"

    def test_nothing_is_brought_along(self):
        self.assertEqual({one for one, kind, _ in self.relations if kind == "CONTAINS"}, {self.own})


class Parts(unittest.TestCase):
    """The tools, given what is wrong."""

    def test_licence_names(self):
        for text, expression in (("Expat", "MIT"), ("GPL-2+ or LGPL-3+", "GPL-2.0-or-later OR LGPL-3.0-or-later"),
                                 ("BSD-3-clause and Zlib", "BSD-3-Clause AND Zlib"), ("Expat with embedded exception", None),
                                 ("a and", None), ("", None), ("Expat and Zlib or curl", None), ("or", None)):
            self.assertEqual(debian.spdx_expression(text), expression, text)

    def test_main_licence(self):
        text = "Format: x\n\nFiles: debian/*\nLicense: GPL-2+\n\nFiles: *\nCopyright: y\nLicense: Expat\n Permission is\n"
        self.assertEqual(debian.main_licence(text), "MIT")
        for nothing in ("", "prose\n\nLicense: Expat\n", "Files: *\nCopyright: z\n"):
            self.assertIsNone(debian.main_licence(nothing))

    def test_identifiers_differ(self):
        ids = {spdx.identifier("File", text) for text in ("a/b", "a-b", "a_b", "a.b", "libstdc++6", "libstdc--6")}
        self.assertEqual(len(ids), 6)
        for which in ids:
            self.assertRegex(which, r"^SPDXRef-File-[A-Za-z0-9.-]+$")

    def test_files_that_are_no_programs(self):
        program = pathlib.Path(support.binary("plimsoll")).read_bytes()
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory, "x")
            for data in (b"", b"#!/bin/sh\n", b"\x7fELF", program[:64], program[:5000], b"\x7fELF\x02\x01" + b"\xff" * 200):
                path.write_bytes(data)
                with self.assertRaises(ValueError, msg=data[:10]):
                    elf.read(path)

    def test_elf_as_binutils_reads_it(self):
        for name in ("plimsoll", "plimsoll-oci"):
            found = elf.read(support.binary(name))
            self.assertEqual(found.needed, readelf(support.binary(name)))
        self.assertTrue(elf.read(support.binary("plimsoll-oci")).static)
        self.assertTrue(elf.read(support.binary("plimsoll")).interpreter.startswith("/lib"))

    def test_a_library_that_is_not_here(self):
        with self.assertRaisesRegex(LookupError, "libnothing.so.1"):
            libraries.closure(support.binary("plimsoll"), also=("libnothing.so.1",))

    def test_a_file_that_is_nobodys(self):
        with tempfile.NamedTemporaryFile() as file, self.assertRaisesRegex(LookupError, "belongs to no package"):
            inputs.package_of(file.name)

    def test_a_directory_that_is_no_build(self):
        with tempfile.TemporaryDirectory() as directory, self.assertRaisesRegex(ValueError, "no build directory"):
            inputs.Build(directory)

    def test_the_list_of_what_is_loaded_later_is_the_sources(self):
        named = set()
        for path in artifacts.REPOSITORY.glob("[acer]*/**/*.cpp"):
            named |= set(re.findall(r'dlopen\("([^"]+)"', path.read_text()))
        self.assertEqual(named, set(libraries.LOADED_LATER))
        self.assertEqual(named, set(LATER))


if __name__ == "__main__":
    unittest.main(verbosity=2)
