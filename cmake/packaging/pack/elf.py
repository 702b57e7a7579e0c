# SPDX-License-Identifier: Apache-2.0
"""The dynamic section of an ELF file: what it needs, its name, its loader. elf(5)"""
import dataclasses
import pathlib
import struct

PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
DT_NEEDED, DT_STRTAB, DT_SONAME, DT_RPATH, DT_RUNPATH = 1, 5, 14, 15, 29


@dataclasses.dataclass
class Elf:
    machine: int = 0
    needed: list = dataclasses.field(default_factory=list)
    soname: str = ""
    interpreter: str = ""
    runpath: str = ""

    @property
    def static(self):
        return not self.interpreter and not self.needed and not self.soname


def is_elf(path):
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def read(path):
    """The Elf of a file; ValueError when it is none of 64 bits, or is cut off."""
    data = pathlib.Path(path).read_bytes()
    try:
        return _parse(data)
    except (struct.error, IndexError, OverflowError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: no whole ELF file: {error}") from None


def _parse(data):
    if data[:5] != b"\x7fELF\x02":
        raise ValueError("no ELF file of 64 bits")
    order = "<" if data[5] == 1 else ">"
    machine, = struct.unpack_from(order + "H", data, 18)
    segments_at, = struct.unpack_from(order + "Q", data, 32)
    size, count = struct.unpack_from(order + "HH", data, 54)
    segments = [struct.unpack_from(order + "IIQQQQQQ", data, segments_at + i * size) for i in range(count)]
    found = Elf(machine)
    for kind, _, offset, _, _, length, _, _ in segments:
        if kind == PT_INTERP:
            found.interpreter = data[offset:offset + length].split(b"\0")[0].decode()
        if kind == PT_DYNAMIC:
            _read_dynamic(found, data, order, segments, offset, length)
    return found


def _read_dynamic(found, data, order, segments, offset, length):
    entries = [struct.unpack_from(order + "QQ", data, offset + at) for at in range(0, length, 16)]
    strings = next((_file_offset(segments, value) for tag, value in entries if tag == DT_STRTAB), None)

    def text(value):
        begin = strings + value
        return data[begin:data.index(b"\0", begin)].decode()
    for tag, value in entries:
        if tag == 0:
            break
        if tag == DT_NEEDED:
            found.needed.append(text(value))
        elif tag == DT_SONAME:
            found.soname = text(value)
        elif tag in (DT_RPATH, DT_RUNPATH):
            found.runpath = text(value)


def _file_offset(segments, address):
    for kind, _, offset, start, _, length, _, _ in segments:
        if kind == PT_LOAD and start <= address < start + length:
            return offset + address - start
    raise ValueError("its strings are in no segment")
