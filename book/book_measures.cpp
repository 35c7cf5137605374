// What a strategy asks of a book: spread, mid, averages, walks. Everything is exact up to one final
// rounding where the result is a double.
//   price  1e-8, below 2^63      size  1e-8, below 2^127      price x size  1e-16, below 2^190

#include "exact.hpp"
#include "upfeed/book.hpp"

namespace upfeed {
namespace {

using detail::Uint256;

std::uint64_t raw_of(Price price) {
  return static_cast<std::uint64_t>(price.raw());
}
Uint128 raw_of(WideQuantity quantity) {
  return static_cast<Uint128>(quantity.raw());
}
Uint256 notional_of(Price price, Uint128 quantity) {
  return detail::multiply(quantity, raw_of(price));
}

/// notional / quantity in the quote currency.
double average_price(const Uint256& notional, Uint128 quantity) {
  return detail::nearest_quotient(notional, detail::multiply(quantity, kFixedScale));
}

struct Walk {
  Uint128 quantity = 0;
  Uint256 notional;  ///< at 1e-16
  Price worst_price;
  std::uint32_t levels = 0;
  bool filled = false;
};

/// Goes down one side of a live book until nothing is left of `target`.
/// take  (level, left) -> quantity taken of that level; lowers left.
template <class Take>
Walk walk(const Book& book, Side side, Uint128 target, Take take) {
  Walk result;
  Uint128 left = target;
  const std::size_t count = side == Side::ask ? book.ask_count() : book.bid_count();
  for (std::size_t i = 0; i < count && left != 0; ++i) {
    const Level level = side == Side::ask ? book.ask_unchecked(i) : book.bid_unchecked(i);
    const Uint128 taken = take(level, left);
    if (taken == 0) continue;
    result.quantity += taken;
    result.notional = result.notional + notional_of(level.price, taken);
    result.worst_price = level.price;
    ++result.levels;
  }
  result.filled = left == 0;
  return result;
}

Walk walk_to_quantity(const Book& book, Side side, Uint128 target) {
  return walk(book, side, target, [](const Level& level, Uint128& left) {
    const Uint128 size = raw_of(level.size);
    const Uint128 taken = size < left ? size : left;
    left -= taken;
    return taken;
  });
}

Walk walk_to_notional(const Book& book, Side side, Price target) {
  const Uint128 scaled = Uint128{raw_of(target)} * kFixedScale;  // 1e-8 to 1e-16
  return walk(book, side, scaled, [](const Level& level, Uint128& left) {
    const Uint128 size = raw_of(level.size);
    const Uint256 whole = notional_of(level.price, size);
    if (!(Uint256{0, left} < whole)) {
      left -= whole.low;
      return size;
    }
    const Uint128 part = left / raw_of(level.price);
    left = 0;  // what remains buys less than 1e-8 of the base currency
    return part;
  });
}

std::optional<BookWalk> to_result(const Walk& walked) {
  constexpr Uint128 kMantissaEnd = Uint128{1} << 127;
  if (walked.notional.high != 0 || walked.notional.low >= kMantissaEnd) return std::nullopt;
  const std::optional<Decimal> notional =
      Decimal::from_parts(static_cast<Int128>(walked.notional.low), -2 * kFixedDecimals);
  UPFEED_ASSERT(notional.has_value());
  return BookWalk{WideQuantity::from_raw(static_cast<Int128>(walked.quantity)), *notional,
                  walked.worst_price, walked.levels, walked.filled};
}

bool can_walk(const Book& book, Side side, Int128 target) {
  return book.live() && side != Side::absent && target >= 0;
}

}  // namespace

std::optional<Price> Book::spread() const noexcept {
  if (ask_count() == 0 || bid_count() == 0) return std::nullopt;
  return units_[0].ask_price - units_[0].bid_price;
}

std::optional<Decimal> Book::mid() const noexcept {
  if (ask_count() == 0 || bid_count() == 0) return std::nullopt;
  const Int128 sum = Int128{units_[0].ask_price.raw()} + units_[0].bid_price.raw();
  return Decimal::from_parts(sum * 5, -kFixedDecimals - 1);
}

std::optional<double> Book::microprice() const noexcept {
  const std::optional<Level> ask = best_ask();
  const std::optional<Level> bid = best_bid();
  if (!ask || !bid) return std::nullopt;
  const Uint128 sizes = raw_of(ask->size) + raw_of(bid->size);
  if (sizes == 0) return std::nullopt;
  return average_price(
      notional_of(ask->price, raw_of(bid->size)) + notional_of(bid->price, raw_of(ask->size)),
      sizes);
}

std::optional<double> Book::imbalance(std::size_t depth) const noexcept {
  Uint256 asks;
  Uint256 bids;
  for (std::size_t i = 0; i < depth && i < ask_count(); ++i) {
    asks = asks + Uint256{0, raw_of(ask_unchecked(i).size)};
  }
  for (std::size_t i = 0; i < depth && i < bid_count(); ++i) {
    bids = bids + Uint256{0, raw_of(bid_unchecked(i).size)};
  }
  const Uint256 sum = asks + bids;
  if (sum.is_zero()) return std::nullopt;
  return bids < asks ? -detail::nearest_quotient(asks - bids, sum)
                     : detail::nearest_quotient(bids - asks, sum);
}

std::optional<BookWalk> Book::depth_to_notional(Side side, Price notional) const noexcept {
  if (!can_walk(*this, side, notional.raw())) return std::nullopt;
  return to_result(walk_to_notional(*this, side, notional));
}

std::optional<BookWalk> Book::walk_quantity(Side side, WideQuantity quantity) const noexcept {
  if (!can_walk(*this, side, quantity.raw())) return std::nullopt;
  return to_result(walk_to_quantity(*this, side, raw_of(quantity)));
}

std::optional<double> Book::vwap(Side side, WideQuantity quantity) const noexcept {
  if (!can_walk(*this, side, quantity.raw()) || quantity.raw() == 0) return std::nullopt;
  const Walk walked = walk_to_quantity(*this, side, raw_of(quantity));
  if (!walked.filled) return std::nullopt;
  return average_price(walked.notional, walked.quantity);
}

}  // namespace upfeed
