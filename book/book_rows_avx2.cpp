// Rows eight at a time. Compiled for AVX2 function by function, so that the rest of the library
// still runs on machines without it; nothing here may be called before the CPU was asked.

#include "book_rows.hpp"

#ifdef __x86_64__

#include <immintrin.h>

#include <algorithm>
#include <cstddef>

#define UPFEED_AVX2 [[gnu::target("avx2")]]
#define UPFEED_AVX2_INLINE [[gnu::target("avx2"), gnu::always_inline]] inline

namespace upfeed::detail {
namespace {

constexpr std::size_t kGroup = 8;
static_assert(sizeof(BookUnit) == sizeof(__m256i));
static_assert(offsetof(BookUnit, ask_price) == 0 && offsetof(BookUnit, bid_price) == 8);
static_assert(offsetof(BookUnit, ask_size) == 16 && offsetof(BookUnit, bid_size) == 24);

UPFEED_AVX2_INLINE __m256i load(const BookUnit* row) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(row));
}

UPFEED_AVX2_INLINE void store(BookUnit* row, __m256i value) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(row), value);
}

// Gathered over all rows.
struct Seen {
  __m256i any_bit;    // sign set: some value of the lane was below zero
  __m256i all_steps;  // sign set: every row of the lane came after the one before
};

// A row with its bid price complemented, which turns the order of bids around: now both prices
// must ascend.
UPFEED_AVX2_INLINE __m256i ascending(__m256i row) {
  return _mm256_xor_si256(row, _mm256_setr_epi64x(0, -1, 0, 0));
}

// All ones in each lane of the row that is as held. `before` is the row in front, ascending().
UPFEED_AVX2_INLINE __m256i look(const BookUnit* held, const BookUnit* fresh, __m256i& before,
                                Seen& seen) {
  const __m256i row = load(fresh);
  const __m256i key = ascending(row);
  seen.any_bit = _mm256_or_si256(seen.any_bit, row);
  // No overflow where no price is negative: keys of a lane then have the same sign.
  seen.all_steps = _mm256_and_si256(seen.all_steps, _mm256_sub_epi64(before, key));
  before = key;
  return _mm256_cmpeq_epi64(load(held), row);
}

// One more than it must be, so that the first row takes a step up whatever it is.
UPFEED_AVX2_INLINE __m256i before_first(const BookUnit* fresh) {
  return _mm256_add_epi64(ascending(load(fresh)), _mm256_set1_epi64x(-1));
}

// Bits of eight rows, asks in 0 to 7 and bids in 8 to 15: set where price and size are as held.
UPFEED_AVX2_INLINE std::uint32_t look_at_group(const BookUnit* held, const BookUnit* fresh,
                                               __m256i before, Seen& seen) {
  __m256i same[kGroup];
#pragma GCC unroll 8
  for (std::size_t i = 0; i < kGroup; ++i) same[i] = look(held + i, fresh + i, before, seen);
  // Packing halves the lanes and works within each half of the register: prices of all rows stay
  // in the low half, sizes in the high one, in either ask and bid in turn.
  const __m256i low = _mm256_packs_epi32(_mm256_packs_epi32(same[0], same[1]),
                                         _mm256_packs_epi32(same[2], same[3]));
  const __m256i high = _mm256_packs_epi32(_mm256_packs_epi32(same[4], same[5]),
                                          _mm256_packs_epi32(same[6], same[7]));
  const __m256i all = _mm256_packs_epi16(low, high);
  const __m128i both = _mm_and_si128(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
  const __m128i asks_then_bids =
      _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
  return static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_shuffle_epi8(both, asks_then_bids)));
}

// A group of one, for short books.
UPFEED_AVX2_INLINE std::uint32_t look_at_one(const BookUnit* held, const BookUnit* fresh,
                                             __m256i& before, Seen& seen) {
  const __m256i same = look(held, fresh, before, seen);
  const auto bits = static_cast<std::uint32_t>(_mm256_movemask_pd(_mm256_castsi256_pd(same)));
  const std::uint32_t prices_and_sizes = bits & bits >> 2;
  return (prices_and_sizes & 1) | (prices_and_sizes & 2) << (kGroup - 1);
}

// Masks of those rows from `first` on that are not the same.
UPFEED_AVX2_INLINE std::uint64_t changed(std::uint32_t same, std::uint32_t rows,
                                         std::size_t first) {
  return level_masks(~same & rows, ~same >> kGroup & rows) << first;
}

// Four at a time, or the compiler makes it a call of memcpy, which asks again what is known here.
UPFEED_AVX2_INLINE void copy_rows(BookUnit* held, const BookUnit* fresh, std::size_t count) {
  std::size_t i = 0;
  for (; i + 4 <= count; i += 4) {
    const __m256i rows[] = {load(fresh + i), load(fresh + i + 1), load(fresh + i + 2),
                            load(fresh + i + 3)};
    store(held + i, rows[0]);
    store(held + i + 1, rows[1]);
    store(held + i + 2, rows[2]);
    store(held + i + 3, rows[3]);
  }
  for (; i < count; ++i) store(held + i, load(fresh + i));
}

}  // namespace

UPFEED_AVX2 RowsFound look_at_rows_avx2(BookUnit* held, const BookUnit* fresh, std::size_t count,
                                        bool replace) noexcept {
  if (count == 0) return {0, true};
  std::uint64_t masks = 0;
  Seen seen{_mm256_setzero_si256(), _mm256_set1_epi64x(-1)};
  __m256i before = before_first(fresh);
  if (count < kGroup) {
    for (std::size_t i = 0; i < count; ++i) {
      masks |= changed(look_at_one(held + i, fresh + i, before, seen), 1, i);
    }
  } else {
    for (std::size_t i = 0;;) {
      masks |= changed(look_at_group(held + i, fresh + i, before, seen), (1U << kGroup) - 1, i);
      if (i == count - kGroup) break;
      // The last group takes in rows of the one before rather than going on row by row.
      i = std::min(i + kGroup, count - kGroup);
      before = ascending(load(fresh + i - 1));
    }
  }
  const int negative = _mm256_movemask_pd(_mm256_castsi256_pd(seen.any_bit));
  const int steps = _mm256_movemask_pd(_mm256_castsi256_pd(seen.all_steps));
  constexpr int kPrices = 0b0011;  // the steps of sizes mean nothing
  const bool good =
      negative == 0 && (steps & kPrices) == kPrices && fresh->bid_price < fresh->ask_price;
  if (good && replace) copy_rows(held, fresh, count);
  return {masks, good};
}

}  // namespace upfeed::detail

#endif
