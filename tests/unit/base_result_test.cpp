// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>

namespace plimsoll {
namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return fail("odd");
  return number / 2;
}

Result<void> system_call() {
  errno = EACCES;
  return fail_errno("memory.max");
}

TEST(Result, HoldsAValue) {
  auto result = half(4);
  ASSERT_TRUE(result);
  EXPECT_EQ(*result, 2);
  *result = 5;
  EXPECT_EQ(result.value(), 5);
}

TEST(Result, HoldsAnError) {
  const auto result = half(3);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().message(), "odd");
  EXPECT_EQ(half(3).value_or(-1), -1);
  EXPECT_EQ(half(6).value_or(-1), 3);
}

TEST(Result, CarriesMoveOnlyValues) {
  Result<std::unique_ptr<int>> result(std::make_unique<int>(7));
  const std::unique_ptr<int> taken = *std::move(result);
  EXPECT_EQ(*taken, 7);
}

TEST(Result, TellsAValueFromAnErrorOfTheSameText) {
  const Result<std::string> value(std::string("odd"));
  EXPECT_TRUE(value);
  EXPECT_EQ(value->size(), 3u);
}

TEST(Result, OfNothingIsSuccessByDefault) {
  EXPECT_TRUE(Result<void>());
  EXPECT_FALSE(system_call());
}

TEST(Error, NamesPlaceAndCause) {
  const auto result = system_call();
  EXPECT_EQ(result.error().code, EACCES);
  EXPECT_EQ(result.error().message(), "memory.max: Permission denied");
}

TEST(Error, GainsContextLayerByLayer) {
  const Error error = system_call().error().within("container web").within("run");
  EXPECT_EQ(error.message(), "run: container web: memory.max: Permission denied");
  EXPECT_EQ(error.code, EACCES);
}

}  // namespace
}  // namespace plimsoll
