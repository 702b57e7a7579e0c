# SPDX-License-Identifier: Apache-2.0
"""bill-of-materials.py BUILD ROOT: writes usr/share/doc/plimsoll/plimsoll.spdx.json into the tree ROOT, which has everything
else that the Debian package will have. For cpack; the archive and the image have theirs from scripts/build-*."""
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from pack import archive, bom, inputs, trees  # noqa: E402


def main(build_directory, root):
    build = inputs.Build(build_directory)
    path = f"usr/{trees.BOM}"
    materials = bom.Materials(build, f"plimsoll-{build.version}-deb", archive.source_date(build))
    materials.describe(root, {name: f"usr/bin/{name}" for name in ("plimsoll", "plimsoll-oci")}, {}, path)
    pathlib.Path(root, path).chmod(0o644)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (LookupError, ValueError, OSError) as error:
        sys.exit(f"bill-of-materials: {error}")
