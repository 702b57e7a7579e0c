// SPDX-License-Identifier: Apache-2.0
// What the tests of runtime/isolate share: namespaces held by a process, mounts of the host for one test, the state of
// this process that a launch must leave as it was.
#pragma once

#include <ftw.h>
#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>

#include "tests/root/sandbox.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

namespace plimsoll::test {

inline std::string namespace_of(const std::string& process, const std::string& kind) {
  char target[64] = {};
  const ssize_t size = ::readlink(("/proc/" + process + "/ns/" + kind).c_str(), target, sizeof(target) - 1);
  return size < 0 ? "" : std::string(target, static_cast<size_t>(size));
}

inline size_t count_lines(const std::string& text) {
  return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
}

// What must be the same before and after: mounts, descriptors and children of this process.
struct HostState {
  std::string mounts = read_file("/proc/self/mountinfo").value_or("");
  size_t descriptors = Dir::open("/proc/self/fd")->list()->size();
  std::string children = read_file("/proc/thread-self/children").value_or("");
  bool operator==(const HostState&) const = default;
};
inline std::ostream& operator<<(std::ostream& out, const HostState& state) {
  return out << state.descriptors << " descriptors, children \"" << state.children << "\", "
             << count_lines(state.mounts) << " mounts, the last\n"
             << state.mounts.substr(state.mounts.size() - std::min<size_t>(state.mounts.size(), 300));
}

// In another process; what fails in there is printed, and makes the result another one than 0.
inline int in_child(const std::function<void()>& run) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    run();
    ::_exit(testing::Test::HasFailure() ? 1 : 0);
  }
  return wait_for(pid);
}
// The same where all mounts are shared, as systemd makes them.
inline int with_shared_mounts(const std::function<void()>& run) {
  return in_child([&run] {
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
    ASSERT_EQ(::mount("", "/", "", MS_PRIVATE | MS_REC, nullptr), 0);
    ASSERT_EQ(::mount("", "/", "", MS_SHARED | MS_REC, nullptr), 0);
    run();
  });
}

// A process that has made namespaces for itself, and does nothing else until the end of the test.
class Holder {
 public:
  explicit Holder(int flags, const std::string& map = "") {
    int ready[2];
    if (::pipe2(ready, O_CLOEXEC) != 0) return;
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
      const char answer = ::unshare(flags) == 0 ? 'y' : 'n';
      if ((flags & CLONE_NEWPID) != 0 && ::fork() == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        while (true) ::pause();  // the namespace lives as long as its first process
      }
      (void)!::write(ready[1], &answer, 1);
      while (true) ::pause();
    }
    char answer = 'n';
    (void)!::read(ready[0], &answer, 1);
    EXPECT_EQ(answer, 'y') << "unshare";
    for (int fd : ready) ::close(fd);
    if (map.empty()) return;
    EXPECT_TRUE(write_existing(AT_FDCWD, "/proc/" + name() + "/uid_map", map));
    EXPECT_TRUE(write_existing(AT_FDCWD, "/proc/" + name() + "/gid_map", map));
  }
  ~Holder() {
    ::kill(pid_, SIGKILL);
    wait_for(pid_);
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;

  std::string name() const { return std::to_string(pid_); }
  std::string path(const std::string& kind) const { return "/proc/" + name() + "/ns/" + kind; }

 private:
  pid_t pid_ = -1;
};

// A tmpfs of the host, unmounted at the end with all that was mounted below it.
class HostMount {
 public:
  HostMount(std::string path, unsigned long propagation = MS_PRIVATE) : path_(std::move(path)) {
    EXPECT_TRUE(make_directories(path_));
    EXPECT_EQ(::mount("plimsoll-test", path_.c_str(), "tmpfs", 0, "mode=755"), 0);
    EXPECT_EQ(::mount("", path_.c_str(), "", propagation, nullptr), 0);
  }
  ~HostMount() {
    // The propagation first: what the peers have shall stay theirs.
    ::mount("", path_.c_str(), "", MS_PRIVATE | MS_REC, nullptr);
    EXPECT_EQ(::umount2(path_.c_str(), MNT_DETACH), 0);
  }
  HostMount(const HostMount&) = delete;
  HostMount& operator=(const HostMount&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline spec::Mount mount_of(std::string destination, std::string type, std::string source,
                            std::vector<std::string> options) {
  spec::Mount mount;
  mount.destination = std::move(destination);
  mount.type = std::move(type);
  mount.source = std::move(source);
  mount.options = std::move(options);
  return mount;
}
inline spec::Mount bind_of(std::string source, std::string destination, std::vector<std::string> options) {
  options.insert(options.begin(), "rbind");
  return mount_of(std::move(destination), "bind", std::move(source), std::move(options));
}

inline void set_namespace(spec::Spec& spec, spec::NamespaceType type, const std::string& path) {
  std::erase_if(spec.namespaces, [type](const spec::Namespace& one) { return one.type == type; });
  spec.namespaces.push_back({type, path});
}

inline uid_t& owner_of_tree() {
  static uid_t owner = 0;
  return owner;
}
// The files of a root file system are given to the root of a user namespace.
inline void give_tree(const std::string& path, uid_t owner) {
  owner_of_tree() = owner;
  ::nftw(
      path.c_str(),
      [](const char* file, const struct stat*, int, FTW*) { return ::lchown(file, owner_of_tree(), owner_of_tree()); },
      16, FTW_PHYS | FTW_MOUNT);
}

inline void use_user_namespace(Sandbox& sandbox, const spec::IdMappings& mappings) {
  set_namespace(sandbox.container, spec::NamespaceType::kUser, "");
  sandbox.container.uid_mappings = sandbox.container.gid_mappings = mappings;
  give_tree(sandbox.in_rootfs(""), mappings.front().host_id);
}

// Runs it in a process of an ordinary user, as one that was started by that user.
inline Ended run_as(uid_t user, Sandbox& sandbox, const std::vector<std::string>& argv,
                    const std::function<void()>& prepare = {}) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return {};
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (prepare) prepare();
    if (::setgroups(0, nullptr) != 0 || ::setresgid(user, user, user) != 0 || ::setresuid(user, user, user) != 0 ||
        ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0) {
      ::_exit(99);
    }
    const Ended ended = sandbox.run(argv);
    (void)write_all(ends[1], ended.output);
    ::_exit(ended.exit_code);
  }
  ::close(ends[1]);
  UniqueFd output(ends[0]);
  Ended ended;
  ended.output = read_all(output.get());
  ended.exit_code = wait_for(pid);
  return ended;
}

// A started container that is killed at the end.
class Running {
 public:
  Running(Sandbox& sandbox, std::vector<std::string> argv) {
    auto started = sandbox.start(std::move(argv));
    if (auto* failed = std::get_if<isolate::LaunchError>(&started)) ADD_FAILURE() << failed->error.message();
    if (auto* launched = std::get_if<isolate::Launched>(&started)) launched_ = std::move(*launched);
  }
  ~Running() {
    if (launched_.pid == 0) return;
    ::kill(launched_.pid, SIGKILL);
    wait_for(launched_.pid);
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  const isolate::Launched& get() const { return launched_; }
  pid_t pid() const { return launched_.pid; }

 private:
  isolate::Launched launched_;
};

// A listening socket as a container's start socket, and connections to it.
class StartSocket {
 public:
  explicit StartSocket(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)) {
    address_.sun_family = AF_UNIX;
    path.copy(address_.sun_path, sizeof(address_.sun_path) - 1);
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address_), sizeof(address_)), 0);
    EXPECT_EQ(::listen(fd_.get(), 1), 0);
  }
  int fd() const { return fd_.get(); }
  void close() { fd_.reset(); }
  UniqueFd connect() const {
    UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address_), sizeof(address_)) != 0) fd.reset();
    return fd;
  }

 private:
  sockaddr_un address_ = {};
  UniqueFd fd_;
};

}  // namespace plimsoll::test
