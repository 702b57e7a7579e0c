// SPDX-License-Identifier: Apache-2.0
// Whatever way a number takes, it looks as std::to_chars would have it.
#include "exporter/encoding/number.h"

#include <gtest/gtest.h>

#include <charconv>
#include <cmath>
#include <random>
#include <string>

namespace plimsoll::exporter {
namespace {

std::string written(Value value) {
  char text[kNumberRoom];
  return {text, put_number(text, value)};
}

std::string expected(double number) {
  char text[64];
  return {text, std::to_chars(text, text + sizeof text, number).ptr};
}

void check(double number) {
  ASSERT_EQ(written(number), expected(number));
  ASSERT_EQ(written(-number), expected(-number));
}

TEST(Number, EdgesOfTheShortWay) {
  for (const double number : {0.0,
                              0.001,
                              0.0009999,
                              0.00100001,
                              0.1,
                              0.2,
                              0.3,
                              0.1 + 0.2,
                              1.0,
                              9.0,
                              10.0,
                              99999.0,
                              100000.0,
                              99999.5,
                              100000.5,
                              123456789.123456,
                              999999999.999999,
                              1e9,
                              1000000000.001,
                              1700000000.123,
                              1e12,
                              999999999999.999,
                              1e15,
                              1e-9,
                              0.000000001,
                              999999.999999999,
                              1000000.000000001,
                              1e6,
                              1e21,
                              1e22,
                              5e-324,
                              1.7976931348623157e308})
    check(number);
  for (const double number : {0.001, 0.5, 1.0, 1e5, 1e6, 1e9, 1e12, 1e15}) {
    check(std::nextafter(number, 0));
    check(std::nextafter(number, 1e300));
  }
}

TEST(Number, FractionsOfSeconds) {
  std::mt19937_64 random(5);
  for (int i = 0; i < 300'000; ++i) {
    const auto count = static_cast<double>(random() >> (random() % 64));
    for (const double unit : {1e3, 1e6, 1e9, 1e2, 4096.0}) check(count / unit);
  }
}

TEST(Number, AnyBits) {
  std::mt19937_64 random(6);
  for (int i = 0; i < 300'000; ++i) {
    const double number = std::bit_cast<double>(random());
    if (std::isfinite(number)) check(number);
  }
}

TEST(Number, Integers) {
  EXPECT_EQ(written(uint64_t{0}), "0");
  EXPECT_EQ(written(UINT64_MAX), "18446744073709551615");
  EXPECT_EQ(written(uint64_t{100000}), "100000") << "all digits";
}

TEST(Number, WhatIsNone) {
  EXPECT_EQ(written(std::nan("")), "NaN");
  EXPECT_EQ(written(HUGE_VAL), "+Inf");
  EXPECT_EQ(written(-HUGE_VAL), "-Inf");
}

}  // namespace
}  // namespace plimsoll::exporter
