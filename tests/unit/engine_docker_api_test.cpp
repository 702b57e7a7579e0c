// SPDX-License-Identifier: Apache-2.0
#include "collectors/engine/docker_api.h"

#include <gmock/gmock.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <functional>

#include "collectors/engine/source.h"
#include "tests/unit/temp_tree.h"

namespace plimsoll::engine {
namespace {

using namespace std::chrono_literals;
using test::TempTree;
using Progress = HttpReader::Progress;

const std::string kId = "29d1b04c78883e7949e957dc5353cb0d7bc3831a633e023060291563dd837127";

// HttpReader

struct Read {
  Progress progress = Progress::kMore;
  HttpAnswer answer;
};

// Feeds `text` in pieces of `size` bytes and closes.
Read read_in_pieces(std::string_view text, size_t size, size_t max_body = 1000) {
  HttpReader reader(max_body);
  Read read;
  while (!text.empty() && read.progress == Progress::kMore) {
    read.progress = reader.feed(text.substr(0, size));
    text.remove_prefix(std::min(size, text.size()));
  }
  if (read.progress == Progress::kMore) read.progress = reader.close();
  read.answer = std::move(reader.answer());
  return read;
}

TEST(HttpReader, WholeAnswers) {
  const std::pair<const char*, const char*> kCases[] = {
      {"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 5\r\n\r\nhello", "hello"},
      {"HTTP/1.1 200 OK\r\napi-version:1.41 \r\ncontent-length: 5\r\n\r\nhello and more", "hello"},
      {"HTTP/1.0 200 OK\r\nApi-Version: 1.41\r\nConnection: close\r\n\r\nhello", "hello"},
      {"HTTP/1.0 200\nApi-Version: 1.41\n\nhello", "hello"},
      {"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nTransfer-Encoding: "
       "chunked\r\n\r\n3\r\nhel\r\n002;x=y\r\nlo\r\n0\r\n\r\n",
       "hello"},
      {"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nTransfer-Encoding: Chunked\r\nContent-Length: "
       "9\r\n\r\nA\r\n0123456789\r\n0\r\n"
       "Trailer: x\r\n\r\n",
       "0123456789"},
      {"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 0\r\n\r\n", ""},
      {"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\n\r\n", ""},
  };
  for (const auto& [text, body] : kCases) {
    for (size_t size : {1u, 2u, 7u, 10'000u}) {
      const Read read = read_in_pieces(text, size);
      EXPECT_EQ(read.progress, Progress::kDone) << text << size;
      EXPECT_EQ(read.answer.status, 200) << text;
      EXPECT_EQ(read.answer.body, body) << text;
      EXPECT_EQ(read.answer.api_version, "1.41") << text;
    }
  }
}

TEST(HttpReader, OtherStatuses) {
  EXPECT_EQ(read_in_pieces("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}", 3).answer.status, 404);
  const Read none = read_in_pieces("HTTP/1.1 204 No Content\r\n\r\nwhat is this", 100);
  EXPECT_EQ(none.progress, Progress::kDone);
  EXPECT_EQ(none.answer.body, "");
}

TEST(HttpReader, Malformed) {
  for (const std::string& text :
       {std::string(),
        std::string("HTTP/1.1 200 OK"),
        std::string("HTTP/1.1 200 OK\r\nA: b\r\n"),
        std::string("HTTP/2 200 OK\r\n\r\n"),
        std::string("HTTP/1.1 99 OK\r\n\r\n"),
        std::string("HTTP/1.1 100 Continue\r\n\r\n"),
        std::string("HTTP/1.1 2000 OK\r\n\r\n"),
        std::string("HTTP/1.1 -20 OK\r\n\r\n"),
        std::string("SSH-2.0-x\r\n\r\n"),
        std::string("{\"a\":1}\n"),
        std::string("HTTP/1.1 200 OK\r\nno colon\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\n: x\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell"),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel"),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n"),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n"),
        "HTTP/1.1 200 OK\r\nA: " + std::string(5000, 'x') + "\r\n\r\n",
        std::string(100'000, 'x')}) {
    for (size_t size : {1u, 10'000u})
      EXPECT_EQ(read_in_pieces(text, size).progress, Progress::kMalformed) << text.substr(0, 100) << size;
  }
}

TEST(HttpReader, EndlessHeadsAreMalformed) {
  std::string head = "HTTP/1.1 200 OK\r\n", trailer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
  for (int i = 0; i < 100'000; ++i) head += "A: b\r\n", trailer += "A: b\r\n";
  EXPECT_EQ(read_in_pieces(head, 1000).progress, Progress::kMalformed);
  EXPECT_EQ(read_in_pieces(trailer, 1000).progress, Progress::kMalformed);
}

TEST(HttpReader, BodiesAreBounded) {
  const std::string body(1001, 'x');
  for (const std::string& text :
       {"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n" + body, "HTTP/1.1 200 OK\r\n\r\n" + body,
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\nx"),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + body + "\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3E8\r\n" + body.substr(1) + "\r\n1\r\nx\r\n0\r\n\r\n",
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\nx")})
    EXPECT_EQ(read_in_pieces(text, 100).progress, Progress::kTooLarge) << text.substr(0, 80);
  EXPECT_EQ(read_in_pieces("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + body, 100).progress, Progress::kDone);
  // A byte a chunk, in one piece: takes time in proportion to its size.
  std::string chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 1'000'000; ++i) chunks += "1\r\nx\r\n";
  EXPECT_EQ(read_in_pieces(chunks + "0\r\n\r\n", chunks.size() + 10, 1'000'000).answer.body.size(), 1'000'000u);
}

// A daemon of the test's own: answers each connection by what `answer` makes of the request's first line.
class Daemon {
 public:
  using Answer = std::function<std::string(const std::string& target)>;
  Daemon(std::string path, Answer answer) : answer_(std::move(answer)), path_(std::move(path)) {
    listener_ = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof(address.sun_path) - 1);
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(listener_.get(), 8), 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~Daemon() {
    stopping_ = true;
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
    ::unlink(path_.c_str());
  }
  std::vector<std::string> targets() const {
    const std::lock_guard lock(mutex_);
    return targets_;
  }
  // Connections that are answered by silence stay open until the end.
  static constexpr const char* kSilence = "(silence)";

 private:
  void serve() {
    std::vector<UniqueFd> silent;
    while (!stopping_) {
      UniqueFd client(::accept(listener_.get(), nullptr, nullptr));
      if (!client) return;
      char request[4096] = {};
      (void)!::recv(client.get(), request, sizeof(request) - 1, 0);
      std::string_view line = request;
      take(line, ' ');
      const std::string target(take(line, ' '));
      {
        const std::lock_guard lock(mutex_);
        targets_.push_back(target);
      }
      const std::string text = answer_(target);
      if (text == kSilence)
        silent.push_back(std::move(client));
      else
        (void)!::send(client.get(), text.data(), text.size(), MSG_NOSIGNAL);
    }
  }
  static std::string_view take(std::string_view& rest, char separator) {
    const size_t end = std::min(rest.find(separator), rest.size());
    const std::string_view front = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return front;
  }

  Answer answer_;
  std::string path_;
  UniqueFd listener_;
  mutable std::mutex mutex_;
  std::vector<std::string> targets_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

std::string ok(const std::string& body, const std::string& version = "1.41") {
  return "HTTP/1.1 200 OK\r\nApi-Version: " + version + "\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

std::string status(const std::string& line) { return "HTTP/1.1 " + line + "\r\nContent-Length: 2\r\n\r\n{}"; }

std::string inspect(const std::string& state = R"("Running":true,"StartedAt":"2026-11-22T16:50:34Z")",
                    const std::string& name = "/web") {
  return ok(R"({"Id":")" + kId + R"(","Name":")" + name + R"(","State":{)" + state +
            R"(},"RestartCount":2,"Config":{"Image":"nginx","Labels":{"a":"b"},"Env":["A=1"]}})");
}

// http_get

TEST(HttpGet, Errors) {
  const TempTree tree({{"file", ""}});
  const auto code = [](const std::string& path, const HttpOptions& options = {}) {
    auto answer = http_get(path, "/_ping", options);
    return answer ? 0 : answer.error().code;
  };
  EXPECT_EQ(code(tree.at("missing")), ENOENT);
  EXPECT_EQ(code(tree.at("file")), ECONNREFUSED);
  EXPECT_EQ(code(std::string(200, 'x')), ENAMETOOLONG);
  EXPECT_EQ(code(""), ENAMETOOLONG);
  const Daemon garbage(tree.at("garbage"), [](const std::string&) { return "220 mail.example ESMTP\r\n"; });
  EXPECT_EQ(code(tree.at("garbage")), EPROTO);
  const Daemon closing(tree.at("closing"), [](const std::string&) { return ""; });
  EXPECT_EQ(code(tree.at("closing")), EPROTO);
  const Daemon large(tree.at("large"), [](const std::string&) { return ok(std::string(2000, 'x')); });
  EXPECT_EQ(code(tree.at("large"), {.max_body = 1000}), EMSGSIZE);
  EXPECT_EQ(code(tree.at("large")), 0);
}

TEST(HttpGet, DoesNotWaitForever) {
  const TempTree tree;
  const Daemon silent(tree.at("s"), [](const std::string&) { return Daemon::kSilence; });
  const int64_t start = monotonic_ns();
  auto answer = http_get(tree.at("s"), "/_ping", {.silence = 50ms});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ETIMEDOUT);
  EXPECT_GE(monotonic_ns() - start, 45'000'000);
  answer = http_get(tree.at("s"), "/_ping", {.total = 50ms});
  EXPECT_EQ(answer.error().code, ETIMEDOUT);
  int pipe_fds[2];
  ASSERT_EQ(::pipe(pipe_fds), 0);
  const UniqueFd stop(pipe_fds[0]);
  ::close(pipe_fds[1]);
  answer = http_get(tree.at("s"), "/_ping", {.stop_fd = stop.get()});
  EXPECT_EQ(answer.error().code, ECANCELED);
}

// DockerApi

DockerApiOptions fast(const std::string& socket) {
  DockerApiOptions options;
  options.socket = socket;
  options.env = {"A"};
  options.interval = 20ms;
  options.first_pause = 10ms;
  options.longest_pause = 40ms;
  options.http = {.silence = 100ms, .total = 200ms};
  return options;
}

// Wants `id` until there is an answer with a serial above `after`, for five seconds at most.
std::optional<DockerAnswer> wait_for(DockerApi& api, const std::string& id = kId, uint64_t after = 0) {
  for (int i = 0; i < 1000; ++i) {
    if (api.want(id).serial > after) return api.answer(id);
    std::this_thread::sleep_for(5ms);
  }
  return std::nullopt;
}

TEST(DockerApi, TellsOfAContainer) {
  const TempTree tree;
  const Daemon daemon(tree.at("s"),
                      [](const std::string& target) { return target == "/_ping" ? ok("OK") : inspect(); });
  DockerApi api(fast(tree.at("s")));
  EXPECT_FALSE(api.answer(kId));
  const auto answer = wait_for(api);
  ASSERT_TRUE(answer && answer->identity);
  EXPECT_EQ(answer->identity->name, "web");
  EXPECT_EQ(answer->identity->state, State::kRunning);
  EXPECT_EQ(answer->identity->restarts, 2u);
  EXPECT_EQ(answer->identity->env.at("A"), "1");
  EXPECT_NEAR(static_cast<double>(answer->asked_ns), static_cast<double>(wall_clock_ns()), 5e9);
  EXPECT_EQ(daemon.targets().front(), "/_ping");
  EXPECT_EQ(daemon.targets()[1], "/v1.41/containers/" + kId + "/json");
}

TEST(DockerApi, SameAnswersKeepTheirSerial) {
  const TempTree tree;
  std::atomic<bool> renamed = false;
  const Daemon daemon(tree.at("s"), [&](const std::string& target) {
    return target == "/_ping" ? ok("OK") : inspect("\"Running\":true", renamed ? "/new" : "/old");
  });
  DockerApi api(fast(tree.at("s")));
  const auto first = wait_for(api);
  ASSERT_TRUE(first);
  while (daemon.targets().size() < 5) {
    EXPECT_EQ(api.want(kId).serial, first->serial);
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_GT(api.want(kId).asked_ns, first->asked_ns);
  renamed = true;
  const auto second = wait_for(api, kId, first->serial);
  ASSERT_TRUE(second && second->identity);
  EXPECT_EQ(second->identity->name, "new");
}

TEST(DockerApi, AsksNoMoreOftenThanTheInterval) {
  const TempTree tree;
  const Daemon daemon(tree.at("s"),
                      [](const std::string& target) { return target == "/_ping" ? ok("OK") : inspect(); });
  DockerApiOptions options = fast(tree.at("s"));
  options.interval = 10min;
  DockerApi api(options);
  ASSERT_TRUE(wait_for(api));
  for (int i = 0; i < 1000; ++i) api.want(kId);
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(daemon.targets().size(), 2u);
}

// What is asked for after the ping, when the daemon speaks `newest` and refuses anything below `oldest`.
std::vector<std::string> versions_asked(const std::string& newest, const std::string& oldest) {
  const TempTree tree;
  const Daemon daemon(tree.at("s"), [&](const std::string& target) {
    if (target == "/_ping") return ok("OK", newest);
    return target.substr(2, 4) < oldest ? status("400 Bad Request") : inspect();
  });
  DockerApi api(fast(tree.at("s")));
  EXPECT_TRUE(wait_for(api)) << newest;
  std::vector<std::string> asked = daemon.targets();
  for (std::string& target : asked) target = target.substr(1, target.find('/', 1) - 1);
  return asked;
}

TEST(DockerApi, Versions) {
  using testing::ElementsAre;
  EXPECT_THAT(versions_asked("1.41", "1.12"), ElementsAre("_ping", "v1.41"));
  EXPECT_THAT(versions_asked("1.24", "1.12"), ElementsAre("_ping", "v1.24"));
  EXPECT_THAT(versions_asked("1.43", "1.24"), ElementsAre("_ping", "v1.43"));
  EXPECT_THAT(versions_asked("1.50", "1.24"), ElementsAre("_ping", "v1.43"));
  EXPECT_THAT(versions_asked("1.53", "1.44"), ElementsAre("_ping", "v1.43", "v1.53"));
}

TEST(DockerApi, UnknownContainers) {
  const TempTree tree;
  const Daemon daemon(
      tree.at("s"), [](const std::string& target) { return target == "/_ping" ? ok("OK") : status("404 Not Found"); });
  DockerApi api(fast(tree.at("s")));
  const auto answer = wait_for(api);
  ASSERT_TRUE(answer);
  EXPECT_FALSE(answer->identity);
}

TEST(DockerApi, HostileAnswers) {
  for (const std::string& text :
       {ok("[]"), ok("{"), ok(std::string(1'000'000, '[')), ok(""), ok(R"({"Id":"other"})")}) {
    const TempTree tree;
    const Daemon daemon(tree.at("s"), [&](const std::string& target) { return target == "/_ping" ? ok("OK") : text; });
    DockerApi api(fast(tree.at("s")));
    const auto answer = wait_for(api);
    ASSERT_TRUE(answer) << text.substr(0, 200);
    EXPECT_FALSE(answer->identity) << text.substr(0, 200);
  }
}

TEST(DockerApi, RecoversFromABadDaemon) {
  const std::string kBad[] = {Daemon::kSilence, "",
                              "garbage",        status("500 Internal Server Error"),
                              ok("OK", ""),     ok("OK", "2.0"),
                              ok("OK", "1.-1"), ok(std::string(5'000'000, 'x'))};
  for (const std::string& bad : kBad) {
    const TempTree tree;
    std::atomic<bool> good = false;
    const Daemon daemon(tree.at("s"), [&](const std::string& target) {
      return !good ? bad : target == "/_ping" ? ok("OK") : inspect();
    });
    DockerApi api(fast(tree.at("s")));
    while (daemon.targets().size() < 2) {
      EXPECT_EQ(api.want(kId).serial, 0u);
      std::this_thread::sleep_for(5ms);
    }
    good = true;
    EXPECT_TRUE(wait_for(api)) << bad.substr(0, 100);
  }
}

TEST(DockerApi, AskingNeverWaits) {
  const TempTree tree;
  const Daemon silent(tree.at("s"), [](const std::string&) { return Daemon::kSilence; });
  DockerApiOptions options = fast(tree.at("s"));
  options.http = {};
  const int64_t start = monotonic_ns();
  {
    DockerApi api(options);
    for (int i = 0; i < 100; ++i) {
      api.want(kId);
      (void)api.answer(kId);
      std::this_thread::sleep_for(1ms);
    }
    EXPECT_EQ(silent.targets().size(), 1u);
  }
  EXPECT_LT(monotonic_ns() - start, 1'500'000'000) << "nor does its end";
}

TEST(DockerApi, RemembersABoundedNumber) {
  const TempTree tree;
  DockerApiOptions options = fast(tree.at("missing"));
  options.max_containers = 3;
  DockerApi api(options);
  for (int i = 0; i < 100; ++i) api.want(std::to_string(i));
  const Daemon daemon(tree.at("missing"), [](const std::string& target) {
    return target == "/_ping" ? ok("OK") : status("404 Not Found");
  });
  EXPECT_TRUE(wait_for(api, "2"));
  EXPECT_EQ(api.want("3").serial, 0u);
}

// The source, with a daemon and without its files.

TEST(DockerSource, WithoutFilesTheDaemonIsAsked) {
  const TempTree tree;
  const Daemon daemon(tree.at("s"),
                      [](const std::string& target) { return target == "/_ping" ? ok("OK") : inspect(); });
  SourceOptions options;
  options.paths.docker_root = tree.at("nowhere");
  options.paths.docker_socket = tree.at("s");
  auto source = make_docker_source(options);
  const std::string path = "/docker/" + kId;
  std::optional<Identity> identity;
  for (int i = 0; i < 1000 && !identity; ++i) {
    identity = source->identify({.path = path, .hex = kId});
    std::this_thread::sleep_for(5ms);
  }
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->name, "web");
  EXPECT_TRUE(identity->settled);
  identity->name = "kept";
  source->refresh(*identity);
  EXPECT_EQ(identity->name, "kept") << "the same answer is not taken twice";
}

TEST(DockerSource, TheNewerOfFileAndAnswerCounts) {
  const TempTree tree;
  const Daemon daemon(tree.at("s"), [&](const std::string& target) {
    return target == "/_ping" ? ok("OK") : inspect("\"Running\":true", "/answer");
  });
  const std::string file = "docker/containers/" + kId + "/config.v2.json";
  const std::string text = R"({"ID":")" + kId + R"(","Name":"/file","State":{"Running":true},"Config":{}})";
  tree.write(file, text);
  SourceOptions options;
  options.paths.docker_root = tree.at("docker");
  options.paths.docker_socket = tree.at("s");
  auto source = make_docker_source(options);
  const std::string path = "/docker/" + kId;
  auto identity = source->identify({.path = path, .hex = kId});
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->name, "file");
  std::this_thread::sleep_for(20ms);
  for (int i = 0; i < 1000 && identity->name == "file"; ++i) {
    source->refresh(*identity);
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_EQ(identity->name, "answer");
  tree.write(file, text + " ");
  source->refresh(*identity);
  EXPECT_EQ(identity->name, "file");
}

}  // namespace
}  // namespace plimsoll::engine
