# SPDX-License-Identifier: Apache-2.0
"""Where a file of this machine comes from: Debian's package, its version, its licence. dpkg(1), copyright-format 1.0"""
import dataclasses
import functools
import os
import pathlib
import re
import subprocess

INFO = pathlib.Path("/var/lib/dpkg/info")
DOC = pathlib.Path("/usr/share/doc")

# Debian's short names that are not SPDX's.
SPDX_NAMES = {
    "expat": "MIT", "mit": "MIT", "x11": "X11", "curl": "curl", "zlib": "Zlib", "apache-2.0": "Apache-2.0",
    "apache-2": "Apache-2.0", "bsd-2-clause": "BSD-2-Clause", "bsd-3-clause": "BSD-3-Clause", "openldap-2.8": "OLDAP-2.8",
    "bsd-3-google": "BSD-3-Clause", "bsd-3-clauses": "BSD-3-Clause", "gpl-2": "GPL-2.0-only", "gpl-2+": "GPL-2.0-or-later",
    "gpl-3+": "GPL-3.0-or-later", "lgpl-2": "LGPL-2.0-only", "lgpl-2+": "LGPL-2.0-or-later", "lgpl-2.1": "LGPL-2.1-only",
    "lgpl-2.1+": "LGPL-2.1-or-later", "lgpl-3+": "LGPL-3.0-or-later", "mpl-2.0": "MPL-2.0", "isc": "ISC",
}
# Source packages whose copyright file is prose, or tells of the whole source what is not so of the library: what it says of
# the library that we take; "" where SPDX has no name for it. What cannot be read becomes a reference to the file's own text.
OF_LIBRARIES = {
    "glibc": "LGPL-2.1-or-later", "gcc-12": "GPL-3.0-or-later WITH GCC-exception-3.1", "libxcrypt": "LGPL-2.1-or-later",
    "gnutls28": "LGPL-2.1-or-later", "krb5": "MIT", "rtmpdump": "LGPL-2.1-or-later", "ca-certificates": "MPL-2.0",
    "linux": "GPL-2.0-only WITH Linux-syscall-note", "libgcrypt20": "LGPL-2.1-or-later", "libtasn1-6": "LGPL-2.1-or-later",
    "keyutils": "LGPL-2.0-or-later", "libidn2": "LGPL-3.0-or-later OR GPL-2.0-or-later", "yaml-cpp": "MIT", "e2fsprogs": "",
}


@dataclasses.dataclass(frozen=True)
class Package:
    name: str
    version: str
    architecture: str
    source: str
    source_version: str
    homepage: str

    @property
    def copyright_file(self):
        return DOC / self.name / "copyright"


@functools.cache
def _owners():
    """{path: package} of every file that dpkg has put here."""
    found = {}
    for listing in INFO.glob("*.list"):
        package = listing.name.removesuffix(".list").partition(":")[0]
        for line in listing.read_text(errors="replace").splitlines():
            found[line] = package
    return found


def owner(path):
    """Name of the package that `path` belongs to, or None. /lib may be a link to /usr/lib, and dpkg knows either."""
    owners = _owners()
    real = os.path.realpath(path)
    for candidate in (str(path), os.path.normpath(path), real):
        for variant in (candidate, candidate.removeprefix("/usr"), f"/usr{candidate}"):
            if variant in owners:
                return owners[variant]
    return None


@functools.cache
def _installed():
    """{name: Package} of what is installed here."""
    fields = ("Package", "Version", "Architecture", "source:Package", "source:Version", "Homepage")
    text = subprocess.run(["dpkg-query", "-W", "-f", "\t".join(f"${{{field}}}" for field in fields) + "\n"],
                          capture_output=True, text=True, check=True).stdout
    return {line.partition("\t")[0]: Package(*line.split("\t")) for line in text.splitlines()}


def package(name):
    if name not in _installed():
        raise LookupError(f"no package {name} is installed")
    return _installed()[name]


def spdx_expression(text):
    """Debian's "A and B, or C" as an SPDX expression, or None when a name is unknown."""
    words = []
    for word in re.split(r"\s+", text.replace(",", " ").strip()):
        if word.lower() in ("and", "or"):
            words.append(word.upper())
        elif word.lower() in SPDX_NAMES:
            words.append(SPDX_NAMES[word.lower()])
        else:
            return None
    alternating = len(words) % 2 == 1 and all((word in ("AND", "OR")) == (at % 2 == 1) for at, word in enumerate(words))
    return " ".join(words) if alternating and not {"AND", "OR"} <= set(words) else None


def main_licence(copyright_text):
    """SPDX expression of the paragraph `Files: *`, or None."""
    for paragraph in re.split(r"\n\s*\n", copyright_text):
        if re.search(r"^Files:\s*\*\s*$", paragraph, re.M):
            found = re.search(r"^License:[ \t]*(\S.*)$", paragraph, re.M)
            return spdx_expression(found[1]) if found else None
    return None


def licence(which):
    """SPDX expression of a package's licence, or None."""
    if which.source in OF_LIBRARIES:
        return OF_LIBRARIES[which.source] or None
    try:
        return main_licence(which.copyright_file.read_text(errors="replace"))
    except OSError:
        return None
