// `holdfast bench`, from the first node started to the verdict printed.
#pragma once

#include <string>

#include "cli/bench_options.h"

namespace holdfast::cli {

// Exit codes, beside kUsage.
inline constexpr int kClean = 0;
inline constexpr int kViolation = 1;
inline constexpr int kUnreachable = 3;

int run_bench(const BenchOptions& options);
// Judges a history that was written before, by whomever.
int judge_file(const std::string& path, bool json);

}  // namespace holdfast::cli
