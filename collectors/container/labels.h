// SPDX-License-Identifier: Apache-2.0
// Which labels a container's series carry.
//
//   samples          id, image, name, and in Kubernetes container, namespace, pod: what dashboards select by; and what
//                    was asked for by name: whitelisted labels, variables
//   container_info   all of those, engine, container_id, pod_uid, and every label of the container
//
// A container's label a.b is container_label_a_b, its variable PATH is container_env_path (cAdvisor puts it in lower
// case). What is empty is left out: Prometheus takes it for absent anyway.
//
// Rules of the user's may hide any of them but `id`, which keeps series apart; a container that an engine still
// knows and that has no group any more, and so no `id`, keeps all.
//
// cAdvisor puts every label of every container on every series; --store_container_labels asks for that.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/metric.h"
#include "collectors/engine/identity.h"

namespace plimsoll::collectors::container {

struct LabelPolicy {
  using Rule = std::function<bool(std::string_view name)>;  // called by several threads
  bool store_labels = false;                                // --store_container_labels: all of them on every series
  std::vector<std::string> whitelisted;  // --whitelisted_container_labels: these on every series; blanks are trimmed
  Rule allow;                            // --label.allow: of the names in samples only these; empty: all
  Rule deny;                             // --label.deny: these nowhere, not even in container_info
  size_t max_bytes = 16 * 1024;          // rendered labels of one container; what does not fit is dropped
};

struct ContainerLabels {
  LabelSet series;
  LabelSet info;
  size_t dropped = 0;  // labels left out: over a bound, or the same name after sanitising
};

// `id` is the cgroup path, made printable (see group_id). Of two labels whose names are the same after
// sanitising the first in byte order of the original names stays. The labels that every container has are
// there whatever max_bytes says, each cut off after kMaxLabelBytes (`id`: kMaxIdBytes).
ContainerLabels render_labels(std::string_view id, const engine::Identity& identity, const LabelPolicy& policy);

// A cgroup path as the value of `id`: bytes that are not UTF-8 become U+FFFD and two digits, so that different groups
// keep different ids. One longer than kMaxIdBytes (the kernel has no limit) is cut off and ends in '~' and a hash.
inline constexpr size_t kMaxIdBytes = 4096;
std::string group_id(std::string_view path);

}  // namespace plimsoll::collectors::container
