// SPDX-License-Identifier: Apache-2.0
// Whether files have changed since they were read: by device, inode, size and the times of content and inode
// (stat(2)). Links are followed: Kubernetes replaces secrets by moving a link.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace plimsoll::exporter {

// Not thread-safe.
class FileStamps {
 public:
  // Takes the file's stamp as it is now: before reading it, so that a later change is seen. "" is no file.
  void add(const std::string& path);
  // One that has come or gone has changed too.
  bool changed() const;

 private:
  struct Stamp {
    uint64_t device = 0, inode = 0;
    int64_t size = -1, content_ns = 0, inode_ns = 0;
    bool operator==(const Stamp&) const = default;
  };
  static Stamp of(const std::string& path);

  std::map<std::string, Stamp> stamps_;
};

}  // namespace plimsoll::exporter
