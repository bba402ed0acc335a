// What this build calls itself. In a source of its own because another build differs in nothing
// else of this folder: that of tests/upgrade.
#pragma once

namespace holdfast {

extern const char* const kVersion;

}  // namespace holdfast
