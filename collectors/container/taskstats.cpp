// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/taskstats.h"

#include <linux/cgroupstats.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/taskstats.h>
#include <sys/socket.h>

#include <cstring>

namespace plimsoll::collectors::container {
namespace {

constexpr size_t kAnswerSize = 8192;  // a taskstats message has some 600 bytes
constexpr int kMaxStaleAnswers = 16;

// Where the fields are in every version of struct taskstats but 15, whatever headers this is built with.
constexpr size_t kCpuCount = 16, kCpuDelay = 24, kBlockIoDelay = 40, kSwapInDelay = 56, kRunVirtual = 72;
constexpr size_t kFreePagesDelay = 320;
constexpr uint16_t kVersionThatMovedFields = 15;

template <typename T>
std::string_view as_bytes(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

template <typename T>
bool read_at(std::string_view bytes, size_t offset, T& value) {
  if (bytes.size() < sizeof(T) || offset > bytes.size() - sizeof(T)) return false;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return true;
}

void pad(std::string& bytes) { bytes.resize(NLMSG_ALIGN(bytes.size())); }

std::string request(uint16_t family, uint8_t command, uint32_t sequence, uint16_t attribute, std::string_view value) {
  const genlmsghdr general = {.cmd = command, .version = 1, .reserved = 0};
  const nlattr head = {static_cast<uint16_t>(NLA_HDRLEN + value.size()), attribute};
  std::string bytes(NLMSG_HDRLEN, '\0');
  bytes.append(as_bytes(general)).append(as_bytes(head)).append(value);
  pad(bytes);
  const nlmsghdr message = {static_cast<uint32_t>(bytes.size()), family, NLM_F_REQUEST, sequence, 0};
  std::memcpy(bytes.data(), &message, sizeof(message));
  return bytes;
}

}  // namespace

std::string_view netlink_attribute(std::string_view attributes, uint16_t type) {
  nlattr head;
  while (read_at(attributes, 0, head)) {
    if (head.nla_len < NLA_HDRLEN || head.nla_len > attributes.size()) return {};
    if ((head.nla_type & NLA_TYPE_MASK) == type) return attributes.substr(NLA_HDRLEN, head.nla_len - NLA_HDRLEN);
    attributes.remove_prefix(std::min<size_t>(NLA_ALIGN(head.nla_len), attributes.size()));
  }
  return {};
}

std::optional<ProcessTimes> parse_taskstats(std::string_view bytes) {
  uint16_t version = 0;
  if (!read_at(bytes, 0, version) || version == kVersionThatMovedFields) return std::nullopt;
  ProcessTimes times;
  const bool whole =
      read_at(bytes, kCpuCount, times.run_periods) && read_at(bytes, kCpuDelay, times.cpu_delay_ns) &&
      read_at(bytes, kBlockIoDelay, times.block_io_delay_ns) && read_at(bytes, kSwapInDelay, times.swap_in_delay_ns) &&
      read_at(bytes, kRunVirtual, times.run_ns) && read_at(bytes, kFreePagesDelay, times.reclaim_delay_ns);
  return whole ? std::optional(times) : std::nullopt;
}

std::optional<TaskStates> parse_cgroupstats(std::string_view bytes) {
  cgroupstats stats;
  if (!read_at(bytes, 0, stats)) return std::nullopt;
  return TaskStates{stats.nr_sleeping, stats.nr_running, stats.nr_stopped, stats.nr_uninterruptible, stats.nr_io_wait};
}

Result<TaskStats> TaskStats::open() {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_GENERIC));
  if (!fd) return fail_errno("generic netlink");
  TaskStats stats(std::move(fd));
  constexpr std::string_view kName(TASKSTATS_GENL_NAME, sizeof(TASKSTATS_GENL_NAME));
  auto answer = stats.ask(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME, kName);
  if (!answer) return unexpected(answer.error().within("taskstats"));
  if (!read_at(netlink_attribute(*answer, CTRL_ATTR_FAMILY_ID), 0, stats.family_)) return fail("taskstats: no family");
  return stats;
}

// The answer's attributes; valid until the next call.
Result<std::string_view> TaskStats::ask(uint16_t family, uint8_t command, uint16_t attribute, std::string_view value) {
  const std::string message = request(family, command, ++sequence_, attribute, value);
  if (::send(fd_.get(), message.data(), message.size(), 0) < 0) return fail_errno("send");
  // What is left of an earlier request whose answer was not taken has another number.
  for (int i = 0; i < kMaxStaleAnswers; ++i) {
    auto answer = receive(sequence_);
    if (answer || answer.error().code != EILSEQ) return answer;
  }
  return unexpected(Error{EPROTO, "taskstats"});
}

Result<std::string_view> TaskStats::receive(uint32_t sequence) {
  buffer_.resize(kAnswerSize);
  const ssize_t size = ::recv(fd_.get(), buffer_.data(), buffer_.size(), 0);
  if (size < 0) return fail_errno("receive");
  std::string_view answer(buffer_.data(), static_cast<size_t>(size));
  nlmsghdr head;
  if (!read_at(answer, 0, head) || head.nlmsg_len > answer.size()) return unexpected(Error{EPROTO, "answer"});
  if (head.nlmsg_seq != sequence) return unexpected(Error{EILSEQ, "answer"});
  answer = answer.substr(0, head.nlmsg_len);
  int32_t error = 0;
  if (head.nlmsg_type == NLMSG_ERROR && read_at(answer, NLMSG_HDRLEN, error))
    return unexpected(Error{-error, "answer"});
  if (answer.size() < NLMSG_HDRLEN + GENL_HDRLEN) return unexpected(Error{EPROTO, "answer"});
  return answer.substr(NLMSG_HDRLEN + GENL_HDRLEN);
}

Result<ProcessTimes> TaskStats::process(pid_t pid) {
  const auto number = static_cast<uint32_t>(pid);
  auto answer = ask(family_, TASKSTATS_CMD_GET, TASKSTATS_CMD_ATTR_TGID, as_bytes(number));
  if (!answer) return unexpected(answer.error());
  const std::string_view group = netlink_attribute(*answer, TASKSTATS_TYPE_AGGR_TGID);
  const auto times = parse_taskstats(netlink_attribute(group, TASKSTATS_TYPE_STATS));
  if (!times) return unexpected(Error{EPROTO, "taskstats"});
  return *times;
}

Result<TaskStates> TaskStats::cgroup(int cgroup_fd) {
  const auto number = static_cast<uint32_t>(cgroup_fd);
  auto answer = ask(family_, CGROUPSTATS_CMD_GET, CGROUPSTATS_CMD_ATTR_FD, as_bytes(number));
  if (!answer) return unexpected(answer.error());
  const auto states = parse_cgroupstats(netlink_attribute(*answer, CGROUPSTATS_TYPE_CGROUP_STATS));
  if (!states) return unexpected(Error{EPROTO, "cgroupstats"});
  return *states;
}

}  // namespace plimsoll::collectors::container
