// SPDX-License-Identifier: Apache-2.0
// runtime/spec/read.h: a process, read and written; names and numbers; the default configuration.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/resource.h>

#include "runtime/spec/mount_options.h"
#include "runtime/spec/names.h"
#include "runtime/spec/read.h"
#include "tests/unit/spec_text.h"

namespace plimsoll::spec {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr std::string_view kFull = R"({"terminal": true, "consoleSize": {"height": 25, "width": 80},
  "user": {"uid": 1, "gid": 2, "umask": 63, "additionalGids": [5, 6]}, "args": ["sh", "-c", ""], "env": ["A=1", "B"],
  "cwd": "/root", "capabilities": {"bounding": ["CAP_CHOWN", "CAP_CHECKPOINT_RESTORE"], "effective": ["CAP_CHOWN"],
  "inheritable": [], "permitted": ["CAP_CHOWN"], "ambient": null}, "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 1024,
  "hard": 18446744073709551615}], "noNewPrivileges": true, "apparmorProfile": "p", "selinuxLabel": "l",
      "oomScoreAdj": -999,
  "scheduler": {"policy": "SCHED_DEADLINE", "flags": ["SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_DL_OVERRUN"],
      "runtime": 1024,
  "deadline": 2000, "period": 3000}, "ioPriority": {"class": "IOPRIO_CLASS_IDLE", "priority": 7},
  "execCPUAffinity": {"initial": "0-3,7", "final": "1"}})";

Process must_read_process(std::string_view text) {
  Warnings warnings;
  auto process = read_process(text, warnings);
  EXPECT_TRUE(process) << process.error().message();
  return process ? std::move(*process) : Process();
}

// What is wrong with a process that has these members; "process.cwd: ..." as in a configuration.
std::string process_problem(std::string_view members) { return problem_of(process_config(members)); }

TEST(SpecProcess, TheSmallestOne) {
  const Process process = must_read_process(R"({"args": ["sh"], "cwd": "/"})");
  EXPECT_THAT(process.args, ElementsAre("sh"));
  EXPECT_EQ(process.user.uid, 0u);
  EXPECT_FALSE(process.terminal || process.no_new_privileges);
  EXPECT_FALSE(process.capabilities || process.oom_score_adj || process.scheduler || process.console_size ||
               process.user.umask);
}

TEST(SpecProcess, EveryMember) {
  const Process process = must_read_process(kFull);
  EXPECT_TRUE(process.terminal && process.no_new_privileges);
  EXPECT_EQ(process.console_size->height, 25);
  EXPECT_EQ(process.user.gid, 2u);
  EXPECT_EQ(process.user.umask, 077u);
  EXPECT_THAT(process.user.additional_gids, ElementsAre(5u, 6u));
  EXPECT_THAT(process.env, ElementsAre("A=1", "B"));
  EXPECT_EQ(process.capabilities->bounding, (uint64_t{1} << CAP_CHOWN) | (uint64_t{1} << CAP_CHECKPOINT_RESTORE));
  EXPECT_EQ(process.capabilities->ambient, 0u);
  EXPECT_EQ(process.rlimits.at(0).resource, static_cast<int>(RLIMIT_NOFILE));
  EXPECT_EQ(process.rlimits.at(0).hard, RLIM_INFINITY);
  EXPECT_EQ(process.oom_score_adj, -999);
  EXPECT_EQ(process.scheduler->policy, 6u);
  EXPECT_EQ(process.scheduler->flags, 5u);
  EXPECT_EQ(process.io_priority->io_class, 3);
  EXPECT_EQ(process.exec_cpu_affinity->final, "1");
}

TEST(SpecProcess, ItsTextIsKeptAsItStands) {
  Warnings warnings;
  const std::string text = "{ \"cwd\" : \"/\u00e9\",\n\"args\": [\"\\\"quoted\\\"\"], \"more\": {\"a\": [{}, \"}\"]} }";
  const auto spec = read_spec(config("\"process\":  " + text + " "), warnings);
  ASSERT_TRUE(spec) << spec.error().message();
  EXPECT_EQ(spec->process_text, text);
  EXPECT_EQ(must_read_process(spec->process_text).args, spec->process->args);
  EXPECT_EQ(must_read_process(spec->process_text).cwd, "/\xc3\xa9");
}

TEST(SpecProcess, ArgumentsAndDirectory) {
  EXPECT_EQ(problem_of(config(R"("process": {"cwd": "/"})")), "process.args: must name the program to run");
  EXPECT_EQ(problem_of(config(R"("process": {"cwd": "/", "args": []})")), "process.args: must name the program to run");
  EXPECT_EQ(problem_of(config(R"("process": {"cwd": "/", "args": "sh"})")), "process.args: must be a list of texts");
  for (const char* cwd : {"\"\"", "\"tmp\"", "null"})
    EXPECT_EQ(problem_of(config("\"process\": {\"args\": [\"x\"], \"cwd\": " + std::string(cwd) + "}")),
              "process.cwd: must be an absolute path")
        << cwd;
  EXPECT_THAT(process_problem(R"("env": ["A=\u0000"])"), HasSubstr("NUL"));
}

TEST(SpecProcess, UnknownCapabilitiesAreWarnings) {
  Warnings warnings;
  const auto spec = read_spec(
      process_config(R"("capabilities": {"bounding": ["CAP_KILL", "CAP_EVERYTHING"], "effective": ["CAP_99"]})"),
      warnings);
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec->process->capabilities->bounding, uint64_t{1} << CAP_KILL);
  EXPECT_EQ(spec->process->capabilities->effective, 0u);
  EXPECT_THAT(warnings, ElementsAre("process.capabilities.bounding: no such capability, left out: 'CAP_EVERYTHING'",
                                    "process.capabilities.effective: no such capability, left out: 'CAP_99'"));
}

// setresuid(2) would leave such a program what we are: root.
TEST(SpecProcess, TheIdThatIsNoneIsNobodys) {
  const auto with = [](std::string_view members) {
    return process_problem("\"user\": {" + std::string(members) + "}");
  };
  EXPECT_EQ(with(R"("uid": 4294967294, "gid": 4294967294, "additionalGids": [4294967294])"), "");
  EXPECT_THAT(with(R"("uid": 4294967295, "gid": 0)"), StartsWith("process.user.uid: 4294967295 stands for no id"));
  EXPECT_THAT(with(R"("uid": 0, "gid": 4294967295)"), StartsWith("process.user.gid: 4294967295 stands for no id"));
  EXPECT_THAT(with(R"("uid": 0, "gid": 0, "additionalGids": [1, 4294967295])"),
              StartsWith("process.user.additionalGids: 4294967295 stands for no id"));
}

TEST(SpecProcess, Rlimits) {
  const auto with = [](std::string_view limits) {
    return process_problem("\"rlimits\": [" + std::string(limits) + "]");
  };
  const std::string core = R"({"type": "RLIMIT_CORE", "soft": 0, "hard": 0})";
  EXPECT_EQ(with(core), "");
  EXPECT_EQ(with(core + "," + core), "process.rlimits[1].type: RLIMIT_CORE is there twice");
  EXPECT_THAT(with(R"({"type": "RLIMIT_X", "soft": 0, "hard": 0})"), HasSubstr("'RLIMIT_X' is none of RLIMIT_AS"));
  EXPECT_EQ(with(R"({"type": "RLIMIT_CPU", "soft": 2, "hard": 1})"),
            "process.rlimits[0].soft: must not be above the hard limit");
  EXPECT_EQ(with(R"({"type": "RLIMIT_CPU", "soft": 2})"), "process.rlimits[0].hard: missing");
  EXPECT_THAT(with(R"({"type": "RLIMIT_CPU", "soft": -1, "hard": -1})"),
              HasSubstr("soft: must be a whole number from 0"));
}

TEST(SpecProcess, Scheduling) {
  const auto with = [](std::string_view members) {
    return process_problem("\"scheduler\": {" + std::string(members) + "}");
  };
  EXPECT_EQ(with(R"("policy": "SCHED_FIFO", "priority": 99)"), "");
  EXPECT_EQ(with(R"("policy": "SCHED_BATCH", "nice": 19)"), "");
  EXPECT_EQ(with(R"("nice": 1)"), "process.scheduler.policy: missing");
  EXPECT_THAT(with(R"("policy": "SCHED_EXT")"), HasSubstr("'SCHED_EXT' is none of"));
  EXPECT_EQ(with(R"("policy": "SCHED_OTHER", "nice": -21)"), "process.scheduler.nice: must be from -20 to 19");
  EXPECT_THAT(with(R"("policy": "SCHED_OTHER", "priority": 1)"), HasSubstr("only with SCHED_FIFO and SCHED_RR"));
  EXPECT_THAT(with(R"("policy": "SCHED_FIFO", "period": 1)"), HasSubstr("only with SCHED_DEADLINE"));
  EXPECT_THAT(with(R"("policy": "SCHED_FIFO", "flags": ["X"])"), HasSubstr("'X' is none of SCHED_FLAG_RESET_ON_FORK"));
  EXPECT_THAT(with(R"("policy": "SCHED_FIFO", "priority": -1)"), HasSubstr("priority: must be a whole number from 0"));
}

TEST(SpecProcess, DeadlineScheduling) {
  const auto with = [](std::string_view members) {
    return process_problem(R"("scheduler": {"policy": "SCHED_DEADLINE", )" + std::string(members) + "}");
  };
  EXPECT_EQ(with(R"("runtime": 1024, "deadline": 1024)"), "");
  EXPECT_EQ(with(R"("runtime": 1024, "deadline": 2000, "period": 2000)"), "");
  EXPECT_EQ(with(R"("deadline": 2000)"),
            "process.scheduler.runtime: sched_setattr: `SCHED_DEADLINE` requires `runtime`");
  EXPECT_THAT(with(R"("runtime": 2000)"), HasSubstr("requires `deadline`"));
  EXPECT_THAT(with(R"("runtime": 0, "deadline": 2000)"), HasSubstr("runtime must be greater than 0"));
  EXPECT_THAT(with(R"("runtime": 2001, "deadline": 2000)"), HasSubstr("runtime (2001) must be <= deadline (2000)"));
  EXPECT_THAT(with(R"("runtime": 2000, "deadline": 2000, "period": 1999)"), HasSubstr("must be <= period (1999)"));
  EXPECT_THAT(with(R"("runtime": 1023, "deadline": 2000)"), HasSubstr("runtime (1023) must be between 1024 and"));
  EXPECT_THAT(with(R"("runtime": 9223372036854775808, "deadline": 9223372036854775808)"),
              HasSubstr("and 9223372036854775807 ns"));
}

TEST(SpecProcess, PrioritiesAndAffinity) {
  EXPECT_EQ(process_problem(R"("ioPriority": {"priority": 1})"), "process.ioPriority.class: missing");
  EXPECT_THAT(process_problem(R"("ioPriority": {"class": "IOPRIO_CLASS_RT", "priority": 8})"),
              HasSubstr("from 0 to 7"));
  EXPECT_THAT(process_problem(R"("ioPriority": {"class": "IOPRIO_CLASS_NONE", "priority": 0})"),
              HasSubstr("is none of"));
  EXPECT_THAT(process_problem(R"("execCPUAffinity": {"initial": "a"})"), StartsWith("process.execCPUAffinity.initial"));
  EXPECT_THAT(process_problem(R"("execCPUAffinity": {"final": "4-1"})"), StartsWith("process.execCPUAffinity.final"));
  EXPECT_EQ(process_problem(R"("execCPUAffinity": {"initial": "", "final": "0"})"), "");
  EXPECT_EQ(process_problem(R"("oomScoreAdj": 1001)"), "process.oomScoreAdj: must be from -1000 to 1000");
  EXPECT_EQ(process_problem(R"("oomScoreAdj": -1000)"), "");
}

TEST(SpecProcess, ConsoleSize) {
  EXPECT_EQ(process_problem(R"("consoleSize": {"height": 25})"), "process.consoleSize.width: missing");
  EXPECT_THAT(process_problem(R"("consoleSize": {"height": 65536, "width": 1})"), HasSubstr("from 0 to 65535"));
}

TEST(SpecNames, Capabilities) {
  EXPECT_EQ(capability_number("CAP_CHOWN"), CAP_CHOWN);
  EXPECT_EQ(capability_number("sys_admin"), CAP_SYS_ADMIN);
  EXPECT_EQ(capability_number("cap_net_raw"), CAP_NET_RAW);
  EXPECT_EQ(capability_number("CAP_CHECKPOINT_RESTORE"), CAP_CHECKPOINT_RESTORE);
  for (const char* name : {"", "CAP_", "CAP_X", "ALL", "CAP_CAP_CHOWN"})
    EXPECT_EQ(capability_number(name), std::nullopt) << name;
  EXPECT_EQ(capability_name(CAP_BPF), "CAP_BPF");
  EXPECT_EQ(capability_name(63), "CAP_63");
  EXPECT_EQ(known_capabilities().size(), 41u);
  for (const auto name : known_capabilities()) EXPECT_EQ(capability_name(*capability_number(name)), name);
}

TEST(SpecNames, Rlimits) {
  EXPECT_EQ(rlimit_number("RLIMIT_NPROC"), static_cast<int>(RLIMIT_NPROC));
  EXPECT_EQ(rlimit_number("nproc"), std::nullopt);
  EXPECT_EQ(rlimit_name(RLIMIT_RTTIME), "RLIMIT_RTTIME");
  EXPECT_EQ(rlimit_name(99), "");
  EXPECT_EQ(known_rlimits().size(), static_cast<size_t>(RLIM_NLIMITS));
}

TEST(SpecNames, Signals) {
  const std::pair<const char*, int> cases[] = {{"SIGTERM", SIGTERM},
                                               {"TERM", SIGTERM},
                                               {"term", SIGTERM},
                                               {"sigkill", SIGKILL},
                                               {"15", 15},
                                               {"0", 0},
                                               {"9", 9},
                                               {"RTMIN", SIGRTMIN},
                                               {"RTMIN+1", SIGRTMIN + 1},
                                               {"SIGRTMAX-2", SIGRTMAX - 2},
                                               {"64", 64},
                                               {"WINCH", SIGWINCH}};
  for (const auto& [name, number] : cases) EXPECT_EQ(signal_number(name), number) << name;
  for (const char* name :
       {"", "SIG", "SIGX", "-1", "65", "RTMIN+", "RTMIN+31", "RTMAX+1", "RTMIN+-1", "SIGSIGTERM", "9 "})
    EXPECT_EQ(signal_number(name), std::nullopt) << name;
}

TEST(SpecDefaults, TheDefaultConfigurationIsRight) {
  Warnings warnings;
  const auto spec = read_spec(default_config(), warnings);
  ASSERT_TRUE(spec) << spec.error().message();
  EXPECT_THAT(warnings, IsEmpty());
  for (const NamespaceType type : {NamespaceType::kPid, NamespaceType::kNetwork, NamespaceType::kIpc,
                                   NamespaceType::kUts, NamespaceType::kMount, NamespaceType::kCgroup})
    EXPECT_TRUE(makes_namespace(*spec, type));
  EXPECT_FALSE(makes_namespace(*spec, NamespaceType::kUser));
  EXPECT_TRUE(spec->process->terminal && spec->process->no_new_privileges && spec->root.readonly);
  EXPECT_THAT(spec->process->args, ElementsAre("sh"));
  EXPECT_EQ(spec->process->capabilities->inheritable, 0u);
  EXPECT_EQ(spec->mounts.size(), 7u);
  for (const Mount& mount : spec->mounts) EXPECT_TRUE(parse_mount_options(mount)) << mount.destination;
  EXPECT_THAT(spec->masked_paths, testing::Contains("/proc/kcore"));
  EXPECT_EQ(default_config().back(), '\n');
}

TEST(SpecDefaults, WithoutPrivileges) {
  const Spec spec = must_read(rootless_config(1000, 1001));
  EXPECT_TRUE(makes_namespace(spec, NamespaceType::kUser)) << spec.version;
  EXPECT_FALSE(makes_namespace(spec, NamespaceType::kNetwork));
  ASSERT_EQ(spec.uid_mappings.size(), 1u);
  EXPECT_EQ(spec.uid_mappings[0].host_id, 1000u);
  EXPECT_EQ(spec.gid_mappings.at(0).host_id, 1001u);
  EXPECT_EQ(spec.gid_mappings.at(0).size, 1u);
  EXPECT_THAT(spec.resources.devices, IsEmpty());
  for (const Mount& mount : spec.mounts) {
    for (const std::string& option : mount.options) EXPECT_FALSE(option.starts_with("gid=")) << mount.destination;
    if (mount.destination != "/sys") continue;
    EXPECT_THAT(mount.options, ElementsAre("rbind", "nosuid", "noexec", "nodev", "ro"));
  }
}

}  // namespace
}  // namespace plimsoll::spec
