// The stories in tests/transcripts/consensus happen as they are told.
#include <gtest/gtest.h>

#include "consensus/testing/transcripts.h"

namespace holdfast::consensus {
namespace {

class RaftTranscript : public ::testing::TestWithParam<std::string> {};

TEST_P(RaftTranscript, happens_as_told) { testing::run_transcript(GetParam(), {}); }

INSTANTIATE_TEST_SUITE_P(Consensus, RaftTranscript,
                         ::testing::ValuesIn(testing::transcripts("paxos_", false)),
                         [](const auto& one) { return one.param; });

}  // namespace
}  // namespace holdfast::consensus
