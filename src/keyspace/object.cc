#include "keyspace/object.h"

#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include "base/check.h"
#include "keyspace/sizes.h"

namespace holdfast::keyspace {
namespace {

// Memory of an overwritten value is given back if at least this much of it would lie idle: here, and
// in a piece of its own.
constexpr std::size_t kIdleHere = 64;
constexpr std::size_t kIdleOutside = 256;

// An integer and a text can follow each other in place.
constexpr std::size_t kLeastRoom = sizeof(std::int64_t);

std::size_t bytes_of(const ValueView& value) {
  return value.is_integer() ? sizeof(std::int64_t) : value.text().size();
}

void assign_text(std::string& held, std::string_view text, std::string* owned) {
  if (owned != nullptr) {
    held = std::move(*owned);
  } else if (held.capacity() > 2 * text.size() + kIdleOutside) {
    std::string(text).swap(held);  // an assignment could keep the old memory
  } else {
    held.assign(text);
  }
}

}  // namespace

void Object::Deleter::operator()(Object* object) const {
  object->~Object();
  ::operator delete(object);
}

Object::Object(std::size_t name_size, std::size_t room, int flags)
    : name_size_(static_cast<std::uint32_t>(name_size)),
      room_(static_cast<std::uint8_t>(room)),
      flags_(static_cast<std::uint8_t>(flags)) {
  if (ends()) new (behind()) Ending*(nullptr);
  if (has(kOutside)) new (string_place()) std::string;
}

Object::~Object() {
  delete ending();
  if (has(kOutside)) outside().~basic_string();
}

// A piece that the value fits into, with everything but the value and the ending.
Object::Pointer Object::allocate(std::string_view name, const ValueView& value, bool ends) {
  CHECK(name.size() <= std::numeric_limits<std::uint32_t>::max());
  const std::size_t text = bytes_of(value);
  const bool outside = text > kInlineBytes;
  const std::size_t fixed = sizeof(Object) + (ends ? sizeof(Ending*) : 0) +
                            (outside ? sizeof(std::string) : 0) + name.size();
  const std::size_t bytes = filled_up(fixed + (outside ? 0 : std::max(text, kLeastRoom)));
  static_assert(kInlineBytes + kAllocationStep <= std::numeric_limits<std::uint8_t>::max() + 1);
  const std::size_t room = outside ? 0 : bytes - fixed;
  Pointer fresh(new (::operator new(bytes))
                    Object(name.size(), room, (ends ? kEnds : 0) | (outside ? kOutside : 0)));
  std::memcpy(fresh->name_begin(), name.data(), name.size());
  return fresh;
}

Object::Pointer Object::make(std::string_view name, const ValueView& value, std::uint64_t created,
                             std::string* owned) {
  Pointer fresh = allocate(name, value, false);
  fresh->keep(value, owned);
  fresh->created_ = fresh->modified_ = created;
  return fresh;
}

Object::Pointer Object::remade(const ValueView& value, std::string* owned, bool ends) {
  Pointer fresh = allocate(name(), value, ends);
  fresh->created_ = created_;
  fresh->modified_ = modified_;
  fresh->keep(value, owned);
  if (ends) {
    auto* ending = this->ends() ? std::exchange(*reinterpret_cast<Ending**>(behind()), nullptr)
                                : new Ending;
    ending->object = fresh.get();
    *reinterpret_cast<Ending**>(fresh->behind()) = ending;
  }
  return fresh;
}

ValueView Object::value() const {
  if (has(kInteger)) {
    std::int64_t number = 0;
    std::memcpy(&number, text_begin(), sizeof(number));
    return ValueView::integer(number);
  }
  const std::string_view text =
      has(kOutside) ? std::string_view(outside()) : std::string_view(text_begin(), text_size_);
  return has(kRaw) ? ValueView::raw(text) : ValueView::plain(text);
}

std::size_t Object::memory() const {
  const std::size_t fixed = static_cast<std::size_t>(text_begin() - reinterpret_cast<const char*>(this));
  std::size_t bytes = allocation_bytes(fixed + room_);
  if (has(kOutside)) bytes += outside_bytes(outside());
  if (ends()) bytes += allocation_bytes(sizeof(Ending));
  return expiry().set() ? bytes + sizeof(Deadline) : bytes;
}

bool Object::overwrite(const ValueView& value) {
  if (has(kOutside) || !fits(value)) return false;
  keep(value, nullptr);
  return true;
}

Object::Pointer Object::assign(const ValueView& value, std::string* owned) {
  if (!fits(value)) return remade(value, owned, ends());
  keep(value, owned);
  return nullptr;
}

Object::Pointer Object::set_expiry(const Expiry& expiry) {
  if (expiry.set() != ends() && binding() == nullptr) {
    CHECK(expiry.set() || !ending()->scheduled());
    Pointer fresh = remade(value(), has(kOutside) ? &outside() : nullptr, expiry.set());
    if (expiry.set()) fresh->ending()->expiry = expiry;
    return fresh;
  }
  if (ends()) ending()->expiry = expiry.set() ? expiry : Expiry{};
  return nullptr;
}

Object::Pointer Object::bind(const Binding& binding) {
  Pointer fresh = ends() ? nullptr : remade(value(), has(kOutside) ? &outside() : nullptr, true);
  (fresh == nullptr ? this : fresh.get())->ending()->binding = std::make_unique<Binding>(binding);
  return fresh;
}

std::string Object::take_text() {
  if (has(kOutside)) return std::move(outside());
  return value().to_string();
}

Value Object::take_value() {
  if (!has(kOutside)) return Value(value());
  Value taken(has(kRaw) ? ValueView::raw({}) : ValueView::plain({}));
  taken.owned() = std::move(outside());
  return taken;
}

bool Object::fits(const ValueView& value) const {
  const std::size_t bytes = bytes_of(value);
  if (has(kOutside)) return bytes > kInlineBytes;
  return bytes <= room_ && room_ <= 2 * bytes + kIdleHere;
}

void Object::keep(const ValueView& value, std::string* owned) {
  flags_ = static_cast<std::uint8_t>((flags_ & (kEnds | kOutside)) |
                                     (value.is_integer() ? kInteger : 0) | (value.is_raw() ? kRaw : 0));
  if (has(kOutside)) return assign_text(outside(), value.text(), owned);
  const std::size_t bytes = bytes_of(value);
  CHECK(bytes <= room_);
  text_size_ = static_cast<std::uint8_t>(bytes);
  if (value.is_integer()) {
    const std::int64_t number = value.as_integer();
    std::memcpy(text_begin(), &number, sizeof(number));
  } else if (bytes > 0) {
    std::memmove(text_begin(), value.text().data(), bytes);
  }
}

std::string& Object::outside() const {
  return *std::launder(reinterpret_cast<std::string*>(string_place()));
}

}  // namespace holdfast::keyspace
