# SPDX-License-Identifier: Apache-2.0
"""What scripts/build-tarball, scripts/build-image and the package's install step are made of: which libraries a program
needs (elf, libraries), where they come from (debian), the bill of materials (spdx), archives that are the same each time
(archive), and the trees that are packed (trees)."""
