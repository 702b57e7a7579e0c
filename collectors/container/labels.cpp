// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/labels.h"

namespace plimsoll::collectors::container {

ContainerLabels render_labels(std::string_view id, const engine::Identity& identity, const LabelPolicy&) {
  ContainerLabels labels;
  labels.series.add("id", id);
  labels.series.add("image", identity.image);
  labels.series.add("name", identity.name);
  return labels;
}

std::string group_id(std::string_view path) { return std::string(path); }

}  // namespace plimsoll::collectors::container
