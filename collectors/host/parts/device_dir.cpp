// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/parts/device_dir.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"

namespace plimsoll::collectors::host {
namespace {

// Drivers may answer late, but a reader must not wait for something that is not a regular file at all.
constexpr int kOpenFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;

// Listings after which a file that was not there is looked for again: drivers are loaded, CPUs come back.
constexpr uint64_t kAbsentFor = 16;

std::vector<std::string> sorted_names(const Dir& dir) {
  std::vector<std::string> names;
  auto entries = dir.list();
  if (!entries) return names;
  for (Dir::Entry& entry : *entries) names.push_back(std::move(entry.name));
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

Device::Device(std::string name, ino_t inode, UniqueFd dir, DeviceReading& reading)
    : name_(std::move(name)), inode_(inode), dir_(std::move(dir)), reading_(reading) {}

Device::~Device() {
  for (const auto& [name, file] : files_) reading_.descriptors_left += file.fd ? 1 : 0;
}

Result<void> Device::open(const std::string& attribute, File& file) {
  file.fd.reset(::openat(dir_.get(), attribute.c_str(), kOpenFlags));
  if (file.fd) return {};
  file.absent = errno == ENOENT;
  return fail_errno(attribute);
}

// A kept descriptor whose file has been made anew (a driver that was reloaded) fails with ENODEV.
Result<std::string_view> Device::read(std::string_view attribute) {
  auto found = files_.find(attribute);
  if (found == files_.end()) found = files_.emplace(std::string(attribute), File{}).first;
  File& file = found->second;
  const auto failed = [&](int code) { return unexpected(Error{code, name_ + "/" + found->first}); };
  if (file.absent) return failed(ENOENT);
  const bool kept = file.fd.valid();
  if (!kept) {
    if (auto opened = open(found->first, file); !opened) return failed(opened.error().code);
  }
  auto text = reading_.buffer.read(file.fd.get(), ReadBuffer::Until::kEnd);
  if (!text && kept && text.error().code == ENODEV && open(found->first, file))
    text = reading_.buffer.read(file.fd.get(), ReadBuffer::Until::kEnd);
  keep(file, kept);
  return text ? text : Result<std::string_view>(failed(text.error().code));
}

void Device::keep(File& file, bool kept_before) {
  if (kept_before && !file.fd) ++reading_.descriptors_left;
  if (kept_before || !file.fd) return;
  if (reading_.descriptors_left == 0) return file.fd.reset();
  --reading_.descriptors_left;
}

void Device::forget_absent() {
  for (auto& [name, file] : files_) file.absent = false;
}

std::optional<std::string_view> Device::text(std::string_view attribute) {
  const auto text = read(attribute);
  if (!text) return std::nullopt;
  return trim(*text);
}

std::optional<uint64_t> Device::number(std::string_view attribute) {
  const auto value = text(attribute);
  return value ? parse_u64(*value) : std::nullopt;
}

std::vector<std::string> Device::list(const std::string& directory) const {
  UniqueFd fd(::openat(dir_.get(), directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return {};
  return sorted_names(Dir(std::move(fd)));
}

DeviceDir::DeviceDir(std::string path, size_t keep) : path_(std::move(path)), reading_{ReadBuffer(4096), keep} {}

// The inode tells a device from another one of the same name that came in its place.
void DeviceDir::refresh_one(const std::string& name, int parent) {
  struct stat status;
  if (::fstatat(parent, name.c_str(), &status, 0) != 0 || !S_ISDIR(status.st_mode)) {
    devices_.erase(name);
    return;
  }
  const auto known = devices_.find(name);
  if (known != devices_.end() && known->second->inode() == status.st_ino) return;
  UniqueFd dir(::openat(parent, name.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (known != devices_.end()) devices_.erase(known);
  if (dir) devices_.emplace(name, std::make_unique<Device>(name, status.st_ino, std::move(dir), reading_));
}

Result<std::vector<Device*>> DeviceDir::devices() {
  const auto dir = Dir::open(path_);
  if (!dir && (dir.error().code == ENOENT || dir.error().code == ENOTDIR)) {
    devices_.clear();
    return not_present(path_);
  }
  if (!dir) return unexpected(dir.error());
  const auto names = sorted_names(*dir);
  std::erase_if(devices_,
                [&](const auto& device) { return !std::binary_search(names.begin(), names.end(), device.first); });
  for (const std::string& name : names) refresh_one(name, dir->fd());
  if (++listings_ % kAbsentFor == 0) {
    for (const auto& [name, device] : devices_) device->forget_absent();
  }
  std::vector<Device*> devices;
  for (const auto& [name, device] : devices_) devices.push_back(device.get());
  return devices;
}

}  // namespace plimsoll::collectors::host
