// SPDX-License-Identifier: Apache-2.0
// A root file system made of busybox, a cgroup of its own, and a container in it, for one test.
// Nothing is left behind, whatever fails. Time limits are for a machine thirty times slower than usual.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/cgroup/layout.h"
#include "base/os.h"
#include "runtime/container/defaults.h"
#include "runtime/isolate/exec_stub.h"
#include "runtime/isolate/launch.h"
#include "runtime/limits/device_filter.h"
#include "runtime/seccomp/default_filter.h"
#include "tests/unit/temp_tree.h"

namespace plimsoll::test {

inline constexpr int kTimeoutMs = 60'000;

// Names the privilege that is missing, "" when all is there.
inline std::string missing_privilege() {
  if (::geteuid() != 0) return "needs root";
  if (::access("/bin/busybox", X_OK) != 0) return "needs /bin/busybox (package busybox-static)";
  return "";
}

inline bool copy_file(const std::string& source, const std::string& target) {
  auto content = read_file(source);
  if (!content) return false;
  UniqueFd fd(::open(target.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755));
  return fd.valid() && write_all(fd.get(), *content).has_value();
}

// bin/ with busybox under the names that the tests use, and tmp/.
inline void make_rootfs(const TempTree& tree, const std::string& name) {
  tree.make_dir(name + "/bin");
  tree.make_dir(name + "/tmp");
  ASSERT_TRUE(copy_file("/bin/busybox", tree.at(name + "/bin/busybox")));
  for (const char* applet : {"sh",    "cat",      "ls",    "echo", "sleep", "hostname", "id",  "mount", "readlink",
                             "touch", "true",     "false", "ps",   "grep",  "stat",     "pwd", "mkdir", "ping",
                             "ip",    "ifconfig", "env",   "kill", "wc",    "dd",       "nc"}) {
    ASSERT_EQ(::symlink("busybox", tree.at(name + "/bin/" + applet).c_str()), 0);
  }
#ifdef PLIMSOLL_PROBE
  ASSERT_TRUE(copy_file(PLIMSOLL_PROBE, tree.at(name + "/bin/probe")));
#endif
}

// Reads to the end of file, at most kTimeoutMs.
inline std::string read_all(int fd) {
  std::string text;
  char part[4096];
  const int64_t deadline = monotonic_ns() + int64_t{kTimeoutMs} * 1'000'000;
  while (monotonic_ns() < deadline) {
    pollfd waiting{fd, POLLIN, 0};
    if (::poll(&waiting, 1, 1000) <= 0) continue;
    const ssize_t size = ::read(fd, part, sizeof(part));
    if (size <= 0) return text;
    text.append(part, static_cast<size_t>(size));
  }
  ADD_FAILURE() << "no end of output; so far: " << text;
  return text;
}

// Waits for the end of a child; 128+n for a signal, like a shell.
inline int wait_for(pid_t pid) {
  int status = 0;
  if (::waitpid(pid, &status, 0) != pid) return -1;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

// The parent of this process's test groups; removed after the last test.
inline std::string parent_group() { return "/plimsoll-test-isolate-" + std::to_string(::getpid()); }

class ParentRemover : public testing::Environment {
 public:
  void TearDown() override {
    auto layout = cgroup::detect_layout("/sys/fs/cgroup");
    if (!layout) return;
    for (const cgroup::Hierarchy& hierarchy : layout->hierarchies) {
      ::rmdir((hierarchy.mount_point + parent_group()).c_str());
    }
  }
};
inline const testing::Environment* const kParentRemover = testing::AddGlobalTestEnvironment(new ParentRemover);

// A cgroup that is emptied and removed at the end.
class TestGroup {
 public:
  TestGroup() {
    static std::atomic<int> counter{0};
    auto layout = cgroup::detect_layout("/sys/fs/cgroup");
    EXPECT_TRUE(layout) << layout.error().message();
    auto made = limits::OwnCgroup::create(*layout, parent_group() + "/" + std::to_string(counter++));
    EXPECT_TRUE(made) << made.error().message();
    layout_ = *std::move(layout);
    group_ = std::make_unique<limits::OwnCgroup>(*std::move(made));
  }
  ~TestGroup() {
    auto killed = group_->kill_all();
    EXPECT_TRUE(killed) << killed.error().message();
    auto empty = group_->wait_empty(kTimeoutMs);
    EXPECT_TRUE(empty) << empty.error().message();
    auto removed = group_->remove();
    EXPECT_TRUE(removed) << removed.error().message();
  }
  TestGroup(const TestGroup&) = delete;
  TestGroup& operator=(const TestGroup&) = delete;

  limits::OwnCgroup& operator*() { return *group_; }
  limits::OwnCgroup* operator->() { return group_.get(); }
  const cgroup::Layout& layout() const { return layout_; }

 private:
  cgroup::Layout layout_;
  std::unique_ptr<limits::OwnCgroup> group_;
};

struct Ended {
  std::string output;  // both streams
  int exit_code = -1;
};

class Sandbox {
 public:
  Sandbox() {
    make_rootfs(tree_, "rootfs");
    container.hostname = "inside";
    launch.spec = &container;
    launch.rootfs = tree_.at("rootfs");
    launch.filter.program = seccomp::default_filter();
    launch.keep_network_counters = true;
    for (int& stream : launch.stdio) stream = -1;
    auto stub = isolate::make_exec_stub(launch.filter);
    EXPECT_TRUE(stub) << stub.error().message();
    stub_ = *std::move(stub);
    launch.exec_stub = stub_.get();
  }

  // Started with its output in output_fd(); the test ends with it or kills it.
  std::variant<isolate::Launched, isolate::LaunchError> start(std::vector<std::string> argv) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return isolate::LaunchError{errno_error("pipe")};
    output_.reset(ends[0]);
    UniqueFd write_end(ends[1]);
    container.process->args = std::move(argv);
    container.mounts = usual_mounts ? container::default_spec().mounts : std::vector<spec::Mount>{};
    for (const container::BindMount& bind : binds) container.mounts.push_back(container::bind_mount(bind));
    for (const spec::Mount& mount : mounts) container.mounts.push_back(mount);
    launch.stdio[1] = launch.stdio[2] = write_end.get();
    launch.group = grouped ? &*group : nullptr;
    if (!grouped) return isolate::launch(launch);
    auto restricted = limits::restrict_devices(*group, limits::default_device_rules());
    if (!restricted) return isolate::LaunchError{restricted.error()};
    return isolate::launch(launch);
  }

  void use_host_network() {
    std::erase_if(container.namespaces,
                  [](const spec::Namespace& one) { return one.type == spec::NamespaceType::kNetwork; });
  }

  // Runs to the end.
  Ended run(std::vector<std::string> argv) {
    auto started = start(std::move(argv));
    if (std::holds_alternative<isolate::LaunchError>(started)) output_.reset();
    if (auto* failed = std::get_if<isolate::LaunchError>(&started)) return {failed->error.message(), failed->exit_code};
    Ended ended;
    ended.output = read_all(output_.get());
    ended.exit_code = wait_for(std::get<isolate::Launched>(started).pid);
    output_.reset();
    return ended;
  }
  Ended shell(const std::string& script) { return run({"sh", "-c", script}); }
  std::string probe(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "probe");
    return run(std::move(arguments)).output;
  }

  int output_fd() const { return output_.get(); }
  const TempTree& tree() const { return tree_; }
  std::string in_rootfs(const std::string& path) const { return tree_.at("rootfs/" + path); }

 private:
  TempTree tree_;
  UniqueFd output_, stub_;

 public:
  spec::Spec container = container::default_spec();
  std::vector<container::BindMount> binds;
  std::vector<spec::Mount> mounts;  // after these
  bool usual_mounts = true;         // default_spec()'s come first
  bool grouped = true;
  isolate::LaunchSpec launch;
  TestGroup group;
};

// Skips the whole fixture where it cannot run.
class RootTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string missing = missing_privilege();
    if (!missing.empty()) GTEST_SKIP() << missing;
  }
};

}  // namespace plimsoll::test
