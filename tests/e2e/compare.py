# SPDX-License-Identifier: Apache-2.0
"""Comparing our samples with a peer's: differences that are known, each with its reason and counted."""


class Difference:
    """Samples that need not agree, with the reason."""

    def __init__(self, reason, applies):
        self.reason, self.applies, self.count, self.families = reason, applies, 0, set()


def named(*names):
    return lambda family, labels, theirs, ours: family in names


def excused(differences, family, labels, theirs, ours):
    """Whether one of the differences explains it (`ours` is None where we have no such sample); counts it."""
    for difference in differences:
        if difference.applies(family, labels, theirs, ours):
            difference.count += 1
            difference.families.add(family)
            return True
    return False


def print_differences(differences):
    for difference in differences:
        if difference.count:
            print(f"  {difference.count} differ: {difference.reason}: {', '.join(sorted(difference.families))}")
