// SPDX-License-Identifier: Apache-2.0
// One container engine as a source of identities: one file each in this folder, one line in
// identifier.cpp. A source reads files that the engine leaves on disk; it never starts a program and
// never waits for a daemon. It is asked when a cgroup appears, so it may take a millisecond, not ten.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/os.h"
#include "collectors/engine/identity.h"
#include "runtime/container/record.h"

namespace plimsoll::engine {

// A cgroup that may be a container.
struct Candidate {
  std::string_view path;  // "/docker/<id>", "/system.slice/docker-<id>.scope", "/default/web"
  std::string_view hex;   // the 64 hexadecimal digits that end its last part (before .scope), or ""
  pid_t pid = 0;          // a process in it, 0 when there is none (yet)
};

class Source {
 public:
  virtual ~Source() = default;
  // nullopt: not this engine's container, or its files are not there yet. Malformed, truncated, huge or
  // foreign files are the same: no container.
  virtual std::optional<Identity> identify(const Candidate& candidate) = 0;
  // Brings what can change (state, restarts, health, name) up to date. Cheap when nothing has changed: at
  // most one stat. Keeps the identity as it is when the files are gone.
  virtual void refresh(Identity& identity) = 0;
  // Containers that have ended and that the engine still has (docker ps -a). They have no cgroup.
  virtual void list_ended(std::vector<Identity>&) {}
};

// Where engines keep their state, as seen from here; --docker_root and friends. Paths of the host: what
// is below HostRoots::rootfs is prefixed by identifier.cpp, not by the sources.
struct Paths {
  plimsoll::container::StateRoots own;
  std::string docker_root = "/var/lib/docker";
  std::string docker_socket;  // "" = do not ask the daemon; a path of a unix socket otherwise
  std::string podman_root = "/var/lib/containers/storage";  // rootless ones are found below /home by uid
  std::string podman_runroot = "/run/containers/storage";
  std::string containerd_state = "/run/containerd";
  std::string containerd_root = "/var/lib/containerd";
  std::string passwd = "/etc/passwd";  // for home directories of rootless users
  std::string proc = "/proc";
};

struct SourceOptions {
  Paths paths;
  std::vector<std::string> env;  // variables to take along; a name, or a prefix ending in '*'
  size_t max_known = 10'000;     // containers that one engine's list_ended() looks at
};

// Each engine's, in the file named after it.
std::unique_ptr<Source> make_own_source(const SourceOptions& options);         // own.cpp
std::unique_ptr<Source> make_docker_source(const SourceOptions& options);      // docker.cpp
std::unique_ptr<Source> make_podman_source(const SourceOptions& options);      // podman.cpp
std::unique_ptr<Source> make_crio_source(const SourceOptions& options);        // crio.cpp
std::unique_ptr<Source> make_containerd_source(const SourceOptions& options);  // containerd.cpp
std::unique_ptr<Source> make_machine_source(const SourceOptions& options);     // machine.cpp: LXC, systemd-nspawn

// Takes a label into `identity` if the bounds of identity.h allow it; counts it as dropped otherwise.
void add_label(Identity& identity, std::string_view name, std::string_view value);
// Fills container, pod, pod_namespace, pod_uid and sandbox from the labels that the kubelet gives containers
// through every engine (io.kubernetes.pod.name ...; cri-dockerd adds io.kubernetes.docker.type, containerd's
// CRI io.cri-containerd.kind, CRI-O io.kubernetes.cri-o.ContainerType). Call it once the labels are there.
void take_kubernetes_labels(Identity& identity);
// Takes "NAME=value" into `identity` if NAME was asked for.
void add_env(Identity& identity, std::string_view assignment, const std::vector<std::string>& wanted);

}  // namespace plimsoll::engine
