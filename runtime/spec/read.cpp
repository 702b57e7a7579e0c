// SPDX-License-Identifier: Apache-2.0
#include "runtime/spec/read.h"

#include <algorithm>

#include "base/text.h"
#include "runtime/spec/json.h"
#include "runtime/spec/parts.h"

namespace plimsoll::spec {
namespace {

using json::Object;

constexpr uint64_t kMajor = 1, kMinor = 3;
constexpr size_t kLongestHostName = 64;  // uname(2)

// The part of a version behind the numbers: "-rc.1", "+dev".
bool is_suffix(std::string_view text) {
  if (text.empty()) return true;
  const auto good = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' ||
           c == '+';
  };
  return text.size() > 1 && (text[0] == '-' || text[0] == '+') && std::all_of(text.begin(), text.end(), good);
}

bool is_plain_number(std::string_view text) { return parse_u64(text) && (text.size() == 1 || text[0] != '0'); }

void check_version(Object& object, const std::string& version, Warnings& warnings) {
  const size_t end = std::min(version.find_first_of("-+"), version.size());
  std::string_view numbers = std::string_view(version).substr(0, end);
  const std::string_view major = take(numbers, '.'), minor = take(numbers, '.'), patch = numbers;
  const bool well_formed = is_plain_number(major) && is_plain_number(minor) && is_plain_number(patch) &&
                           is_suffix(std::string_view(version).substr(end));
  if (!well_formed) return object.reject("ociVersion", json::quote(version) + " is no version as in '1.2.0'");
  if (parse_u64(major) != kMajor)
    return object.reject("ociVersion", json::quote(version) + " is not supported: only 1.x is");
  if (parse_u64(minor) > kMinor)
    warnings.push_back("ociVersion: " + version + " is newer than 1.3: what is new in it is not looked at");
}

void read_hook(Object& object, Hook& hook) {
  object.need("path", hook.path);
  if (!hook.path.starts_with('/')) object.reject("path", "must be an absolute path");
  object.get("args", hook.args);
  object.get("env", hook.env);
  object.get("timeout", hook.timeout);
  if (hook.timeout.value_or(1) <= 0) object.reject("timeout", "must be above 0");
}

void read_hooks(Object& object, Hooks& hooks) {
  const auto list = [&](std::string_view name, std::vector<Hook>& target) {
    object.each(name, [&](Object& one) { read_hook(one, target.emplace_back()); });
  };
  list("prestart", hooks.prestart);
  list("createRuntime", hooks.create_runtime);
  list("createContainer", hooks.create_container);
  list("startContainer", hooks.start_container);
  list("poststart", hooks.poststart);
  list("poststop", hooks.poststop);
}

void read_root(Object& object, Root& root) {
  object.object("root", [&](Object& inner) {
    inner.get("path", root.path);
    inner.get("readonly", root.readonly);
  });
  if (root.path.empty()) object.reject("root", "must have a path");
}

void read_name(Object& object, std::string_view member, std::string& name) {
  object.get(member, name);
  if (name.size() > kLongestHostName) object.reject(member, "must not be longer than 64 bytes");
}

void read_mount(Object& object, Mount& mount, Warnings& warnings) {
  object.get("destination", mount.destination);
  if (mount.destination.empty()) return object.reject("destination", "missing");
  if (mount.destination[0] != '/')
    warnings.push_back(object.place("destination") + ": " + json::quote(mount.destination) +
                       " is relative, which is deprecated; taken from /");
  object.get("type", mount.type);
  object.get("source", mount.source);
  object.get("options", mount.options);
  read_mappings(object, "uidMappings", mount.uid_mappings);
  read_mappings(object, "gidMappings", mount.gid_mappings);
  if (mount.uid_mappings.empty() != mount.gid_mappings.empty())
    object.reject("uidMappings", "uidMappings and gidMappings must both be there");
}

void read_annotations(Object& object, std::map<std::string, std::string>& annotations) {
  object.get("annotations", annotations);
  if (annotations.contains("")) object.reject("annotations", "one has no name");
}

void read_all(Object& object, Spec& spec, Warnings& warnings) {
  object.need("ociVersion", spec.version);
  check_version(object, spec.version, warnings);
  object.object("process", [&](Object& inner) {
    read_process(inner, spec.process.emplace(), warnings);
    spec.process_text = inner.source();
  });
  read_root(object, spec.root);
  read_name(object, "hostname", spec.hostname);
  read_name(object, "domainname", spec.domainname);
  read_mounts(object, spec.mounts, warnings);
  object.object("hooks", [&](Object& inner) { read_hooks(inner, spec.hooks); });
  read_annotations(object, spec.annotations);
  object.object("linux", [&](Object& inner) { read_linux(inner, spec, warnings); });
}

// A document that `read(Object&, T&)` understands whole.
template <typename T, typename Read>
Result<T> read_document(std::string_view text, Read read) {
  if (text.size() > kLargestConfig) return fail("larger than 16 MiB");
  auto document = json::parse(text);
  if (!document) return unexpected(document.error());
  json::Problem problem;
  Object object(*document, problem);
  T target;
  read(object, target);
  if (auto good = problem.result(); !good) return unexpected(good.error());
  return target;
}

}  // namespace

void read_mounts(Object& object, std::vector<Mount>& mounts, Warnings& warnings) {
  object.each("mounts", [&](Object& one) { read_mount(one, mounts.emplace_back(), warnings); });
}

Result<Spec> read_spec(std::string_view text, Warnings& warnings) {
  auto spec = read_document<Spec>(text, [&](Object& object, Spec& target) { read_all(object, target, warnings); });
  if (!spec) return spec;
  if (auto good = check_spec(*spec); !good) return unexpected(good.error());
  return spec;
}

Result<Process> read_process(std::string_view text, Warnings& warnings) {
  return read_document<Process>(text, [&](Object& object, Process& target) { read_process(object, target, warnings); });
}

Result<Resources> read_resources(std::string_view text, Warnings&) {
  return read_document<Resources>(text, [](Object& object, Resources& target) { read_resources(object, target); });
}

}  // namespace plimsoll::spec
