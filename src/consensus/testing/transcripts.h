// Runs transcripts from tests/transcripts/consensus against the outcome written in them. Defined in
// transcript_test.cc: only tests may read files.
#pragma once

#include <string>
#include <vector>

#include "consensus/testing/cluster.h"

namespace holdfast::consensus::testing {

// The names (without .txt) of those that begin with `prefix`, or of those that do not, sorted.
std::vector<std::string> transcripts(const std::string& prefix, bool with_prefix);

// A gtest failure where the outcome differs; with HOLDFAST_REWRITE=1 the file is written anew.
void run_transcript(const std::string& name, const ClusterOptions& base);

}  // namespace holdfast::consensus::testing
