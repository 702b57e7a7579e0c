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
#include "tests/unit/seccomp_meaning.h"
#include "tests/unit/seccomp_profiles.h"

namespace plimsoll::seccomp {
namespace {

using spec::SeccompAction;
using spec::SeccompOperator;
using testing::Contains;
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

std::string described(const seccomp_data& data) {
  char text[32];
  std::snprintf(text, sizeof text, "arch %x number %d", data.arch, data.nr);
  std::string all = text;
  for (uint64_t argument : data.args) all += " " + std::to_string(argument);
  return all;
}

spec::Seccomp without_unknown_names(spec::Seccomp config) {
  for (spec::SeccompRule& rule : config.rules) {
    std::erase_if(rule.names, [](const std::string& name) {
      return ::seccomp_syscall_resolve_name(name.c_str()) == __NR_SCMP_ERROR;
    });
  }
  return config;
}

// Both programs, and what is put before libseccomp's.
class Comparison {
 public:
  explicit Comparison(const spec::Seccomp& config)
      : reference_(config), newer_(config), theirs_(reference_.program()), ours_(program_of(config)) {}
  bool refused() const { return reference_.refused(); }
  uint32_t ours(const seccomp_data& data) const { return run(ours_, data).value_or(0xdead); }
  bool agree(const seccomp_data& data) const { return run(ours_, data) == expected(data); }
  void expect_agreement(const seccomp_data& data) const {
    EXPECT_EQ(run(ours_, data), expected(data)) << described(data);
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
  const Comparison comparison(without_unknown_names(engine_profile()));
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
    EXPECT_EQ(decision(config, AUDIT_ARCH_MIPSEL, 4000 + call.number), SECCOMP_RET_ALLOW) << call.name;
    EXPECT_EQ(decision(config, AUDIT_ARCH_X86_64, call.number - 1), kEperm) << call.name;
    EXPECT_EQ(decision(config, AUDIT_ARCH_X86_64, call.number + 1), kEnosys) << call.name;
    if (call.name == "map_shadow_stack") continue;  // not of x32
    EXPECT_EQ(decision(config, AUDIT_ARCH_X86_64, kX32Bit + call.number), SECCOMP_RET_ALLOW) << call.name;
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
    for (uint32_t number = architecture.first_number; number < architecture.first_number + 560; ++number) {
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

std::string described(const spec::Seccomp& config) {
  constexpr const char* kOperators[] = {"!=", "<", "<=", "==", ">=", ">", "&"};
  std::string text = "default " + std::to_string(static_cast<int>(config.default_action)) + "\n";
  for (const std::string& name : config.architectures) text += name + " ";
  for (const spec::SeccompRule& rule : config.rules) {
    text += rule.names[0] + " -> " + std::to_string(static_cast<int>(rule.action));
    for (const spec::SeccompArgument& one : rule.args) {
      text += ", [" + std::to_string(one.index) + "] " + kOperators[static_cast<int>(one.op)] + " " +
              std::to_string(one.value);
      if (one.op == SeccompOperator::kMaskedEqual) text += " == " + std::to_string(one.value_two);
    }
    text += "\n";
  }
  return text;
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

// A few per cent of such configurations libseccomp 2.5 compiles wrongly, so that it is not the judge.
TEST(SeccompCompile, RandomProfilesMeanWhatTheySay) {
  RandomProfiles profiles(6);
  for (int round = 0; round < 3000 && !HasFailure(); ++round) {
    const auto config = profiles.next(false);
    const Meaning meaning(config);
    const auto program = program_of(config);
    SCOPED_TRACE(described(config));
    for (int i = 0; i < 200 && !HasFailure(); ++i) {
      const auto call = profiles.call(config);
      EXPECT_THAT(meaning.actions(call), Contains(run(program, call).value_or(0xdead))) << described(call);
    }
  }
}

TEST(SeccompCompile, RandomProfilesAgreeWithLibseccompWhereItIsRight) {
  RandomProfiles profiles(8);
  int agreeing = 0, wrong = 0;
  for (int round = 0; round < 500; ++round) {
    const auto config = profiles.next(false);
    const Meaning meaning(config);
    const Comparison comparison(config);
    for (int i = 0; i < 200; ++i) {
      const auto call = profiles.call(config);
      const bool right = meaning.actions(call).count(comparison.expected(call).value_or(0xdead)) != 0;
      wrong += !right;
      agreeing += comparison.agree(call);
      EXPECT_EQ(comparison.agree(call), right) << described(config) << described(call);
    }
  }
  EXPECT_GT(agreeing, 50 * wrong);
}

TEST(SeccompCompile, RandomProfilesWithMixedActionsMeanWhatTheySay) {
  RandomProfiles profiles(7);
  for (int round = 0; round < 3000 && !HasFailure(); ++round) {
    const auto config = profiles.next(true);
    const Meaning meaning(config);
    const auto program = program_of(config);
    SCOPED_TRACE(described(config));
    for (int i = 0; i < 100 && !HasFailure(); ++i) {
      const auto call = profiles.call(config);
      EXPECT_THAT(meaning.actions(call), Contains(run(program, call).value_or(0xdead))) << described(call);
    }
  }
}

// Which of two conditions that both hold decides; a mask and a value have no fixed order in libseccomp. Not at random:
// libseccomp takes minutes for some configurations.
TEST(SeccompCompile, OverlappingConditionsHaveLibseccompsOrder) {
  int refused = 0, different = 0, compared = 0;
  for (int first = 0; first < 7; ++first) {
    for (int second = 0; second < 7; ++second) {
      if ((first == 6) != (second == 6)) continue;
      for (uint64_t value : {3, 4, 5}) {
        auto config = with_condition(static_cast<SeccompOperator>(first), 4, 4);
        config.rules.push_back(
            {{"dup2"}, SeccompAction::kLog, std::nullopt, {{1, value, value, static_cast<SeccompOperator>(second)}}});
        const Comparison comparison(config);
        refused += comparison.refused();
        for (uint64_t argument = 0; argument < 8 && !comparison.refused(); ++argument, ++compared) {
          different += !comparison.agree(call_of(AUDIT_ARCH_X86_64, 33, {0, argument}));
          different += !comparison.agree(call_of(AUDIT_ARCH_I386, 63, {0, argument}));
        }
      }
    }
  }
  EXPECT_EQ(different, 0);
  EXPECT_GT(compared, 500);
  EXPECT_LT(refused, 20);
}

std::string error_of(const spec::Seccomp& config) {
  const auto filter = compile(config);
  return filter ? "" : filter.error().message();
}

TEST(SeccompCompile, ErrorsNameTheMember) {
  spec::Seccomp config;
  config.architectures = {"SCMP_ARCH_X86", "SCMP_ARCH_Z80"};
  EXPECT_THAT(error_of(config), HasSubstr("architectures: 'SCMP_ARCH_Z80'"));
  config.architectures = {"SCMP_ARCH_S390X"};
  EXPECT_THAT(error_of(config), HasSubstr("SCMP_ARCH_S390X has another byte order"));
  config.architectures = {};
  config.flags = {"SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_NEW_LISTENER"};
  EXPECT_THAT(error_of(config), HasSubstr("flags: 'SECCOMP_FILTER_FLAG_NEW_LISTENER'"));
  config.flags.reset();
  config.rules = {{{"read"}, SeccompAction::kErrno}, {{"write"}, SeccompAction::kErrno, std::nullopt, {{6, 0, 0}}}};
  EXPECT_THAT(error_of(config), HasSubstr("syscalls[1].args: index 6"));
  config.rules[1] = {{"read", ""}, SeccompAction::kErrno};
  EXPECT_THAT(error_of(config), HasSubstr("syscalls[1].names: an empty name"));
  config.rules[1] = {{"read"}, SeccompAction::kKillProcess, 1};
  EXPECT_THAT(error_of(config), HasSubstr("syscalls[1].errnoRet"));
  config.rules[1] = {{"read"}, SeccompAction::kErrno, 65536};
  EXPECT_THAT(error_of(config), HasSubstr("65536 is greater"));
  config.rules.clear();
  config.default_errno_ret = 1;
  EXPECT_THAT(error_of(config), HasSubstr("defaultErrnoRet"));
}

TEST(SeccompCompile, UnknownCallsAreLeftOutAndFoundOnRequest) {
  spec::Seccomp config;
  config.rules = {{{"read", "socketcall"}, SeccompAction::kErrno}, {{"write", "no_such_call"}, SeccompAction::kErrno}};
  EXPECT_EQ(error_of(config), "");
  ASSERT_FALSE(check_names(config));
  EXPECT_EQ(check_names(config).error().message(), "linux.seccomp.syscalls[1].names: no system call 'no_such_call'");
  config.rules.pop_back();
  EXPECT_TRUE(check_names(config)) << "of another architecture";
}

TEST(SeccompCompile, FlagsAreTheKernelsAndSpeculationIsTheDefault) {
  spec::Seccomp config;
  EXPECT_EQ(compile(config)->flags, SECCOMP_FILTER_FLAG_SPEC_ALLOW);
  config.flags.emplace();
  EXPECT_EQ(compile(config)->flags, 0u);
  config.flags = {"SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_TSYNC"};
  EXPECT_EQ(compile(config)->flags, SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW);
  config.flags = {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"};
  EXPECT_EQ(compile(config)->flags, 0u);  // nobody to wait for
  config.rules = {{{"mkdir"}, SeccompAction::kNotify}};
  config.listener_path = "/agent";
  EXPECT_EQ(compile(config)->flags, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
}

TEST(SeccompCompile, NotifyingRulesWantAListener) {
  spec::Seccomp config;
  config.listener_path = "/agent";
  EXPECT_FALSE(compile(config)->wants_listener);
  config.rules = {{{"mkdir"}, SeccompAction::kNotify}};
  EXPECT_TRUE(compile(config)->wants_listener);
  EXPECT_EQ(decision(config, AUDIT_ARCH_X86_64, 83), SECCOMP_RET_USER_NOTIF);
  config.listener_path.clear();
  EXPECT_THAT(error_of(config), HasSubstr("listenerPath: missing"));
  config.listener_path = "/agent";
  config.rules[0].names.push_back("write");
  EXPECT_THAT(error_of(config), HasSubstr("syscalls[0]: SCMP_ACT_NOTIFY cannot be used for the write syscall"));
  config.rules.clear();
  config.default_action = SeccompAction::kNotify;
  EXPECT_THAT(error_of(config), HasSubstr("defaultAction: SCMP_ACT_NOTIFY"));
}

// As many as a rule list can have that the kernel takes, and more.
TEST(SeccompCompile, FiltersHaveAGreatestSize) {
  spec::Seccomp config;
  for (uint64_t i = 0; i < 4000; ++i) {
    const uint64_t value = i * 0x100000001;
    config.rules.push_back({{"ioctl"}, SeccompAction::kErrno, 1, {{1, value, 0, SeccompOperator::kEqual}}});
    if (i == 500) {
      EXPECT_EQ(error_of(config), "");
    }
  }
  EXPECT_THAT(error_of(config), HasSubstr("the kernel takes 4096"));
}

TEST(SeccompCompile, FeaturesAreSorted) {
  for (const auto& names : {known_actions(), known_operators(), known_architectures(), known_flags()}) {
    EXPECT_GE(names.size(), 4u);
    EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  }
  for (std::string_view name : known_architectures()) EXPECT_NE(find_architecture(name), nullptr);
}

}  // namespace
}  // namespace plimsoll::seccomp
