// SPDX-License-Identifier: Apache-2.0
// features: what this runtime understands, as JSON. runtime-spec: features.md, features-linux.md
#include <unistd.h>

#include <algorithm>

#include "runtime/oci/command.h"
#include "runtime/oci/command_line.h"
#include "runtime/seccomp/compile.h"
#include "runtime/spec/json_writer.h"
#include "runtime/spec/mount_options.h"
#include "runtime/spec/read.h"

namespace plimsoll::oci {

using spec::JsonWriter;

namespace {

constexpr std::string_view kHooks[] = {"prestart",       "createRuntime", "createContainer",
                                       "startContainer", "poststart",     "poststop"};
constexpr std::string_view kNamespaces[] = {"cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"};
constexpr std::string_view kMemoryModes[] = {
    "MPOL_DEFAULT",   "MPOL_BIND",           "MPOL_INTERLEAVE", "MPOL_WEIGHTED_INTERLEAVE",
    "MPOL_PREFERRED", "MPOL_PREFERRED_MANY", "MPOL_LOCAL"};
constexpr std::string_view kMemoryFlags[] = {"MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES", "MPOL_F_STATIC_NODES"};
constexpr int kMostCapabilities = 64;

template <typename List>
void write_list(JsonWriter& out, std::string_view name, const List& list) {
  out.key(name);
  out.open_array();
  for (const auto& one : list) out.value(std::string_view(one));
  out.close_array();
}

void write_switch(JsonWriter& out, std::string_view name, std::initializer_list<std::string_view> members) {
  out.key(name);
  out.open_object();
  for (const std::string_view member : members) out.member(member, true);
  out.close_object();
}

std::vector<std::string> capabilities() {
  std::vector<std::string> names;
  for (int number = 0; number < kMostCapabilities; ++number) {
    std::string name = spec::capability_name(number);
    if (spec::capability_number(name) == number) names.push_back(std::move(name));
  }
  return names;
}

void write_seccomp(JsonWriter& out) {
  out.key("seccomp");
  out.open_object();
  out.member("enabled", true);
  write_list(out, "actions", seccomp::known_actions());
  write_list(out, "operators", seccomp::known_operators());
  write_list(out, "archs", seccomp::known_architectures());
  write_list(out, "knownFlags", seccomp::known_flags());
  write_list(out, "supportedFlags", seccomp::known_flags());
  out.close_object();
}

void write_linux(JsonWriter& out) {
  out.key("linux");
  out.open_object();
  write_list(out, "namespaces", kNamespaces);
  write_list(out, "capabilities", capabilities());
  write_switch(out, "cgroup", {"v1", "v2", "systemd", "systemdUser", "rdma"});
  write_seccomp(out);
  write_switch(out, "apparmor", {"enabled"});
  write_switch(out, "selinux", {"enabled"});
  out.key("memoryPolicy");
  out.open_object();
  write_list(out, "modes", kMemoryModes);
  write_list(out, "flags", kMemoryFlags);
  out.close_object();
  out.key("mountExtensions");
  out.open_object();
  write_switch(out, "idmap", {"enabled"});
  out.close_object();
  write_switch(out, "netDevices", {"enabled"});
  out.close_object();
}

std::string text_of_features() {
  JsonWriter out(4);
  out.open_object();
  out.member("ociVersionMin", "1.0.0");
  out.member("ociVersionMax", kSpecVersion);
  write_list(out, "hooks", kHooks);
  std::vector<std::string_view> options = spec::known_mount_options();
  std::sort(options.begin(), options.end());
  write_list(out, "mountOptions", options);
  write_linux(out);
  out.key("annotations");
  out.open_object();
  out.member("io.plimsoll.version", PLIMSOLL_VERSION);
  out.close_object();
  write_list(out, "potentiallyUnsafeConfigAnnotations",
             std::initializer_list<std::string_view>{"org.systemd.property."});
  out.close_object();
  return std::move(out).text() + "\n";
}

Result<int> run(Context&, const Words&) {
  if (auto written = write_all(STDOUT_FILENO, text_of_features()); !written) return unexpected(written.error());
  return 0;
}

}  // namespace

const Command features_command = {{"features", "", "Show what this runtime understands", {}, 0, 0}, run};

}  // namespace plimsoll::oci
