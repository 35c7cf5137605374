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

/// One bit per row whose ask (or bid) differs from the one held, in price or size.
struct RowsChanged {
  std::uint32_t asks = 0;
  std::uint32_t bids = 0;
};

/// Compares `count` fresh rows with those held, and judges them: good when asks strictly ascend,
/// bids strictly descend, the best bid is below the best ask, and nothing is below zero. Then there
/// is no marker of a wide size either, and no padding but in the only row of a frame of one.
/// held     becomes fresh when it is good and `replace` is set; untouched otherwise.
/// changed  written whatever the judgement, from the rows held before.
/// returns  good.
using RowsFunction = bool (*)(BookUnit* held, const BookUnit* fresh, std::size_t count,
                              bool replace, RowsChanged& changed) noexcept;

/// For any machine.
bool look_at_rows_portable(BookUnit* held, const BookUnit* fresh, std::size_t count, bool replace,
                           RowsChanged& changed) noexcept;
#ifdef __x86_64__
/// For CPUs with AVX2 only.
bool look_at_rows_avx2(BookUnit* held, const BookUnit* fresh, std::size_t count, bool replace,
                       RowsChanged& changed) noexcept;
#endif

/// The fastest that this CPU runs.
[[nodiscard]] RowsFunction best_rows_function() noexcept;

}  // namespace upfeed::detail
