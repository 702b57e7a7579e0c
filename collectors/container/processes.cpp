// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/processes.h"

namespace plimsoll::collectors::container {

struct Processes::State {};
Processes::Processes(std::string, KindSet) {}
Processes::~Processes() = default;
bool Processes::wanted() const { return false; }
bool Processes::read(const std::vector<pid_t>&, int, int64_t, ReadBuffer&, ProcessHistory&, ProcessSums&) {
  return false;
}

}  // namespace plimsoll::collectors::container
