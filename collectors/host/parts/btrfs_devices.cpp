// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/parts/btrfs_devices.h"

#include <fcntl.h>
#include <linux/btrfs.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cstring>

#include "base/text.h"

namespace plimsoll::collectors::host {
namespace {

constexpr auto kGauge = MetricType::kGauge;
constexpr MetricDesc kSize = {"node_btrfs_device_size_bytes", "Size of a device of the file system, in bytes.", kGauge};
constexpr MetricDesc kUnused = {"node_btrfs_device_unused_bytes",
                                "Space of the device that is allocated to nothing, in bytes.", kGauge};
constexpr MetricDesc kErrors = {"node_btrfs_device_errors_total", "Errors of the device that btrfs noted, by kind.",
                                MetricType::kCounter};
constexpr std::string_view kErrorTypes[] = {"write", "read", "flush", "corruption", "generation"};

// Device numbers are given in sequence and never again: beyond so many, nobody has replaced disks.
constexpr uint64_t kMaxDeviceId = 4096;
// Mounts of one file system to try until one answers.
constexpr size_t kMaxMounts = 4;

std::string hexadecimal(const __u8 (&bytes)[BTRFS_UUID_SIZE]) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (__u8 byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

// 0abb23a9-579b-43e6-ad30-227ef47fcb9d
std::string with_dashes(std::string digits) {
  for (size_t place : {8, 13, 18, 23})
    if (digits.size() > place) digits.insert(place, "-");
  return digits;
}

std::optional<std::array<uint64_t, 5>> ask_errors(int fd, uint64_t id) {
  btrfs_ioctl_get_dev_stats stats{};
  stats.devid = id;
  stats.nr_items = std::size(kErrorTypes);
  if (::ioctl(fd, BTRFS_IOC_GET_DEV_STATS, &stats) != 0 || stats.nr_items < std::size(kErrorTypes)) return std::nullopt;
  std::array<uint64_t, 5> errors;
  std::copy_n(std::begin(stats.values), errors.size(), errors.begin());
  return errors;
}

// nullopt when there is no device of that number.
std::optional<BtrfsDevice> ask_device(int fd, uint64_t id) {
  btrfs_ioctl_dev_info_args info{};
  info.devid = id;
  if (::ioctl(fd, BTRFS_IOC_DEV_INFO, &info) != 0) return std::nullopt;
  const char* path = reinterpret_cast<const char*>(info.path);
  return BtrfsDevice{std::string(path, ::strnlen(path, sizeof info.path)), with_dashes(hexadecimal(info.uuid)),
                     info.total_bytes, info.bytes_used, ask_errors(fd, id)};
}

// The fields of a line are separated by single blanks; others within them are escaped.
std::optional<BtrfsMount> parse_mount(std::string_view line) {
  const size_t separator = line.find(" - btrfs ");
  if (separator == std::string_view::npos) return std::nullopt;
  std::string_view source = line.substr(separator + std::strlen(" - btrfs "));
  for (int i = 0; i < 4; ++i) take(line, ' ');
  return BtrfsMount{unescape_octal(take(line, ' ')), unescape_octal(take(source, ' '))};
}

// By source, each with its mount points.
std::map<std::string, std::vector<std::string>> by_source(const std::vector<BtrfsMount>& mounts) {
  std::map<std::string, std::vector<std::string>> sources;
  for (const BtrfsMount& mount : mounts) sources[mount.source].push_back(mount.mount_point);
  return sources;
}

// `type`: of an error; "" in the other families.
LabelSet device_labels(const BtrfsDevice& device, const std::string& uuid, std::string_view type = {}) {
  LabelSet labels;
  labels.add("btrfs_dev_uuid", device.uuid);
  labels.add("device", std::string_view(device.path).substr(device.path.rfind('/') + 1));
  if (!type.empty()) labels.add("type", type);
  labels.add("uuid", uuid);
  return labels;
}

void write_sizes(MetricWriter& writer, const std::vector<BtrfsDevices>& filesystems) {
  writer.family(kSize);
  for (const BtrfsDevices& filesystem : filesystems) {
    if (filesystem.answered) {
      for (const BtrfsDevice& device : *filesystem.answered)
        writer.sample(writer.labels(device_labels(device, filesystem.label_uuid)), device.total_bytes);
      continue;
    }
    for (const auto& [name, bytes] : filesystem.listed)
      writer.sample(writer.labels(LabelSet{{"device", name}, {"uuid", filesystem.label_uuid}}), bytes);
  }
}

}  // namespace

Result<BtrfsAnswer> ask_btrfs(const std::string& mount_point) {
  const UniqueFd fd(::open(mount_point.c_str(), O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return fail_errno(mount_point);
  btrfs_ioctl_fs_info_args info{};
  if (::ioctl(fd.get(), BTRFS_IOC_FS_INFO, &info) != 0) return fail_errno(mount_point);
  BtrfsAnswer answer{hexadecimal(info.fsid), {}};
  const uint64_t last = std::min<uint64_t>(info.max_id, kMaxDeviceId);
  for (uint64_t id = 0; id <= last && answer.devices.size() < info.num_devices; ++id)
    if (auto device = ask_device(fd.get(), id)) answer.devices.push_back(*std::move(device));
  return answer;
}

std::vector<BtrfsMount> parse_btrfs_mounts(std::string_view mountinfo) {
  std::vector<BtrfsMount> mounts;
  while (!mountinfo.empty())
    if (auto mount = parse_mount(take(mountinfo, '\n'))) mounts.push_back(*std::move(mount));
  return mounts;
}

BtrfsProbe::BtrfsProbe(const HostRoots& roots, Ask ask, std::chrono::nanoseconds timeout)
    : rootfs_(roots.rootfs),
      timeout_(timeout),
      init_(roots.proc + "/1/mountinfo"),
      own_(roots.proc + "/self/mountinfo"),
      answers_(std::make_unique<Answers>()),
      probe_(
          [ask = std::move(ask), answers = answers_.get()](const std::string& path) -> Result<FsUsage> {
            auto answer = ask(path);
            if (!answer) return unexpected(answer.error());
            const std::lock_guard lock(answers->mutex);
            answers->by_path.insert_or_assign(path, *std::move(answer));
            return FsUsage{};
          },
          MountProbe::Patience{}) {
  while (!rootfs_.empty() && rootfs_.back() == '/') rootfs_.pop_back();
}

// A path is outstanding until a later question is answered, which the probe asks only once the earlier call
// has come back.
BtrfsProbe::~BtrfsProbe() {
  if (!outstanding_.empty()) (void)answers_.release();
}

// As process 1 sees them, else as the agent does; there they may lie below rootfs already.
std::vector<BtrfsMount> BtrfsProbe::mounts() {
  auto text = init_.read();
  if (!text) text = own_.read();
  if (!text) return {};
  std::vector<BtrfsMount> mounts = parse_btrfs_mounts(*text);
  for (BtrfsMount& mount : mounts)
    if (!(mount.mount_point + "/").starts_with(rootfs_ + "/")) mount.mount_point = rootfs_ + mount.mount_point;
  return mounts;
}

std::map<std::string, std::vector<BtrfsDevice>> BtrfsProbe::ask_all() {
  std::map<std::string, std::vector<BtrfsDevice>> devices;
  auto sources = by_source(mounts());
  const auto deadline = std::chrono::steady_clock::now() + timeout_;
  for (size_t round = 0; round < kMaxMounts && !sources.empty(); ++round) {
    std::vector<std::string> paths, asked;
    std::erase_if(sources, [&](const auto& source) { return source.second.size() <= round; });
    for (const auto& [source, points] : sources) {
      asked.push_back(source);
      paths.push_back(points[round]);
    }
    const auto results = probe_.ask_all(paths, deadline);
    const std::lock_guard lock(answers_->mutex);
    for (size_t i = 0; i < paths.size(); ++i) {
      const bool late = !results[i] && results[i].error().code == ETIMEDOUT;
      if (late) outstanding_.insert(paths[i]);
      if (!late) outstanding_.erase(paths[i]);
      const auto answer = answers_->by_path.find(paths[i]);
      if (!results[i] || answer == answers_->by_path.end()) continue;
      devices.insert_or_assign(answer->second.fsid, answer->second.devices);
      sources.erase(asked[i]);
    }
    answers_->by_path.clear();
  }
  return devices;
}

void write_btrfs_devices(MetricWriter& writer, const std::vector<BtrfsDevices>& filesystems) {
  write_sizes(writer, filesystems);
  std::vector<std::pair<const BtrfsDevice*, std::string>> answered;  // with the file system's uuid
  for (const BtrfsDevices& filesystem : filesystems)
    if (filesystem.answered)
      for (const BtrfsDevice& device : *filesystem.answered) answered.emplace_back(&device, filesystem.label_uuid);
  writer.family(kUnused);
  for (const auto& [device, uuid] : answered)
    if (device->allocated_bytes <= device->total_bytes)
      writer.sample(writer.labels(device_labels(*device, uuid)), device->total_bytes - device->allocated_bytes);
  writer.family(kErrors);
  for (const auto& [device, uuid] : answered)
    for (size_t type = 0; device->errors && type < std::size(kErrorTypes); ++type)
      writer.sample(writer.labels(device_labels(*device, uuid, kErrorTypes[type])), (*device->errors)[type]);
}

}  // namespace plimsoll::collectors::host
