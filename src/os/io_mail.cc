#include "os/io_mail.h"

namespace holdfast::os {
namespace {

// Copying less than this costs less than another part of the gathered write.
constexpr std::size_t kShareFrom = 2048;

}  // namespace

void Orders::add(std::size_t order, std::string_view view) {
  Order& to = orders[order];
  const std::size_t offset = bytes.size();
  bytes.append(view);
  if (to.last != kNone && to.last + 1 == pieces.size() && pieces[to.last].shared.empty()) {
    pieces[to.last].size += view.size();
  } else {
    append(to, {.offset = offset, .size = view.size(), .shared = {}});
  }
}

void Orders::add(std::size_t order, SharedBytes shared) {
  if (shared.size() < kShareFrom) return add(order, shared.view());
  const std::size_t size = shared.size();
  append(orders[order], {.offset = 0, .size = size, .shared = std::move(shared)});
}

void Orders::append(Order& order, Piece piece) {
  const auto at = static_cast<std::uint32_t>(pieces.size());
  pieces.push_back(std::move(piece));
  (order.last == kNone ? order.first : pieces[order.last].next) = at;
  order.last = at;
}

std::string_view Orders::view(const Piece& piece) const {
  if (!piece.shared.empty()) return piece.shared.view();
  return std::string_view(bytes).substr(piece.offset, piece.size);
}

void Orders::clear() {
  orders.clear();
  pieces.clear();
  if (bytes.capacity() > kKept) {
    bytes = {};
  } else {
    bytes.clear();
  }
}

}  // namespace holdfast::os
