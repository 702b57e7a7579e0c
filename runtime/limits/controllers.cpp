// SPDX-License-Identifier: Apache-2.0
#include "runtime/limits/controllers.h"

#include <fcntl.h>

#include <cerrno>

#include "base/os.h"
#include "base/text.h"

namespace plimsoll::limits {
namespace {

Error refused(int code, const std::string& directory, std::string_view controller) {
  std::string why;
  switch (code) {
    case EBUSY:
      why = directory +
            " has processes of its own, and below such a group v2 allows no controllers: choose another "
            "cgroupsPath or move the processes into a child of it";
      break;
    case EOPNOTSUPP:
      why = directory + " is threaded, and this controller is not: choose a cgroupsPath outside of it";
      break;
    case EACCES:
    case EPERM:
    case EROFS:
      why = directory + " is not delegated to this user: have it delegated, or go without the limit";
      break;
    default:
      why = directory + " does not offer it (cgroup.controllers)";
  }
  return Error{code, "controller " + std::string(controller) + ": " + why};
}

}  // namespace

bool lists_word(std::string_view text, std::string_view word) {
  std::string_view rest = text.substr(0, text.find('\n'));
  while (!rest.empty()) {
    if (take_field(rest) == word) return true;
  }
  return false;
}

std::vector<std::string> path_levels(const std::string& path) {
  std::vector<std::string> all;
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    all.push_back(path.substr(0, end));
    if (end == std::string::npos) return all;
  }
}

Result<void> enable_controller(const std::string& mount_point, const std::string& path, std::string_view controller) {
  std::string directory = mount_point;
  for (const std::string& level : path_levels(path)) {
    auto enabled = read_file(directory + "/cgroup.subtree_control");
    if (!enabled) return unexpected(enabled.error());
    if (!lists_word(*enabled, controller)) {
      // One controller per write, since one that is refused would take the others with it.
      auto written = write_existing(AT_FDCWD, directory + "/cgroup.subtree_control", "+" + std::string(controller));
      if (!written) return unexpected(refused(written.error().code, directory, controller));
    }
    directory = mount_point + level;
  }
  return {};
}

Result<void> leave_invalid_domain(const std::string& directory) {
  auto type = read_file(directory + "/cgroup.type");
  if (!type || trim(*type) != "domain invalid") return {};
  return write_existing(AT_FDCWD, directory + "/cgroup.type", "threaded");
}

}  // namespace plimsoll::limits
