// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/process_stat.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/os.h"
#include "base/text.h"

namespace plimsoll::oci {

std::optional<ProcessStat> parse_process_stat(std::string_view text) {
  const size_t begin = text.find('('), end = text.rfind(')');
  if (begin == std::string_view::npos || end == std::string_view::npos || end < begin) return std::nullopt;
  ProcessStat stat;
  stat.name = text.substr(begin + 1, end - begin - 1);
  std::string_view rest = text.substr(end + 1);
  const std::string_view state = take_field(rest);
  if (state.size() != 1) return std::nullopt;
  stat.state = state[0];
  std::optional<int64_t> fields[20];  // from the fourth field on
  for (auto& field : fields) field = parse_i64(trim(take_field(rest)));
  if (!fields[0] || !fields[3] || !fields[10] || !fields[11] || !fields[18]) return std::nullopt;
  stat.parent = static_cast<pid_t>(*fields[0]);
  stat.terminal = static_cast<int>(*fields[3]);
  stat.ticks_used = static_cast<uint64_t>(*fields[10] + *fields[11]);
  stat.start_ticks = static_cast<uint64_t>(*fields[18]);
  return stat;
}

std::optional<ProcessStat> read_process_stat(const std::string& proc, pid_t pid) {
  const std::string path = proc + "/" + std::to_string(pid) + "/stat";
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  char text[1024];
  const ssize_t length = ::read(fd.get(), text, sizeof text);
  if (length <= 0) return std::nullopt;
  return parse_process_stat({text, static_cast<size_t>(length)});
}

bool process_lives(const std::string& proc, pid_t pid, uint64_t start_ticks) {
  const auto stat = read_process_stat(proc, pid);
  return stat && stat->start_ticks == start_ticks && stat->state != 'Z' && stat->state != 'X';
}

}  // namespace plimsoll::oci
