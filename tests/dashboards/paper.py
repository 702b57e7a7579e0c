# SPDX-License-Identifier: Apache-2.0
"""A machine on paper: files as a kernel with pure cgroup v2 and real hardware shows them, for the families that the
machine here cannot have. What its figures are matters little; there must be series to draw."""
import stage

STAT = {"anon": 40 << 20, "file": 20 << 20, "kernel": 1 << 20, "file_mapped": 1 << 20, "file_dirty": 4096, "file_writeback": 4096,
        "inactive_file": 8 << 20, "active_file": 12 << 20, "workingset_refault_anon": 3, "workingset_refault_file": 5,
        "pgscan": 700, "pgsteal": 600, "pgfault": 90000, "pgmajfault": 12}
PRESSURE = "some avg10=0.00 avg60=0.00 avg300=0.00 total=500000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=100000\n"
IO = "254:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0 cost.usage=10 cost.wait=20 cost.indebt=30 cost.indelay=40\n"


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def cpu_stat(quota, time):
    """After `time` periods, of which a quarter was throttled."""
    times = f"usage_usec {3000 * time}\nuser_usec {2000 * time}\nsystem_usec {1000 * time}\n"
    periods = f"nr_periods {4 * time}\nnr_throttled {time}\nthrottled_usec {5000 * time}\n"
    return times + (periods + f"nr_bursts {time}\nburst_usec {100 * time}\n" if quota else "")


def memory_events(time):
    return f"low 0\nhigh {time}\nmax {time}\noom {time}\noom_kill {time}\noom_group_kill 0\n"


def write_group(group, process):
    """A group of v2; `process` of None is the root, which has no limits."""
    files = {"cgroup.controllers": "cpuset cpu io memory hugetlb pids\n", "cgroup.procs": f"{process}\n" if process else "",
             "cpu.stat": cpu_stat(process, 1),
             "memory.stat": "".join(f"{name} {value}\n" for name, value in STAT.items()), "io.stat": IO,
             "memory.numa_stat": "anon N0=4096 N1=8192\nfile N0=0 N1=8192\nunevictable N0=0 N1=0\n",
             **{f"{what}.pressure": PRESSURE for what in ("cpu", "memory", "io")}}
    if process:
        files.update({"memory.current": f"{64 << 20}\n", "memory.peak": f"{80 << 20}\n", "memory.max": f"{96 << 20}\n",
                      "memory.swap.current": "4096\n", "memory.swap.max": "max\n", "memory.min": "0\n",
                      "memory.events": memory_events(1),
                      "hugetlb.2MB.current": "2097152\n", "hugetlb.2MB.events": "max 0\n", "cpu.weight": "100\n",
                      "cpu.max": "50000 100000\n", "pids.current": "3\n", "pids.max": "100\n"})
    for name, text in files.items():
        write(group / name, text)


def write_hardware(sys):
    """Sensors, frequencies, memory errors and energy, as below /sys."""
    chip = sys / "class" / "hwmon" / "hwmon0"
    for path, text in ((chip / "name", "coretemp"), (chip / "temp1_label", "Package id 0"), (chip / "temp1_input", "55000")):
        write(path, text + "\n")
    for number in range(2):
        cpu = sys / "devices" / "system" / "cpu" / f"cpu{number}"
        for path, text in ((cpu / "topology" / "physical_package_id", "0"), (cpu / "topology" / "core_id", str(number)),
                           (cpu / "thermal_throttle" / "core_throttle_count", "5"),
                           (cpu / "thermal_throttle" / "package_throttle_count", "30"),
                           (cpu / "cpufreq" / "scaling_cur_freq", "2400000")):
            write(path, text + "\n")
    for name in ("ce_count", "ue_count", "ce_noinfo_count", "ue_noinfo_count"):
        write(sys / "devices" / "system" / "edac" / "mc" / "mc0" / name, "1\n")
    zone = sys / "class" / "powercap" / "intel-rapl:0"
    for name, text in (("name", "package-0"), ("energy_uj", "240422366267"), ("max_energy_range_uj", "262143328850")):
        write(zone / name, text + "\n")
    write(sys / "devices" / "system" / "cpu" / "online", "0-1\n")


class Paper:
    """The machine below `path`, with a container of Docker called `name`; its process is a real one."""

    def __init__(self, path, name, process):
        self.path = path
        key = stage.write_docker_container(path / "docker", name, restarts=1, healthy=True)
        write_group(path / "cgroup", None)
        write_group(path / "cgroup" / "docker", process)
        (path / "cgroup" / "docker" / "cgroup.procs").write_text("")
        self.group = path / "cgroup" / "docker" / key
        write_group(self.group, process)
        write_hardware(path / "sys")

    def tick(self, time):
        """Lets some of its counters go on."""
        (self.group / "cpu.stat").write_text(cpu_stat(True, time))
        (self.group / "memory.events").write_text(memory_events(time))

    def agent_flags(self):
        return [f"--path.cgroupfs={self.path}/cgroup", f"--path.sysfs={self.path}/sys", f"--docker_root={self.path}/docker",
                f"--path.containerd-state={self.path}/none", f"--path.podman-root={self.path}/none"]
