// SPDX-License-Identifier: Apache-2.0
// What interfaces are and how they are set up, in one of two forms:
//
//   --no-collector.netclass.netlink (the default)  as /sys/class/net/NAME/* tells it; what an interface that is down
//                                                  does not have (carrier, speed ...) is left out
//   --collector.netclass.netlink                   as the kernel's messages tell it: alternative names too, all flags,
//                                                  no adminstate, counters with netclass_rtnl.with-stats
//
// Where from is another question. Where the network is the agent's own (own_network.h) both forms are made of one
// RTM_GETLINK dump (links.h), of ETHTOOL_GSET for speed and duplex, and of three files of sysfs that netlink has not,
// which are read again only when the kernel says that the link has changed. That is right only when sysfs shows the
// dump's links: it keeps the namespace it was mounted in (a host's /sys in a container, a service with a network of its
// own). Each link's index and address are therefore compared with its files when they are read, and the names with the
// directory. Where they differ, and where the network is another, the first form is made of the files alone, twenty of
// each interface.
//
// Asking for the speed (by ioctl or by file) takes the kernel's lock on all links, and some drivers wait for their
// firmware: a scrape takes as long as they do. Ethernet drivers that do not know it say -1 Mbit/s.
// Documentation/ABI/testing/sysfs-class-net, rtnetlink(7)
#include <fcntl.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/device_dir.h"
#include "collectors/host/parts/links.h"
#include "collectors/host/parts/name_filter.h"
#include "collectors/host/parts/own_network.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr auto kGauge = MetricType::kGauge;
constexpr auto kCounter = MetricType::kCounter;

constexpr Flag kIgnored = {"netclass.ignored-devices", FlagKind::kRegex, "^$", "Interfaces not to show"};
constexpr Flag kIgnoreSpeed = {"netclass.ignore-invalid-speed", FlagKind::kSwitch, "false",
                               "Leave the speed out where it is unknown, instead of a negative one"};
constexpr Flag kNetlink = {"netclass.netlink", FlagKind::kSwitch, "false",
                           "Show interfaces as netlink tells them: alternative names, no adminstate"};
constexpr const Flag* kFlags[] = {&kIgnored, &kIgnoreSpeed, &kNetlink, &kNetclassStats};

constexpr MetricDesc kUp = {"node_network_up", "1 when the interface is operational, 0 when not.", kGauge};
constexpr MetricDesc kInfo = {"node_network_info", "Addresses and states of the interface, as labels of a constant 1.",
                              kGauge};
constexpr MetricDesc kAltnames = {"node_network_altnames_info",
                                  "A further name of the interface, as a label of a constant 1.", kGauge};

struct Field {
  std::string_view file;
  MetricDesc desc;
};

enum FieldIndex : size_t {
  kAddressAssignType,
  kCarrier,
  kCarrierChanges,
  kCarrierUps,
  kCarrierDowns,
  kDeviceId,
  kDormant,
  kFlagBits,
  kIndex,
  kPeer,
  kLinkMode,
  kMtu,
  kNameAssignType,
  kGroup,
  kSpeed,
  kQueueLength,
  kProtocolType,
  kFieldCount
};

// In the order of FieldIndex.
constexpr Field kFields[kFieldCount] = {
    {"addr_assign_type",
     {"node_network_address_assign_type",
      "Where the address is from: 0 the device, 1 chance, 2 another interface, 3 set by hand.", kGauge}},
    {"carrier", {"node_network_carrier", "1 when the physical link is there.", kGauge}},
    {"carrier_changes", {"node_network_carrier_changes_total", "How often the physical link came or went.", kCounter}},
    {"carrier_up_count", {"node_network_carrier_up_changes_total", "How often the physical link came.", kCounter}},
    {"carrier_down_count", {"node_network_carrier_down_changes_total", "How often the physical link went.", kCounter}},
    {"dev_id",
     {"node_network_device_id", "Number of the interface among those that share its device and address.", kGauge}},
    {"dormant", {"node_network_dormant", "1 when the link waits for something, such as authentication.", kGauge}},
    {"flags", {"node_network_flags", "The interface's IFF_ flags as one number.", kGauge}},
    {"ifindex", {"node_network_iface_id", "The kernel's number of the interface.", kGauge}},
    {"iflink",
     {"node_network_iface_link", "Number of the interface below or at the other end; without one its own.", kGauge}},
    {"link_mode", {"node_network_iface_link_mode", "1 when the link is dormant until user space says so.", kGauge}},
    {"mtu", {"node_network_mtu_bytes", "Largest packet without link-layer header, in bytes.", kGauge}},
    {"name_assign_type",
     {"node_network_name_assign_type",
      "Where the name is from: 1 the order of discovery, 2 its place, 3 user space, 4 renamed.", kGauge}},
    {"netdev_group", {"node_network_net_dev_group", "Number of the group that the interface was put in.", kGauge}},
    {"speed", {"node_network_speed_bytes", "Speed of the link, in bytes per second; negative: unknown.", kGauge}},
    {"tx_queue_len", {"node_network_transmit_queue_length", "Packets that may wait to be sent, by number.", kGauge}},
    {"type", {"node_network_protocol_type", "Hardware type, an ARPHRD_ number.", kGauge}},
};

constexpr int64_t kBytesPerMegabit = 125000;

// An interface in either form.
struct Shown {
  std::string name;
  std::string address, broadcast, duplex, operstate, alias, adminstate;
  bool up = false;
  std::array<std::optional<int64_t>, kFieldCount> numbers = {};
  std::vector<std::string> altnames;
  std::optional<rtnl_link_stats64> stats;
};

LabelSet info_labels(const Shown& shown, bool with_adminstate) {
  LabelSet labels{{"address", shown.address}};
  if (with_adminstate) labels.add("adminstate", shown.adminstate);
  labels.add("broadcast", shown.broadcast);
  labels.add("device", shown.name);
  labels.add("duplex", shown.duplex);
  labels.add("ifalias", shown.alias);
  labels.add("operstate", shown.operstate);
  return labels;
}

// --- From the files ---

// Decimal, negative or with 0x.
std::optional<int64_t> parse_number(std::string_view text) {
  if (!text.starts_with("0x")) return parse_i64(text);
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data() + 2, text.data() + text.size(), number, 16);
  const bool whole = error == std::errc() && end == text.data() + text.size() && text[2] != '-';
  return whole ? std::optional(number) : std::nullopt;
}

// How drivers say that they have no value, and how the kernel says that the interface is no more.
bool is_no_value(int code) {
  for (const int usual : {ENOENT, EINVAL, EACCES, EPERM, EOPNOTSUPP, ENODEV, ENODATA})
    if (code == usual) return true;
  return false;
}

Result<void> read_number(Device& device, const Field& field, std::optional<int64_t>& number) {
  const auto text = device.read(field.file);
  if (!text && is_no_value(text.error().code)) return {};
  if (!text) return unexpected(text.error());
  number = parse_number(trim(*text));
  if (number && field.desc.type == MetricType::kCounter && *number < 0) number.reset();
  return number ? Result<void>{} : fail(device.name() + "/" + std::string(field.file) + ": no such number");
}

std::string read_text(Device& device, std::string_view file) { return std::string(device.text(file).value_or("")); }

// Everything that can be read; `error`: the first that could not be understood.
Shown read_device(Device& device, Result<void>& error) {
  Shown shown;
  shown.name = device.name();
  for (size_t i = 0; i < kFieldCount; ++i) {
    const auto read = read_number(device, kFields[i], shown.numbers[i]);
    if (!read && error) error = read;
  }
  shown.address = read_text(device, "address");
  shown.broadcast = read_text(device, "broadcast");
  shown.duplex = read_text(device, "duplex");
  shown.operstate = read_text(device, "operstate");
  shown.alias = read_text(device, "ifalias");
  shown.up = shown.operstate == "up";
  const auto flags = shown.numbers[kFlagBits];
  shown.adminstate = !flags ? "unknown" : *flags & IFF_UP ? "up" : "down";
  return shown;
}

// --- From the dump ---

std::string hex_address(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (!text.empty()) text += ':';
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::string_view operstate_name(std::optional<uint8_t> state) {
  constexpr std::string_view kNames[] = {"unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"};
  return state && *state < std::size(kNames) ? kNames[*state] : "";
}

// The message's flags are for user space: without what the kernel has set for itself, with the link's state.
// nullopt: they cannot be told from it.
std::optional<int64_t> flags_of_sysfs(const Link& link) {
  if (!link.promiscuity || !link.allmulti) return std::nullopt;
  constexpr unsigned kAdded = IFF_RUNNING | 1u << 16 /*IFF_LOWER_UP*/ | 1u << 17 /*IFF_DORMANT*/;
  unsigned flags = link.head.ifi_flags & ~(kAdded | IFF_PROMISC | IFF_ALLMULTI);
  if (*link.promiscuity > 0) flags |= IFF_PROMISC;
  if (*link.allmulti > 0) flags |= IFF_ALLMULTI;
  return flags;
}

std::vector<std::string> altnames_of(std::string_view properties) {
  std::vector<std::string> names;
  rtattr header;
  while (properties.size() >= sizeof(header)) {
    std::memcpy(&header, properties.data(), sizeof(header));
    if (header.rta_len < sizeof(header) || header.rta_len > properties.size()) break;
    const std::string_view value = properties.substr(sizeof(header), header.rta_len - sizeof(header));
    const std::string_view name = value.substr(0, value.find('\0'));
    if ((header.rta_type & NLA_TYPE_MASK) == IFLA_ALT_IFNAME && !name.empty()) names.emplace_back(name);
    properties.remove_prefix(std::min<size_t>(RTA_ALIGN(header.rta_len), properties.size()));
  }
  return names;
}

// What both forms have.
Shown shown_of(const Link& link) {
  Shown shown;
  shown.name = link.name;
  shown.address = hex_address(link.address);
  shown.broadcast = hex_address(link.broadcast);
  shown.operstate = operstate_name(link.operstate);
  shown.up = shown.operstate == "up";
  shown.alias = trim(link.alias);
  auto& numbers = shown.numbers;
  numbers[kCarrierChanges] = link.carrier_changes;
  numbers[kCarrierUps] = link.carrier_ups;
  numbers[kCarrierDowns] = link.carrier_downs;
  numbers[kIndex] = link.head.ifi_index;
  numbers[kPeer] = link.peer ? int64_t{*link.peer} : link.head.ifi_index;
  numbers[kLinkMode] = link.link_mode;
  numbers[kMtu] = link.mtu;
  numbers[kGroup] = link.group;
  numbers[kQueueLength] = link.queue_length;
  numbers[kProtocolType] = link.head.ifi_type;
  return shown;
}

std::string_view duplex_name(uint8_t duplex, bool capital) {
  if (duplex == DUPLEX_HALF) return capital ? "Half" : "half";
  if (duplex == DUPLEX_FULL) return capital ? "Full" : "full";
  return capital ? "Unknown" : "unknown";
}

// --- What sysfs has and netlink has not ---

// Of one link, as of when the kernel last said that it has changed.
struct SysfsPart {
  std::string name;
  bool agrees = false;  // the files are about this link
  std::array<std::optional<int64_t>, 3> numbers = {};
};
constexpr size_t kSysfsFields[] = {kAddressAssignType, kDeviceId, kNameAssignType};

class SysfsParts {
 public:
  explicit SysfsParts(std::string directory) : directory_(std::move(directory)) {}

  // To be called before the links are dumped: what changes later is heard of at the next scrape.
  void forget_changed() {
    const auto forget = [this](int index) { complete_ = parts_.erase(index) == 0 && complete_; };
    if (!watch_.ask(forget)) parts_.clear();
  }

  // Whether sysfs shows these links and no others.
  bool agree(const std::vector<Link>& links) {
    bool agree = true;
    for (const Link& link : links) {
      SysfsPart& part = parts_[link.head.ifi_index];
      if (part.agrees && part.name == link.name) continue;
      part = read(link);
      complete_ = false;
      agree = agree && part.agrees;
    }
    if (parts_.size() != links.size()) forget_others(links);
    if (!complete_) complete_ = count_devices() == links.size();
    return agree && complete_;
  }

  const SysfsPart& part(const Link& link) { return parts_[link.head.ifi_index]; }

 private:
  void forget_others(const std::vector<Link>& links) {
    complete_ = false;
    std::erase_if(parts_, [&](const auto& entry) {
      const auto same = [&](const Link& link) { return link.head.ifi_index == entry.first; };
      return std::none_of(links.begin(), links.end(), same);
    });
  }

  SysfsPart read(const Link& link) {
    SysfsPart part;
    part.name = link.name;
    const std::string device = directory_ + "/" + part.name + "/";
    const auto address = buffer_.read_at(AT_FDCWD, (device + "address").c_str());
    part.agrees =
        address && trim(*address) == hex_address(link.address) && number(device + "ifindex") == link.head.ifi_index;
    if (!part.agrees) return part;
    for (size_t i = 0; i < part.numbers.size(); ++i)
      part.numbers[i] = number(device + std::string(kFields[kSysfsFields[i]].file));
    return part;
  }

  std::optional<int64_t> number(const std::string& path) {
    const auto text = buffer_.read_at(AT_FDCWD, path.c_str());
    return text ? parse_number(trim(*text)) : std::nullopt;
  }

  size_t count_devices() const {
    const auto dir = Dir::open(directory_);
    if (!dir) return 0;
    const auto entries = dir->list();
    if (!entries) return 0;
    return static_cast<size_t>(std::count_if(entries->begin(), entries->end(),
                                             [](const Dir::Entry& entry) { return entry.name != "bonding_masters"; }));
  }

  std::string directory_;
  LinkWatch watch_;
  ReadBuffer buffer_{4096};
  std::map<int, SysfsPart> parts_;
  bool complete_ = false;  // sysfs had as many interfaces when the links last changed
};

class NetclassCollector : public Collector {
 public:
  explicit NetclassCollector(const Setup& setup)
      : devices_(setup.roots.sys + "/class/net", 256),
        sysfs_(setup.roots.sys + "/class/net"),
        ignored_(setup.flags.text(kIgnored)),
        own_network_(is_own_network(setup.roots)),
        ignore_speed_(setup.flags.on(kIgnoreSpeed)),
        netlink_form_(own_network_ && setup.flags.on(kNetlink)),
        statistics_(netlink_form_ && setup.flags.on(kNetclassStats)) {}
  std::string_view name() const override { return "netclass"; }

  Result<void> collect(MetricWriter& writer) override {
    std::vector<Shown> interfaces;
    if (own_network_ && dump_links(interfaces)) {
      write(writer, interfaces);
      return {};
    }
    const auto devices = devices_.devices();
    if (!devices) return unexpected(devices.error());
    Result<void> error;
    for (Device* device : *devices)
      if (!ignored_.matches(device->name())) interfaces.push_back(read_device(*device, error));
    write(writer, interfaces);
    if (!error) return unexpected(error.error().within(devices_.path()));
    return {};
  }

 private:
  bool dump_links(std::vector<Shown>& interfaces) {
    sysfs_.forget_changed();
    const auto links = dump_.read(statistics_ ? LinkDump::Statistics::kYes : LinkDump::Statistics::kNo);
    if (!links) return false;
    if (!sysfs_.agree(*links) && !netlink_form_) return false;
    interfaces.reserve(links->size());
    for (const Link& link : *links) {
      if (ignored_.matches(link.name)) continue;
      Shown shown = shown_of(link);
      const SysfsPart& part = sysfs_.part(link);
      for (size_t i = 0; i < part.numbers.size(); ++i) shown.numbers[kSysfsFields[i]] = part.numbers[i];
      netlink_form_ ? complete_message(link, shown) : complete_sysfs(link, shown);
      interfaces.push_back(std::move(shown));
    }
    return true;
  }

  void complete_sysfs(const Link& link, Shown& shown) {
    const unsigned flags = link.head.ifi_flags;
    shown.adminstate = flags & IFF_UP ? "up" : "down";
    shown.numbers[kFlagBits] = flags_of_sysfs(link);
    if (!shown.numbers[kFlagBits]) {  // before Linux 6.0
      const auto text = read_file(devices_.path() + "/" + shown.name + "/flags");
      if (text) shown.numbers[kFlagBits] = parse_number(trim(*text));
    }
    if ((flags & IFF_UP) == 0) return;
    shown.numbers[kCarrier] = link.carrier;
    shown.numbers[kDormant] = flags >> 17 & 1;
    if (const auto settings = control_.settings(link.name)) {
      shown.duplex = duplex_name(settings->duplex, false);
      shown.numbers[kSpeed] = static_cast<int32_t>(ethtool_cmd_speed(&*settings));
    }
  }

  // As node_exporter reads the messages: dormant is the mode, an unknown speed is 2^32-1 Mbit/s.
  void complete_message(const Link& link, Shown& shown) {
    shown.numbers[kFlagBits] = link.head.ifi_flags;
    shown.numbers[kCarrier] = link.carrier;
    shown.numbers[kDormant] = link.link_mode;
    if (link.peer == 0u) shown.numbers[kPeer] = link.head.ifi_index;
    shown.alias = link.alias;
    shown.altnames = altnames_of(link.properties);
    if (statistics_) shown.stats = link.stats;
    if (const auto settings = control_.settings(link.name)) {
      shown.duplex = duplex_name(settings->duplex, true);
      const uint32_t speed = ethtool_cmd_speed(&*settings);
      if (!ignore_speed_ || speed != static_cast<uint32_t>(SPEED_UNKNOWN)) shown.numbers[kSpeed] = speed;
    }
  }

  void write(MetricWriter& writer, const std::vector<Shown>& interfaces) const {
    OnceLabels once(writer);
    std::vector<LabelRef> labels;
    std::vector<const Shown*> shown;
    for (const Shown& interface : interfaces) {
      const auto label = once.add({{"device", interface.name}});
      if (!label) continue;
      labels.push_back(*label);
      shown.push_back(&interface);
    }
    writer.family(kUp);
    for (size_t i = 0; i < shown.size(); ++i) writer.sample(labels[i], shown[i]->up);
    writer.family(kInfo);
    for (const Shown* interface : shown) writer.sample(writer.labels(info_labels(*interface, !netlink_form_)), 1);
    write_altnames(writer, shown);
    for (size_t field = 0; field < kFieldCount; ++field) {
      writer.family(kFields[field].desc);
      for (size_t i = 0; i < shown.size(); ++i) write_number(writer, labels[i], field, shown[i]->numbers[field]);
    }
    if (statistics_) write_statistics(writer, shown, labels);
  }

  void write_number(MetricWriter& writer, LabelRef label, size_t field, std::optional<int64_t> number) const {
    if (!number || (field == kSpeed && *number < 0 && ignore_speed_)) return;
    if (field == kSpeed) return writer.sample(label, static_cast<double>(*number) * kBytesPerMegabit);
    *number < 0 ? writer.sample(label, static_cast<double>(*number))
                : writer.sample(label, static_cast<uint64_t>(*number));
  }

  static void write_altnames(MetricWriter& writer, const std::vector<const Shown*>& shown) {
    OnceLabels once(writer);
    writer.family(kAltnames);
    for (const Shown* interface : shown)
      for (const std::string& name : interface->altnames)
        if (const auto label = once.add({{"altname", name}, {"device", interface->name}})) writer.sample(*label, 1);
  }

  // Gauges, as with node_exporter; netdev leaves out what has been written here.
  static void write_statistics(MetricWriter& writer, const std::vector<const Shown*>& shown,
                               const std::vector<LabelRef>& labels) {
    for (const LinkCounter& counter : link_counters()) {
      writer.family(MetricDesc{counter.name, counter.help, kGauge});
      for (size_t i = 0; i < shown.size(); ++i)
        if (shown[i]->stats) writer.sample(labels[i], uint64_t{*shown[i]->stats.*counter.field});
    }
  }

  DeviceDir devices_;
  SysfsParts sysfs_;
  LinkDump dump_;
  LinkControl control_;
  Pattern ignored_;
  bool own_network_, ignore_speed_, netlink_form_, statistics_;
};

}  // namespace

const Entry kNetclassCollector = {"netclass", "State, speed, MTU of interfaces: rtnetlink, or sys class/net",
                                  Default::kOn, make<NetclassCollector>, kFlags};

}  // namespace plimsoll::collectors::host
