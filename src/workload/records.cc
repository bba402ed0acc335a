#include "workload/records.h"

#include <fmt/format.h>

namespace holdfast::workload {

using resp::Reply;

const Reply* record_value(const Reply& record, std::size_t number) {
  const bool map = record.kind == Reply::Kind::map;
  if (!map && record.kind != Reply::Kind::array) return nullptr;
  const std::size_t at = map ? 2 * number + 1 : number;
  return at < record.items.size() ? &record.items[at] : nullptr;
}

const std::int64_t* record_number(const Reply& record, std::size_t number) {
  const Reply* value = record_value(record, number);
  return value != nullptr && value->kind == Reply::Kind::integer ? &value->number : nullptr;
}

std::optional<std::string> queue_text(const Reply* waiters) {
  if (waiters == nullptr || waiters->kind != Reply::Kind::array) return std::nullopt;
  std::string text;
  for (const Reply& waiter : waiters->items) {
    const Reply* owner = record_value(waiter, 0);
    const auto* queued_at = record_number(waiter, 1);
    if (owner == nullptr || owner->kind != Reply::Kind::bulk || queued_at == nullptr) {
      return std::nullopt;
    }
    text += fmt::format(" {}:{}", owner->text, *queued_at);
  }
  return text;
}

}  // namespace holdfast::workload
