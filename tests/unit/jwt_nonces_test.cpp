#include <gtest/gtest.h>

#include <algorithm>

#include "net/jwt.hpp"

namespace upfeed::net {
namespace {

// A million nonces, sorted: no two are equal.
TEST(JwtNonces, a_million_are_distinct) {
  std::vector<Nonce> nonces(1'000'000);
  for (Nonce& nonce : nonces) ASSERT_TRUE(make_nonce(nonce));
  std::sort(nonces.begin(), nonces.end());
  EXPECT_EQ(std::adjacent_find(nonces.begin(), nonces.end()), nonces.end());
}

}  // namespace
}  // namespace upfeed::net
