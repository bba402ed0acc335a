// When the file that the log was to go on in could not be made, the log took any error for a full disk: it
// waited for room and tried again, and what had failed once (a sync, an I/O error) was done as if it had
// not. Only of a full disk is more room asked for again and again.

#include <gtest/gtest.h>

#include "storage/log_fixture.h"

namespace holdfast::storage {
namespace {

class NextSegment : public LogFixture {
 protected:
  // While the file is made that the log is to go on in.
  template <class Operation>
  void expect_the_end_where_it_fails() {
    ASSERT_EQ(open(), "");
    disk.fault = [](const env::DiskOperation& operation) -> std::optional<Error> {
      if (!std::holds_alternative<Operation>(operation)) return {};
      return Error{"input/output error"};
    };
    disk.run_all();
    EXPECT_EQ(fatal.size(), 1u);
    append("a");
    flush_all();
    EXPECT_EQ(acknowledged, 0);
  }
};

TEST_F(NextSegment, AFailedSyncIsTheEnd) { expect_the_end_where_it_fails<env::SyncFolder>(); }

TEST_F(NextSegment, AnErrorIsTheEnd) { expect_the_end_where_it_fails<env::CreateFile>(); }

}  // namespace
}  // namespace holdfast::storage
