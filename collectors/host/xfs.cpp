// SPDX-License-Identifier: Apache-2.0
// Counters of each mounted XFS file system, /sys/fs/xfs/DEVICE/stats/stats (Linux 4.4 and newer):
//
//   extent_alloc 1 872 0 0
//   abt 0 0 0 0
//   rw 28 0
//
// Lines of a name and numbers, which wrap at 2^32. xfs.org "Runtime Stats", fs/xfs/xfs_stats.h
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/device_dir.h"
#include "collectors/host/parts/device_files.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr auto kCounter = MetricType::kCounter;

struct Field {
  std::string_view line;
  MetricDesc desc;
};

// In the file's order: the first numbers of each line.
constexpr Field kFields[] = {
    {"extent_alloc", {"node_xfs_extent_allocation_extents_allocated_total", "Extents allocated.", kCounter}},
    {"extent_alloc", {"node_xfs_extent_allocation_blocks_allocated_total", "Blocks allocated.", kCounter}},
    {"extent_alloc", {"node_xfs_extent_allocation_extents_freed_total", "Extents freed.", kCounter}},
    {"extent_alloc", {"node_xfs_extent_allocation_blocks_freed_total", "Blocks freed.", kCounter}},
    {"abt", {"node_xfs_allocation_btree_lookups_total", "Lookups in the trees of free space.", kCounter}},
    {"abt",
     {"node_xfs_allocation_btree_compares_total", "Keys compared in lookups of the trees of free space.", kCounter}},
    {"abt",
     {"node_xfs_allocation_btree_records_inserted_total", "Records put into the trees of free space.", kCounter}},
    {"abt",
     {"node_xfs_allocation_btree_records_deleted_total", "Records taken out of the trees of free space.", kCounter}},
    {"blk_map", {"node_xfs_block_mapping_reads_total", "Block maps of files looked up for reading.", kCounter}},
    {"blk_map", {"node_xfs_block_mapping_writes_total", "Block maps of files looked up for writing.", kCounter}},
    {"blk_map", {"node_xfs_block_mapping_unmaps_total", "Block maps of files cut down.", kCounter}},
    {"blk_map", {"node_xfs_block_mapping_extent_list_insertions_total", "Extents put into lists of files.", kCounter}},
    {"blk_map",
     {"node_xfs_block_mapping_extent_list_deletions_total", "Extents taken out of lists of files.", kCounter}},
    {"blk_map", {"node_xfs_block_mapping_extent_list_lookups_total", "Lookups in extent lists of files.", kCounter}},
    {"blk_map",
     {"node_xfs_block_mapping_extent_list_compares_total", "Extents compared in lookups of lists.", kCounter}},
    {"bmbt", {"node_xfs_block_map_btree_lookups_total", "Lookups in trees of files' blocks.", kCounter}},
    {"bmbt",
     {"node_xfs_block_map_btree_compares_total", "Keys compared in lookups of trees of files' blocks.", kCounter}},
    {"bmbt", {"node_xfs_block_map_btree_records_inserted_total", "Records put into trees of files' blocks.", kCounter}},
    {"bmbt",
     {"node_xfs_block_map_btree_records_deleted_total", "Records taken out of trees of files' blocks.", kCounter}},
    {"dir", {"node_xfs_directory_operation_lookup_total", "Names looked up that no cache held.", kCounter}},
    {"dir", {"node_xfs_directory_operation_create_total", "Directory entries made.", kCounter}},
    {"dir", {"node_xfs_directory_operation_remove_total", "Directory entries removed.", kCounter}},
    {"dir", {"node_xfs_directory_operation_getdents_total", "Calls that list a directory.", kCounter}},
    {"ig", {"node_xfs_inode_operation_attempts_total", "Inodes asked for in the inode cache.", kCounter}},
    {"ig", {"node_xfs_inode_operation_found_total", "Inodes found in the inode cache.", kCounter}},
    {"ig",
     {"node_xfs_inode_operation_recycled_total", "Inodes found in the cache, but just being recycled.", kCounter}},
    {"ig", {"node_xfs_inode_operation_missed_total", "Inodes not found in the inode cache.", kCounter}},
    {"ig",
     {"node_xfs_inode_operation_duplicates_total", "Inodes missed that somebody else cached meanwhile.", kCounter}},
    {"ig", {"node_xfs_inode_operation_reclaims_total", "Inodes put out of the cache for their memory.", kCounter}},
    {"ig",
     {"node_xfs_inode_operation_attribute_changes_total", "Explicit changes of an inode's attributes.", kCounter}},
    {"rw", {"node_xfs_write_calls_total", "Calls of write(2) to files.", kCounter}},
    {"rw", {"node_xfs_read_calls_total", "Calls of read(2) from files.", kCounter}},
    {"vnodes", {"node_xfs_vnode_active_total", "Vnodes that are not on a free list.", kCounter}},
    {"vnodes", {"node_xfs_vnode_allocate_total", "Vnodes allocated.", kCounter}},
    {"vnodes", {"node_xfs_vnode_get_total", "Vnodes got from a free list.", kCounter}},
    {"vnodes", {"node_xfs_vnode_hold_total", "References to vnodes taken.", kCounter}},
    {"vnodes", {"node_xfs_vnode_release_total", "References to vnodes given back.", kCounter}},
    {"vnodes", {"node_xfs_vnode_reclaim_total", "Vnodes reclaimed.", kCounter}},
    {"vnodes", {"node_xfs_vnode_remove_total", "Vnodes removed.", kCounter}},
};

// One for each of kFields; nullopt where the kernel has no such line.
using Counters = std::array<std::optional<uint64_t>, std::size(kFields)>;

// The numbers of one line, from the field `first` on, which is the line's first.
Result<void> parse_columns(std::string_view line, size_t first, Counters& counters) {
  const std::string_view name = kFields[first].line;
  for (size_t i = first; i < std::size(kFields) && kFields[i].line == name; ++i) {
    counters[i] = parse_u64(take_field(line));
    if (!counters[i]) return fail(std::string(name) + ": not enough numbers");
  }
  return {};
}

Result<Counters> parse_stats(std::string_view text) {
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  Counters counters;
  bool any = false;
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    const std::string_view name = take_field(line);
    size_t first = 0;
    while (first < std::size(kFields) && kFields[first].line != name) ++first;
    if (first == std::size(kFields)) continue;
    const auto parsed = parse_columns(line, first, counters);
    if (!parsed) return unexpected(parsed.error());
    any = true;
  }
  if (!any) return fail("no counters of XFS");
  return counters;
}

class XfsCollector : public Collector {
 public:
  explicit XfsCollector(const Setup& setup) : dir_(setup.roots.sys + "/fs/xfs") {}
  std::string_view name() const override { return "xfs"; }

  // Beside the file systems there are directories of the module itself, without stats/stats.
  Result<void> collect(MetricWriter& writer) override {
    const auto devices = dir_.devices();
    if (!devices) return unexpected(devices.error());
    Result<void> trouble;
    std::vector<std::pair<LabelRef, Counters>> found;
    for (Device* device : *devices) {
      const auto counters = DeviceFiles(dir_, *device, trouble).get("stats/stats", parse_stats);
      if (counters) found.emplace_back(writer.labels(LabelSet{{"device", device->name()}}), *counters);
    }
    for (size_t i = 0; i < std::size(kFields); ++i) {
      writer.family(kFields[i].desc);
      for (const auto& [labels, counters] : found)
        if (counters[i]) writer.sample(labels, *counters[i]);
    }
    return trouble;
  }

 private:
  DeviceDir dir_;
};

}  // namespace

const Entry kXfsCollector = {"xfs", "XFS file systems: sys fs/xfs", Default::kOn, make<XfsCollector>};

}  // namespace plimsoll::collectors::host
