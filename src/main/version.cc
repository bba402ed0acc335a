#include "main/version.h"

namespace holdfast {

const char* const kVersion = HOLDFAST_VERSION;

}  // namespace holdfast
