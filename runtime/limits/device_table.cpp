// SPDX-License-Identifier: Apache-2.0
// v1's devices controller. The kernel has one default and a list of exceptions from it; it takes an exception
// back only when told in the very words in which it was made, and resets all with "a" (not while the group has
// children). Documentation/admin-guide/cgroup-v1/devices.rst, security/device_cgroup.c
#include <algorithm>

#include "base/text.h"
#include "runtime/limits/device_filter.h"

namespace plimsoll::limits {
namespace {

constexpr uint32_t kAll = BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE;
constexpr const char* kAllow = "devices.allow";
constexpr const char* kDeny = "devices.deny";

std::string number(int64_t value) { return value < 0 ? "*" : std::to_string(value); }

Result<int64_t> parse_number(std::string_view text) {
  if (text == "*") return int64_t{-1};
  const auto value = parse_u64(text);
  if (!value || *value > UINT32_MAX) return fail("devices.list: \"" + std::string(text) + "\" is no device number");
  return static_cast<int64_t>(*value);
}

// Whether every device of `inner` is one of `outer`; with -1 for any.
template <typename Key>
bool covers(const Key& outer, const Key& inner) {
  return outer.type == inner.type && (outer.major < 0 || outer.major == inner.major) &&
         (outer.minor < 0 || outer.minor == inner.minor);
}

template <typename Key>
bool overlap(const Key& one, const Key& other) {
  const auto meet = [](int64_t a, int64_t b) { return a < 0 || b < 0 || a == b; };
  return one.type == other.type && meet(one.major, other.major) && meet(one.minor, other.minor);
}

}  // namespace

std::string DeviceTable::line_of(const Key& key, uint32_t access) {
  std::string line = std::string(1, key.type) + " " + number(key.major) + ":" + number(key.minor) + " ";
  if (access & BPF_DEVCG_ACC_READ) line += 'r';
  if (access & BPF_DEVCG_ACC_WRITE) line += 'w';
  if (access & BPF_DEVCG_ACC_MKNOD) line += 'm';
  return line;
}

void DeviceTable::except(const Key& key, uint32_t access) {
  const auto found =
      std::find_if(exceptions_.begin(), exceptions_.end(), [&](const auto& one) { return one.key == key; });
  if (found == exceptions_.end()) {
    exceptions_.push_back({key, access});
  } else {
    found->access |= access;
  }
}

Result<void> DeviceTable::apply(bool allow, const Key& key, uint32_t access) {
  if (allow != allows_) {
    except(key, access);
    return {};
  }
  for (Exception& one : exceptions_) {
    const bool shared = overlap(one.key, key) && (one.access & access) != 0;
    if (shared && !covers(key, one.key)) {
      return fail("device rule \"" + line_of(key, access) + "\": cgroup v1 cannot except it from the earlier \"" +
                  line_of(one.key, one.access) + "\"; give the narrower rules alone");
    }
    if (shared) one.access &= ~access;
  }
  std::erase_if(exceptions_, [](const Exception& one) { return one.access == 0; });
  return {};
}

// "a" is both types.
Result<void> DeviceTable::apply(const spec::DeviceRule& rule) {
  auto access = device_access(rule.access);
  if (!access) return unexpected(access.error());
  if (rule.type == 'a' && !rule.major && !rule.minor && *access == kAll) {
    allows_ = rule.allow;
    exceptions_.clear();
    return {};
  }
  const auto number_of = [](const std::optional<uint32_t>& value) { return value ? int64_t{*value} : kAny; };
  for (const char type : {'b', 'c'}) {
    if (rule.type != 'a' && rule.type != type) continue;
    auto applied = apply(rule.allow, Key{type, number_of(rule.major), number_of(rule.minor)}, *access);
    if (!applied) return applied;
  }
  return {};
}

Result<DeviceTable> DeviceTable::of(const std::vector<spec::DeviceRule>& rules) {
  DeviceTable table;
  for (const spec::DeviceRule& rule : rules) {
    auto applied = table.apply(rule);
    if (!applied) return unexpected(applied.error());
  }
  return table;
}

Result<DeviceTable> DeviceTable::parse(std::string_view list) {
  DeviceTable table;
  while (!list.empty()) {
    std::string_view line = take(list, '\n');
    if (line.empty()) continue;
    const std::string_view type = take_field(line);
    if (type == "a") {
      table.allows_ = true;
      table.exceptions_.clear();
      continue;
    }
    std::string_view numbers = take_field(line);
    auto major = parse_number(take(numbers, ':')), minor = parse_number(numbers);
    auto access = device_access(std::string(take_field(line)));
    if (!major || !minor || !access)
      return unexpected((!major ? major.error() : !minor ? minor.error() : access.error()));
    if (type != "b" && type != "c") return fail("devices.list: \"" + std::string(type) + "\" is no type of device");
    table.except(Key{type.front(), *major, *minor}, *access);
  }
  return table;
}

uint32_t DeviceTable::missing_in(const Exceptions& exceptions, const Exception& one) {
  for (const Exception& other : exceptions) {
    if (other.key == one.key) return one.access & ~other.access;
  }
  return one.access;
}

std::vector<DeviceTable::Write> DeviceTable::writes_towards(const DeviceTable& target) const {
  const char* const with_default = target.allows_ ? kAllow : kDeny;
  const char* const against_default = target.allows_ ? kDeny : kAllow;
  std::vector<Write> writes;
  const bool reset = allows_ || allows_ != target.allows_;
  if (reset) writes.push_back({with_default, "a"});
  const Exceptions nothing;
  const Exceptions& present = reset ? nothing : exceptions_;
  for (const Exception& one : present) {
    const uint32_t dropped = missing_in(target.exceptions_, one);
    if (dropped != 0) writes.push_back({with_default, line_of(one.key, dropped)});
  }
  for (const Exception& one : target.exceptions_) {
    const uint32_t gained = missing_in(present, one);
    if (gained != 0) writes.push_back({against_default, line_of(one.key, gained)});
  }
  return writes;
}

}  // namespace plimsoll::limits
