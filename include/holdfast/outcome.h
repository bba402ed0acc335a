// What became of a call: done, with its answer; not done; or unknown.
//
//   holdfast::Outcome<std::int64_t> visits = counter.add(1);
//   if (visits) return *visits;
//   if (visits.fate() == holdfast::Fate::unknown) …   // it may have been counted
//   complain(visits.failure().message);
//
// The library does not throw for what a server, a network or a user may do wrong: that is a
// Failure. It throws what the standard library throws (std::bad_alloc), and std::bad_variant_access
// if an Outcome is asked for what it does not hold.
//
// Threads: an Outcome is a value; whoever has it, owns it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>

namespace holdfast {

enum class Fate : std::uint8_t {
  done,      // the answer is there
  not_done,  // certainly not: nothing was changed, and nothing will be by this call
  unknown,   // it may have been done, or may still be done
};

struct Failure {
  Fate fate = Fate::not_done;  // never done
  // One word in capitals. A server's error: its first word (WRONGTYPE, LOST, FENCED, NOLEADER …).
  // The library's own:
  //   OPTIONS   an argument makes no sense
  //   NOSERVER  no server could be reached in time
  //   BROKEN    the connection broke, or nothing came in time, before there was an answer
  //   TAKEN     others held the lock for as long as one was ready to wait
  //   STRANGE   an answer that no Holdfast server gives
  std::string kind;
  // For people: what happened, what it means for their data, what to do.
  std::string message;
};

template <class T>
class [[nodiscard]] Outcome {
 public:
  Outcome(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Outcome(Failure failure) : state_(std::in_place_index<1>, std::move(failure)) {}

  explicit operator bool() const { return state_.index() == 0; }
  Fate fate() const { return *this ? Fate::done : failure().fate; }

  // REQUIRES: done.
  T& operator*() & { return std::get<0>(state_); }
  const T& operator*() const& { return std::get<0>(state_); }
  T&& operator*() && { return std::get<0>(std::move(state_)); }
  T* operator->() { return &std::get<0>(state_); }
  const T* operator->() const { return &std::get<0>(state_); }

  // REQUIRES: not done.
  const Failure& failure() const { return std::get<1>(state_); }

 private:
  std::variant<T, Failure> state_;
};

// Done, and there is nothing more to say.
struct Done {};

}  // namespace holdfast
