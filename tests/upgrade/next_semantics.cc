// Stands in for src/replica/semantics.cc: a build that knows one version more.

#include "commands/levels.h"
#include "replica/batch.h"

namespace holdfast::replica {

const std::uint16_t kSemantics = commands::Levels::kCoordination + 1;

}  // namespace holdfast::replica
