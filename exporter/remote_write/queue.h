// SPDX-License-Identifier: Apache-2.0
// What is still to be sent, on disk: a bounded first-in first-out of bodies that are ready to go, so that neither
// an outage of the receiver nor the end of this process loses samples.
//
//   DIRECTORY/lock                            held (flock) while the queue is open: one process at a time
//   DIRECTORY/00000000000000000042.batch      one body; the name is its sequence number
//   DIRECTORY/00000000000000000043.tmp        being written; removed when the queue is opened
//
// A file is a header of 48 bytes, numbers little endian, and the body:
//
//   "PLRWQ001"  sequence  time in ms since 1970  number of samples  length of the body  FNV-1a of all but this
//
// It is written under another name and renamed, so that the death of the process leaves a whole file or none. It
// is flushed to the disk (fdatasync) only when it has to wait: while the receiver takes what it is sent, a body is
// removed within a second and need never touch the disk. So a loss of power may cost what was made in the last
// seconds; files that it left torn are told by length and checksum, dropped, and counted.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/os.h"
#include "base/result.h"

namespace plimsoll::exporter {

struct QueuedBatch {
  std::string body;
  uint64_t sequence = 0;
  int64_t timestamp_ms = 0;
  uint64_t samples = 0;
};

// A file's bytes, and back. Error says what is wrong with them; `sequence` is what the name says.
std::string to_queue_file(const QueuedBatch& batch);
Result<QueuedBatch> parse_queue_file(std::string text, uint64_t sequence);

// push() is for one thread, front() and pop() for one other; stats() for any.
class Queue {
 public:
  static constexpr size_t kMaxBody = 32 << 20;

  struct Stats {
    uint64_t batches = 0, bytes = 0;   // that wait; bytes as the bound counts them
    std::optional<int64_t> oldest_ms;  // the timestamp of the first of them, where it is known
    uint64_t dropped_samples = 0;      // to stay within the bound
    uint64_t unwritten_samples = 0;    // that could not be stored, or were removed with the directory
    uint64_t damaged_files = 0;        // dropped, since they were torn or not ours
  };

  // Makes the directory (mode 0700) unless it is there. `max_bytes` bounds what waits; each file counts with the
  // blocks it takes, 4 KB at least. Error: it is another user's, somebody may write to it, another process has
  // it, it cannot be made.
  static Result<std::unique_ptr<Queue>> open(const std::string& directory, uint64_t max_bytes);

  // Appends. Drops the oldest that wait, not one that is being sent, when the bound asks for it. On an error the
  // batch is lost and counted. A directory that was removed is made again; what waited there is counted as lost.
  Result<void> push(std::string body, int64_t timestamp_ms, uint64_t samples);

  // The oldest one, which then is not dropped until pop(); nullopt when nothing waits. Error: it cannot be read now,
  // but later perhaps.
  Result<std::optional<QueuedBatch>> front();
  // Removes what front() returned last.
  void pop();

  Stats stats() const;

 private:
  struct Entry {
    uint64_t sequence;
    uint64_t cost;
    std::optional<int64_t> timestamp_ms;  // unknown until a file of an earlier process is read
    uint64_t samples;
  };

  // An open directory, which is ours alone.
  struct Place {
    Dir directory;
    UniqueFd lock;
  };

  Queue(std::string path, Place place, uint64_t max_bytes)
      : path_(std::move(path)), place_(std::move(place)), max_bytes_(max_bytes) {}
  static Result<Place> open_place(const std::string& path);
  Result<void> load();
  bool is_lost() const;
  void forget_lost();
  Result<void> store_anew(QueuedBatch& batch, bool flush);
  Result<void> store(const QueuedBatch& batch, bool flush) const;
  Result<QueuedBatch> read(uint64_t sequence) const;
  uint64_t samples_of(const Entry& entry) const;
  void make_room(uint64_t cost);
  void remove(uint64_t sequence) const;

  const std::string path_;
  const Place place_;  // its descriptors keep their numbers when the directory is another one
  const uint64_t max_bytes_;
  // Of all that follows. Not held while a batch is read to be sent or written; held while one is removed, and while
  // one of an earlier process is read to count what is dropped with it.
  mutable std::mutex mutex_;
  std::deque<Entry> entries_;
  bool in_use_ = false;  // the first entry is with whoever sends it
  uint64_t next_ = 1;
  Stats stats_;
};

}  // namespace plimsoll::exporter
