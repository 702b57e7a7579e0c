// SPDX-License-Identifier: Apache-2.0
// Which labels a container's series carry.
//
//   samples          id, image, name, and in Kubernetes container, namespace, pod: what dashboards select by
//   container_info   all of those, engine, container_id, pod_uid, and every label and wanted variable of the container:
//                    container_label_<name>, container_env_<name>
//
// cAdvisor puts every label of every container on every series; --store_container_labels asks for that.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/metric.h"
#include "collectors/engine/identity.h"

namespace plimsoll::collectors::container {

struct LabelPolicy {
  bool store_labels = false;             // --store_container_labels: all of them on every series
  std::vector<std::string> whitelisted;  // --whitelisted_container_labels: these on every series
  size_t max_bytes = 16 * 1024;          // rendered labels of one container; what does not fit is dropped
};

struct ContainerLabels {
  LabelSet series;
  LabelSet info;
  size_t dropped = 0;  // labels left out: over a bound, or the same name after sanitising
};

// `id` is the cgroup path, made printable (see group_id). Of two labels whose names are the same after
// sanitising the first in byte order of the original names stays.
ContainerLabels render_labels(std::string_view id, const engine::Identity& identity, const LabelPolicy& policy);

// A cgroup path as the value of `id`: bytes that are not UTF-8 become \xHH, so that different groups keep
// different ids.
std::string group_id(std::string_view path);

}  // namespace plimsoll::collectors::container
