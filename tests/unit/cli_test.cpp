// SPDX-License-Identifier: Apache-2.0
// The command line: words to configuration, numbers to text.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>

#include "agent/cli/format.h"
#include "agent/cli/options.h"
#include "agent/cli/relay.h"
#include "agent/cli/run_options.h"
#include "agent/cli/usage.h"
#include "tests/unit/temp_tree.h"

namespace plimsoll::agent {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// ---- options ----

struct Words {
  bool detach = false, interactive = false;
  std::string memory;
  std::vector<std::string> env, command;
};

std::optional<int> parse(const std::vector<std::string>& arguments, Words& words) {
  Options options("run", "[OPTIONS] COMMAND", "Runs.", 125);
  options.flag("-d,--detach", words.detach, "Detach");
  options.flag("-i", words.interactive, "Interactive");
  options.value("-m,--memory", words.memory, "SIZE", "Memory");
  options.values("-e,--env", words.env, "K=V", "Environment");
  options.command_words(words.command, 1);
  return options.parse(arguments);
}

TEST(Options, EndAtTheCommandWhateverFollows) {
  Words words;
  ASSERT_FALSE(parse({"-d", "-e", "A=1", "-m", "64m", "sh", "-c", "", "-d", "--", "{}", "[a,b]", "--help"}, words));
  EXPECT_TRUE(words.detach);
  EXPECT_EQ(words.memory, "64m");
  EXPECT_THAT(words.env, ElementsAre("A=1"));
  EXPECT_THAT(words.command, ElementsAre("sh", "-c", "", "-d", "--", "{}", "[a,b]", "--help"));
}

TEST(Options, TakeEverySpelling) {
  Words words;
  ASSERT_FALSE(parse({"--memory=1g", "-di", "-eA=1", "--env", "B=[1,2]", "-e", "C=", "-die", "D={}", "cmd"}, words));
  EXPECT_EQ(words.memory, "1g");
  EXPECT_TRUE(words.interactive);
  EXPECT_THAT(words.env, ElementsAre("A=1", "B=[1,2]", "C=", "D={}"));
  EXPECT_THAT(words.command, ElementsAre("cmd"));
}

TEST(Options, ADoubleDashIsNotPartOfTheCommand) {
  Words words;
  ASSERT_FALSE(parse({"-d", "--", "-weird", "--"}, words));
  EXPECT_THAT(words.command, ElementsAre("-weird", "--"));
}

TEST(Options, WrongUsageIsOneLineAndTheExitCodeAskedFor) {
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {}, {"-d"}, {"--nope", "sh"}, {"-x", "sh"}, {"-m"}, {"--memory"}, {"--detach=maybe", "sh"}}) {
    Words words;
    ::testing::internal::CaptureStderr();
    const auto code = parse(arguments, words);
    const std::string text = ::testing::internal::GetCapturedStderr();
    EXPECT_EQ(code, std::optional<int>(125));
    EXPECT_THAT(text, StartsWith("plimsoll: run: "));
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
  }
}

TEST(Options, AnUnknownOneIsNamed) {
  Words words;
  ::testing::internal::CaptureStderr();
  EXPECT_TRUE(parse({"--nope", "sh"}, words));
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("'--nope'"));
}

TEST(Options, HelpNamesEveryOption) {
  Words words;
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(parse({"--help"}, words), std::optional<int>(0));
  const std::string text = ::testing::internal::GetCapturedStdout();
  for (const char* part : {"Usage: plimsoll run [OPTIONS] COMMAND", "-d,--detach", "--memory SIZE", "K=V"})
    EXPECT_THAT(text, HasSubstr(part));
}

// ---- run: what may be asked for ----

struct RunTest : ::testing::Test {
  RunTest() { tree.make_dir("rootfs/bin"); }
  RunWords words() const {
    RunWords result;
    result.rootfs = tree.at("rootfs");
    result.command = {"/bin/sh"};
    return result;
  }
  // The complaint about the words, "" when there is none.
  static std::string complaint(const RunWords& words) {
    auto config = make_config(words);
    return config ? "" : config.error().message();
  }
  test::TempTree tree;
};

TEST_F(RunTest, DefaultsAreDockers) {
  auto config = make_config(words());
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->id.size(), 64u);
  EXPECT_EQ(config->image, "rootfs:rootfs");
  EXPECT_EQ(config->hostname, config->id.substr(0, 12));
  EXPECT_EQ(config->cwd, "/");
  EXPECT_EQ(config->cgroup_path, "/plimsoll/" + config->id);
  EXPECT_EQ(config->log_limit_bytes, 16u << 20);
  EXPECT_EQ(config->network, container::Network::kNone);
  EXPECT_TRUE(config->name.empty()) << "it is made up when it is reserved";
  EXPECT_THAT(config->env, Contains("HOSTNAME=" + config->hostname));
  EXPECT_THAT(config->env, Contains(StartsWith("PATH=/usr/local/sbin")));
}

TEST_F(RunTest, EverythingThatIsAskedForArrives) {
  RunWords all = words();
  all.name = "web";
  all.image = "nginx";
  all.hostname = "h1";
  all.memory = "64m";
  all.cpus = "0.5";
  all.pids = "50";
  all.workdir = "/tmp";
  all.network = "veth";
  all.cgroup_parent = "/mine/";
  all.env = {"A=1", "PATH=/bin", "A=2"};
  all.labels = {"k=v=w", "flag"};
  all.binds = {tree.at("rootfs") + ":/data:ro"};
  all.log_options = {"max-size=1m"};
  all.remove = true;
  auto config = make_config(all);
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->name, "web");
  EXPECT_EQ(config->image, "nginx");
  EXPECT_EQ(config->memory_bytes, 64u << 20);
  EXPECT_EQ(config->cpu_quota_us, 50'000u);
  EXPECT_EQ(config->pids, 50u);
  EXPECT_EQ(config->cgroup_path, "/mine/" + config->id);
  EXPECT_THAT(config->env, ElementsAre("PATH=/bin", "HOSTNAME=h1", "HOME=/root", "A=2"));
  EXPECT_EQ(config->labels.at("k"), "v=w");
  EXPECT_EQ(config->labels.at("flag"), "");
  ASSERT_EQ(config->binds.size(), 1u);
  EXPECT_EQ(config->binds[0].target, "/data");
  EXPECT_TRUE(config->binds[0].read_only);
  EXPECT_EQ(config->log_limit_bytes, 1u << 20);
  EXPECT_TRUE(config->auto_remove);
}

TEST_F(RunTest, EachMistakeIsNamedWithItsRemedy) {
  struct Case {
    void (*spoil)(RunWords&);
    const char* complaint;
  };
  const Case cases[] = {
      {[](RunWords& w) { w.rootfs = ""; }, "--rootfs is missing"},
      {[](RunWords& w) { w.rootfs = "/nonexistent"; }, "--rootfs /nonexistent: no such directory"},
      {[](RunWords& w) { w.rootfs = HostRoots{}.proc + "/version"; }, "not a directory"},
      {[](RunWords& w) { w.name = "a b"; }, "--name 'a b'"},
      {[](RunWords& w) { w.memory = "lots"; }, "--memory 'lots' is no size"},
      {[](RunWords& w) { w.memory = "-1m"; }, "is no size"},
      {[](RunWords& w) { w.memory = "1m"; }, "the least is 6m"},
      {[](RunWords& w) { w.cpus = "many"; }, "--cpus 'many'"},
      {[](RunWords& w) { w.cpus = "100000"; }, "out of range"},
      {[](RunWords& w) { w.pids = "x"; }, "--pids-limit 'x'"},
      {[](RunWords& w) { w.network = "bridge"; }, "choose none, host or veth"},
      {[](RunWords& w) { w.hostname = "a b"; }, "--hostname 'a b'"},
      {[](RunWords& w) { w.hostname = std::string(65, 'a'); }, "--hostname"},
      {[](RunWords& w) { w.workdir = "tmp"; }, "--workdir 'tmp' is not absolute"},
      {[](RunWords& w) { w.cgroup_parent = "/"; }, "--cgroup-parent"},
      {[](RunWords& w) { w.cgroup_parent = "/a/../b"; }, "--cgroup-parent"},
      {[](RunWords& w) { w.labels = {"=x"}; }, "--label '=x'"},
      {[](RunWords& w) { w.env = {"=x"}; }, "--env '=x'"},
      {[](RunWords& w) { w.env_files = {"/nonexistent"}; }, "--env-file /nonexistent"},
      {[](RunWords& w) { w.log_options = {"max-file=3"}; }, "--log-opt 'max-file=3'"},
      {[](RunWords& w) { w.log_options = {"max-size=x"}; }, "--log-opt 'max-size=x'"},
      {[](RunWords& w) { w.binds = {"/nonexistent:/x"}; }, "make it first"},
      {[](RunWords& w) { w.tty = true; }, "--tty is not supported yet"},
      {[](RunWords& w) { w.detach = w.interactive = true; }, "exclude each other"},
  };
  for (const Case& each : cases) {
    RunWords spoilt = words();
    each.spoil(spoilt);
    const std::string text = complaint(spoilt);
    EXPECT_THAT(text, HasSubstr(each.complaint));
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
  }
}

TEST_F(RunTest, WithTheHostsNetworkTheHostsNameIsKept) {
  RunWords host = words();
  host.network = "host";
  auto config = make_config(host);
  ASSERT_TRUE(config);
  EXPECT_EQ(config->hostname, "");
}

TEST_F(RunTest, Binds) {
  const std::string source = tree.at("rootfs");
  auto bind = parse_bind(source + ":/data");
  ASSERT_TRUE(bind) << bind.error().message();
  EXPECT_EQ(bind->source, source);
  EXPECT_FALSE(bind->read_only);
  EXPECT_TRUE(parse_bind(source + ":/data:ro,z").value_or({}).read_only);
  EXPECT_FALSE(parse_bind(source + ":/data:rw").value_or({}).read_only);
  for (const std::string& bad :
       std::vector<std::string>{"", ":", source, source + ":", source + ":data", source + ":/", source + ":/a/../b",
                                source + ":/proc/sys", source + ":/x:exec", "volume:/x", "./a:/x"}) {
    EXPECT_FALSE(parse_bind(bad)) << bad;
  }
}

TEST_F(RunTest, Environment) {
  std::vector<std::string> env = {"A=1"};
  ASSERT_TRUE(add_env(env, "B=x=y"));
  ASSERT_TRUE(add_env(env, "A="));
  ::setenv("PLIMSOLL_TEST_VARIABLE", "here", 1);
  ASSERT_TRUE(add_env(env, "PLIMSOLL_TEST_VARIABLE"));
  ASSERT_TRUE(add_env(env, "PLIMSOLL_TEST_NOT_SET"));
  EXPECT_THAT(env, ElementsAre("A=", "B=x=y", "PLIMSOLL_TEST_VARIABLE=here"));
  EXPECT_FALSE(add_env(env, ""));
}

TEST_F(RunTest, EnvironmentFiles) {
  tree.write("good", "# comment\n\nA=1\nB=two words \nPLIMSOLL_TEST_NOT_SET\nlast=x");
  std::vector<std::string> env;
  ASSERT_TRUE(add_env_file(env, tree.at("good")));
  EXPECT_THAT(env, ElementsAre("A=1", "B=two words ", "last=x"));
  tree.write("bad", "A=1\nA B=2\n");
  auto bad = add_env_file(env, tree.at("bad"));
  ASSERT_FALSE(bad);
  EXPECT_THAT(bad.error().message(), HasSubstr("line 2"));
  tree.write("nul", std::string("A=\0x\n", 5));
  EXPECT_FALSE(add_env_file(env, tree.at("nul")));
}

TEST(Cpus, AreMicrosecondsPerPeriod) {
  EXPECT_EQ(parse_cpus("", 2).value_or(9), 0u);
  EXPECT_EQ(parse_cpus("0", 2).value_or(9), 0u);
  EXPECT_EQ(parse_cpus("0.5", 2).value_or(9), 50'000u);
  EXPECT_EQ(parse_cpus("2", 2).value_or(9), 200'000u);
  EXPECT_EQ(parse_cpus("0.01", 2).value_or(9), 1'000u);
  for (const char* bad : {"2.01", "0.009", "-1", "x", "nan", "inf", "1e9"}) EXPECT_FALSE(parse_cpus(bad, 2)) << bad;
}

// ---- format ----

TEST(Format, Numbers) {
  EXPECT_EQ(format_bytes(0), "0B");
  EXPECT_EQ(format_bytes(64 << 20), "64MiB");
  EXPECT_EQ(format_bytes(1536), "1.5KiB");
  EXPECT_EQ(format_bytes(std::nullopt), "-");
  EXPECT_THAT(format_bytes(UINT64_MAX), HasSubstr("PiB"));
  EXPECT_EQ(format_traffic(10'485'760), "10.49MB");
  EXPECT_EQ(format_duration(48'100'000), "48.1 ms");
  EXPECT_EQ(format_duration(2'013'400'000), "2.013 s");
  EXPECT_EQ(format_duration(std::nullopt), "-");
}

TEST(Format, Ages) {
  constexpr int64_t kSecond = 1'000'000'000;
  EXPECT_EQ(format_age(-5 * kSecond), "Less than a second");
  EXPECT_EQ(format_age(kSecond), "1 second");
  EXPECT_EQ(format_age(59 * kSecond), "59 seconds");
  EXPECT_EQ(format_age(61 * kSecond), "About a minute");
  EXPECT_EQ(format_age(3599 * kSecond), "59 minutes");
  EXPECT_EQ(format_age(3600 * kSecond), "About an hour");
  EXPECT_EQ(format_age(47 * 3600 * kSecond), "47 hours");
  EXPECT_EQ(format_age(49 * 3600 * kSecond), "2 days");
}

TEST(Format, TextIsShortenedByCharactersAndMadeHarmless) {
  EXPECT_EQ(shorten("abc", 3), "abc");
  EXPECT_EQ(shorten("abcd", 3), "ab…");
  EXPECT_EQ(shorten("äöüß", 4), "äöüß");
  EXPECT_EQ(shorten("a\x1b[2J\n\xFF", 20), "a?[2J??");
  EXPECT_EQ(shorten("", 3), "");
}

TEST(Format, TablesAlign) { EXPECT_EQ(format_table({{"A", "LONG"}, {"über", "x"}}), "A      LONG\nüber   x\n"); }

// ---- usage ----

TEST(Usage, AbsentIsADashAndZeroIsZero) {
  container::ExitRecord record;
  record.started_ns = 1'000'000'000;
  record.finished_ns = 3'013'000'000;
  record.counters.oom_kills = 0;
  record.counters.io = {{254, 0, std::nullopt, 10'485'760, std::nullopt, 1}};
  const std::string text = format_usage(usage_of(record));
  EXPECT_THAT(text, HasSubstr("wall time       2.013 s\n"));
  EXPECT_THAT(text, HasSubstr("CPU user        -\n"));
  EXPECT_THAT(text, HasSubstr("OOM kills       0\n"));
  EXPECT_THAT(text, HasSubstr("disk read       -\n"));
  EXPECT_THAT(text, HasSubstr("disk written    10.49MB\n"));
  EXPECT_THAT(text, HasSubstr("received        -\n"));
}

// ---- relay ----

struct PipePair {
  PipePair() {
    int fds[2];
    EXPECT_EQ(::pipe2(fds, O_CLOEXEC), 0);
    reading = UniqueFd(fds[0]);
    writing = UniqueFd(fds[1]);
  }
  UniqueFd reading, writing;
};

void round(Relay& relay) {
  pollfd polled = relay.wanted();
  ::poll(&polled, 1, 0);
  relay.serve(polled);
}

TEST(Relay, CarriesBytesAndTheEnd) {
  PipePair in, out;
  Relay relay(std::move(in.reading), std::move(out.writing));
  ASSERT_TRUE(write_all(in.writing.get(), "hello"));
  round(relay);
  char bytes[16];
  EXPECT_EQ(::read(out.reading.get(), bytes, sizeof bytes), 5);
  in.writing.reset();
  round(relay);
  EXPECT_TRUE(relay.done());
  EXPECT_EQ(::read(out.reading.get(), bytes, sizeof bytes), 0) << "the end arrives too";
}

TEST(Relay, StopsWhenNobodyReads) {
  ::signal(SIGPIPE, SIG_IGN);
  PipePair in, out;
  Relay relay(std::move(in.reading), std::move(out.writing));
  out.reading.reset();
  ASSERT_TRUE(write_all(in.writing.get(), "hello"));
  round(relay);
  EXPECT_TRUE(relay.done());
  EXPECT_LT(::write(in.writing.get(), "x", 1), 0) << "so that the writer gets to know";
}

TEST(Relay, FinishTakesWhatIsThereAndDoesNotWaitForMore) {
  PipePair in, out;
  Relay relay(std::move(in.reading), std::move(out.writing));
  ASSERT_TRUE(write_all(in.writing.get(), std::string(40'000, 'x')));
  relay.finish();
  EXPECT_TRUE(relay.done());
  std::string received(50'000, '\0');
  size_t total = 0;
  for (ssize_t n; (n = ::read(out.reading.get(), received.data(), received.size())) > 0;)
    total += static_cast<size_t>(n);
  EXPECT_EQ(total, 40'000u);
}

}  // namespace
}  // namespace plimsoll::agent
