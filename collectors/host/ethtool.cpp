// SPDX-License-Identifier: Apache-2.0
// What network drivers count and say of their devices, asked by SIOCETHTOOL: ETHTOOL_GSET (what the port can do),
// ETHTOOL_GDRVINFO (driver and firmware), ETHTOOL_GSTRINGS and ETHTOOL_GSTATS (counters under the driver's own names).
//
//   rx_packets: 1260062      node_ethtool_received_packets_total{device="eth0"} 1260062
//   port.rx_dropped: 12028   node_ethtool_port_received_dropped{device="eth0"} 12028
//
// Names become one by characters that are no letters, digits or underscores; two of a device that come out the same
// are both left out, since neither is known to be the right one. Asking takes the kernel's lock on all links, and
// drivers may wait for their firmware, so that this collector is off unless asked for.
//
// An ioctl speaks of the agent's own network namespace: interfaces of /sys/class/net that are not in it (another
// number under the same name, or none) are left out. The modes are the 32 that ETHTOOL_GSET knows, up to 56 Gbit/s.
// include/uapi/linux/ethtool.h
#include <net/if.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/device_dir.h"
#include "collectors/host/parts/links.h"
#include "collectors/host/parts/name_filter.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr auto kGauge = MetricType::kGauge;

constexpr Flag kInclude = {"ethtool.device-include", FlagKind::kInclude, "", "Interfaces to show (the rest are not)"};
constexpr Flag kExclude = {"ethtool.device-exclude", FlagKind::kExclude, "", "Interfaces not to show"};
constexpr Flag kMetrics = {"ethtool.metrics-include", FlagKind::kRegex, ".*", "Counters to show, by the driver's name"};
constexpr const Flag* kFlags[] = {&kInclude, &kExclude, &kMetrics};

constexpr MetricDesc kInfo = {"node_ethtool_info", "Driver and firmware of the interface, as labels of a constant 1.",
                              kGauge};
constexpr MetricDesc kAutonegotiate = {"node_network_autonegotiate", "1 when speed and duplex are negotiated.", kGauge};
constexpr MetricDesc kSupportedPort = {"node_network_supported_port_info",
                                       "A kind of port that the interface has, as a label of a constant 1.", kGauge};
constexpr MetricDesc kSupportedSpeed = {"node_network_supported_speed_bytes",
                                        "A speed that the interface can do, in bytes per second.", kGauge};
constexpr MetricDesc kAdvertisedSpeed = {"node_network_advertised_speed_bytes",
                                         "A speed that the interface offers, in bytes per second.", kGauge};

struct Capability {
  uint32_t bits;
  MetricDesc supported, advertised;
};
constexpr Capability kCapabilities[] = {
    {ADVERTISED_Autoneg,
     {"node_network_autonegotiate_supported", "1 when the interface can negotiate speed and duplex.", kGauge},
     {"node_network_autonegotiate_advertised", "1 when the interface offers to negotiate.", kGauge}},
    {ADVERTISED_Pause,
     {"node_network_pause_supported", "1 when the interface can do pause frames.", kGauge},
     {"node_network_pause_advertised", "1 when the interface offers pause frames.", kGauge}},
    {ADVERTISED_Asym_Pause,
     {"node_network_asymmetricpause_supported", "1 when the interface can do pause frames one way.", kGauge},
     {"node_network_asymmetricpause_advertised", "1 when the interface offers pause frames one way.", kGauge}},
};

struct Port {
  uint32_t bits;
  std::string_view type;
};
constexpr Port kPorts[] = {{SUPPORTED_TP, "TP"},       {SUPPORTED_AUI, "AUI"}, {SUPPORTED_MII, "MII"},
                           {SUPPORTED_FIBRE, "FIBRE"}, {SUPPORTED_BNC, "BNC"}, {SUPPORTED_Backplane, "Backplane"}};

struct Mode {
  int bit;
  int megabits;
  std::string_view duplex, mode;
};
constexpr Mode kModes[] = {
    {0, 10, "half", "10baseT"},
    {1, 10, "full", "10baseT"},
    {2, 100, "half", "100baseT"},
    {3, 100, "full", "100baseT"},
    {4, 1000, "half", "1000baseT"},
    {5, 1000, "full", "1000baseT"},
    {12, 10000, "full", "10000baseT"},
    {17, 1000, "full", "1000baseKX"},
    {18, 10000, "full", "10000baseKX4"},
    {19, 10000, "full", "10000baseKR"},
    {20, 10000, "full", "10000baseR_FEC"},
    {21, 20000, "full", "20000baseMLD2"},
    {22, 20000, "full", "20000baseKR2"},
    {23, 40000, "full", "40000baseKR4"},
    {24, 40000, "full", "40000baseCR4"},
    {25, 40000, "full", "40000baseSR4"},
    {26, 40000, "full", "40000baseLR4"},
    {27, 56000, "full", "56000baseKR4"},
    {28, 56000, "full", "56000baseCR4"},
    {29, 56000, "full", "56000baseSR4"},
    {30, 56000, "full", "56000baseLR4"},
    {31, 25000, "full", "25000baseCR"},
};
constexpr uint64_t kBytesPerMegabit = 125000;

// Counters whose families node_exporter has given a name by hand.
constexpr std::pair<std::string_view, std::string_view> kNamed[] = {
    {"rx_bytes", "received_bytes_total"},        {"rx_dropped", "received_dropped_total"},
    {"rx_errors", "received_errors_total"},      {"rx_packets", "received_packets_total"},
    {"tx_bytes", "transmitted_bytes_total"},     {"tx_errors", "transmitted_errors_total"},
    {"tx_packets", "transmitted_packets_total"},
};

bool is_word(char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; }

// Each run of other characters, with the underscores around it, becomes one underscore.
std::string as_words(std::string_view text) {
  std::string words;
  while (!text.empty()) {
    if (is_word(text[0])) {
      words += text[0];
      text.remove_prefix(1);
      continue;
    }
    words.resize(words.find_last_not_of('_') + 1);
    words += '_';
    const auto next = std::find_if(text.begin(), text.end(), [](char c) { return is_word(c) && c != '_'; });
    // Underscores before further other characters belong to the run; so do those behind the last of them.
    text.remove_prefix(static_cast<size_t>(next - text.begin()));
  }
  return words;
}

// `from` becomes `to` where it stands between underscores or ends of the text; an underscore counts for one side only.
std::string replace_word(std::string_view text, std::string_view from, std::string_view to) {
  std::string replaced;
  size_t done = 0;
  for (size_t at = text.find(from); at != std::string_view::npos; at = text.find(from, at)) {
    const size_t end = at + from.size();
    const bool begins = at == 0 || (at > done && text[at - 1] == '_');
    const bool ends = end == text.size() || text[end] == '_';
    if (!begins || !ends) {
      ++at;
      continue;
    }
    replaced += text.substr(done, at - done);
    replaced += to;
    done = at = end;
    if (end == text.size()) break;
    replaced += '_';
    done = at = end + 1;
  }
  return replaced.append(text.substr(std::min(done, text.size())));
}

// "" when nothing is left of the name.
std::string family_of(std::string_view words) {
  std::string name(words);
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  name.erase(0, name.find_first_not_of('_'));
  if (name.empty()) return "";
  return "node_ethtool_" + replace_word(replace_word(name, "rx", "received"), "tx", "transmitted");
}

std::string_view text_of(const char* text, size_t size) { return {text, ::strnlen(text, size)}; }

struct Counter {
  std::string name;  // the driver's
  uint64_t value;
};

constexpr size_t kMaxCounters = 32768;

// ethtool_gstrings and ethtool_stats with what stands behind them.
struct Names {
  struct {
    __u32 cmd, string_set, len;
  } head;
  char texts[kMaxCounters][ETH_GSTRING_LEN];
};
struct Values {
  struct {
    __u32 cmd, n_stats;
  } head;
  __u64 numbers[kMaxCounters];
};
static_assert(offsetof(Names, texts) == sizeof(ethtool_gstrings) && offsetof(Values, numbers) == sizeof(ethtool_stats));

struct DriverText {
  std::string driver, version, firmware, bus, rom;
};

struct Answers {
  LabelRef labels;
  std::string device;
  std::optional<ethtool_cmd> settings;
  std::optional<DriverText> driver;
  std::map<std::string, uint64_t> counters;  // by family
};

// By family. `shown`: which of the names, made of words, are wanted.
std::map<std::string, uint64_t> families_of(const std::vector<Counter>& counters, const Pattern& shown) {
  std::map<std::string, std::pair<std::string, uint64_t>> by_family;
  std::set<std::string> ambiguous;
  std::set<std::string_view> seen;  // a driver may repeat a name
  for (const Counter& counter : counters) {
    if (!seen.insert(counter.name).second) continue;
    const std::string words = as_words(counter.name);
    const std::string family = family_of(words);
    if (family.empty() || family == kInfo.name || !shown.matches(words)) continue;
    if (!by_family.emplace(family, std::pair(words, counter.value)).second) ambiguous.insert(family);
  }
  std::map<std::string, uint64_t> families;
  for (const auto& [family, counter] : by_family) {
    if (ambiguous.contains(family)) continue;
    std::string name = family;
    for (const auto& [words, special] : kNamed)
      if (counter.first == words) name = "node_ethtool_" + std::string(special);
    families.emplace(name, counter.second);
  }
  return families;
}

class EthtoolCollector : public Collector {
 public:
  explicit EthtoolCollector(const Setup& setup)
      : devices_(setup.roots.sys + "/class/net"),
        filter_(setup.flags, kInclude, kExclude),
        shown_(setup.flags.text(kMetrics)) {}
  std::string_view name() const override { return "ethtool"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto devices = devices_.devices();
    if (!devices) return unexpected(devices.error());
    OnceLabels once(writer);
    std::vector<Answers> all;
    for (Device* device : *devices) {
      if (!filter_.keeps(device->name()) || !is_ours(*device)) continue;
      const auto labels = once.add({{"device", device->name()}});
      if (labels) all.push_back(ask(device->name(), *labels));
    }
    write_settings(writer, all);
    write_drivers(writer, all);
    write_counters(writer, all);
    return {};
  }

 private:
  bool is_ours(Device& device) {
    const auto index = device.number("ifindex");
    const auto own = index ? control_.index(device.name()) : std::nullopt;
    return own && static_cast<uint64_t>(*own) == *index;
  }

  // What a driver does not answer is left out.
  Answers ask(const std::string& device, LabelRef labels) {
    Answers answers{.labels = labels, .device = device};
    if (const auto settings = control_.settings(device)) answers.settings = *settings;
    ethtool_drvinfo info = {};
    info.cmd = ETHTOOL_GDRVINFO;
    if (!control_.ethtool(device, &info)) return answers;
    answers.driver = {.driver = std::string(text_of(info.driver, sizeof(info.driver))),
                      .version = std::string(text_of(info.version, sizeof(info.version))),
                      .firmware = std::string(text_of(info.fw_version, sizeof(info.fw_version))),
                      .bus = std::string(text_of(info.bus_info, sizeof(info.bus_info))),
                      .rom = std::string(text_of(info.erom_version, sizeof(info.erom_version)))};
    answers.counters = families_of(ask_counters(device, info.n_stats), shown_);
    return answers;
  }

  // The kernel writes as many as the driver has by then, whatever is said here: there is room for all that can be,
  // and an answer of another number is not believed.
  std::vector<Counter> ask_counters(const std::string& device, size_t count) {
    if (count == 0 || count > kMaxCounters) return {};
    if (!names_) names_ = std::make_unique_for_overwrite<Names>();
    if (!values_) values_ = std::make_unique_for_overwrite<Values>();
    names_->head = {.cmd = ETHTOOL_GSTRINGS, .string_set = ETH_SS_STATS, .len = static_cast<uint32_t>(count)};
    values_->head = {.cmd = ETHTOOL_GSTATS, .n_stats = static_cast<uint32_t>(count)};
    if (!control_.ethtool(device, names_.get()) || !control_.ethtool(device, values_.get())) return {};
    if (names_->head.len != count || values_->head.n_stats != count) return {};
    std::vector<Counter> counters;
    for (size_t i = 0; i < count; ++i)
      counters.push_back({std::string(text_of(names_->texts[i], ETH_GSTRING_LEN)), values_->numbers[i]});
    return counters;
  }

  static void write_settings(MetricWriter& writer, const std::vector<Answers>& all) {
    write_speeds(writer, kSupportedSpeed, all, &ethtool_cmd::supported);
    write_speeds(writer, kAdvertisedSpeed, all, &ethtool_cmd::advertising);
    writer.family(kSupportedPort);
    for (const Answers& answers : all)
      for (const Port& port : kPorts)
        if (answers.settings && answers.settings->supported & port.bits)
          writer.sample(writer.labels({{"device", answers.device}, {"type", port.type}}), 1);
    for (const Capability& capability : kCapabilities) {
      write_bits(writer, capability.supported, all, &ethtool_cmd::supported, capability.bits);
      write_bits(writer, capability.advertised, all, &ethtool_cmd::advertising, capability.bits);
    }
    writer.family(kAutonegotiate);
    for (const Answers& answers : all)
      if (answers.settings) writer.sample(answers.labels, uint64_t{answers.settings->autoneg});
  }

  static void write_speeds(MetricWriter& writer, const MetricDesc& desc, const std::vector<Answers>& all,
                           __u32 ethtool_cmd::*modes) {
    writer.family(desc);
    for (const Answers& answers : all) {
      for (const Mode& mode : kModes) {
        if (!answers.settings || (*answers.settings.*modes >> mode.bit & 1) == 0) continue;
        const LabelSet labels{{"device", answers.device}, {"duplex", mode.duplex}, {"mode", mode.mode}};
        writer.sample(writer.labels(labels), static_cast<uint64_t>(mode.megabits) * kBytesPerMegabit);
      }
    }
  }

  static void write_bits(MetricWriter& writer, const MetricDesc& desc, const std::vector<Answers>& all,
                         __u32 ethtool_cmd::*modes, uint32_t bits) {
    writer.family(desc);
    for (const Answers& answers : all)
      if (answers.settings) writer.sample(answers.labels, (*answers.settings.*modes & bits) != 0);
  }

  static void write_drivers(MetricWriter& writer, const std::vector<Answers>& all) {
    writer.family(kInfo);
    for (const Answers& answers : all) {
      if (!answers.driver) continue;
      const LabelSet labels{{"bus_info", answers.driver->bus},
                            {"device", answers.device},
                            {"driver", answers.driver->driver},
                            {"expansion_rom_version", answers.driver->rom},
                            {"firmware_version", answers.driver->firmware},
                            {"version", answers.driver->version}};
      writer.sample(writer.labels(labels), 1);
    }
  }

  static void write_counters(MetricWriter& writer, const std::vector<Answers>& all) {
    std::map<std::string_view, std::vector<std::pair<LabelRef, uint64_t>>> families;
    for (const Answers& answers : all)
      for (const auto& [family, value] : answers.counters) families[family].emplace_back(answers.labels, value);
    for (const auto& [family, samples] : families) {
      writer.family(family, "A counter of the network driver under its own name, in the driver's unit.",
                    MetricType::kUntyped);
      for (const auto& [labels, value] : samples) writer.sample(labels, value);
    }
  }

  DeviceDir devices_;
  NameFilter filter_;
  Pattern shown_;
  LinkControl control_;
  std::unique_ptr<Names> names_;  // pages that are not written to cost nothing
  std::unique_ptr<Values> values_;
};

}  // namespace

const Entry kEthtoolCollector = {"ethtool", "Counters, driver and port of interfaces: ethtool ioctl", Default::kOff,
                                 make<EthtoolCollector>, kFlags};

}  // namespace plimsoll::collectors::host
