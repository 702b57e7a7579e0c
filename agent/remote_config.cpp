// SPDX-License-Identifier: Apache-2.0
#include "agent/remote_config.h"

#include "base/os.h"
#include "base/yaml.h"

namespace plimsoll::agent {

Result<std::vector<exporter::RemoteWriteConfig>> read_remote_write(const std::string& path) {
  if (path.empty()) return std::vector<exporter::RemoteWriteConfig>();
  const auto text = read_file(path);
  if (!text) return unexpected(text.error());
  const auto root = yaml::parse(*text);
  if (!root) return unexpected(root.error().within(path));
  const yaml::Node* section = root->find("remote_write");
  if (section == nullptr) return std::vector<exporter::RemoteWriteConfig>();
  auto configs = exporter::parse_remote_write(*section);
  if (!configs) return unexpected(configs.error().within(path));
  return configs;
}

}  // namespace plimsoll::agent
