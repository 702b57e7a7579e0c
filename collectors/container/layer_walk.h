// SPDX-License-Identifier: Apache-2.0
// How much a directory tree takes, as du(1) counts: blocks of 512 bytes in use, each inode once, symbolic
// links as such. Stays on the tree's file system and needs the same few descriptors and kilobytes for a tree
// of any size and depth: containers make trees as they like.
// readdir(3), stat(2), open(2) O_NOATIME
#pragma once

#include <dirent.h>
#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_set>
#include <vector>

#include "base/os.h"

namespace plimsoll::collectors::container {

struct TreeSize {
  uint64_t bytes = 0, inodes = 0;
  // What could not be looked at, is deeper than kMaxDepth, or was moved away meanwhile.
  uint64_t left_out = 0;
};

inline constexpr size_t kMaxDepth = 100'000;

class LayerWalk {
 public:
  // Asked every few entries; may sleep. False ends the walk.
  using GoOn = std::function<bool()>;

  explicit LayerWalk(GoOn go_on) : go_on_(std::move(go_on)) {}

  // The directory `top` (which stays the caller's) and all below it. Error: ECANCELED when go_on() said so, or
  // what listing `top` itself gave.
  Result<TreeSize> measure(int top);

 private:
  struct DirCloser {
    void operator()(DIR* stream) const;
  };
  struct Level {
    uint64_t inode = 0;
    std::unique_ptr<DIR, DirCloser> stream;  // null for deep ones that wait for the one below them
    long position = 0;                       // where such a one goes on
  };

  Result<void> enter(int parent, const char* name);
  void step();
  void look_at(const char* name);
  void count(const struct stat& st);
  void leave();
  bool resume(Level& level, int below) const;

  GoOn go_on_;
  TreeSize size_;
  uint64_t device_ = 0;
  std::vector<Level> levels_;
  std::unordered_set<uint64_t> linked_;  // inodes that have more names than one
  double shared_inodes_ = 0;             // of those that are too many for `linked_`
};

}  // namespace plimsoll::collectors::container
