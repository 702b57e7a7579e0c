// SPDX-License-Identifier: Apache-2.0
#include "exporter/encoding/negotiation.h"

#include <gtest/gtest.h>

#include <string>

namespace plimsoll::exporter {
namespace {

const std::string kDelimited =
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

TEST(Negotiation, AnswersWhatPrometheusAsksFor) {
  const std::string open =
      "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,";
  const std::string text = "text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
  EXPECT_EQ(negotiate_format(open + text), Format::kOpenMetrics) << "2.42";
  EXPECT_EQ(negotiate_format(kDelimited +
                             ",application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;"
                             "version=0.0.1;q=0.75," +
                             text),
            Format::kProtobuf)
      << "2.42 with native histograms";
  EXPECT_EQ(negotiate_format("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/"
                             "openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
                             "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"),
            Format::kOpenMetrics)
      << "3.x";
  EXPECT_EQ(
      negotiate_format(kDelimited + ";escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5"),
      Format::kProtobuf);
  EXPECT_EQ(negotiate_format("text/plain;version=0.0.4;q=1,*/*;q=0.1"), Format::kText) << "text only";
}

TEST(Negotiation, AnswersBrowsersAndCurlInText) {
  for (const char* accept : {"", "*/*", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/*",
                             "application/json", "application/*"})
    EXPECT_EQ(negotiate_format(accept), Format::kText) << accept;
}

TEST(Negotiation, TakesTheHeaviestThenTheFirst) {
  EXPECT_EQ(negotiate_format("text/plain;q=0.2, application/openmetrics-text;q=0.3"), Format::kOpenMetrics);
  EXPECT_EQ(negotiate_format("text/plain;q=0.3, application/openmetrics-text;q=0.2"), Format::kText);
  EXPECT_EQ(negotiate_format("text/plain, application/openmetrics-text"), Format::kText);
  EXPECT_EQ(negotiate_format("application/openmetrics-text, text/plain"), Format::kOpenMetrics);
  EXPECT_EQ(negotiate_format("application/openmetrics-text," + kDelimited), Format::kOpenMetrics);
  EXPECT_EQ(negotiate_format(kDelimited + ",application/openmetrics-text"), Format::kProtobuf);
}

TEST(Negotiation, TheMostPreciseCounts) {
  EXPECT_EQ(negotiate_format("text/*;q=0.9,text/plain;version=0.0.4;q=0.1,application/openmetrics-text;q=0.5"),
            Format::kOpenMetrics);
  EXPECT_EQ(negotiate_format("application/openmetrics-text,application/openmetrics-text;version=1.0.0;q=0"),
            Format::kText);
}

TEST(Negotiation, IsLenientAboutForm) {
  for (const char* accept : {" APPLICATION/OpenMetrics-Text ; Version = 1.0.0 ; Q=1 ",
                             "application/openmetrics-text;version=\"1.0.0\"", ",,application/openmetrics-text;;,",
                             "application/openmetrics-text;charset=utf-8;escaping=\"a,b;c\";version=1.0.0",
                             "x/y;a=\"\\\",text/plain\",application/openmetrics-text;escaping=dots"})
    EXPECT_EQ(negotiate_format(accept), Format::kOpenMetrics) << accept;
}

TEST(Negotiation, PassesOverWhatItDoesNotKnow) {
  for (const char* accept :
       {"application/openmetrics-text;version=2.0.0", "application/openmetrics-text;version=0.0.1",
        "application/openmetrics-text;q=0", "application/openmetrics-text;q=0.000", "application/openmetrics-text;q=2",
        "application/openmetrics-text;q=-1", "application/openmetrics-text;q=nan",
        "application/openmetrics-text;q=", "application/openmetrics-text;q=0x1", "application/openmetrics-textual",
        "application/vnd.google.protobuf", "application/vnd.google.protobuf;proto=other;encoding=delimited",
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text", ";;;;", "\"", "\"\\",
        "=;=,=", "\xff\xfe\x01", "text/plain;q=0"})
    EXPECT_EQ(negotiate_format(accept), Format::kText) << accept;
}

TEST(Negotiation, TakesHeadersOfAnyLength) {
  std::string giant;
  for (int i = 0; i < 200'000; ++i) giant += "a/b;q=0.1;x=\"y\",";
  EXPECT_EQ(negotiate_format(giant), Format::kText);
  EXPECT_EQ(negotiate_format(giant + "application/openmetrics-text"), Format::kOpenMetrics);
  EXPECT_EQ(negotiate_format(std::string(1'000'000, '"')), Format::kText);
  EXPECT_EQ(negotiate_format(std::string(1'000'000, ',')), Format::kText);
  EXPECT_FALSE(wants_gzip(giant));
}

TEST(Gzip, IsForThoseWhoWantIt) {
  for (const char* accept : {"gzip", "GZIP", "x-gzip", "deflate, gzip;q=1.0, *;q=0.5", "br, gzip", "*", "gzip;q=0.001",
                             "identity;q=0.5, gzip;q=0.5", "identity;q=0, *", " gzip "})
    EXPECT_TRUE(wants_gzip(accept)) << accept;
  for (const char* accept : {"", "identity", "deflate", "br, zstd", "gzip;q=0", "gzip;q=0, *", "*;q=0", "gzipped",
                             "identity, gzip;q=0.9", "gzip;q=x", "gzip;q=", "\"gzip", ",;,"})
    EXPECT_FALSE(wants_gzip(accept)) << accept;
}

}  // namespace
}  // namespace plimsoll::exporter
