#include "base/calendar.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

TEST(Calendar, TellsTheDay) {
  const auto day = [](std::int64_t since_1970) { return day_text({since_1970 * 86'400'000}); };
  EXPECT_EQ(day(0), "1970-01-01");
  EXPECT_EQ(day(58), "1970-02-28");
  EXPECT_EQ(day(59), "1970-03-01");
  EXPECT_EQ(day(364), "1970-12-31");
  EXPECT_EQ(day(365), "1971-01-01");
  EXPECT_EQ(day(11'016), "2000-02-29");
  EXPECT_EQ(day(11'017), "2000-03-01");
  EXPECT_EQ(day(19'782), "2024-02-29");
  EXPECT_EQ(day(47'540), "2100-02-28");
  EXPECT_EQ(day(47'541), "2100-03-01");
}

TEST(Calendar, TellsTheHourOfTheDay) {
  EXPECT_EQ(hour_text({0}), "00:00:00");
  EXPECT_EQ(hour_text({86'399'999}), "23:59:59");
  EXPECT_EQ(hour_text({86'400'000}), "00:00:00");
  EXPECT_EQ(hour_text({1'700'000'000'123}), "22:13:20");
  EXPECT_EQ(day_text({1'700'000'000'123}), "2023-11-14");
}

}  // namespace
}  // namespace holdfast
