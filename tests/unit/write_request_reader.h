// SPDX-License-Identifier: Apache-2.0
// Reads prometheus.WriteRequest as a receiver does, strictly: a field that is not in its description fails.
#pragma once

#include <gtest/gtest.h>
#include <snappy.h>

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace plimsoll::test {

struct ReadSeries {
  std::vector<std::pair<std::string, std::string>> labels;  // in the message's order
  uint64_t bits = 0;                                        // of the value
  int64_t timestamp_ms = 0;

  double value() const { return std::bit_cast<double>(bits); }
  std::string label(std::string_view name) const {
    for (const auto& [key, text] : labels) {
      if (key == name) return text;
    }
    return "";
  }
  // name{a="b",c="d"}
  std::string text() const {
    std::string rest;
    for (const auto& [key, text] : labels) {
      if (key != "__name__") rest += (rest.empty() ? "" : ",") + key + "=\"" + text + "\"";
    }
    return label("__name__") + "{" + rest + "}";
  }
};

class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : rest_(bytes) {}
  bool at_end() const { return rest_.empty(); }
  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_[0]);
      rest_.remove_prefix(1);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    ADD_FAILURE() << "a varint without an end";
    return 0;
  }
  std::string_view bytes() {
    const uint64_t length = varint();
    if (length > rest_.size()) {
      ADD_FAILURE() << "a length beyond the end";
      return std::exchange(rest_, {});
    }
    const std::string_view found = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return found;
  }
  uint64_t fixed64() {
    uint64_t bits = 0;
    if (rest_.size() < 8) {
      ADD_FAILURE() << "8 bytes are missing";
      rest_ = {};
      return 0;
    }
    std::memcpy(&bits, rest_.data(), 8);
    rest_.remove_prefix(8);
    return bits;
  }

 private:
  std::string_view rest_;
};

inline void read_sample(std::string_view bytes, ReadSeries& series) {
  WireReader reader(bytes);
  EXPECT_EQ(reader.varint(), 1u << 3 | 1u);
  series.bits = reader.fixed64();
  EXPECT_EQ(reader.varint(), 2u << 3 | 0u);
  series.timestamp_ms = static_cast<int64_t>(reader.varint());
  EXPECT_TRUE(reader.at_end());
}

inline ReadSeries read_series(std::string_view bytes) {
  ReadSeries series;
  int samples = 0;
  for (WireReader reader(bytes); !reader.at_end();) {
    const uint64_t tag = reader.varint();
    const std::string_view field = reader.bytes();
    if (tag == (2u << 3 | 2u)) {
      read_sample(field, series);
      ++samples;
      continue;
    }
    EXPECT_EQ(tag, 1u << 3 | 2u);
    WireReader label(field);
    EXPECT_EQ(label.varint(), 1u << 3 | 2u);
    const std::string name(label.bytes());
    EXPECT_EQ(label.varint(), 2u << 3 | 2u);
    series.labels.emplace_back(name, label.bytes());
    EXPECT_TRUE(label.at_end());
  }
  EXPECT_EQ(samples, 1);
  return series;
}

inline std::vector<ReadSeries> read_write_request(const std::string& compressed) {
  std::string body;
  std::vector<ReadSeries> all;
  if (!snappy::Uncompress(compressed.data(), compressed.size(), &body)) {
    ADD_FAILURE() << "not snappy's block format";
    return all;
  }
  for (WireReader reader(body); !reader.at_end();) {
    EXPECT_EQ(reader.varint(), 1u << 3 | 2u);
    all.push_back(read_series(reader.bytes()));
  }
  return all;
}

}  // namespace plimsoll::test
