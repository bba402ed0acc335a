#include "holdfast/counter.h"

#include <charconv>
#include <utility>

#include "client/calls.h"

namespace holdfast {

Counter::Counter(Client client, std::string key)
    : client_(std::move(client)), key_(std::move(key)) {}

Outcome<std::int64_t> Counter::add(std::int64_t amount) {
  auto sum = client_.write_once({"INCRBY", key_, std::to_string(amount)});
  if (!sum) return sum.failure();
  if (sum->kind != Value::Kind::integer) return client::strange("INCRBY", Fate::unknown);
  return sum->integer;
}

Outcome<std::int64_t> Counter::get() {
  auto value = client_.read({"GET", key_});
  if (!value) return value.failure();
  if (value->is_null()) return std::int64_t{0};
  std::int64_t number = 0;
  const char* const end = value->text.data() + value->text.size();
  const auto read = std::from_chars(value->text.data(), end, number);
  if (read.ec == std::errc() && read.ptr == end && !value->text.empty()) return number;
  return Failure{Fate::not_done, "ERR", "the key '" + key_ + "' holds no integer"};
}

}  // namespace holdfast
