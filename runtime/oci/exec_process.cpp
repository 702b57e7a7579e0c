// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/exec_process.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "runtime/oci/bundle.h"
#include "runtime/oci/user.h"

namespace plimsoll::oci {
namespace {

void set_variable(std::vector<std::string>& env, std::string_view text) {
  const std::string_view name = text.substr(0, text.find('='));
  std::erase_if(env, [&](const std::string& one) { return std::string_view(one).substr(0, one.find('=')) == name; });
  env.emplace_back(text);
}

Result<void> add_capability(spec::Process& process, std::string_view name, spec::Warnings& warnings) {
  const auto number = spec::capability_number(name);
  if (!number) {
    warnings.push_back("--cap " + std::string(name) + ": no such capability, ignored");
    return {};
  }
  if (!process.capabilities) process.capabilities.emplace();
  const uint64_t bit = uint64_t{1} << *number;
  process.capabilities->bounding |= bit;
  process.capabilities->effective |= bit;
  process.capabilities->permitted |= bit;
  // Ambient ones are inheritable first; the inheritable set stays as the configuration has it.
  if ((process.capabilities->inheritable & bit) != 0) process.capabilities->ambient |= bit;
  return {};
}

Result<void> add_groups(spec::Process& process, std::string_view list) {
  while (!list.empty()) {
    auto gid = parse_id(take(list, ','));
    if (!gid) return unexpected(gid.error().within("--additional-gids"));
    process.user.additional_gids.push_back(*gid);
  }
  return {};
}

Result<void> set_user(spec::Process& process, std::string_view text, const UserFiles& files) {
  auto user = parse_user(text, files);
  if (!user) return unexpected(user.error());
  process.user.uid = user->uid;
  process.user.gid = user->gid;
  return {};
}

Result<void> set_option(spec::Process& process, int key, std::string_view value, const UserFiles& files,
                        spec::Warnings& warnings) {
  switch (key) {
    case 'e':
      if (value.empty() || value[0] == '=') return fail("--env '" + std::string(value) + "': must be NAME=VALUE");
      set_variable(process.env, value);
      return {};
    case 'u':
      return set_user(process, value, files);
    case 'g':
      return add_groups(process, value);
    case 'c':
      return add_capability(process, value, warnings);
    case 't':
      process.terminal = value == "true";
      return {};
    case kExecCwd:
      if (!value.starts_with('/')) return fail("--cwd " + std::string(value) + ": must be an absolute path");
      process.cwd = value;
      return {};
    case kExecLabel:
      process.selinux_label = value;
      return {};
    case kExecApparmor:
      process.apparmor_profile = value;
      return {};
    case kExecNoNewPrivileges:
      process.no_new_privileges = process.no_new_privileges || value == "true";
      return {};
    default:
      return {};
  }
}

Result<spec::Process> own_process(const Container& container, const Words& words, const UserFiles& files,
                                  spec::Warnings& warnings) {
  if (words.arguments.size() < 2) return fail("exec: a command is missing after the id");
  auto text = container.read_process();
  if (!text) return unexpected(text.error());
  if (text->empty()) return fail("the container's config.json has no process: give one with --process");
  spec::Warnings old;  // `create` has told them
  auto process = spec::read_process(*text, old);
  if (!process) return unexpected(process.error().within(kProcessFile));
  process->terminal = false;
  process->args.assign(words.arguments.begin() + 1, words.arguments.end());
  for (const auto& [key, value] : words.options) {
    if (auto set = set_option(*process, key, value, files, warnings); !set) return unexpected(set.error());
  }
  return process;
}

Result<spec::Process> given_process(std::string_view path, spec::Warnings& warnings) {
  auto text = read_config_file(std::string(path));
  if (!text) return unexpected(text.error());
  auto process = spec::read_process(*text, warnings);
  if (!process) return unexpected(process.error().within(path));
  return process;
}

}  // namespace

Result<spec::Process> exec_process(const Container& container, const Words& words, int root, spec::Warnings& warnings) {
  const std::string_view file = words.value('p');
  const bool given = words.has('p');
  Result<UserFiles> files = UserFiles();
  if (!given && words.has('u')) files = read_user_files(root);
  if (!files) return unexpected(files.error());
  auto process = given ? given_process(file, warnings) : own_process(container, words, *files, warnings);
  if (!process) return unexpected(process.error());
  if (given && words.flag('t')) process->terminal = true;
  return process;
}

}  // namespace plimsoll::oci
