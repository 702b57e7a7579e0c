// SPDX-License-Identifier: Apache-2.0
// exporter/remote_write/config.h and url.h: whatever stands in the file, what is accepted keeps its promises.
#include <algorithm>

#include "base/yaml.h"
#include "exporter/remote_write/config.h"
#include "tests/fuzz/require.h"

namespace plimsoll::fuzz {
namespace {

using exporter::RemoteWriteConfig;

bool one_line(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < ' '; });
}

void check(const RemoteWriteConfig& config) {
  require(exporter::parse_url(config.url).has_value(), "an accepted address is one");
  require(!config.name.empty() && config.name.find('/') == std::string::npos && config.name[0] != '.',
          "a name is that of a directory below ours");
  require(config.interval >= std::chrono::seconds(1), "collections do not follow each other without a pause");
  require(config.min_backoff.count() > 0 && config.min_backoff <= config.max_backoff, "back-off is a range");
  require(config.max_samples_per_send > 0, "a batch has samples");
  require(config.queue_directory.empty() || config.queue_directory[0] == '/', "directories are absolute");
  for (const auto& [name, value] : config.headers)
    require(one_line(name) && one_line(value), "headers are of one line");
  require(one_line(config.password.text) && one_line(config.credentials.text) && one_line(config.username),
          "secrets are of one line");
  require(std::is_sorted(config.external_labels.begin(), config.external_labels.end()), "labels are sorted");
}

void addresses(std::string_view text) {
  const auto url = exporter::parse_url(text);
  if (!url) return;
  require(one_line(url->text()) && url->target.starts_with('/') && !url->host.empty(), "an address is complete");
  const auto again = exporter::parse_url(url->text());
  require(again && again->text() == url->text(), "an address written out is read as the same");
}

}  // namespace
}  // namespace plimsoll::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = plimsoll::fuzz::as_text(data, size);
  plimsoll::fuzz::addresses(text);
  const auto root = plimsoll::yaml::parse(text);
  if (!root) return 0;
  const auto configs = plimsoll::exporter::parse_remote_write(root->items);
  if (!configs) {
    plimsoll::fuzz::require(configs.error().message().find('\n') == std::string::npos || text.find("\\n") != text.npos,
                            "an error is one line");
    return 0;
  }
  for (const auto& config : *configs) plimsoll::fuzz::check(config);
  return 0;
}
