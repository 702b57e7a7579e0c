// SPDX-License-Identifier: Apache-2.0
// Runs the built `plimsoll` against state directories, a root file system and a parent cgroup of its own.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <vector>

#include "runtime/container/reconcile.h"
#include "runtime/container/spool.h"
#include "runtime/limits/own_cgroup.h"
#include "tests/root/sandbox.h"

namespace plimsoll::test {

struct Outcome {
  int exit_code = -1;
  std::string out, err;
};

// A command that was started and not waited for yet. It is killed at the end.
class Started {
 public:
  Started() = default;
  Started(pid_t pid, UniqueFd in, UniqueFd out, UniqueFd err)
      : pid_(pid), in_(std::move(in)), out_(std::move(out)), err_(std::move(err)) {}
  Started(Started&& other) noexcept
      : pid_(std::exchange(other.pid_, 0)),
        in_(std::move(other.in_)),
        out_(std::move(other.out_)),
        err_(std::move(other.err_)) {}
  ~Started() {
    if (pid_ > 0) finish_by(SIGKILL);
  }

  Outcome finish() {
    in_.reset();
    Outcome outcome;
    outcome.out = read_all(out_.get());
    outcome.err = read_all(err_.get());
    outcome.exit_code = wait_for(std::exchange(pid_, 0));
    return outcome;
  }
  int finish_by(int signal) {
    ::kill(pid_, signal);
    return wait_for(std::exchange(pid_, 0));
  }
  // The next line of standard output.
  std::string line() {
    std::string text;
    pollfd waiting{out_.get(), POLLIN, 0};
    for (char c = 0; ::poll(&waiting, 1, kTimeoutMs) > 0 && ::read(out_.get(), &c, 1) == 1 && c != '\n';) text += c;
    return text;
  }
  pid_t pid() const { return pid_; }
  void input(const std::string& text) { EXPECT_TRUE(write_all(in_.get(), text)); }
  void close_output() { out_.reset(); }

 private:
  pid_t pid_ = 0;
  UniqueFd in_, out_, err_;
};

class CliTest : public RootTest {
 protected:
  using Args = std::vector<std::string>;

  CliTest() : engine_{container::Store(roots()), HostRoots{}, *cgroup::detect_layout(HostRoots{}.cgroup)} {
    if (missing_privilege().empty()) make_rootfs(tree_, "rootfs");
  }
  ~CliTest() override {
    for (const std::string& id : engine_.store.ids().value_or({})) {
      auto config = engine_.store.config(id);
      if (config) container::discard(engine_, *config);
    }
    for (const std::string& path : {parent(), parent() + "-monitors"}) {
      auto group = limits::OwnCgroup::open(engine_.layout, path);
      if (!group) continue;
      EXPECT_TRUE(group->wait_empty(kTimeoutMs)) << path;
      EXPECT_TRUE(group->remove()) << path;
    }
  }

  container::StateRoots roots() const { return {tree_.at("state"), tree_.at("run")}; }
  std::string parent() const { return "/plimsoll-test-life-" + std::to_string(::getpid()); }

  Started start(const Args& arguments) const {
    UniqueFd ends[3][2];
    for (auto& pair : ends) {
      int fds[2];
      EXPECT_EQ(::pipe2(fds, O_CLOEXEC), 0);
      pair[0].reset(fds[0]);
      pair[1].reset(fds[1]);
    }
    Args words = {PLIMSOLL_BINARY, "--root", roots().root, "--runroot", roots().runroot};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::dup2(ends[0][0].get(), 0);
      ::dup2(ends[1][1].get(), 1);
      ::dup2(ends[2][1].get(), 2);
      ::execv(argv[0], argv.data());
      ::_exit(99);
    }
    return {pid, std::move(ends[0][1]), std::move(ends[1][0]), std::move(ends[2][0])};
  }
  Outcome cli(const Args& arguments) const { return start(arguments).finish(); }

  // `run` with the options every test needs; `words` are further options and the command.
  Args run_args(const Args& words) const {
    Args all = {"run", "--cgroup-parent", parent(), "--rootfs", tree_.at("rootfs")};
    all.insert(all.end(), words.begin(), words.end());
    return all;
  }
  Outcome run(const Args& words) const { return cli(run_args(words)); }
  Started start_run(const Args& words) const { return start(run_args(words)); }
  // Runs a shell script detached, by name; returns the id.
  std::string detached(const std::string& name, const std::string& script, Args options = {}) const {
    options.insert(options.end(), {"-d", "--name", name, "sh", "-c", script});
    const Outcome outcome = run(options);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return outcome.out.substr(0, outcome.out.find('\n'));
  }

  container::State state(const std::string& id) const { return engine_.store.state(id).value_or({}); }
  Result<container::ExitRecord> spooled(const std::string& id) const {
    auto text = read_file(roots().exited_dir() + "/" + id);
    if (!text) return unexpected(text.error());
    return container::parse_exit_record(*text);
  }
  // Every record in the spool.
  std::vector<container::ExitRecord> records() const {
    auto view = container::Spool(roots()).read();
    EXPECT_TRUE(view) << view.error().message();
    return view ? view->records : std::vector<container::ExitRecord>();
  }
  // Child groups of the parent, over all hierarchies.
  std::vector<std::string> groups() const {
    std::vector<std::string> names;
    for (const auto& hierarchy : engine_.layout.hierarchies) {
      auto dir = Dir::open(hierarchy.mount_point + parent());
      if (!dir) continue;
      for (const auto& entry : dir->list().value_or({})) {
        if (entry.is_directory) names.push_back(entry.name);
      }
    }
    return names;
  }
  // Expects that no container, name or cgroup is left.
  void expect_nothing_left() const {
    EXPECT_THAT(engine_.store.ids().value_or({"?"}), testing::IsEmpty());
    auto names = Dir::open(roots().root + "/names");
    EXPECT_TRUE(!names || names->list().value_or({{"?", false}}).empty());
    EXPECT_THAT(groups(), testing::IsEmpty());
  }
  // Polls, at most kTimeoutMs.
  static bool eventually(const std::function<bool()>& holds) {
    for (const int64_t end = monotonic_ns() + int64_t{kTimeoutMs} * 1'000'000; monotonic_ns() < end; ::usleep(5000)) {
      if (holds()) return true;
    }
    return holds();
  }

  TempTree tree_;
  container::Engine engine_;
};

}  // namespace plimsoll::test
