// SPDX-License-Identifier: Apache-2.0
// Whether SELinux is on, and in which mode: now (selinuxfs: sys/fs/selinux/enforce, "0" or "1" without a line
// end) and from the next boot on (etc/selinux/config below the host's root):
//
//   # what enforcing means ...
//   SELINUX=enforcing
//   SELINUXTYPE=targeted
//
// selinux(8), selinux_config(5). Without the file system, or while no policy is loaded (everything has the
// label "kernel" then), it is off and has no mode.
#include <fcntl.h>

#include <string>

#include "base/text.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr MetricDesc kEnabled = {"node_selinux_enabled", "1 when SELinux is on, 0 when it is not.", MetricType::kGauge};
constexpr MetricDesc kConfigured = {"node_selinux_config_mode",
                                    "Mode SELinux is configured to start in: 1 enforcing, 0 permissive, -1 neither.",
                                    MetricType::kGauge};
constexpr MetricDesc kCurrent = {"node_selinux_current_mode", "Mode SELinux is in: 1 enforcing, 0 permissive.",
                                 MetricType::kGauge};

Result<bool> parse_enforce(std::string_view text) {
  text = trim(text);
  if (text != "0" && text != "1") return fail("neither 0 nor 1");
  return text == "1";
}

// The first assignment counts.
double configured_mode(std::string_view text) {
  while (!text.empty()) {
    std::string_view line = trim(take(text, '\n'));
    if (!line.starts_with("SELINUX=")) continue;
    take(line, '=');
    if (line.starts_with('"')) line.remove_prefix(1);
    if (line.ends_with('"')) line.remove_suffix(1);
    if (line == "enforcing") return 1;
    return line == "permissive" ? 0 : -1;
  }
  return -1;
}

class SelinuxCollector : public Collector {
 public:
  explicit SelinuxCollector(const Setup& setup)
      : enforce_(setup.roots.sys + "/fs/selinux/enforce", 512),
        label_(setup.roots.proc + "/self/attr/current"),
        config_(setup.roots.rootfs + "/etc/selinux/config") {}
  std::string_view name() const override { return "selinux"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto enforcing = read_and_parse(enforce_, parse_enforce);
    const int code = enforcing ? 0 : enforcing.error().code;
    if (code == ENOENT || code == ENOTDIR || (enforcing && !policy_is_loaded())) {
      writer.single(kEnabled, false);
      return {};
    }
    if (!enforcing) return unexpected(enforcing.error());
    writer.single(kEnabled, true);
    writer.single(kCurrent, *enforcing);
    return write_configured(writer);
  }

 private:
  // The kernel ends a label with a NUL.
  bool policy_is_loaded() {
    const auto label = buffer_.read_at(AT_FDCWD, label_.c_str());
    return !label || label->substr(0, label->find('\0')) != "kernel";
  }

  // Opened each time: editors replace the file. No file is no mode configured.
  Result<void> write_configured(MetricWriter& writer) {
    const auto text = buffer_.read_at(AT_FDCWD, config_.c_str());
    if (!text && text.error().code != ENOENT) return unexpected(text.error());
    writer.single(kConfigured, text ? configured_mode(*text) : -1);
    return {};
  }

  KeptFile enforce_;
  std::string label_;
  std::string config_;
  ReadBuffer buffer_{4096};
};

}  // namespace

const Entry kSelinuxCollector = {"selinux", "SELinux mode: sys fs/selinux, etc/selinux/config", Default::kOn,
                                 make<SelinuxCollector>};

}  // namespace plimsoll::collectors::host
