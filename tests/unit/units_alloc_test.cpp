#include <gtest/gtest.h>

#include "alloc_guard.hpp"
#include "upfeed/units.hpp"

namespace upfeed {
namespace {

// Reading, comparing, printing and rounding a number never touch the heap: the long and the short
// paths of each run on a watched thread.
TEST(UnitsAlloc, number_paths_do_not_allocate) {
  alloc_guard::reset();
  alloc_guard::watch_this_thread();
  double sum = 0;
  std::size_t written = 0;
  for (const std::string_view text :
       {"1.16539E8", "106691000.00000000", "-9223372036.85477580", "1163452300398.663141592653589",
        "7.0000000000000000000000000000000000001", "1E-64"}) {
    char out[kNumberTextMax];
    const std::optional<Decimal> decimal = Decimal::parse(text);
    written += static_cast<std::size_t>(to_chars(out, *decimal) - out);
    sum += decimal->to_double();
    sum += Decimal::compare(*decimal, Decimal()) > 0 ? 1 : 0;
    if (const auto price = Price::parse(text)) sum += price->to_double();
    if (const auto wide = WideQuantity::parse(text)) sum += wide->to_double();
  }
  alloc_guard::unwatch_this_thread();
  EXPECT_EQ(alloc_guard::counts(), alloc_guard::Counts{}) << alloc_guard::report();
  EXPECT_GT(sum, 1e12);
  EXPECT_GT(written, 100U);
}

}  // namespace
}  // namespace upfeed
