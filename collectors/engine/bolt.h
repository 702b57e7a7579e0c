// SPDX-License-Identifier: Apache-2.0
// A bounded, read-only reader of bbolt databases, in which containerd and podman keep what they know. A
// file of pages: two metas, then a B+ tree of buckets, whose leaves hold keys, values and further buckets.
// No Debian library for C or C++ reads it.
//
//   page    id:8 flags:2 count:2 overflow:4          1 branch, 2 leaf, 4 meta, 16 free list
//   meta    magic 0xED0CDAED, version 2, page size, flags, root bucket, free list, end, txid, FNV-1a of all that
//   leaf    count x {flags:4 (1 = bucket) pos:4 ksize:4 vsize:4}, then keys and values; a bucket's value is
//           {root:8 sequence:8}, and with root 0 a page of its own follows within the value
//
// Numbers are in the byte order of the machine that wrote it. The engine writes while we read, without telling:
// go.etcd.io/bbolt copies on write, so a transaction's pages stay until the next but one is being written.
// We therefore look at the metas again afterwards. https://github.com/etcd-io/bbolt (page.go, bucket.go)
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/os.h"
#include "base/result.h"

namespace plimsoll::engine {

struct BoltEntry {
  std::string key, value;  // the value of a bucket is empty
  bool is_bucket = false;
};

// Bounds of one call; what lies beyond fails with EFBIG.
struct BoltLimits {
  size_t bytes = 8 * 1024 * 1024;  // of keys and values that are handed out
  size_t entries = 65536;
  size_t read = 64 * 1024 * 1024;  // of pages that are looked at
};

class BoltFile {
 public:
  // Takes a regular file (EINVAL for anything else, ELOOP for a symbolic link); never blocks. The file is kept
  // open; one that was replaced by another has to be opened again.
  static Result<BoltFile> open(const std::string& path);
  explicit BoltFile(UniqueFd fd, BoltLimits limits = {}) : fd_(std::move(fd)), limits_(limits) {}

  // All entries of the bucket at `path` (names of nested buckets, from the root), in the order of their keys,
  // from one transaction. ENOENT when there is no such bucket; EAGAIN when the writer was faster several
  // times; EINVAL when the file is no database or damaged where we looked.
  Result<std::vector<BoltEntry>> list(std::span<const std::string_view> path) const;
  Result<std::vector<BoltEntry>> list(std::initializer_list<std::string_view> path) const {
    return list(std::span(path.begin(), path.size()));
  }

  int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
  BoltLimits limits_;
};

// The value of `key` among `entries`; nullptr when it is missing or a bucket.
const std::string* find_value(const std::vector<BoltEntry>& entries, std::string_view key);

}  // namespace plimsoll::engine
