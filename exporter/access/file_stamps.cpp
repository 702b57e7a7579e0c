// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/file_stamps.h"

#include <sys/stat.h>

#include <algorithm>

namespace plimsoll::exporter {
namespace {

int64_t nanoseconds(const timespec& time) { return static_cast<int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec; }

}  // namespace

FileStamps::Stamp FileStamps::of(const std::string& path) {
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0) return {};
  return {info.st_dev, info.st_ino, info.st_size, nanoseconds(info.st_mtim), nanoseconds(info.st_ctim)};
}

void FileStamps::add(const std::string& path) {
  if (!path.empty()) stamps_[path] = of(path);
}

bool FileStamps::changed() const {
  return std::any_of(stamps_.begin(), stamps_.end(), [](const auto& entry) { return of(entry.first) != entry.second; });
}

}  // namespace plimsoll::exporter
