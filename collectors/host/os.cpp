// SPDX-License-Identifier: Apache-2.0
// etc/os-release below the host's root: which distribution this is. usr/lib/os-release where the first is
// missing.
//
//   PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
//   ID=debian
//   SUPPORT_END=2028-06-30
//
// Assignments as a shell reads them, last one counts: os-release(5). It changes when the machine is upgraded,
// by a rename as a rule: read again when inode, size or time differ.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <optional>
#include <string>

#include "base/text.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr MetricDesc kInfo = {"node_os_info", "The distribution and its version, as labels of a constant 1.",
                              MetricType::kGauge};
constexpr MetricDesc kVersion = {"node_os_version", "The distribution's version as a number, major.minor.",
                                 MetricType::kGauge};
constexpr MetricDesc kSupportEnd = {"node_os_support_end_timestamp_seconds",
                                    "When support for this version ends, in seconds since 1970.", MetricType::kGauge};

enum Field : uint8_t {
  kBuildId,
  kId,
  kIdLike,
  kImageId,
  kImageVersion,
  kName,
  kPrettyName,
  kVariant,
  kVariantId,
  kVersionText,
  kVersionCodename,
  kVersionId,
  kSupport,
  kFields
};

// In the order of Field; labels as node_exporter calls them.
struct FieldName {
  std::string_view key, label;
};
constexpr FieldName kNames[kFields] = {{"BUILD_ID", "build_id"},
                                       {"ID", "id"},
                                       {"ID_LIKE", "id_like"},
                                       {"IMAGE_ID", "image_id"},
                                       {"IMAGE_VERSION", "image_version"},
                                       {"NAME", "name"},
                                       {"PRETTY_NAME", "pretty_name"},
                                       {"VARIANT", "variant"},
                                       {"VARIANT_ID", "variant_id"},
                                       {"VERSION", "version"},
                                       {"VERSION_CODENAME", "version_codename"},
                                       {"VERSION_ID", "version_id"},
                                       {"SUPPORT_END", ""}};

using OsRelease = std::array<std::string, kFields>;

// `text` begins behind the quotation mark; takes what follows up to its partner, and the partner.
Result<std::string> take_quoted(std::string_view& text, char quote) {
  std::string value;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == quote) {
      text.remove_prefix(i + 1);
      return value;
    }
    const bool escape = quote == '"' && text[i] == '\\' && i + 1 < text.size();
    if (escape && std::string_view("\"\\$`").find(text[i + 1]) != std::string_view::npos) ++i;
    value += text[i];
  }
  return fail("a quotation mark without its partner");
}

Result<std::string> unquote(std::string_view text) {
  std::string value;
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (c == '"' || c == '\'') {
      const auto quoted = take_quoted(text, c);
      if (!quoted) return quoted;
      value += *quoted;
    } else {
      value += c;
    }
  }
  return value;
}

Result<OsRelease> parse_os_release(std::string_view text) {
  if (trim(text).empty()) return fail("empty");
  OsRelease os;
  while (!text.empty()) {
    std::string_view line = trim(take(text, '\n'));
    if (line.empty() || line.front() == '#') continue;
    if (line.find('=') == std::string_view::npos) return fail("a line that assigns nothing");
    const std::string_view key = take(line, '=');
    const auto known = std::find_if(std::begin(kNames), std::end(kNames), [&](const auto& n) { return n.key == key; });
    if (known == std::end(kNames)) continue;
    auto value = unquote(line);
    if (!value) return unexpected(value.error().within(key));
    os[static_cast<size_t>(known - std::begin(kNames))] = std::move(*value);
  }
  return os;
}

// "20.04.2" -> 20.04, "12" -> 12; nothing without a number in front.
std::optional<double> major_minor(std::string_view version) {
  size_t end = std::min(version.find_first_not_of("0123456789"), version.size());
  if (end > 0 && version.substr(end).starts_with('.'))
    end = std::min(version.find_first_not_of("0123456789", end + 1), version.size());
  version = version.substr(0, end);
  if (version.ends_with('.')) version.remove_suffix(1);
  return parse_double(version);
}

// "2028-06-30" -> that day's first second, UTC.
std::optional<double> parse_date(std::string_view text) {
  const auto part = [&](size_t at, size_t length) { return parse_u64(text.substr(at, length)); };
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto year = part(0, 4), month = part(5, 2), day = part(8, 2);
  if (!year || !month || !day) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok()) return std::nullopt;
  return static_cast<double>(std::chrono::sys_days(date).time_since_epoch().count()) * 86400;
}

Result<void> write_os(MetricWriter& writer, const OsRelease& os) {
  LabelSet labels;
  for (size_t i = 0; i < kSupport; ++i) labels.add(kNames[i].label, os[i]);
  writer.family(kInfo);
  writer.sample(writer.labels(labels), 1);
  const auto version = major_minor(os[kVersionId]);
  if (version && *version > 0) {
    writer.family(kVersion);
    writer.sample(writer.labels(LabelSet{{"id", os[kId]}, {"id_like", os[kIdLike]}, {"name", os[kName]}}), *version);
  }
  if (os[kSupport].empty()) return {};
  const auto end = parse_date(os[kSupport]);
  if (!end) return fail("SUPPORT_END: not a date");
  writer.single(kSupportEnd, *end);
  return {};
}

class OsCollector : public Collector {
 public:
  explicit OsCollector(const Setup& setup)
      : paths_{setup.roots.rootfs + "/etc/os-release", setup.roots.rootfs + "/usr/lib/os-release"} {}
  std::string_view name() const override { return "os"; }

  Result<void> collect(MetricWriter& writer) override {
    for (const std::string& path : paths_) {
      struct stat status;
      if (::stat(path.c_str(), &status) != 0) {
        if (errno == ENOENT || errno == ENOTDIR) continue;
        return fail_errno(path);
      }
      if (auto known = refresh(path, status); !known) return known;
      auto written = write_os(writer, os_);
      return written ? written : unexpected(written.error().within(path));
    }
    return not_present(paths_[0]);
  }

 private:
  Result<void> refresh(const std::string& path, const struct stat& now) {
    const bool same = path == read_path_ && now.st_ino == read_.st_ino && now.st_dev == read_.st_dev &&
                      now.st_size == read_.st_size && now.st_mtim.tv_sec == read_.st_mtim.tv_sec &&
                      now.st_mtim.tv_nsec == read_.st_mtim.tv_nsec;
    if (same) return {};
    KeptFile file(path);
    auto os = read_and_parse(file, parse_os_release);
    if (!os) return unexpected(os.error());
    os_ = std::move(*os);
    read_path_ = path;
    read_ = now;
    return {};
  }

  std::array<std::string, 2> paths_;
  std::string read_path_;  // which one os_ is from, "" at first
  struct stat read_ = {};  // and as what
  OsRelease os_;
};

}  // namespace

const Entry kOsCollector = {"os", "Distribution and its version: etc/os-release", Default::kOn, make<OsCollector>};

}  // namespace plimsoll::collectors::host
