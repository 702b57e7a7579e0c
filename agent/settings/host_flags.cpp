// SPDX-License-Identifier: Apache-2.0
#include "agent/settings/host_flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <utility>

namespace plimsoll::agent {
namespace {

using collectors::host::check_flag;
using collectors::host::Default;
using collectors::host::Entry;
using collectors::host::Flag;
using collectors::host::FlagKind;

constexpr const char* kGroup = "Host collectors";
constexpr const char* kNoDefaults = "--collector.disable-defaults";

// Of node_exporter; turning them off is no mistake.
constexpr const char* kLeftOut[] = {"dmmultipath", "drm",         "ntp",  "nvmesubsystem",
                                    "runit",       "supervisord", "swap", "wifi"};

// Of flags that still count as the ones that came after them.
constexpr std::pair<std::string_view, std::string_view> kFormerNames[] = {
    {"collector.diskstats.ignored-devices", "collector.diskstats.device-exclude"},
    {"collector.filesystem.ignored-fs-types", "collector.filesystem.fs-types-exclude"},
    {"collector.filesystem.ignored-mount-points", "collector.filesystem.mount-points-exclude"}};

std::string spelling(std::string_view name) { return "--collector." + std::string(name); }

const char* type_name(FlagKind kind) {
  switch (kind) {
    case FlagKind::kRegex:
    case FlagKind::kInclude:
    case FlagKind::kExclude:
      return "REGEX";
    case FlagKind::kNumber:
      return "NUMBER";
    case FlagKind::kDuration:
      return "DURATION";
    case FlagKind::kSwitch:
    case FlagKind::kText:
    case FlagKind::kList:
      break;
  }
  return "TEXT";
}

void declare_value(CLI::App& app, HostWords::Value& value) {
  const Flag& flag = *value.flag;
  const std::string name = spelling(flag.name), help(flag.help);
  if (flag.kind == FlagKind::kSwitch) {
    value.on = flag.fallback == "true";
    app.add_flag(name + ",!--no-collector." + std::string(flag.name), value.on,
                 help + (value.on ? " (on; =false turns it off)" : ""))
        ->take_last()
        ->group(kGroup);
    return;
  }
  CLI::Option* option = flag.kind == FlagKind::kList ? app.add_option(name, value.words, help)->allow_extra_args(false)
                                                     : app.add_option(name, value.word, help)->take_last();
  option->type_name(type_name(flag.kind))->group(kGroup);
  if (!flag.fallback.empty()) option->default_str(std::string(flag.fallback));
}

bool is_given(const CLI::App& app, const std::string& name) { return app.get_option(name)->count() > 0; }

constexpr std::string_view kInclude = "include", kExclude = "exclude";

// Of a name X-include or X-exclude; "" of a flag of another kind.
std::string_view without_ending(const Flag& flag) {
  const bool include = flag.kind == FlagKind::kInclude && flag.name.ends_with(kInclude);
  const bool exclude = flag.kind == FlagKind::kExclude && flag.name.ends_with(kExclude);
  if (!include && !exclude) return "";
  return flag.name.substr(0, flag.name.size() - kInclude.size());
}

// The exclude flag of an include flag; "" when `flag` is none.
std::string counterpart(const Flag& flag) {
  if (flag.kind != FlagKind::kInclude) return "";
  const std::string_view beginning = without_ending(flag);
  return beginning.empty() ? "" : spelling(std::string(beginning).append(kExclude));
}

Result<void> take_value(const CLI::App& app, const HostWords::Value& value, collectors::host::Flags& flags) {
  const Flag& flag = *value.flag;
  const std::string name = spelling(flag.name);
  if (!is_given(app, name)) return {};
  if (flag.kind == FlagKind::kSwitch) {
    flags.set(flag, value.on ? "true" : "false");
    return {};
  }
  const auto words = flag.kind == FlagKind::kList ? value.words : std::vector<std::string>{value.word};
  for (const std::string& word : words) {
    const auto fits = check_flag(flag, word);
    if (!fits) return fail(name + ": " + fits.error().message());
    flags.set(flag, word);
  }
  const std::string other = counterpart(flag);
  if (!other.empty() && app.get_option_no_throw(other) != nullptr && is_given(app, other))
    return fail(name + " and " + other + " are both given; what to show can be said by one of them only");
  return {};
}

Result<void> check_left_out(const CLI::App& app) {
  for (const char* name : kLeftOut) {
    const CLI::Option* option = app.get_option(spelling(name));
    if (option->count() > 0 && option->as<bool>())
      return fail(spelling(name) + ": this collector of node_exporter's is left out here; start without the flag");
  }
  return {};
}

}  // namespace

void declare_host_flags(CLI::App& app, HostWords& words, HostTable table) {
  app.add_flag(kNoDefaults, words.no_defaults, "Only those host collectors that are turned on by name")->group(kGroup);
  for (const std::string name : kLeftOut)
    app.add_flag("--collector." + name + ",!--no-collector." + name)->take_last()->group("");
  for (const Entry* entry : table) {
    HostWords::Collector& collector = words.collectors.emplace_back(HostWords::Collector{entry});
    // An empty group keeps the pair of spellings out of the list of options: the footer shows it once.
    const std::string name(entry->name);
    app.add_flag("--collector." + name + ",!--no-collector." + name, collector.on)->take_last()->group("");
    for (const Flag* flag : entry->flags)
      declare_value(app, words.values.emplace_back(HostWords::Value{flag, false, {}, {}}));
  }
}

Result<HostOptions> host_options(const CLI::App& app, const HostWords& words) {
  if (auto fine = check_left_out(app); !fine) return unexpected(fine.error());
  HostOptions options;
  for (const HostWords::Value& value : words.values) {
    if (auto taken = take_value(app, value, options.flags); !taken) return unexpected(taken.error());
  }
  for (const HostWords::Collector& collector : words.collectors) {
    const bool named = is_given(app, spelling(collector.entry->name));
    const bool on = named ? collector.on : !words.no_defaults && collector.entry->state == Default::kOn;
    if (!on) continue;
    options.collectors.push_back(collector.entry);
    if (named) options.requested.insert(collector.entry->name);
  }
  return options;
}

std::string host_subject(const HostWords& words, std::string_view flag) {
  for (const auto& [former, present] : kFormerNames) {
    if (flag == former) flag = present;
  }
  for (const HostWords::Value& value : words.values) {
    const std::string_view subject = without_ending(*value.flag);
    if (!subject.empty() && spelling(value.flag->name).substr(2) == flag) return std::string(subject);
  }
  return "";
}

bool runs_perf(const HostOptions& options) {
  return std::any_of(options.collectors.begin(), options.collectors.end(),
                     [](const auto* entry) { return entry->name == "perf"; });
}

std::string host_collectors_help(HostTable table) {
  std::string list =
      "Host collectors; those with a star are on; --collector.NAME turns one on, --no-collector.NAME or\n"
      "--collector.NAME=false off:\n";
  for (const Entry* entry : table) {
    std::string line = entry->state == Default::kOn ? "  * " : "    ";
    line += entry->name;
    line.resize(std::max<size_t>(line.size() + 1, 26), ' ');
    list += line.append(entry->summary) + "\n";
  }
  return list;
}

std::vector<OptionText> collector_texts(HostTable table) {
  std::vector<OptionText> texts;
  for (const Entry* entry : table) {
    const std::string name(entry->name);
    OptionText text;
    text.names = {"--collector." + name, "--no-collector." + name};
    text.help = std::string(entry->summary) + (entry->state == Default::kOn ? " (on)" : " (off)");
    text.group = kGroup;
    texts.push_back(std::move(text));
  }
  return texts;
}

}  // namespace plimsoll::agent
