// SPDX-License-Identifier: Apache-2.0
#include "collectors/engine/source.h"

namespace plimsoll::engine {

std::unique_ptr<Source> make_crio_source(const SourceOptions&) { return nullptr; }

}  // namespace plimsoll::engine
