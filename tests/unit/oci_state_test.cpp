// SPDX-License-Identifier: Apache-2.0
// Names, records and directories of containers; what `state` and `list` make of them.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "runtime/oci/container.h"
#include "runtime/oci/log.h"
#include "runtime/oci/process_stat.h"
#include "runtime/oci/program_io.h"
#include "runtime/oci/start_socket.h"
#include "runtime/spec/json_writer.h"
#include "temp_tree.h"

namespace plimsoll::oci {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(OciId, TheGrammar) {
  for (const char* id : {"a", "0", "a.b", "_", "+x", "-", "A-b_c+d.e9"}) EXPECT_TRUE(check_id(id)) << id;
  EXPECT_TRUE(check_id(std::string(255, 'x')));
  for (const char* id : {"", ".", "..", ".a", "a/b", "../a", "a b", "a\n", "\xc3\xa9", "a:b", "a%"}) {
    EXPECT_FALSE(check_id(id)) << id;
  }
  EXPECT_FALSE(check_id(std::string(256, 'x')));
  EXPECT_FALSE(check_id(std::string_view("a\0b", 3)));
}

Record full_record() {
  Record record;
  record.version = "1.2.0";
  record.id = "web";
  record.pid = ::getpid();
  record.start_ticks = 77;
  record.bundle = "/b \"x\"\n";
  record.rootfs = "/b/rootfs";
  record.created = "2024-05-01T10:20:30.000000001Z";
  record.annotations = {{"a", "1"}, {"b", ""}};
  record.cgroup_path = "/plimsoll-oci-web";
  record.manager = CgroupManager::kSystemd;
  record.unit = "plimsoll-web.scope";
  record.namespaces = 0xffffffff00000000 | 0x20000;
  record.personality = 0x0008;
  record.has_filter = true;
  record.filter_flags = 6;
  record.listener_path = "/run/x";
  record.listener_metadata = "m";
  record.poststart = {{"/bin/a", {"a", "b"}, {"X=1"}, 3}};
  record.poststop = {{"/bin/c", {}, {}, std::nullopt}, {"/bin/d", {}, {}, 0}};
  return record;
}

TEST(OciRecord, ComesBackAsItWas) {
  const Record before = full_record();
  auto after = read_record(write_record(before));
  ASSERT_TRUE(after) << after.error().message();
  EXPECT_EQ(write_record(*after), write_record(before));
  EXPECT_EQ(after->namespaces, before.namespaces);
  EXPECT_EQ(after->bundle, before.bundle);
  EXPECT_EQ(after->annotations, before.annotations);
  EXPECT_EQ(after->manager, CgroupManager::kSystemd);
  ASSERT_EQ(after->poststop.size(), 2U);
  EXPECT_EQ(after->poststop[1].timeout, 0);
  EXPECT_FALSE(after->poststop[0].timeout);
  EXPECT_THAT(after->poststart[0].args, ElementsAre("a", "b"));
}

TEST(OciRecord, WithoutFilterAndPersonality) {
  Record record = full_record();
  record.has_filter = false;
  record.personality.reset();
  auto after = read_record(write_record(record));
  ASSERT_TRUE(after);
  EXPECT_FALSE(after->has_filter);
  EXPECT_FALSE(after->personality);
}

TEST(OciRecord, EveryTruncationIsAnError) {
  const std::string text = write_record(full_record());
  for (size_t length = 0; length + 2 < text.size(); ++length) {
    EXPECT_FALSE(read_record(text.substr(0, length))) << length;
  }
}

TEST(OciRecord, NonsenseIsAnError) {
  for (const char* text : {"[]", "{}", R"({"format":2})", R"({"format":1,"pid":"x","manager":"cgroupfs"})",
                           R"({"format":1,"pid":0,"manager":"cgroupfs"})", R"({"format":1,"pid":5,"manager":"x"})"}) {
    EXPECT_FALSE(read_record(text)) << text;
  }
}

TEST(OciRecord, TheStateOfTheSpecification) {
  Record record = full_record();
  EXPECT_EQ(state_json(record, {"created", 5}),
            R"({"ociVersion":"1.2.0","id":"web","pid":5,"status":"created","bundle":"/b \"x\"\n",)"
            R"("annotations":{"a":"1","b":""}})");
  EXPECT_EQ(state_json(record, {"stopped"}).find("owner"), std::string::npos);
  EXPECT_THAT(state_json(record, {"stopped", 0, "root"}),
              HasSubstr(R"("rootfs":"/b/rootfs","created":"2024-05-01T10:20:30.000000001Z")"));
}

TEST(OciRecord, TheStateOfAProcessForItsAgent) {
  EXPECT_EQ(process_state_json(full_record(), "creating", 9).substr(0, 73),
            R"({"ociVersion":"1.2.0","fds":["seccompFd"],"pid":9,"metadata":"m","state":)");
}

TEST(OciTime, IsThatOfGreenwich) {
  EXPECT_EQ(rfc3339(0), "1970-01-01T00:00:00.000000000Z");
  EXPECT_EQ(rfc3339(1'709'210'096'000'000'123), "2024-02-29T12:34:56.000000123Z");
  EXPECT_EQ(rfc3339(4'102'444'799'999'999'999), "2099-12-31T23:59:59.999999999Z");
}

class OciContainer : public ::testing::Test {
 protected:
  std::string root() const { return tree_.path() + "/run"; }
  void make(const std::string& id, pid_t pid, uint64_t ticks) {
    auto directory = NewDirectory::make(root(), id);
    ASSERT_TRUE(directory) << directory.error().message();
    Record record = full_record();
    record.id = id;
    record.pid = pid;
    record.start_ticks = ticks;
    ASSERT_TRUE(directory->write(kRecordFile, write_record(record)));
    directory->keep();
  }
  uint64_t own_ticks() { return read_process_stat("/proc", ::getpid())->start_ticks; }
  static Result<void> nobody(const std::string&) { return {}; }
  Status status(const std::string& id) { return Container::open(root(), id)->status("/proc"); }
  test::TempTree tree_;
};

TEST_F(OciContainer, ADirectoryIsRemovedUnlessItIsKept) {
  {
    auto directory = NewDirectory::make(root(), "x");
    ASSERT_TRUE(directory->write("file", "text"));
  }
  EXPECT_THAT(*container_ids(root(), false), ElementsAre());
  make("x", 1, 1);
  EXPECT_THAT(*container_ids(root(), false), ElementsAre("x"));
  struct stat information;
  ASSERT_EQ(::stat((root() + "/x").c_str(), &information), 0);
  EXPECT_EQ(information.st_mode & 0777, 0700U);
}

TEST_F(OciContainer, ANameIsGivenOnce) {
  make("x", 1, 1);
  auto again = NewDirectory::make(root(), "x");
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().message(), HasSubstr("already exists"));
  EXPECT_TRUE(Container::open(root(), "x"));
}

TEST_F(OciContainer, AMissingOneIsToldByItsCode) {
  auto missing = Container::open(root(), "nobody");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ENOENT);
  EXPECT_THAT(missing.error().message(), HasSubstr("container \"nobody\" does not exist"));
  EXPECT_FALSE(Container::open(root(), "../run"));
}

TEST_F(OciContainer, StatusComesFromProcessAndSocket) {
  make("live", ::getpid(), own_ticks());
  make("reused", ::getpid(), own_ticks() + 1);
  make("gone", 999'999'999, 1);
  EXPECT_EQ(status("live"), Status::kRunning);
  EXPECT_EQ(status("reused"), Status::kStopped);
  EXPECT_EQ(status("gone"), Status::kStopped);
  const std::string directory = root() + "/live/";
  std::ofstream(directory + kCreatingMark) << "";
  EXPECT_EQ(status("live"), Status::kCreating);
  ASSERT_EQ(::rename((directory + kCreatingMark).c_str(), (directory + kStartSocket).c_str()), 0);
  EXPECT_EQ(status("live"), Status::kCreated);
}

TEST_F(OciContainer, AnAbortedCreateCanBeRemovedButNotABusyOne) {
  auto busy = NewDirectory::make(root(), "x");
  ASSERT_TRUE(busy);
  auto removed = remove_aborted(root(), "x", nobody);
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code, EBUSY);
  busy->keep();
  EXPECT_TRUE(remove_aborted(root(), "x", nobody));
  EXPECT_FALSE(std::ifstream(root() + "/x/."));
  EXPECT_TRUE(remove_aborted(root(), "x", nobody));
}

TEST_F(OciContainer, WhatBecameAContainerIsNotRemovedAsAborted) {
  make("x", ::getpid(), own_ticks());
  auto removed = remove_aborted(root(), "x", nobody);
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code, EEXIST);
  EXPECT_EQ(status("x"), Status::kRunning);
}

TEST_F(OciContainer, AnAbortedCreateTellsItsCgroup) {
  auto directory = NewDirectory::make(root(), "x");
  ASSERT_TRUE(directory);
  ASSERT_TRUE(directory->mark("/some/group", "{}"));
  directory->keep();
  std::string group;
  EXPECT_TRUE(remove_aborted(root(), "x", [&group](const std::string& path) {
    group = path;
    return Result<void>();
  }));
  EXPECT_EQ(group, "/some/group");
}

TEST_F(OciContainer, AMarkWrittenByHalvesNamesNoCgroup) {
  auto directory = NewDirectory::make(root(), "x");
  ASSERT_TRUE(directory);
  ASSERT_TRUE(directory->write(kCreatingMark, "/some/gro"));
  directory->keep();
  bool called = false;
  EXPECT_TRUE(remove_aborted(root(), "x", [&called](const std::string&) {
    called = true;
    return Result<void>();
  }));
  EXPECT_FALSE(called) << "no group was made yet, and this is the name of another one";
}

TEST_F(OciContainer, TheMarkBecomesTheProcess) {
  auto directory = NewDirectory::make(root(), "x");
  ASSERT_TRUE(directory);
  ASSERT_TRUE(directory->mark("/some/group", "{\"cwd\": \"/\"}"));
  Record record = full_record();
  record.id = "x";
  record.pid = ::getpid();
  record.start_ticks = own_ticks();
  ASSERT_TRUE(directory->write(kRecordFile, write_record(record)));
  EXPECT_EQ(status("x"), Status::kCreating);
  EXPECT_FALSE(Container::open(root(), "x")->read_process()) << "it is not there before the container is made";
  ASSERT_TRUE(directory->finish());
  EXPECT_EQ(status("x"), Status::kRunning);
  EXPECT_EQ(*Container::open(root(), "x")->read_process(), "{\"cwd\": \"/\"}");
  EXPECT_FALSE(directory->finish()) << "somebody else has removed it";
  EXPECT_TRUE(directory->remove());
  EXPECT_FALSE(Container::open(root(), "x"));
}

TEST_F(OciContainer, ALockWaitsAndNoticesTheEnd) {
  make("x", ::getpid(), own_ticks());
  auto first = Container::open(root(), "x");
  auto second = Container::open(root(), "x");
  auto lock = first->lock();
  ASSERT_TRUE(lock);
  Result<Lock> late = fail("not tried");
  std::thread waiting([&] { late = second->lock(); });
  ASSERT_TRUE(remove_directory(root(), "x"));
  lock->release();
  waiting.join();
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ENOENT);
}

TEST_F(OciContainer, ADamagedRecordNamesItsFile) {
  make("x", 1, 1);
  std::ofstream(root() + "/x/" + kRecordFile) << "{";
  auto container = Container::open(root(), "x");
  ASSERT_FALSE(container);
  EXPECT_THAT(container.error().message(), HasSubstr("/x/state.json"));
}

TEST_F(OciContainer, ARootThatIsMissingHasNoContainers) {
  EXPECT_TRUE(container_ids(root(), true));
  EXPECT_FALSE(container_ids(root(), false));
}

TEST_F(OciContainer, ASocketBelowALongPathIsReached) {
  const std::string directory = tree_.path() + "/" + std::string(120, 'd');
  tree_.make_dir(std::string(120, 'd'));
  const UniqueFd fd(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  auto listening = listen_at("/proc", fd.get(), "s");
  ASSERT_TRUE(listening) << listening.error().message();
  EXPECT_TRUE(connect_path("/proc", directory + "/s"));
  auto connection = connect_at("/proc", fd.get(), "s");
  ASSERT_TRUE(connection) << connection.error().message();
}

TEST(OciSocket, CarriesADescriptor) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  const UniqueFd left(ends[0]), right(ends[1]);
  test::TempTree tree({{"file", "text"}});
  const UniqueFd file(::open(tree.at("file").c_str(), O_RDONLY));
  ASSERT_TRUE(send_descriptor(left.get(), file.get()));
  auto received = receive_descriptor(right.get());
  ASSERT_TRUE(received);
  struct stat sent, got;
  ASSERT_TRUE(::fstat(file.get(), &sent) == 0 && ::fstat(received->get(), &got) == 0);
  EXPECT_EQ(sent.st_ino, got.st_ino);
}

TEST(OciSocket, WithoutADescriptorItIsAnError) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  UniqueFd left(ends[0]);
  const UniqueFd right(ends[1]);
  left.reset();
  EXPECT_FALSE(receive_descriptor(right.get()));
}

TEST(OciPidFile, IsReplaced) {
  test::TempTree tree({{"pid", "old and longer"}});
  ASSERT_TRUE(write_pid_file(tree.at("pid"), 42));
  EXPECT_EQ(*read_file(tree.at("pid")), "42");
  EXPECT_FALSE(write_pid_file(tree.at("missing/pid"), 42));
  EXPECT_EQ(Dir::open(tree.path())->list()->size(), 1U);
}

TEST(OciProcessStat, ANameMayHoldAnything) {
  const auto stat =
      parse_process_stat("12 (a) b ( ) S 1 2 3 34816 5 4194304 1 2 3 4 7 8 11 12 20 0 1 0 9876 1 2 3 4 5 6 7 8 9\n");
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->name, "a) b ( ");
  EXPECT_EQ(stat->state, 'S');
  EXPECT_EQ(stat->parent, 1);
  EXPECT_EQ(stat->terminal, 34816);
  EXPECT_EQ(stat->ticks_used, 15U);
  EXPECT_EQ(stat->start_ticks, 9876U);
}

TEST(OciProcessStat, NonsenseIsNothing) {
  for (const char* text : {"", "12", "12 (a", "12 (a) S", "12 (a) SS 1 2 3", ") 1 ("}) {
    EXPECT_FALSE(parse_process_stat(text)) << text;
  }
}

TEST(OciLog, LinesOfBothFormats) {
  constexpr int64_t kTime = 1'700'000'000'000'000'007;
  EXPECT_EQ(log_line(LogFormat::kJson, LogLevel::kError, "a \"b\"\n\x01\xff", kTime),
            "{\"level\":\"error\",\"msg\":\"a \\\"b\\\"\\n\\u0001\xEF\xBF\xBD\","
            "\"time\":\"2023-11-14T22:13:20.000000007Z\"}\n");
  EXPECT_EQ(log_line(LogFormat::kText, LogLevel::kDebug, "two\nlines", kTime),
            "time=\"2023-11-14T22:13:20.000000007Z\" level=debug msg=\"two\\nlines\"\n");
}

TEST(OciLog, GoesToItsFileAndErrorsAlsoToStderr) {
  test::TempTree tree;
  ::testing::internal::CaptureStderr();
  {
    Log log;
    log.set_path(tree.at("log"));
    log.set_format(LogFormat::kJson);
    ASSERT_TRUE(log.open());
    log.debug("quiet");
    log.warn("careful");
    log.error("broken");
  }
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "plimsoll-oci: broken\n");
  const std::string text = *read_file(tree.at("log"));
  EXPECT_THAT(text, HasSubstr(R"("level":"warning","msg":"careful")"));
  EXPECT_THAT(text, HasSubstr(R"("level":"error","msg":"broken")"));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("quiet")));
}

TEST(OciLog, WithoutItsFileErrorsGoToStderr) {
  ::testing::internal::CaptureStderr();
  Log log;
  log.set_path("/proc/nowhere/log");
  const auto opened = log.open();
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message(), HasSubstr("--log /proc/nowhere/log"));
  log.error("broken");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "plimsoll-oci: broken\n");
}

TEST(OciOwner, ComesFromTheFileOrIsANumber) {
  EXPECT_EQ(owner_name("root:x:0:0::/:\nme:x:1000:1000::/:\n", 1000), "me");
  EXPECT_EQ(owner_name("root:x:0:0::/:\n", 1000), "#1000");
  EXPECT_EQ(owner_name("", 0), "#0");
}

TEST(OciJson, NestsAndIndents) {
  spec::JsonWriter out(2);
  out.open_object();
  out.member("a", 1);
  out.key("b");
  out.open_array();
  out.value(true);
  out.value("x");
  out.close_array();
  out.key("c");
  out.open_object();
  out.close_object();
  out.close_object();
  EXPECT_EQ(std::move(out).text(), "{\n  \"a\": 1,\n  \"b\": [\n    true,\n    \"x\"\n  ],\n  \"c\": {}\n}");
}

}  // namespace
}  // namespace plimsoll::oci
