// SPDX-License-Identifier: Apache-2.0
// Software RAID: the table of arrays (mdstat.h), and how many disks each one lacks according to sysfs:
//
//   /sys/block/md6/md/raid_disks   4          during a reshape "5 (4)": new, old
//   /sys/block/md6/md/degraded     1          only of levels that can lose a disk
//   /sys/block/md6/md/level        raid6
//
// Documentation/admin-guide/md.rst
#include <algorithm>
#include <string>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/parts/mdstat.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr auto kGauge = MetricType::kGauge;
constexpr MetricDesc kRequired = {"node_md_disks_required", "Disks of the array when it is complete.", kGauge};
constexpr MetricDesc kDisks = {"node_md_disks", "Disks of the array by what they do in it.", kGauge};
constexpr MetricDesc kState = {"node_md_state", "1 for the state that the array is in, 0 for the others.", kGauge};
constexpr MetricDesc kBlocks = {"node_md_blocks", "Size of the array, in blocks of 1024 bytes.", kGauge};
constexpr MetricDesc kSynced = {"node_md_blocks_synced",
                                "What of the array is in sync, in blocks of 1024 bytes; 0 while a sync waits.", kGauge};
constexpr MetricDesc kRaidDisks = {"node_md_raid_disks", "Disks that the array has when it works fully.", kGauge};
constexpr MetricDesc kDegraded = {"node_md_degraded", "Disks that the array lacks.", kGauge};

struct State {
  std::string_view name;
  MdActivity activity;
};

constexpr State kStates[] = {
    {"active", MdActivity::kActive},    {"inactive", MdActivity::kInactive}, {"recovering", MdActivity::kRecovering},
    {"resync", MdActivity::kResyncing}, {"check", MdActivity::kChecking},
};

using Arrays = std::vector<MdArray>;

void write_states(MetricWriter& writer, const Arrays& arrays) {
  writer.family(kState);
  for (const MdArray& array : arrays)
    for (const State& state : kStates)
      writer.sample(writer.labels(LabelSet{{"device", array.name}, {"state", state.name}}),
                    array.activity == state.activity);
}

void write_disks(MetricWriter& writer, const Arrays& arrays) {
  writer.family(kDisks);
  for (const MdArray& array : arrays) {
    const auto labels = [&](const char* state) {
      return writer.labels(LabelSet{{"device", array.name}, {"state", state}});
    };
    if (array.active) writer.sample(labels("active"), *array.active);
    writer.sample(labels("failed"), array.failed);
    writer.sample(labels("spare"), array.spare);
  }
}

void write_arrays(MetricWriter& writer, const Arrays& arrays) {
  std::vector<LabelRef> labels;
  for (const MdArray& array : arrays) labels.push_back(writer.labels(LabelSet{{"device", array.name}}));
  const auto write = [&](const MetricDesc& desc, std::optional<uint64_t> MdArray::*field) {
    writer.family(desc);
    for (size_t i = 0; i < arrays.size(); ++i)
      if (arrays[i].*field) writer.sample(labels[i], *(arrays[i].*field));
  };
  write(kRequired, &MdArray::required);
  write_disks(writer, arrays);
  write_states(writer, arrays);
  write(kBlocks, &MdArray::blocks);
  write(kSynced, &MdArray::synced);
}

// What sysfs says about an array.
struct Redundancy {
  std::string name;
  uint64_t disks;
  uint64_t degraded;
};

bool can_be_degraded(std::string_view level) {
  for (std::string_view redundant : {"raid1", "raid4", "raid5", "raid6", "raid10"})
    if (level == redundant) return true;
  return false;
}

class MdadmCollector : public Collector {
 public:
  explicit MdadmCollector(const Setup& setup)
      : block_(setup.roots.sys + "/block"), mdstat_(setup.roots.proc + "/mdstat", 4096), buffer_(512) {}
  std::string_view name() const override { return "mdadm"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto arrays = read_and_parse(mdstat_, parse_mdstat);
    if (!arrays && arrays.error().code == ENOENT) return not_present(mdstat_.path());
    if (!arrays) return unexpected(arrays.error());
    write_arrays(writer, *arrays);
    return write_redundancy(writer);
  }

 private:
  // The first number of a file below block_.
  Result<uint64_t> number(const Dir& block, const std::string& file) {
    const auto text = buffer_.read_at(block.fd(), file.c_str());
    if (!text) return unexpected(text.error().within(block_));
    std::string_view rest = trim(*text);
    const auto number = parse_u64(take_field(rest));
    if (!number) return fail(block_ + "/" + file + ": no number");
    return *number;
  }

  Result<Redundancy> read_one(const Dir& block, const std::string& name) {
    const auto disks = number(block, name + "/md/raid_disks");
    if (!disks) return unexpected(disks.error());
    const auto degraded = number(block, name + "/md/degraded");
    if (degraded) return Redundancy{name, *disks, *degraded};
    const auto level = buffer_.read_at(block.fd(), (name + "/md/level").c_str());
    if (!level) return unexpected(level.error().within(block_));
    if (can_be_degraded(trim(*level))) return unexpected(degraded.error());
    return Redundancy{name, *disks, 0};
  }

  // An array that is taken apart meanwhile is none.
  static bool is_array(const Dir& block, const std::string& name) {
    return name.starts_with("md") && block.open_dir(name + "/md").has_value();
  }

  Result<void> write_redundancy(MetricWriter& writer) {
    Result<void> result;
    std::vector<Redundancy> found;
    const auto block = Dir::open(block_);
    if (!block && block.error().code == ENOENT) return result;
    if (!block) return unexpected(block.error());
    auto entries = block->list();
    if (!entries) return unexpected(entries.error());
    std::erase_if(*entries, [&](const Dir::Entry& entry) { return !is_array(*block, entry.name); });
    std::sort(entries->begin(), entries->end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    for (const Dir::Entry& entry : *entries) {
      auto one = read_one(*block, entry.name);
      if (one) found.push_back(*std::move(one));
      if (!one && result) result = unexpected(one.error());
    }
    write(writer, found);
    return result;
  }

  static void write(MetricWriter& writer, const std::vector<Redundancy>& found) {
    std::vector<LabelRef> labels;
    for (const Redundancy& one : found) labels.push_back(writer.labels(LabelSet{{"device", one.name}}));
    writer.family(kRaidDisks);
    for (size_t i = 0; i < found.size(); ++i) writer.sample(labels[i], found[i].disks);
    writer.family(kDegraded);
    for (size_t i = 0; i < found.size(); ++i) writer.sample(labels[i], found[i].degraded);
  }

  std::string block_;
  KeptFile mdstat_;
  ReadBuffer buffer_;
};

}  // namespace

const Entry kMdadmCollector = {"mdadm", "Software RAID arrays: proc mdstat, sys block/md*/md", Default::kOn,
                               make<MdadmCollector>};

}  // namespace plimsoll::collectors::host
