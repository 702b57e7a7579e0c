// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/user.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/os.h"
#include "base/text.h"
#include "runtime/system_calls.h"

namespace plimsoll::oci {
namespace {

constexpr uint32_t kUnchanged = UINT32_MAX;

// Looked at before it is opened: we are not in the container's device group, and a device that is opened may act (a
// watchdog, a tape).
Result<std::string> read_in_root(int root, const std::string& proc, const char* path) {
  const UniqueFd found(openat2(root, path, O_PATH, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS));
  if (!found && (errno == ENOENT || errno == ENOTDIR)) return std::string();
  if (!found) return fail_errno(std::string("the container's ") + path);
  struct stat information;
  if (::fstat(found.get(), &information) != 0) return fail_errno(path);
  if (!S_ISREG(information.st_mode)) return fail(std::string("the container's ") + path + " is no regular file");
  const std::string same = proc + "/self/fd/" + std::to_string(found.get());
  const UniqueFd fd(::open(same.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) return fail_errno(std::string("the container's ") + path);
  std::string text(std::min(static_cast<size_t>(information.st_size), kLargestUserFile), '\0');
  size_t filled = 0;
  while (filled < text.size()) {
    const ssize_t length = ::read(fd.get(), text.data() + filled, text.size() - filled);
    if (length < 0 && errno != EINTR) return fail_errno(path);
    if (length == 0) break;
    if (length > 0) filled += static_cast<size_t>(length);
  }
  text.resize(filled);
  return text;
}

std::optional<uint32_t> number(std::string_view text) {
  const bool digits =
      !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  const auto value = digits ? parse_u64(text) : std::nullopt;
  if (!value || *value >= kUnchanged) return std::nullopt;
  return static_cast<uint32_t>(*value);
}

bool is_number(std::string_view text) { return !text.empty() && text.find_first_not_of("0123456789") == text.npos; }

// name:password:uid:gid:comment:home:shell
std::optional<Account> parse_account(std::string_view line) {
  Account account;
  if (std::count(line.begin(), line.end(), ':') != 6) return std::nullopt;
  account.name = take(line, ':');
  take(line, ':');
  const auto uid = number(take(line, ':')), gid = number(take(line, ':'));
  take(line, ':');
  account.home = take(line, ':');
  if (account.name.empty() || !uid || !gid || account.home.find('\0') != std::string::npos) return std::nullopt;
  account.uid = *uid;
  account.gid = *gid;
  return account;
}

template <typename Matches>
std::optional<Account> find_line(std::string_view passwd, const Matches& matches) {
  while (!passwd.empty()) {
    auto account = parse_account(take(passwd, '\n'));
    if (account && matches(*account)) return account;
  }
  return std::nullopt;
}

// "+1", "-1" or " 1" was meant to be a number, and whoever writes the container's passwd shall not say whose. No
// account has such a name: "+" is NIS's, and blanks are in none.
bool may_be_name(std::string_view text) {
  return !text.empty() && text[0] != '+' && text[0] != '-' &&
         std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) > ' ' && c != 127; });
}

Result<uint32_t> group_id(std::string_view text, std::string_view group) {
  if (is_number(text)) return parse_id(text);
  if (text.empty()) return fail("no group after the colon: give UID:GID or leave out the colon");
  if (!may_be_name(text)) return fail("group '" + std::string(text) + "': neither a number nor a name");
  const auto known = find_group(group, text);
  if (!known) return fail("group '" + std::string(text) + "' is not in the container's /etc/group");
  return *known;
}

}  // namespace

Result<UserFiles> read_user_files(int root, const std::string& proc) {
  auto passwd = read_in_root(root, proc, "/etc/passwd");
  if (!passwd) return unexpected(passwd.error());
  auto group = read_in_root(root, proc, "/etc/group");
  if (!group) return unexpected(group.error());
  return UserFiles{*std::move(passwd), *std::move(group)};
}

std::optional<Account> find_account(std::string_view passwd, std::string_view name) {
  return find_line(passwd, [name](const Account& account) { return account.name == name; });
}

std::optional<Account> find_account(std::string_view passwd, uint32_t uid) {
  return find_line(passwd, [uid](const Account& account) { return account.uid == uid; });
}

std::optional<uint32_t> find_group(std::string_view group, std::string_view name) {
  while (!group.empty()) {
    std::string_view line = take(group, '\n');
    if (std::count(line.begin(), line.end(), ':') != 3 || take(line, ':') != name) continue;
    take(line, ':');
    if (const auto gid = number(take(line, ':'))) return gid;
  }
  return std::nullopt;
}

bool names_somebody(std::string_view text) {
  const std::string_view user = take(text, ':');
  return !is_number(user) || (!text.empty() && !is_number(text));
}

Result<uint32_t> parse_id(std::string_view text) {
  if (const auto value = number(text)) return *value;
  return fail("'" + std::string(text) + "' is no user or group number: 0 to 4294967294 in digits");
}

Result<spec::User> parse_user(std::string_view text, const UserFiles& files) {
  const std::string whole = "user '" + std::string(text) + "'";
  const size_t colon = text.find(':');
  const std::string_view user = text.substr(0, colon);
  if (user.empty()) return fail(whole + ": no user before the colon: give UID[:GID] or a name");
  spec::User result;
  if (is_number(user)) {
    auto uid = parse_id(user);
    if (!uid) return unexpected(uid.error());
    result.uid = *uid;
    if (const auto account = find_account(files.passwd, *uid)) result.gid = account->gid;
  } else {
    if (!may_be_name(user)) return fail(whole + ": neither a number nor a name");
    const auto account = find_account(files.passwd, user);
    if (!account) return fail(whole + " is not in the container's /etc/passwd");
    result.uid = account->uid;
    result.gid = account->gid;
  }
  if (colon == std::string_view::npos) return result;
  auto gid = group_id(text.substr(colon + 1), files.group);
  if (!gid) return unexpected(gid.error().within(whole));
  result.gid = *gid;
  return result;
}

}  // namespace plimsoll::oci
