// SPDX-License-Identifier: Apache-2.0
#include "exporter/remote_write/queue.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <vector>

#include "base/text.h"

namespace plimsoll::exporter {
namespace {

constexpr std::string_view kMagic = "PLRWQ001";
constexpr size_t kHeader = 48, kSummed = 40;
constexpr uint64_t kBlock = 4096;
constexpr size_t kDigits = 20;
constexpr uint64_t kLastSequence = 1'000'000'000'000'000'000;  // a name beyond is none of ours

// Without a file's number, with which the same failure would look like another one each time.
constexpr const char* kWriting = "writing a file";
constexpr const char* kReading = "reading a file";

uint64_t cost_of(uint64_t file_bytes) { return (file_bytes + kBlock - 1) / kBlock * kBlock; }

uint64_t fnv1a(std::string_view text, uint64_t sum = 0xcbf29ce484222325) {
  for (const char c : text) sum = (sum ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return sum;
}

void append_number(std::string& text, uint64_t number) {
  for (int byte = 0; byte < 8; ++byte, number >>= 8) text += static_cast<char>(number);
}

uint64_t number_at(std::string_view text, size_t at) {
  uint64_t number = 0;
  for (size_t i = 8; i-- > 0;) number = number << 8 | static_cast<unsigned char>(text[at + i]);
  return number;
}

std::string file_name(uint64_t sequence, const char* ending) {
  char name[kDigits + 8];
  std::snprintf(name, sizeof name, "%020llu.%s", static_cast<unsigned long long>(sequence), ending);
  return name;
}

// The sequence number in a name of `ending`.
std::optional<uint64_t> sequence_in(std::string_view name, std::string_view ending) {
  if (name.size() != kDigits + 1 + ending.size() || name[kDigits] != '.' || !name.ends_with(ending)) return {};
  const auto number = parse_u64(name.substr(0, kDigits));
  return number && *number < kLastSequence ? number : std::nullopt;
}

// Nobody else may put files there that we would send, or read what we would.
Result<void> check_owner(int fd, const std::string& path) {
  struct stat st;
  if (::fstat(fd, &st) != 0) return fail_errno(path);
  if (st.st_uid != ::geteuid()) return fail(path + ": belongs to another user; choose another directory");
  if ((st.st_mode & 07777) != 0700 && ::fchmod(fd, 0700) != 0) return fail_errno(path + ": chmod 0700");
  return {};
}

Result<UniqueFd> take_lock(const Dir& directory, const std::string& path) {
  auto lock = directory.open_file("lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (!lock) return unexpected(lock.error().within(path));
  if (::flock(lock->get(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno == EWOULDBLOCK) return fail(path + ": another process sends from there; give each agent its own directory");
  return fail_errno(path + "/lock");
}

// An error that says nothing about the file.
bool passes(const Error& error) { return error.code == EMFILE || error.code == ENFILE || error.code == ENOMEM; }

}  // namespace

std::string to_queue_file(const QueuedBatch& batch) {
  std::string text(kMagic);
  for (const uint64_t number :
       {batch.sequence, static_cast<uint64_t>(batch.timestamp_ms), batch.samples, uint64_t{batch.body.size()}}) {
    append_number(text, number);
  }
  append_number(text, fnv1a(batch.body, fnv1a(text)));
  return text += batch.body;
}

Result<QueuedBatch> parse_queue_file(std::string text, uint64_t sequence) {
  if (text.size() <= kHeader || !text.starts_with(kMagic)) return fail("not one of ours, or cut off in its header");
  QueuedBatch batch = {{}, number_at(text, 8), static_cast<int64_t>(number_at(text, 16)), number_at(text, 24)};
  if (number_at(text, 32) != text.size() - kHeader) return fail("its length is not the one in its header");
  const std::string_view whole = text;
  if (fnv1a(whole.substr(kHeader), fnv1a(whole.substr(0, kSummed))) != number_at(text, kSummed))
    return fail("its checksum is wrong");
  if (batch.sequence != sequence) return fail("it has been renamed");
  text.erase(0, kHeader);
  batch.body = std::move(text);
  return batch;
}

Result<Queue::Place> Queue::open_place(const std::string& path) {
  if (auto made = make_directories(path, 0700); !made) return unexpected(made.error());
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return fail_errno(path);
  if (auto ours = check_owner(fd.get(), path); !ours) return unexpected(ours.error());
  Place place = {Dir(std::move(fd)), {}};
  auto lock = take_lock(place.directory, path);
  if (!lock) return unexpected(lock.error());
  place.lock = std::move(*lock);
  return place;
}

Result<std::unique_ptr<Queue>> Queue::open(const std::string& directory, uint64_t max_bytes) {
  auto place = open_place(directory);
  if (!place) return unexpected(place.error());
  std::unique_ptr<Queue> queue(new Queue(directory, std::move(*place), max_bytes));
  if (auto loaded = queue->load(); !loaded) return unexpected(loaded.error().within(directory));
  return queue;
}

// What an earlier process left, behind what is being sent. Only names and sizes: contents are checked when they are
// sent.
Result<void> Queue::load() {
  const auto files = place_.directory.list();
  if (!files) return unexpected(files.error());
  const auto kept = static_cast<ptrdiff_t>(entries_.size());
  for (const Dir::Entry& file : *files) {
    if (sequence_in(file.name, "tmp")) ::unlinkat(place_.directory.fd(), file.name.c_str(), 0);
    const auto sequence = sequence_in(file.name, "batch");
    struct stat st;
    if (!sequence || ::fstatat(place_.directory.fd(), file.name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (!S_ISREG(st.st_mode)) continue;
    entries_.push_back({*sequence, cost_of(static_cast<uint64_t>(st.st_size)), std::nullopt, 0});
  }
  const auto first = entries_.begin() + kept;
  std::sort(first, entries_.end(), [](const Entry& a, const Entry& b) { return a.sequence < b.sequence; });
  for (auto entry = first; entry != entries_.end(); ++entry) stats_.bytes += entry->cost;
  if (!entries_.empty()) next_ = std::max(next_, entries_.back().sequence + 1);
  make_room(0);
  return {};
}

Result<void> Queue::store(const QueuedBatch& batch, bool flush) const {
  const std::string draft = file_name(batch.sequence, "tmp"), name = file_name(batch.sequence, "batch");
  const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  UniqueFd fd(::openat(place_.directory.fd(), draft.c_str(), flags, 0600));
  if (!fd) return fail_errno(kWriting);
  Result<void> done = write_all(fd.get(), to_queue_file(batch));
  if (done && flush && ::fdatasync(fd.get()) != 0) done = fail_errno(kWriting);
  if (done && ::renameat(place_.directory.fd(), draft.c_str(), place_.directory.fd(), name.c_str()) != 0)
    done = fail_errno(kWriting);
  if (!done) ::unlinkat(place_.directory.fd(), draft.c_str(), 0);
  // The batch is in its place; should this fail, it is as safe as one that is not flushed.
  if (done && flush) ::fsync(place_.directory.fd());
  return done;
}

// Whether the path leads elsewhere than to the directory that is open, or nowhere.
bool Queue::is_lost() const {
  struct stat ours, theirs;
  if (::fstat(place_.directory.fd(), &ours) != 0) return false;
  return ::stat(path_.c_str(), &theirs) != 0 || ours.st_dev != theirs.st_dev || ours.st_ino != theirs.st_ino;
}

// All but what is being sent, which its sender has read.
void Queue::forget_lost() {
  const auto first = entries_.begin() + (in_use_ ? 1 : 0);
  for (auto entry = first; entry != entries_.end(); ++entry) {
    stats_.unwritten_samples += entry->samples;
    stats_.bytes -= entry->cost;
  }
  entries_.erase(first, entries_.end());
}

// In a directory made again. It takes the place of the lost one under the same descriptors, since front() may be
// reading by them.
Result<void> Queue::store_anew(QueuedBatch& batch, bool flush) {
  const auto place = open_place(path_);
  std::unique_lock lock(mutex_);
  forget_lost();
  if (!place) return unexpected(place.error());
  if (::dup3(place->lock.get(), place_.lock.get(), O_CLOEXEC) < 0 ||
      ::dup3(place->directory.fd(), place_.directory.fd(), O_CLOEXEC) < 0)
    return fail_errno(path_);
  if (auto loaded = load(); !loaded) return loaded;
  batch.sequence = next_++;
  lock.unlock();
  return store(batch, flush);
}

Result<QueuedBatch> Queue::read(uint64_t sequence) const {
  const std::string name = file_name(sequence, "batch");
  UniqueFd fd(::openat(place_.directory.fd(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return fail_errno(kReading);
  struct stat st;
  if (::fstat(fd.get(), &st) != 0) return fail_errno(kReading);
  if (!S_ISREG(st.st_mode) || static_cast<uint64_t>(st.st_size) > kMaxBody + kHeader) return fail("too large a file");
  ReadBuffer buffer(static_cast<size_t>(st.st_size) + 1, kMaxBody + kHeader + kBlock);
  const auto text = buffer.read(fd.get(), ReadBuffer::Until::kEnd);
  if (!text) return unexpected(text.error().within(kReading));
  return parse_queue_file(std::string(*text), sequence);
}

void Queue::remove(uint64_t sequence) const {
  ::unlinkat(place_.directory.fd(), file_name(sequence, "batch").c_str(), 0);
}

// How many samples it has, to count them as dropped; 0 when it cannot be read.
uint64_t Queue::samples_of(const Entry& entry) const {
  if (entry.timestamp_ms) return entry.samples;
  const auto batch = read(entry.sequence);
  return batch ? batch->samples : 0;
}

// Called with mutex_ held, but for load().
void Queue::make_room(uint64_t cost) {
  const size_t kept = in_use_ ? 1 : 0;
  while (entries_.size() > kept && stats_.bytes + cost > max_bytes_) {
    const auto oldest = entries_.begin() + static_cast<ptrdiff_t>(kept);
    stats_.dropped_samples += samples_of(*oldest);
    stats_.bytes -= oldest->cost;
    remove(oldest->sequence);
    entries_.erase(oldest);
  }
}

Result<void> Queue::push(std::string body, int64_t timestamp_ms, uint64_t samples) {
  const uint64_t cost = cost_of(kHeader + body.size());
  std::unique_lock lock(mutex_);
  make_room(cost);
  const bool waits = !entries_.empty();
  QueuedBatch batch = {std::move(body), next_++, timestamp_ms, samples};
  lock.unlock();
  Result<void> stored = batch.body.size() > kMaxBody ? Result<void>(fail("larger than 32 MB")) : store(batch, waits);
  if (!stored && stored.error().code == ENOENT && is_lost()) stored = store_anew(batch, waits);
  lock.lock();
  if (!stored) {
    stats_.unwritten_samples += samples;
    return stored;
  }
  entries_.push_back({batch.sequence, cost, timestamp_ms, samples});
  stats_.bytes += cost;
  return {};
}

Result<std::optional<QueuedBatch>> Queue::front() {
  std::unique_lock lock(mutex_);
  while (!entries_.empty()) {
    in_use_ = true;
    const uint64_t sequence = entries_.front().sequence;
    lock.unlock();
    auto batch = read(sequence);
    lock.lock();
    if (batch) {
      entries_.front().timestamp_ms = batch->timestamp_ms;
      entries_.front().samples = batch->samples;
      return std::optional(std::move(*batch));
    }
    if (passes(batch.error())) {
      in_use_ = false;
      return unexpected(batch.error());
    }
    ++stats_.damaged_files;
    lock.unlock();
    pop();
    lock.lock();
  }
  return std::optional<QueuedBatch>();
}

void Queue::pop() {
  const std::lock_guard lock(mutex_);
  if (!in_use_ || entries_.empty()) return;
  in_use_ = false;
  remove(entries_.front().sequence);
  stats_.bytes -= entries_.front().cost;
  entries_.pop_front();
}

Queue::Stats Queue::stats() const {
  const std::lock_guard lock(mutex_);
  Stats stats = stats_;
  stats.batches = entries_.size();
  if (!entries_.empty()) stats.oldest_ms = entries_.front().timestamp_ms;
  return stats;
}

}  // namespace plimsoll::exporter
