// Every way to look at the rows of a frame against one that is too plain to be wrong.

#include "book/book_rows.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <limits>
#include <random>
#include <utility>

#include "seed.hpp"

namespace upfeed::detail {
namespace {

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();

// ask price, bid price, ask size, bid size
using Row = std::array<std::int64_t, 4>;
// With rows behind the last, which nobody may touch.
using Rows = std::array<Row, kBookDepthMax + 2>;

std::array<BookUnit, kBookDepthMax + 2> units_of(const Rows& rows) {
  std::array<BookUnit, kBookDepthMax + 2> units;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    units[i] = {Price::from_raw(rows[i][0]), Price::from_raw(rows[i][1]),
                Quantity::from_raw(rows[i][2]), Quantity::from_raw(rows[i][3])};
  }
  return units;
}

bool is_good(const Rows& rows, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    for (const std::int64_t value : rows[i]) {
      if (value < 0) return false;
    }
    if (i > 0 && (rows[i][0] <= rows[i - 1][0] || rows[i][1] >= rows[i - 1][1])) return false;
  }
  return count == 0 || rows[0][1] < rows[0][0];
}

std::uint64_t difference(const Rows& a, const Rows& b, std::size_t count) {
  std::uint64_t changed = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (a[i][0] != b[i][0] || a[i][2] != b[i][2]) changed |= std::uint64_t{1} << i;
    if (a[i][1] != b[i][1] || a[i][3] != b[i][3]) changed |= std::uint64_t{1} << (32 + i);
  }
  return changed;
}

class BookRows : public testing::TestWithParam<RowsFunction> {
 protected:
  void SetUp() override {
#ifdef __x86_64__
    if (GetParam() == look_at_rows_avx2 && !__builtin_cpu_supports("avx2")) {
      GTEST_SKIP() << "this CPU has no AVX2";
    }
#endif
  }

  void expect_as_the_plain_way(const Rows& held, const Rows& fresh, std::size_t count,
                               bool replace) {
    const auto before = units_of(held);
    const auto next = units_of(fresh);
    auto units = before;
    const RowsFound found = GetParam()(units.data(), next.data(), count, replace);
    const bool good = is_good(fresh, count);
    ASSERT_EQ(found.good(), good);
    ASSERT_EQ(found.changed(), difference(held, fresh, count));
    for (std::size_t i = 0; i < units.size(); ++i) {
      ASSERT_EQ(units[i], good && replace && i < count ? next[i] : before[i]) << "row " << i;
    }
  }
};

// Sorted, not crossed, with steps from 1 to almost all there is.
Rows random_good_rows(std::mt19937_64& random) {
  Rows rows;
  const std::uint64_t step_max = std::uint64_t{1} << (random() % 57);
  const auto step = [&] { return static_cast<std::int64_t>(1 + random() % step_max); };
  std::int64_t ask = kMax / 2 + 1;
  std::int64_t bid = kMax / 2;
  for (Row& row : rows) {
    row = {ask, bid, static_cast<std::int64_t>(random() >> (1 + random() % 63)),
           static_cast<std::int64_t>(random() >> (1 + random() % 63))};
    ask += step();
    bid -= step();
  }
  return rows;
}

// One value changed in each place, in each count, by each amount that could slip through: the
// masks, the judgement and what is held stay those of the plain way.
TEST_P(BookRows, one_changed_value_is_seen_in_every_place) {
  std::mt19937_64 random(test_seed());
  for (std::size_t count = 0; count <= kBookDepthMax; ++count) {
    const Rows good = random_good_rows(random);
    expect_as_the_plain_way(good, good, count, true);
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t lane = 0; lane < 4; ++lane) {
        const std::int64_t before = i > 0 ? good[i - 1][lane] : 0;
        for (const std::int64_t value :
             {good[i][lane] ^ 1, good[i][lane] ^ (std::int64_t{1} << 32), kMax, kMin, kMin + 1,
              std::int64_t{-1}, std::int64_t{0}, std::int64_t{1}, before, before + 1, before - 1,
              good[i + 1][lane]}) {
          Rows changed = good;
          changed[i][lane] = value;
          ASSERT_NO_FATAL_FAILURE(expect_as_the_plain_way(good, changed, count, true))
              << "row " << i << " of " << count << ", lane " << lane << ", value " << value;
          ASSERT_NO_FATAL_FAILURE(expect_as_the_plain_way(changed, good, count, true));
        }
      }
    }
  }
}

// Random frames, most of them damaged in a few places at once, one after another on the same book.
TEST_P(BookRows, random_frames_are_judged_and_compared_the_plain_way) {
  std::mt19937_64 random(test_seed());
  Rows held = random_good_rows(random);
  int good = 0;
  for (int round = 0; round < 100'000; ++round) {
    Rows fresh = random() % 2 == 0 ? held : random_good_rows(random);
    const std::size_t count = random() % (kBookDepthMax + 1);
    for (std::uint64_t damage = random() % 4; damage > 0; --damage) {
      Row& row = fresh[random() % fresh.size()];
      Row& other = fresh[random() % fresh.size()];
      const std::size_t lane = random() % 4;
      switch (random() % 5) {
        case 0:
          std::swap(row, other);
          break;
        case 1:
          row[lane] = other[lane];
          break;
        case 2:
          std::swap(row[0], row[1]);
          break;
        case 3:
          row[lane] = static_cast<std::int64_t>(random());
          break;
        case 4:
          row[2 + lane % 2] = static_cast<std::int64_t>(random() >> 1);
          break;
      }
    }
    ASSERT_NO_FATAL_FAILURE(expect_as_the_plain_way(held, fresh, count, random() % 4 != 0));
    if (!is_good(fresh, kBookDepthMax)) continue;
    ++good;
    held = fresh;
  }
  EXPECT_GT(good, 10'000);
}

// A CPU with AVX2 gets the function for it, any other the one for all.
TEST(BookRowsChoice, the_cpu_decides) {
#ifdef __x86_64__
  EXPECT_EQ(best_rows_function(),
            __builtin_cpu_supports("avx2") ? look_at_rows_avx2 : look_at_rows_portable);
#else
  EXPECT_EQ(best_rows_function(), look_at_rows_portable);
#endif
}

INSTANTIATE_TEST_SUITE_P(portable, BookRows, testing::Values(look_at_rows_portable));
#ifdef __x86_64__
INSTANTIATE_TEST_SUITE_P(avx2, BookRows, testing::Values(look_at_rows_avx2));
#endif

}  // namespace
}  // namespace upfeed::detail
