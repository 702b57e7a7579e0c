// SPDX-License-Identifier: Apache-2.0
// The commands on containers, run as a user would: the built executables on real containers.
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include "base/text.h"
#include "runtime/container/process.h"
#include "tests/root/cli.h"

namespace plimsoll::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class Run : public CliTest {};
class Commands : public CliTest {};
class Kept : public CliTest {};
class Counters : public CliTest {};

// ---- run ----

TEST_F(Run, PassesOutputAndExitCodeThrough) {
  const Outcome outcome = run({"--rm", "sh", "-c", "echo out; echo err >&2; exit 3"});
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_EQ(outcome.out, "out\n");
  EXPECT_EQ(outcome.err, "err\n");
  expect_nothing_left();
  ASSERT_EQ(records().size(), 1u) << "the final record survives --rm";
  EXPECT_EQ(records()[0].exit_code, 3);
}

TEST_F(Run, ASignalIs128AndItsNumber) {
  EXPECT_EQ(run({"--rm", "sh", "-c", "sh -c 'kill -9 $$'; exit $?"}).exit_code, 137);
  const std::string id = detached("victim", "sleep 1000");
  EXPECT_EQ(cli({"kill", "victim"}).exit_code, 0);
  EXPECT_EQ(cli({"wait", "victim"}).out, "137\n");
}

TEST_F(Run, WhatCannotBeStartedLeavesNothing) {
  for (const bool remove : {true, false}) {
    Args options = remove ? Args{"--rm"} : Args{};
    const auto attempt = [&](const std::string& program) {
      Args words = options;
      words.insert(words.end(), {"--name", "x", "--network", "veth", program});
      return run(words);
    };
    Outcome outcome = attempt("nosuch");
    EXPECT_EQ(outcome.exit_code, 127) << outcome.err;
    EXPECT_THAT(outcome.err, StartsWith("plimsoll: "));
    EXPECT_THAT(outcome.err, HasSubstr("nosuch"));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    tree_.write("rootfs/notes.txt", "text");
    outcome = attempt("/notes.txt");
    EXPECT_EQ(outcome.exit_code, 126) << outcome.err;
    expect_nothing_left();
    EXPECT_THAT(records(), IsEmpty());
  }
}

TEST_F(Run, WrongWordsAre125AndMakeNothing) {
  for (const Args& words : std::vector<Args>{
           {"--nope", "sh"}, {"--rm"}, {"-m", "lots", "sh"}, {"-t", "sh"}, {"-v", "/nonexistent:/x", "sh"}}) {
    const Outcome outcome = run(words);
    EXPECT_EQ(outcome.exit_code, 125) << outcome.err;
    EXPECT_THAT(outcome.err, StartsWith("plimsoll: "));
  }
  const Outcome no_rootfs = cli({"run", "--rootfs", "/nonexistent", "sh"});
  EXPECT_EQ(no_rootfs.exit_code, 125);
  EXPECT_THAT(no_rootfs.err, HasSubstr("/nonexistent"));
  EXPECT_NE(::access(roots().root.c_str(), F_OK), 0) << "not even the state directory is made";
}

TEST_F(Run, ANameInUseIsRefusedAndTheHolderGoesOn) {
  const std::string id = detached("web", "sleep 1000");
  const Outcome second = run({"--name", "web", "true"});
  EXPECT_EQ(second.exit_code, 125);
  EXPECT_THAT(second.err, HasSubstr("in use by container " + id.substr(0, 12)));
  EXPECT_THAT(engine_.store.ids().value_or({}), ElementsAre(id));
  EXPECT_EQ(cli({"rm", "-f", "web"}).exit_code, 0);
  EXPECT_EQ(run({"--rm", "--name", "web", "true"}).exit_code, 0);
  expect_nothing_left();
}

TEST_F(Run, SetsWhatTheProgramSees) {
  tree_.write("data/file", "bound\n");
  const Outcome outcome =
      run({"--rm", "-h", "h1", "-e", "A=x y", "-w", "/tmp", "-v", tree_.at("data") + ":/data:ro", "--", "sh", "-c",
           "hostname; echo \"$A\" $HOME; pwd; cat /data/file; echo no > /data/file; echo $$"});
  EXPECT_EQ(outcome.out, "h1\nx y /root\n/tmp\nbound\n1\n") << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("ead-only"));
}

TEST_F(Run, ArgumentsAndEnvironmentPassByteForByte) {
  const std::string odd = "caf\xE9 \"q\" \\ \n $x";
  const Outcome outcome = run({"--rm", "-e", "ODD=" + odd, "sh", "-c", "echo \"$ODD|$1|$2\"", "sh", odd, ""});
  EXPECT_EQ(outcome.out, odd + "|" + odd + "|\n");
}

TEST_F(Run, ConnectsStandardInputOnlyWhenAsked) {
  Started with = start_run({"--rm", "-i", "sh", "-c", "read a; echo got $a; cat | wc -c"});
  with.input("one\n");
  EXPECT_EQ(with.line(), "got one");
  with.input(std::string(200'000, 'x'));
  EXPECT_EQ(with.finish().out, "200000\n");
  Started without = start_run({"--rm", "cat"});
  without.input("ignored");
  EXPECT_EQ(without.finish().out, "");
}

TEST_F(Run, PassesSignalsOn) {
  Started command =
      start_run({"--rm", "sh", "-c",
                 "trap 'echo usr1' USR1; trap 'echo term; exit 7' TERM; echo ready; while :; do sleep 0.1; done"});
  ASSERT_EQ(command.line(), "ready");
  ::kill(command.pid(), SIGUSR1);
  EXPECT_EQ(command.line(), "usr1");
  ::kill(command.pid(), SIGTERM);
  const Outcome outcome = command.finish();
  EXPECT_EQ(outcome.out, "term\n");
  EXPECT_EQ(outcome.exit_code, 7);
}

TEST_F(Run, TheThirdInterruptKills) {
  Started command = start_run({"--rm", "sh", "-c", "echo ready; sleep 1000"});
  ASSERT_EQ(command.line(), "ready");
  for (int i = 0; i < 3; ++i) {
    ::kill(command.pid(), SIGINT);
    ::usleep(50'000);
  }
  EXPECT_EQ(command.finish().exit_code, 137);
  expect_nothing_left();
}

TEST_F(Run, EndsLikeAProgramWhoseOutputNobodyReads) {
  Started command = start_run({"--rm", "sh", "-c", "while :; do echo y; done"});
  EXPECT_EQ(command.line(), "y");
  command.close_output();
  int status = 0;
  ASSERT_EQ(::waitpid(command.pid(), &status, 0), command.pid());
  EXPECT_EQ(WEXITSTATUS(status), 128 + SIGPIPE);
  expect_nothing_left();
}

TEST_F(Run, TakesStateDirectoriesRelativeToTheCaller) {
  const std::string here = [] {
    char path[4096];
    return std::string(::getcwd(path, sizeof path) == nullptr ? "" : path);
  }();
  ASSERT_EQ(::chdir(tree_.path().c_str()), 0);
  Args words = {"--root", "state", "--runroot", "run"};
  const Args rest = run_args({"--rm", "echo", "hi"});
  words.insert(words.end(), rest.begin(), rest.end());
  const Outcome outcome = cli(words);
  EXPECT_EQ(::chdir(here.c_str()), 0);
  EXPECT_EQ(outcome.out, "hi\n") << outcome.err;
  EXPECT_EQ(records().size(), 1u);
}

TEST_F(Run, TwentyAtOnceAllWork) {
  std::vector<Started> commands;
  for (int i = 0; i < 20; ++i)
    commands.push_back(start_run(
        {"--rm", "--network", "veth", "sh", "-c", "echo " + std::to_string(i) + "; exit " + std::to_string(i)}));
  for (int i = 0; i < 20; ++i) {
    const Outcome outcome = commands[static_cast<size_t>(i)].finish();
    EXPECT_EQ(outcome.exit_code, i) << outcome.err;
    EXPECT_EQ(outcome.out, std::to_string(i) + "\n");
  }
  expect_nothing_left();
  EXPECT_EQ(records().size(), 20u);
}

// ---- the other commands ----

TEST_F(Commands, ShowADetachedContainerThroughItsLife) {
  const std::string id =
      detached("web", "echo hello; echo oops >&2; while [ ! -e /tmp/go ]; do sleep 0.05; done; exit 4");
  EXPECT_EQ(id.size(), 64u);
  const Outcome up = cli({"ps"});
  EXPECT_THAT(up.out, StartsWith("CONTAINER ID   IMAGE"));
  EXPECT_THAT(up.out, HasSubstr(id.substr(0, 12) + "   rootfs:rootfs"));
  EXPECT_THAT(up.out, HasSubstr("Up "));
  EXPECT_EQ(cli({"ps", "-q", "--no-trunc"}).out, id + "\n");
  EXPECT_TRUE(eventually([&] { return cli({"logs", "web"}).err == "oops\n"; }));
  EXPECT_EQ(cli({"logs", "web"}).out, "hello\n");
  EXPECT_THAT(cli({"rm", "web"}).err, HasSubstr("is running"));

  Started waiting = start({"wait", id.substr(0, 5)});
  Started following = start({"logs", "-f", "web"});
  EXPECT_EQ(following.line(), "hello");
  tree_.write("rootfs/tmp/go", "");
  EXPECT_EQ(waiting.finish().out, "4\n");
  EXPECT_EQ(following.finish().exit_code, 0);
  EXPECT_THAT(cli({"ps"}).out, Not(HasSubstr("web")));
  EXPECT_THAT(cli({"ps", "-a"}).out, HasSubstr("Exited (4) "));
  EXPECT_THAT(cli({"ps", "-a", "--format", "json"}).out, HasSubstr("\"State\":\"exited\""));
  EXPECT_THAT(cli({"inspect", "web"}).out, HasSubstr("\"cpu_usage_ns\""));
  EXPECT_THAT(groups(), IsEmpty()) << "the cgroup goes at once, the container stays for logs and inspect";
  EXPECT_EQ(cli({"rm", "web"}).out, "web\n");
  expect_nothing_left();
}

TEST_F(Commands, RefuseWhatIsNotThere) {
  for (const Args& words : std::vector<Args>{{"logs", "x"},
                                             {"stop", "x"},
                                             {"kill", "x"},
                                             {"rm", "x"},
                                             {"inspect", "x"},
                                             {"wait", "x"},
                                             {"exec", "x", "true"},
                                             {"stats", "--no-stream", "x"}}) {
    const Outcome outcome = cli(words);
    EXPECT_EQ(outcome.exit_code, 1) << words[0];
    EXPECT_EQ(outcome.err, "plimsoll: no such container: x\n") << words[0];
  }
  EXPECT_EQ(cli({"inspect", "x"}).out, "[]\n");
  EXPECT_EQ(cli({"ps", "--nope"}).exit_code, 2);
  EXPECT_EQ(cli({"stop"}).exit_code, 2);
  EXPECT_EQ(cli({"kill", "-s", "NOPE", "x"}).exit_code, 2);
}

TEST_F(Commands, StopAsksFirstAndKillsThen) {
  detached("polite", "trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done");
  detached("stubborn", "trap '' TERM; echo ready; while :; do sleep 0.05; done");
  for (const char* name : {"polite", "stubborn"})
    EXPECT_TRUE(eventually([&] { return cli({"logs", name}).out == "ready\n"; })) << name;
  EXPECT_EQ(cli({"stop", "polite"}).out, "polite\n");
  EXPECT_EQ(cli({"wait", "polite"}).out, "5\n");
  EXPECT_EQ(cli({"stop", "-t", "1", "stubborn"}).exit_code, 0);
  EXPECT_EQ(cli({"wait", "stubborn"}).out, "137\n");
  EXPECT_EQ(cli({"stop", "polite"}).exit_code, 0) << "it has ended already: fine";
  EXPECT_THAT(cli({"kill", "polite"}).err, HasSubstr("not running"));
  EXPECT_EQ(cli({"rm", "polite", "stubborn", "gone"}).exit_code, 1);
  expect_nothing_left();
}

TEST_F(Commands, ExecRunsInTheContainer) {
  const std::string id = detached("web", "sleep 1000", {"-e", "A=1", "-h", "inside"});
  Outcome outcome =
      cli({"exec", "-e", "B=2", "-w", "/tmp", "web", "sh", "-c", "hostname; echo $A$B; pwd; echo e >&2; exit 9"});
  EXPECT_EQ(outcome.out, "inside\n12\n/tmp\n");
  EXPECT_EQ(outcome.err, "e\n");
  EXPECT_EQ(outcome.exit_code, 9);
  EXPECT_EQ(cli({"exec", "web", "nosuch"}).exit_code, 127);
  Started with_input = start({"exec", "-i", "web", "wc", "-c"});
  with_input.input(std::string(100'000, 'x'));
  EXPECT_EQ(with_input.finish().out, "100000\n");
  EXPECT_EQ(cli({"exec", "-d", "web", "touch", "/tmp/touched"}).exit_code, 0);
  EXPECT_TRUE(eventually([&] { return ::access(tree_.at("rootfs/tmp/touched").c_str(), F_OK) == 0; }));
  EXPECT_EQ(cli({"logs", "web"}).out, "") << "what exec prints is not the container's output";
  EXPECT_EQ(cli({"rm", "-f", "web"}).exit_code, 0);
  EXPECT_EQ(cli({"exec", "web", "true"}).exit_code, 1);
}

TEST_F(Commands, ARunningExecDoesNotKeepAnEndedContainer) {
  detached("web", "while [ ! -e /tmp/go ]; do sleep 0.05; done");
  Started exec = start({"exec", "web", "sh", "-c", "echo in; sleep 1000"});
  EXPECT_EQ(exec.line(), "in");
  tree_.write("rootfs/tmp/go", "");
  EXPECT_EQ(cli({"wait", "web"}).out, "0\n");
  EXPECT_EQ(exec.finish().exit_code, 137);
  EXPECT_THAT(groups(), IsEmpty());
}

bool is_from_read_only_mount(pid_t pid) {
  struct statvfs mount {};
  const std::string executable = HostRoots{}.proc + "/" + std::to_string(pid) + "/exe";
  EXPECT_EQ(::statvfs(executable.c_str(), &mount), 0) << executable;
  return (mount.f_flag & ST_RDONLY) != 0;
}

// CVE-2019-5736: a script with the interpreter /proc/self/exe, or a link to it, would get our program to run inside, and
// its file could be opened for writing. What runs there is the stub, which starts nothing that it is not told to.
TEST_F(Commands, ProgramsThatEnterAContainerCannotBeOverwrittenFromIt) {
  const std::string id = detached("web", "sleep 1000");
  EXPECT_TRUE(is_from_read_only_mount(state(id).monitor_pid));
  Started exec = start({"exec", "web", "sh", "-c", "echo in; sleep 1000"});
  EXPECT_EQ(exec.line(), "in");
  tree_.write("rootfs/attack", "#!/proc/self/exe\n");
  ::chmod(tree_.at("rootfs/attack").c_str(), 0755);
  EXPECT_NE(cli({"exec", "web", "/attack"}).exit_code, 0);
  EXPECT_NE(run({"/attack"}).exit_code, 0);
  ASSERT_EQ(::symlink("/proc/self/exe", tree_.at("rootfs/link").c_str()), 0);
  for (const char* what : {"--version", "--help"}) {
    const Outcome outcome = cli({"exec", "web", "/link", what});
    EXPECT_EQ(outcome.out, "") << "not our program";
    EXPECT_NE(outcome.exit_code, 0);
  }
}

TEST_F(Commands, LogsAreLimitedRotatedAndTailed) {
  const Outcome outcome = run({"--name", "noisy", "--log-opt", "max-size=20k", "sh", "-c",
                               "i=0; while [ $i -lt 1000 ]; do echo line $i; i=$((i+1)); done"});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.out, StartsWith("line 0\n"));
  EXPECT_EQ(cli({"logs", "-n", "2", "noisy"}).out, "line 998\nline 999\n");
  EXPECT_THAT(cli({"logs", "-t", "-n", "1", "noisy"}).out, testing::MatchesRegex("20[0-9]+-[0-9T:.-]+Z line 999\n"));
  EXPECT_EQ(cli({"logs", "--since", "2000000000000", "noisy"}).exit_code, 1);
  EXPECT_EQ(cli({"logs", "--since", "4000000000", "noisy"}).out, "");
  for (const char* file : {"/container.log", "/container.log.1"}) {
    auto text = read_file(roots().container_dir(engine_.store.resolve("noisy").value_or("")) + file);
    EXPECT_LE(std::move(text).value_or(std::string(99'999, 'x')).size(), 20u * 1024);
  }
}

TEST_F(Commands, HostileTextStaysText) {
  const std::string id = detached("web", "sleep 1000", {"--image", "a\"b\n\x1b[2J\xFF", "-l", "k\"=v\n\xFF"});
  const Outcome table = cli({"ps"});
  EXPECT_EQ(std::count(table.out.begin(), table.out.end(), '\n'), 2) << table.out;
  EXPECT_EQ(table.out.find('\x1b'), std::string::npos);
  EXPECT_THAT(cli({"ps", "--format", "json"}).out, HasSubstr("a\\\"b\\n\\u001b[2J"));
  EXPECT_THAT(cli({"inspect", "web"}).out, HasSubstr("k\\\"\": \"v\\n"));
}

TEST_F(Commands, StatsShowsWhatRuns) {
  detached("busy", "while :; do :; done", {"-m", "64m"});
  const Outcome outcome = cli({"stats", "--no-stream"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, StartsWith("CONTAINER ID   NAME   CPU %"));
  EXPECT_THAT(outcome.out, HasSubstr("busy"));
  EXPECT_THAT(outcome.out, HasSubstr("/ 64MiB"));
}

TEST_F(Commands, NewerFormatsAreRefusedByName) {
  const std::string id = detached("web", "true");
  EXPECT_EQ(cli({"wait", "web"}).out, "0\n");
  tree_.write("state/containers/" + id + "/state.json", "{\"format\": 2}");
  const Outcome outcome = cli({"inspect", "web"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("format 2 is newer"));
  EXPECT_THAT(outcome.err, HasSubstr("state.json"));
}

TEST_F(Commands, FoldExpiredRecordsWhenNoAgentDoes) {
  container::ExitRecord old;
  old.id = "old";
  old.finished_ns = 1;
  old.counters.cpu_usage_ns = 77;
  ASSERT_TRUE(container::Spool(roots()).put(old));
  EXPECT_EQ(run({"--rm", "true"}).exit_code, 0);
  auto view = container::Spool(roots()).read();
  ASSERT_TRUE(view);
  EXPECT_EQ(view->totals.containers, 1u);
  EXPECT_EQ(view->totals.cpu_usage_ns, 77u);
  EXPECT_EQ(view->records.size(), 1u) << "the new one is kept for five minutes";
}

TEST_F(Commands, LeaveTheSpoolToAnAgentThatHoldsIt) {
  container::ExitRecord old;
  old.id = "old";
  old.finished_ns = 1;
  container::Spool agent(roots());
  ASSERT_TRUE(agent.put(old));
  const auto lock = agent.try_lock();
  ASSERT_TRUE(lock && *lock);
  EXPECT_EQ(cli({"ps"}).exit_code, 0);
  EXPECT_EQ(records().size(), 1u);
}

// ---- what survives whom ----

// Lines of proc_locks(5): "1: -> FLOCK  ADVISORY  READ 4711 fe:00:12345 0 EOF".
bool waits_for_a_lock(pid_t pid) {
  const std::string locks = read_file(HostRoots{}.proc + "/locks").value_or("");
  std::string_view rest = locks;
  while (!rest.empty()) {
    const std::string_view line = take(rest, '\n');
    if (line.find("-> FLOCK") != line.npos && line.find(" " + std::to_string(pid) + " ") != line.npos) return true;
  }
  return false;
}

TEST_F(Kept, TheContainerOutlivesItsCommand) {
  Started command = start_run({"--name", "web", "sh", "-c",
                               "echo 1; while [ ! -e /tmp/go ]; do sleep 0.05; done; i=2; while [ $i -le 5000 ]; do "
                               "echo $i; i=$((i+1)); done; exit 6"});
  EXPECT_EQ(command.line(), "1");
  EXPECT_EQ(command.finish_by(SIGKILL), 137);
  EXPECT_THAT(cli({"ps"}).out, HasSubstr("Up "));
  tree_.write("rootfs/tmp/go", "");
  EXPECT_EQ(cli({"wait", "web"}).out, "6\n");
  std::string expected;
  for (int i = 1; i <= 5000; ++i) expected += std::to_string(i) + "\n";
  EXPECT_EQ(cli({"logs", "web"}).out, expected);
}

TEST_F(Kept, SignalsDoNotEndAMonitor) {
  const std::string id = detached("web", "while [ ! -e /tmp/go ]; do sleep 0.05; done; exit 2");
  const pid_t monitor = state(id).monitor_pid;
  ASSERT_GT(monitor, 0);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGPIPE}) ::kill(monitor, signal);
  tree_.write("rootfs/tmp/go", "");
  EXPECT_EQ(cli({"wait", "web"}).out, "2\n");
}

TEST_F(Kept, AContainerWithoutItsMonitorIsShownStoppedAndCounted) {
  const std::string id = detached("web", "sleep 1000");
  ::kill(state(id).monitor_pid, SIGKILL);
  EXPECT_TRUE(eventually([&] { return cli({"ps"}).out.find("(unmonitored)") != std::string::npos; }));
  EXPECT_EQ(cli({"exec", "web", "true"}).exit_code, 0);
  EXPECT_EQ(cli({"stop", "-t", "0", "web"}).exit_code, 0);
  EXPECT_THAT(cli({"ps", "-a"}).out, HasSubstr("Exited (-1)"));
  EXPECT_THAT(groups(), IsEmpty());
  auto record = spooled(id);
  ASSERT_TRUE(record) << record.error().message();
  EXPECT_EQ(record->exit_code, -1);
  EXPECT_TRUE(record->counters.cpu_usage_ns.has_value()) << "the cgroup was still there";
  EXPECT_EQ(cli({"wait", "web"}).out, "-1\n");
}

TEST_F(Kept, ADeadPairIsFinishedByTheNextCommand) {
  const std::string id = detached("web", "sleep 1000", {"--rm", "--network", "veth"});
  const container::State before = state(id);
  Started waiting = start({"wait", "web"});
  ASSERT_TRUE(eventually([&] { return waits_for_a_lock(waiting.pid()); }));
  ::kill(before.monitor_pid, SIGKILL);
  ::kill(before.pid, SIGKILL);
  EXPECT_EQ(waiting.finish().out, "-1\n");
  EXPECT_EQ(cli({"ps", "-a", "-q"}).out, "");
  expect_nothing_left();
  EXPECT_EQ(records().size(), 1u);
  EXPECT_NE(::access(("/sys/class/net/pl" + id.substr(0, 12)).c_str(), F_OK), 0) << "the link is gone";
}

TEST_F(Kept, TheForegroundCommandSaysThatItsMonitorWasKilled) {
  Started command = start_run({"--name", "web", "sh", "-c", "echo ready; sleep 1000"});
  EXPECT_EQ(command.line(), "ready");
  const container::State before = state(engine_.store.resolve("web").value_or(""));
  ::kill(before.monitor_pid, SIGKILL);
  ::kill(before.pid, SIGKILL);
  const Outcome outcome = command.finish();
  EXPECT_EQ(outcome.exit_code, 125);
  EXPECT_THAT(outcome.err, HasSubstr("the monitor of web was killed"));
}

TEST_F(Kept, AStateOfAnEarlierBootIsFinished) {
  container::Config config;
  config.id = std::string(64, 'a');
  config.name = "old";
  config.cgroup_path = parent() + "/" + config.id;
  { auto lock = engine_.store.create(config); }
  container::State running;
  running.status = container::Status::kRunning;
  running.pid = 1;  // somebody else's by now
  running.pid_start_ticks = 12345;
  ASSERT_TRUE(engine_.store.set_state(config.id, running));
  EXPECT_THAT(cli({"ps", "-a"}).out, HasSubstr("Exited (-1)"));
  EXPECT_TRUE(spooled(config.id));
  EXPECT_EQ(cli({"rm", "old"}).exit_code, 0);
}

TEST_F(Kept, WhatNeverStartedIsRemoved) {
  container::Config config;
  config.id = std::string(64, 'b');
  config.name = "half";
  config.cgroup_path = parent() + "/" + config.id;
  { auto lock = engine_.store.create(config); }
  EXPECT_EQ(cli({"ps", "-a", "-q"}).out, "");
  expect_nothing_left();
  EXPECT_THAT(records(), IsEmpty());
}

// What one more monitor costs: its share of the file's pages is larger while it is the only one, and
// how much of them is mapped depends on what the page cache held, so the mean of three is looked at.
TEST_F(Kept, TheMonitorIsSmallAndLivesBesideItsContainers) {
  std::vector<std::string> procs;
  for (const char* name : {"one", "two", "three"})
    procs.push_back(HostRoots{}.proc + "/" + std::to_string(state(detached(name, "sleep 1000")).monitor_pid));
  for (const std::string& proc : procs)
    EXPECT_THAT(read_file(proc + "/cgroup").value_or(""), HasSubstr(parent() + "-monitors\n"));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  const auto mean_pss_kib = [&] {
    uint64_t sum = 0;
    for (const std::string& proc : procs)
      sum += find_u64(read_file(proc + "/smaps_rollup").value_or(""), "Pss").value_or(1u << 20);
    return sum / procs.size();
  };
  uint64_t pss_kib = mean_pss_kib();
  for (int i = 0; i < 30 && pss_kib > 512; ++i) {  // it gives back what starting took
    ::usleep(100'000);
    pss_kib = mean_pss_kib();
  }
  EXPECT_LE(pss_kib, 512u);
  RecordProperty("monitor_pss_kib", static_cast<int>(pss_kib));
#endif
}

// ---- final counters ----

TEST_F(Counters, OfAnEndedContainerAreCompleteAndConsistent) {
  const Outcome outcome = run(
      {"--rm", "--stats-on-exit", "--network", "veth", "-m", "256m", "sh", "-c",
       "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; dd if=/dev/zero of=/tmp/x bs=1048576 count=1 2>/dev/null"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("wall time"));
  EXPECT_THAT(outcome.err, HasSubstr("OOM kills       0\n"));
  ASSERT_EQ(records().size(), 1u);
  const container::ExitRecord record = records()[0];
  ASSERT_TRUE(record.counters.cpu_usage_ns && record.counters.cpu_user_ns && record.counters.cpu_system_ns);
  const double total = static_cast<double>(*record.counters.cpu_user_ns + *record.counters.cpu_system_ns);
  EXPECT_NEAR(total / static_cast<double>(*record.counters.cpu_usage_ns), 1, 0.1);
  EXPECT_GT(record.memory_peak_bytes.value_or(0), 1u << 20);
  EXPECT_NE(record.cgroup_inode, 0u);
  ASSERT_EQ(record.counters.network.size(), 1u) << "loopback is not counted";
  EXPECT_EQ(record.counters.network[0].name, "eth0");
  EXPECT_FALSE(record.oom_killed);
  EXPECT_LE(record.created_ns, record.started_ns);
  EXPECT_LT(record.started_ns, record.finished_ns);
}

TEST_F(Counters, WithoutANetworkThereIsNoTraffic) {
  EXPECT_EQ(run({"--rm", "true"}).exit_code, 0);
  EXPECT_EQ(run({"--rm", "--network", "host", "true"}).exit_code, 0);
  for (const auto& record : records()) EXPECT_TRUE(record.counters.network.empty());
}

TEST_F(Counters, AnOomKillIsRecorded) {
  const Outcome outcome = run({"--rm", "-m", "16m", "sh", "-c", "x=0123456789abcdef; while :; do x=$x$x; done"});
  EXPECT_EQ(outcome.exit_code, 137);
  ASSERT_EQ(records().size(), 1u);
  EXPECT_TRUE(records()[0].oom_killed);
  EXPECT_GE(records()[0].counters.oom_kills.value_or(0), 1u);
}

// A directory on a real block device, "" when there is none: a guest's disk, or where the test lives.
std::string directory_on_disk(const TempTree& tree) {
  for (const std::string& candidate : {std::string("/mnt/disk"), tree.path()}) {
    struct stat st;
    if (::stat(candidate.c_str(), &st) == 0 && major(st.st_dev) != 0) return candidate;
  }
  return "";
}

TEST_F(Counters, DirectWritesToABlockDeviceAreCounted) {
  const std::string directory = directory_on_disk(tree_);
  if (directory.empty()) GTEST_SKIP() << "needs /mnt/disk or a temporary directory on a block device";
  const Outcome outcome = run({"--rm", "-v", directory + ":/data", "dd", "if=/dev/zero",
                               "of=/data/plimsoll-test-direct", "bs=1048576", "count=4", "oflag=direct"});
  ::unlink((directory + "/plimsoll-test-direct").c_str());
  if (outcome.err.find("nvalid argument") != std::string::npos) GTEST_SKIP() << "no O_DIRECT on " << directory;
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto ended = records();
  ASSERT_EQ(ended.size(), 1u);
  uint64_t written = 0;
  for (const auto& device : ended[0].counters.io) written += device.written_bytes.value_or(0);
  EXPECT_GE(written, 4u << 20);
  EXPECT_LT(written, 5u << 20);
}

}  // namespace
}  // namespace plimsoll::test
