// SPDX-License-Identifier: Apache-2.0
// One machine that has everything which the host collectors know of, as small as it can be: files of proc/, sys/
// and root/ (the host's root) for a TempTree. To add a device or a file, add a line to one of the three tables.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "tests/unit/temp_tree.h"

namespace plimsoll::test {

struct TreeFile {
  const char* path;
  const char* text;
};

// Small files of one directory, a line each: the name, a blank, and the file's only line.
struct TreeValues {
  const char* directory;
  const char* lines;
};

struct TreeLink {
  const char* path;
  const char* target;
};

inline constexpr TreeFile kTreeFiles[] = {
    {"proc/1/mountinfo",
     "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
     "22 21 0:20 / /proc rw - proc proc rw\n"
     "23 21 8:2 / /srv rw,noatime - xfs /dev/sda2 ro\n"
     "24 21 0:33 / /var/lib/with\\040blank rw - btrfs /dev/sdb rw\n"},
    {"proc/self/mountinfo",
     "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
     "25 21 0:40 / /mnt/store rw,relatime shared:9 - nfs4 store:/export rw,vers=4.2,proto=tcp,addr=192.0.2.7\n"},
    {"proc/self/mountstats",
     "device /dev/sda1 mounted on / with fstype ext4\n"
     "device store:/export mounted on /mnt/store with fstype nfs4 statvers=1.1\n"
     "\topts:\trw,vers=4.2,rsize=1048576\n"
     "\tage:\t13968\n"
     "\tcaps:\tcaps=0xfff7,wtmult=512\n"
     "\tevents:\t52 226 0 0 1 13 398 0 0 331 0 47 0 0 77 0 0 77 0 0 0 0 0 0 0 0 0\n"
     "\tbytes:\t120764 12 3 4 121021 6 2954 8\n"
     "\tRPC iostats version: 1.1  p/v: 100003/4 (nfs)\n"
     "\txprt:\ttcp 832 0 1 0 11 6428 6427 1 12154 0 24 26 5726\n"
     "\tper-op statistics\n"
     "\t        NULL: 1 1 0 44 24 0 0 0 0\n"
     "\t        READ: 1298 1299 1 207680 1210292152 6 79386 79407 0\n"
     "\n"},
    {"proc/self/attr/current", "system_u:system_r:unconfined_service_t:s0"},
    {"proc/10/stat",
     "10 (a (b) c) S 1 10 10 0 -1 4194560 9061 94 4 0 12 8 3 1 20 0 2 0 29 171077632 3253 18446744073709551615 1 1 0 0 "
     "0 0 671173123 4096 1260 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n"},
    {"proc/10/task/11/stat",
     "11 (worker) R 1 10 10 0 -1 4194560 9061 94 4 0 12 8 3 1 20 0 2 0 29 171077632 3253 18446744073709551615 1 1 0 0 "
     "0 0 671173123 4096 1260 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n"},
    {"proc/buddyinfo",
     "Node 0, zone      DMA      1      0      1 \n"
     "Node 0, zone   Normal   4381   1093    185 \n"},
    {"proc/cgroups",
     "#subsys_name\thierarchy\tnum_cgroups\tenabled\n"
     "cpuset\t0\t61\t1\n"
     "memory\t0\t62\t1\n"},
    {"proc/cpuinfo",
     "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 142\nmodel name\t: A CPU @ 1.80GHz\n"
     "stepping\t: 10\nmicrocode\t: 0xb4\ncpu MHz\t\t: 799.998\ncache size\t: 8192 KB\nphysical id\t: 0\n"
     "core id\t\t: 0\nflags\t\t: fpu aes avx\nbugs\t\t: cpu_meltdown mds\n\n"
     "processor\t: 1\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 142\nmodel name\t: A CPU @ 1.80GHz\n"
     "stepping\t: 10\nmicrocode\t: 0xb4\ncpu MHz\t\t: 800.037\ncache size\t: 8192 KB\nphysical id\t: 0\n"
     "core id\t\t: 1\nflags\t\t: fpu aes avx\nbugs\t\t: cpu_meltdown mds\n\n"},
    {"proc/diskstats",
     "   8       0 sda 25354637 34367663 1003346126 18492372 28444756 11134226 505697032 63877960 0 9653880 82621804 "
     "68851 0 1925173784 11130 1555 1944\n"
     "   8       1 sda1 250 0 2000 36 0 0 0 0 0 36 36\n"
     " 253       0 dm-0 59910002 0 1003337218 46229572 39231014 0 505696880 1158557800 0 11325968 1206301256\n"},
    {"proc/drbd",
     "version: 8.4.3 (api:1/proto:86-101)\nsrcversion: 0123456789ABCDEF0123456\n\n"
     " 1: cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate C r-----\n"
     "    ns:17324442 nr:10961011 dw:28263521 dr:118696670 al:1100 bm:221 lo:1 pe:2 ua:3 ap:4 ep:1 wo:d oos:5\n"},
    {"proc/interrupts",
     "           CPU0       CPU1       \n"
     "  8:         17          0   IO-APIC    8-edge      rtc0\n"
     " 31:          0       5143   PCI-MSIX-0000:00:01.0    3-edge      virtio0-stats\n"
     "NMI:         47        5031   Non-maskable interrupts\n"
     "ERR:          0\n"},
    {"proc/loadavg", "0.45 0.46 0.22 4/183 14700\n"},
    {"proc/mdstat",
     "Personalities : [raid1] [raid6] [raid5] [raid4] \n"
     "md6 : active raid1 sdb2[2](F) sdc[1](S) sda2[0]\n"
     "      195310144 blocks [2/1] [U_]\n"
     "      [=>...................]  recovery =  8.5% (16775552/195310144) finish=17.0min speed=259783K/sec\n"
     "      \n"
     "md7 : active raid5 sdd1[0] sde1[1] sdf1[2]\n"
     "      7813735424 blocks super 1.2 level 5, 64k chunk, algorithm 2 [3/3] [UUU]\n"
     "      \n"
     "unused devices: <none>\n"},
    {"proc/meminfo",
     "MemTotal:       15666184 kB\nMemFree:          440324 kB\nActive(anon):     100012 kB\n"
     "HugePages_Total:       0\nHugepagesize:       2048 kB\n"},
    {"proc/net/arp",
     "IP address       HW type     Flags       HW address            Mask     Device\n"
     "192.0.2.1        0x1         0x2         02:00:5e:00:53:01     *        eth0\n"
     "192.0.2.9        0x1         0x2         02:00:5e:00:53:09     *        eth1\n"},
    {"proc/net/dev",
     "Inter-|   Receive                                                |  Transmit\n"
     " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier "
     "compressed\n"
     "    lo: 1664039048 1566805 0 0 0 0 0 0 1664039048 1566805 0 0 0 0 0 0\n"
     "  eth0: 68210035552 520993275 0 0 0 0 0 5 9315587528 43451486 0 0 0 0 0 0\n"},
    {"proc/net/ip_vs",
     "IP Virtual Server version 1.2.1 (size=4096)\n"
     "Prot LocalAddress:Port Scheduler Flags\n"
     "  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n"
     "TCP  C0000216:0CEA wlc\n"
     "  -> C0000215:0CEA      Tunnel  100    248        2\n"
     "TCP  [2001:0DB8:0000:0000:0000:0000:0000:0001]:0050 wlc\n"
     "  -> [2001:0DB8:0000:0000:0000:0000:0000:0002]:0050 Route 0 0 0\n"
     "FWM  10001000 wlc\n"
     "  -> C0000218:0CEA      Route   20     64         1\n"},
    {"proc/net/ip_vs_stats",
     "   Total Incoming Outgoing         Incoming         Outgoing\n"
     "   Conns  Packets  Packets            Bytes            Bytes\n"
     " 16AA370 E33656E5        0     51D8C8883AB3                0\n\n"
     " Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s\n"
     "       4    1FB3C        0          1282A8F                0\n"},
    {"proc/net/netstat",
     "TcpExt: SyncookiesSent SyncookiesRecv ListenOverflows TCPTimeouts\nTcpExt: 0 1 2 115\n"
     "IpExt: InNoRoutes InOctets OutOctets\nIpExt: 0 6286396970 2786264347\n"},
    {"proc/net/rpc/nfs",
     "net 70 70 69 45\nrpc 1218785755 374636 1218815394\nproc2 18 16 57 74 52 71 73 45 86 0 52 83 61 17 53 50 23 70 "
     "82\n"
     "proc3 22 0 1061909262 48906 4077635 117661341 5 29391916 2570425 2993289 590 0 0 7815 15 1130 0 3983 92385 13332 "
     "2 1 23729\n"
     "proc4 5 98 51 54 83 85\n"},
    {"proc/net/rpc/nfsd",
     "rc 0 6 18622\nfh 1 0 0 0 0\nio 157286400 72864\nth 8 0 0.000 0.000 0.000 0.000 0.000 0.000 0.000 0.000 0.000 "
     "0.000\n"
     "ra 32 0 0 0 0 0 0 0 0 0 0 0\nnet 972 55 917 1\nrpc 18628 3 1 2 0\n"
     "proc2 18 2 69 0 0 4410 0 0 0 0 0 0 0 0 0 0 0 99 2\n"
     "proc3 22 2 112 0 2719 111 0 0 0 0 0 0 0 0 0 0 0 27 216 0 2 1 0\n"
     "proc4 2 2 10853\nproc4ops 6 0 0 0 1098 2 3\nwdeleg_getattr 15\n"},
    {"proc/net/snmp",
     "Ip: Forwarding DefaultTTL InReceives\nIp: 1 64 57\nTcp: RtoAlgorithm MaxConn ActiveOpens CurrEstab\n"
     "Tcp: 1 -1 3556 0\nUdp: InDatagrams NoPorts InErrors\nUdp: 88542 120 0\n"},
    {"proc/net/snmp6", "Ip6InOctets                     \t460\nUdp6InErrors                    \t0\n"},
    {"proc/net/sockstat",
     "sockets: used 229\nTCP: inuse 4 orphan 0 tw 4 alloc 17 mem 1\nUDP: inuse 0 mem 0\nRAW: inuse 0\n"
     "FRAG: inuse 0 memory 0\n"},
    {"proc/net/sockstat6", "TCP6: inuse 17\nUDP6: inuse 9\nFRAG6: inuse 0 memory 0\n"},
    {"proc/net/softnet_stat",
     "00015c73 00020e76 000003cd 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
     "00000000 00000001 00000002\n"
     "01663fb2 00000000 0000ae67 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
     "00000001 00000001 00000002\n"},
    {"proc/net/stat/arp_cache",
     "entries  allocs   destroys hash_grows\n00000014  00000001 00000002 00000003\n00000014  0000000d 0000000e "
     "0000000f\n"},
    {"proc/net/stat/nf_conntrack",
     "entries  searched found new invalid ignore delete insert insert_failed drop early_drop search_restart\n"
     "00000021  00000000 00000001 00000000 00000003 0000588a 00000000 00000000 00000002 00000004 00000005 00000006\n"
     "00000021  00000000 00000001 00000000 00000002 000056a4 00000000 00000000 00000000 00000000 00000000 00000002\n"},
    {"proc/net/tcp",
     "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
     "   0: 0500000A:0016 00000000:0000 0A 00000015:00000001 00:00000000 00000000     0        0 2740 1\n"
     "   1: 0100007F:0016 0100007F:C1A2 01 00000002:00000003 00:00000000 00000000     0        0 2741 1\n"},
    {"proc/net/tcp6",
     "  sl  local_address                         remote_address                        st tx_queue rx_queue tr\n"
     "   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 00000000:00000000 "
     "00:00000000 "
     "00000000 0 0 9 1\n"},
    {"proc/net/udp",
     "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer "
     "drops\n"
     "   0: 0500000A:0016 00000000:0000 0A 00000015:00000001 00:00000000 00000000     0        0 2740 1\n"},
    {"proc/net/udp6",
     "  sl  local_address                         remote_address                        st tx_queue rx_queue tr\n"
     "   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 07 00000000:00000003 "
     "00:00000000 "
     "00000000 0 0 9 1\n"},
    {"proc/net/xfrm_stat", "XfrmInError             \t1\nXfrmInNoStates          \t3\nXfrmOutError            \t10\n"},
    {"proc/pressure/cpu",
     "some avg10=0.00 avg60=0.00 avg300=0.00 total=14036781\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"},
    {"proc/pressure/io",
     "some avg10=0.18 avg60=0.34 avg300=0.10 total=159886802\nfull avg10=0.18 avg60=0.34 avg300=0.10 "
     "total=159229614\n"},
    {"proc/pressure/irq", "full avg10=0.00 avg60=0.00 avg300=0.00 total=8494\n"},
    {"proc/pressure/memory",
     "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"},
    {"proc/schedstat",
     "version 15\ntimestamp 15819019232\n"
     "cpu0 498494191 0 3533438552 2553969831 3853684107 2465731542 2045936778163039 343796328169361 4767485306\n"
     "domain0 00000000,00000003 212499247 210112015 1861015 1860405436 536440 369895 32599 210079416 25368550\n"
     "cpu1 518377256 0 4155211005 2778589869 10466382 2867629021 1904686152592476 364107263788241 5145567945\n"},
    {"proc/slabinfo",
     "slabinfo - version: 2.1\n# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : "
     "tunables\n"
     "kmalloc-8192         132    148   8192    4    8 : tunables    0    0    0 : slabdata     37     37      0\n"
     "dentry               320    320    192   21    1 : tunables    0    0    0 : slabdata     10     10      0\n"},
    {"proc/softirqs",
     "                    CPU0       CPU1       \n          HI:          7          1\n       TIMER:     424191     "
     "108342\n"},
    {"proc/spl/kstat/zfs/arcstats",
     "6 1 0x01 2 4368 5266997922 97951858082072\nname                            type data\n"
     "hits                            4    8772612\nmemory_available_bytes          3    -922337203685477580\n"},
    {"proc/spl/kstat/zfs/zil",
     "7 1 0x01 1 672 34118481334 437444452158445\nname                            type data\n"
     "zil_commit_count                4    10\n"},
    {"proc/spl/kstat/zfs/tank/io",
     "12 3 0x00 1 80 79205351707403 395818011156865\n"
     "nread    nwritten reads    writes   wtime    wlentime wupdate  rtime    rlentime rupdate  wcnt     rcnt\n"
     "1884160  3206144  22       132      7155162  104112268 79210489694949 24168078 104112269 79210489849220 0 0\n"},
    {"proc/spl/kstat/zfs/tank/objset-36",
     "23 1 0x01 3 2160 221578688875 6665999035587\nname                            type data\n"
     "dataset_name                    7    tank/home dir\nwrites                          4    22\n"
     "nread                           4    2\n"},
    {"proc/spl/kstat/zfs/tank/state", "ONLINE\n"},
    {"proc/stat",
     "cpu  301854 612 111922 8979004 3552 2 3944 0 44 36\n"
     "cpu0 44490 19 21045 1087069 220 1 3410 0 2 1\n"
     "cpu1 47869 23 16474 1110787 591 0 46 0 3 2\n"
     "intr 8885917 17 0 0\nctxt 38014093\nbtime 1418183276\nprocesses 26442\nprocs_running 2\nprocs_blocked 1\n"
     "softirq 5057579 250191 1481983 1647 211099 186066 0 1783454 622196 12499 508444\n"},
    {"proc/vmstat", "nr_free_pages 977769\npgpgin 7344136\npgfault 320168\noom_kill 0\n"},
    {"proc/zoneinfo",
     "Node 0, zone      DMA\n  per-node stats\n      nr_inactive_anon 95612\n      nr_dirtied   1189097\n"
     "  pages free     2949\n        min      8\n        low      11\n        high     14\n        spanned  4095\n"
     "        protection: (0, 2039, 31932)\n      nr_free_pages 2949\n      numa_hit     1\n  pagesets\n    cpu: 0\n"
     "              count: 0\n              high:  0\n  start_pfn:           1\n"
     "Node 0, zone    DMA32\n  pages free     528427\n        min      1078\n        protection: (0, 0, 29893)\n"},
    {"root/etc/os-release", "NAME=\"Lighthouse\"\nID=lighthouse\nVERSION_ID=\"7.2\"\nSUPPORT_END=2028-06-30\n"},
    {"root/etc/selinux/config", "SELINUX=enforcing\nSELINUXTYPE=targeted\n"},
    {"root/run/udev/data/b8:0",
     "S:disk/by-id/ata-A\nE:ID_MODEL=A_DISK\nE:ID_ATA=1\nE:ID_ATA_WRITE_CACHE=1\nE:ID_ATA_WRITE_CACHE_ENABLED=0\n"
     "E:ID_ATA_ROTATION_RATE_RPM=7200\nE:ID_FS_TYPE=ext4\nE:ID_FS_USAGE=filesystem\nE:ID_SERIAL_SHORT=0815\n"},
    {"root/run/udev/data/b253:0", "E:DM_NAME=vg-home\nE:DM_LV_NAME=home\nE:DM_UUID=LVM-a\nE:DM_VG_NAME=vg\n"},
    {"root/usr/share/misc/pci.ids",
     "# comment\n8086  Intel Corporation\n\t1234  A Network Card\n\t\t17aa 5095  Of This Board\n"
     "17aa  Lenovo\nC 02  Network controller\n\t00  Ethernet controller\nC 06  Bridge\n\t04  PCI bridge\n\t\t00  "
     "Normal decode\n"},
    {"root/srv/.keep", ""},
    {"sys/class/net/bonding_masters", "bond0\n"},
    {"sys/fs/bcachefs/deadbeef-0001/compression_stats",
     "type              compressed  uncompressed  average extent size\nlz4                    48.9G         71.2G  "
     "62.5k\n"
     "incompressible         1.00k         1.00k  1k\n"},
    {"sys/fs/bcachefs/deadbeef-0001/btree_write_stats",
     "                    nr        size\ninitial:                 3298401   100k\ncache_reclaim:             12345   "
     "2.05k\n"},
    {"sys/fs/bcachefs/deadbeef-0001/errors", "bset_bad_csum  2\t1767112063\nbtree_node_bad  1\t1767112064\n"},
    {"sys/fs/bcachefs/deadbeef-0001/counters/btree_node_read", "since mount:    12\nsince filesystem creation: 345\n"},
    {"sys/fs/bcachefs/deadbeef-0001/dev-0/io_done",
     "read:\nsb          :        3989504\nbtree       :     5768683520\nwrite:\nsb          :       31417344\n"
     "user        :     5768683520\n"},
    {"sys/fs/bcachefs/deadbeef-0001/dev-0/io_errors",
     "IO errors since filesystem creation\n  read:    197346\n  write:   0\n  checksum:0\n"
     "IO errors since 8 y ago\n  read:    197346\n  write:   0\n  checksum:0\n"},
    {"sys/fs/bcache/deadbeef-0002/bdev0/writeback_rate_debug",
     "rate:\t\t1.1M/"
     "sec\ndirty:\t\t20.4G\ntarget:\t\t20.4G\nproportional:\t427.5k\nintegral:\t790.0k\nchange:\t\t321.5k/sec\n"
     "next io:\t17ms\n"},
    {"sys/fs/bcache/deadbeef-0002/cache0/priority_stats",
     "Unused:\t\t99%\nMetadata:\t0%\nAverage:\t10473\nSectors per Q:\t64\nQuantiles:\t[0 0 0]\n"},
    {"sys/fs/btrfs/deadbeef-0003/commit_stats",
     "commits 258051\nlast_commit_ms 1000\nmax_commit_ms 51462\ntotal_commit_ms 47836090\n"},
    {"sys/fs/selinux/enforce", "1"},
    {"sys/fs/xfs/sda2/stats/stats",
     "extent_alloc 1 872 0 0\nabt 0 0 0 0\nblk_map 61 29 1 1 1 91 0\nbmbt 0 0 0 0\ndir 3 2 1 52\nig 8 1 0 7 0 0 1\n"
     "rw 28 0\nvnodes 4 0 0 0 1 1 1 0\n"},
    {"root/textfile/a.prom",
     "# HELP backup_age_seconds How old the last backup is.\n# TYPE backup_age_seconds gauge\n"
     "backup_age_seconds{job=\"a b\"} 12.5\nbackup_age_seconds{job=\"c\"} 1e3\n"
     "# TYPE backup_size_bytes histogram\nbackup_size_bytes_bucket{le=\"1\"} 1\nbackup_size_bytes_bucket{le=\"+Inf\"} "
     "2\n"
     "backup_size_bytes_sum 3\nbackup_size_bytes_count 2\n"},
};

inline constexpr TreeValues kTreeValues[] = {
    {"proc/sys/fs", "file-nr 1024\t0\t1631329"},
    {"proc/sys/kernel", "hung_task_detect_count 42\nthreads-max 7801\npid_max 123\ncore_pattern |/bin/handler %P %I"},
    {"proc/sys/kernel/random", "entropy_avail 200\npoolsize 256"},
    {"proc/sys/net/netfilter", "nf_conntrack_count 123\nnf_conntrack_max 65536"},
    {"sys/block/sda/queue", "rotational 1"},
    {"sys/block/dm-0/queue", "rotational 0"},
    {"sys/block/md6/md", "degraded 1\nraid_disks 2"},
    {"sys/bus/pci/devices/0000:00:1c.0",
     "vendor 0x8086\ndevice 0x9d10\nclass 0x060400\nsubsystem_vendor 0x17aa\nsubsystem_device 0x2258\nrevision 0xf1\n"
     "current_link_speed 8.0 GT/s PCIe\ncurrent_link_width 4\nmax_link_speed 8.0 GT/s PCIe\nmax_link_width 8\n"
     "d3cold_allowed 1\npower_state D0\nnuma_node -1"},
    {"sys/devices/pci0000:00/0000:00:1c.0/0000:01:00.0",
     "vendor 0x8086\ndevice 0x1234\nclass 0x020000\nsubsystem_vendor 0x17aa\nsubsystem_device 0x5095\nrevision 0x01\n"
     "current_link_speed Unknown\ncurrent_link_width 0\nmax_link_speed 2.5 GT/s PCIe\nmax_link_width 1\n"
     "d3cold_allowed 0\npower_state D3hot\nnuma_node 0\nsriov_drivers_autoprobe 1\nsriov_numvfs 0\n"
     "sriov_totalvfs 8\nsriov_vf_total_msix 16"},
    {"sys/class/dmi/id",
     "bios_date 04/12/2021\nbios_vendor A Vendor\nbios_version 2.2.4\nboard_name 07PXPY\nboard_serial .7N62AI2.\n"
     "chassis_asset_tag \nproduct_name A Product\nproduct_uuid 83340ca8-cb49-4474-8c29-d2088ca84dd9\nsys_vendor A "
     "Vendor"},
    {"sys/class/fc_host/host0",
     "dev_loss_tmo 30\nfabric_name 0x0\nport_id 0x000002\nport_name 0x1000e0071bce95f2\nport_state Online\n"
     "port_type Point-To-Point (direct nport connection)\nspeed 16 Gbit\nsupported_classes Class 3\n"
     "supported_speeds 4 Gbit, 8 Gbit, 16 Gbit\nsymbolic_name An adapter 'a'"},
    {"sys/class/fc_host/host0/statistics",
     "dumped_frames 0xffffffffffffffff\nerror_frames 0x0\ninvalid_crc_count 0x2\nrx_frames 0x3\nrx_words 0x4\n"
     "tx_frames 0x5\ntx_words 0x6\nlink_failure_count 0x9\nnos_count 0x12\nfcp_packet_aborts 0x13\n"
     "seconds_since_last_reset 0x7\ninvalid_tx_word_count 0x8\nloss_of_signal_count 0x10\nloss_of_sync_count 0x11"},
    {"sys/devices/platform/coretemp.0/hwmon/hwmon0",
     "name coretemp\ntemp1_crit 100000\ntemp1_crit_alarm 0\ntemp1_input 55000\ntemp1_label Physical id 0\n"
     "fan1_input 1098\nin0_input 792\npwm1 255\nupdate_interval 1000\npower1_average 9000000\nbeep_enable 0"},
    {"sys/class/hwmon/hwmon1", "name applesmc\ntemp1_input 41500\ntemp1_label a\ntemp2_input 42000\ntemp2_label a"},
    {"sys/class/infiniband/mlx4_0", "board_id SM_1141000001000\nfw_ver 2.31.5050\nhca_type MT4099"},
    {"sys/class/infiniband/mlx4_0/ports/1", "phys_state 5: LinkUp\nrate 40 Gb/sec (4X QDR)\nstate 4: ACTIVE"},
    {"sys/class/infiniband/mlx4_0/ports/1/counters",
     "port_rcv_data 4631917\nport_xmit_data 3733440\nport_rcv_errors 0\nlink_downed 0\nexcessive_buffer_overrun_errors "
     "0\n"
     "symbol_error 0\nport_xmit_wait 3599\nport_rcv_packets 6825908347\nVL15_dropped N/A (no PMA)\n"
     "multicast_rcv_packets 93"},
    {"sys/class/infiniband/mlx4_0/ports/1/counters_ext", "port_rcv_data_64 18527668\nport_multicast_rcv_packets 0"},
    {"sys/class/infiniband/mlx4_0/ports/1/hw_counters",
     "duplicate_request 41\nlifespan 10\nout_of_buffer 1\nrnr_nak_retry_err 0"},
    {"sys/class/net/eth0",
     "addr_assign_type 3\naddress 02:00:5e:00:53:01\nbroadcast ff:ff:ff:ff:ff:ff\ncarrier 1\n"
     "carrier_changes 2\ncarrier_down_count 1\ncarrier_up_count 1\ndev_id 0x20\ndormant 1\nduplex full\nflags 0x1303\n"
     "ifalias of the house\nifindex 2\niflink 2\nlink_mode 1\nmtu 1500\nname_assign_type 2\nnetdev_group 0\noperstate "
     "up\n"
     "speed 1000\ntx_queue_len 1000\ntype 1"},
    {"sys/class/net/lo", "address 00:00:00:00:00:00\nflags 0x9\nifindex 1\nmtu 65536\noperstate unknown\ntype 772"},
    {"sys/class/net/bond0/bonding", "slaves eth0 eth1"},
    {"sys/class/net/bond0", "address 02:00:5e:00:53:01\nifindex 5\nmtu 1500\noperstate up\nspeed -1"},
    {"sys/class/net/bond0/lower_eth0/bonding_slave", "mii_status up"},
    {"sys/class/net/bond0/slave_eth1/bonding_slave", "mii_status down"},
    {"sys/class/nvme/nvme0", "cntlid 1997\nfirmware_rev 1B2QEXP7\nmodel A Drive\nserial S680HF8N190894I\nstate live"},
    {"sys/class/nvme/nvme0/nvme0c0n1", "ana_state optimized\nnuse 488281250\nsize 3906250000"},
    {"sys/class/nvme/nvme0/nvme0c0n1/queue", "logical_block_size 4096"},
    {"sys/class/power_supply/BAT0",
     "type Battery\ncapacity 98\ncapacity_level Normal\ncycle_count 0\nenergy_full 50060000\nenergy_now 49450000\n"
     "manufacturer LGC\nmodel_name LNV\npower_now 4830000\npresent 1\nserial_number 38109\nstatus Discharging\n"
     "technology Li-ion\ntemp 316\nvoltage_min_design 10800000\nvoltage_now 12229000\ntime_to_empty_now 7300"},
    {"sys/class/power_supply/AC", "type Mains\nonline 0"},
    {"sys/class/powercap/intel-rapl:0", "energy_uj 240422366267\nname package-0"},
    {"sys/class/powercap/intel-rapl:0:0", "energy_uj 118821284256\nname core"},
    {"sys/class/powercap/intel-rapl:1", "energy_uj 1234\nname package-0"},
    {"sys/class/scsi_tape/st0/stats",
     "in_flight 1\nio_ns 9247011087720\nother_cnt 1409\nread_byte_cnt 979383912\nread_cnt 3741\nread_ns 33788355744\n"
     "resid_cnt 19\nwrite_byte_cnt 1496246784000\nwrite_cnt 53772916\nwrite_ns 5233597394395"},
    {"sys/class/thermal/thermal_zone0", "type x86_pkg_temp\ntemp 45000"},
    {"sys/class/thermal/thermal_zone1", "type acpitz\ntemp -5000"},
    {"sys/class/thermal/cooling_device0", "type Processor\ncur_state 0\nmax_state 3"},
    {"sys/class/watchdog/watchdog0",
     "bootstatus 1\nfw_version 2\nidentity Software Watchdog\nnowayout 0\noptions 0x8000\npretimeout 120\n"
     "pretimeout_governor noop\nstate active\nstatus 0x8000\ntimeleft 300\ntimeout 60\naccess_cs0 0"},
    {"sys/devices/system/clocksource/clocksource0", "available_clocksource tsc hpet acpi_pm \ncurrent_clocksource tsc"},
    {"sys/devices/system/cpu", "isolated 1\nonline 0-1"},
    {"sys/devices/system/cpu/cpu0/cpufreq",
     "cpuinfo_cur_freq 1699981\ncpuinfo_max_freq 3700000\ncpuinfo_min_freq 800000\n"
     "scaling_available_governors performance powersave\nscaling_cur_freq 1699981\nscaling_governor powersave\n"
     "scaling_max_freq 3700000\nscaling_min_freq 800000"},
    {"sys/devices/system/cpu/cpu0/topology", "core_id 0\nphysical_package_id 0"},
    {"sys/devices/system/cpu/cpu0/thermal_throttle", "core_throttle_count 5\npackage_throttle_count 30"},
    {"sys/devices/system/cpu/cpu1/topology", "core_id 1\nphysical_package_id 0"},
    {"sys/devices/system/cpu/cpu1/thermal_throttle", "core_throttle_count 0"},
    {"sys/devices/system/cpu/vulnerabilities",
     "mds Not affected\nspectre_v2 Mitigation: Retpolines; STIBP: disabled\nretbleed Vulnerable\nitlb_multihit KVM: "
     "Mitigation"},
    {"sys/devices/system/edac/mc/mc0", "ce_count 1\nce_noinfo_count 2\nue_count 5\nue_noinfo_count 6"},
    {"sys/devices/system/edac/mc/mc0/csrow0", "ce_count 3\nue_count 4"},
    {"sys/devices/system/node", "online 0-1"},
    {"sys/fs/bcachefs/deadbeef-0001", "btree_cache_size 534773760"},
    {"sys/fs/bcachefs/deadbeef-0001/dev-0",
     "bucket_size 512k\ndurability 1\nlabel ssd.ssd1\nnbuckets 1000000\nstate rw"},
    {"sys/fs/bcache/deadbeef-0002",
     "average_key_size 0\nbtree_cache_size 0\ncache_available_percent 100\ncongested 0\nroot_usage_percent "
     "0\ntree_depth 0"},
    {"sys/fs/bcache/deadbeef-0002/internal",
     "active_journal_entries 1\nbtree_nodes 0\nbtree_read_average_duration_us 1305\ncache_read_races 0"},
    {"sys/fs/bcache/deadbeef-0002/bdev0", "dirty_data 20.4G"},
    {"sys/fs/bcache/deadbeef-0002/bdev0/stats_total",
     "bypassed 0\ncache_bypass_hits 0\ncache_bypass_misses 0\ncache_hits 546\ncache_miss_collisions 0\ncache_misses 0\n"
     "cache_readaheads 0"},
    {"sys/fs/bcache/deadbeef-0002/cache0", "io_errors 0\nmetadata_written 512\nwritten 0"},
    {"sys/fs/btrfs/deadbeef-0003", "label fixture\nmetadata_uuid deadbeef-0003"},
    {"sys/fs/btrfs/deadbeef-0003/allocation", "global_rsv_size 16777216"},
    {"sys/fs/btrfs/deadbeef-0003/allocation/data", "bytes_reserved 0"},
    {"sys/fs/btrfs/deadbeef-0003/allocation/data/raid1", "total_bytes 2147483648\nused_bytes 808189952"},
    {"sys/fs/btrfs/deadbeef-0003/allocation/metadata", "bytes_reserved 0"},
    {"sys/fs/btrfs/deadbeef-0003/allocation/metadata/single", "total_bytes 1073741824\nused_bytes 933888"},
    {"sys/fs/btrfs/deadbeef-0003/devices/sda", "size 20971520"},
    {"sys/kernel/mm/ksm",
     "full_scans 323\nmerge_across_nodes 1\npages_shared 1\npages_sharing 255\npages_to_scan 100\npages_unshared 0\n"
     "pages_volatile 0\nrun 1\nsleep_millisecs 20"},
};

inline constexpr TreeFile kNodeFiles[] = {
    {"meminfo",
     "Node N MemTotal:       134217728 kB\nNode N Active(anon):     707915 kB\nNode N HugePages_Total:     0\n"},
    {"numastat", "numa_hit 193460335812\nnuma_miss 12624528\nlocal_node 193454780853\n"},
};

inline constexpr TreeLink kTreeLinks[] = {
    {"sys/bus/pci/devices/0000:01:00.0", "../../../devices/pci0000:00/0000:00:1c.0/0000:01:00.0"},
    {"sys/class/hwmon/hwmon0", "../../devices/platform/coretemp.0/hwmon/hwmon0"},
    {"sys/devices/platform/coretemp.0/hwmon/hwmon0/device", "../../../coretemp.0"},
    {"sys/class/net/bond0/lower_eth1", "slave_eth1"},
};

inline void write_values(const TempTree& tree, const TreeValues& values) {
  std::string_view rest = values.lines;
  while (!rest.empty()) {
    std::string_view line = take(rest, '\n');
    const std::string name(take(line, ' '));
    tree.write(std::string(values.directory) + "/" + name, std::string(line) + "\n");
  }
}

inline void write_machine(const TempTree& tree) {
  for (const TreeFile& file : kTreeFiles) tree.write(file.path, file.text);
  for (const TreeValues& values : kTreeValues) write_values(tree, values);
  for (const char* node : {"0", "1"}) {
    for (const TreeFile& file : kNodeFiles) {
      std::string text = file.text;
      for (size_t at = text.find("Node N"); at != std::string::npos; at = text.find("Node N"))
        text.replace(at + 5, 1, node);
      tree.write("sys/devices/system/node/node" + std::string(node) + "/" + file.path, text);
    }
  }
  for (const TreeLink& link : kTreeLinks) {
    const std::filesystem::path path = tree.at(link.path);
    std::filesystem::create_directories(path.parent_path());
    std::filesystem::create_symlink(link.target, path);
  }
}

}  // namespace plimsoll::test
