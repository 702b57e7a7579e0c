# SPDX-License-Identifier: Apache-2.0
"""Disks, file systems and network of one host."""
from container_words import HERE
from host_words import CARDS, DISKS, FILLED, REAL, gauges, rate, rates
from panels import ANY_IS_BAD, FULL, NO_GROUP_PSI, PRESSED, TO_CONTAINER, Column, Query, steps, table, timeseries, values


def of_each(amount, requests):
    """The mean of something for each request of a device."""
    return "%s / (%s > 0)" % (rate(amount, DISKS), rate(requests, DISKS))


DISKS_ROW = [
    timeseries("Throughput", "Bps", "Bytes read; written ones are below the axis.",
               Query(rate("node_disk_read_bytes_total", DISKS), "{{device}} read"),
               Query(rate("node_disk_written_bytes_total", DISKS), "{{device}} written", "below")),
    timeseries("Requests", "iops", "Requests that were completed; writes and flushes are below the axis.",
               Query(rate("node_disk_reads_completed_total", DISKS), "{{device}} reads"),
               Query(rate("node_disk_writes_completed_total", DISKS), "{{device}} writes", "below"),
               Query(rate("node_disk_flush_requests_total", DISKS), "{{device}} flushes", "below")),
    timeseries("Time of a request", "s", "Mean time from a request to its answer, waiting included. Compare it with what the "
               "device can do: below 1 ms for NVMe, 10 ms for a turning disk. No line while there are no requests. Flushes are "
               "counted from Linux 5.5 on.",
               Query(of_each("node_disk_read_time_seconds_total", "node_disk_reads_completed_total"), "{{device}} read"),
               Query(of_each("node_disk_write_time_seconds_total", "node_disk_writes_completed_total"), "{{device}} write"),
               Query(of_each("node_disk_flush_requests_time_seconds_total", "node_disk_flush_requests_total"),
                     "{{device}} flush")),
    timeseries("Busy", "percentunit", "Share of time in which the device had work. A turning disk is full at 100 %; one that "
               "works on many requests at once is not: look at the time of a request.",
               Query(rate("node_disk_io_time_seconds_total", DISKS), "{{device}}"), top=1),
    timeseries("Queue", "short", "Requests that the device works on or that wait for it, on average.",
               Query(rate("node_disk_io_time_weighted_seconds_total", DISKS), "{{device}}")),
    timeseries("Size of a request", "bytes", "Mean size of requests. Small ones cost as much as large ones on many devices.",
               Query(of_each("node_disk_read_bytes_total", "node_disk_reads_completed_total"), "{{device}} read"),
               Query(of_each("node_disk_written_bytes_total", "node_disk_writes_completed_total"), "{{device}} write")),
]

DISKS_ROW += [
    timeseries("Throughput by container", "Bps", "Bytes that the busiest containers read; written ones are below the axis. On "
               "cgroup v1 what is written back later may be counted elsewhere.",
               Query("topk(6, %s)" % HERE.bytes("reads"), "{{who}} read"),
               Query("topk(6, %s)" % HERE.bytes("writes"), "{{who}} written", "below"), width=12, link=TO_CONTAINER),
    timeseries("Waiting for disks, by container", "percentunit", "Share of time in which some task of the container waited for "
               "a disk." + NO_GROUP_PSI,
               Query("topk(8, %s)" % HERE.pressure("io"), "{{who}}"), width=12, link=TO_CONTAINER, steps=PRESSED),
]

BY_MOUNT = "max by (mountpoint, device, fstype) (%s)"
FILES = [
    table("File systems", "Every file system on a disk, counted as df does. `full in` goes on at the pace of the last six "
          "hours, at most a year; empty when it does not fill. Read-only ones that should not be: the disk has failed.",
          {"mountpoint": "Mounted at", "device": "Device", "fstype": "Type"}, [
              Column("Used", BY_MOUNT % FILLED, "percentunit", FULL, bar=True),
              Column("Size", BY_MOUNT % ("node_filesystem_size_bytes{HOST, %s}" % REAL), "bytes"),
              Column("Available", BY_MOUNT % ("node_filesystem_avail_bytes{HOST, %s}" % REAL), "bytes"),
              Column("Inodes used", BY_MOUNT % ("1 - node_filesystem_files_free{HOST, %s} / (node_filesystem_files{HOST, %s} > 0)"
                                                % (REAL, REAL)), "percentunit", FULL, bar=True),
              Column("Full in", BY_MOUNT % ("node_filesystem_avail_bytes{HOST, %s} / -(deriv(node_filesystem_avail_bytes{HOST, "
                                            "%s}[6h]) < 0) < 31536000" % (REAL, REAL)), "s",
                                            steps((86400, "orange"), (604800, "green"), base="red")),
              Column("Read-only", BY_MOUNT % ("node_filesystem_readonly{HOST, %s}" % REAL), "short",
                     mappings=values({0: ("no", "green"), 1: ("yes", "orange")})),
              Column("Cannot be read", BY_MOUNT % ("node_filesystem_device_error{HOST, %s}" % REAL), "short", ANY_IS_BAD,
                     mappings=values({0: ("no", "green"), 1: ("yes", "red")})),
          ], width=16, height=8),
    timeseries("Used over time", "percentunit", "Share of each file system on a disk that is used, counted as df does.",
               Query("max by (mountpoint) (%s)" % FILLED, "{{mountpoint}}"), top=1, steps=FULL),
]

# Cards without a speed, and virtual ones, say 0 or less.
SPEED = "(node_network_speed_bytes{HOST, %s} > 0)" % CARDS
NETWORK = [
    timeseries("Traffic", "bps", "Bits received; sent ones are below the axis. Loopback and the host's ends of containers are "
               "left out.",
               Query("8 * " + rate("node_network_receive_bytes_total", CARDS), "{{device}} received"),
               Query("8 * " + rate("node_network_transmit_bytes_total", CARDS), "{{device}} sent", "below")),
    timeseries("Packets", "pps", "Packets received; sent ones are below the axis.",
               Query(rate("node_network_receive_packets_total", CARDS), "{{device}} received"),
               Query(rate("node_network_transmit_packets_total", CARDS), "{{device}} sent", "below")),
    timeseries("Share of the link's speed", "percentunit", "Traffic of each direction against the speed that the card has agreed "
               "on. Above 80 % expect drops. Empty for virtual cards, which have no speed.",
               Query("%s / %s" % (rate("node_network_receive_bytes_total", CARDS), SPEED), "{{device}} received"),
               Query("%s / %s" % (rate("node_network_transmit_bytes_total", CARDS), SPEED), "{{device}} sent"),
               top=1, steps=FULL),
    timeseries("Errors", "pps", "Packets that were damaged or could not be sent. Worry when it is not 0: a cable, a plug, a "
               "card.",
               Query(rate("node_network_receive_errs_total", CARDS), "{{device}} received"),
               Query(rate("node_network_transmit_errs_total", CARDS), "{{device}} sent", "below")),
    timeseries("Drops", "pps", "Packets that were thrown away. Some are normal (unknown protocols); a rise with the traffic is "
               "not.",
               Query(rate("node_network_receive_drop_total", CARDS), "{{device}} received"),
               Query(rate("node_network_transmit_drop_total", CARDS), "{{device}} sent", "below")),
    timeseries("Changes of the link", "short", "Times that a link came or went. Worry when it repeats.",
               Query("increase(node_network_carrier_changes_total{HOST, %s}[RATE])" % CARDS, "{{device}}"), bars=True),
    timeseries("Packets in the kernel", "pps", "Packets that a processor dropped since its queue was full, and rounds that "
               "ended before the queue was empty. Drops: more processors should share the work, or net.core.netdev_max_backlog "
               "be larger.",
               Query("sum(%s)" % rate("node_softnet_dropped_total"), "dropped"),
               Query("sum(%s)" % rate("node_softnet_times_squeezed_total"), "rounds cut short")),
    table("Interfaces", "State, speed and size of the largest packet. Loopback and the host's ends of containers are left out.",
          {"device": "Interface"}, [
              Column("Up", "max by (device) (node_network_up{HOST, %s})" % CARDS,
                     mappings=values({0: ("down", "red"), 1: ("up", "green")})),
              Column("Speed", "8 * max by (device) %s" % SPEED, "bps"),
              Column("MTU", "max by (device) (node_network_mtu_bytes{HOST, %s})" % CARDS, "none"),
              Column("Received in all", "sum by (device) (increase(node_network_receive_bytes_total{HOST, %s}[RANGE]))" % CARDS,
                     "bytes"),
              Column("Sent in all", "sum by (device) (increase(node_network_transmit_bytes_total{HOST, %s}[RANGE]))" % CARDS,
                     "bytes"),
          ], width=16, height=8, sort="+Interface"),
]

NETWORK += [
    timeseries("Traffic by container", "bps", "Bits that the busiest containers received; sent ones are below the axis. In "
               "Kubernetes they are the pod's, on its sandbox.",
               Query("topk(6, %s)" % HERE.bits("receive"), "{{who}} received"),
               Query("topk(6, %s)" % HERE.bits("transmit"), "{{who}} sent", "below"), width=16, link=TO_CONTAINER),
    timeseries("Neighbours", "short", "Entries of the table of IPv4 neighbours (ARP). At net.ipv4.neigh.default.gc_thresh3, by "
               "default 1024, new ones are refused: on large networks of pods raise it.",
               Query("node_arp_entries{HOST}", "{{device}}")),
]

PROTOCOLS = [
    timeseries("TCP connections by state", "short", "Many in `close_wait`: a program does not close what its peer has closed. "
               "Many in `time_wait`: short connections, usually harmless. Needs the collector tcpstat, which is on.",
               Query('node_tcp_connection_states{HOST, state!~".*queued_bytes"}', "{{state}}")),
    timeseries("TCP segments sent again", "percentunit", "Share of segments that had to be sent again. Worry above 1 %: "
               "something between here and there loses packets.",
               Query("%s / (%s > 0)" % (rate("node_netstat_Tcp_RetransSegs"), rate("node_netstat_Tcp_OutSegs")), "sent again"),
               steps=steps((0.01, "orange"), (0.05, "red"))),
    timeseries("TCP trouble", "ops", "Connections refused since a program's queue was full, first packets and others sent "
               "again, resets sent. Overflows: a program is too slow to accept, or its backlog is too small.",
               *rates(("node_netstat_TcpExt_ListenOverflows", "accept queue full"),
                      ("node_netstat_TcpExt_ListenDrops", "not accepted"),
                      ("node_netstat_TcpExt_TCPSynRetrans", "first packets again"),
                      ("node_netstat_TcpExt_TCPTimeouts", "time-outs"),
                      ("node_netstat_Tcp_OutRsts", "resets sent"), ("node_netstat_Tcp_InErrs", "damaged segments"))),
    timeseries("TCP connections made", "ops", "Connections a second, made from here and accepted here.",
               *rates(("node_netstat_Tcp_ActiveOpens", "made"), ("node_netstat_Tcp_PassiveOpens", "accepted"))),
    timeseries("UDP", "pps", "Datagrams, and those that nobody took or that did not fit into a program's buffer. Buffer "
               "errors: the program is too slow.",
               *rates(("node_netstat_Udp_InDatagrams", "received"), ("node_netstat_Udp_OutDatagrams", "sent"),
                      ("node_netstat_Udp_NoPorts", "nobody listens"), ("node_netstat_Udp_RcvbufErrors", "receive buffer full"),
                      ("node_netstat_Udp_SndbufErrors", "send buffer full")), log=True),
    timeseries("Sockets", "short", "Sockets in use. Orphans hold memory without a program; many of them are an attack or a "
               "fault.",
               *gauges(("node_sockstat_sockets_used", "all"), ("node_sockstat_TCP_inuse", "TCP"),
                       ("node_sockstat_TCP_tw", "TCP time-wait"),
                       ("node_sockstat_TCP_orphan", "TCP orphans"), ("node_sockstat_UDP_inuse", "UDP"))),
    timeseries("Memory of sockets", "bytes", "Kernel memory that TCP and UDP use for what waits in sockets.",
               *gauges(("node_sockstat_TCP_mem_bytes", "TCP"), ("node_sockstat_UDP_mem_bytes", "UDP"))),
    timeseries("Tracked connections", "short", "Entries of the connection tracking table. Full, new connections are dropped. "
               "Absent where the kernel does not track connections.",
               *gauges(("node_nf_conntrack_entries", "tracked")),
               Query("node_nf_conntrack_entries_limit{HOST}", "limit", "limit")),
    timeseries("Tracking trouble", "ops", "Packets dropped and connections thrown out since the table was full. Absent where "
               "the kernel does not track connections.",
               *rates(("node_nf_conntrack_stat_drop", "packets dropped"), ("node_nf_conntrack_stat_early_drop", "thrown out"),
                      ("node_nf_conntrack_stat_insert_failed", "not inserted"))),
]
