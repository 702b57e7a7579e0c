// SPDX-License-Identifier: Apache-2.0
// collectors/container: files of processes, mount tables and netlink answers. Names in them (of programs, mount
// points, layers) are whatever somebody in a container has chosen.
#include <climits>

#include "collectors/container/disk_usage.h"
#include "collectors/container/mount_table.h"
#include "collectors/container/process_files.h"
#include "collectors/container/taskstats.h"
#include "tests/fuzz/require.h"

namespace plimsoll::fuzz {
namespace {

using namespace collectors::container;

void mounts(std::string_view text) {
  const std::string layer = writable_layer(text);
  require(layer.empty() || layer.front() == '/', "a layer is an absolute path");
  require(layer.size() < PATH_MAX && layer.find('\0') == std::string::npos, "a layer is a path");
  for_each_mount(text, [](const Mount& mount) {
    require(mount.point.starts_with('/') && !mount.type.empty(), "a mount has a place and a type");
  });
  const std::string upper = upper_directory(text);
  require(upper.size() <= text.size(), "unescaping never grows");
}

void processes(std::string_view text) {
  const auto stat = parse_process_stat(text);
  require(!stat || text.find(')') != std::string_view::npos, "a process has a name");
  const auto sched = parse_schedstat(text);
  require(!sched || text.ends_with('\n'), "a line that is cut off is none");
  const auto referenced = parse_referenced(text);
  require(!referenced || *referenced % 1024 == 0, "whole KiB");
  (void)parse_open_files_limit(text);
}

void answers(std::string_view bytes) {
  for (uint16_t type = 0; type < 8; ++type) {
    const std::string_view value = netlink_attribute(bytes, type);
    require(value.empty() || (value.data() >= bytes.data() && value.end() <= bytes.end()), "a value lies inside");
  }
  (void)parse_taskstats(bytes);
  (void)parse_cgroupstats(bytes);
}

}  // namespace
}  // namespace plimsoll::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = plimsoll::fuzz::as_text(data, size);
  plimsoll::fuzz::mounts(text);
  plimsoll::fuzz::processes(text);
  plimsoll::fuzz::answers(text);
  return 0;
}
