// SPDX-License-Identifier: Apache-2.0
// Bonds: how many interfaces each has, and of how many the link is up.
//
//   /sys/class/net/bonding_masters                                  bond0 bond1
//   /sys/class/net/bond0/bonding/slaves                             eth0 eth1
//   /sys/class/net/bond0/lower_eth0/bonding_slave/mii_status        up        (older kernels: slave_eth0)
//
// The first file is missing where the kernel has no bonding driver. Documentation/networking/bonding.rst
#include <fcntl.h>

#include <cerrno>
#include <string>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/links.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr MetricDesc kSlaves = {"node_bonding_slaves", "Interfaces that are part of the bond, by number.",
                                MetricType::kGauge};
constexpr MetricDesc kActive = {"node_bonding_active", "Interfaces of the bond whose link is up, by number.",
                                MetricType::kGauge};

struct Bond {
  LabelRef labels;
  uint64_t slaves = 0;
  uint64_t active = 0;
};

// Names as the kernel allows them, so that none leads out of the directory. They hold no blanks.
Result<std::vector<std::string>> parse_names(std::string_view text) {
  std::vector<std::string> names;
  for (text = trim(text); !text.empty();) {
    const std::string_view name = take_field(text);
    if (name == "." || name == ".." || name.find_first_of(std::string_view("/\n\0", 3)) != std::string_view::npos)
      return fail("not names of interfaces");
    names.emplace_back(name);
  }
  return names;
}

class BondingCollector : public Collector {
 public:
  explicit BondingCollector(const Setup& setup) : root_(setup.roots.sys + "/class/net/") {}
  std::string_view name() const override { return "bonding"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto names = read_names(root_ + "bonding_masters");
    if (!names && (names.error().code == ENOENT || names.error().code == ENOTDIR))
      return not_present("bonding_masters");
    if (!names) return unexpected(names.error());
    std::vector<Bond> bonds;
    OnceLabels once(writer);
    Result<void> first_error;
    for (const std::string& bond_name : *names) {
      auto bond = read_bond(root_ + bond_name);
      if (!bond && first_error) first_error = unexpected(bond.error());
      if (!bond) continue;
      const auto labels = once.add({{"master", bond_name}});
      if (labels) bonds.push_back({*labels, bond->slaves, bond->active});
    }
    writer.family(kSlaves);
    for (const Bond& bond : bonds) writer.sample(bond.labels, bond.slaves);
    writer.family(kActive);
    for (const Bond& bond : bonds) writer.sample(bond.labels, bond.active);
    return first_error;
  }

 private:
  Result<std::vector<std::string>> read_names(const std::string& path) {
    const auto text = buffer_.read_at(AT_FDCWD, path.c_str());
    if (!text) return unexpected(text.error());
    auto names = parse_names(*text);
    if (!names) return unexpected(names.error().within(path));
    return names;
  }

  Result<Bond> read_bond(const std::string& directory) {
    const auto slaves = read_names(directory + "/bonding/slaves");
    if (!slaves) return unexpected(slaves.error());
    Bond bond = {};
    for (const std::string& slave : *slaves) {
      const auto up = is_up(directory, slave);
      if (!up) return unexpected(up.error());
      ++bond.slaves;
      bond.active += *up ? 1 : 0;
    }
    return bond;
  }

  Result<bool> is_up(const std::string& directory, const std::string& slave) {
    constexpr const char* kFile = "/bonding_slave/mii_status";
    auto status = buffer_.read_at(AT_FDCWD, (directory + "/lower_" + slave + kFile).c_str());
    if (!status && status.error().code == ENOENT)
      status = buffer_.read_at(AT_FDCWD, (directory + "/slave_" + slave + kFile).c_str());
    if (!status) return unexpected(status.error());
    if (trim(*status).empty()) return fail(directory + ": " + slave + ": mii_status is empty");
    return trim(*status) == "up";
  }

  std::string root_;
  ReadBuffer buffer_{4096};
};

}  // namespace

const Entry kBondingCollector = {"bonding", "Bonded interfaces and how many of them are up: sys class/net",
                                 Default::kOn, make<BondingCollector>};

}  // namespace plimsoll::collectors::host
