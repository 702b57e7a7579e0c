// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/labels.h"

#include <algorithm>
#include <cstdio>
#include <set>

#include "base/text.h"

namespace plimsoll::collectors::container {
namespace {

// One of the two label sets while it is made.
class Bounded {
 public:
  using Shows = std::function<bool(std::string_view name)>;
  Bounded(LabelSet& set, size_t max_bytes, Shows shows) : set_(set), max_bytes_(max_bytes), shows_(std::move(shows)) {}

  bool shows(std::string_view name) const { return !shows_ || shows_(name); }

  // Of the container itself: always there unless empty.
  void own(std::string_view name, std::string_view value, size_t limit = engine::kMaxLabelBytes) {
    if (!value.empty() && shows(name)) set_.add(name, value.substr(0, limit));
  }
  // False when the name is taken or there is no room.
  bool add(const std::string& name, std::string_view value) {
    if (!shows(name)) return true;  // left out as was asked for
    if (!names_.insert(name).second) return false;
    const size_t used = set_.rendered().size();
    // Escaping only lengthens: what is too long already need not be rendered to see it.
    if (used + name.size() + value.size() + kPunctuation > max_bytes_) return false;
    const LabelSet pair = {{name, value}};
    if (used + pair.rendered().size() + 1 > max_bytes_) return false;
    set_.add(name, value);
    return true;
  }

 private:
  static constexpr size_t kPunctuation = 4;  // ="",

  LabelSet& set_;
  size_t max_bytes_;
  Shows shows_;
  std::set<std::string> names_;
};

bool is_whitelisted(const LabelPolicy& policy, std::string_view name) {
  return std::any_of(policy.whitelisted.begin(), policy.whitelisted.end(),
                     [&](const std::string& wanted) { return trim(wanted) == name; });
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  }
  return lower;
}

void add_own(Bounded& labels, std::string_view id, const engine::Identity& identity) {
  labels.own("id", id, kMaxIdBytes);
  labels.own("image", identity.image);
  labels.own("name", identity.name);
  labels.own("container", identity.container);
  labels.own("namespace", identity.pod_namespace);
  labels.own("pod", identity.pod);
}

// Which labels the rules leave, on series or in container_info; an empty function for all.
Bounded::Shows shown_on(const LabelPolicy& policy, std::string_view id, bool series) {
  const bool ruled = policy.deny || (series && policy.allow);
  if (!ruled || id.empty()) return {};
  return [&policy, series](std::string_view name) {
    if (name == "id") return true;
    if (policy.deny && policy.deny(name)) return false;
    return !series || !policy.allow || policy.allow(name);
  };
}

uint64_t hash_of(std::string_view text) {
  uint64_t hash = 14695981039346656037u;  // FNV-1a: the same in every process and build
  for (unsigned char c : text) hash = (hash ^ c) * 1099511628211u;
  return hash;
}

// U+FFFD and two digits. U+FFFD itself is doubled, so that no two paths become the same.
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

void append_byte(std::string& out, unsigned char byte) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  out += kReplacement;
  out += kDigits[byte >> 4];
  out += kDigits[byte & 15];
}

}  // namespace

ContainerLabels render_labels(std::string_view id, const engine::Identity& identity, const LabelPolicy& policy) {
  ContainerLabels labels;
  Bounded series(labels.series, policy.max_bytes, shown_on(policy, id, true));
  Bounded info(labels.info, policy.max_bytes, shown_on(policy, id, false));
  add_own(series, id, identity);
  add_own(info, id, identity);
  info.own("engine", identity.engine);
  info.own("container_id", identity.id);
  info.own("pod_uid", identity.pod_uid);
  const auto add = [&](const std::string& name, std::string_view value, bool on_series) {
    const bool added = info.add(name, value);
    if (!(on_series ? series.add(name, value) && added : added)) ++labels.dropped;
  };
  for (const auto& [name, value] : identity.labels)
    add("container_label_" + label_name_from(name), value, policy.store_labels || is_whitelisted(policy, name));
  for (const auto& [name, value] : identity.env) add("container_env_" + label_name_from(lower_case(name)), value, true);
  return labels;
}

std::string group_id(std::string_view path) {
  const std::string_view whole = path;
  std::string id;
  while (!path.empty()) {
    const size_t length = path[0] == '\0' ? 1 : utf8_length(path);
    if (length == 0)
      append_byte(id, static_cast<unsigned char>(path[0]));
    else
      id += path.substr(0, length);
    if (path.starts_with(kReplacement)) id += kReplacement;
    path.remove_prefix(std::max<size_t>(length, 1));
  }
  if (id.size() <= kMaxIdBytes) return id;
  char hash[20];
  std::snprintf(hash, sizeof(hash), "~%016llx", static_cast<unsigned long long>(hash_of(whole)));
  size_t end = kMaxIdBytes - std::string_view(hash).size();
  while ((static_cast<unsigned char>(id[end]) & 0xC0) == 0x80) --end;  // `id` is UTF-8 by now
  return id.substr(0, end) + hash;
}

}  // namespace plimsoll::collectors::container
