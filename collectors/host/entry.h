// SPDX-License-Identifier: Apache-2.0
// What the file of a host collector exports: one Entry, at its end.
//
//   constexpr const Flag* kFlags[] = {&kFields};
//   const Entry kVmstatCollector = {"vmstat", "Paging, swapping and OOM kills: proc vmstat",
//                                   Default::kOn, make<VmstatCollector>, kFlags};
//
// Names, types and labels of the families are node_exporter's.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "base/os.h"
#include "collectors/collector.h"
#include "collectors/host/parts/flags.h"

namespace plimsoll::collectors::host {

// What a collector is made from; it copies what it needs.
struct Setup {
  HostRoots roots;
  Flags flags;
  bool requested = false;  // --collector.NAME was given: somebody wants it, whatever the machine is like

  // NOLINTNEXTLINE: roots alone are a set-up, with every flag at its default.
  Setup(HostRoots where, Flags values = {}) : roots(std::move(where)), flags(std::move(values)) {}
};

enum class Default : uint8_t { kOff, kOn };

struct Entry {
  std::string_view name;     // the flag --collector.NAME and the label collector="NAME"
  std::string_view summary;  // for --help and docs/METRICS.md: what it tells, and what it reads
  Default state;             // without any flag
  std::unique_ptr<Collector> (*make)(const Setup& setup);
  std::span<const Flag* const> flags = {};
};

// For classes with a constructor from a Setup.
template <typename T>
std::unique_ptr<Collector> make(const Setup& setup) {
  return std::make_unique<T>(setup);
}

}  // namespace plimsoll::collectors::host
