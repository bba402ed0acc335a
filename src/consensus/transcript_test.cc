// The stories in tests/transcripts/consensus happen as they are told.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "consensus/testing/script.h"
#include "consensus/testing/transcripts.h"

namespace holdfast::consensus::testing {
namespace {

// Tests run in the root of the repository; by hand they may be run anywhere.
std::filesystem::path folder() {
  const std::filesystem::path relative = "tests/transcripts/consensus";
  if (std::filesystem::exists(relative)) return relative;
  const std::filesystem::path here = __FILE__;
  return here.parent_path().parent_path().parent_path().parent_path() / relative;
}

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

std::vector<std::string> transcripts(const std::string& prefix, bool with_prefix) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder())) {
    const std::string name = entry.path().stem().string();
    if (entry.path().extension() != ".txt") continue;
    if ((name.rfind(prefix, 0) == 0) == with_prefix) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

void run_transcript(const std::string& name, const ClusterOptions& base) {
  const auto path = folder() / (name + ".txt");
  const std::string expected = read(path);
  ASSERT_FALSE(expected.empty()) << path;
  const std::string actual = Script(base).run(expected);
  const char* rewrite = std::getenv("HOLDFAST_REWRITE");
  if (rewrite != nullptr && std::string(rewrite) == "1") {
    std::ofstream(path) << actual;
    return;
  }
  EXPECT_EQ(expected, actual) << path << ": HOLDFAST_REWRITE=1 writes what happens now";
}

}  // namespace holdfast::consensus::testing

namespace holdfast::consensus {
namespace {

class RaftTranscript : public ::testing::TestWithParam<std::string> {};

TEST_P(RaftTranscript, happens_as_told) { testing::run_transcript(GetParam(), {}); }

INSTANTIATE_TEST_SUITE_P(Consensus, RaftTranscript,
                         ::testing::ValuesIn(testing::transcripts("paxos_", false)),
                         [](const auto& one) { return one.param; });

}  // namespace
}  // namespace holdfast::consensus
