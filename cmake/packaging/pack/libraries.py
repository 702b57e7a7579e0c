# SPDX-License-Identifier: Apache-2.0
"""The shared libraries of a program, all the way down, as this machine's loader finds them."""
import os
import pathlib
import re
import subprocess

from . import elf

# What the program loads when it is asked for (dlopen): bus.cpp, openssl.cpp, curl_library.cpp. They are in no DT_NEEDED.
LOADED_LATER = ("libssl.so.3", "libcurl.so.4", "libsystemd.so.0")


def search_path(machine):
    """{file name: path} of the loader's cache, for files of that machine; ldconfig(8)."""
    text = subprocess.run(["/sbin/ldconfig", "-p"], check=True, capture_output=True, text=True,
                          env={"LC_ALL": "C"}).stdout
    found = {}
    for name, path in re.findall(r"^\t(\S+) \(.*\) => (\S+)$", text, re.M):
        if name not in found and os.path.exists(path) and elf.is_elf(path) and _machine(path) == machine:
            found[name] = path
    return found


def _machine(path):
    with open(path, "rb") as file:
        head = file.read(20)
    return int.from_bytes(head[18:20], "little" if head[5] == 1 else "big") if head[4] == 2 else None


def closure(program, also=LOADED_LATER):
    """({soname: real path}, {soname or "": [sonames it needs]}) of all that `program` needs and `also` needs; the loader
    is among them. The key "" is the program itself. LookupError when one is not on this machine."""
    own = elf.read(program)
    places = search_path(own.machine)
    paths, needs, wanted = {}, {"": list(own.needed)}, [*own.needed, *also]
    if own.interpreter:
        wanted.append(pathlib.Path(own.interpreter).name)
    while wanted:
        name = wanted.pop()
        if name in paths:
            continue
        place = places.get(name) or (own.interpreter if name == pathlib.Path(own.interpreter).name else None)
        if not place:
            raise LookupError(f"{program} needs {name}, which is not on this machine: scripts/install-dependencies")
        paths[name] = os.path.realpath(place)
        needs[name] = elf.read(paths[name]).needed
        wanted += needs[name]
    return dict(sorted(paths.items())), needs
