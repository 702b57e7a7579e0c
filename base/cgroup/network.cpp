// SPDX-License-Identifier: Apache-2.0
#include "base/cgroup/network.h"

namespace plimsoll::cgroup {
namespace {

constexpr size_t kBytes = 0, kPackets = 1, kErrors = 2, kDropped = 3;  // columns of either direction

}  // namespace

NetworkInterface interface_of(const NetDevLine& line) {
  NetworkInterface result;
  result.name = line.name;
  result.receive_bytes = line.receive[kBytes];
  result.receive_packets = line.receive[kPackets];
  result.receive_errors = line.receive[kErrors];
  result.receive_dropped = line.receive[kDropped];
  result.transmit_bytes = line.transmit[kBytes];
  result.transmit_packets = line.transmit[kPackets];
  result.transmit_errors = line.transmit[kErrors];
  result.transmit_dropped = line.transmit[kDropped];
  return result;
}

}  // namespace plimsoll::cgroup
