#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Usage: record_host.py FILE

Records what the host collectors read on this machine: kernel files below /proc and /sys, in one archive that
tests/unit/host_recorded_test.cpp unpacks. Paths in it are proc/..., sys/..., root/... Links to directories become
directories. For each file a line "== BYTES PATH", its bytes, a line end.

  tests/tools/record_host.py tests/golden/host/recorded/NAME.txt
  tests/vm/run -k 5.10 --out DIR -- python3 tests/tools/record_host.py /mnt/out/NAME.txt
"""
import glob
import os
import pathlib
import sys

LIMIT = 256 * 1024  # bytes of one file
PATTERNS = """
/proc/stat /proc/meminfo /proc/vmstat /proc/loadavg /proc/diskstats /proc/interrupts /proc/softirqs /proc/schedstat
/proc/buddyinfo /proc/zoneinfo /proc/slabinfo /proc/cgroups /proc/mdstat /proc/cpuinfo /proc/drbd
/proc/pressure/* /proc/net/dev /proc/net/snmp /proc/net/snmp6 /proc/net/netstat /proc/net/sockstat
/proc/net/sockstat6 /proc/net/softnet_stat /proc/net/stat/* /proc/net/rpc/* /proc/net/ip_vs /proc/net/ip_vs_stats
/proc/net/xfrm_stat /proc/net/bonding/* /proc/sys/fs/file-nr /proc/sys/kernel/random/entropy_avail
/proc/sys/kernel/random/poolsize /proc/sys/kernel/hung_task_detect_count /proc/sys/kernel/threads-max
/proc/sys/kernel/pid_max /proc/sys/net/netfilter/nf_conntrack_count /proc/sys/net/netfilter/nf_conntrack_max
/sys/class/net/*/* /sys/class/net/*/statistics/rx_nohandler /sys/class/thermal/*/* /sys/class/hwmon/*/*
/sys/class/powercap/*/* /sys/class/power_supply/*/* /sys/class/watchdog/*/* /sys/class/nvme/*/*
/sys/block/*/queue/rotational /sys/devices/system/cpu/cpu*/topology/* /sys/devices/system/cpu/cpu*/cpufreq/*
/sys/devices/system/cpu/cpu*/thermal_throttle/* /sys/devices/system/cpu/vulnerabilities/*
/sys/devices/system/cpu/online /sys/devices/system/cpu/isolated /sys/devices/system/node/node*/meminfo
/sys/devices/system/node/node*/numastat /sys/devices/system/clocksource/clocksource*/*_clocksource
/sys/kernel/mm/ksm/* /sys/fs/selinux/enforce /etc/os-release /usr/lib/os-release
""".split()


def name_of(path):
    return path[1:] if path.startswith(("/proc", "/sys")) else "root" + path


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print(__doc__)
        return 0 if sys.argv[1:] in (["-h"], ["--help"]) else 2
    records = {}
    for pattern in PATTERNS:
        for path in glob.glob(pattern):
            if not os.path.isfile(path) or not os.access(path, os.R_OK):
                continue
            try:
                with open(path, "rb") as file:
                    content = file.read(LIMIT + 1)
            except OSError:
                continue  # a driver that has no value, as the collectors will find too
            if len(content) <= LIMIT:
                records[name_of(path)] = content
    with open(sys.argv[1], "wb") as archive:
        for name, content in sorted(records.items()):
            archive.write(b"== %d %s\n%s\n" % (len(content), name.encode(), content))
    print(f"{len(records)} files, {pathlib.Path(sys.argv[1]).stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
