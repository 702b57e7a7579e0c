// SPDX-License-Identifier: Apache-2.0
// A container by its name: its directory ROOT/ID, what stands there, and in which state it is.
//
// Nothing on disk says "running": creating means that the mark of its maker is still there, created that the socket of
// `start` is, stopped that the first process is gone, paused that its cgroup is frozen. Two locks (flock(2)): on the
// directory while `create` is at work in it, so that one that was killed can be told from one that is busy; on
// state.json while a command changes the container. runtime.md "State"
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/os.h"
#include "runtime/oci/record.h"

namespace plimsoll::oci {

enum class Status { kCreating, kCreated, kRunning, kPaused, kStopped };
std::string_view status_name(Status status);

inline constexpr char kRecordFile[] = "state.json";
inline constexpr char kFilterFile[] = "seccomp.bpf";
inline constexpr char kStartSocket[] = "start.sock";
// The same socket once `start` is connected to it: nobody else can start it any more.
inline constexpr char kStartingSocket[] = "starting.sock";
// There while the container is made, by `create` or `run`: until then its processes may still stand on the host's root.
// In it the path of the cgroup that is made for it, for who removes what an aborted one has left; behind a NUL the
// process of the configuration, for `exec`, as which it stays: one file costs less than two.
inline constexpr char kCreatingMark[] = "creating";
inline constexpr char kProcessFile[] = "process";

// Holds an flock(2) until it goes; processes that were started meanwhile do not keep it.
class Lock {
 public:
  Lock() = default;
  explicit Lock(UniqueFd fd) : fd_(std::move(fd)) {}
  Lock(Lock&&) = default;
  Lock& operator=(Lock&&) = default;
  ~Lock() { release(); }
  void release();

 private:
  UniqueFd fd_;
};

// Waits until no other command changes the container of this directory. Error ENOENT when it was deleted meanwhile.
Result<Lock> lock_container(int directory, std::string_view id);
// The same without waiting. Error EWOULDBLOCK when another command has it.
Result<Lock> try_lock_container(int directory, std::string_view id);

class Container {
 public:
  // Error ENOENT "container "x" does not exist" when there is none, or one whose `create` has not come far enough.
  static Result<Container> open(const std::string& root, std::string_view id);

  const Record& record() const { return record_; }
  const std::string& id() const { return record_.id; }
  int directory() const { return directory_.fd(); }
  // The user that the directory belongs to.
  uid_t owner() const { return owner_; }

  // Error EPERM when the directory is not the caller's alone: then nothing is done because of what it says but to show
  // it. Taking the lock has it checked, too.
  Result<void> check_owner() const;
  // Everything but paused, which costs more to find out: see status() of cgroups.h.
  Status status(const std::string& proc) const;
  Result<Lock> lock() const { return lock_container(directory(), id()); }
  // A file of the directory, at most `limit` bytes.
  Result<std::string> read(const std::string& name, size_t limit) const;
  // The process of the configuration, as JSON; "" when it had none.
  Result<std::string> read_process() const;

 private:
  Dir directory_;
  Record record_;
  uid_t owner_ = 0;
};

// The directory of a container that is being made. Removed again unless keep() was called.
class NewDirectory {
 public:
  // Makes the root, too. Error EEXIST when the name is taken.
  static Result<NewDirectory> make(const std::string& root, std::string_view id);
  NewDirectory(NewDirectory&& other) noexcept;
  NewDirectory& operator=(NewDirectory&&) = delete;
  ~NewDirectory();

  int fd() const { return directory_.fd(); }
  const std::string& path() const { return path_; }
  // The mark, before anything else is made. `process` as JSON, "" without one.
  Result<void> mark(const std::string& group, std::string_view process) const;
  // Readers see the whole file or none.
  Result<void> write(const std::string& name, std::string_view content) const;
  // The container is made: the mark goes, the directory stays.
  Result<void> finish();
  void keep();
  // With all in it, also after keep().
  Result<void> remove() const;

 private:
  NewDirectory() = default;

  Dir directory_;
  std::string path_;
  bool kept_ = false;
};

// Whether some `create` or `run` has the directory.
bool is_being_created(const std::string& root, std::string_view id);
// Removes a directory in which no `create` is at work and no record stands. EBUSY when one is, EEXIST when a record has
// been written meanwhile.
// `remove_group` gets the path in the mark, before the directory goes.
Result<void> remove_aborted(const std::string& root, std::string_view id,
                            const std::function<Result<void>(const std::string&)>& remove_group);
// Removes ROOT/ID with all in it; one that is gone already is fine.
Result<void> remove_directory(const std::string& root, std::string_view id);

// Names of all containers below `root`, sorted; none when the directory does not exist and `may_miss`.
Result<std::vector<std::string>> container_ids(const std::string& root, bool may_miss);

// The name of a user of this machine from its own /etc/passwd; "#1000" when it has none.
std::string owner_name(const std::string& passwd, uid_t uid);

}  // namespace plimsoll::oci
