// SPDX-License-Identifier: Apache-2.0
#include "collectors/engine/oci_spec.h"

#include "base/text.h"
#include "collectors/engine/state_file.h"

namespace plimsoll::engine {
namespace {

constexpr size_t kMaxCgroupPath = 4096;

void take_annotations(const Json* object, std::map<std::string, std::string>& annotations) {
  if (object == nullptr || !object->is_object()) return;
  for (const auto& [name, value] : object->items()) {
    if (!value.is_string() || name.size() > kMaxLabelNameBytes) continue;
    if (annotations.size() >= kMaxAnnotations) return;
    const auto& text = value.get_ref<const std::string&>();
    if (text.size() <= kMaxAnnotationBytes) annotations.emplace(name, text);
  }
}

void take_environment(const Json* array, std::vector<std::string>& env) {
  if (array == nullptr || !array->is_array()) return;
  for (const Json& assignment : *array) {
    if (env.size() >= kMaxEnv) return;
    if (assignment.is_string()) env.push_back(assignment.get<std::string>());
  }
}

bool has_host_network(const Json* namespaces) {
  if (namespaces == nullptr || !namespaces->is_array()) return false;
  for (const Json& one : *namespaces) {
    if (string_of(one, "type") == "network") return false;
  }
  return true;
}

// "a-b.slice" lies in "a.slice": "/a.slice/a-b.slice". "-.slice" is the root.
std::optional<std::string> slice_path(std::string_view slice) {
  if (!slice.ends_with(".slice") || slice.find('/') != std::string_view::npos) return std::nullopt;
  const std::string_view name = slice.substr(0, slice.size() - 6);
  if (name == "-") return "";
  if (name.empty() || name.front() == '-' || name.back() == '-') return std::nullopt;
  std::string path;
  for (size_t dash = name.find('-'); dash != std::string_view::npos; dash = name.find('-', dash + 1))
    path.append("/").append(name.substr(0, dash)).append(".slice");
  return path.append("/").append(slice);
}

// "SLICE:PREFIX:NAME"; without a slice it is system.slice.
std::string scope_path(std::string_view text) {
  const std::string_view slice = take(text, ':'), prefix = take(text, ':'), name = text;
  if (name.empty() || name.find_first_of("/:") != std::string_view::npos) return "";
  if (prefix.find('/') != std::string_view::npos) return "";
  auto path = slice_path(slice.empty() ? "system.slice" : slice);
  if (!path) return "";
  path->append("/");
  if (name.ends_with(".slice")) return path->append(name);
  if (!prefix.empty()) path->append(prefix).append("-");
  return path->append(name).append(".scope");
}

// Absolute, without empty parts; "" when a part leads upwards.
std::string clean_path(std::string_view text) {
  std::string path;
  while (!text.empty()) {
    const std::string_view part = take(text, '/');
    if (part == "..") return "";
    if (!part.empty() && part != ".") path.append("/").append(part);
  }
  return path;
}

}  // namespace

std::string_view OciSpec::annotation(const char* name) const {
  const auto found = annotations.find(name);
  return found == annotations.end() ? std::string_view() : std::string_view(found->second);
}

std::optional<OciSpec> parse_oci_spec(std::string_view text) {
  const auto json = parse_json(text);
  if (!json) return std::nullopt;
  const Json* linux_part = member(*json, "linux");
  if (linux_part == nullptr || !linux_part->is_object()) return std::nullopt;
  OciSpec spec;
  spec.cgroups_path = string_of(*linux_part, "cgroupsPath", kMaxCgroupPath);
  spec.host_network = has_host_network(member(*linux_part, "namespaces"));
  take_annotations(member(*json, "annotations"), spec.annotations);
  if (const Json* process = member(*json, "process")) take_environment(member(*process, "env"), spec.env);
  return spec;
}

std::optional<OciSpec> read_oci_spec(const std::string& path) {
  const auto file = read_state_file(path);
  return file ? parse_oci_spec(file->text) : std::nullopt;
}

std::string cgroup_of(std::string_view cgroups_path, std::string_view id) {
  if (cgroups_path.empty()) return id.empty() || id.find('/') != std::string_view::npos ? "" : "/" + std::string(id);
  if (cgroups_path.find(':') != std::string_view::npos && cgroups_path.front() != '/') return scope_path(cgroups_path);
  return clean_path(cgroups_path);
}

}  // namespace plimsoll::engine
