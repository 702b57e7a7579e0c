// SPDX-License-Identifier: Apache-2.0
// One page in each format, compared with tests/golden/formats, which tests/e2e/formats_test.py reads with other
// people's parsers. After an intended change: UPDATE_GOLDEN=1 formats_golden_test, then read the difference.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "base/os.h"
#include "exporter/encoding/encoder.h"
#include "tests/unit/encoding_page.h"

namespace plimsoll::exporter {
namespace {

void compare(const std::string& name, Format format, const EncodeOptions& options = {}) {
  const MetricPage page = test::page_of_everything();
  const std::string body = encode(format, page, options);
  const std::string path = std::string(PLIMSOLL_SOURCE_DIR) + "/tests/golden/formats/" + name;
  if (std::getenv("UPDATE_GOLDEN") != nullptr) std::ofstream(path, std::ios::binary) << body;
  const auto golden = read_file(path);
  ASSERT_TRUE(golden) << golden.error().message();
  EXPECT_TRUE(body == *golden) << body;
  for (const size_t target : {1u, 50u, 300u, 1u << 20}) {
    std::string pieces, chunk = "left over";
    for (const auto encoder = make_encoder(format, page, options); encoder->next(chunk, target);) {
      ASSERT_FALSE(chunk.empty());
      pieces += chunk;
    }
    EXPECT_TRUE(pieces == body) << "cut after " << target;
    EXPECT_TRUE(chunk.empty());
  }
}

TEST(FormatsGolden, Text) { compare("page.txt", Format::kText); }
TEST(FormatsGolden, OpenMetrics) { compare("page.om", Format::kOpenMetrics); }
TEST(FormatsGolden, OpenMetricsWithCreated) { compare("page-created.om", Format::kOpenMetrics, {.created = true}); }
TEST(FormatsGolden, Protobuf) { compare("page.pb", Format::kProtobuf); }

// Memory must not grow with the body: not even within one family.
TEST(Formats, PiecesOfALargeFamilyAreSmall) {
  MetricWriter writer;
  writer.family("large_total", "Help.", MetricType::kCounter);
  for (int i = 0; i < 50'000; ++i)
    writer.sample(writer.labels(LabelSet{{"id", "/" + std::to_string(i)}}, test::kStarted), i);
  const MetricPage page = writer.finish();
  for (const Format format : {Format::kText, Format::kOpenMetrics, Format::kProtobuf}) {
    size_t pieces = 0;
    std::string chunk;
    for (const auto encoder = make_encoder(format, page, {.created = true}); encoder->next(chunk, 4096); ++pieces)
      ASSERT_LT(chunk.size(), 4096u + 200u);
    EXPECT_GT(pieces, 300u);
  }
}

TEST(Formats, HaveAContentTypeEach) {
  EXPECT_EQ(content_type(Format::kText), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(content_type(Format::kOpenMetrics), "application/openmetrics-text; version=1.0.0; charset=utf-8");
  EXPECT_EQ(content_type(Format::kProtobuf),
            "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited");
}

}  // namespace
}  // namespace plimsoll::exporter
