#include "server/forward_order.h"

#include <gtest/gtest.h>

#include "server/request_ring.h"

namespace holdfast::server {
namespace {

Origin request(std::uint64_t position, std::uint8_t attempt) {
  return {NodeId(2), Incarnation(1), ConnectionId(5), request_number(position, attempt)};
}

TEST(ForwardOrder, WhatWasSentBehindARefusedCommandIsRefusedUntilItComesAgain) {
  ForwardOrder order;
  EXPECT_FALSE(order.must_refuse(request(1, 0)));
  order.on_refused(request(1, 0));  // busy
  EXPECT_TRUE(order.must_refuse(request(2, 0)));
  EXPECT_FALSE(order.must_refuse(request(1, 1)));
  order.on_accepted(request(1, 1));
  EXPECT_FALSE(order.must_refuse(request(2, 1)));
}

TEST(ForwardOrder, ASecondRefusalOfTheSameCommandHoldsTheOthersBackAgain) {
  ForwardOrder order;
  order.on_refused(request(1, 0));
  EXPECT_TRUE(order.must_refuse(request(2, 0)));
  EXPECT_FALSE(order.must_refuse(request(1, 1)));
  order.on_refused(request(1, 1));  // busy again
  EXPECT_TRUE(order.must_refuse(request(2, 1)));
  EXPECT_FALSE(order.must_refuse(request(1, 2)));
  order.on_accepted(request(1, 2));
  EXPECT_FALSE(order.must_refuse(request(2, 2)));
}

TEST(ForwardOrder, KnowsConnectionsApart) {
  ForwardOrder order;
  order.on_refused(request(1, 0));
  Origin other = request(9, 0);
  other.connection = ConnectionId(6);
  EXPECT_FALSE(order.must_refuse(other));
  order.clear();
  EXPECT_FALSE(order.must_refuse(request(2, 0)));
}

}  // namespace
}  // namespace holdfast::server
