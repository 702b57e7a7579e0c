// SPDX-License-Identifier: Apache-2.0
#include "runtime/limits/delegate.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/os.h"
#include "base/text.h"

namespace plimsoll::limits {
namespace {

constexpr std::string_view kFallback = "cgroup.procs\ncgroup.threads\ncgroup.subtree_control\n";

bool is_writable_cgroup(const spec::Mount& mount) {
  const auto& options = mount.options;
  return (mount.source == "cgroup" || mount.type == "cgroup") && mount.destination == "/sys/fs/cgroup" &&
         std::find(options.begin(), options.end(), "ro") == options.end();
}

}  // namespace

bool wants_delegation(const spec::Spec& spec) {
  return spec::makes_namespace(spec, spec::NamespaceType::kCgroup) &&
         std::any_of(spec.mounts.begin(), spec.mounts.end(), is_writable_cgroup);
}

Result<void> delegate(const OwnCgroup& group, uid_t owner, const std::string& sys) {
  if (group.places().size() != 1 || !group.places().front().v2) return {};
  const int directory = group.clone_into_fd();
  if (::fchown(directory, owner, static_cast<gid_t>(-1)) != 0)
    return fail_errno("give cgroup " + group.path() + " to user " + std::to_string(owner));
  const std::string listed = read_file(sys + "/kernel/cgroup/delegate").value_or(std::string(kFallback));
  for (std::string_view rest = listed; !rest.empty();) {
    const std::string name(trim(take(rest, '\n')));
    if (name.empty() || name.find('/') != std::string::npos) continue;
    if (::fchownat(directory, name.c_str(), owner, static_cast<gid_t>(-1), AT_SYMLINK_NOFOLLOW) == 0) continue;
    if (errno != ENOENT) return fail_errno("give cgroup " + group.path() + "'s " + name + " to its user");
  }
  return {};
}

}  // namespace plimsoll::limits
