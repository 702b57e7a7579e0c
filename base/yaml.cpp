// SPDX-License-Identifier: Apache-2.0
#include "base/yaml.h"

#include <yaml-cpp/anchor.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <sstream>

#include "base/text.h"

namespace plimsoll::yaml {
namespace {

constexpr size_t kMaxBytes = 1 << 20;
constexpr size_t kMaxNodes = 50'000;
constexpr const char* kTooLarge = "more than 1 MB of text, where each alias counts as what it stands for";
constexpr int kMaxDepth = 32;

// `what` may repeat a name of the file's, which is any text: a message stays one line.
std::string at_line(int line, std::string_view what) {
  std::string text = (line > 0 ? "line " + std::to_string(line) + ": " : std::string()) + std::string(what);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) c = '?';
  }
  return text;
}

// From yaml-cpp's events, not from its nodes: those would be built without a bound.
class Builder : public YAML::EventHandler {
 public:
  // What is wrong beyond syntax; the first such thing.
  const std::optional<Error>& error() const { return error_; }
  Node take_root() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { leaf(mark, anchor, {}); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto known = std::find_if(anchors_.begin(), anchors_.end(), [&](const auto& a) { return a.first == anchor; });
    if (known == anchors_.end()) return complain(mark, "an alias inside of what it stands for");
    leaf(mark, 0, known->second);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    const bool quoted = tag == "!";
    if (!quoted && (value.empty() || value == "~" || value == "null")) return leaf(mark, anchor, {});
    Node node;
    node.kind = Node::Kind::kScalar;
    node.quoted = quoted;
    node.scalar = value;
    leaf(mark, anchor, std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, anchor, Node::Kind::kList);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, anchor, Node::Kind::kMap);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    Node node;
    YAML::anchor_t anchor;
    std::optional<std::string> key;  // of a map: read, its value not yet
  };

  void complain(const YAML::Mark& mark, std::string_view what) {
    if (!error_) error_ = invalid(at_line(mark.line + 1, what));
  }

  // A node and all below it count, however they got there.
  void count(const Node& node) {
    ++nodes_;
    bytes_ += node.scalar.size();
    for (const Node& item : node.items) count(item);
    for (const auto& [name, value] : node.fields) {
      ++nodes_;
      bytes_ += name.size();
      count(value);
    }
  }

  void leaf(const YAML::Mark& mark, YAML::anchor_t anchor, Node node) {
    if (error_) return;
    node.line = mark.line + 1;
    count(node);
    if (nodes_ > kMaxNodes) return complain(mark, "more than 50000 values");
    if (bytes_ > kMaxBytes) return complain(mark, kTooLarge);
    finish(mark, anchor, std::move(node));
  }

  void open(const YAML::Mark& mark, YAML::anchor_t anchor, Node::Kind kind) {
    if (open_.size() >= kMaxDepth) complain(mark, "more than 32 levels");
    if (++nodes_ > kMaxNodes) complain(mark, "more than 50000 values");
    if (error_) return;
    if (!open_.empty() && open_.back().node.kind == Node::Kind::kMap && !open_.back().key)
      return complain(mark, "a map or a list cannot be the name of a field");
    Open next;
    next.node.kind = kind;
    next.node.line = mark.line + 1;
    next.anchor = anchor;
    open_.push_back(std::move(next));
  }

  void close() {
    if (error_ || open_.empty()) return;
    Open done = std::move(open_.back());
    open_.pop_back();
    finish({}, done.anchor, std::move(done.node));
  }

  // A node is complete: it goes to where it belongs.
  void finish(const YAML::Mark& mark, YAML::anchor_t anchor, Node node) {
    if (anchor != 0) anchors_.emplace_back(anchor, node);
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.kind == Node::Kind::kList) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.key) {
      if (node.kind != Node::Kind::kScalar) return complain(mark, "the name of a field is missing");
      if (parent.node.find(node.scalar) != nullptr) return complain(mark, "'" + node.scalar + "' is given twice");
      parent.key = std::move(node.scalar);
    } else {
      parent.node.fields.emplace_back(std::move(*parent.key), std::move(node));
      parent.key.reset();
    }
  }

  Node root_;
  std::vector<Open> open_;
  std::vector<std::pair<YAML::anchor_t, Node>> anchors_;
  size_t nodes_ = 0;
  size_t bytes_ = 0;  // of scalars and names
  std::optional<Error> error_;
};

const char* kind_name(Node::Kind kind) {
  switch (kind) {
    case Node::Kind::kList:
      return "a list";
    case Node::Kind::kMap:
      return "a map";
    case Node::Kind::kScalar:
      return "one value";
    case Node::Kind::kNull:
      break;
  }
  return "nothing";
}

}  // namespace

const Node* Node::find(std::string_view name) const {
  const auto found = std::find_if(fields.begin(), fields.end(), [&](const auto& field) { return field.first == name; });
  return found == fields.end() ? nullptr : &found->second;
}

Result<Node> parse(std::string_view text) {
  if (text.size() > kMaxBytes) return fail("larger than 1 MB");
  std::istringstream stream{std::string(text)};
  try {
    Builder builder;
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) return Node{};
    if (builder.error()) return unexpected(*builder.error());
    Builder second;
    if (parser.HandleNextDocument(second)) return fail("more than one document; leave out the line '---'");
    return builder.take_root();
  } catch (const YAML::Exception& error) {
    return fail(at_line(error.mark.is_null() ? 0 : error.mark.line + 1, error.msg));
  }
}

std::optional<bool> to_switch(const Node& node) {
  if (node.kind != Node::Kind::kScalar || node.quoted) return std::nullopt;
  for (const char* word : {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"}) {
    if (node.scalar == word) return true;
  }
  for (const char* word : {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"}) {
    if (node.scalar == word) return false;
  }
  return std::nullopt;
}

Fields::Fields(const Node& map, std::string where) : map_(map), where_(std::move(where)) {
  if (map.kind == Node::Kind::kMap || map.kind == Node::Kind::kNull) return;
  error_ = invalid(at_line(map.line, where_ + " is " + kind_name(map.kind) + "; it must be a map of fields"));
}

const Node* Fields::node(std::string_view name) {
  asked_.emplace(name);
  const Node* found = map_.find(name);
  return found == nullptr || found->kind == Node::Kind::kNull ? nullptr : found;
}

const Node* Fields::node(std::string_view name, Node::Kind kind) {
  const Node* found = node(name);
  if (found == nullptr || found->kind == kind) return found;
  complain(name, std::string("is ") + kind_name(found->kind) + "; it must be " + kind_name(kind));
  return nullptr;
}

const std::string* Fields::scalar(std::string_view name) {
  const Node* found = node(name, Node::Kind::kScalar);
  return found == nullptr ? nullptr : &found->scalar;
}

std::optional<std::string> Fields::text(std::string_view name) {
  const std::string* found = scalar(name);
  return found == nullptr ? std::nullopt : std::optional(*found);
}

std::optional<bool> Fields::on_off(std::string_view name) {
  if (scalar(name) == nullptr) return std::nullopt;
  const auto value = to_switch(*map_.find(name));
  if (!value) complain(name, "is neither true nor false");
  return value;
}

std::optional<uint64_t> Fields::number(std::string_view name) {
  const std::string* found = scalar(name);
  if (found == nullptr) return std::nullopt;
  const auto value = parse_u64(*found);
  if (!value) complain(name, "'" + *found + "' is no whole number from 0 on");
  return value;
}

std::optional<std::chrono::nanoseconds> Fields::duration(std::string_view name) {
  const std::string* found = scalar(name);
  if (found == nullptr) return std::nullopt;
  const auto value = parse_duration(*found);
  if (!value) complain(name, "'" + *found + "' is no duration; write 10s or 1m30s");
  return value;
}

std::optional<std::vector<std::string>> Fields::texts(std::string_view name) {
  const Node* list = node(name, Node::Kind::kList);
  if (list == nullptr) return std::nullopt;
  std::vector<std::string> words;
  for (const Node& item : list->items) {
    if (item.kind != Node::Kind::kScalar) {
      complain(name, "has an entry that is no single value");
      return std::nullopt;
    }
    words.push_back(item.scalar);
  }
  return words;
}

void Fields::complain(std::string_view name, std::string_view what) {
  if (error_) return;
  const Node* field = map_.find(name);
  const std::string path = (where_.empty() ? "" : where_ + ".") + std::string(name);
  error_ = invalid(at_line(field == nullptr ? map_.line : field->line, path + ": " + std::string(what)));
}

Result<void> Fields::finish() {
  if (error_) return unexpected(*error_);
  for (const auto& [name, value] : map_.fields) {
    if (asked_.contains(name)) continue;
    std::string known;
    for (const std::string& each : asked_) known += (known.empty() ? "" : ", ") + each;
    return fail(at_line(value.line, "unknown field '" + name + "'" + (where_.empty() ? "" : " in " + where_) +
                                        "; there are: " + known));
  }
  return {};
}

}  // namespace plimsoll::yaml
