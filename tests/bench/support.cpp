// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/support.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <ctime>

#include "base/os.h"
#include "base/text.h"

namespace plimsoll::bench {
namespace {

sigset_t end_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

int exit_code_of(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

Result<UniqueFd> connect_to(uint16_t port) {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return fail_errno("socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    return fail_errno("connect to 127.0.0.1:" + std::to_string(port));
  }
  return fd;
}

Result<std::string> read_to_end(int fd) {
  std::string text;
  std::vector<char> piece(256 * 1024);
  for (;;) {
    const ssize_t got = ::read(fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno("read");
    if (got == 0) return text;
    text.append(piece.data(), static_cast<size_t>(got));
  }
}

// Undoes "Transfer-Encoding: chunked": hexadecimal length, line end, bytes, line end.
Result<std::string> join_chunks(std::string_view rest) {
  std::string body;
  while (!rest.empty()) {
    const size_t length = std::strtoul(std::string(take(rest, '\n')).c_str(), nullptr, 16);
    if (length == 0) return body;
    if (length > rest.size()) break;
    body.append(rest.substr(0, length));
    rest.remove_prefix(std::min(rest.size(), length + 2));
  }
  return fail("answer ends in the middle of a chunk");
}

// The line "KEY  123 kB" of a file of /proc/PID, in bytes.
Result<uint64_t> kilobytes_of(pid_t pid, const std::string& file, std::string_view key) {
  const auto text = read_file("/proc/" + std::to_string(pid) + "/" + file);
  if (!text) return unexpected(text.error());
  std::string_view rest = *text;
  while (!rest.empty()) {
    std::string_view line = take(rest, '\n');
    if (take_field(line) == key) return parse_u64(take_field(line)).value_or(0) * 1024;
  }
  return fail(file + ": no " + std::string(key));
}

// Everything that comes back to a request without a body.
Result<std::string> exchange(uint16_t port, const char* method, const std::string& path) {
  const auto connection = connect_to(port);
  if (!connection) return unexpected(connection.error());
  const std::string request =
      std::string(method) + " " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
  if (const auto sent = write_all(connection->get(), request); !sent) return unexpected(sent.error());
  auto answer = read_to_end(connection->get());
  if (answer && answer->compare(0, 12, "HTTP/1.1 200") != 0)
    return fail(path + ": " + answer->substr(0, answer->find('\r')));
  return answer;
}

}  // namespace

Interrupts::Interrupts() {
  const sigset_t set = end_signals();
  sigprocmask(SIG_BLOCK, &set, nullptr);
}

bool Interrupts::pause(milliseconds time) {
  const sigset_t set = end_signals();
  const timespec wait{time.count() / 1000, (time.count() % 1000) * 1'000'000};
  if (!ended_ && sigtimedwait(&set, nullptr, &wait) > 0) ended_ = true;
  return ended_;
}

Result<pid_t> spawn(const std::vector<std::string>& argv, const std::string& output) {
  std::vector<char*> words;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, output.empty() ? "/dev/null" : output.c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  pid_t pid = 0;
  const int failure = posix_spawnp(&pid, words[0], &files, &attributes, words.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (failure != 0) return unexpected({failure, argv[0]});
  return pid;
}

Result<int> run(const std::vector<std::string>& argv, const std::string& output) {
  const auto pid = spawn(argv, output);
  if (!pid) return unexpected(pid.error());
  int status = 0;
  while (waitpid(*pid, &status, 0) < 0) {
    if (errno != EINTR) return fail_errno("waitpid");
  }
  return exit_code_of(status);
}

void stop(pid_t pid, milliseconds grace) {
  kill(pid, SIGTERM);
  for (milliseconds waited{0}; waited < grace; waited += milliseconds(10)) {
    if (waitpid(pid, nullptr, WNOHANG) == pid) return;
    usleep(10'000);
  }
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
}

int64_t own_cpu_ns() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

Result<int64_t> process_cpu_ns(pid_t pid) {
  const std::string directory = "/proc/" + std::to_string(pid) + "/task";
  const auto tasks = Dir::open(directory);
  if (!tasks) return unexpected(tasks.error());
  const auto entries = tasks->list();
  if (!entries) return unexpected(entries.error().within(directory));
  int64_t sum = 0;
  for (const auto& task : *entries) {
    const auto text = tasks->read(task.name + "/schedstat");
    if (!text) continue;  // a thread that has just ended
    std::string_view rest = *text;
    sum += parse_i64(take_field(rest)).value_or(0);
  }
  return sum;
}

Result<uint64_t> anonymous_bytes(pid_t pid) { return kilobytes_of(pid, "status", "RssAnon:"); }
Result<uint64_t> proportional_bytes(pid_t pid) { return kilobytes_of(pid, "smaps_rollup", "Pss:"); }

Result<uint16_t> free_port() {
  const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (bind(fd.get(), any, length) != 0 || getsockname(fd.get(), any, &length) != 0) return fail_errno("bind");
  return ntohs(address.sin_port);
}

Result<void> http_head(uint16_t port, const std::string& path) {
  const auto answer = exchange(port, "HEAD", path);
  if (!answer) return unexpected(answer.error());
  return {};
}

Result<std::string> http_get(uint16_t port, const std::string& path) {
  auto answer = exchange(port, "GET", path);
  if (!answer) return answer;
  const size_t end = answer->find("\r\n\r\n");
  if (end == std::string::npos) return fail(path + ": no end of the headers");
  std::string head = answer->substr(0, end);
  std::transform(head.begin(), head.end(), head.begin(), [](unsigned char c) { return std::tolower(c); });
  if (head.find("transfer-encoding: chunked") != std::string::npos) {
    return join_chunks(std::string_view(*answer).substr(end + 4));
  }
  return answer->substr(end + 4);
}

Result<void> wait_for_http(uint16_t port, const std::string& path, milliseconds timeout) {
  for (milliseconds waited{0};; waited += milliseconds(20)) {
    const auto answer = http_get(port, path);
    if (answer) return {};
    if (waited >= timeout) return unexpected(answer.error());
    usleep(20'000);
  }
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

std::string option(int argc, char** argv, const std::string& name, const std::string& otherwise) {
  for (int at = 1; at + 1 < argc; ++at) {
    if (argv[at] == "--" + name) return argv[at + 1];
  }
  return otherwise;
}

void remove_parent_groups(const std::string& cgroup_root, const std::string& parent) {
  std::vector<std::string> mounts = {cgroup_root};
  if (const auto root = Dir::open(cgroup_root); root) {
    if (const auto entries = root->list(); entries) {
      for (const auto& entry : *entries) mounts.push_back(cgroup_root + "/" + entry.name);
    }
  }
  for (const std::string& mount : mounts) {
    for (const char* suffix : {"", "-monitors"}) {
      const std::string group = mount + parent + suffix;
      for (int tries = 0; rmdir(group.c_str()) != 0 && errno == EBUSY && tries < 100; ++tries) usleep(20'000);
    }
  }
}

Result<TempDirectory> TempDirectory::make() {
  std::string path = "/var/tmp/plimsoll-bench-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) return fail_errno(path);
  return TempDirectory(path);
}

TempDirectory::~TempDirectory() {
  if (path_.empty()) return;
  if (const auto removed = remove_tree(path_); !removed) {
    std::fprintf(stderr, "left over: %s\n", removed.error().message().c_str());
  }
}

Result<std::string> make_rootfs(const std::string& directory, const std::string& sleeper) {
  const std::string rootfs = directory + "/rootfs";
  for (const char* name : {"/bin", "/proc", "/sys", "/dev", "/tmp"}) {
    if (const auto made = make_directories(rootfs + name, 0755); !made) return unexpected(made.error());
  }
  const auto program = read_file(sleeper);
  if (!program) return unexpected(program.error());
  const std::string copy = rootfs + "/bin/sleeper";
  if (const auto written = replace_file(copy, *program, 0755); !written) return unexpected(written.error());
  return rootfs;
}

}  // namespace plimsoll::bench
