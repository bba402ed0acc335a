// A value or an error that somebody expects: bad input, a missing file, a refused request.
//
//   Result<int> parse(std::string_view);
//   auto number = parse(text);
//   if (!number) return number.error();
//   use(*number);
//
// Programmer errors are CHECKs (base/check.h), not Results.
#pragma once

#include <string>
#include <utility>
#include <variant>

#include "base/check.h"

namespace holdfast {

// For people: says what happened, what it means for their data, what to do.
struct Error {
  std::string message;
  // There was no room on the disk for it: the same may succeed once there is some.
  bool no_space = false;
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // REQUIRES: ok().
  T& operator*() & { return value(); }
  const T& operator*() const& { return const_cast<Result*>(this)->value(); }
  T&& operator*() && { return std::move(value()); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &const_cast<Result*>(this)->value(); }

  // REQUIRES: !ok().
  const Error& error() const {
    CHECK(!ok());
    return std::get<1>(state_);
  }

 private:
  T& value() {
    CHECK(ok(), "{}", std::get<1>(state_).message);
    return std::get<0>(state_);
  }

  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)), failed_(true) {}

  bool ok() const { return !failed_; }
  explicit operator bool() const { return ok(); }
  // REQUIRES: !ok().
  const Error& error() const {
    CHECK(failed_);
    return error_;
  }

 private:
  Error error_;
  bool failed_ = false;
};

}  // namespace holdfast
