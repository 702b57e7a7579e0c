# SPDX-License-Identifier: Apache-2.0
"""Archives that are the same bytes whenever and wherever they are made: sorted, one time, no owner but root."""
import contextlib
import io
import lzma
import os
import pathlib
import struct
import subprocess
import tarfile


def source_date(build):
    """SOURCE_DATE_EPOCH; without it the time of the last commit, or, where there is no repository, of the changelog."""
    if os.environ.get("SOURCE_DATE_EPOCH"):
        return int(os.environ["SOURCE_DATE_EPOCH"])
    done = subprocess.run(["git", "-C", str(build.source), "log", "-1", "--format=%ct"], capture_output=True, text=True,
                          check=False)
    if done.returncode == 0:
        return int(done.stdout)
    return int(subprocess.run(["dpkg-parsechangelog", "-l", str(build.directory / "debian" / "changelog"), "-S", "Timestamp"],
                              capture_output=True, text=True, check=True).stdout)


def files_below(root):
    """Relative paths of all files and links, sorted."""
    return sorted(str(path.relative_to(root)) for path in pathlib.Path(root).rglob("*")
                  if path.is_symlink() or not path.is_dir())


def normalise(root, time, modes=None):
    """One time for all; modes by what a path is (directories and programs 755, the rest 644), whatever the mask was, but
    for those of `modes`, {path below root: mode}."""
    for path in [pathlib.Path(root), *pathlib.Path(root).rglob("*")]:
        if not path.is_symlink():
            usual = 0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644
            path.chmod((modes or {}).get(str(path.relative_to(root)), usual))
        os.utime(path, (time, time), follow_symlinks=False)


def tar(root, name, time, capabilities=None, owners=None):
    """Bytes of an uncompressed archive of `root`, whose entries are below `name`/ ("" for none). `capabilities`: {path below
    root: value of its extended attribute security.capability}; the tree itself needs no such attribute, nor who packs it
    the right to set one. `owners`: {path below root: number of a user and of its group}; all else is root's."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in [pathlib.Path(root), *sorted(pathlib.Path(root).rglob("*"))]:
            relative = str(path.relative_to(root))
            info = archive.gettarinfo(str(path), arcname=str(pathlib.PurePath(name or ".", relative)))
            info.uid = info.gid = (owners or {}).get(relative, 0)
            info.uname = info.gname = "" if info.uid else "root"
            info.mtime = time
            if relative in (capabilities or {}):
                info.pax_headers["SCHILY.xattr.security.capability"] = capabilities[relative].decode("utf-8", "surrogateescape")
            with open(path, "rb") if info.isreg() else contextlib.nullcontext() as content:
                archive.addfile(info, content)
    return out.getvalue()


def file_capabilities(mask):
    """Value of the attribute that permits the capabilities of a mask, and makes none effective: struct vfs_cap_data."""
    return struct.pack("<5I", 0x02000000, mask & 0xffffffff, 0, mask >> 32, 0)


def write_tar_xz(root, name, time, output, level=9):
    """One thread and one block: how many processors a machine has must not be seen in the file."""
    pathlib.Path(output).write_bytes(lzma.compress(tar(root, name, time), preset=level))
