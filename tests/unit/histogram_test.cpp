// The histogram behind the program's latencies, against a sorted list of the same values.
#include "upfeed/histogram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>
#include <vector>

namespace upfeed::program {
namespace {

// Goal: nothing recorded is zero, not garbage. Method: ask an empty one.
TEST(Histogram, empty_answers_zero) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.max(), 0U);
  EXPECT_EQ(histogram.quantile(0.5), 0U);
}

// Goal: small values are exact. Method: 0 to 63 once each, every rank.
TEST(Histogram, values_below_64_are_exact) {
  Histogram histogram;
  for (int value = 0; value < 64; ++value) histogram.record(value);
  for (int rank = 1; rank <= 64; ++rank) {
    EXPECT_EQ(histogram.quantile(rank / 64.0), static_cast<std::uint64_t>(rank - 1));
  }
}

// Goal: quantiles are never too low and at most 1/32 too high, at every magnitude. Method: random
// values over 50 powers of two against the sorted list.
TEST(Histogram, quantiles_are_at_most_a_thirtysecond_too_high) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  Histogram histogram;
  std::vector<std::uint64_t> values;
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(random() >> (14 + random() % 50));
    histogram.record(static_cast<std::int64_t>(values.back()));
  }
  std::sort(values.begin(), values.end());
  for (const double fraction : {0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const double rank = std::max(std::ceil(fraction * static_cast<double>(values.size())), 1.0);
    const std::uint64_t exact = values[static_cast<std::size_t>(rank) - 1];
    EXPECT_GE(histogram.quantile(fraction), exact) << fraction;
    EXPECT_LE(histogram.quantile(fraction), exact + exact / 32) << fraction;
  }
  EXPECT_EQ(histogram.max(), values.back());
  EXPECT_EQ(histogram.quantile(1.0), values.back());
  EXPECT_EQ(histogram.count(), values.size());
}

/// Some random values and a histogram of them.
struct Sample {
  Sample(std::mt19937_64& random, int count) {
    for (int i = 0; i < count; ++i) {
      values.push_back(static_cast<std::int64_t>(random() >> (14 + random() % 50)));
      histogram.record(values.back());
    }
  }
  std::vector<std::int64_t> values;
  Histogram histogram;
};

void expect_same(const Histogram& a, const Histogram& b) {
  for (std::size_t i = 0; i < Histogram::kBucketCount; ++i) EXPECT_EQ(a.bucket(i), b.bucket(i));
  EXPECT_EQ(a.count(), b.count());
  EXPECT_EQ(a.sum(), b.sum());
  for (const double fraction : {0.5, 0.9, 0.99}) {
    EXPECT_EQ(a.quantile(fraction), b.quantile(fraction));
  }
}

// Goal: a merge is as if all had been recorded in one; the difference takes it back. Method: two
// random halves and their whole.
TEST(Histogram, merge_adds_and_since_takes_away) {
  const unsigned seed = std::random_device{}();
  std::printf("seed %u\n", seed);
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  const Sample before(random, 5'000);
  const Sample after(random, 7'000);
  Histogram both = before.histogram;
  both.merge(after.histogram);
  Histogram whole = before.histogram;
  for (const std::int64_t value : after.values) whole.record(value);
  expect_same(both, whole);
  EXPECT_EQ(both.max(), whole.max());

  const Histogram rest = whole.since(before.histogram);
  expect_same(rest, after.histogram);
  EXPECT_GE(rest.max(), after.histogram.max());
  EXPECT_LE(rest.max(), after.histogram.max() + after.histogram.max() / 32);
  expect_same(whole.since(whole), Histogram());
  EXPECT_EQ(whole.since(whole).max(), 0U);
}

// Goal: every value lies in its bucket and the buckets follow each other without a gap. Method: the
// edges of all of them.
TEST(Histogram, buckets_cover_everything_once) {
  std::uint64_t lowest = 0;
  for (std::size_t i = 0; i < Histogram::kBucketCount; ++i) {
    EXPECT_EQ(Histogram::index_of(lowest), i);
    EXPECT_EQ(Histogram::index_of(Histogram::highest_of(i)), i);
    EXPECT_LE(Histogram::highest_of(i) - lowest, lowest / 32);
    lowest = Histogram::highest_of(i) + 1;
  }
  EXPECT_EQ(lowest, 0U);  // the last bucket ends at the largest value there is
}

// Goal: the ends of the range are safe. Method: negative and the largest value.
TEST(Histogram, negative_counts_as_zero_and_the_largest_value_fits) {
  Histogram histogram;
  histogram.record(-5);
  histogram.record(INT64_MAX);
  EXPECT_EQ(histogram.quantile(0.5), 0U);
  EXPECT_EQ(histogram.max(), static_cast<std::uint64_t>(INT64_MAX));
  EXPECT_EQ(histogram.quantile(1.0), static_cast<std::uint64_t>(INT64_MAX));
}

}  // namespace
}  // namespace upfeed::program
