// A key: its name, its value and when they changed, in one piece of memory.
//
// Behind the fixed part lie, in this order: a pointer to how it ends by itself, if it does; a string
// object, if the value is too long to lie here; the name; the value, an integer as an integer. So
// whoever looks a key up touches one place, and a small key costs one allocation.
//
// A piece has room for what it was made for and a little more. What does not fit is put into another
// piece, and whoever owns the object puts that in its place; only the Ending keeps its address.
//
// Owns: what is behind it. Made by make() only, and never copied.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/time.h"
#include "keyspace/deadlines.h"
#include "keyspace/value.h"

namespace holdfast::keyspace {

class Object;

// When a key ends. `deadline` counts; `wall` is the calendar time that EXPIRETIME tells.
struct Expiry {
  ClusterTime deadline = ClusterTime::never();
  WallTime wall;

  bool set() const { return deadline != ClusterTime::never(); }
  bool operator==(const Expiry&) const = default;
};

// Of a key that ends with a session.
struct Binding {
  std::uint64_t session = 0;
  std::uint64_t bound_at = 0;  // revision: keys end in this order
};

// How a key ends by itself. Most do not, and have none.
struct Ending : Timed {
  Object* object = nullptr;  // whose it is
  Expiry expiry;
  std::unique_ptr<Binding> binding;  // null: it ends with no session
};

class Object {
 public:
  struct Deleter {
    void operator()(Object* object) const;
  };
  using Pointer = std::unique_ptr<Object, Deleter>;

  // Longer texts lie in a piece of their own.
  static constexpr std::size_t kInlineBytes = 240;

  // `owned` holds the value's text, and may be taken over; null: nobody's.
  static Pointer make(std::string_view name, const ValueView& value, std::uint64_t created,
                      std::string* owned = nullptr);
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  std::string_view name() const { return {name_begin(), name_size_}; }
  ValueView value() const;
  std::uint64_t created() const { return created_; }    // revision of the change that created it
  std::uint64_t modified() const { return modified_; }  // revision of the last change
  Expiry expiry() const { return ends() ? ending()->expiry : Expiry{}; }
  bool due(ClusterTime now) const { return ends() && ending()->expiry.deadline.passed(now); }
  // Null: it ends with no session.
  const Binding* binding() const { return ends() ? ending()->binding.get() : nullptr; }
  // Null: it does not end by itself. Stays where it is until it is dropped.
  Ending* ending() const;
  // What it takes, all in all.
  std::size_t memory() const;

  void touch(std::uint64_t revision) { modified_ = revision; }
  // As if it had come just now.
  void restore(std::uint64_t revision) { created_ = modified_ = revision; }

  // False: the value does not fit where the present one lies, or that is a piece of its own. What the object
  // takes stays as it is.
  [[nodiscard]] bool overwrite(const ValueView& value);
  // Each of these: null if it was done in place. Otherwise everything is in what is returned, to be
  // put in this one's place.
  [[nodiscard]] Pointer assign(const ValueView& value, std::string* owned = nullptr);
  // REQUIRES: it is not scheduled if the expiry is to be none.
  [[nodiscard]] Pointer set_expiry(const Expiry& expiry);
  [[nodiscard]] Pointer bind(const Binding& binding);

  // The value's text, moved out if it lies in a piece of its own. REQUIRES: assign() is next, or
  // the end.
  std::string take_text();
  // Likewise all of the value.
  Value take_value();

 private:
  enum Flag : std::uint8_t { kEnds = 1, kOutside = 2, kInteger = 4, kRaw = 8 };

  Object(std::size_t name_size, std::size_t room, int flags);
  ~Object();
  static Pointer allocate(std::string_view name, const ValueView& value, bool ends);

  bool has(Flag flag) const { return (flags_ & flag) != 0; }
  bool ends() const { return has(kEnds); }
  bool fits(const ValueView& value) const;
  void keep(const ValueView& value, std::string* owned);
  Pointer remade(const ValueView& value, std::string* owned, bool ends);

  std::byte* behind() const;
  std::byte* string_place() const;
  std::string& outside() const;
  char* name_begin() const;
  char* text_begin() const { return name_begin() + name_size_; }

  std::uint64_t created_ = 0;
  std::uint64_t modified_ = 0;
  std::uint32_t name_size_;
  std::uint8_t text_size_ = 0;  // of what lies here
  std::uint8_t room_;           // for it
  std::uint8_t flags_;
};

static_assert(sizeof(Object) == 24, "each key has one");

// ---- where things lie, inline since each look-up asks

inline std::byte* Object::behind() const {
  return reinterpret_cast<std::byte*>(const_cast<Object*>(this)) + sizeof(Object);
}

inline std::byte* Object::string_place() const { return behind() + (ends() ? sizeof(Ending*) : 0); }

inline char* Object::name_begin() const {
  return reinterpret_cast<char*>(string_place() + (has(kOutside) ? sizeof(std::string) : 0));
}

inline Ending* Object::ending() const {
  return ends() ? *reinterpret_cast<Ending* const*>(behind()) : nullptr;
}

}  // namespace holdfast::keyspace
