// SPDX-License-Identifier: Apache-2.0
// default_config.json as part of the program, and what is made of it.
#include <nlohmann/json.hpp>

#include "runtime/spec/read.h"

namespace plimsoll::spec {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kDefaultConfig =
#include "default_config.inc"
    ;

// Without privileges there are no groups but one, and sysfs can only be mounted with a network namespace of one's own.
void adapt_mount(Json& mount) {
  if (mount["destination"] == "/sys") {
    mount["type"] = "none";
    mount["source"] = "/sys";
    mount["options"].insert(mount["options"].begin(), "rbind");
  }
  Json& options = mount["options"];
  for (size_t at = 0; at < options.size(); ++at)
    if (options[at].get_ref<const std::string&>().starts_with("gid=")) options.erase(at--);
}

}  // namespace

std::string_view default_config() { return kDefaultConfig; }

std::string rootless_config(uint32_t uid, uint32_t gid) {
  Json config = Json::parse(kDefaultConfig, nullptr, false);
  for (Json& mount : config["mounts"]) adapt_mount(mount);
  Json& system = config["linux"];
  system.erase("resources");
  Json& namespaces = system["namespaces"];
  for (size_t at = 0; at < namespaces.size(); ++at)
    if (namespaces[at]["type"] == "network") namespaces.erase(at--);
  namespaces.push_back({{"type", "user"}});
  const auto map = [](uint32_t id) { return Json::array({{{"containerID", 0}, {"hostID", id}, {"size", 1}}}); };
  system["uidMappings"] = map(uid);
  system["gidMappings"] = map(gid);
  return config.dump(2) + "\n";
}

}  // namespace plimsoll::spec
