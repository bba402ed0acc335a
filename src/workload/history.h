// What clients saw: one operation each, with the times at which it was called and returned.
//
// Three outcomes. `failed`: certainly without effect. `unknown`: may have had its effect at any time
// after the call, even after the end of the history; such an operation stays open to the end.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace holdfast::workload {

enum class OperationKind : std::uint8_t { read, write };
enum class Ended : std::uint8_t { ok, failed, unknown };

struct Operation {
  std::uint32_t client = 0;
  OperationKind kind = OperationKind::read;
  std::string key;
  std::string value;  // written, or read ("" for a missing key)
  std::int64_t called_ns = 0;
  std::int64_t returned_ns = 0;
  Ended ended = Ended::unknown;
};

using History = std::vector<Operation>;

}  // namespace holdfast::workload
