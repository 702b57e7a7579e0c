// SPDX-License-Identifier: Apache-2.0
// All cgroups of the machine, kept between scrapes: a tree of names over all hierarchies, each group
// with its open reader. New groups are found at every scrape without listing the leaves: the link
// count of a cgroup directory is 2 + its children's, so only directories with children are listed,
// and an entry's inode number tells a path that was made again.
// cgroups(7), getdents64(2)
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/cgroup/reader.h"
#include "collectors/container/group.h"

namespace plimsoll::collectors::container {

class Inventory {
 public:
  // `layout` with measured hierarchies only (cgroup::measured_part); at most kMaxHierarchies are read.
  Inventory(cgroup::Layout layout, cgroup::ReadOptions options, cgroup::FdBudget budget);
  ~Inventory();

  // Brings the groups up to date with the machine. Error when the root group cannot be opened. `gone` is
  // called for each group that was there before and is no more (or is another one by now), with what was
  // known about it. A container that loses the hierarchy that identifies it is being removed: it is gone,
  // and what is left of it is not shown.
  Result<void> refresh(const std::function<void(const Group&)>& gone = {});
  // The same for the children of these groups only, in which something came or went (parents before
  // children); after at least one refresh().
  void refresh_below(std::span<const std::string> parents, const std::function<void(const Group&)>& gone = {});
  // Grows with every refresh that may have changed something.
  uint64_t generation() const { return generation_; }
  // Groups, parents before children, siblings by name; valid until the next refresh(). A group whose
  // directory has gone since answers ENODEV when it is read.
  const std::vector<Group*>& groups() const { return groups_; }
  // nullptr when there is no such group.
  Group* find(std::string_view path) const;
  // Whether the group stands in the hierarchy that identifies groups on this machine. One that does
  // not is being made or being removed.
  bool is_whole(const Group& group) const;

  // The descriptors of all groups' files.
  const cgroup::FdBudget& budget() const { return *budget_; }

  static constexpr size_t kMaxHierarchies = 8;

 private:
  struct Node;
  bool open(Node& node);
  bool is_leaving(const Node& node, const cgroup::CgroupReader& now) const;
  void visit(Node& node, size_t hierarchy, bool whole_tree);
  void list(Node& node, int fd, size_t hierarchy, std::vector<Node*>& children);
  void note(Node& parent, std::string_view name, uint64_t inode, size_t hierarchy, std::vector<Node*>& children);
  void relist(Node& node, bool whole_tree);
  void prune(Node& node, bool whole_tree);
  void gather(Node& node);
  Node* node_at(std::string_view path) const;
  void tell(const Group& group) const;
  void tell_gone(const Node& node);

  cgroup::Layout layout_;
  cgroup::ReadOptions options_;
  size_t identifying_;  // index of the hierarchy that identifies groups
  std::unique_ptr<cgroup::FdBudget> budget_;
  std::unique_ptr<Node> root_;
  std::vector<Group*> groups_;
  uint64_t generation_ = 0;
  const std::function<void(const Group&)>* gone_ = nullptr;  // during refresh()
  std::unique_ptr<char[]> listing_;
};

}  // namespace plimsoll::collectors::container
