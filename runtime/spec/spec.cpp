// SPDX-License-Identifier: Apache-2.0
#include "runtime/spec/spec.h"

#include <algorithm>

namespace plimsoll::spec {

const Namespace* find_namespace(const Spec& spec, NamespaceType type) {
  const auto found = std::find_if(spec.namespaces.begin(), spec.namespaces.end(),
                                  [type](const Namespace& one) { return one.type == type; });
  return found == spec.namespaces.end() ? nullptr : &*found;
}

bool makes_namespace(const Spec& spec, NamespaceType type) {
  const Namespace* const found = find_namespace(spec, type);
  return found != nullptr && found->path.empty();
}

}  // namespace plimsoll::spec
