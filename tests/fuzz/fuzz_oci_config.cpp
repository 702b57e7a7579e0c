// SPDX-License-Identifier: Apache-2.0
// runtime/spec: config.json, process.json and resources.json, which any client of the runtime may have written.
#include <algorithm>

#include "runtime/spec/mount_options.h"
#include "runtime/spec/read.h"
#include "tests/fuzz/require.h"

namespace plimsoll::fuzz {
namespace {

// A message is one line that a terminal can show.
void require_message(std::string_view message) {
  const auto control = [](char c) { return static_cast<unsigned char>(c) < ' '; };
  require(!message.empty(), "an error says what is wrong");
  require(message.size() < 2000, "a message is short");
  require(std::none_of(message.begin(), message.end(), control), "a message has no control characters");
}

void require_path(const std::string& path) {
  require(path.starts_with('/') && path.find('\0') == path.npos, "a path is absolute and whole");
}

void require_process(const spec::Process& process) {
  require(!process.args.empty(), "a process has a program");
  require_path(process.cwd);
}

// `exec` reads it from the state directory.
void require_process_text(const spec::Spec& spec) {
  spec::Warnings warnings;
  const auto again = spec::read_process(spec.process_text, warnings);
  require(again.has_value(), "what is kept can be read");
  const spec::Process& process = *spec.process;
  require(again->args == process.args && again->env == process.env && again->cwd == process.cwd, "texts stay the same");
}

void require_mount(const spec::Mount& mount) {
  require(!mount.destination.empty(), "a mount has a place");
  const auto options = spec::parse_mount_options(mount);
  if (!options) return require(!options.error().message().empty(), "an error says what is wrong");
  require((options->set & options->clear & ~uint64_t{0x70}) == 0, "a bit is set or cleared");
  require((options->clear & 0x70) == 0x70 || (options->clear & 0x70) == 0, "access times are a field");
  for (const auto& [key, value] : options->data) require(key.find('=') == key.npos, "a key is no pair");
}

void require_sysctl(const std::string& path) {
  require(path.find("..") == path.npos || ("/" + path + "/").find("/../") == path.npos,
          "a parameter leads nowhere else");
  require(path.find('/') != path.npos && path[0] != '/', "a parameter is below /proc/sys");
}

void require_spec(const spec::Spec& spec) {
  require(!spec.root.path.empty(), "there is a root");
  require(spec.hostname.empty() || spec::find_namespace(spec, spec::NamespaceType::kUts), "a name has its namespace");
  if (spec.process) require_process(*spec.process);
  if (spec.process) require_process_text(spec);
  for (const spec::Mount& mount : spec.mounts) require_mount(mount);
  for (const std::string& path : spec.masked_paths) require_path(path);
  for (const std::string& path : spec.readonly_paths) require_path(path);
  for (const auto& [path, value] : spec.sysctl) require_sysctl(path);
  for (const auto& [file, value] : spec.resources.unified) require(file.find('/') == file.npos, "a file of the group");
  if (!spec.seccomp) return;
  for (const spec::SeccompRule& rule : spec.seccomp->rules)
    for (const spec::SeccompArgument& argument : rule.args) require(argument.index < 6, "a system call has six");
}

}  // namespace
}  // namespace plimsoll::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plimsoll;
  const std::string_view text = fuzz::as_text(data, size);
  spec::Warnings warnings;
  const auto whole = spec::read_spec(text, warnings);
  if (whole) fuzz::require_spec(*whole);
  if (!whole) fuzz::require_message(whole.error().message());
  const auto process = spec::read_process(text, warnings);
  if (process) fuzz::require_process(*process);
  if (!process) fuzz::require_message(process.error().message());
  const auto resources = spec::read_resources(text, warnings);
  if (!resources) fuzz::require_message(resources.error().message());
  for (const std::string& warning : warnings) fuzz::require_message(warning);
  return 0;
}
