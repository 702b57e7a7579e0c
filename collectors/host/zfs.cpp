// SPDX-License-Identifier: Apache-2.0
// ZFS: statistics of the module, of its pools and of their datasets below /proc/spl/kstat/zfs (zfs_kstat.h).
// Names of families are the kernel's. zfs(4), zpool-iostat(8)
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/parts/zfs_kstat.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr MetricDesc kState = {"node_zfs_zpool_state", "1 for the state that the pool is in, 0 for the others.",
                               MetricType::kGauge};

constexpr std::string_view kStates[] = {"online", "degraded", "faulted", "offline", "removed", "unavail", "suspended"};

struct ModuleFile {
  std::string_view file;
  std::string_view family;  // what its families' names begin with
};

// A version of ZFS has most of them, none has all.
constexpr ModuleFile kModuleFiles[] = {
    {"abdstats", "node_zfs_abd_"},
    {"arcstats", "node_zfs_arc_"},
    {"dbufstats", "node_zfs_dbuf_"},
    {"dmu_tx", "node_zfs_dmu_tx_"},
    {"dnodestats", "node_zfs_dnode_"},
    {"fm", "node_zfs_fm_"},
    {"vdev_cache_stats", "node_zfs_vdev_cache_"},
    {"vdev_mirror_stats", "node_zfs_vdev_mirror_"},
    {"xuio_stats", "node_zfs_xuio_"},
    {"zfetchstats", "node_zfs_zfetch_"},
    {"zil", "node_zfs_zil_"},
};

// The first that went wrong with one of many files.
void note(Result<void>& trouble, const Error& error) {
  if (trouble) trouble = unexpected(error);
}

void start_family(MetricWriter& writer, std::string_view prefix, std::string_view key, std::string_view what) {
  const std::string help = "The " + std::string(what) + "'s " + std::string(key) + ", as ZFS counts it.";
  writer.family(std::string(prefix) + label_name_from(key), help, MetricType::kUntyped);
}

// What several pools or datasets say, by key, since a family is written in one piece.
class Gathered {
 public:
  void add(std::string_view key, LabelRef labels, Value value) {
    auto found = by_key_.find(key);
    if (found == by_key_.end()) found = by_key_.emplace(std::string(key), List{}).first;
    found->second.emplace_back(labels, value);
  }
  void write(MetricWriter& writer, std::string_view prefix, std::string_view what) const {
    std::set<std::string> written;
    for (const auto& [key, list] : by_key_) {
      if (!written.insert(label_name_from(key)).second) continue;
      start_family(writer, prefix, key, what);
      for (const auto& [labels, value] : list) writer.sample(labels, value);
    }
  }

 private:
  using List = std::vector<std::pair<LabelRef, Value>>;
  std::map<std::string, List, std::less<>> by_key_;
};

// One collection of the pools' directories.
class Pools {
 public:
  Pools(MetricWriter& writer, ReadBuffer& buffer, const std::string& path)
      : writer_(writer), buffer_(buffer), path_(path) {}

  // A pool that goes away meanwhile is left out.
  void read(const Dir& parent, const std::string& pool) {
    const auto dir = parent.open_dir(pool);
    if (!dir) return;
    read_io(*dir, pool);
    read_state(*dir, pool);
    const auto entries = dir->list();
    if (!entries) return;
    std::vector<std::string> objsets;
    for (const Dir::Entry& entry : *entries)
      if (entry.name.starts_with("objset-")) objsets.push_back(entry.name);
    std::sort(objsets.begin(), objsets.end());
    std::set<std::string> seen;
    for (const std::string& objset : objsets) read_objset(*dir, pool, objset, seen);
  }

  void write() {
    io_.write(writer_, "node_zfs_zpool_", "pool");
    datasets_.write(writer_, "node_zfs_zpool_dataset_", "dataset");
    writer_.family(kState);
    for (const auto& [labels, value] : states_) writer_.sample(labels, value);
  }

  const Result<void>& trouble() const { return trouble_; }

 private:
  // nullopt when the file is not there; an error is noted with its place.
  template <typename Parse>
  auto read_file(const Dir& dir, const std::string& pool, const std::string& file, Parse parse)
      -> std::optional<std::decay_t<decltype(*parse(std::string_view{}))>> {
    const auto text = buffer_.read_at(dir.fd(), file.c_str());
    if (!text) {
      if (text.error().code != ENOENT) note(trouble_, text.error().within(path_ + "/" + pool));
      return std::nullopt;
    }
    auto parsed = parse(*text);
    if (parsed) return *std::move(parsed);
    note(trouble_, parsed.error().within(path_ + "/" + pool + "/" + file));
    return std::nullopt;
  }

  void read_io(const Dir& dir, const std::string& pool) {
    const auto numbers = read_file(dir, pool, "io", parse_kstat_io);
    if (!numbers) return;
    const LabelRef labels = writer_.labels(LabelSet{{"zpool", pool}});
    for (const KstatNumber& number : *numbers) {
      if (number.name == "state" || number.name.starts_with("dataset_")) continue;  // other families' names
      io_.add(number.name, labels, number.value);
    }
  }

  void read_state(const Dir& dir, const std::string& pool) {
    const auto parse = [](std::string_view text) -> Result<std::string> {
      std::string state(trim(text));
      if (state.empty()) return fail("empty");
      for (char& c : state) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      return state;
    };
    const auto current = read_file(dir, pool, "state", parse);
    if (!current) return;
    for (std::string_view state : kStates)
      states_.emplace_back(writer_.labels(LabelSet{{"state", state}, {"zpool", pool}}), Value(*current == state));
  }

  void read_objset(const Dir& dir, const std::string& pool, const std::string& file, std::set<std::string>& seen) {
    const auto parse = [](std::string_view text) -> Result<Kstat> {
      auto kstat = parse_kstat(text);
      if (kstat && !kstat->dataset) return fail("no dataset_name");
      return kstat;
    };
    const auto kstat = read_file(dir, pool, file, parse);
    if (!kstat || !seen.insert(std::string(*kstat->dataset)).second) return;
    const LabelRef labels = writer_.labels(LabelSet{{"dataset", *kstat->dataset}, {"zpool", pool}});
    for (const KstatNumber& number : kstat->numbers) datasets_.add(number.name, labels, number.value);
  }

  MetricWriter& writer_;
  ReadBuffer& buffer_;
  const std::string& path_;
  Gathered io_, datasets_;
  std::vector<std::pair<LabelRef, Value>> states_;
  Result<void> trouble_;
};

class ZfsCollector : public Collector {
 public:
  explicit ZfsCollector(const Setup& setup) : path_(setup.roots.proc + "/spl/kstat/zfs") {
    for (const ModuleFile& module : kModuleFiles) files_.emplace_back(path_ + "/" + std::string(module.file), 4096);
  }
  std::string_view name() const override { return "zfs"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto dir = Dir::open(path_);
    if (!dir && (dir.error().code == ENOENT || dir.error().code == ENOTDIR)) return not_present(path_);
    if (!dir) return unexpected(dir.error());
    Result<void> trouble;
    for (size_t i = 0; i < files_.size(); ++i) write_module_file(writer, i, trouble);
    Pools pools(writer, buffer_, path_);
    for (const std::string& pool : pools_of(*dir)) pools.read(*dir, pool);
    pools.write();
    if (!pools.trouble()) note(trouble, pools.trouble().error());
    return trouble;
  }

 private:
  static std::vector<std::string> pools_of(const Dir& dir) {
    std::vector<std::string> pools;
    const auto entries = dir.list();
    if (!entries) return pools;
    for (const Dir::Entry& entry : *entries)
      if (entry.is_directory) pools.push_back(entry.name);
    std::sort(pools.begin(), pools.end());
    return pools;
  }

  void write_module_file(MetricWriter& writer, size_t index, Result<void>& trouble) {
    const auto kstat = read_and_parse(files_[index], parse_kstat);
    if (!kstat) {
      if (kstat.error().code != ENOENT) note(trouble, kstat.error());
      return;
    }
    std::set<std::string> written;
    for (const KstatNumber& number : kstat->numbers) {
      if (!written.insert(label_name_from(number.name)).second) continue;
      start_family(writer, kModuleFiles[index].family, number.name, kModuleFiles[index].file);
      writer.sample(number.value);
    }
  }

  std::string path_;
  std::vector<KeptFile> files_;  // one for each of kModuleFiles
  ReadBuffer buffer_;
};

}  // namespace

const Entry kZfsCollector = {"zfs", "ZFS: proc spl/kstat/zfs", Default::kOn, make<ZfsCollector>};

}  // namespace plimsoll::collectors::host
