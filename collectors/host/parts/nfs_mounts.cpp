// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/parts/nfs_mounts.h"

#include <algorithm>
#include <span>
#include <string>

#include "base/text.h"
#include "collectors/host/parts/kept_file.h"

namespace plimsoll::collectors::host {
namespace {

// The first numbers of `rest` into `numbers`; false when there are fewer. Later kernels append more.
bool take_numbers(std::string_view rest, std::span<uint64_t> numbers) {
  for (uint64_t& number : numbers) {
    const auto parsed = parse_u64(take_field(rest));
    if (!parsed) return false;
    number = *parsed;
  }
  return true;
}

size_t count_fields(std::string_view rest) {
  size_t count = 0;
  while (!take_field(rest).empty()) ++count;
  return count;
}

// "tcp 832 0 1 0 11 6428 ...". UDP has no connections, hence no third to fifth number; RDMA has numbers of its own
// from the eleventh on; the last three came with statvers=1.1.
bool add_transport(std::string_view rest, NfsMount& mount) {
  NfsTransport transport;
  transport.protocol = take_field(rest);
  auto& fields = transport.fields;
  const size_t found = count_fields(rest);
  bool parsed = true;
  if (transport.protocol == "udp") {
    std::array<uint64_t, NfsTransport::kFields - 3> numbers{};
    parsed = found >= 7 && take_numbers(rest, std::span(numbers).first(found >= 10 ? 10 : 7));
    std::copy_n(numbers.begin(), 2, fields.begin());
    std::copy(numbers.begin() + 2, numbers.end(), fields.begin() + NfsTransport::kSends);
  } else if (transport.protocol == "tcp") {
    parsed = found >= 10 && take_numbers(rest, std::span(fields).first(found >= 13 ? 13 : 10));
  } else if (transport.protocol == "rdma") {
    parsed = take_numbers(rest, std::span(fields).first(10));
  } else {
    return true;  // one that is not known yet
  }
  if (parsed) mount.transports.push_back(transport);
  return parsed;
}

// "READ: 1298 1298 0 ...". A name that comes twice is kept once: two samples of it would spoil the page.
bool add_operation(std::string_view name, std::string_view rest, NfsMount& mount) {
  name.remove_suffix(1);
  NfsOperation operation{name, {}};
  if (!take_numbers(rest, operation.numbers)) return false;
  const auto same = [&](const NfsOperation& known) { return known.name == name; };
  if (std::none_of(mount.operations.begin(), mount.operations.end(), same)) mount.operations.push_back(operation);
  return true;
}

// The mount being read, and whether its operations have begun.
struct Block {
  NfsMount mount;
  bool in_operations = false;
};

bool add_line(std::string_view line, Block& block) {
  const std::string_view word = take_field(line);
  if (word == "per-op") block.in_operations = true;
  if (block.in_operations) return !word.ends_with(':') || add_operation(word, line, block.mount);
  if (word == "age:") return take_numbers(line, std::span(&block.mount.age_seconds, 1));
  if (word == "bytes:") return take_numbers(line, block.mount.bytes);
  if (word == "events:") return take_numbers(line, block.mount.events);
  return word != "xprt:" || add_transport(line, block.mount);
}

// "device X mounted on Y with fstype Z statvers=1.1", "no device mounted on Y with fstype Z".
bool parse_device_line(std::string_view line, NfsMount& mount, bool& counts) {
  if (line.starts_with("no ")) take_field(line);
  if (take_field(line) != "device") return false;
  mount.device = line.starts_with(" mounted on ") ? std::string_view{} : take_field(line);
  if (take_field(line) != "mounted" || take_field(line) != "on") return false;
  mount.mount_point = take_field(line);
  if (take_field(line) != "with" || take_field(line) != "fstype") return false;
  const std::string_view type = take_field(line);
  counts = (type == "nfs" || type == "nfs4") && take_field(line).starts_with("statvers=");
  return !type.empty();
}

}  // namespace

Result<std::vector<NfsMount>> parse_mountstats(std::string_view text) {
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  std::vector<NfsMount> mounts;
  Block block;
  bool counts = false;
  for (size_t index = 0; !text.empty();) {
    const std::string_view line = take(text, '\n');
    if (trim(line).empty()) continue;
    if (line.starts_with('\t') || line.starts_with(' ')) {
      if (counts && !add_line(line, block)) return fail("malformed line '" + std::string(trim(line)) + "'");
      continue;
    }
    if (counts) mounts.push_back(std::move(block.mount));
    block = Block{};
    block.mount.index = index++;
    if (!parse_device_line(line, block.mount, counts)) return fail("malformed line '" + std::string(line) + "'");
  }
  if (counts) mounts.push_back(std::move(block.mount));
  return mounts;
}

}  // namespace plimsoll::collectors::host
