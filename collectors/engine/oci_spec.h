// SPDX-License-Identifier: Apache-2.0
// What an OCI runtime was told about a container: config.json of its bundle, which the engine writes before
// the container is made and leaves there until it is gone.
//
//   {"ociVersion":"1.0.2-dev","process":{"env":["PATH=/bin","COLOR=blue"]},
//    "annotations":{"io.kubernetes.cri.container-type":"container","io.kubernetes.cri.sandbox-id":"8a3c..."},
//    "linux":{"cgroupsPath":"/default/web","namespaces":[{"type":"pid"},{"type":"network"}]}}
//
// https://github.com/opencontainers/runtime-spec (config.md, config-linux.md)
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/engine/identity.h"

namespace plimsoll::engine {

struct OciSpec {
  std::string cgroups_path;                        // as it stands in the file; see cgroup_of
  std::map<std::string, std::string> annotations;  // at most kMaxAnnotations, of at most kMaxAnnotationBytes each
  std::vector<std::string> env;                    // at most kMaxEnv
  bool host_network = false;                       // the list of namespaces is there and has no "network"

  // "" when there is no such annotation.
  std::string_view annotation(const char* name) const;
};

inline constexpr size_t kMaxAnnotations = 256;
inline constexpr size_t kMaxAnnotationBytes = 64 * 1024;  // CRI-O's Labels and Annotations are JSON themselves
inline constexpr size_t kMaxEnv = 1024;

// nullopt when it is no JSON object or names no Linux container. Members of wrong types are as if missing.
std::optional<OciSpec> parse_oci_spec(std::string_view text);
// The same of a file that another program wrote: regular, at most kMaxStateFileBytes.
std::optional<OciSpec> read_oci_spec(const std::string& path);

// The group that a runtime makes of cgroupsPath for container `id`. "/default/web" is a path;
// "system.slice:cri-containerd:ID" is systemd's: /system.slice/cri-containerd-ID.scope, with "a-b.slice"
// inside a.slice. Empty stands for "/ID". "" for what is none of these, or leads upwards.
std::string cgroup_of(std::string_view cgroups_path, std::string_view id);

}  // namespace plimsoll::engine
