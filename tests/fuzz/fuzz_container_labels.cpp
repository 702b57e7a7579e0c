// SPDX-License-Identifier: Apache-2.0
// collectors/container/labels.h: names, labels and variables that whoever starts a container may choose.
#include <algorithm>
#include <set>
#include <string>

#include "base/text.h"
#include "collectors/container/labels.h"
#include "tests/fuzz/require.h"

namespace plimsoll::fuzz {
namespace {

using collectors::container::ContainerLabels;
using collectors::container::LabelPolicy;

constexpr size_t kMaxBytes = 400;

// The input's lines: NAME=VALUE is a label, NAME:VALUE a variable, the first line is path and name.
engine::Identity identity_from(std::string_view text, std::string& path) {
  engine::Identity identity;
  path = take(text, '\n');
  identity.engine = "docker";
  identity.id = identity.name = identity.pod = path;
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    auto& pairs = line.find('=') != line.npos ? identity.labels : identity.env;
    const std::string name(take(line, line.find('=') != line.npos ? '=' : ':'));
    pairs.emplace(name, line);
  }
  return identity;
}

// Takes name="value" and a comma off the front of `rest`.
std::string take_name(std::string_view& rest) {
  const std::string name(take(rest, '='));
  const auto fine = [](unsigned char c) { return c < 128 && (std::isalnum(c) || c == '_'); };
  require(!name.empty() && std::all_of(name.begin(), name.end(), fine), "a name is a label's name");
  require(rest.starts_with('"'), "a value is quoted");
  rest.remove_prefix(1);
  while (!rest.empty() && rest[0] != '"') {
    const size_t length = rest[0] == '\\' ? 2 : utf8_length(rest);
    require(length > 0 && length <= rest.size() && rest[0] != '\n', "a value is UTF-8 on one line");
    rest.remove_prefix(length);
  }
  require(rest.starts_with('"'), "a value ends");
  rest.remove_prefix(1);
  require(rest.empty() || (rest.starts_with(',') && rest.size() > 1), "labels are separated by commas");
  if (!rest.empty()) rest.remove_prefix(1);
  return name;
}

std::set<std::string> names_of(const LabelSet& set) {
  std::set<std::string> names;
  std::string_view rest = set.rendered();
  while (!rest.empty()) require(names.insert(take_name(rest)).second, "no label is there twice");
  return names;
}

void labels(std::string_view text, const LabelPolicy& policy) {
  std::string path;
  const engine::Identity identity = identity_from(text, path);
  const std::string id = collectors::container::group_id(path);
  const ContainerLabels rendered = collectors::container::render_labels(id, identity, policy);
  const auto series = names_of(rendered.series), info = names_of(rendered.info);
  require(series.contains("id") || path.empty(), "every series says which group it is of");
  size_t given = 0;
  for (const std::string& name : info)
    given += name.starts_with("container_label_") || name.starts_with("container_env_");
  require(given + rendered.dropped >= identity.labels.size() + identity.env.size(), "what is left out is counted");
  if (!policy.store_labels) return;
  for (const std::string& name : series)
    require(info.contains(name) || rendered.dropped > 0, "info has what series have");
}

void ids(std::string_view path) {
  const std::string id = collectors::container::group_id(path);
  require(id.size() <= collectors::container::kMaxIdBytes, "an id is bounded");
  for (std::string_view rest = id; !rest.empty();) {
    const size_t length = rest[0] == '\0' ? 1 : utf8_length(rest);
    require(length > 0, "an id is UTF-8");
    rest.remove_prefix(length);
  }
  require(collectors::container::group_id(id) == id, "an id stays as it is");
}

}  // namespace
}  // namespace plimsoll::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using plimsoll::fuzz::kMaxBytes;
  const std::string_view text = plimsoll::fuzz::as_text(data, size);
  plimsoll::fuzz::labels(text, {});
  plimsoll::fuzz::labels(text, {.store_labels = true, .max_bytes = kMaxBytes});
  plimsoll::fuzz::labels(text, {.whitelisted = {" a.b ", "c"}, .max_bytes = kMaxBytes});
  plimsoll::fuzz::ids(text);
  return 0;
}
