// SPDX-License-Identifier: Apache-2.0
// Who is compared by the benchmark of runtimes, and the command lines by which each does the same thing.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "base/result.h"
#include "tests/bench/runtime_groups.h"
#include "tests/bench/runtime_meter.h"
#include "tests/bench/support.h"

namespace plimsoll::bench {

// What all measurements of one table share.
struct Setting {
  std::string meter, bare;  // the programs of these names
  std::string directory, rootfs;
  const Groups& groups;
  Interrupts& interrupts;
  milliseconds pause{100};
  std::mt19937 random;
};

using Words = std::vector<std::string>;

class Contender {
 public:
  // Without a program it is bench_bare. Writes the bundles.
  static Result<Contender> make(const Setting& setting, const std::string& name, const std::string& program);

  const std::string& name() const { return name_; }
  bool bare() const { return program_.empty(); }
  const std::string& log() const { return log_; }

  Words run(const Setting& setting, bool filter) const;
  // Starts a container that stays, and gives the command line that executes a program in it.
  Result<Words> exec(const Setting& setting, bool filter) const;

  // For runtimes only: the words behind --root DIRECTORY.
  Words command(const Words& words) const;
  // A bundle for a container that stays, with a group of its own.
  Result<std::string> bundle_of(const Setting& setting, const std::string& id) const;

 private:
  Contender(std::string name, std::string program) : name_(std::move(name)), program_(std::move(program)) {}
  Result<void> hold(const Setting& setting, const std::string& id, bool filter) const;
  Result<void> hold_bare(const Setting& setting, const std::string& group, bool filter) const;
  Words bare_run(const Setting& setting, const std::string& group, bool filter, const char* how) const;

  std::string name_, program_, directory_, log_;
};

double wall_ms(const std::vector<Cost>& costs);  // medians
double cpu_ms(const std::vector<Cost>& costs);
double peak_mib(const std::vector<Cost>& costs);
// "1.23", or "-" when there is nothing to divide by.
std::string ratio_text(double value, double by);

}  // namespace plimsoll::bench
