# SPDX-License-Identifier: Apache-2.0
"""The trees that are packed, out of what `cmake --install` gives: the relocatable archive, and the root of the image."""
import os
import pathlib
import shutil
import subprocess

from . import archive, bom, debian, elf, inputs, libraries

BOM = "share/doc/plimsoll/plimsoll.spdx.json"
COMMON_LICENCES = pathlib.Path("/usr/share/common-licenses")
CERTIFICATES = pathlib.Path("/usr/share/ca-certificates/mozilla")
BUNDLE = "etc/ssl/certs/ca-certificates.crt"  # where Debian's OpenSSL and libcurl look


# What cmake/Packaging.cmake installs for Debian's package alone.
DEBIAN_ONLY = ("usr/share/lintian/", "usr/share/doc/plimsoll/copyright", "usr/share/doc/plimsoll/changelog", "etc/default/")
USER = 1876  # of the image's agent, and its group
# What the image's program may have as another user than root, as far as its engine lets it: docs/SECURITY.md, by number.
CAPABILITIES = {"DAC_READ_SEARCH": 2, "SETPCAP": 8, "NET_BIND_SERVICE": 10, "NET_ADMIN": 12, "SYS_PTRACE": 19,
                "SYS_ADMIN": 21, "SYS_NICE": 23, "PERFMON": 38}
# Where engines and people mount something, and what a container may have to write to.
DIRECTORIES = {"host": 0o755, "proc": 0o755, "sys": 0o755, "dev": 0o755, "tmp": 0o1777, "run/plimsoll": 0o700,
               "var/lib/plimsoll": 0o700}


def install(build, target):
    """Runs the build's install rules below `target`, stripped: {path below the prefix: real path}; files with fixed places
    are there without /usr."""
    words = ["cmake", "--install", str(build.directory), "--strip", "--prefix", "/usr"]
    for more in ([], ["--component", "system"]):
        subprocess.run([*words, *more], check=True, stdout=subprocess.DEVNULL, env={**os.environ, "DESTDIR": str(target)})
    paths = [path for path in archive.files_below(target) if not path.startswith(DEBIAN_ONLY)]
    return {path.removeprefix("usr/"): pathlib.Path(target, path) for path in paths}


def copy(source, target):
    """Bytes and modes, or the link itself."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_symlink():
        target.symlink_to(os.readlink(source))
    else:
        shutil.copy(source, target)
    return target


def strip(build, path):
    subprocess.run([build.cache.get("CMAKE_STRIP", "strip"), str(path)], check=True)


def copyrights(packages, build, root, where, shipped):
    """Copyright files of the packages, and of civetweb; the licences that they name, once."""
    sources = {name: pathlib.Path(os.path.realpath(debian.package(name).copyright_file)) for name in sorted(packages)}
    if build.civetweb:
        sources[bom.CIVETWEB] = build.civetweb / "debian" / "copyright"
    words = "\n".join(source.read_text(errors="replace") for source in sources.values())
    first = {}
    for name, source in sources.items():
        same = first.setdefault(source.read_bytes(), name)  # packages of one source
        if same != name:
            (root / where / name).symlink_to(same)
            continue
        shipped[f"{where}/{name}/copyright"] = name
        copy(source, root / where / name / "copyright")
    for licence in sorted(COMMON_LICENCES.iterdir()):
        if f"{COMMON_LICENCES}/{licence.name}" in words:
            shipped[f"{where}/common-licenses/{licence.name}"] = "base-files"
            copy(pathlib.Path(os.path.realpath(licence)), root / where / "common-licenses" / licence.name)


def certificates(target):
    """Those of Debian's package alone: what else this machine trusts is nobody else's business."""
    target.parent.mkdir(parents=True, exist_ok=True)
    files = sorted(CERTIFICATES.glob("*.crt"))
    if not files:
        raise LookupError(f"{CERTIFICATES} has no certificates: scripts/install-dependencies")
    target.write_text("".join(path.read_text().rstrip("\n") + "\n" for path in files))


def libraries_of(build):
    """({soname: real path}, {soname: package}, path of the loader as the program names it)."""
    paths, _ = libraries.closure(build.executable("plimsoll"))
    packages = {name: inputs.package_of(real) for name, real in paths.items()}
    return paths, packages, elf.read(build.executable("plimsoll")).interpreter


def tarball(build, root, time, scratch):
    """Fills `root` with bin, lib, share, etc. See agent/launcher.cpp for how the parts find each other."""
    places = {"bin/plimsoll": "lib/plimsoll/program/plimsoll"}
    for path, real in install(build, scratch / "installed").items():
        copy(real, root / places.get(path, path))
    strip(build, copy(build.executable("plimsoll-launcher"), root / "bin" / "plimsoll"))
    paths, packages, interpreter = libraries_of(build)
    shipped = {}
    for name, real in paths.items():
        place = "lib/plimsoll/" + ("loader/plimsoll" if name == pathlib.Path(interpreter).name else name)
        copy(pathlib.Path(real), root / place)
        shipped[place] = packages[name]
    (root / "lib/plimsoll/loader/plimsoll-oci").symlink_to("../../../bin/plimsoll-oci")
    copy(build.source / "LICENSE", root / "LICENSE")
    copyrights(set(packages.values()), build, root, "share/doc/plimsoll/licenses", shipped)
    archive.normalise(root, time)
    executables = {"plimsoll": places["bin/plimsoll"], "plimsoll-oci": "bin/plimsoll-oci", "plimsoll-launcher": "bin/plimsoll"}
    bom.Materials(build, f"plimsoll-{build.version}-tarball", time).describe(root, executables, shipped, BOM)
    archive.normalise(root, time)


def image(build, system, program, time, scratch):
    """Fills the trees of the image's two layers: `system` with loader, libraries, certificates and users, which change with Debian's
    updates, and `program`, which changes with every version of ours."""
    installed = install(build, scratch / "installed")
    paths, packages, interpreter = libraries_of(build)
    shipped = {BUNDLE: "ca-certificates"}
    for name, real in paths.items():
        place = interpreter[1:] if name == pathlib.Path(interpreter).name else f"usr{_directory(real)}/{name}"
        copy(pathlib.Path(real), system / place)
        shipped[place] = packages[name]
    certificates(system / BUNDLE)
    _users(system)
    copyrights({*packages.values(), "ca-certificates"}, build, system, "usr/share/doc", shipped)
    copy(installed["bin/plimsoll"], program / "usr/bin/plimsoll")
    copy(build.source / "LICENSE", program / "usr/share/doc/plimsoll/LICENSE")
    whole = scratch / "whole"  # both layers, as a container sees them
    for layer in (system, program):
        archive.normalise(layer, time, DIRECTORIES)
        shutil.copytree(layer, whole, symlinks=True, dirs_exist_ok=True)
    materials = bom.Materials(build, f"plimsoll-{build.version}-image", time)
    materials.describe(whole, {"plimsoll": "usr/bin/plimsoll"}, shipped, f"usr/{BOM}")
    copy(whole / "usr" / BOM, program / "usr" / BOM)
    archive.normalise(program, time)


def image_layers(build, target, time, scratch):
    """Makes system.tar and program.tar in `target`."""
    for name in ("system", "program"):
        (scratch / name).mkdir()
    image(build, scratch / "system", scratch / "program", time, scratch)
    granted = archive.file_capabilities(sum(1 << number for number in CAPABILITIES.values()))
    owners = {name: USER for name in ("run/plimsoll", "var/lib/plimsoll")}  # a volume that is mounted there takes its owner over
    (target / "system.tar").write_bytes(archive.tar(scratch / "system", "", time, owners=owners))
    (target / "program.tar").write_bytes(archive.tar(scratch / "program", "", time, {"usr/bin/plimsoll": granted}))


def _directory(real):
    """/lib/x86_64-linux-gnu of a library's real path, with or without /usr before it."""
    return str(pathlib.PurePath(real).parent).removeprefix("/usr")


def _users(root):
    etc = root / "etc"
    etc.mkdir(parents=True, exist_ok=True)
    (etc / "passwd").write_text(f"root:x:0:0:root:/:/sbin/nologin\nplimsoll:x:{USER}:{USER}:Plimsoll:/:/sbin/nologin\n")
    (etc / "group").write_text(f"root:x:0:\nplimsoll:x:{USER}:\n")
    (etc / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\n")
    for name in DIRECTORIES:
        (root / name).mkdir(parents=True, exist_ok=True)
