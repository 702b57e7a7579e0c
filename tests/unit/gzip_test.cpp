// SPDX-License-Identifier: Apache-2.0
#include "exporter/encoding/gzip.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <memory>

namespace plimsoll::exporter {
namespace {

// Hands out a text in pieces of a fixed size.
class Pieces : public Encoder {
 public:
  Pieces(std::string text, size_t size) : text_(std::move(text)), size_(size) {}
  using Encoder::next;
  bool next(std::string& chunk, size_t) override {
    chunk = text_.substr(std::min(at_, text_.size()), size_);
    at_ += chunk.size();
    largest = std::max(largest, chunk.size());
    return !chunk.empty();
  }
  size_t largest = 0;

 private:
  std::string text_;
  size_t size_, at_ = 0;
};

// The content of a whole gzip file, by zlib; "broken" for anything else.
std::string unpacked(const std::string& packed) {
  z_stream stream = {};
  EXPECT_EQ(inflateInit2(&stream, 16 + MAX_WBITS), Z_OK);
  std::string out(1 << 16, '\0'), text;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  int code = Z_OK;
  while (code == Z_OK) {
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    code = inflate(&stream, Z_NO_FLUSH);
    text.append(out, 0, out.size() - stream.avail_out);
  }
  const bool whole = code == Z_STREAM_END && stream.avail_in == 0;
  inflateEnd(&stream);
  return whole ? text : "broken";
}

std::string packed(const std::string& text, size_t piece, size_t target, int level = GzipEncoder::kLevel) {
  GzipEncoder encoder(std::make_unique<Pieces>(text, piece), level);
  std::string out, chunk = "left over";
  while (encoder.next(chunk, target)) {
    EXPECT_FALSE(chunk.empty());
    EXPECT_LE(chunk.size(), std::max<size_t>(target, 64));
    out += chunk;
  }
  EXPECT_TRUE(chunk.empty());
  EXPECT_FALSE(encoder.next(chunk, target));
  return out;
}

std::string text_of(size_t lines) {
  std::string text;
  for (size_t i = 0; i < lines; ++i)
    text +=
        "container_memory_bytes{id=\"/plimsoll/" + std::to_string(i * 2654435761u) + "\"} " + std::to_string(i) + "\n";
  return text;
}

TEST(Gzip, ReadsBackWhateverThePieces) {
  const std::string text = text_of(5000);
  for (const size_t piece : {1000u, 65536u, 1u << 24}) {
    for (const size_t target : {1u, 1000u, 65536u}) EXPECT_TRUE(unpacked(packed(text, piece, target)) == text) << piece;
  }
  EXPECT_EQ(unpacked(packed("x", 1, 65536)), "x");
  EXPECT_EQ(unpacked(packed("", 1, 65536)), "") << "an empty body is a gzip file too";
}

TEST(Gzip, ReadsBackAtEachLevel) {
  const std::string text = text_of(20'000);
  for (int level = 0; level <= 3; ++level) {
    const std::string small = packed(text, 65536, 65536, level);
    EXPECT_TRUE(unpacked(small) == text) << level;
    EXPECT_LT(small.size(), text.size() / 2) << level;
  }
}

TEST(Gzip, ReadsBackWhatCannotBeCompressed) {
  std::string noise;
  for (uint64_t seed = 88172645463325252; noise.size() < 300'000;) {
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    noise += static_cast<char>(seed);
  }
  EXPECT_TRUE(unpacked(packed(noise, 4096, 4096)) == noise);
}

TEST(Gzip, ABodyThatIsCutOffIsNoGzipFile) {
  const std::string whole = packed(text_of(100), 65536, 65536);
  EXPECT_EQ(unpacked(whole.substr(0, whole.size() - 1)), "broken");
}

}  // namespace
}  // namespace plimsoll::exporter
