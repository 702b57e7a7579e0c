// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/inventory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"

namespace plimsoll::collectors::container {
namespace {

constexpr size_t kListingBytes = 32 * 1024;

// systemd makes a group per mount point; nothing ever runs in them.
bool is_skipped(std::string_view name) { return name.ends_with(".mount"); }

// The same group in at least one hierarchy.
bool is_same(const cgroup::CgroupReader& one, const cgroup::CgroupReader& other, size_t hierarchies) {
  for (size_t i = 0; i < hierarchies; ++i) {
    if (one.inode_in(i) != 0 && one.inode_in(i) == other.inode_in(i)) return true;
  }
  return false;
}

bool has_children(int fd) {
  struct stat st;
  return ::fstat(fd, &st) == 0 && st.st_nlink > 2;
}

}  // namespace

struct Inventory::Node {
  Group group;
  std::map<std::string, std::unique_ptr<Node>, std::less<>> children;
  uint64_t seen = 0;                               // generation in which it was listed last
  uint32_t listed = 0;                             // bit per hierarchy in which it was listed then
  std::array<uint64_t, kMaxHierarchies> inodes{};  // as listed; 0 = not there
  uint64_t made = 0;                               // generation in which it, or another in its place, was found
  bool leaving = false;                            // a container that is being removed
};

Inventory::Inventory(cgroup::Layout layout, cgroup::ReadOptions options, cgroup::FdBudget budget)
    : layout_(std::move(layout)),
      options_(options),
      budget_(std::make_unique<cgroup::FdBudget>(budget)),
      root_(std::make_unique<Node>()),
      listing_(new char[kListingBytes]) {
  if (layout_.hierarchies.size() > kMaxHierarchies) layout_.hierarchies.resize(kMaxHierarchies);
  const std::vector<bool> all(layout_.hierarchies.size(), true);
  identifying_ = cgroup::identifying_hierarchy(layout_, all);
  root_->group.path = "/";
}

Inventory::~Inventory() = default;

// Engines remove a group from one hierarchy after the other. Of a container, what is left then is not a
// container any more.
bool Inventory::is_leaving(const Node& node, const cgroup::CgroupReader& now) const {
  return node.group.identity && node.group.reader && is_whole(node.group) && now.inode_in(identifying_) == 0;
}

// (Re)opens the reader. What was known about the group stays if it is still the same one: it may only
// have appeared in, or gone from, one more hierarchy.
bool Inventory::open(Node& node) {
  auto reader = cgroup::CgroupReader::open(layout_, node.group.path, *budget_, options_);
  if (reader && node.leaving && reader->inode_in(identifying_) == 0) return false;
  node.leaving = reader && is_leaving(node, *reader);
  const bool same =
      reader && !node.leaving && node.group.reader && is_same(*node.group.reader, *reader, layout_.hierarchies.size());
  if (!same) {
    tell(node.group);
    std::string path = std::move(node.group.path);
    node.group = Group{};
    node.group.path = std::move(path);
  }
  if (!reader || node.leaving) return false;
  node.group.reader = std::move(*reader);
  return true;
}

void Inventory::note(Node& parent, std::string_view name, uint64_t inode, size_t hierarchy,
                     std::vector<Node*>& children) {
  if (is_skipped(name)) return;
  auto found = parent.children.find(name);
  if (found == parent.children.end()) {
    auto made = std::make_unique<Node>();
    made->group.path = (parent.group.path == "/" ? "" : parent.group.path) + "/" + std::string(name);
    found = parent.children.emplace(std::string(name), std::move(made)).first;
  }
  Node& child = *found->second;
  if (child.seen != generation_) child.listed = 0;
  child.seen = generation_;
  child.listed |= 1u << hierarchy;
  const bool changed = child.inodes[hierarchy] != inode;
  if (changed) child.made = generation_;
  child.inodes[hierarchy] = inode;
  if (changed || !child.group.reader) open(child);
  if (child.group.reader) children.push_back(&child);
}

void Inventory::list(Node& node, int fd, size_t hierarchy, std::vector<Node*>& children) {
  ::lseek(fd, 0, SEEK_SET);
  while (true) {
    const ssize_t filled = ::getdents64(fd, listing_.get(), kListingBytes);
    if (filled <= 0) return;
    for (ssize_t at = 0; at < filled;) {
      const auto* entry = reinterpret_cast<const dirent64*>(listing_.get() + at);
      at += entry->d_reclen;
      const std::string_view name = entry->d_name;
      if (entry->d_type == DT_DIR && name != "." && name != "..") note(node, name, entry->d_ino, hierarchy, children);
    }
  }
}

void Inventory::visit(Node& node, size_t hierarchy, bool whole_tree) {
  const int kept = node.group.reader->directory_fd(hierarchy);
  UniqueFd opened;
  if (kept < 0) {
    if (node.group.reader->inode_in(hierarchy) == 0) return;
    const std::string full = layout_.hierarchies[hierarchy].mount_point + node.group.path;
    opened.reset(::open(full.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  const int fd = kept < 0 ? opened.get() : kept;
  if (fd < 0 || !has_children(fd)) return;
  std::vector<Node*> children;
  list(node, fd, hierarchy, children);
  for (Node* child : children) {
    if (whole_tree || child->made == generation_) visit(*child, hierarchy, true);
  }
}

void Inventory::tell(const Group& group) const {
  if (gone_ != nullptr && group.reader) (*gone_)(group);
}

// Tells of a group and all below it that they are gone.
void Inventory::tell_gone(const Node& node) {
  tell(node.group);
  for (const auto& [name, child] : node.children) tell_gone(*child);
}

// Drops the children that were not seen, and lets go of their directories that were removed.
void Inventory::prune(Node& node, bool whole_tree) {
  std::erase_if(node.children, [&](const auto& child) {
    const bool unseen = child.second->seen != generation_;
    if (unseen) tell_gone(*child.second);
    return unseen;
  });
  for (auto& [name, child] : node.children) {
    for (size_t i = 0; i < layout_.hierarchies.size(); ++i) {
      const bool gone = child->inodes[i] != 0 && (child->listed & (1u << i)) == 0;
      if (!gone) continue;
      child->inodes[i] = 0;
      open(*child);
    }
    if (whole_tree || child->made == generation_) prune(*child, true);
  }
}

void Inventory::gather(Node& node) {
  if (node.group.reader) groups_.push_back(&node.group);
  for (auto& [name, child] : node.children) gather(*child);
}

// Lists one directory anew in every hierarchy, and what is new in it with all below.
void Inventory::relist(Node& node, bool whole_tree) {
  ++generation_;
  for (size_t i = 0; i < layout_.hierarchies.size() && node.group.reader; ++i) visit(node, i, whole_tree);
  prune(node, whole_tree);
}

Result<void> Inventory::refresh(const std::function<void(const Group&)>& gone) {
  gone_ = gone ? &gone : nullptr;
  groups_.clear();
  if (!root_->group.reader && !open(*root_)) return unexpected(Error{ENOENT, "root cgroup"});
  relist(*root_, true);
  gather(*root_);
  return {};
}

void Inventory::refresh_below(std::span<const std::string> parents, const std::function<void(const Group&)>& gone) {
  gone_ = gone ? &gone : nullptr;
  for (const std::string& path : parents) {
    if (Node* node = node_at(path)) relist(*node, false);
  }
  groups_.clear();
  gather(*root_);
}

Inventory::Node* Inventory::node_at(std::string_view path) const {
  Node* node = root_.get();
  if (path.starts_with('/')) path.remove_prefix(1);
  while (!path.empty()) {
    const auto found = node->children.find(take(path, '/'));
    if (found == node->children.end()) return nullptr;
    node = found->second.get();
  }
  return node->group.reader ? node : nullptr;
}

Group* Inventory::find(std::string_view path) const {
  Node* node = node_at(path);
  return node == nullptr ? nullptr : &node->group;
}

bool Inventory::is_whole(const Group& group) const { return group.reader->inode_in(identifying_) != 0; }

}  // namespace plimsoll::collectors::container
