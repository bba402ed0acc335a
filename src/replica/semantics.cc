// The newest version of what commands mean, alone in its file: tests link a program with another
// number in its place and run both in one cluster.

#include "replica/batch.h"

namespace holdfast::replica {

const std::uint16_t kSemantics = 3;

}  // namespace holdfast::replica
