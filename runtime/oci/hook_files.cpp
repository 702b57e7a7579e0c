// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/hook_files.h"

#include <fcntl.h>

#include "runtime/oci/annotations.h"

namespace plimsoll::oci {
namespace {

Result<UniqueFd> open_file(const std::map<std::string, std::string>& annotations, const char* name) {
  const auto path = annotations.find(name);
  if (path == annotations.end()) return UniqueFd();
  UniqueFd file(::open(path->second.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY | O_CLOEXEC, 0600));
  if (!file) return fail_errno("annotation " + std::string(name) + ": " + path->second);
  return file;
}

}  // namespace

Result<HookFiles> HookFiles::open(const std::map<std::string, std::string>& annotations) {
  auto output = open_file(annotations, kHooksOutput), errors = open_file(annotations, kHooksErrors);
  if (!output) return unexpected(output.error());
  if (!errors) return unexpected(errors.error());
  HookFiles files;
  files.output_ = *std::move(output);
  files.errors_ = *std::move(errors);
  return files;
}

}  // namespace plimsoll::oci
