// SPDX-License-Identifier: Apache-2.0
// The flags of `plimsoll agent` about host collectors, made from their table: --collector.NAME turns one on,
// --no-collector.NAME off, --collector.NAME.FLAG is a flag of its own (collectors/host/parts/flags.h).
#pragma once

#include <deque>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/manual/text.h"
#include "base/result.h"
#include "collectors/host/entry.h"

namespace CLI {
class App;
}

namespace plimsoll::agent {

using HostTable = std::span<const collectors::host::Entry* const>;

// What runs.
struct HostOptions {
  std::vector<const collectors::host::Entry*> collectors;  // in the table's order
  std::set<std::string_view> requested;                    // of these, those that were turned on by name
  collectors::host::Flags flags;
};

// Whether the collector `perf` is among them: it needs a privilege of its own.
bool runs_perf(const HostOptions& options);

// The words as they were given. CLI11 keeps pointers to them: nothing may be added after declare_host_flags().
struct HostWords {
  struct Collector {
    const collectors::host::Entry* entry;
    bool on = false;
  };
  struct Value {
    const collectors::host::Flag* flag;
    bool on = false;                 // of a switch
    std::vector<std::string> words;  // of a list
    std::string word;                // of any other kind
  };
  std::deque<Collector> collectors;
  std::deque<Value> values;
  bool no_defaults = false;
};

void declare_host_flags(CLI::App& app, HostWords& words, HostTable table);

// After parsing. Error: flag, what is wrong, remedy.
Result<HostOptions> host_options(const CLI::App& app, const HostWords& words);

// What a flag, without its dashes, is about when there are others about the same: X of --collector.X-include and
// X-exclude, which exclude each other, and of their former names. "" for every other flag.
std::string host_subject(const HostWords& words, std::string_view flag);

// For --help: every collector with a star where it is on without any flag.
std::string host_collectors_help(HostTable table);
// The same as options, for the manual.
std::vector<OptionText> collector_texts(HostTable table);

}  // namespace plimsoll::agent
