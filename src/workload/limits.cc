#include "workload/limits.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

namespace holdfast::workload {
namespace {

std::optional<std::string> read_passage(const resp::Reply& reply) {
  if (reply.kind != resp::Reply::Kind::array || reply.items.size() != 5) return std::nullopt;
  std::string text;
  for (const resp::Reply& item : reply.items) {
    if (item.kind != resp::Reply::Kind::integer) return std::nullopt;
    text += fmt::format("{}{}", text.empty() ? "" : " ", item.number);
  }
  return text;
}

}  // namespace

std::unique_ptr<Activity> ask_limit(Journal& journal, Prng& prng, std::string name,
                                    std::uint64_t number) {
  // From one in a second to many at once, so that some are always empty and others seldom.
  const std::uint64_t burst = number * 2;
  const std::uint64_t count = 1 + number * 7;
  const std::uint64_t period = 1 + number % 2;
  const std::uint64_t quantity = prng.below(8) == 0 ? prng.below(burst + 3) : 1;
  std::vector<std::string> words = {"CL.THROTTLE", name};
  std::string arg;
  for (const std::uint64_t word : {burst, count, period, quantity}) {
    words.push_back(fmt::format("{}", word));
    arg += (arg.empty() ? "" : " ") + words.back();
  }
  return std::make_unique<OneCommand>(journal, Op::throttle, std::move(name), std::move(arg),
                                      std::move(words), read_passage);
}

}  // namespace holdfast::workload
