#pragma once

// The part of Book::apply that looks at every level: is the frame in order, and what differs from
// the levels held. All is read before anything is written, so a faulty frame leaves the book as it
// was.
//
//   row i   | ask price | bid price | ask size | bid size |   four int64, one 256-bit register
//
// One function per kind of machine. They agree in every bit (book_rows_test); which of them runs is
// decided once, by the CPU, not by compiler flags.
//
// Deliberately not done: padding and wide sizes. They are rare, and stand in book.cpp.

#include <cstddef>
#include <cstdint>

#include "upfeed/events.hpp"

namespace upfeed::detail {

/// Two masks in one register, as the caller of Book::apply gets them: asks from bit 0, bids from
/// bit 32.
[[nodiscard]] constexpr std::uint64_t level_masks(std::uint32_t asks, std::uint32_t bids) {
  return asks | std::uint64_t{bids} << 32;
}

/// Which rows differ, ask or bid, from those held, in price or size; and a judgement.
class RowsFound {
 public:
  /// changed  level_masks of at most 30 rows.
  RowsFound(std::uint64_t changed, bool good) noexcept
      : bits_(changed | (good ? kGood : std::uint64_t{0})) {}
  [[nodiscard]] bool good() const noexcept { return (bits_ & kGood) != 0; }
  [[nodiscard]] std::uint64_t changed() const noexcept { return bits_ & ~kGood; }

 private:
  static constexpr std::uint64_t kGood = std::uint64_t{1} << 63;
  std::uint64_t bits_;
};
static_assert(kBookDepthMax < 31, "bit 63 is free");

/// Compares `count` fresh rows with those held, and judges them: good when asks strictly ascend,
/// bids strictly descend, the best bid is below the best ask, and nothing is below zero. Then there
/// is no marker of a wide size either, and no padding but in the only row of a frame of one.
/// held     becomes fresh when that is good and `replace` is set; untouched otherwise.
/// returns  what differed before, whatever the judgement.
using RowsFunction = RowsFound (*)(BookUnit* held, const BookUnit* fresh, std::size_t count,
                                   bool replace) noexcept;

/// For any machine.
RowsFound look_at_rows_portable(BookUnit* held, const BookUnit* fresh, std::size_t count,
                                bool replace) noexcept;
#ifdef __x86_64__
/// For CPUs with AVX2 only.
RowsFound look_at_rows_avx2(BookUnit* held, const BookUnit* fresh, std::size_t count,
                            bool replace) noexcept;
#endif

/// The fastest that this CPU runs.
[[nodiscard]] RowsFunction best_rows_function() noexcept;

}  // namespace upfeed::detail
