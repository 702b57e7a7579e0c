// SPDX-License-Identifier: Apache-2.0
#include "runtime/spec/mount_options.h"

#include <linux/mount.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.h"
#include "runtime/spec/json.h"
#include "runtime/spec/names.h"

namespace plimsoll::spec {
namespace {

enum class Effect {
  kIgnored,      // changes nothing, or only what the kernel no longer has
  kSet,          // a bit of the mount
  kClear,        //
  kAccess,       // how access times are kept: MOUNT_ATTR__ATIME is a field, not bits
  kNotAccess,    // the kernel's default, relatime, instead of this way
  kFlag,         // a flag of the file system
  kNotFlag,      // takes the flag `text` back
  kPropagation,  // MS_*
  kSwitch,       // a member of MountOptions
};

struct Option {
  std::string_view name;
  Effect effect = Effect::kIgnored;
  uint64_t bits = 0;
  bool recursive = false;
  bool MountOptions::*member = nullptr;
  std::string_view text = {};
};

using enum Effect;

constexpr Option attribute(std::string_view name, Effect effect, uint64_t bits) { return {name, effect, bits}; }
constexpr Option recursive(std::string_view name, Effect effect, uint64_t bits) { return {name, effect, bits, true}; }
constexpr Option member(std::string_view name, bool MountOptions::*which) { return {name, kSwitch, 0, false, which}; }
constexpr Option propagation(std::string_view name, uint64_t bits, bool all) { return {name, kPropagation, bits, all}; }

// Sorted by name. The kernel has no fsconfig() flag for "iversion" and "silent"; file systems that keep a version of
// their inodes do so by themselves.
constexpr Option kOptions[] = {
    {"async", kNotFlag, 0, false, nullptr, "sync"},
    attribute("atime", kNotAccess, MOUNT_ATTR_NOATIME),
    member("bind", &MountOptions::bind),
    member("copy-symlink", &MountOptions::copy_symlink),
    {"defaults"},
    member("dest-nofollow", &MountOptions::destination_no_follow),
    attribute("dev", kClear, MOUNT_ATTR_NODEV),
    attribute("diratime", kClear, MOUNT_ATTR_NODIRATIME),
    {"dirsync", kFlag},
    attribute("exec", kClear, MOUNT_ATTR_NOEXEC),
    member("idmap", &MountOptions::idmap),
    {"iversion"},
    {"lazytime", kFlag},
    {"loud"},
    {"mand", kFlag},
    attribute("noatime", kAccess, MOUNT_ATTR_NOATIME),
    attribute("nodev", kSet, MOUNT_ATTR_NODEV),
    attribute("nodiratime", kSet, MOUNT_ATTR_NODIRATIME),
    attribute("noexec", kSet, MOUNT_ATTR_NOEXEC),
    {"noiversion"},
    {"nolazytime", kNotFlag, 0, false, nullptr, "lazytime"},
    {"nomand", kNotFlag, 0, false, nullptr, "mand"},
    {"norelatime"},
    attribute("nostrictatime", kNotAccess, MOUNT_ATTR_STRICTATIME),
    attribute("nosuid", kSet, MOUNT_ATTR_NOSUID),
    attribute("nosymfollow", kSet, MOUNT_ATTR_NOSYMFOLLOW),
    propagation("private", MS_PRIVATE, false),
    recursive("ratime", kNotAccess, MOUNT_ATTR_NOATIME),
    member("rbind", &MountOptions::recursive_bind),
    recursive("rdev", kClear, MOUNT_ATTR_NODEV),
    recursive("rdiratime", kClear, MOUNT_ATTR_NODIRATIME),
    attribute("relatime", kAccess, MOUNT_ATTR_RELATIME),
    member("remount", &MountOptions::remount),
    recursive("rexec", kClear, MOUNT_ATTR_NOEXEC),
    member("ridmap", &MountOptions::recursive_idmap),
    recursive("rnoatime", kAccess, MOUNT_ATTR_NOATIME),
    recursive("rnodev", kSet, MOUNT_ATTR_NODEV),
    recursive("rnodiratime", kSet, MOUNT_ATTR_NODIRATIME),
    recursive("rnoexec", kSet, MOUNT_ATTR_NOEXEC),
    {"rnorelatime"},
    recursive("rnostrictatime", kNotAccess, MOUNT_ATTR_STRICTATIME),
    recursive("rnosuid", kSet, MOUNT_ATTR_NOSUID),
    recursive("rnosymfollow", kSet, MOUNT_ATTR_NOSYMFOLLOW),
    attribute("ro", kSet, MOUNT_ATTR_RDONLY),
    propagation("rprivate", MS_PRIVATE, true),
    recursive("rrelatime", kAccess, MOUNT_ATTR_RELATIME),
    recursive("rro", kSet, MOUNT_ATTR_RDONLY),
    recursive("rrw", kClear, MOUNT_ATTR_RDONLY),
    propagation("rshared", MS_SHARED, true),
    propagation("rslave", MS_SLAVE, true),
    recursive("rstrictatime", kAccess, MOUNT_ATTR_STRICTATIME),
    recursive("rsuid", kClear, MOUNT_ATTR_NOSUID),
    recursive("rsymfollow", kClear, MOUNT_ATTR_NOSYMFOLLOW),
    propagation("runbindable", MS_UNBINDABLE, true),
    attribute("rw", kClear, MOUNT_ATTR_RDONLY),
    propagation("shared", MS_SHARED, false),
    {"silent"},
    propagation("slave", MS_SLAVE, false),
    member("src-nofollow", &MountOptions::source_no_follow),
    attribute("strictatime", kAccess, MOUNT_ATTR_STRICTATIME),
    attribute("suid", kClear, MOUNT_ATTR_NOSUID),
    attribute("symfollow", kClear, MOUNT_ATTR_NOSYMFOLLOW),
    {"sync", kFlag},
    member("tmpcopyup", &MountOptions::copy_up),
    propagation("unbindable", MS_UNBINDABLE, false),
};
static_assert(std::is_sorted(std::begin(kOptions), std::end(kOptions),
                             [](const Option& one, const Option& other) { return one.name < other.name; }));

// Of mount(8) and fstab(5) alone: never for a file system.
constexpr std::array<std::string_view, 6> kOfTheMountCommand = {"_netdev", "auto",    "noauto",
                                                                "nofail",  "nogroup", "nouser"};

const Option* find_option(std::string_view name) {
  const auto found = std::lower_bound(std::begin(kOptions), std::end(kOptions), name,
                                      [](const Option& one, std::string_view text) { return one.name < text; });
  return found != std::end(kOptions) && found->name == name ? &*found : nullptr;
}

bool is_of_the_mount_command(std::string_view option) {
  return option.starts_with("x-") || option.starts_with("X-") || option.starts_with("comment=") ||
         std::find(kOfTheMountCommand.begin(), kOfTheMountCommand.end(), option) != kOfTheMountCommand.end();
}

// Takes the next option off. A comma within quotes ("context=") or behind a backslash (overlayfs) is part of it.
std::string_view take_option(std::string_view& rest) {
  bool in_quotes = false;
  for (size_t at = 0; at < rest.size(); ++at) {
    const bool escaped = at > 0 && rest[at - 1] == '\\';
    if (rest[at] == '"' && !escaped) in_quotes = !in_quotes;
    if (rest[at] != ',' || in_quotes || escaped) continue;
    const std::string_view option = rest.substr(0, at);
    rest.remove_prefix(at + 1);
    return option;
  }
  return std::exchange(rest, {});
}

// Whether access times were asked for in another way than `way`.
bool keeps_access(uint64_t set, uint64_t clear, uint64_t way) {
  return (clear & MOUNT_ATTR__ATIME) != 0 && (set & MOUNT_ATTR__ATIME) != way;
}

void apply_attribute(const Option& option, uint64_t& set, uint64_t& clear) {
  uint64_t to_set = option.effect == kClear ? 0 : option.bits, to_clear = option.effect == kClear ? option.bits : 0;
  if (option.effect == kAccess) to_clear = MOUNT_ATTR__ATIME;
  if (option.effect == kNotAccess) {
    if (keeps_access(set, clear, option.bits)) return;
    to_set = MOUNT_ATTR_RELATIME;
    to_clear = MOUNT_ATTR__ATIME;
  }
  set = (set & ~to_clear) | to_set;
  clear = (clear & ~(option.effect == kSet ? to_set : 0)) | to_clear;
}

void drop_flag(std::string_view flag, MountOptions& options) {
  std::erase_if(options.data, [flag](const auto& one) { return one.first == flag && one.second.empty(); });
}

void apply(const Option& option, MountOptions& options) {
  switch (option.effect) {
    case kIgnored:
      return;
    case kFlag:
      drop_flag(option.name, options);
      options.data.emplace_back(option.name, "");
      return;
    case kNotFlag:
      return drop_flag(option.text, options);
    case kPropagation:
      options.propagation = option.bits;
      options.recursive_propagation = option.recursive;
      return;
    case kSwitch:
      options.*option.member = true;
      return;
    default:
      if (option.recursive) return apply_attribute(option, options.recursive_set, options.recursive_clear);
      return apply_attribute(option, options.set, options.clear);
  }
}

// "KEY" or "KEY=VALUE". mount(2) takes the quotes of a security context away, fsconfig(2) does not.
void add_data(std::string_view option, MountOptions& options) {
  const size_t equals = std::min(option.find('='), option.size());
  const std::string_view key = option.substr(0, equals);
  std::string_view value = equals < option.size() ? option.substr(equals + 1) : std::string_view();
  const bool in_quotes = value.size() >= 2 && value.front() == '"' && value.back() == '"';
  if (key.ends_with("context") && in_quotes) value = value.substr(1, value.size() - 2);
  options.data.emplace_back(key, value);
}

std::optional<OptionMapping> parse_range(std::string_view range) {
  OptionMapping mapping;
  mapping.relative = range.starts_with('@');
  if (mapping.relative) range.remove_prefix(1);
  for (uint32_t* const number : {&mapping.ids.container_id, &mapping.ids.host_id, &mapping.ids.size}) {
    const auto parsed = parse_u64(take(range, '-'));
    if (!parsed || *parsed > UINT32_MAX) return std::nullopt;
    *number = static_cast<uint32_t>(*parsed);
  }
  return range.empty() && mapping.ids.size > 0 ? std::optional(mapping) : std::nullopt;
}

bool add_ranges(std::string_view part, MountOptions& options) {
  const std::string_view kind = take(part, '=');
  if (kind != "uids" && kind != "gids") return false;
  while (!part.empty()) {
    const auto mapping = parse_range(take(part, '#'));
    if (!mapping) return false;
    (kind == "uids" ? options.uid_ranges : options.gid_ranges).push_back(*mapping);
  }
  return true;
}

// crun's and podman's way to give a mapping.
Result<void> add_idmap(std::string_view option, MountOptions& options) {
  std::string_view rest = option;
  const bool recursive = take(rest, '=') == "ridmap";
  bool good = true;
  while (good && !rest.empty()) good = add_ranges(take(rest, ';'), options);
  if (!good || options.uid_ranges.empty() || options.gid_ranges.empty()) {
    return fail("mount option " + json::quote(option) + ": must be as in 'idmap=uids=0-1000-1;gids=0-1000-1'");
  }
  options.idmap = true;
  options.recursive_idmap = options.recursive_idmap || recursive;
  return {};
}

Result<void> add(std::string_view option, MountOptions& options) {
  if (option.empty() || is_of_the_mount_command(option)) return {};
  if (const Option* const known = find_option(option)) {
    apply(*known, options);
    return {};
  }
  if (option.starts_with("idmap=") || option.starts_with("ridmap=")) return add_idmap(option, options);
  add_data(option, options);
  return {};
}

// A bind mount shares the file system of its source, and takes no flags that are the file system's.
void settle_bind(MountOptions& options) {
  options.bind = options.bind || options.recursive_bind;
  if (!options.bind) return;
  for (const Option& option : kOptions)
    if (option.effect == kFlag) drop_flag(option.name, options);
}

}  // namespace

Result<MountOptions> parse_mount_options(const Mount& mount) {
  MountOptions options;
  for (const std::string& text : mount.options) {
    std::string_view rest = text;
    while (!rest.empty())
      if (auto good = add(take_option(rest), options); !good) return unexpected(good.error().within(mount.destination));
  }
  options.idmap = options.idmap || options.recursive_idmap || !mount.uid_mappings.empty();
  settle_bind(options);
  return options;
}

std::vector<std::string_view> known_mount_options() {
  std::vector<std::string_view> names;
  for (const Option& option : kOptions) names.push_back(option.name);
  return names;
}

}  // namespace plimsoll::spec
