// SPDX-License-Identifier: Apache-2.0
// The reading half of log.h, for the command line; the monitor does without it.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "runtime/container/json_reader.h"
#include "runtime/container/log.h"

namespace plimsoll::container {
namespace {

constexpr size_t kChunkBytes = 64 * 1024;

uint64_t inode_of(int fd) {
  struct stat st;
  return ::fstat(fd, &st) == 0 ? st.st_ino : 0;
}

UniqueFd open_for_reading(const std::string& path) {
  return UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
}

}  // namespace

Result<LogEntry> parse_log_entry(std::string_view line) {
  const auto object = nlohmann::json::parse(line, nullptr, false);
  if (!object.is_object()) return fail("not a JSON object");
  JsonReader reader(object);
  std::string stream, time;
  LogEntry entry;
  reader.get("log", entry.text);
  reader.get("stream", stream);
  reader.get("time", time);
  if (stream != "stdout" && stream != "stderr") reader.reject("stream", "neither stdout nor stderr");
  if (auto good = reader.finish(); !good) return unexpected(good.error());
  auto time_ns = parse_time(time);
  if (!time_ns) return unexpected(time_ns.error());
  entry.time_ns = *time_ns;
  entry.stream = stream == "stderr" ? Stream::kStderr : Stream::kStdout;
  return entry;
}

// Reads the open file to its present end.
Result<void> LogReader::drain(const std::function<void(std::string_view)>& take) {
  std::string chunk(kChunkBytes, '\0');
  while (true) {
    const ssize_t length = ::read(fd_.get(), chunk.data(), chunk.size());
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return fail_errno(directory_ + "/container.log");
    if (length == 0) return {};
    rest_.append(chunk, 0, static_cast<size_t>(length));
    std::string_view lines = rest_;
    for (size_t end; (end = lines.find('\n')) != std::string_view::npos; lines.remove_prefix(end + 1)) {
      take(lines.substr(0, end));
    }
    rest_.erase(0, rest_.size() - lines.size());
  }
}

// Opens the file that comes after the one that has been read to its end; false when there is none.
Result<bool> LogReader::open_next(const std::function<void(std::string_view)>& take) {
  const std::string path = directory_ + "/container.log";
  UniqueFd current = open_for_reading(path);
  if (!current && errno != ENOENT) return fail_errno(path);
  const uint64_t current_inode = current ? inode_of(current.get()) : 0;
  if (fd_ && (!current || current_inode == inode_)) return false;
  if (fd_) {
    // Written between our last read and the rotation; nothing is added to it any more.
    if (auto drained = drain(take); !drained) return unexpected(drained.error());
  }
  // At the start, or when the log was rotated twice meanwhile, the older file comes first.
  UniqueFd rotated = open_for_reading(path + ".1");
  const uint64_t rotated_inode = rotated ? inode_of(rotated.get()) : 0;
  const bool older_first = rotated && rotated_inode != inode_;
  if (!older_first && !current) return false;
  fd_ = std::move(older_first ? rotated : current);
  inode_ = older_first ? rotated_inode : current_inode;
  rest_.clear();
  return true;
}

Result<void> LogReader::read(const std::function<void(std::string_view line)>& take) {
  while (true) {
    if (fd_) {
      if (auto drained = drain(take); !drained) return drained;
    }
    auto opened = open_next(take);
    if (!opened) return unexpected(opened.error());
    if (!*opened) return {};
  }
}

Result<uint64_t> LogReader::count(const std::string& directory) {
  uint64_t lines = 0;
  LogReader reader(directory);
  auto read = reader.read([&](std::string_view) { ++lines; });
  if (!read) return unexpected(read.error());
  return lines;
}

}  // namespace plimsoll::container
