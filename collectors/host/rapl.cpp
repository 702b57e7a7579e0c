// SPDX-License-Identifier: Apache-2.0
// /sys/class/powercap: energy that parts of the processors used, in zones below one another.
//
//   intel-rapl:0/name      package-0      intel-rapl:0/energy_uj     240422366267   millionths of a joule
//   intel-rapl:0:0/name    core           intel-rapl:0:0/energy_uj   118821284256
//
// The number behind a name is its index; of names without one, the first is 0. energy_uj is root's (0400),
// and begins anew at max_energy_range_uj. Documentation/power/powercap/powercap.rst
#include <map>
#include <string>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/hardware.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr Flag kZoneLabel = {"rapl.enable-zone-label", FlagKind::kSwitch, "false",
                             "One family for all zones, with their names in a label"};
constexpr const Flag* kFlags[] = {&kZoneLabel};

constexpr std::string_view kHelp = "Energy used by this part of the processors, in joules.";
constexpr std::string_view kOneFamily = "node_rapl_joules_total";

struct Zone {
  size_t device;
  std::string labels;
};

struct ZoneName {
  std::string name;  // without its index
  int64_t index;
};

// "package-0" has its index in its name; "dram" is the `uses`-th of its name.
ZoneName parse_zone_name(std::string_view text, const std::map<std::string, int64_t>& uses) {
  const size_t dash = text.find('-');
  if (dash != std::string_view::npos) {
    const auto index = parse_i64(text.substr(dash + 1));
    if (index && *index >= 0 && *index <= UINT32_MAX) return {std::string(text.substr(0, dash)), *index};
  }
  const auto used = uses.find(std::string(text));
  return {std::string(text), used == uses.end() ? 0 : used->second};
}

// '_' for each run of characters that a family's name must not have, together with '_' around it.
std::string family_part(std::string_view name) {
  std::string part;
  for (const char c : label_name_from("x" + std::string(name)).substr(1))
    if (c != '_' || !part.ends_with('_')) part += c;
  return part;
}

class RaplCollector : public Collector {
 public:
  explicit RaplCollector(const Setup& setup)
      : zones_(setup.roots.sys + "/class/powercap"), zone_label_(setup.flags.on(kZoneLabel)) {}
  std::string_view name() const override { return "rapl"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto devices = zones_.devices();
    if (!devices) return unexpected(devices.error());
    if (roster_.changed(*devices)) find_zones(*devices);
    bool readable = families_.empty();
    Numbers numbers(zones_.path());
    for (const auto& [family, zones] : families_) {
      writer.family(family, kHelp, MetricType::kCounter);
      for (const Zone& zone : zones)
        if (const auto microjoules = numbers.count(*(*devices)[zone.device], "energy_uj")) {
          readable = true;
          writer.sample(writer.labels(zone.labels), static_cast<double>(*microjoules) / 1e6);
        }
    }
    auto result = numbers.result();
    if (result && !readable) return not_present("energy counters that we may read");
    return result;
  }

 private:
  void find_zones(const std::vector<Device*>& devices) {
    families_.clear();
    std::map<std::string, int64_t> uses;
    for (size_t i = 0; i < devices.size(); ++i) {
      const auto text = label_text(*devices[i], "name");
      if (!text || text->empty()) continue;
      const ZoneName zone = parse_zone_name(*text, uses);
      uses[zone.name] = zone.index + 1;
      LabelSet labels{{"index", std::to_string(zone.index)}, {"path", zones_.path() + "/" + devices[i]->name()}};
      if (zone_label_) labels.add("rapl_zone", zone.name);
      const std::string family =
          zone_label_ ? std::string(kOneFamily) : "node_rapl_" + family_part(zone.name) + "_joules_total";
      families_[family].push_back({i, std::string(labels.rendered())});
    }
  }

  DeviceDir zones_;
  bool zone_label_;
  Roster roster_;
  std::map<std::string, std::vector<Zone>> families_;
};

}  // namespace

const Entry kRaplCollector = {"rapl", "Energy used by CPU packages: sys class/powercap", Default::kOn,
                              make<RaplCollector>, kFlags};

}  // namespace plimsoll::collectors::host
