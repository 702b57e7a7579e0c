// SPDX-License-Identifier: Apache-2.0
// /proc/drbd of DRBD 8: replicated block devices. DRBD 9 shows its version there and nothing more.
//
//   version: 8.4.3 (api:1/proto:86-101)
//   srcversion: 1A9F77B1CA5FF92235C2213
//
//    1: cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate C r-----
//       ns:17324442 nr:10961011 dw:28263521 dr:118696670 al:1100 bm:221 lo:1 pe:2 ua:3 ap:4 ep:1 wo:d oos:5
//
// Amounts of data are in KiB. https://linbit.com/drbd-user-guide/users-guide-drbd-8-4/#s-proc-drbd
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr auto kCounter = MetricType::kCounter;
constexpr auto kGauge = MetricType::kGauge;

struct NumberField {
  std::string_view key;
  MetricDesc desc;
  uint64_t scale = 1;
};

constexpr NumberField kNumbers[] = {
    {"ns", {"node_drbd_network_sent_bytes_total", "Data sent to the other node, in bytes.", kCounter}, 1024},
    // node_exporter forgets the factor; its name and its numbers are kept.
    {"nr",
     {"node_drbd_network_received_bytes_total",
      "Data received from the other node, in units of 1024 bytes in spite of the name.", kCounter}},
    {"dw", {"node_drbd_disk_written_bytes_total", "Data written to the local disk, in bytes.", kCounter}, 1024},
    {"dr", {"node_drbd_disk_read_bytes_total", "Data read from the local disk, in bytes.", kCounter}, 1024},
    {"al", {"node_drbd_activitylog_writes_total", "Updates of the activity log.", kCounter}},
    {"bm", {"node_drbd_bitmap_writes_total", "Updates of the bitmap of changed blocks.", kCounter}},
    {"lo", {"node_drbd_local_pending", "Requests that the local disk has not answered yet.", kGauge}},
    {"pe", {"node_drbd_remote_pending", "Requests that the other node has not answered yet.", kGauge}},
    {"ua", {"node_drbd_remote_unacknowledged", "Requests of the other node that were not answered to it yet.", kGauge}},
    {"ap", {"node_drbd_application_pending", "Requests of this node's users that were not answered yet.", kGauge}},
    {"ep", {"node_drbd_epochs", "Groups of writes between two barriers that are under way.", kGauge}},
    {"oos", {"node_drbd_out_of_sync_bytes", "Data that differs between the nodes, in bytes.", kGauge}, 1024},
};

struct PairField {
  std::string_view key;
  std::string_view good;
  MetricDesc desc;
};

constexpr PairField kPairs[] = {
    {"ro", "Primary", {"node_drbd_node_role_is_primary", "1 when the node has the primary role.", kGauge}},
    {"ds", "UpToDate", {"node_drbd_disk_state_is_up_to_date", "1 when the node's disk is up to date.", kGauge}},
};

constexpr MetricDesc kConnected = {"node_drbd_connected", "1 when the nodes are connected and in sync.", kGauge};

struct Pair {
  bool local, remote;
};

struct DrbdDevice {
  std::string name;
  std::array<std::optional<uint64_t>, std::size(kNumbers)> numbers;
  std::array<std::optional<Pair>, std::size(kPairs)> pairs;
  std::optional<bool> connected;
};

// `key`:`value` of a device's lines; other keys are none of ours.
Result<void> take_pair(std::string_view key, std::string_view value, DrbdDevice& device) {
  const auto malformed = [&] { return fail(device.name + ": '" + std::string(key) + "' is malformed"); };
  for (size_t i = 0; i < std::size(kNumbers); ++i) {
    if (key != kNumbers[i].key) continue;
    const auto number = parse_u64(value);
    if (!number) return malformed();
    device.numbers[i] = number;
  }
  for (size_t i = 0; i < std::size(kPairs); ++i) {
    if (key != kPairs[i].key) continue;
    const std::string_view local = take(value, '/');
    if (local.empty() || value.empty()) return malformed();
    device.pairs[i] = Pair{local == kPairs[i].good, value == kPairs[i].good};
  }
  if (key == "cs") device.connected = value == "Connected";
  return {};
}

DrbdDevice& device_of(uint64_t minor, std::vector<DrbdDevice>& devices) {
  const std::string name = "drbd" + std::to_string(minor);
  const auto known =
      std::find_if(devices.begin(), devices.end(), [&](const DrbdDevice& device) { return device.name == name; });
  if (known != devices.end()) return *known;
  devices.push_back({name, {}, {}, {}});
  return devices.back();
}

Result<std::vector<DrbdDevice>> parse_drbd(std::string_view text) {
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  if (!text.starts_with("version:")) return fail("no version");
  std::vector<DrbdDevice> devices;
  DrbdDevice* device = nullptr;
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    for (auto word = take_field(line); !word.empty(); word = take_field(line)) {
      std::string_view value = word;
      const std::string_view key = take(value, ':');
      const auto minor = parse_u64(key);
      if (minor && word.ends_with(':') && value.empty()) device = &device_of(*minor, devices);
      if (device == nullptr || minor || value.empty()) continue;
      const auto taken = take_pair(key, value, *device);
      if (!taken) return unexpected(taken.error());
    }
  }
  return devices;
}

// Exact as long as it fits.
Value scaled(uint64_t number, uint64_t scale) {
  if (number > UINT64_MAX / scale) return static_cast<double>(number) * static_cast<double>(scale);
  return number * scale;
}

void write_devices(MetricWriter& writer, const std::vector<DrbdDevice>& devices) {
  for (size_t i = 0; i < std::size(kNumbers); ++i) {
    writer.family(kNumbers[i].desc);
    for (const DrbdDevice& device : devices)
      if (device.numbers[i])
        writer.sample(writer.labels(LabelSet{{"device", device.name}}), scaled(*device.numbers[i], kNumbers[i].scale));
  }
  for (size_t i = 0; i < std::size(kPairs); ++i) {
    writer.family(kPairs[i].desc);
    for (const DrbdDevice& device : devices) {
      if (!device.pairs[i]) continue;
      writer.sample(writer.labels(LabelSet{{"device", device.name}, {"node", "local"}}), device.pairs[i]->local);
      writer.sample(writer.labels(LabelSet{{"device", device.name}, {"node", "remote"}}), device.pairs[i]->remote);
    }
  }
  writer.family(kConnected);
  for (const DrbdDevice& device : devices)
    if (device.connected) writer.sample(writer.labels(LabelSet{{"device", device.name}}), *device.connected);
}

class DrbdCollector : public Collector {
 public:
  explicit DrbdCollector(const Setup& setup) : file_(setup.roots.proc + "/drbd", 4096) {}
  std::string_view name() const override { return "drbd"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto devices = read_and_parse(file_, parse_drbd);
    if (!devices && devices.error().code == ENOENT) return not_present(file_.path());
    if (!devices) return unexpected(devices.error());
    write_devices(writer, *devices);
    return {};
  }

 private:
  KeptFile file_;
};

}  // namespace

const Entry kDrbdCollector = {"drbd", "Block devices replicated by DRBD 8: proc drbd", Default::kOff,
                              make<DrbdCollector>};

}  // namespace plimsoll::collectors::host
