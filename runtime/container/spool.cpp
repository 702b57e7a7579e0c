// SPDX-License-Identifier: Apache-2.0
#include "runtime/container/spool.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "runtime/container/json_reader.h"

namespace plimsoll::container {
namespace {

using nlohmann::json;

// A record of a machine with thousands of CPUs and hundreds of devices stays far below this.
constexpr size_t kMaxRecordBytes = 1024 * 1024;
// A temporary file this old belongs to a writer that was killed.
constexpr int64_t kStaleTemporarySeconds = 600;
// How often a reader tries again when consumers keep changing the totals under it.
constexpr int kReadAttempts = 100;

struct TotalsMember {
  const char* name;
  uint64_t Totals::*member;
};

constexpr TotalsMember kTotals[] = {
    {"generation", &Totals::generation},
    {"containers", &Totals::containers},
    {"oom_kills", &Totals::oom_kills},
    {"failed", &Totals::failed},
    {"cpu_usage_ns", &Totals::cpu_usage_ns},
    {"cpu_user_ns", &Totals::cpu_user_ns},
    {"cpu_system_ns", &Totals::cpu_system_ns},
    {"cfs_throttled_ns", &Totals::cfs_throttled_ns},
    {"read_bytes", &Totals::read_bytes},
    {"written_bytes", &Totals::written_bytes},
    {"reads", &Totals::reads},
    {"writes", &Totals::writes},
    {"receive_bytes", &Totals::receive_bytes},
    {"transmit_bytes", &Totals::transmit_bytes},
    {"receive_packets", &Totals::receive_packets},
    {"transmit_packets", &Totals::transmit_packets},
    {"page_faults", &Totals::page_faults},
    {"major_page_faults", &Totals::major_page_faults},
};

std::string totals_path(const StateRoots& roots) { return roots.root + "/totals.json"; }

Result<Totals> parse_totals(std::string_view text) {
  auto object = parse_object(text, kFormatVersion);
  if (!object) return unexpected(object.error());
  JsonReader reader(*object);
  Totals totals;
  for (const auto& [name, member] : kTotals) reader.get(name, totals.*member);
  reader.get("counted_ids", totals.counted_ids);
  if (auto good = reader.finish(); !good) return unexpected(good.error());
  return totals;
}

// Totals on disk; all zero before the first consume.
Result<Totals> load_totals(const StateRoots& roots) {
  const std::string path = totals_path(roots);
  auto text = read_file(path);
  if (!text && text.error().code == ENOENT) return Totals{};
  if (!text) return unexpected(text.error());
  auto totals = parse_totals(*text);
  if (totals) return totals;
  const Error broken = totals.error().within(path);
  return fail(broken.message() + ": move it away to count from 0 again");
}

Result<void> store_totals(const StateRoots& roots, const Totals& totals) {
  json object = {{"format", kFormatVersion}, {"counted_ids", totals.counted_ids}};
  for (const auto& [name, member] : kTotals) object[name] = totals.*member;
  if (auto made = make_directories(roots.root); !made) return made;
  return replace_file(totals_path(roots), dump(object));
}

// A record's text. Only a regular file of a sane size is opened at all: a FIFO would block, a link
// could point anywhere.
Result<std::string> read_record(const Dir& dir, const std::string& name) {
  auto fd = dir.open_file(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!fd) return unexpected(fd.error());
  struct stat st;
  if (::fstat(fd->get(), &st) != 0) return fail_errno(name);
  if (!S_ISREG(st.st_mode)) return fail(name + ": not a regular file");
  ReadBuffer buffer(4096, kMaxRecordBytes);
  auto text = buffer.read(fd->get(), ReadBuffer::Until::kEnd);
  if (!text) return unexpected(text.error().within(name));
  return std::string(*text);
}

Result<ExitRecord> load_record(const Dir& dir, const std::string& name) {
  auto text = read_record(dir, name);
  if (!text) return unexpected(text.error());
  auto record = parse_exit_record(*text);
  if (!record) return unexpected(record.error().within(name));
  if (record->id != name) return fail(name + ": holds the record of " + record->id);
  return record;
}

void remove_stale_temporary(const Dir& dir, const std::string& name) {
  struct stat st;
  if (::fstatat(dir.fd(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) return;
  if (wall_clock_ns() / 1'000'000'000 - st.st_mtim.tv_sec > kStaleTemporarySeconds)
    ::unlinkat(dir.fd(), name.c_str(), 0);
}

// Whether somebody may still write a record of this container: its directory says that it has not
// ended yet (its monitor died between writing the record and saying so).
bool may_write_again(const StateRoots& roots, const std::string& id) {
  auto text = read_file(roots.container_dir(id) + "/state.json");
  if (!text) return false;
  auto state = parse_state(*text);
  return state && state->status != Status::kExited;
}

void bump(uint64_t& total, const cgroup::Count& count) {
  const uint64_t value = count.value_or(0);
  total = value > UINT64_MAX - total ? UINT64_MAX : total + value;
}

using Records = std::map<std::string, ExitRecord>;

// The records that `expired` or the bound on their number condemns.
std::set<std::string> condemned(const Records& records, const std::set<std::string>& counted,
                                const std::function<bool(const ExitRecord&)>& expired) {
  std::set<std::string> ids;
  std::vector<const ExitRecord*> kept;
  for (const auto& [id, record] : records) {
    if (counted.contains(id)) continue;
    if (expired(record)) {
      ids.insert(id);
    } else {
      kept.push_back(&record);
    }
  }
  if (kept.size() <= kMaxRecords) return ids;
  std::sort(kept.begin(), kept.end(), [](const auto* a, const auto* b) { return a->finished_ns < b->finished_ns; });
  for (size_t at = 0; at < kept.size() - kMaxRecords; ++at) ids.insert(kept[at]->id);
  return ids;
}

}  // namespace

void Totals::add(const ExitRecord& record) {
  const cgroup::Counters& counters = record.counters;
  ++containers;
  failed += record.exit_code != 0 ? 1 : 0;
  bump(oom_kills, counters.oom_kills ? counters.oom_kills : cgroup::Count(record.oom_killed ? 1 : 0));
  bump(cpu_usage_ns, counters.cpu_usage_ns);
  bump(cpu_user_ns, counters.cpu_user_ns);
  bump(cpu_system_ns, counters.cpu_system_ns);
  bump(cfs_throttled_ns, counters.cfs_throttled_ns);
  bump(page_faults, counters.page_faults);
  bump(major_page_faults, counters.major_page_faults);
  for (const auto& device : counters.io) {
    bump(read_bytes, device.read_bytes);
    bump(written_bytes, device.written_bytes);
    bump(reads, device.reads);
    bump(writes, device.writes);
  }
  for (const auto& interface : counters.network) {
    bump(receive_bytes, interface.receive_bytes);
    bump(transmit_bytes, interface.transmit_bytes);
    bump(receive_packets, interface.receive_packets);
    bump(transmit_packets, interface.transmit_packets);
  }
}

Result<void> Spool::put(const ExitRecord& record) {
  // No fsync: the directory does not outlive a reboot, and a killed process loses no page cache.
  if (auto made = make_directories(roots_.exited_dir()); !made) return made;
  return replace_file_unsynced(roots_.exited_dir() + "/" + record.id, to_json(record));
}

// Brings parsed_ up to date with the directory; returns the number of unreadable entries.
Result<size_t> Spool::refresh() {
  auto dir = Dir::open(roots_.exited_dir());
  if (!dir && dir.error().code == ENOENT) return parsed_.clear(), size_t{0};
  if (!dir) return unexpected(dir.error());
  auto entries = dir->list();
  if (!entries) return unexpected(entries.error().within(roots_.exited_dir()));
  Records present;
  size_t unreadable = 0;
  for (const auto& entry : *entries) {
    if (entry.name.ends_with(".tmp")) {
      remove_stale_temporary(*dir, entry.name);
      continue;
    }
    if (auto known = parsed_.extract(entry.name)) {
      present.insert(std::move(known));
      continue;
    }
    auto record = load_record(*dir, entry.name);
    if (record) present.emplace(entry.name, std::move(*record));
    if (!record && record.error().code != ENOENT) ++unreadable;  // ENOENT: consumed since it was listed
  }
  parsed_ = std::move(present);
  return unreadable;
}

Result<SpoolView> Spool::read() {
  for (int attempt = 0; attempt < kReadAttempts; ++attempt) {
    auto totals = load_totals(roots_);
    if (!totals) return unexpected(totals.error());
    auto unreadable = refresh();
    if (!unreadable) return unexpected(unreadable.error());
    auto again = load_totals(roots_);
    if (!again) return unexpected(again.error());
    if (again->generation != totals->generation) continue;
    return view(std::move(*totals), *unreadable);
  }
  return unexpected(Error{EAGAIN, totals_path(roots_) + ": changes faster than it can be read"});
}

SpoolView Spool::view(Totals totals, size_t unreadable) const {
  SpoolView result;
  const std::set<std::string> counted(totals.counted_ids.begin(), totals.counted_ids.end());
  for (const auto& [id, record] : parsed_) {
    if (!counted.contains(id)) result.records.push_back(record);
  }
  result.totals = std::move(totals);
  result.unreadable = unreadable;
  return result;
}

Result<UniqueFd> Spool::try_lock() const {
  if (auto made = make_directories(roots_.runroot); !made) return unexpected(made.error());
  const std::string path = roots_.runroot + "/consumer.lock";
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return fail_errno(path);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  if (errno == EWOULDBLOCK) return UniqueFd();
  return fail_errno(path);
}

// Deletes records that the totals hold, and hands them over as folded.
Result<void> Spool::drop_counted(const std::vector<std::string>& ids, std::vector<ExitRecord>& folded) {
  for (const std::string& id : ids) {
    auto record = parsed_.extract(id);
    if (!record) continue;
    const std::string path = roots_.exited_dir() + "/" + id;
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fail_errno(path);
    folded.push_back(std::move(record.mapped()));
  }
  return {};
}

Result<SpoolView> Spool::consume(const std::function<bool(const ExitRecord&)>& expired) {
  auto totals = load_totals(roots_);
  if (!totals) return unexpected(totals.error());
  auto unreadable = refresh();
  if (!unreadable) return unexpected(unreadable.error());

  const std::set<std::string> counted(totals->counted_ids.begin(), totals->counted_ids.end());
  const std::set<std::string> fold = condemned(parsed_, counted, expired);
  // An id is dropped from the totals once its record is gone and cannot come back. That is done on
  // the occasion of the next change, to save the fsync of a change of its own.
  if (!fold.empty()) {
    std::erase_if(totals->counted_ids,
                  [&](const auto& id) { return !parsed_.contains(id) && !may_write_again(roots_, id); });
    for (const std::string& id : fold) {
      totals->add(parsed_.at(id));
      totals->counted_ids.push_back(id);
    }
    ++totals->generation;
    if (auto stored = store_totals(roots_, *totals); !stored) return unexpected(stored.error());
  }
  std::vector<ExitRecord> folded;
  if (auto dropped = drop_counted(totals->counted_ids, folded); !dropped) return unexpected(dropped.error());
  SpoolView result = view(std::move(*totals), *unreadable);
  result.folded = std::move(folded);
  return result;
}

}  // namespace plimsoll::container
