#include "os/output_queue.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "base/prng.h"

namespace holdfast::os {
namespace {

// Takes up to `count` bytes off the front through gather and consume, as a socket would.
std::string take(OutputQueue& queue, std::size_t count) {
  std::array<iovec, 3> vectors;
  std::string out;
  const std::size_t parts = queue.gather(vectors);
  for (std::size_t i = 0; i < parts; ++i) {
    out.append(static_cast<const char*>(vectors[i].iov_base), vectors[i].iov_len);
  }
  out.resize(std::min(out.size(), count));
  queue.consume(out.size());
  return out;
}

TEST(OutputQueue, KeepsOrderWhateverIsTaken) {
  Prng prng(7);
  OutputQueue queue;
  std::string expected;
  std::string got;
  for (int i = 0; i < 2000; ++i) {
    const std::string bytes(prng.below(5000), static_cast<char>('a' + i % 26));
    expected += bytes;
    if (prng.below(2) == 0) {
      queue.add(std::string_view(bytes));
    } else {
      queue.add(SharedBytes(bytes));
    }
    got += take(queue, prng.below(12000));
    ASSERT_EQ(queue.size(), expected.size() - got.size());
  }
  while (!queue.empty()) got += take(queue, 100000);
  EXPECT_EQ(got, expected);
}

TEST(OutputQueue, BigViewsAreNotCopied) {
  OutputQueue queue;
  const SharedBytes big(std::string(100000, 'b'));
  queue.add("head");
  queue.add(big);
  std::array<iovec, 4> vectors;
  ASSERT_EQ(queue.gather(vectors), 2u);
  EXPECT_EQ(vectors[1].iov_base, big.view().data());
}

}  // namespace
}  // namespace holdfast::os
