// SPDX-License-Identifier: Apache-2.0
#include "runtime/seccomp/compile.h"

#include <linux/seccomp.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <span>

#include "runtime/seccomp/architectures.h"
#include "runtime/seccomp/rules.h"

namespace plimsoll::seccomp {
namespace {

using spec::SeccompAction;

constexpr uint32_t kUnknownCall = SECCOMP_RET_ERRNO | ENOSYS;
constexpr uint32_t kWrongArchitecture = SECCOMP_RET_KILL_THREAD;  // libseccomp's, and so everybody's
constexpr uint32_t kSkippedCall = UINT32_MAX;                     // a tracer has set the number to -1

struct NamedFlag {
  std::string_view name;
  unsigned flag;
};
// TSYNC is for other threads, and there are none when the filter is loaded. With a listener the kernel would refuse it.
constexpr NamedFlag kFlags[] = {
    {"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
    {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
    {"SECCOMP_FILTER_FLAG_TSYNC", 0},
    {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV},
};

Result<uint32_t> value_of(SeccompAction action, const std::optional<uint32_t>& errno_ret, const std::string& where) {
  const bool takes_value = action == SeccompAction::kErrno || action == SeccompAction::kTrace;
  if (errno_ret && !takes_value) return fail(where + ": only SCMP_ACT_ERRNO and SCMP_ACT_TRACE have one; leave it out");
  if (errno_ret.value_or(0) > SECCOMP_RET_DATA)
    return fail(where + ": " + std::to_string(*errno_ret) + " is greater than 65535");
  const uint32_t value = errno_ret.value_or(EPERM);
  switch (action) {
    case SeccompAction::kKillThread:
      return uint32_t{SECCOMP_RET_KILL_THREAD};
    case SeccompAction::kKillProcess:
      return uint32_t{SECCOMP_RET_KILL_PROCESS};
    case SeccompAction::kTrap:
      return uint32_t{SECCOMP_RET_TRAP};
    case SeccompAction::kErrno:
      return uint32_t{SECCOMP_RET_ERRNO} | value;
    case SeccompAction::kTrace:
      return uint32_t{SECCOMP_RET_TRACE} | value;
    case SeccompAction::kLog:
      return uint32_t{SECCOMP_RET_LOG};
    case SeccompAction::kAllow:
      return uint32_t{SECCOMP_RET_ALLOW};
    case SeccompAction::kNotify:
      return uint32_t{SECCOMP_RET_USER_NOTIF};
  }
  return fail(where + ": unknown action");
}

// A rule of the configuration; without an alternative when it says the same as the default.
struct Rule {
  const std::vector<std::string>* names = nullptr;
  std::vector<Alternative> alternatives;
};

// Several conditions on one argument are alternatives, by an old habit of all runtimes.
std::vector<Alternative> alternatives_of(const spec::SeccompRule& rule, uint32_t action) {
  auto conditions = rule.args;
  const auto by_index = [](const auto& a, const auto& b) { return a.index < b.index; };
  std::stable_sort(conditions.begin(), conditions.end(), by_index);
  const auto same = [](const auto& a, const auto& b) { return a.index == b.index; };
  if (std::adjacent_find(conditions.begin(), conditions.end(), same) == conditions.end())
    return {{action, std::move(conditions)}};
  std::vector<Alternative> alternatives;
  for (const spec::SeccompArgument& condition : rule.args) alternatives.push_back({action, {condition}});
  return alternatives;
}

Result<void> check_rule(const spec::SeccompRule& rule, const std::string& where) {
  for (const std::string& name : rule.names) {
    if (name.empty()) return fail(where + ".names: an empty name");
    // The process writes to its parent after it has loaded the filter, and nobody listens yet.
    if (rule.action == SeccompAction::kNotify && name == "write")
      return fail(where +
                  ": SCMP_ACT_NOTIFY cannot be used for the write syscall, with which the container is started");
  }
  for (const spec::SeccompArgument& condition : rule.args) {
    if (condition.index > 5)
      return fail(where + ".args: index " + std::to_string(condition.index) + "; arguments are 0 to 5");
  }
  return {};
}

Result<std::vector<Rule>> read_rules(const spec::Seccomp& config, uint32_t default_action) {
  std::vector<Rule> rules;
  rules.reserve(config.rules.size());
  for (const spec::SeccompRule& rule : config.rules) {
    const std::string where = "linux.seccomp.syscalls[" + std::to_string(rules.size()) + "]";
    if (auto checked = check_rule(rule, where); !checked) return unexpected(checked.error());
    const auto action = value_of(rule.action, rule.errno_ret, where + ".errnoRet");
    if (!action) return unexpected(action.error());
    rules.push_back({&rule.names, {}});
    if (*action != default_action) rules.back().alternatives = alternatives_of(rule, *action);
  }
  return rules;
}

// A rule for a number; `call` when it is one of a multiplexer.
struct Hit {
  uint32_t number = 0;
  uint32_t rule = 0;
  std::optional<uint32_t> call;
};

// What the configuration says about an architecture's numbers.
struct Section {
  const Architecture* architecture = nullptr;
  std::vector<Hit> hits;  // by number, then in the order of the rules
  uint32_t newest = 0;    // the greatest number that any rule names
};

Section section_of(const Architecture& architecture, const std::vector<Rule>& rules) {
  Section section{&architecture};
  section.hits.reserve(512);
  for (uint32_t i = 0; i < rules.size(); ++i) {
    for (const std::string& name : *rules[i].names) {
      const Call call = find_call(architecture, name.c_str());
      if (call.number && !call.multiplexed()) section.newest = std::max(section.newest, *call.number);
      if (rules[i].alternatives.empty()) continue;
      if (call.multiplexed()) section.hits.push_back({*call.multiplexer, i, call.call});
      if (call.number) section.hits.push_back({*call.number, i, std::nullopt});
    }
  }
  const auto order = [](const Hit& a, const Hit& b) {
    return a.number != b.number ? a.number < b.number : a.rule < b.rule;
  };
  std::sort(section.hits.begin(), section.hits.end(), order);
  return section;
}

// In the call number's place there is no other condition; the other arguments are the multiplexer's then,
// which is of little use but what libseccomp does.
void ask_for_call(Alternative& alternative, uint32_t call) {
  auto& conditions = alternative.conditions;
  if (!conditions.empty() && conditions.front().index == 0) conditions.erase(conditions.begin());
  conditions.insert(conditions.begin(), {0, call, 0, spec::SeccompOperator::kEqual});
}

struct Numbers {
  uint32_t first, last;
};
// x86_64 and x32 share an architecture, and divide its numbers.
Numbers numbers_of(const Architecture& architecture) {
  if (architecture.name == "SCMP_ARCH_X86_64") return {0, kX32Bit - 1};
  if (architecture.name == "SCMP_ARCH_X32") return {kX32Bit, UINT32_MAX};
  return {0, UINT32_MAX};
}

class Compiler {
 public:
  Compiler(const std::vector<Rule>& rules, uint32_t default_action, bool newer_are_unknown)
      : rules_(rules), newer_are_unknown_(newer_are_unknown), default_(program_.answer(default_action)) {}

  // The first section's architecture is asked for first.
  std::vector<sock_filter> program(std::span<const Section> sections);

 private:
  Label decide_numbers(std::span<const Section> sections, uint32_t audit);
  void add(Decisions& decisions, const Section& section);
  Label decide_hits(std::span<const Hit> hits, bool wide);

  const std::vector<Rule>& rules_;
  bool newer_are_unknown_;
  Program program_;
  Label default_;
  Label unknown_ = program_.answer(kUnknownCall);
  Label wrong_architecture_ = program_.answer(kWrongArchitecture);
};

Label Compiler::decide_hits(std::span<const Hit> hits, bool wide) {
  const std::vector<Alternative>& only = rules_[hits.front().rule].alternatives;
  if (hits.size() == 1 && !hits.front().call && only.front().conditions.empty())
    return program_.answer(only.front().action);
  std::vector<Alternative> alternatives;
  for (const Hit& hit : hits) {
    for (Alternative alternative : rules_[hit.rule].alternatives) {
      if (hit.call) ask_for_call(alternative, *hit.call);
      simplify(alternative, wide);
      alternatives.push_back(std::move(alternative));
    }
  }
  return decide_alternatives(program_, std::move(alternatives), default_, wide);
}

void Compiler::add(Decisions& decisions, const Section& section) {
  const auto [first, last] = numbers_of(*section.architecture);
  const uint32_t newest = newer_are_unknown_ && section.newest != 0 ? section.newest : last;
  decisions.assign(first, last, default_);
  if (newest < last) decisions.assign(newest + 1, last, unknown_);
  for (auto hit = section.hits.begin(); hit != section.hits.end() && hit->number <= newest;) {
    const auto next = std::find_if(hit, section.hits.end(), [&](const Hit& one) { return one.number != hit->number; });
    decisions.assign(hit->number, hit->number, decide_hits({hit, next}, section.architecture->wide));
    hit = next;
  }
  // s390 makes setup(2), which no kernel has any more, of numbers that it does not know.
  if (newest < last && section.architecture->name.starts_with("SCMP_ARCH_S390")) decisions.assign(0, 0, unknown_);
}

Label Compiler::decide_numbers(std::span<const Section> sections, uint32_t audit) {
  Decisions decisions(wrong_architecture_);
  uint32_t last = 0;
  bool bounded = false;
  for (const Section& section : sections) {
    if (section.architecture->audit != audit) continue;
    add(decisions, section);
    last = std::max(last, numbers_of(*section.architecture).last);
    bounded = newer_are_unknown_ && section.newest != 0;
  }
  if (last == kX32Bit - 1) {  // x86_64 alone
    if (bounded) decisions.assign(kX32Bit << 1, (kX32Bit << 1) + kX32Bit - 1, unknown_);
    decisions.assign(kSkippedCall, kSkippedCall, default_);
  }
  return program_.load(kNumberOffset, program_.decide(decisions));
}

std::vector<sock_filter> Compiler::program(std::span<const Section> sections) {
  std::vector<uint32_t> audits;
  for (const Section& section : sections) {
    const uint32_t audit = section.architecture->audit;
    if (std::find(audits.begin(), audits.end(), audit) == audits.end()) audits.push_back(audit);
  }
  Label start = wrong_architecture_;
  for (auto audit = audits.rbegin(); audit != audits.rend(); ++audit)
    start = program_.if_equal(*audit, decide_numbers(sections, *audit), start);
  return program_.finish(program_.load(kArchitectureOffset, start));
}

// The native one always, and first.
Result<std::vector<const Architecture*>> read_architectures(const spec::Seccomp& config) {
  const Architecture* const native = native_architecture();
  if (native == nullptr) return fail("linux.seccomp: not supported on this machine's architecture");
  std::vector<const Architecture*> all = {native};
  for (const std::string& name : config.architectures) {
    const Architecture* const one = find_architecture(name);
    if (one == nullptr) return fail("linux.seccomp.architectures: '" + name + "' is not known; see `features`");
    if (one->big_endian != native->big_endian)
      return fail("linux.seccomp.architectures: " + name + " has another byte order than this machine; leave it out");
    if (std::find(all.begin(), all.end(), one) == all.end()) all.push_back(one);
  }
  return all;
}

Result<unsigned> read_flags(const spec::Seccomp& config, bool wants_listener) {
  if (!config.flags) return unsigned{SECCOMP_FILTER_FLAG_SPEC_ALLOW};
  unsigned flags = 0;
  for (const std::string& name : *config.flags) {
    const auto at =
        std::find_if(std::begin(kFlags), std::end(kFlags), [&](const NamedFlag& f) { return f.name == name; });
    if (at == std::end(kFlags)) return fail("linux.seccomp.flags: '" + name + "' is not known; see `features`");
    flags |= at->flag;
  }
  // About waiting for a listener's answer; the kernel refuses it without one.
  if (!wants_listener) flags &= ~unsigned{SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV};
  return flags;
}

Result<bool> read_listener(const spec::Seccomp& config) {
  if (config.default_action == SeccompAction::kNotify)
    return fail(
        "linux.seccomp.defaultAction: SCMP_ACT_NOTIFY cannot be the default, since the container could not start");
  const bool wanted = std::any_of(config.rules.begin(), config.rules.end(), [](const spec::SeccompRule& rule) {
    return rule.action == SeccompAction::kNotify && !rule.names.empty();
  });
  if (wanted && config.listener_path.empty())
    return fail("linux.seccomp.listenerPath: missing, though a rule has SCMP_ACT_NOTIFY; set it to the agent's socket");
  return wanted;
}

// Under a default that lets calls pass, newer ones pass too.
bool is_permissive(SeccompAction action) {
  return action == SeccompAction::kAllow || action == SeccompAction::kLog || action == SeccompAction::kTrace;
}

Result<std::vector<sock_filter>> compile_program(const spec::Seccomp& config) {
  const auto default_action =
      value_of(config.default_action, config.default_errno_ret, "linux.seccomp.defaultErrnoRet");
  if (!default_action) return unexpected(default_action.error());
  const auto rules = read_rules(config, *default_action);
  if (!rules) return unexpected(rules.error());
  const auto architectures = read_architectures(config);
  if (!architectures) return unexpected(architectures.error());
  std::vector<Section> sections;
  for (const Architecture* one : *architectures) sections.push_back(section_of(*one, *rules));
  auto program = Compiler(*rules, *default_action, !is_permissive(config.default_action)).program(sections);
  if (program.size() > BPF_MAXINSNS)
    return fail("linux.seccomp: a filter of " + std::to_string(program.size()) +
                " instructions, and the kernel takes 4096; use fewer conditions or fewer architectures");
  return program;
}

}  // namespace

Result<Filter> compile(const spec::Seccomp& config) {
  const auto wants_listener = read_listener(config);
  if (!wants_listener) return unexpected(wants_listener.error());
  const auto flags = read_flags(config, *wants_listener);
  if (!flags) return unexpected(flags.error());
  auto program = compile_program(config);
  if (!program) return unexpected(program.error());
  return Filter{std::move(*program), *flags, *wants_listener};
}

Result<void> check_names(const spec::Seccomp& config) {
  const auto known = [](const std::string& name) {
    return std::any_of(architectures().begin(), architectures().end(), [&](const Architecture& one) {
      const Call call = find_call(one, name.c_str());
      return call.number || call.multiplexed();
    });
  };
  for (size_t i = 0; i < config.rules.size(); ++i) {
    for (const std::string& name : config.rules[i].names) {
      if (!known(name))
        return fail("linux.seccomp.syscalls[" + std::to_string(i) + "].names: no system call '" + name + "'");
    }
  }
  return {};
}

std::vector<std::string_view> known_actions() {
  return {"SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO",  "SCMP_ACT_KILL",  "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD",
          "SCMP_ACT_LOG",   "SCMP_ACT_NOTIFY", "SCMP_ACT_TRACE", "SCMP_ACT_TRAP"};
}

std::vector<std::string_view> known_operators() {
  return {"SCMP_CMP_EQ", "SCMP_CMP_GE",        "SCMP_CMP_GT", "SCMP_CMP_LE",
          "SCMP_CMP_LT", "SCMP_CMP_MASKED_EQ", "SCMP_CMP_NE"};
}

std::vector<std::string_view> known_architectures() {
  std::vector<std::string_view> names;
  for (const Architecture& one : architectures()) names.push_back(one.name);
  return names;
}

std::vector<std::string_view> known_flags() {
  std::vector<std::string_view> names;
  for (const NamedFlag& one : kFlags) names.push_back(one.name);
  return names;
}

}  // namespace plimsoll::seccomp
