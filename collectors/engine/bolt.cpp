// SPDX-License-Identifier: Apache-2.0
#include "collectors/engine/bolt.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>
#include <optional>

namespace plimsoll::engine {
namespace {

constexpr uint32_t kMagic = 0xED0CDAED, kVersion = 2;
constexpr uint16_t kBranch = 1, kLeaf = 2, kMeta = 4;
constexpr uint32_t kBucketEntry = 1;
constexpr size_t kSmallestPage = 512, kLargestPage = 64 * 1024;
constexpr int kDeepest = 32;  // levels of one tree; 4096-byte pages reach 2^32 entries with five
constexpr int kAttempts = 4;  // while the writer commits under our hands
// Bytes of one page with what it overflows into. Branches hold keys alone, and one of each level is kept.
constexpr size_t kLargestLeaf = 4 * 1024 * 1024, kLargestBranch = 256 * 1024;

struct PageHeader {
  uint64_t id;
  uint16_t flags, count;
  uint32_t overflow;
};
struct BucketHeader {
  uint64_t root, sequence;
};
struct Meta {
  uint32_t magic, version, page_size, flags;
  BucketHeader root;
  uint64_t free_list, end, txid, checksum;
};
struct BranchElement {
  uint32_t pos, key_size;
  uint64_t page;
};
struct LeafElement {
  uint32_t flags, pos, key_size, value_size;
};
static_assert(sizeof(PageHeader) == 16 && sizeof(Meta) == 64 && sizeof(BranchElement) == 16 &&
              sizeof(LeafElement) == 16);

uint64_t fnv1a(std::string_view bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : bytes) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return hash;
}

// The struct at `offset` of `bytes`, if it lies within.
template <typename T>
std::optional<T> load(std::string_view bytes, size_t offset) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

std::optional<std::string_view> slice(std::string_view bytes, size_t offset, size_t size) {
  if (offset > bytes.size() || bytes.size() - offset < size) return std::nullopt;
  return bytes.substr(offset, size);
}

Unexpected damaged(std::string_view what) { return unexpected(Error{EINVAL, std::string(what)}); }

// `size` bytes at `offset`; all or nothing.
bool read_exactly(int fd, char* to, size_t size, uint64_t offset) {
  while (size > 0) {
    const ssize_t n = ::pread(fd, to, size, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    to += n;
    offset += static_cast<uint64_t>(n);
    size -= static_cast<size_t>(n);
  }
  return true;
}

std::optional<Meta> read_meta(int fd, uint64_t offset) {
  char bytes[sizeof(PageHeader) + sizeof(Meta)];
  if (!read_exactly(fd, bytes, sizeof bytes, offset)) return std::nullopt;
  const std::string_view page(bytes, sizeof bytes);
  const auto header = load<PageHeader>(page, 0);
  const auto meta = load<Meta>(page, sizeof(PageHeader));
  if (header->flags != kMeta || meta->magic != kMagic || meta->version != kVersion) return std::nullopt;
  if (meta->checksum != fnv1a(page.substr(sizeof(PageHeader), offsetof(Meta, checksum)))) return std::nullopt;
  const bool sane = std::has_single_bit(meta->page_size) && meta->page_size >= kSmallestPage &&
                    meta->page_size <= kLargestPage && meta->end >= 2 && meta->end <= (uint64_t{1} << 40);
  return sane ? meta : std::nullopt;
}

// The newest transaction. The second meta lies one page further; when the first is damaged, so is the size
// of a page, and the sizes there are get tried.
Result<Meta> newest_meta(int fd) {
  const auto first = read_meta(fd, 0);
  std::optional<Meta> second;
  if (first) {
    second = read_meta(fd, first->page_size);
  } else {
    for (size_t size = kSmallestPage; size <= kLargestPage && !second; size *= 2) {
      second = read_meta(fd, size);
      if (second && second->page_size != size) second.reset();
    }
  }
  if (!first && !second) return damaged("no bbolt database");
  return !second || (first && first->txid > second->txid) ? *first : *second;
}

// One walk through one transaction.
class Walk {
 public:
  // No walk visits a page more than twice: a ring of pages ends soon.
  Walk(int fd, const Meta& meta, const BoltLimits& limits, size_t file_size) : fd_(fd), meta_(meta), limits_(limits) {
    limits_.read = std::min(limits_.read, 2 * file_size);
  }

  Result<std::vector<BoltEntry>> list(std::span<const std::string_view> path);

 private:
  // A bucket: the page of its root, or, when it is inline, that page itself.
  struct Bucket {
    uint64_t root = 0;
    std::string inline_page;
  };

  Result<std::string> read_page(uint64_t id);
  Result<Bucket> find_bucket(const Bucket& parent, std::string_view name);
  Result<Bucket> find_in_leaf(std::string_view page, std::string_view name) const;
  Result<uint64_t> child_for(std::string_view page, std::string_view name) const;
  Result<void> take_page(std::string_view page, int depth, std::vector<BoltEntry>& entries);
  Result<void> take_branch(std::string_view page, int depth, std::vector<BoltEntry>& entries);
  Result<void> take_leaf(std::string_view page, std::vector<BoltEntry>& entries);

  int fd_;
  const Meta& meta_;
  BoltLimits limits_;  // what is left of them
};

struct Element {
  std::string_view key, value;
  bool is_bucket;
};

// Element `index` of a leaf page; positions count from the element itself.
std::optional<Element> leaf_element(std::string_view page, size_t index) {
  const size_t at = sizeof(PageHeader) + index * sizeof(LeafElement);
  const auto element = load<LeafElement>(page, at);
  if (!element) return std::nullopt;
  const auto key = slice(page, at + element->pos, element->key_size);
  const auto value = slice(page, at + element->pos + element->key_size, element->value_size);
  if (!key || !value) return std::nullopt;
  return Element{*key, *value, (element->flags & kBucketEntry) != 0};
}

struct Branch {
  std::string_view key;
  uint64_t page;
};

std::optional<Branch> branch_element(std::string_view page, size_t index) {
  const size_t at = sizeof(PageHeader) + index * sizeof(BranchElement);
  const auto element = load<BranchElement>(page, at);
  if (!element) return std::nullopt;
  const auto key = slice(page, at + element->pos, element->key_size);
  return key ? std::optional(Branch{*key, element->page}) : std::nullopt;
}

// Of a page that may be too short to have a header: an inline one.
PageHeader header_of(std::string_view page) { return load<PageHeader>(page, 0).value_or(PageHeader{}); }

Result<std::string> Walk::read_page(uint64_t id) {
  if (id < 2 || id >= meta_.end) return damaged("page out of bounds");
  std::string page(meta_.page_size, '\0');
  if (!read_exactly(fd_, page.data(), page.size(), id * meta_.page_size)) return damaged("truncated");
  const auto header = load<PageHeader>(page, 0);
  if (header->id != id || (header->flags != kBranch && header->flags != kLeaf)) return damaged("page of another kind");
  const uint64_t size = (uint64_t{header->overflow} + 1) * meta_.page_size;
  if (header->overflow >= meta_.end - id || size > (header->flags == kLeaf ? kLargestLeaf : kLargestBranch))
    return damaged("overflow out of bounds");
  if (size > limits_.read) return unexpected(Error{EFBIG, "pages"});
  limits_.read -= size;
  const size_t have = page.size();
  page.resize(size);
  if (size > have && !read_exactly(fd_, page.data() + have, size - have, id * meta_.page_size + have))
    return damaged("truncated");
  return page;
}

// The last child whose first key is not beyond `name`; the first one if all are.
Result<uint64_t> Walk::child_for(std::string_view page, std::string_view name) const {
  std::optional<uint64_t> child;
  for (size_t i = 0; i < header_of(page).count; ++i) {
    const auto branch = branch_element(page, i);
    if (!branch) return damaged("branch out of bounds");
    if (child && branch->key > name) break;
    child = branch->page;
  }
  if (!child) return damaged("empty branch");
  return *child;
}

Result<Walk::Bucket> Walk::find_in_leaf(std::string_view page, std::string_view name) const {
  for (size_t i = 0; i < header_of(page).count; ++i) {
    const auto element = leaf_element(page, i);
    if (!element) return damaged("leaf out of bounds");
    if (element->key != name) continue;
    const auto header = load<BucketHeader>(element->value, 0);
    if (!element->is_bucket) break;
    if (!header) return damaged("bucket too short");
    Bucket bucket{header->root, ""};
    if (header->root != 0) return bucket;
    bucket.inline_page = element->value.substr(sizeof(BucketHeader));
    if (header_of(bucket.inline_page).flags != kLeaf) return damaged("inline bucket of another kind");
    return bucket;
  }
  return unexpected(Error{ENOENT, std::string(name)});
}

Result<Walk::Bucket> Walk::find_bucket(const Bucket& parent, std::string_view name) {
  if (parent.root == 0) return find_in_leaf(parent.inline_page, name);
  uint64_t id = parent.root;
  for (int depth = 0; depth < kDeepest; ++depth) {
    auto page = read_page(id);
    if (!page) return unexpected(page.error());
    if (header_of(*page).flags == kLeaf) return find_in_leaf(*page, name);
    auto child = child_for(*page, name);
    if (!child) return unexpected(child.error());
    id = *child;
  }
  return damaged("too deep");
}

Result<void> Walk::take_leaf(std::string_view page, std::vector<BoltEntry>& entries) {
  for (size_t i = 0; i < header_of(page).count; ++i) {
    const auto element = leaf_element(page, i);
    if (!element) return damaged("leaf out of bounds");
    const std::string_view value = element->is_bucket ? std::string_view() : element->value;
    const size_t size = element->key.size() + value.size();
    if (size > limits_.bytes || limits_.entries == 0) return unexpected(Error{EFBIG, "entries"});
    limits_.bytes -= size;
    --limits_.entries;
    entries.push_back({std::string(element->key), std::string(value), element->is_bucket});
  }
  return {};
}

Result<void> Walk::take_branch(std::string_view page, int depth, std::vector<BoltEntry>& entries) {
  for (size_t i = 0; i < header_of(page).count; ++i) {
    const auto branch = branch_element(page, i);
    if (!branch) return damaged("branch out of bounds");
    auto child = read_page(branch->page);
    if (!child) return unexpected(child.error());
    if (auto taken = take_page(*child, depth + 1, entries); !taken) return taken;
  }
  return {};
}

Result<void> Walk::take_page(std::string_view page, int depth, std::vector<BoltEntry>& entries) {
  if (depth >= kDeepest) return damaged("too deep");
  return header_of(page).flags == kLeaf ? take_leaf(page, entries) : take_branch(page, depth, entries);
}

Result<std::vector<BoltEntry>> Walk::list(std::span<const std::string_view> path) {
  Bucket bucket{meta_.root.root, ""};
  if (bucket.root == 0) return damaged("no root");
  for (const std::string_view name : path) {
    auto next = find_bucket(bucket, name);
    if (!next) return unexpected(next.error());
    bucket = std::move(*next);
  }
  std::vector<BoltEntry> entries;
  if (bucket.root == 0) {
    if (auto taken = take_leaf(bucket.inline_page, entries); !taken) return unexpected(taken.error());
    return entries;
  }
  auto page = read_page(bucket.root);
  if (!page) return unexpected(page.error());
  if (auto taken = take_page(*page, 0, entries); !taken) return unexpected(taken.error());
  return entries;
}

}  // namespace

Result<BoltFile> BoltFile::open(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY));
  if (!fd) return fail_errno(path);
  struct stat st;
  if (::fstat(fd.get(), &st) != 0) return fail_errno(path);
  if (!S_ISREG(st.st_mode)) return unexpected(Error{EINVAL, path});
  return BoltFile(std::move(fd));
}

Result<std::vector<BoltEntry>> BoltFile::list(std::span<const std::string_view> path) const {
  struct stat st;
  if (::fstat(fd_.get(), &st) != 0) return fail_errno("bbolt");
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const auto before = newest_meta(fd_.get());
    if (!before) return unexpected(before.error());
    auto entries = Walk(fd_.get(), *before, limits_, static_cast<size_t>(st.st_size)).list(path);
    const auto after = newest_meta(fd_.get());
    if (after && after->txid == before->txid) return entries;
  }
  return unexpected(Error{EAGAIN, "bbolt"});
}

const std::string* find_value(const std::vector<BoltEntry>& entries, std::string_view key) {
  for (const BoltEntry& entry : entries) {
    if (entry.key == key && !entry.is_bucket) return &entry.value;
  }
  return nullptr;
}

}  // namespace plimsoll::engine
