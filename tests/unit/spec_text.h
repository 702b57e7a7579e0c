// SPDX-License-Identifier: Apache-2.0
// Configurations for the tests of runtime/spec: a small one that is right, with members added to it.
#pragma once

#include <string>
#include <string_view>

#include "runtime/spec/read.h"

namespace plimsoll::spec {

// `members` as they stand in the file: "\"hostname\": \"web\", ".
inline std::string config(std::string_view members) {
  return R"({"ociVersion": "1.0.2", "root": {"path": "rootfs"})" +
         (members.empty() ? std::string() : ", " + std::string(members)) + "}";
}

// With members of "linux" and every namespace.
inline std::string linux_config(std::string_view members) {
  return config(R"("linux": {"namespaces": [{"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"},
      {"type": "mount"}, {"type": "cgroup"}, {"type": "time"}], )" +
                std::string(members) + "}");
}

// With members of a process that is right without them.
inline std::string process_config(std::string_view members) {
  return config(R"("process": {"args": ["sh"], "cwd": "/", )" + std::string(members) + "}");
}

// What read_spec says is wrong; "" when nothing is.
inline std::string problem_of(std::string_view text) {
  Warnings warnings;
  const auto spec = read_spec(text, warnings);
  return spec ? "" : spec.error().message();
}

// The configuration, which must be right.
inline Spec must_read(std::string_view text) {
  Warnings warnings;
  auto spec = read_spec(text, warnings);
  return spec ? std::move(*spec) : Spec{.version = "NOT READ: " + spec.error().message()};
}

}  // namespace plimsoll::spec
