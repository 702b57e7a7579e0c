// SPDX-License-Identifier: Apache-2.0
// Writes a line into a chunk whose room is reserved once per sample: digits go straight to their
// place by std::to_chars, without a detour over a temporary string.
#include "exporter/encoding/text.h"

#include <charconv>
#include <cmath>
#include <cstring>

namespace plimsoll::exporter {
namespace {

// Longest number: "-2.2250738585072014e-308"; 32 leaves room for braces, comma, blank and line end.
constexpr size_t kNumberRoom = 32 + 8;

std::string_view type_name(MetricType type) {
  switch (type) {
    case MetricType::kCounter:
      return "counter";
    case MetricType::kGauge:
      return "gauge";
    case MetricType::kHistogram:
      return "histogram";
    case MetricType::kSummary:
      return "summary";
    case MetricType::kUntyped:
      break;
  }
  return "untyped";
}

void append_help(std::string& out, std::string_view help) {
  for (char c : help) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
}

void append_heading(std::string& out, const MetricDesc& desc) {
  out += "# HELP ";
  out += desc.name;
  out += ' ';
  append_help(out, desc.help);
  out += "\n# TYPE ";
  out += desc.name;
  out += ' ';
  out += type_name(desc.type);
  out += '\n';
}

char* put(char* at, std::string_view text) {
  std::memcpy(at, text.data(), text.size());
  return at + text.size();
}

char* put_number(char* at, Value value) {
  char* const end = at + kNumberRoom;
  if (value.is_integer()) return std::to_chars(at, end, value.integer()).ptr;
  const double number = value.number();
  if (std::isnan(number)) return put(at, "NaN");
  if (std::isinf(number)) return put(at, number > 0 ? "+Inf" : "-Inf");
  return std::to_chars(at, end, number).ptr;
}

char* put_labels(char* at, std::string_view base, std::string_view extra) {
  if (base.empty() && extra.empty()) return at;
  *at++ = '{';
  at = put(at, base);
  if (!base.empty() && !extra.empty()) *at++ = ',';
  at = put(at, extra);
  *at++ = '}';
  return at;
}

// Room for output beyond what is already written; grows by doubling, so that its zero-filling is
// paid once per chunk and not once per sample.
class Output {
 public:
  explicit Output(std::string& chunk) : chunk_(chunk), used_(0) { chunk_.resize(chunk_.capacity()); }
  ~Output() { chunk_.resize(used_); }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  size_t used() const { return used_; }

  void heading(const MetricDesc& desc) {
    chunk_.resize(used_);
    append_heading(chunk_, desc);
    used_ = chunk_.size();
    chunk_.resize(chunk_.capacity());
  }

  void line(std::string_view name, std::string_view base, std::string_view extra, Value value) {
    const size_t room = name.size() + base.size() + extra.size() + kNumberRoom + 8;
    if (chunk_.size() - used_ < room) chunk_.resize(chunk_.size() * 2 + room);
    char* at = put(chunk_.data() + used_, name);
    at = put_labels(at, base, extra);
    *at++ = ' ';
    at = put_number(at, value);
    *at++ = '\n';
    used_ = static_cast<size_t>(at - chunk_.data());
  }

 private:
  std::string& chunk_;
  size_t used_;
};

}  // namespace

bool TextEncoder::next(std::string& chunk, size_t target) {
  if (family_ == page_.families().size()) {
    chunk.clear();
    return false;
  }
  chunk.reserve(target + 1024);
  Output out(chunk);
  while (family_ < page_.families().size() && out.used() < target) {
    const MetricPage::Family& family = page_.families()[family_];
    const auto [first, last] = page_.samples(family_);
    if (sample_ == 0 && family.starts) out.heading(family.desc);
    const Sample* sample = first + sample_;
    // One sample at least, so that a heading longer than `target` is not written for ever. A family
    // without samples is not in a page.
    do {
      out.line(family.sample_name, page_.labels(sample->base), page_.labels(sample->extra), sample->value());
    } while (++sample != last && out.used() < target);
    sample_ = static_cast<size_t>(sample - first);
    if (sample != last) break;
    ++family_;
    sample_ = 0;
  }
  return true;
}

std::string to_text(const MetricPage& page) {
  std::string text;
  std::string chunk;
  for (TextEncoder encoder(page); encoder.next(chunk);) text += chunk;
  return text;
}

}  // namespace plimsoll::exporter
