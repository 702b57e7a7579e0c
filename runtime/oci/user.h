// SPDX-License-Identifier: Apache-2.0
// Who `exec --user` means: numbers, or names that the container's own /etc/passwd and /etc/group know.
//
// Both files belong to the container, which may be hostile: they are opened below its root without leaving it, must be
// regular, are read up to a limit, and lines that are not well formed are passed over. Never through NSS, which would
// load the container's or the host's libraries. passwd(5), group(5), openat2(2)
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/os.h"
#include "base/result.h"
#include "runtime/spec/spec.h"

namespace plimsoll::oci {

// At most this much of either file is looked at (bytes).
inline constexpr size_t kLargestUserFile = 4 * 1024 * 1024;

struct Account {
  std::string name, home;
  uint32_t uid = 0, gid = 0;
};

// A missing file is an empty one.
struct UserFiles {
  std::string passwd, group;
};
// `root` is a descriptor of the container's root directory; `proc` is where procfs is mounted.
Result<UserFiles> read_user_files(int root, const std::string& proc = HostRoots{}.proc);

std::optional<Account> find_account(std::string_view passwd, std::string_view name);
std::optional<Account> find_account(std::string_view passwd, uint32_t uid);
std::optional<uint32_t> find_group(std::string_view group, std::string_view name);

// "1000", "1000:1000", "name", "name:group" and mixtures. A number is a number even where a user has it as name;
// nothing but digits is one: no sign, no blanks, not 4294967295, which the kernel takes for "unchanged".
// Without a group: the account's, or 0 for a number that has none, as runc has it.
Result<spec::User> parse_user(std::string_view text, const UserFiles& files);
// Whether parse_user() needs the files.
bool names_somebody(std::string_view text);

Result<uint32_t> parse_id(std::string_view text);

}  // namespace plimsoll::oci
