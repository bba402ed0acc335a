#include "base/ids.h"

namespace holdfast {

fmt::format_context::iterator PlainFormat::number(std::uint64_t value,
                                                  fmt::format_context& context) {
  return fmt::format_to(context.out(), "{}", value);
}

}  // namespace holdfast

fmt::format_context::iterator fmt::formatter<holdfast::Epoch>::format(
    holdfast::Epoch epoch, fmt::format_context& context) const {
  return fmt::format_to(context.out(), "{}.{}", epoch.round, epoch.node.value);
}
