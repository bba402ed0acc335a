// What a checker says.
#pragma once

#include <string>

namespace holdfast::workload {

struct Verdict {
  bool ok = true;
  // If not: what was promised and what was seen, with the operations around the point of failure.
  std::string explanation = {};
};

}  // namespace holdfast::workload
