# SPDX-License-Identifier: Apache-2.0
"""One host, in depth: what is short, who uses it, what the kernel says about it."""
import host_devices
import host_kernel
from container_words import HERE
from host_words import CPUS, FILLED, NO_PSI, gauges, rate, rates
from panels import (ANY_IS_BAD, IDLE, NO_GROUP_PSI, PRESSED, TO_CONTAINER, Dashboard, Query, Row, facts, gauge, hosts, stat,
                    steps, timeseries)

BUSY = 'sum(%s) / sum(%s)' % (rate("node_cpu_seconds_total", 'mode!~"%s"' % IDLE), rate("node_cpu_seconds_total"))
MISSING = "1 - node_memory_MemAvailable_bytes{HOST} / node_memory_MemTotal_bytes{HOST}"

OVERVIEW = [
    gauge("CPU", "Share of all CPUs that is in use. Waiting for disks is not use, nor what the hypervisor took, see CPU by mode.",
          BUSY),
    gauge("Memory", "Share of memory that no new program could have without swapping.", MISSING),
    gauge("Fullest file system", "The fullest file system on disks, counted as df does.", "max(%s)" % FILLED),
    stat("CPU pressure", "percentunit",
         "Share of time in which some task was ready but had no CPU. Worry above a third." + NO_PSI,
         rate("node_pressure_cpu_waiting_seconds_total"), steps=steps((0.3, "orange"), (0.6, "red"))),
    stat("Memory pressure", "percentunit", "Share of time in which some task waited for memory to be reclaimed or read back. "
         "Worry above a tenth." + NO_PSI, rate("node_pressure_memory_waiting_seconds_total"), steps=PRESSED),
    stat("I/O pressure", "percentunit", "Share of time in which some task waited for a disk. Worry above a third." + NO_PSI,
         rate("node_pressure_io_waiting_seconds_total"), steps=steps((0.3, "orange"), (0.6, "red"))),
    stat("Killed for memory", "short", "Processes that the kernel killed for want of memory within the time range, in "
         "containers or out of them.", "increase(node_vmstat_oom_kill{HOST}[RANGE])", steps=ANY_IS_BAD, graph=False),
    stat("Up for", "s", "Time since the host was started.", "node_time_seconds{HOST} - node_boot_time_seconds{HOST}",
         graph=False),
    facts("System", "Name, distribution, kernel and architecture of the host.",
          "max by (nodename, pretty_name, release, machine) (node_uname_info{HOST} * on (cluster, job, instance) group_left "
          "(pretty_name) node_os_info{HOST})",
          {"nodename": "Name", "pretty_name": "Distribution", "release": "Kernel", "machine": "Architecture"}, width=12),
    stat("CPUs", "short", "Processors that are online.", CPUS, graph=False),
    stat("Memory size", "bytes", "All memory that the kernel has.", "node_memory_MemTotal_bytes{HOST}", graph=False),
    stat("Load per CPU", "short", "Tasks that run, wait for a CPU or wait for a disk, for each CPU, over five minutes. Above 1 "
         "for long: see which pressure it is.", "node_load5{HOST} / scalar(%s)" % CPUS,
         steps=steps((1, "orange"), (2, "red"))),
    stat("Containers", "short", "Containers that run now.", 'count(container_last_seen{HERE}) or vector(0)'),
]

CPU = [
    timeseries("CPU by mode", "percentunit", "Share of all CPUs by what it was used for. `iowait` is idle time in which a disk "
               "was waited for; `steal` is what the hypervisor took: worry above a few percent, nothing here can help.",
               Query("sum by (mode) (%s) / scalar(%s)" % (rate("node_cpu_seconds_total", 'mode!="idle"'), CPUS), "{{mode}}"),
               stack=True, top=1, width=12),
    timeseries("CPU by container", "short", "CPUs used by the busiest containers, and by everything that is not in a container. "
               "Containers within one (kind, Docker in Docker) are shown and are in the figure of that one too: there "
               "`outside` is too small, down to 0.",
               Query("topk(8, %s)" % HERE.cpu(),
                     "{{who}}"),
               Query('clamp_min(sum(%s) - (sum(rate(container_cpu_usage_seconds_total{HERE}[RATE])) or vector(0)), 0)'
                     % rate("node_cpu_seconds_total", 'mode!~"%s"' % IDLE), "outside of containers"),
               stack=True, width=12, link=TO_CONTAINER),
    timeseries("CPU by processor", "percentunit", "Share of each processor that is in use. One alone at 100 % while others "
               "idle: a single thread, or interrupts, are the limit.",
               Query("1 - sum by (cpu) (%s)" % rate("node_cpu_seconds_total", 'mode=~"%s"' % IDLE), "CPU {{cpu}}"), top=1),
    timeseries("Load", "short", "Tasks that run, wait for a CPU or wait for a disk, against the number of CPUs.",
               *gauges(("node_load1", "1 minute"), ("node_load5", "5 minutes"), ("node_load15", "15 minutes")),
               Query(CPUS, "CPUs", "limit")),
    timeseries("Tasks", "short", "Tasks that want a CPU now, and that wait for a disk or another device now. Many blocked ones "
               "with little I/O: something hangs.",
               *gauges(("node_procs_running", "ready or running"), ("node_procs_blocked", "blocked"))),
    timeseries("Switches and interrupts", "ops", "Context switches, interrupts and new processes a second. A jump with the "
               "load unchanged: a program polls, or something starts processes in a loop.",
               *rates(("node_context_switches_total", "context switches"), ("node_intr_total", "interrupts"),
                      ("node_forks_total", "new processes")), log=True),
    timeseries("Interrupts by source", "ops", "The busiest sources of interrupts, all processors together.",
               Query('topk(8, label_join(sum by (type, info, devices) (%s), "from", " ", "type", "info", "devices"))'
                     % rate("node_interrupts_total"), "{{from}}")),
    timeseries("Waiting in run queues", "percentunit", "Time that tasks waited for a processor they were ready for, for each "
               "processor. Like CPU pressure, by processor. Absent on kernels without scheduler statistics (CONFIG_SCHEDSTATS).",
               Query("sum by (cpu) (%s)" % rate("node_schedstat_waiting_seconds_total"), "CPU {{cpu}}")),
]

PRESSURE = [
    timeseries("CPU", "percentunit", "Share of time in which some task was ready but had no CPU." + NO_PSI,
               *rates(("node_pressure_cpu_waiting_seconds_total", "some waited")), width=6),
    timeseries("Memory", "percentunit", "Share of time in which some task, or all of them, waited for memory to be reclaimed "
               "or read back. `all` is work that was lost: worry at a few percent." + NO_PSI,
               *rates(("node_pressure_memory_waiting_seconds_total", "some waited"),
                      ("node_pressure_memory_stalled_seconds_total", "all waited")), steps=PRESSED, width=6),
    timeseries("I/O", "percentunit", "Share of time in which some task, or all of them, waited for a disk." + NO_PSI,
               *rates(("node_pressure_io_waiting_seconds_total", "some waited"),
                      ("node_pressure_io_stalled_seconds_total", "all waited")), width=6),
    timeseries("Interrupts", "percentunit", "Share of time that interrupts took from tasks. Absent before Linux 6.1 and on "
               "kernels that do not account interrupt time (CONFIG_IRQ_TIME_ACCOUNTING).",
               *rates(("node_pressure_irq_stalled_seconds_total", "taken")), width=6),
    timeseries("CPU, by container", "percentunit",
               "Share of time in which some task of the container waited for a CPU." + NO_GROUP_PSI,
               Query("topk(8, %s)" % HERE.pressure("cpu"), "{{who}}"), width=12, link=TO_CONTAINER),
    timeseries("Memory, by container", "percentunit",
               "Share of time in which some task of the container waited for memory." + NO_GROUP_PSI,
               Query("topk(8, %s)" % HERE.pressure("memory"), "{{who}}"), width=12, link=TO_CONTAINER, steps=PRESSED),
]

MEMORY = [
    timeseries("Memory by use", "bytes", "What all memory is used for. `programs` is anonymous memory, `page cache` can be "
               "given up (without shared memory, which is apart), `kernel` is slab that cannot be reclaimed, stacks and page "
               "tables.",
               Query("node_memory_AnonPages_bytes{HOST}", "programs"),
               Query("node_memory_Shmem_bytes{HOST}", "shared memory and tmpfs"),
               Query("node_memory_SUnreclaim_bytes{HOST} + node_memory_KernelStack_bytes{HOST} + "
                     "node_memory_PageTables_bytes{HOST}",
                     "kernel"),
               Query("node_memory_SReclaimable_bytes{HOST}", "reclaimable slab"),
               Query("node_memory_Cached_bytes{HOST} + node_memory_Buffers_bytes{HOST} - node_memory_Shmem_bytes{HOST}",
                     "page cache"),
               Query("node_memory_MemFree_bytes{HOST}", "free"), Query("node_memory_MemTotal_bytes{HOST}", "total", "limit"),
               stack=True, width=12),
    timeseries("Memory by container", "bytes", "Working sets of the largest containers: memory in use without page cache that "
               "could go.",
               Query("topk(8, %s)" % HERE.working_set(), "{{who}}"), stack=True, width=12,
               link=TO_CONTAINER),
    timeseries("Available", "bytes", "What new programs could have without swapping. Near 0 the host swaps, or kills.",
               *gauges(("node_memory_MemAvailable_bytes", "available")),
               Query("node_memory_MemTotal_bytes{HOST}", "total", "limit")),
    timeseries("Paging", "ops", "Faults that had to read from a disk, and pages swapped in and out. Major faults that stay "
               "high: programs are read again and again, memory is too small. Swapped out is below the axis.",
               *rates(("node_vmstat_pgmajfault", "major faults"), ("node_vmstat_pswpin", "pages swapped in")),
               Query(rate("node_vmstat_pswpout"), "pages swapped out", "below")),
    timeseries("Swap", "bytes", "Swap space in use. Being full is no fault; growing is.",
               Query("node_memory_SwapTotal_bytes{HOST} - node_memory_SwapFree_bytes{HOST}", "in use"),
               Query("node_memory_SwapTotal_bytes{HOST}", "size", "limit")),
    timeseries("Waiting to be written", "bytes", "Page cache that is to be written to disks, or is being written. Steady "
               "growth: the disks do not keep up, and programs will be held back.",
               *gauges(("node_memory_Dirty_bytes", "dirty"), ("node_memory_Writeback_bytes", "being written"))),
    timeseries("Promised memory", "bytes", "What programs have asked for, used or not, against what the kernel would grant if "
               "it were set to grant no more than there is. Only matters with vm.overcommit_memory = 2.",
               *gauges(("node_memory_Committed_AS_bytes", "promised")),
               Query("node_memory_CommitLimit_bytes{HOST}", "limit", "limit")),
    timeseries("Kernel memory", "bytes", "What the kernel uses for itself. Slab that cannot be reclaimed and only grows is a "
               "leak.",
               *gauges(("node_memory_SUnreclaim_bytes", "slab, not reclaimable"),
                       ("node_memory_SReclaimable_bytes", "slab, reclaimable"),
                       ("node_memory_PageTables_bytes", "page tables"), ("node_memory_KernelStack_bytes", "stacks"),
                       ("node_memory_Percpu_bytes", "per processor"), ("node_memory_VmallocUsed_bytes", "vmalloc"))),
    timeseries("Huge pages", "bytes", "Reserved huge pages and how many of them are free; transparent ones are made as they "
               "are needed.",
               Query("node_memory_HugePages_Total{HOST} * node_memory_Hugepagesize_bytes{HOST}", "reserved"),
               Query("node_memory_HugePages_Free{HOST} * node_memory_Hugepagesize_bytes{HOST}", "reserved and free"),
               Query("node_memory_AnonHugePages_bytes{HOST}", "transparent")),
    timeseries("Killed for memory", "short", "Processes that the kernel killed for want of memory, in containers or out of them.",
               Query("increase(node_vmstat_oom_kill{HOST}[RATE])", "killed"), bars=True),
    timeseries("Pages by age", "bytes", "Memory by the lists from which the kernel reclaims: inactive page cache goes first, "
               "unevictable memory never. Little inactive and much active page cache: reclaim will hurt.",
               *gauges(("node_memory_Active_anon_bytes", "programs, active"),
                       ("node_memory_Inactive_anon_bytes", "programs, inactive"),
                       ("node_memory_Active_file_bytes", "page cache, active"),
                       ("node_memory_Inactive_file_bytes", "page cache, inactive"),
                       ("node_memory_Unevictable_bytes", "unevictable")), stack=True),
    timeseries("Page faults", "ops", "Faults of all kinds a second. Most are harmless: memory that is used for the first time.",
               *rates(("node_vmstat_pgfault", "all faults"))),
]

CONTAINERS = [HERE.table("Containers", "The containers that run here; a name leads to the container.", height=12)]

DASHBOARD = Dashboard(
    "plimsoll-host", "Plimsoll / Host", "One host, in depth: what is short, who uses it, what the kernel says about it.",
    hosts(many=False),
    [Row("Overview", OVERVIEW), Row("CPU", CPU), Row("Pressure: time lost for want of something", PRESSURE),
     Row("Memory", MEMORY),
     Row("Disks", host_devices.DISKS_ROW), Row("File systems", host_devices.FILES), Row("Network", host_devices.NETWORK),
     Row("TCP, UDP and connection tracking", host_devices.PROTOCOLS), Row("Kernel", host_kernel.KERNEL),
     Row("Containers", CONTAINERS),
     Row("Hardware, as far as the machine shows it", host_kernel.HARDWARE, collapsed=True)],
    annotations=(("Starts of the host", "1000 * node_boot_time_seconds{HOST}", "The host was started", "blue"),))
