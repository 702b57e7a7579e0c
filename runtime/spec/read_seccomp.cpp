// SPDX-License-Identifier: Apache-2.0
// runtime-spec: config-linux.md "Seccomp". Architectures and flags stay text: what of them is known is for
// runtime/seccomp to say.
#include "runtime/spec/names.h"
#include "runtime/spec/parts.h"

namespace plimsoll::spec {
namespace {

using json::Object;

constexpr uint32_t kMostArguments = 6;     // seccomp_data.args
constexpr uint32_t kLargestErrno = 65535;  // SECCOMP_RET_DATA

void read_errno(Object& object, std::string_view name, SeccompAction action, std::optional<uint32_t>& target) {
  object.get(name, target);
  if (target.value_or(0) > kLargestErrno) object.reject(name, "must be at most 65535");
  if (target && action != SeccompAction::kErrno && action != SeccompAction::kTrace)
    object.reject(name, "only with SCMP_ACT_ERRNO and SCMP_ACT_TRACE");
}

void read_argument(Object& object, SeccompArgument& argument) {
  object.need("index", argument.index);
  if (argument.index >= kMostArguments) object.reject("index", "must be from 0 to 5");
  object.need("value", argument.value);
  object.get("valueTwo", argument.value_two);
  object.need("op", kSeccompOperators, argument.op);
}

void read_rule(Object& object, SeccompRule& rule) {
  object.get("names", rule.names);
  if (rule.names.empty()) object.reject("names", "must name a system call");
  object.need("action", kSeccompActions, rule.action);
  read_errno(object, "errnoRet", rule.action, rule.errno_ret);
  object.each("args", [&](Object& argument) { read_argument(argument, rule.args.emplace_back()); });
}

}  // namespace

void read_seccomp(Object& object, Seccomp& seccomp) {
  object.need("defaultAction", kSeccompActions, seccomp.default_action);
  read_errno(object, "defaultErrnoRet", seccomp.default_action, seccomp.default_errno_ret);
  object.get("architectures", seccomp.architectures);
  object.get("flags", seccomp.flags);
  object.get("listenerPath", seccomp.listener_path);
  object.get("listenerMetadata", seccomp.listener_metadata);
  if (!seccomp.listener_metadata.empty() && seccomp.listener_path.empty())
    object.reject("listenerMetadata", "only with a listenerPath");
  object.each("syscalls", [&](Object& rule) { read_rule(rule, seccomp.rules.emplace_back()); });
}

}  // namespace plimsoll::spec
