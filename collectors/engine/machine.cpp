// SPDX-License-Identifier: Apache-2.0
// Whole systems in containers: LXC, LXD, Incus and Proxmox; systemd-nspawn. The name of the group is all there is to
// know about them, and all that is needed.
//
//   /lxc.payload.NAME   since LXC 4;  /lxc.payload/NAME, /lxc/NAME before, and Proxmox
//   /machine.slice/machine-NAME.scope              systemd-nspawn(1) by hand; NAME escaped as in systemd.unit(5)
//   /machine.slice/systemd-nspawn@NAME.service     machinectl(1) start
//
// Only these groups, not what is below: inside, the container's own root makes groups as it likes. machined has
// libvirt's virtual machines in the same slice, as machine-qemu\x2d1\x2dNAME.scope. lxc.container.conf(5).
#include <algorithm>

#include "collectors/engine/source.h"

namespace plimsoll::engine {
namespace {

constexpr size_t kMaxName = 255;

// `text` without `before` and `after`, "" when it has not both, or is more than one part of a path.
std::string_view between(std::string_view text, std::string_view before, std::string_view after) {
  if (!text.starts_with(before) || !text.ends_with(after) || text.size() <= before.size() + after.size()) return {};
  text.remove_prefix(before.size());
  text.remove_suffix(after.size());
  return text.find('/') == std::string_view::npos ? text : std::string_view();
}

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// "my\x2dbox" is "my-box". nullopt for a malformed escape, a NUL or a slash.
std::optional<std::string> unescape(std::string_view text) {
  std::string name;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      name += text[i];
      continue;
    }
    if (text.size() - i < 4 || text[i + 1] != 'x') return std::nullopt;
    const int high = digit_of(text[i + 2]), low = digit_of(text[i + 3]);
    const int value = high * 16 + low;
    if (high < 0 || low < 0 || value == 0 || value == '/') return std::nullopt;
    name += static_cast<char>(value);
    i += 3;
  }
  return name;
}

// "qemu-1-guest", "lxc-4-guest": libvirt's.
bool is_libvirts(std::string_view name) {
  for (const std::string_view driver : {"qemu-", "lxc-", "xen-", "ch-", "bhyve-"}) {
    if (!name.starts_with(driver)) continue;
    const std::string_view rest = name.substr(driver.size());
    const size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
    if (digits > 0 && digits < rest.size() && rest[digits] == '-') return true;
  }
  return false;
}

std::string lxc_name(std::string_view path) {
  for (const std::string_view before : {"/lxc.payload.", "/lxc.payload/", "/lxc/"}) {
    if (const auto name = between(path, before, ""); !name.empty()) return std::string(name);
  }
  return "";
}

std::string nspawn_name(std::string_view path) {
  std::string_view escaped = between(path, "/machine.slice/machine-", ".scope");
  if (escaped.empty()) escaped = between(path, "/machine.slice/systemd-nspawn@", ".service");
  const auto name = unescape(escaped);
  return name && !is_libvirts(*name) ? *name : "";
}

class MachineSource final : public Source {
 public:
  std::optional<Identity> identify(const Candidate& candidate) override {
    Identity identity;
    identity.engine = "lxc";
    identity.name = lxc_name(candidate.path);
    if (identity.name.empty()) {
      identity.engine = "nspawn";
      identity.name = nspawn_name(candidate.path);
    }
    if (identity.name.empty() || identity.name.size() > kMaxName) return std::nullopt;
    identity.id = identity.name;
    return identity;
  }
  void refresh(Identity&) override {}
};

}  // namespace

std::unique_ptr<Source> make_machine_source(const SourceOptions&) { return std::make_unique<MachineSource>(); }

}  // namespace plimsoll::engine
