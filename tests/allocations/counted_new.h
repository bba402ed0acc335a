// A program that links counted_new.cc counts its calls of operator new, of all threads.
#pragma once

#include <cstdint>

namespace holdfast {

std::uint64_t allocations();

}  // namespace holdfast
