// SPDX-License-Identifier: Apache-2.0
// Result<T>: a value or an Error, with std::expected's names so that a later
// compiler can replace it by `using Result = std::expected<T, Error>`.
//
// Everything that the kernel, a user or the network can cause is a Result. Each layer adds its
// context once: "memory.max: EINVAL" becomes "container web: memory.max: Invalid argument".
#pragma once

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace plimsoll {

// What went wrong: an errno value (0 when no system call was involved) and the place.
struct Error {
  int code = 0;
  std::string context;

  // "context: strerror(code)", or the context alone when code is 0.
  std::string message() const;
  // The same error seen from one layer further up: "outer: context".
  Error within(std::string_view outer) const;
};

// Error of the system call that has just failed (reads errno).
Error errno_error(std::string_view context);
// Error without an errno, for input that is wrong in itself.
Error invalid(std::string_view context);

struct Unexpected {
  Error error;
};
inline Unexpected unexpected(Error error) { return Unexpected{std::move(error)}; }
inline Unexpected fail_errno(std::string_view context) { return {errno_error(context)}; }
inline Unexpected fail(std::string_view context) { return {invalid(context)}; }

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Unexpected failure) : state_(std::in_place_index<1>, std::move(failure.error)) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  const Error& error() const { return std::get<1>(state_); }
  T value_or(T other) && { return has_value() ? std::move(*this).value() : std::move(other); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Unexpected failure) : error_(std::move(failure.error)), failed_(true) {}

  bool has_value() const { return !failed_; }
  explicit operator bool() const { return has_value(); }
  const Error& error() const { return error_; }

 private:
  Error error_;
  bool failed_ = false;
};

}  // namespace plimsoll
