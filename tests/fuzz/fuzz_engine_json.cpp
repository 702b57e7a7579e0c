// SPDX-License-Identifier: Apache-2.0
// collectors/engine/oci_spec.h and podman_record.h: what engines write about containers.
#include "collectors/engine/oci_spec.h"
#include "collectors/engine/podman_record.h"
#include "tests/fuzz/require.h"

namespace plimsoll::fuzz {
namespace {

using engine::Identity;

void check(const Identity& identity) {
  require(identity.name.size() <= engine::kMaxLabelBytes && identity.image.size() <= engine::kMaxLabelBytes,
          "names are bounded");
  require(identity.labels.size() <= engine::kMaxLabels, "labels are bounded");
  require(identity.started_ns >= 0 && identity.created_ns >= 0, "times are after 1970");
}

void check_group(std::string_view path) {
  const std::string group = engine::cgroup_of(path, "id");
  require(group.empty() || group[0] == '/', "a group is an absolute path");
  require((group + "/").find("/../") == std::string::npos, "no group leads upwards");
}

}  // namespace
}  // namespace plimsoll::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plimsoll;
  const std::string_view text = fuzz::as_text(data, size);
  fuzz::check_group(text);
  if (const auto spec = engine::parse_oci_spec(text)) fuzz::check_group(spec->cgroups_path);
  engine::Identity identity;
  if (engine::take_podman_record({std::string(text), std::string(text), "pod"}, "1", {"*"}, identity))
    fuzz::check(identity);
  if (engine::take_podman_state(text, identity)) fuzz::check(identity);
  if (engine::take_storage_entry(text, "1", identity)) fuzz::check(identity);
  (void)engine::parse_podman_health(text);
  return 0;
}
