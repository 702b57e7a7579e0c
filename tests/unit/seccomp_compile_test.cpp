// SPDX-License-Identifier: Apache-2.0
// Compiled configurations beside libseccomp's programs for the same ones: every number, every operator at the
// edges of its halves, thousands of random configurations, and those that engines use.
#include "runtime/seccomp/compile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/audit.h>

#include <nlohmann/json.hpp>
#include <random>

#include "base/os.h"
#include "runtime/seccomp/architectures.h"
#include "runtime/seccomp/newer_calls.h"
#include "tests/unit/bpf_interpreter.h"
#include "tests/unit/libseccomp_reference.h"
#include "tests/unit/seccomp_profiles.h"

namespace plimsoll::seccomp {
namespace {

using spec::SeccompAction;
using spec::SeccompOperator;
using testing::HasSubstr;

constexpr uint32_t kEperm = SECCOMP_RET_ERRNO | EPERM, kEnosys = SECCOMP_RET_ERRNO | ENOSYS;
constexpr uint64_t kEdges[] = {0,
                               1,
                               0x7fffffff,
                               0x80000000,
                               0xfffffffe,
                               0xffffffff,
                               0x100000000,
                               0x100000001,
                               0x1ffffffff,
                               0x7fffffffffffffff,
                               0x8000000000000000,
                               0xffffffff00000000,
                               0xffffffff00000001,
                               0xfffffffffffffffe,
                               0xffffffffffffffff};

seccomp_data call_of(uint32_t audit, uint32_t number, std::initializer_list<uint64_t> arguments = {}) {
  seccomp_data data = {};
  data.nr = static_cast<int>(number);
  data.arch = audit;
  std::copy(arguments.begin(), arguments.end(), data.args);
  return data;
}

std::vector<sock_filter> program_of(const spec::Seccomp& config) {
  auto filter = compile(config);
  EXPECT_TRUE(filter) << filter.error().message();
  return filter ? filter->program : std::vector<sock_filter>();
}

uint32_t decision(const spec::Seccomp& config, uint32_t audit, uint32_t number,
                  std::initializer_list<uint64_t> arguments = {}) {
  return run(program_of(config), call_of(audit, number, arguments)).value_or(0xdead);
}

// Both programs, and what is put before libseccomp's.
class Comparison {
 public:
  explicit Comparison(const spec::Seccomp& config)
      : reference_(config), newer_(config), theirs_(reference_.program()), ours_(program_of(config)) {}
  bool refused() const { return reference_.refused(); }
  bool agree(const seccomp_data& data) const { return run(ours_, data) == expected(data); }
  void expect_agreement(const seccomp_data& data) const {
    EXPECT_EQ(run(ours_, data), expected(data)) << std::hex << "arch " << data.arch << std::dec << " number " << data.nr
                                                << " arguments " << data.args[0] << " " << data.args[1];
  }
  // Every number of every architecture that may occur, with these arguments.
  void expect_agreement_everywhere(std::initializer_list<uint64_t> arguments = {}) const {
    for (uint32_t audit : kAudits) {
      for (uint32_t base : {0u, kX32Bit, 0x80000000u, 0xc0000000u}) {
        for (uint32_t number = 0; number <= 600; ++number) expect_agreement(call_of(audit, base + number, arguments));
      }
      for (uint32_t number : {4041u, 5040u, 0x3fffffffu, 0x7fffffffu, 0xfffffffeu, 0xffffffffu})
        expect_agreement(call_of(audit, number, arguments));
    }
  }
  std::optional<uint32_t> expected(const seccomp_data& data) const {
    if (newer_.contains(data.arch, static_cast<uint32_t>(data.nr))) return kEnosys;
    return run(theirs_, data);
  }
  static constexpr uint32_t kAudits[] = {AUDIT_ARCH_X86_64,  AUDIT_ARCH_I386,    AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM,
                                         AUDIT_ARCH_PPC64LE, AUDIT_ARCH_RISCV64, AUDIT_ARCH_MIPSEL,  0};

 private:
  LibseccompReference reference_;
  NewerCalls newer_;
  std::vector<sock_filter> theirs_, ours_;
};

spec::Seccomp with_condition(SeccompOperator op, uint64_t value, uint64_t value_two = 0) {
  spec::Seccomp config;
  config.default_action = SeccompAction::kErrno;
  config.architectures = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86"};
  config.rules = {{{"dup2"}, SeccompAction::kAllow, std::nullopt, {{1, value, value_two, op}}}};
  return config;
}

TEST(SeccompCompile, OperatorsAgreeAtTheEdgesOfTheirHalves) {
  for (int op = 0; op < 6; ++op) {
    for (uint64_t value : kEdges) {
      const Comparison comparison(with_condition(static_cast<SeccompOperator>(op), value));
      for (uint64_t argument : kEdges) {
        comparison.expect_agreement(call_of(AUDIT_ARCH_X86_64, 33, {0, argument}));
        comparison.expect_agreement(call_of(AUDIT_ARCH_I386, 63, {0, argument}));
      }
    }
  }
}

TEST(SeccompCompile, MasksAgreeAtTheEdgesOfTheirHalves) {
  for (uint64_t mask : kEdges) {
    for (uint64_t value : {uint64_t{0}, uint64_t{1}, uint64_t{0xffffffff}, uint64_t{0xffffffff00000000}, mask}) {
      const Comparison comparison(with_condition(SeccompOperator::kMaskedEqual, mask, value));
      for (uint64_t argument : kEdges) {
        comparison.expect_agreement(call_of(AUDIT_ARCH_X86_64, 33, {0, argument}));
        comparison.expect_agreement(call_of(AUDIT_ARCH_I386, 63, {0, argument}));
      }
    }
  }
}

// Not through libseccomp: what the operators mean.
TEST(SeccompCompile, OperatorsCompareAllBits) {
  const auto allowed = [](SeccompOperator op, uint64_t value, uint64_t argument) {
    return decision(with_condition(op, value), AUDIT_ARCH_X86_64, 33, {0, argument}) == SECCOMP_RET_ALLOW;
  };
  for (uint64_t value : kEdges) {
    for (uint64_t argument : kEdges) {
      EXPECT_EQ(allowed(SeccompOperator::kEqual, value, argument), argument == value);
      EXPECT_EQ(allowed(SeccompOperator::kNotEqual, value, argument), argument != value);
      EXPECT_EQ(allowed(SeccompOperator::kLess, value, argument), argument < value);
      EXPECT_EQ(allowed(SeccompOperator::kLessOrEqual, value, argument), argument <= value);
      EXPECT_EQ(allowed(SeccompOperator::kGreater, value, argument), argument > value);
      EXPECT_EQ(allowed(SeccompOperator::kGreaterOrEqual, value, argument), argument >= value);
    }
  }
}

TEST(SeccompCompile, EngineProfileAgreesOnEveryNumber) {
  const Comparison comparison(engine_profile());
  EXPECT_FALSE(comparison.refused());
  for (uint64_t argument : {0ull, 2ull, 8ull, 40ull, 0x7e020000ull, 0x20008ull, 0xffffffffull, 0x100000002ull})
    comparison.expect_agreement_everywhere({argument, argument});
}

TEST(SeccompCompile, DebiansProfileAgreesOnEveryNumber) {
  const auto text = read_file("/usr/share/containers/seccomp.json");
  if (!text) GTEST_SKIP() << "golang-github-containers-common is not installed";
  const Comparison comparison(profile_of(nlohmann::json::parse(*text, nullptr, false)));
  EXPECT_FALSE(comparison.refused());
  for (uint64_t argument : {0ull, 1ull, 8ull, 16ull, 0xffffffffull})
    comparison.expect_agreement_everywhere({argument, 0, 9});
}

TEST(SeccompCompile, AllActionsAgree) {
  for (auto fallback : kAllActions) {
    if (fallback == SeccompAction::kNotify) continue;
    spec::Seccomp config;
    config.default_action = fallback;
    config.listener_path = "/agent";
    config.architectures = {"SCMP_ARCH_X86", "SCMP_ARCH_X32"};
    const char* names[] = {"read", "open", "close", "stat", "mmap", "ioctl", "pipe", "getpid"};
    for (auto action : kAllActions) config.rules.push_back({{names[static_cast<int>(action)]}, action});
    Comparison(config).expect_agreement_everywhere();
  }
}

TEST(SeccompCompile, ErrorNumbersAreTheConfigurations) {
  spec::Seccomp config;
  config.default_action = SeccompAction::kErrno;
  config.default_errno_ret = 38;
  config.rules = {{{"openat"}, SeccompAction::kErrno, 13},
                  {{"mount"}, SeccompAction::kErrno},
                  {{"ptrace"}, SeccompAction::kTrace, 7},
                  {{"bpf"}, SeccompAction::kTrace},
                  {{"set_mempolicy_home_node"}, SeccompAction::kAllow}};
  EXPECT_EQ(decision(config, AUDIT_ARCH_X86_64, 0), SECCOMP_RET_ERRNO | 38);
  EXPECT_EQ(decision(config, AUDIT_ARCH_X86_64, 257), SECCOMP_RET_ERRNO | 13);
  EXPECT_EQ(decision(config, AUDIT_ARCH_X86_64, 165), kEperm);
  EXPECT_EQ(decision(config, AUDIT_ARCH_X86_64, 101), SECCOMP_RET_TRACE | 7);
  EXPECT_EQ(decision(config, AUDIT_ARCH_X86_64, 321), SECCOMP_RET_TRACE | EPERM);
}

TEST(SeccompCompile, CallsNewerThanTheConfigurationAreUnknown) {
  spec::Seccomp config;
  config.default_action = SeccompAction::kErrno;
  config.rules = {{{"read", "close_range" /* 436 */}, SeccompAction::kAllow}, {{"openat2"}, SeccompAction::kErrno}};
  EXPECT_EQ(decision(config, AUDIT_ARCH_X86_64, 436), SECCOMP_RET_ALLOW);
  EXPECT_EQ(decision(config, AUDIT_ARCH_X86_64, 435), kEperm);
  EXPECT_EQ(decision(config, AUDIT_ARCH_X86_64, 437), kEperm);  // named, though it says what the default says
  EXPECT_EQ(decision(config, AUDIT_ARCH_X86_64, 438), kEnosys);
  EXPECT_EQ(decision(config, AUDIT_ARCH_X86_64, UINT32_MAX), kEperm);  // skipped by a tracer
  for (auto action : {SeccompAction::kAllow, SeccompAction::kLog}) {
    config.default_action = action;
    EXPECT_NE(decision(config, AUDIT_ARCH_X86_64, 438), kEnosys);
  }
  config.default_action = SeccompAction::kKillProcess;
  EXPECT_EQ(decision(config, AUDIT_ARCH_X86_64, 438), kEnosys);
}

// Names that the machine's libseccomp may not know.
TEST(SeccompCompile, NewerCallsHaveTheirNumbers) {
  for (const NumberedCall& call : kNewerCalls) {
    spec::Seccomp config;
    config.default_action = SeccompAction::kErrno;
    config.architectures = {"SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_MIPSEL"};
    config.rules = {{{std::string(call.name)}, SeccompAction::kAllow}};
    EXPECT_EQ(decision(config, AUDIT_ARCH_X86_64, call.number), SECCOMP_RET_ALLOW) << call.name;
    EXPECT_EQ(decision(config, AUDIT_ARCH_I386, call.number), SECCOMP_RET_ALLOW) << call.name;
    EXPECT_EQ(decision(config, AUDIT_ARCH_X86_64, kX32Bit + call.number), SECCOMP_RET_ALLOW) << call.name;
    EXPECT_EQ(decision(config, AUDIT_ARCH_MIPSEL, 4000 + call.number), SECCOMP_RET_ALLOW) << call.name;
    EXPECT_EQ(decision(config, AUDIT_ARCH_X86_64, call.number - 1), kEperm) << call.name;
    EXPECT_EQ(decision(config, AUDIT_ARCH_X86_64, call.number + 1), kEnosys) << call.name;
  }
  spec::Seccomp config;
  config.default_action = SeccompAction::kErrno;
  config.rules = {{{"uretprobe", "openat2"}, SeccompAction::kAllow}};
  EXPECT_EQ(decision(config, AUDIT_ARCH_X86_64, 335), SECCOMP_RET_ALLOW);
}

// The table of numbers that libseccomp does not tell by name: it tells names by number.
TEST(SeccompCompile, DirectNumbersOfMultiplexedCallsAreRight) {
  const char* names[] = {"socket",     "bind",    "connect",    "listen",  "accept",   "getsockname", "getpeername",
                         "socketpair", "send",    "recv",       "sendto",  "recvfrom", "shutdown",    "setsockopt",
                         "getsockopt", "sendmsg", "recvmsg",    "accept4", "recvmmsg", "sendmmsg",    "semop",
                         "semget",     "semctl",  "semtimedop", "msgsnd",  "msgrcv",   "msgget",      "msgctl",
                         "shmat",      "shmdt",   "shmget",     "shmctl"};
  for (const Architecture& architecture : architectures()) {
    std::map<std::string, uint32_t> numbers;
    for (uint32_t number = architecture.first_number; number < architecture.first_number + 460; ++number) {
      char* const name = ::seccomp_syscall_resolve_num_arch(architecture.token, static_cast<int>(number));
      if (name != nullptr) numbers[name] = number;
      std::free(name);
    }
    for (const char* name : names) {
      const auto at = numbers.find(name);
      EXPECT_EQ(find_call(architecture, name).number.value_or(0), at == numbers.end() ? 0 : at->second)
          << architecture.name << " " << name;
    }
  }
}

TEST(SeccompCompile, UnknownNamesAreIgnored) {
  spec::Seccomp config;
  config.default_action = SeccompAction::kErrno;
  config.rules = {{{"no_such_call", "read", "openat2"}, SeccompAction::kAllow}};
  EXPECT_EQ(decision(config, AUDIT_ARCH_X86_64, 0), SECCOMP_RET_ALLOW);
  EXPECT_EQ(decision(config, AUDIT_ARCH_X86_64, 1), kEperm);
}

TEST(SeccompCompile, ConditionsOnOneArgumentAreAlternatives) {
  auto config = with_condition(SeccompOperator::kEqual, 3);
  config.rules[0].args.push_back({1, 5, 0, SeccompOperator::kEqual});
  config.rules[0].args.push_back({0, 9, 0, SeccompOperator::kEqual});
  const Comparison comparison(config);
  for (uint64_t first : {8, 9}) {
    for (uint64_t second : {3, 4, 5}) comparison.expect_agreement(call_of(AUDIT_ARCH_X86_64, 33, {first, second}));
  }
  EXPECT_EQ(decision(config, AUDIT_ARCH_X86_64, 33, {9, 1}), SECCOMP_RET_ALLOW);
}

TEST(SeccompCompile, NoConfigurationAtAllIsTheDefault) {
  spec::Seccomp config;
  config.default_action = SeccompAction::kErrno;
  Comparison(config).expect_agreement_everywhere();
}

class RandomProfiles {
 public:
  explicit RandomProfiles(unsigned seed) : random_(seed) {}

  // With `mixed`, rules of one name have different actions.
  spec::Seccomp next(bool mixed) {
    spec::Seccomp config;
    config.listener_path = "/agent";
    config.default_action = action(false);
    for (const char* name : {"SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_X86_64", "SCMP_ARCH_ARM", "SCMP_ARCH_AARCH64",
                             "SCMP_ARCH_MIPSEL", "SCMP_ARCH_PPC64LE", "SCMP_ARCH_RISCV64"}) {
      if (below(3) == 0) config.architectures.push_back(name);
    }
    std::map<std::string, SeccompAction> actions;
    for (size_t rules = 1 + below(below(8) == 0 ? 60 : 6); rules > 0; --rules) {
      const std::string name = kNames[below(std::size(kNames))];
      const auto chosen = actions.emplace(name, action(true)).first->second;
      config.rules.push_back({{name}, mixed ? action(true) : chosen, std::nullopt, conditions()});
    }
    return config;
  }
  seccomp_data call(const spec::Seccomp& config) {
    seccomp_data data = {};
    data.arch = Comparison::kAudits[below(3) == 0 ? below(std::size(Comparison::kAudits)) : below(2)];
    const auto& rule = config.rules[below(config.rules.size())];
    const auto token = data.arch == AUDIT_ARCH_X86_64 && below(3) == 0 ? SCMP_ARCH_X32 : data.arch;
    data.nr = ::seccomp_syscall_resolve_name_arch(token, rule.names[0].c_str());
    if (data.nr < 0) data.nr = below(2) == 0 ? 102 : 117;  // socketcall, ipc
    if (below(8) == 0) data.nr = static_cast<int>(below(500));
    for (auto& argument : data.args) argument = value();
    for (const auto& condition : rule.args) {
      if (below(3) != 0) data.args[condition.index] = condition.value + below(3) - 1;
    }
    return data;
  }

 private:
  static constexpr const char* kNames[] = {
      "read",  "dup2",    "ioctl",   "socket",      "recv",   "shmget", "semop",   "accept",     "ipc",        "clone",
      "mmap2", "waitpid", "fstat64", "personality", "openat", "clone3", "unknown", "socketcall", "semtimedop", "readv"};
  size_t below(size_t limit) { return random_() % limit; }
  SeccompAction action(bool notify) { return kAllActions[below(notify ? 8 : 7)]; }
  uint64_t value() {
    if (below(2) == 0) return below(6);
    return kEdges[below(std::size(kEdges))];
  }
  std::vector<spec::SeccompArgument> conditions() {
    std::vector<spec::SeccompArgument> all;
    for (size_t count = below(4); count > 0; --count) {
      const auto index = static_cast<uint32_t>(below(below(2) == 0 ? 2 : 6));
      all.push_back({index, value(), value(), static_cast<SeccompOperator>(below(7))});
    }
    return all;
  }

  std::mt19937 random_;
};

TEST(SeccompCompile, RandomProfilesAgree) {
  RandomProfiles profiles(6);
  for (int round = 0; round < 3000 && !HasFailure(); ++round) {
    const auto config = profiles.next(false);
    const Comparison comparison(config);
    EXPECT_FALSE(comparison.refused());
    for (int call = 0; call < 300; ++call) comparison.expect_agreement(profiles.call(config));
    if (round % 100 == 0) comparison.expect_agreement_everywhere({1, 2, 3});
  }
}

// libseccomp refuses some of these, and the container with them; here it starts.
TEST(SeccompCompile, RandomProfilesWithMixedActionsAgree) {
  RandomProfiles profiles(7);
  int compared = 0, different = 0;
  for (int round = 0; round < 3000; ++round) {
    const auto config = profiles.next(true);
    const Comparison comparison(config);
    if (comparison.refused()) continue;
    ++compared;
    bool agree = true;
    for (int call = 0; call < 300 && agree; ++call) agree = comparison.agree(profiles.call(config));
    if (!agree) ++different;
  }
  EXPECT_GT(compared, 1000);
  EXPECT_EQ(different, 0) << "of " << compared;
}

}  // namespace
}  // namespace plimsoll::seccomp
