# SPDX-License-Identifier: Apache-2.0
"""What the queries of one host have in common."""
from panels import Query

CPUS = 'count(node_cpu_seconds_total{HOST, mode="idle"})'
DISKS = 'device!~"loop.*|ram.*|zram.*|sr.*|fd.*"'
CARDS = 'device!~"lo|veth.*|pl[0-9a-f]{12}|ifb.*|cali.*|lxc.*|tap.*"'
REAL = 'fstype!~"tmpfs|ramfs|squashfs|iso9660|overlay"'
# As df counts: what is reserved for root is neither used nor free.
FILLED = ("1 - node_filesystem_avail_bytes{HOST, %s} / (node_filesystem_size_bytes{HOST, %s} - "
          "node_filesystem_free_bytes{HOST, %s} + node_filesystem_avail_bytes{HOST, %s} > 0)" % ((REAL,) * 4))
NO_PSI = " Absent on kernels without pressure stall information."


def rate(family, more=""):
    return "rate(%s{HOST%s}[RATE])" % (family, ", " + more if more else "")


def gauges(*pairs):
    """Queries of gauges as they are: (family, legend)."""
    return [Query("%s{HOST}" % family, legend) for family, legend in pairs]


def rates(*pairs):
    """Queries of counters, a second: (family, legend)."""
    return [Query(rate(family), legend) for family, legend in pairs]
