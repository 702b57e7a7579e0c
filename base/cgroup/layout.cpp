// SPDX-License-Identifier: Apache-2.0
// A directory is a v2 tree when it has cgroup.controllers, and a v1 hierarchy when it has
// cgroup.procs; the v1 directory's own name says which controllers it carries ("cpu,cpuacct").
#include "base/cgroup/layout.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"

namespace plimsoll::cgroup {
namespace {

// A v1 hierarchy together with what tells it from another mount of the same hierarchy.
struct Found {
  Hierarchy hierarchy;
  dev_t device = 0;
  ino_t inode = 0;
};

bool has_file(const Dir& dir, const char* name) { return ::faccessat(dir.fd(), name, F_OK, 0) == 0; }

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::string_view word = trim(take(text, separator));
    if (!word.empty()) words.emplace_back(word);
  }
  return words;
}

Result<Hierarchy> read_v2(const Dir& dir, const std::string& path) {
  auto controllers = dir.read("cgroup.controllers");
  if (!controllers) return unexpected(controllers.error().within(path));
  return Hierarchy{path, split(trim(*controllers), ' '), true};
}

// Controllers may be mounted twice (once "cpu", once "cpuacct", both the same tree): one hierarchy. `st` is of a file
// that every hierarchy has.
void add_v1(std::vector<Found>& found, const struct stat& st, const std::string& path, const std::string& name) {
  for (Found& other : found) {
    if (other.device != st.st_dev || other.inode != st.st_ino) continue;
    for (std::string& controller : split(name, ',')) other.hierarchy.controllers.push_back(std::move(controller));
    return;
  }
  found.push_back({Hierarchy{path, split(name, ','), false}, st.st_dev, st.st_ino});
}

Layout assemble(std::vector<Found> found, std::vector<Hierarchy> v2) {
  Layout layout;
  layout.mode = v2.empty() ? Mode::kV1 : Mode::kHybrid;
  for (Found& entry : found) layout.hierarchies.push_back(std::move(entry.hierarchy));
  // One v2 tree exists per machine; a second one would be another mount of it.
  if (!v2.empty()) layout.hierarchies.push_back(std::move(v2.front()));
  return layout;
}

std::vector<std::string> directory_names(const std::vector<Dir::Entry>& entries) {
  std::vector<std::string> names;
  for (const Dir::Entry& entry : entries) {
    if (entry.is_directory) names.push_back(entry.name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

const Hierarchy* Layout::v1(std::string_view controller) const {
  for (const Hierarchy& hierarchy : hierarchies) {
    const auto& names = hierarchy.controllers;
    if (!hierarchy.v2 && std::find(names.begin(), names.end(), controller) != names.end()) return &hierarchy;
  }
  return nullptr;
}

const Hierarchy* Layout::unified() const {
  for (const Hierarchy& hierarchy : hierarchies) {
    if (hierarchy.v2) return &hierarchy;
  }
  return nullptr;
}

bool is_measured(const Hierarchy& hierarchy) {
  constexpr std::string_view kMeasured[] = {"memory", "cpuacct", "cpu", "pids", "blkio"};
  const auto& names = hierarchy.controllers;
  return hierarchy.v2 ||
         std::find_first_of(names.begin(), names.end(), std::begin(kMeasured), std::end(kMeasured)) != names.end();
}

Layout measured_part(const Layout& layout) {
  Layout part{layout.mode, {}};
  for (const Hierarchy& hierarchy : layout.hierarchies) {
    if (is_measured(hierarchy)) part.hierarchies.push_back(hierarchy);
  }
  return part;
}

Result<Layout> detect_layout(const std::string& cgroup_root) {
  auto root = Dir::open(cgroup_root);
  if (!root) return unexpected(root.error().within("cgroup root"));
  if (has_file(*root, "cgroup.controllers")) {
    auto tree = read_v2(*root, cgroup_root);
    if (!tree) return unexpected(tree.error());
    return Layout{Mode::kV2, {std::move(*tree)}};
  }
  auto entries = root->list();
  if (!entries) return unexpected(entries.error().within(cgroup_root));
  std::vector<Found> found;
  std::vector<Hierarchy> v2;
  for (const std::string& name : directory_names(*entries)) {
    const std::string path = cgroup_root + "/" + name;
    // Only v1 has it: one question where else a directory would have to be opened, for every start of a container.
    struct stat st;
    if (::fstatat(root->fd(), (name + "/cgroup.clone_children").c_str(), &st, 0) == 0) {
      add_v1(found, st, path, name);
      continue;
    }
    auto dir = root->open_dir(name);
    if (!dir) continue;
    if (has_file(*dir, "cgroup.controllers")) {
      auto tree = read_v2(*dir, path);
      if (tree) v2.push_back(std::move(*tree));
    } else if (::fstatat(dir->fd(), "cgroup.procs", &st, 0) == 0) {
      add_v1(found, st, path, name);
    }
  }
  if (found.empty() && v2.empty())
    return fail(cgroup_root + ": no cgroup hierarchy here; give the directory where the host's cgroups are mounted");
  return assemble(std::move(found), std::move(v2));
}

}  // namespace plimsoll::cgroup
