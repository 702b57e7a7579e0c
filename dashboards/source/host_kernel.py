# SPDX-License-Identifier: Apache-2.0
"""Processes, clock, limits and hardware of one host."""
from host_words import gauges, rate
from panels import ANY_IS_BAD, FULL, Query, bar_gauge, stat, timeseries, values

KERNEL = [
    timeseries("Processes by state", "short", "`D` waits for a device and cannot be killed: worry when it stays. `Z` has ended "
               "and its parent does not care: worry when it grows. `I` are idle threads of the kernel.",
               Query("node_processes_state{HOST}", "{{state}}")),
    timeseries("Processes and threads", "short", "How many processes and threads there are, those of the kernel too.",
               *gauges(("node_processes_pids", "processes"), ("node_processes_threads", "threads"))),
    bar_gauge("Nearest to a limit of the kernel", "percentunit", "Shares of what the kernel grants: process numbers, threads, "
              "open files, tracked connections (where there are any). Full means refused.",
              'label_replace(node_processes_pids{HOST} / node_processes_max_processes{HOST}, "of", "process numbers", "", "") '
              'or label_replace(node_processes_threads{HOST} / node_processes_max_threads{HOST}, "of", "threads", "", "") '
              'or label_replace(node_filefd_allocated{HOST} / node_filefd_maximum{HOST}, "of", "open files", "", "") '
              'or label_replace(node_nf_conntrack_entries{HOST} / node_nf_conntrack_entries_limit{HOST}, "of", "connections", '
              '"", "")',
              "{{of}}", steps=FULL, top=1),
    timeseries("Open files", "short", "Open file handles of all programs.", *gauges(("node_filefd_allocated", "open"))),
    timeseries("Error of the clock", "s", "How far the clock is off by its own reckoning, and at most. Certificates, logs and "
               "clusters mind from seconds on. Grows to 16 s where nothing sets the clock.",
               *gauges(("node_timex_offset_seconds", "offset"), ("node_timex_estimated_error_seconds", "estimated error"),
                       ("node_timex_maxerror_seconds", "at most"))),
    stat("Clock is set", "short", "Whether the kernel has been told that its clock follows a time server. In virtual machines "
         "the hypervisor may set it without saying so.", "node_timex_sync_status{HOST}", width=4, height=4, graph=False,
         mappings=values({0: ("no", "orange"), 1: ("yes", "green")})),
    stat("Tasks found hanging", "short", "Tasks that the kernel found waiting for minutes without an end (Linux 6.13 and "
         "later). A disk or a network file system does not answer.", "node_kernel_hung_tasks_total{HOST}", width=4,
         steps=ANY_IS_BAD),
    timeseries("Randomness", "bits", "Bits of entropy at hand. From Linux 5.18 on always 256.",
               *gauges(("node_entropy_available_bits", "available"))),
]

HARDWARE = [
    timeseries("Temperatures", "celsius", "What the sensors say. Worry when processors are slowed down for it, see beside. "
               "Virtual machines have none.", Query("node_hwmon_temp_celsius{HOST}", "{{chip}} {{sensor}}")),
    timeseries("Slowed down for heat", "short", "Times that a processor was slowed down since it was too hot.",
               Query("sum by (package) (increase(node_cpu_package_throttles_total{HOST}[RATE]))", "package {{package}}"),
               bars=True),
    timeseries("Frequency", "hertz", "Frequency of each processor, where the kernel sets it.",
               Query("node_cpu_scaling_frequency_hertz{HOST}", "CPU {{cpu}}")),
    timeseries("Memory errors", "short", "Errors that the memory controller corrected, and those that it could not. "
               "Correctable ones that repeat: change the module. Any uncorrectable one: at once.",
               Query("sum by (controller) (increase(node_edac_correctable_errors_total{HOST}[RATE]))", "{{controller}} "
                     "corrected"),
               Query("sum by (controller) (increase(node_edac_uncorrectable_errors_total{HOST}[RATE]))", "{{controller}} not "
                     "corrected"),
               bars=True),
    timeseries("RAID members missing", "short", "Disks of software RAID arrays that have failed or are not there. Worry at "
               "the first.",
               Query('max by (device) (node_md_disks_required{HOST}) - sum by (device) (node_md_disks{HOST, state="active"})',
                     "{{device}}"), steps=ANY_IS_BAD),
    timeseries("Power", "watt", "What the processors draw, by the counters that they keep themselves.",
               Query("sum by (path) (%s)" % rate("node_rapl_package_joules_total"), "{{path}}")),
]
