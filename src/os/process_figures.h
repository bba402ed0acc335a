// The figures of this process, from /proc.
#pragma once

#include "env/process_figures.h"

namespace holdfast::os {

// What cannot be read stays 0.
env::ProcessFigures process_figures();

}  // namespace holdfast::os
