// SPDX-License-Identifier: Apache-2.0
// Makes bbolt databases for tests, byte for byte as collectors/engine/bolt.h describes them:
//   write_bolt({.buckets = {{"v1", {.values = {{"version", "1"}}}}}})
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace plimsoll::test {

struct BoltBucket {
  std::map<std::string, std::string> values = {};
  std::map<std::string, BoltBucket> buckets = {};
  bool inlined = false;  // within its parent's page; only for buckets without buckets
};

class BoltWriter {
 public:
  // `per_page`: entries of a leaf and children of a branch, to get deep trees of few keys.
  explicit BoltWriter(size_t page_size = 4096, size_t per_page = 64) : page_size_(page_size), per_page_(per_page) {}

  std::string write(const BoltBucket& root, uint64_t txid = 8) {
    pages_.assign(3, std::string(page_size_, '\0'));
    put_header(pages_[2], 2, 16, 0, 0);
    const uint64_t root_page = add_bucket(root);
    put_meta(0, txid % 2 == 0 ? txid : txid - 1, root_page);
    put_meta(1, txid % 2 == 1 ? txid : txid - 1, root_page);
    std::string file;
    for (const std::string& page : pages_) file += page;
    return file;
  }

 private:
  struct Entry {
    std::string key, value;
    uint32_t flags;
  };

  template <typename T>
  static void put(std::string& page, size_t at, T value) {
    if (page.size() < at + sizeof value) page.resize(at + sizeof value);
    std::memcpy(page.data() + at, &value, sizeof value);
  }
  static void put_header(std::string& page, uint64_t id, uint16_t flags, uint16_t count, uint32_t overflow) {
    put(page, 0, id);
    put(page, 8, flags);
    put(page, 10, count);
    put(page, 12, overflow);
  }
  void put_meta(size_t id, uint64_t txid, uint64_t root) {
    std::string& page = pages_[id];
    put_header(page, id, 4, 0, 0);
    put<uint32_t>(page, 16, 0xED0CDAED);
    put<uint32_t>(page, 20, 2);
    put(page, 24, static_cast<uint32_t>(page_size_));
    put(page, 32, root);
    put<uint64_t>(page, 48, 2);
    put<uint64_t>(page, 56, pages_.size());
    put(page, 64, txid);
    uint64_t hash = 0xcbf29ce484222325;
    for (size_t i = 16; i < 72; ++i) hash = (hash ^ static_cast<uint8_t>(page[i])) * 0x100000001b3;
    put(page, 72, hash);
  }

  static std::string leaf(const std::vector<Entry>& entries, size_t from, size_t to) {
    std::string page(16 + 16 * (to - from), '\0');
    put_header(page, 0, 2, static_cast<uint16_t>(to - from), 0);
    for (size_t i = from; i < to; ++i) {
      const size_t at = 16 + 16 * (i - from);
      put(page, at, entries[i].flags);
      put(page, at + 4, static_cast<uint32_t>(page.size() - at));
      put(page, at + 8, static_cast<uint32_t>(entries[i].key.size()));
      put(page, at + 12, static_cast<uint32_t>(entries[i].value.size()));
      page += entries[i].key + entries[i].value;
    }
    return page;
  }
  uint64_t add_page(std::string page) {
    const uint64_t id = pages_.size();
    const size_t count = (page.size() + page_size_ - 1) / page_size_;
    put(page, 0, id);
    put(page, 12, static_cast<uint32_t>(count - 1));
    page.resize(count * page_size_);
    for (size_t i = 0; i < count; ++i) pages_.push_back(page.substr(i * page_size_, page_size_));
    return id;
  }
  uint64_t add_bucket(const BoltBucket& bucket) {
    const std::vector<Entry> entries = entries_of(bucket);
    std::vector<std::pair<std::string, uint64_t>> level;
    for (size_t i = 0; i == 0 || i < entries.size(); i += per_page_)
      level.emplace_back(entries.empty() ? "" : entries[i].key,
                         add_page(leaf(entries, i, std::min(i + per_page_, entries.size()))));
    while (level.size() > 1) level = add_branches(level);
    return level[0].second;
  }
  std::vector<std::pair<std::string, uint64_t>> add_branches(
      const std::vector<std::pair<std::string, uint64_t>>& children) {
    std::vector<std::pair<std::string, uint64_t>> level;
    for (size_t from = 0; from < children.size(); from += per_page_) {
      const size_t count = std::min(per_page_, children.size() - from);
      std::string page(16 + 16 * count, '\0');
      put_header(page, 0, 1, static_cast<uint16_t>(count), 0);
      for (size_t i = 0; i < count; ++i) {
        const size_t at = 16 + 16 * i;
        put(page, at, static_cast<uint32_t>(page.size() - at));
        put(page, at + 4, static_cast<uint32_t>(children[from + i].first.size()));
        put(page, at + 8, children[from + i].second);
        page += children[from + i].first;
      }
      level.emplace_back(children[from].first, add_page(std::move(page)));
    }
    return level;
  }
  std::vector<Entry> entries_of(const BoltBucket& bucket) {
    std::vector<Entry> entries;
    for (const auto& [key, value] : bucket.values) entries.push_back({key, value, 0});
    for (const auto& [key, child] : bucket.buckets) {
      std::string value(16, '\0');
      if (child.inlined) {
        const auto inner = entries_of(child);
        value += leaf(inner, 0, inner.size());
      } else {
        put(value, 0, add_bucket(child));
      }
      entries.push_back({key, value, 1});
    }
    std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.key < b.key; });
    return entries;
  }

  size_t page_size_, per_page_;
  std::vector<std::string> pages_;
};

inline std::string write_bolt(const BoltBucket& root) { return BoltWriter().write(root); }

}  // namespace plimsoll::test
