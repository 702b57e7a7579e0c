// SPDX-License-Identifier: Apache-2.0
// runtime/spec/read.h: "linux", its resources and its seccomp profile.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "runtime/spec/read.h"
#include "tests/unit/spec_text.h"

namespace plimsoll::spec {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::StartsWith;

// A configuration with "linux" as given, without any namespace.
std::string bare(std::string_view members) { return config("\"linux\": {" + std::string(members) + "}"); }

Resources must_read_resources(std::string_view members) {
  Warnings warnings;
  auto resources = read_resources("{" + std::string(members) + "}", warnings);
  EXPECT_TRUE(resources) << resources.error().message();
  return resources ? std::move(*resources) : Resources();
}

std::string resources_problem(std::string_view members) {
  Warnings warnings;
  const auto resources = read_resources("{" + std::string(members) + "}", warnings);
  return resources ? "" : resources.error().message();
}

TEST(SpecLinux, Namespaces) {
  const Spec spec = must_read(bare(R"("namespaces": [{"type": "network", "path": "/run/netns/a"}, {"type": "pid"}])"));
  EXPECT_EQ(find_namespace(spec, NamespaceType::kNetwork)->path, "/run/netns/a");
  EXPECT_FALSE(makes_namespace(spec, NamespaceType::kNetwork));
  EXPECT_TRUE(makes_namespace(spec, NamespaceType::kPid));
  EXPECT_EQ(find_namespace(spec, NamespaceType::kUts), nullptr);
  EXPECT_THAT(problem_of(bare(R"("namespaces": [{"type": "net"}])")), HasSubstr("'net' is none of cgroup, ipc, mount"));
  EXPECT_EQ(problem_of(bare(R"("namespaces": [{"path": "/x"}])")), "linux.namespaces[0].type: missing");
  EXPECT_THAT(problem_of(bare(R"("namespaces": [{"type": "pid"}, {"type": "pid", "path": "/x"}])")),
              StartsWith("linux.namespaces[1].type: a namespace of this type is there twice"));
  EXPECT_EQ(problem_of(bare(R"("namespaces": [{"type": "pid", "path": "x"}])")),
            "linux.namespaces[0].path: must be an absolute path");
}

TEST(SpecLinux, UserMappings) {
  const std::string maps = R"("uidMappings": [{"containerID": 0, "hostID": 100000, "size": 65536}],
      "gidMappings": [{"containerID": 0, "hostID": 200000, "size": 65536}])";
  const Spec spec = must_read(bare(R"("namespaces": [{"type": "user"}], )" + maps));
  ASSERT_EQ(spec.uid_mappings.size(), 1u) << spec.version;
  EXPECT_EQ(spec.uid_mappings[0].host_id, 100000u);
  EXPECT_EQ(spec.gid_mappings.at(0).size, 65536u);
  EXPECT_THAT(problem_of(bare(maps)), HasSubstr("only mapped in a user namespace"));
  EXPECT_EQ(problem_of(bare(R"("namespaces": [{"type": "user"}])")), "") << "left to the runtime";
  EXPECT_THAT(problem_of(bare(R"("namespaces": [{"type": "user"}],
      "uidMappings": [{"containerID": 0, "hostID": 1, "size": 1}])")),
              StartsWith("linux.gidMappings: missing"));
  EXPECT_EQ(problem_of(bare(R"("namespaces": [{"type": "user", "path": "/proc/1/ns/user"}])")), "");
}

TEST(SpecLinux, MappingsThatCannotBe) {
  const auto with = [](std::string_view mapping) {
    return problem_of(bare("\"namespaces\": [{\"type\": \"user\"}], \"uidMappings\": [" + std::string(mapping) + "]"));
  };
  EXPECT_THAT(with(R"({"containerID": 4294967295, "hostID": 0, "size": 2})"), HasSubstr("[0].size: "));
  EXPECT_THAT(with(R"({"containerID": 0, "hostID": 2, "size": 4294967295})"), HasSubstr("[0].size: "));
  EXPECT_THAT(with(R"({"containerID": 0, "hostID": 1, "size": 4294967295})"), HasSubstr("[0].size: "));
  EXPECT_THAT(with(R"({"containerID": 0, "hostID": 0, "size": 0})"), HasSubstr("[0].size: "));
  EXPECT_THAT(with(R"({"containerID": 0, "hostID": 0, "size": 4294967295})"), StartsWith("linux.gidMappings: missing"));
  EXPECT_THAT(with(R"({"containerID": 0, "size": 1})"), HasSubstr("hostID: missing"));
  EXPECT_THAT(with(R"({"containerID": -1, "hostID": 0, "size": 1})"), HasSubstr("containerID: must be a whole number"));
}

TEST(SpecLinux, TimeOffsets) {
  const Spec spec = must_read(linux_config(R"("timeOffsets": {"boottime": {"secs": -5, "nanosecs": 999999999}})"));
  ASSERT_EQ(spec.time_offsets.size(), 1u) << spec.version;
  EXPECT_EQ(spec.time_offsets[0].clock, "boottime");
  EXPECT_EQ(spec.time_offsets[0].secs, -5);
  EXPECT_EQ(spec.time_offsets[0].nanosecs, 999999999u);
  EXPECT_THAT(problem_of(linux_config(R"("timeOffsets": {"realtime": {"secs": 1}})")),
              HasSubstr("'realtime' is none of"));
  EXPECT_THAT(problem_of(linux_config(R"("timeOffsets": {"monotonic": {"nanosecs": 1000000000}})")),
              StartsWith("linux.timeOffsets.monotonic.nanosecs"));
  EXPECT_THAT(problem_of(bare(R"("timeOffsets": {"monotonic": {}})")), StartsWith("linux.timeOffsets: needs a time"));
  EXPECT_THAT(problem_of(bare(R"("timeOffsets": {"monotonic": {}}, "namespaces": [{"type": "time", "path": "/x"}])")),
              HasSubstr("that is joined"));
}

TEST(SpecLinux, Devices) {
  const Spec spec = must_read(linux_config(R"("devices": [
      {"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 8630, "uid": 0, "gid": 6},
      {"path": "/dev/pipe", "type": "p"}])"));
  ASSERT_EQ(spec.devices.size(), 2u) << spec.version;
  EXPECT_EQ(spec.devices[0].minor, 229u);
  EXPECT_EQ(spec.devices[0].file_mode, 0666u) << "the type of the file is not part of its mode";
  EXPECT_EQ(spec.devices[0].gid, 6u);
  EXPECT_EQ(spec.devices[1].type, 'p');
  EXPECT_EQ(spec.devices[1].file_mode, std::nullopt);
  const auto with = [](std::string_view device) {
    return problem_of(linux_config("\"devices\": [" + std::string(device) + "]"));
  };
  EXPECT_EQ(with(R"({"path": "dev/x", "type": "p"})"), "linux.devices[0].path: must be an absolute path");
  EXPECT_EQ(with(R"({"type": "p"})"), "linux.devices[0].path: missing");
  EXPECT_THAT(with(R"({"path": "/x", "type": "a", "major": 1, "minor": 1})"), HasSubstr("'a' is none of b, c, u, p"));
  EXPECT_EQ(with(R"({"path": "/x", "type": "b", "major": 1})"), "linux.devices[0].minor: missing");
  EXPECT_THAT(with(R"({"path": "/x", "type": "p", "uid": 4294967295})"), HasSubstr("uid: 4294967295 stands for no id"));
  EXPECT_THAT(with(R"({"path": "/x", "type": "p", "gid": 4294967295})"), HasSubstr("gid: 4294967295 stands for no id"));
  EXPECT_THAT(with(R"({"path": "/x", "type": "b", "major": -1, "minor": 0})"),
              HasSubstr("major: must be a whole number"));
}

TEST(SpecLinux, NetDevices) {
  const Spec spec = must_read(linux_config(R"("netDevices": {"eth0": {"name": "web0"}, "eth1": {}})"));
  ASSERT_EQ(spec.net_devices.size(), 2u) << spec.version;
  EXPECT_EQ(spec.net_devices[0].host_name, "eth0");
  EXPECT_EQ(spec.net_devices[0].name, "web0");
  EXPECT_EQ(spec.net_devices[1].name, "");
  EXPECT_THAT(problem_of(bare(R"("netDevices": {"eth0": {}})")),
              StartsWith("linux.netDevices: needs a network namespace"));
  for (const char* name : {"a/b", "a:b", "a b", ".", "..", "sixteen-letters-", "a\\tb"}) {
    EXPECT_THAT(problem_of(linux_config("\"netDevices\": {\"" + std::string(name) + "\": {}}")), HasSubstr("cannot be"))
        << name;
    EXPECT_THAT(problem_of(linux_config("\"netDevices\": {\"e\": {\"name\": \"" + std::string(name) + "\"}}")),
                HasSubstr("cannot be"))
        << name;
  }
  EXPECT_THAT(problem_of(linux_config(R"("netDevices": {"": {}})")), HasSubstr("cannot be"));
  EXPECT_EQ(problem_of(linux_config(R"("netDevices": {"fifteen-letters": {"name": "eth%d"}})")), "");
}

TEST(SpecLinux, SysctlInBothSpellings) {
  const Spec spec =
      must_read(linux_config(R"("sysctl": {"net.ipv4.ip_forward": "1", "net/ipv4/conf/eth0.100/rp_filter": "2",
      "net.ipv4.conf.eth0/100.accept_local": "0", "kernel.msgmax": "1", "kernel/shm_rmid_forced": "1",
      "fs.mqueue.msg_max": "10", "kernel.domainname": "d", "kernel.sem": "1 2 3 4"})"));
  EXPECT_THAT(spec.sysctl, testing::Contains(Pair("net/ipv4/ip_forward", "1"))) << spec.version;
  EXPECT_THAT(spec.sysctl, testing::Contains(Pair("net/ipv4/conf/eth0.100/rp_filter", "2")));
  EXPECT_THAT(spec.sysctl, testing::Contains(Pair("net/ipv4/conf/eth0.100/accept_local", "0")));
  EXPECT_THAT(spec.sysctl, testing::Contains(Pair("kernel/sem", "1 2 3 4")));
  EXPECT_EQ(spec.sysctl.size(), 8u);
}

TEST(SpecLinux, SysctlOfTheHostIsRefused) {
  const auto with = [](std::string_view name) {
    return problem_of(linux_config("\"sysctl\": {\"" + std::string(name) + "\": \"1\"}"));
  };
  for (const char* name : {"kernel.panic", "vm.swappiness", "fs.file-max", "kernel.shm", "kernel.msgmaxx", "fs.mqueue",
                           "kernel/core_pattern", "netx.a"})
    EXPECT_THAT(with(name), HasSubstr("belongs to no namespace")) << name;
  EXPECT_THAT(with("kernel.hostname"), HasSubstr("use the member 'hostname'"));
  EXPECT_THAT(with("user.max_user_namespaces"), HasSubstr("needs a user namespace"));
  for (const char* name : {"", "net", "net/../kernel/panic", "net.x/../kernel", "net/./x", "net..x",
                           "net.//.kernel.panic", ".net", "net.", "/etc/passwd"})
    EXPECT_THAT(with(name), HasSubstr("no kernel parameter's name")) << name;
}

TEST(SpecLinux, SysctlNeedsItsNamespace) {
  const auto with = [](std::string_view name, std::string_view type) {
    return problem_of(bare("\"sysctl\": {\"" + std::string(name) + "\": \"1\"}, \"namespaces\": [{\"type\": \"" +
                           std::string(type) + "\"}]"));
  };
  const std::pair<const char*, const char*> cases[] = {{"net.core.somaxconn", "network"},
                                                       {"kernel.shmmax", "ipc"},
                                                       {"fs/mqueue/msg_max", "ipc"},
                                                       {"kernel.domainname", "uts"}};
  for (const auto& [name, type] : cases) {
    EXPECT_EQ(with(name, type), "") << name;
    EXPECT_THAT(with(name, "pid"), HasSubstr("needs a " + std::string(type))) << name;
  }
}

TEST(SpecLinux, ANamespaceThatIsTheHostsDoesNotHelpASysctl) {
  const auto with = [](std::string_view path) {
    return problem_of(bare(R"("sysctl": {"net.core.somaxconn": "1"}, "namespaces": [{"type": "network", "path": ")" +
                           std::string(path) + "\"}]"));
  };
  EXPECT_THAT(with("/proc/self/ns/net"), HasSubstr("needs a network namespace"));
  EXPECT_EQ(with("/no/such/namespace"), "") << "whoever opens it tells";
}

TEST(SpecLinux, SysctlAgainstAMember) {
  const auto with = [](std::string_view value) {
    return problem_of(
        config("\"domainname\": \"foo\", \"linux\": {\"namespaces\": [{\"type\": \"uts\"}], "
               "\"sysctl\": {\"kernel.domainname\": \"" +
               std::string(value) + "\"}}"));
  };
  EXPECT_EQ(with("foo"), "");
  EXPECT_THAT(with("bar"), HasSubstr("the member 'domainname' says something else"));
}

TEST(SpecLinux, PathsMustBeAbsolute) {
  const Spec spec =
      must_read(linux_config(R"("maskedPaths": ["/proc/kcore"], "readonlyPaths": ["/proc/sys", "/proc/irq"])"));
  EXPECT_THAT(spec.masked_paths, ElementsAre("/proc/kcore"));
  EXPECT_THAT(spec.readonly_paths, ElementsAre("/proc/sys", "/proc/irq"));
  EXPECT_EQ(problem_of(linux_config(R"("maskedPaths": ["/a", "proc"])")),
            "linux.maskedPaths: 'proc' must be an absolute path");
  EXPECT_EQ(problem_of(linux_config(R"("readonlyPaths": [""])")), "linux.readonlyPaths: '' must be an absolute path");
  EXPECT_THAT(problem_of(bare(R"("maskedPaths": ["/a"])")), StartsWith("linux.maskedPaths: needs a mount namespace"));
  EXPECT_THAT(problem_of(bare(R"("readonlyPaths": ["/a"])")),
              StartsWith("linux.readonlyPaths: needs a mount namespace"));
}

TEST(SpecLinux, CgroupsPath) {
  for (const char* path : {"/a/b", "a", "user.slice:plimsoll:web", "/a/..b", ""})
    EXPECT_EQ(must_read(bare("\"cgroupsPath\": \"" + std::string(path) + "\"")).cgroups_path, path);
  for (const char* path : {"..", "/a/../b", "../a", "a/.."})
    EXPECT_EQ(problem_of(bare("\"cgroupsPath\": \"" + std::string(path) + "\"")),
              "linux.cgroupsPath: must not lead upwards")
        << path;
}

TEST(SpecLinux, Words) {
  EXPECT_EQ(must_read(bare(R"("rootfsPropagation": "rslave", "mountLabel": "x")")).rootfs_propagation, "rslave");
  EXPECT_THAT(problem_of(bare(R"("rootfsPropagation": "slaves")")), HasSubstr("'slaves' is none of private, rprivate"));
  EXPECT_EQ(must_read(bare(R"("personality": {"domain": "LINUX32"})")).personality, 8u);
  EXPECT_EQ(must_read(bare(R"("personality": {"domain": "LINUX"})")).personality, 0u);
  EXPECT_THAT(problem_of(bare(R"("personality": {"domain": "linux"})")),
              HasSubstr("'linux' is none of LINUX, LINUX32"));
  EXPECT_EQ(problem_of(bare(R"("personality": {})")), "linux.personality.domain: missing");
  Warnings warnings;
  EXPECT_TRUE(read_spec(bare(R"("personality": {"domain": "LINUX", "flags": ["X"]})"), warnings));
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("linux.personality.flags: none is known, left out: 'X'")));
}

TEST(SpecLinux, IntelRdt) {
  const Spec spec =
      must_read(bare(R"("intelRdt": {"closID": "gold", "l3CacheSchema": "L3:0=f", "memBwSchema": "MB:0=20",
      "schemata": ["L2:0=f"], "enableMonitoring": true, "enableCMT": true})"));
  ASSERT_TRUE(spec.intel_rdt) << spec.version;
  EXPECT_EQ(spec.intel_rdt->clos_id, "gold");
  EXPECT_THAT(spec.intel_rdt->schemata, ElementsAre("L2:0=f"));
  EXPECT_TRUE(spec.intel_rdt->enable_monitoring);
  EXPECT_EQ(problem_of(bare(R"("intelRdt": {"closID": "/"})")), "");
  for (const char* id : {".", "..", "a/b", "/a", "../x"})
    EXPECT_THAT(problem_of(bare("\"intelRdt\": {\"closID\": \"" + std::string(id) + "\"}")),
                StartsWith("linux.intelRdt.closID"))
        << id;
  EXPECT_THAT(problem_of(bare(R"("intelRdt": {"l3CacheSchema": "L3:0=f\nMB:0=1"})")), HasSubstr("one line"));
  EXPECT_THAT(problem_of(bare(R"("intelRdt": {"memBwSchema": "L3:0=f"})")), HasSubstr("begins with 'MB:'"));
  EXPECT_THAT(problem_of(bare(R"("intelRdt": {"schemata": ["a", "b\nc"]})")),
              HasSubstr("schemata: each must be one line"));
}

TEST(SpecLinux, MemoryPolicy) {
  const Spec spec = must_read(
      bare(R"("memoryPolicy": {"mode": "MPOL_INTERLEAVE", "nodes": "2-3,5", "flags": ["MPOL_F_STATIC_NODES"]})"));
  ASSERT_TRUE(spec.memory_policy) << spec.version;
  EXPECT_EQ(spec.memory_policy->mode, 3);
  EXPECT_EQ(spec.memory_policy->flags, 0x8000u);
  EXPECT_EQ(spec.memory_policy->nodes, "2-3,5");
  const auto with = [](std::string_view mode, std::string_view nodes) {
    return problem_of(
        bare("\"memoryPolicy\": {\"mode\": \"" + std::string(mode) + "\", \"nodes\": \"" + std::string(nodes) + "\"}"));
  };
  EXPECT_EQ(with("MPOL_DEFAULT", ""), "");
  EXPECT_EQ(with("MPOL_PREFERRED", ""), "");
  EXPECT_THAT(with("MPOL_LOCAL", "0"), HasSubstr("must be empty with MPOL_LOCAL"));
  EXPECT_THAT(with("MPOL_BIND", ""), HasSubstr("must name a node with MPOL_BIND"));
  EXPECT_THAT(with("MPOL_HERE", "0"), HasSubstr("'MPOL_HERE' is none of"));
  for (const char* nodes : {"a", "1-", "-1", "3-1", "0,", ",0", "0 1", "65536", "1-2-3"})
    EXPECT_THAT(with("MPOL_BIND", nodes), HasSubstr("must be a list of memory nodes")) << nodes;
}

TEST(SpecResources, DeviceRules) {
  const Resources resources = must_read_resources(R"("devices": [{"allow": false, "access": "rwm"},
      {"allow": true, "type": "c", "major": 1, "minor": -1, "access": "rw"}, {"allow": true, "type": "a"}])");
  ASSERT_EQ(resources.devices.size(), 3u);
  EXPECT_FALSE(resources.devices[0].allow);
  EXPECT_EQ(resources.devices[0].type, 'a');
  EXPECT_EQ(resources.devices[0].major, std::nullopt);
  EXPECT_EQ(resources.devices[1].major, 1u);
  EXPECT_EQ(resources.devices[1].minor, std::nullopt) << "-1 is every one";
  EXPECT_EQ(resources.devices[1].access, "rw");
  EXPECT_EQ(resources_problem(R"("devices": [{"access": "r"}])"), "devices[0].allow: missing");
  EXPECT_THAT(resources_problem(R"("devices": [{"allow": true, "type": "p"}])"), HasSubstr("'p' is none of a, b, c"));
  EXPECT_THAT(resources_problem(R"("devices": [{"allow": true, "access": "rx"}])"),
              HasSubstr("'rx' has other letters"));
  EXPECT_THAT(resources_problem(R"("devices": [{"allow": true, "major": -2}])"),
              HasSubstr("major: is no device number"));
  EXPECT_THAT(resources_problem(R"("devices": [{"allow": true, "minor": 4294967296}])"),
              HasSubstr("minor: is no device number"));
}

TEST(SpecResources, MemoryCpuAndPids) {
  const Resources resources =
      must_read_resources(R"("memory": {"limit": 536870912, "reservation": 0, "swap": -1, "swappiness": 0,
      "disableOOMKiller": false, "useHierarchy": true, "checkBeforeUpdate": true, "kernel": 5, "kernelTCP": 6},
      "cpu": {"shares": 1024, "quota": -1, "burst": 1, "period": 100000, "realtimeRuntime": 2, "realtimePeriod": 3,
      "cpus": "0-1", "mems": "0", "idle": 1}, "pids": {"limit": -1})");
  ASSERT_TRUE(resources.memory && resources.cpu);
  EXPECT_EQ(resources.memory->limit, 536870912);
  EXPECT_EQ(resources.memory->reservation, 0) << "absent is not zero";
  EXPECT_EQ(resources.memory->swap, -1);
  EXPECT_EQ(resources.memory->swappiness, 0u);
  EXPECT_EQ(resources.memory->disable_oom_killer, false);
  EXPECT_EQ(resources.memory->check_before_update, true);
  EXPECT_EQ(resources.memory->kernel_tcp, 6);
  EXPECT_EQ(resources.cpu->quota, -1);
  EXPECT_EQ(resources.cpu->realtime_period, 3u);
  EXPECT_EQ(resources.cpu->cpus, "0-1");
  EXPECT_EQ(resources.cpu->idle, 1);
  EXPECT_EQ(resources.pids_limit, -1);
}

TEST(SpecResources, AbsentIsAbsent) {
  const Resources resources = must_read_resources(R"("memory": {}, "cpu": null, "pids": {}, "network": {})");
  ASSERT_TRUE(resources.memory);
  EXPECT_FALSE(resources.memory->limit || resources.memory->swappiness || resources.memory->disable_oom_killer);
  EXPECT_FALSE(resources.cpu || resources.pids_limit || resources.block_io || resources.network_class_id);
}

TEST(SpecResources, NumbersThatCannotBe) {
  EXPECT_EQ(resources_problem(R"("memory": {"limit": "1g"})"), "memory.limit: must be a whole number");
  EXPECT_EQ(resources_problem(R"("memory": {"limit": 1e9})"), "memory.limit: must be a whole number");
  EXPECT_THAT(resources_problem(R"("memory": {"swap": -2})"),
              StartsWith("memory.swap: must be a number of bytes, or -1"));
  EXPECT_THAT(resources_problem(R"("memory": {"swappiness": 101})"), HasSubstr("from 0 to 100"));
  EXPECT_THAT(resources_problem(R"("cpu": {"shares": -1})"), StartsWith("cpu.shares: must be a whole number from 0"));
  EXPECT_EQ(problem_of(bare(R"("resources": {"pids": {"limit": 1.5}})")),
            "linux.resources.pids.limit: must be a whole number");
}

TEST(SpecResources, BlockIo) {
  const Resources resources = must_read_resources(R"("blockIO": {"weight": 10, "leafWeight": 20,
      "weightDevice": [{"major": 8, "minor": 0, "weight": 500}], "throttleReadBpsDevice": [{"major": 8, "minor": 1,
      "rate": 600}],
      "throttleWriteBpsDevice": [], "throttleReadIOPSDevice": null, "throttleWriteIOPSDevice": [{"major": 8,
      "minor": 2, "rate": 7}]})");
  ASSERT_TRUE(resources.block_io);
  EXPECT_EQ(resources.block_io->weight, 10);
  EXPECT_EQ(resources.block_io->weight_devices.at(0).weight, 500);
  EXPECT_EQ(resources.block_io->weight_devices.at(0).leaf_weight, std::nullopt);
  EXPECT_EQ(resources.block_io->read_bps.at(0).rate, 600u);
  EXPECT_EQ(resources.block_io->write_iops.at(0).device.minor, 2u);
  EXPECT_THAT(resources.block_io->write_bps, IsEmpty());
  EXPECT_THAT(resources_problem(R"("blockIO": {"weightDevice": [{"major": 8, "minor": 0}]})"),
              HasSubstr("weight or leafWeight"));
  EXPECT_THAT(resources_problem(R"("blockIO": {"weight": 65536})"), HasSubstr("from 0 to 65535"));
  EXPECT_EQ(resources_problem(R"("blockIO": {"throttleReadBpsDevice": [{"major": 8, "rate": 1}]})"),
            "blockIO.throttleReadBpsDevice[0].minor: missing");
}

TEST(SpecResources, HugePagesNetworkAndRdma) {
  const Resources resources = must_read_resources(R"("hugepageLimits": [{"pageSize": "2MB", "limit": 209715200}],
      "network": {"classID": 1048577, "priorities": [{"name": "eth0", "priority": 500}]},
      "rdma": {"mlx5_1": {"hcaHandles": 3, "hcaObjects": 10000}, "rxe3": {"hcaObjects": 0}})");
  EXPECT_EQ(resources.hugepage_limits.at(0).page_size, "2MB");
  EXPECT_EQ(resources.network_class_id, 1048577u);
  EXPECT_EQ(resources.network_priorities.at(0).priority, 500u);
  ASSERT_EQ(resources.rdma.size(), 2u);
  EXPECT_EQ(resources.rdma[0].hca_handles, 3u);
  EXPECT_EQ(resources.rdma[1].device, "rxe3");
  EXPECT_EQ(resources.rdma[1].hca_objects, 0u);
  EXPECT_THAT(resources_problem(R"("rdma": {"a": {}})"), HasSubstr("hcaHandles or hcaObjects"));
  for (const char* size : {"", "2", "2kB", "MB", "02MB", "2MB/../x", "2 MB", "2MBB", "-2MB"})
    EXPECT_THAT(resources_problem("\"hugepageLimits\": [{\"pageSize\": \"" + std::string(size) + "\", \"limit\": 1}]"),
                HasSubstr("must be a size as in"))
        << size;
}

TEST(SpecResources, UnifiedNamesFilesOfTheGroup) {
  EXPECT_THAT(must_read_resources(R"("unified": {"memory.high": "1", "io.max": "8:0 rbps=1\n8:1 rbps=2"})").unified,
              ElementsAre(Pair("memory.high", "1"), Pair("io.max", "8:0 rbps=1\n8:1 rbps=2")));
  for (const char* name : {"", ".", "..", "../memory.max", "a/b", "/etc/passwd"})
    EXPECT_THAT(resources_problem("\"unified\": {\"" + std::string(name) + "\": \"1\"}"),
                HasSubstr("must be a file's name"))
        << name;
}

TEST(SpecSeccomp, AProfile) {
  const Spec spec = must_read(bare(R"("seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38,
      "architectures": ["SCMP_ARCH_X86_64"], "flags": ["SECCOMP_FILTER_FLAG_LOG"], "listenerPath": "/run/s",
      "listenerMetadata": "m",
      "syscalls": [{"names": ["read", "write"], "action": "SCMP_ACT_ALLOW"},
        {"names": ["personality"], "action": "SCMP_ACT_TRACE", "errnoRet": 1,
         "args": [{"index": 5, "value": 18446744073709551615, "valueTwo": 7, "op": "SCMP_CMP_MASKED_EQ"}]}]})"));
  ASSERT_TRUE(spec.seccomp) << spec.version;
  EXPECT_EQ(spec.seccomp->default_action, SeccompAction::kErrno);
  EXPECT_EQ(spec.seccomp->default_errno_ret, 38u);
  EXPECT_THAT(spec.seccomp->flags, testing::Optional(ElementsAre("SECCOMP_FILTER_FLAG_LOG")));
  ASSERT_EQ(spec.seccomp->rules.size(), 2u);
  EXPECT_THAT(spec.seccomp->rules[0].names, ElementsAre("read", "write"));
  EXPECT_EQ(spec.seccomp->rules[0].errno_ret, std::nullopt);
  const SeccompArgument& argument = spec.seccomp->rules[1].args.at(0);
  EXPECT_EQ(argument.index, 5u);
  EXPECT_EQ(argument.value, UINT64_MAX);
  EXPECT_EQ(argument.value_two, 7u);
  EXPECT_EQ(argument.op, SeccompOperator::kMaskedEqual);
}

TEST(SpecSeccomp, WhatCannotBe) {
  const auto with = [](std::string_view members) {
    return problem_of(bare("\"seccomp\": {" + std::string(members) + "}"));
  };
  const auto rule = [&](std::string_view text) {
    return with(R"("defaultAction": "SCMP_ACT_ALLOW", "syscalls": [)" + std::string(text) + "]");
  };
  EXPECT_EQ(with(R"("syscalls": [])"), "linux.seccomp.defaultAction: missing");
  EXPECT_THAT(with(R"("defaultAction": "SCMP_ACT_DENY")"), HasSubstr("'SCMP_ACT_DENY' is none of"));
  EXPECT_THAT(with(R"("defaultAction": "SCMP_ACT_KILL", "defaultErrnoRet": 1)"),
              HasSubstr("defaultErrnoRet: only with"));
  EXPECT_THAT(with(R"("defaultAction": "SCMP_ACT_ALLOW", "listenerMetadata": "m")"),
              HasSubstr("only with a listenerPath"));
  EXPECT_THAT(rule(R"({"names": [], "action": "SCMP_ACT_ALLOW"})"), HasSubstr("syscalls[0].names: must name"));
  EXPECT_THAT(rule(R"({"names": ["read"]})"), HasSubstr("syscalls[0].action: missing"));
  EXPECT_THAT(rule(R"({"names": ["read"], "action": "SCMP_ACT_ERRNO", "errnoRet": 65536})"),
              HasSubstr("at most 65535"));
  const std::string with_args = R"({"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [)";
  EXPECT_THAT(rule(with_args + R"({"index": 6, "value": 1, "op": "SCMP_CMP_EQ"}]})"),
              HasSubstr("args[0].index: must be from 0 to 5"));
  EXPECT_THAT(rule(with_args + R"({"index": 0, "value": -1, "op": "SCMP_CMP_EQ"}]})"),
              HasSubstr("args[0].value: must be"));
  EXPECT_THAT(rule(with_args + R"({"index": 0, "value": 1, "op": "=="}]})"), HasSubstr("'==' is none of"));
}

}  // namespace
}  // namespace plimsoll::spec
