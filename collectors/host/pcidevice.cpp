// SPDX-License-Identifier: Apache-2.0
// /sys/bus/pci/devices: PCI functions, the links to them, their virtual functions and power states.
//
//   0000:01:00.0 -> ../../../devices/pci0000:00/0000:00:02.1/0000:01:00.0       the parent is 0000:00:02.1
//   0000:01:00.0/vendor               0xc0a9
//   0000:01:00.0/current_link_speed   8.0 GT/s PCIe        "Unknown" without a link
//
// Names come from pci.ids, of which only those of the devices that are there are kept:
//
//   1022  Advanced Micro Devices, Inc. [AMD]             C 06  Bridge
//   <tab>1634  Renoir/Cezanne PCIe GPP Bridge            <tab>04  PCI bridge
//   <tab><tab>17aa 5095  T540-5095                       <tab><tab>00  Normal decode
//
// Documentation/PCI/sysfs-pci.rst, Documentation/ABI/testing/sysfs-bus-pci, https://pci-ids.ucw.cz
#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/hardware.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr auto kGauge = MetricType::kGauge;

constexpr Flag kNames = {"pcidevice.names", FlagKind::kSwitch, "false",
                         "Add the names of makers, devices and classes, which needs pci.ids"};
constexpr Flag kIdsFile = {"pcidevice.idsfile", FlagKind::kText, "",
                           "Path of pci.ids; by default in the host's /usr/share/misc or /usr/share/hwdata"};
constexpr const Flag* kFlags[] = {&kNames, &kIdsFile};
constexpr std::string_view kIdsPaths[] = {"/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids"};

constexpr MetricDesc kInfo = {"node_pcidevice_info", "What the device is and where; always 1.", kGauge};
constexpr MetricDesc kMaxSpeed = {"node_pcidevice_max_link_transfers_per_second",
                                  "What the device's link could carry, in transfers per second; -1 without a link.",
                                  kGauge};
constexpr MetricDesc kCurrentSpeed = {"node_pcidevice_current_link_transfers_per_second",
                                      "What the device's link carries, in transfers per second; -1 without a link.",
                                      kGauge};
constexpr MetricDesc kPowerState = {"node_pcidevice_power_state", "Power state of the device: 1 for the one it is in.",
                                    kGauge};
constexpr MetricDesc kNumaNode = {"node_pcidevice_numa_node", "NUMA node that the device is attached to.", kGauge};

// A number with a value for devices that have no such file.
struct PciNumber {
  std::string_view file;
  MetricDesc desc;
  double otherwise;
  bool is_switch = false;
};

constexpr PciNumber kWidths[] = {
    {"max_link_width",
     {"node_pcidevice_max_link_width", "Lanes that the device's link could have; -1 without a link.", kGauge},
     -1},
    {"current_link_width",
     {"node_pcidevice_current_link_width", "Lanes that the device's link has; -1 without a link.", kGauge},
     -1},
};
constexpr PciNumber kSettings[] = {
    {"d3cold_allowed",
     {"node_pcidevice_d3cold_allowed", "Whether the device may be without power when it sleeps (1 or 0).", kGauge},
     0,
     true},
    {"sriov_drivers_autoprobe",
     {"node_pcidevice_sriov_drivers_autoprobe", "Whether new virtual functions get a driver (1 or 0).", kGauge},
     0,
     true},
    {"sriov_numvfs",
     {"node_pcidevice_sriov_numvfs", "Virtual functions of the device; 0 also where it can have none.", kGauge},
     0},
    {"sriov_totalvfs", {"node_pcidevice_sriov_totalvfs", "Virtual functions that the device can have.", kGauge}, 0},
    {"sriov_vf_total_msix",
     {"node_pcidevice_sriov_vf_total_msix", "Interrupt vectors for the virtual functions together.", kGauge},
     0},
};

constexpr std::string_view kPowerStates[] = {"D0", "D1", "D2", "D3hot", "D3cold", "unknown", "error"};

// The parts of "0000:01:00.0".
struct Location {
  std::string_view segment, bus, device, function;
};

bool is_hex(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

std::optional<Location> parse_location(std::string_view text) {
  Location at;
  at.segment = take(text, ':');
  at.bus = take(text, ':');
  at.device = take(text, '.');
  at.function = text;
  if (!is_hex(at.segment) || !is_hex(at.bus) || !is_hex(at.device) || !is_hex(at.function)) return std::nullopt;
  return at;
}

// Hexadecimal digits of what identifies a device, as they stand in pci.ids.
struct Identity {
  std::string class_id, vendor, device, subsystem_vendor, subsystem_device, revision;
};

struct IdentityFile {
  std::string_view file;
  std::string Identity::*digits;
  int width;
};

constexpr IdentityFile kIdentityFiles[] = {
    {"class", &Identity::class_id, 6},
    {"vendor", &Identity::vendor, 4},
    {"device", &Identity::device, 4},
    {"subsystem_vendor", &Identity::subsystem_vendor, 4},
    {"subsystem_device", &Identity::subsystem_device, 4},
    {"revision", &Identity::revision, 2},
};

std::string hex_digits(uint64_t number, int width) {
  std::array<char, 32> digits{};
  const int length =
      std::snprintf(digits.data(), digits.size(), "%0*llx", width, static_cast<unsigned long long>(number));
  return std::string(digits.data(), static_cast<size_t>(length));
}

// Names by key: "1022", "1022:1634", "1022:1634:17aa:5095"; "C06", "C0604", "C060400". Made with the keys
// that are wanted; read() fills in the names of those that the file has.
class PciNames {
 public:
  void want(const Identity& id) {
    for (size_t length : {2, 4, 6}) names_["C" + id.class_id.substr(0, length)];
    names_[id.vendor];
    names_[id.subsystem_vendor];
    names_[id.vendor + ":" + id.device];
    names_[subsystem_key(id)];
  }

  void read(std::string_view text) {
    std::string vendor, device;  // keys of the lines further out
    while (!text.empty()) {
      std::string_view line = take(text, '\n');
      const size_t depth = std::min(line.find_first_not_of('\t'), line.size());
      line.remove_prefix(depth);
      if (line.empty() || line.front() == '#' || depth > 2) continue;
      const size_t gap = line.find("  ");
      if (gap == std::string_view::npos) continue;
      const std::string_view id = trim(line.substr(0, gap)), name = trim(line.substr(gap));
      if (depth == 0) {
        device.clear();
        vendor = line.starts_with("C ") ? "C" + std::string(trim(id.substr(1))) : std::string(id);
        set(vendor, name);
      } else if (depth == 1) {
        device = vendor + (vendor.starts_with('C') ? "" : ":") + std::string(id);
        set(device, name);
      } else if (!device.empty()) {
        set(device + inner_key(device, id), name);
      }
    }
  }

  // `otherwise`: what stands for a name that the file does not have.
  std::string of(const std::string& key, std::string_view otherwise) const {
    const auto found = names_.find(key);
    return std::string(found == names_.end() || found->second.empty() ? otherwise : found->second);
  }

  std::string of_class(const std::string& id) const {
    for (size_t length : {6, 4, 2})
      if (std::string name = of("C" + id.substr(0, length), ""); !name.empty()) return name;
    return "Unknown class (" + id + ")";
  }

  static std::string subsystem_key(const Identity& id) {
    return id.vendor + ":" + id.device + ":" + id.subsystem_vendor + ":" + id.subsystem_device;
  }

 private:
  // "17aa 5095" below a device, "02" below a subclass.
  static std::string inner_key(const std::string& device, std::string_view id) {
    if (device.starts_with('C')) return std::string(id);
    const std::string_view vendor = take_field(id);
    return ":" + std::string(vendor) + ":" + std::string(trim(id));
  }

  void set(const std::string& key, std::string_view name) {
    const auto wanted = names_.find(key);
    if (wanted != names_.end()) wanted->second = name;
  }

  std::map<std::string, std::string> names_;
};

// "8.0 GT/s PCIe", older kernels "8 GT/s"; nullopt for anything else.
std::optional<double> parse_speed(std::string_view text) {
  const auto billions = parse_double(take_field(text));
  if (!billions || !(*billions >= 0) || *billions > 1e6 || !trim(text).starts_with("GT/s")) return std::nullopt;
  return *billions * 1e9;
}

// The directory above the device's own, when that is a PCI device.
std::optional<Location> parent_of(const std::string& link, std::array<char, PATH_MAX>& target) {
  const ssize_t length = ::readlink(link.c_str(), target.data(), target.size());
  if (length <= 0) return std::nullopt;
  std::string_view path(target.data(), static_cast<size_t>(length));
  path = path.substr(0, std::min(path.rfind('/'), path.size()));
  return parse_location(path.substr(path.rfind('/') + 1));
}

struct Function {
  size_t device;
  LabelSet location;
  LabelSet info;
  Identity identity;
};

class PcideviceCollector : public Collector {
 public:
  explicit PcideviceCollector(const Setup& setup)
      : devices_(setup.roots.sys + "/bus/pci/devices"),
        with_names_(setup.flags.on(kNames)),
        ids_file_(setup.flags.text(kIdsFile)),
        rootfs_(setup.roots.rootfs) {}
  std::string_view name() const override { return "pcidevice"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto devices = devices_.devices();
    if (!devices) return unexpected(devices.error());
    if (roster_.changed(*devices)) identify(*devices);
    Numbers numbers(devices_.path());
    writer.family(kInfo);
    for (const Function& function : functions_) writer.sample(writer.labels(function.info), 1);
    Scrape scrape{writer, numbers, {}, {}};
    for (const Function& function : functions_) {
      scrape.devices.push_back((*devices)[function.device]);
      scrape.labels.push_back(writer.labels(function.location));
    }
    write_speeds(scrape, kMaxSpeed, "max_link_speed");
    write_speeds(scrape, kCurrentSpeed, "current_link_speed");
    for (const PciNumber& width : kWidths) write_number(scrape, width);
    for (const PciNumber& setting : kSettings) write_number(scrape, setting);
    write_power_states(scrape);
    write_numa_nodes(scrape);
    auto result = numbers.result();
    return !result || broken_.empty() ? result : Result<void>(fail(broken_));
  }

 private:
  struct Scrape {
    MetricWriter& writer;
    Numbers& numbers;
    std::vector<Device*> devices;
    std::vector<LabelRef> labels;
  };

  static bool is_unknown(std::string_view text) { return text.empty() || text.starts_with("Unknown"); }

  static void write_speeds(Scrape& scrape, const MetricDesc& desc, std::string_view file) {
    scrape.writer.family(desc);
    for (size_t i = 0; i < scrape.devices.size(); ++i) {
      const auto text = scrape.devices[i]->text(file);
      const bool known = text && !is_unknown(*text);
      const auto speed = known ? parse_speed(*text) : std::optional<double>(-1);
      if (speed) scrape.writer.sample(scrape.labels[i], *speed);
      if (!speed) scrape.numbers.remember(*scrape.devices[i], file, "no link's speed");
    }
  }

  static void write_number(Scrape& scrape, const PciNumber& number) {
    scrape.writer.family(number.desc);
    for (size_t i = 0; i < scrape.devices.size(); ++i) {
      const auto text = scrape.devices[i]->text(number.file);
      const bool known = text && !is_unknown(*text);
      std::optional<uint64_t> value;
      if (known) value = parse_u64(*text);
      if (value) scrape.writer.sample(scrape.labels[i], number.is_switch ? Value(*value != 0) : Value(*value));
      if (!known) scrape.writer.sample(scrape.labels[i], number.otherwise);
      if (known && !value) scrape.numbers.remember(*scrape.devices[i], number.file, "not a number");
    }
  }

  static void write_power_states(Scrape& scrape) {
    scrape.writer.family(kPowerState);
    for (size_t i = 0; i < scrape.devices.size(); ++i) {
      const auto text = scrape.devices[i]->text("power_state");
      if (!text || text->empty()) continue;
      for (std::string_view state : kPowerStates)
        scrape.writer.sample(scrape.labels[i], scrape.writer.labels(LabelSet{{"state", state}}), state == *text);
    }
  }

  static void write_numa_nodes(Scrape& scrape) {
    scrape.writer.family(kNumaNode);
    for (size_t i = 0; i < scrape.devices.size(); ++i) {
      const auto node = scrape.devices[i]->text("numa_node");
      if (!node || is_unknown(*node) || *node == "-1") continue;  // -1: none in particular
      const auto number = parse_u64(*node);
      if (number) scrape.writer.sample(scrape.labels[i], *number);
      if (!number) scrape.numbers.remember(*scrape.devices[i], "numa_node", "not a number");
    }
  }

  void identify(const std::vector<Device*>& devices) {
    functions_.clear();
    broken_.clear();
    for (size_t i = 0; i < devices.size(); ++i) identify_one(*devices[i], i);
    if (!with_names_) return;
    PciNames names;
    for (const Function& function : functions_) names.want(function.identity);
    read_names(names);
    for (Function& function : functions_) add_names(function, names);
  }

  void identify_one(Device& device, size_t index) {
    const auto at = parse_location(device.name());
    Function function{index, {}, {}, {}};
    if (!at || !read_identity(device, function.identity)) {
      if (broken_.empty()) broken_ = devices_.path() + "/" + device.name() + ": does not say what it is";
      return;
    }
    function.location =
        LabelSet{{"segment", at->segment}, {"bus", at->bus}, {"device", at->device}, {"function", at->function}};
    std::array<char, PATH_MAX> target;
    const Location none = {"*", "*", "*", "*"};
    const Location parent = parent_of(devices_.path() + "/" + device.name(), target).value_or(none);
    const Identity& id = function.identity;
    function.info = function.location;
    function.info.add("parent_segment", parent.segment);
    function.info.add("parent_bus", parent.bus);
    function.info.add("parent_device", parent.device);
    function.info.add("parent_function", parent.function);
    function.info.add("class_id", "0x" + id.class_id);
    function.info.add("vendor_id", "0x" + id.vendor);
    function.info.add("device_id", "0x" + id.device);
    function.info.add("subsystem_vendor_id", "0x" + id.subsystem_vendor);
    function.info.add("subsystem_device_id", "0x" + id.subsystem_device);
    function.info.add("revision", "0x" + id.revision);
    functions_.push_back(std::move(function));
  }

  static bool read_identity(Device& device, Identity& identity) {
    for (const IdentityFile& file : kIdentityFiles) {
      const auto text = device.text(file.file);
      const auto number = text ? parse_prefixed(*text) : std::nullopt;
      if (!number) return false;
      identity.*file.digits = hex_digits(*number, file.width);
    }
    return true;
  }

  void read_names(PciNames& names) const {
    std::vector<std::string> paths;
    if (!ids_file_.empty()) paths.push_back(ids_file_);
    if (ids_file_.empty())
      for (std::string_view path : kIdsPaths) paths.push_back(rootfs_ + std::string(path));
    for (const std::string& path : paths) {
      const auto text = read_file(path);
      if (!text) continue;
      names.read(*text);
      return;
    }
  }

  static void add_names(Function& function, const PciNames& names) {
    const Identity& id = function.identity;
    function.info.add("vendor_name", valid_utf8(names.of(id.vendor, id.vendor)));
    function.info.add("device_name", valid_utf8(names.of(id.vendor + ":" + id.device, id.device)));
    function.info.add("subsystem_vendor_name", valid_utf8(names.of(id.subsystem_vendor, id.subsystem_vendor)));
    function.info.add("subsystem_device_name", valid_utf8(names.of(PciNames::subsystem_key(id), id.subsystem_device)));
    function.info.add("class_name", valid_utf8(names.of_class(id.class_id)));
  }

  DeviceDir devices_;
  bool with_names_;
  std::string ids_file_;
  std::string rootfs_;
  Roster roster_;
  std::vector<Function> functions_;
  std::string broken_;  // the first device that does not say what it is; "" without one
};

}  // namespace

const Entry kPcideviceCollector = {"pcidevice", "PCI devices and their links: sys bus/pci", Default::kOff,
                                   make<PcideviceCollector>, kFlags};

}  // namespace plimsoll::collectors::host
