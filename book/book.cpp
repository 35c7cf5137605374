#include "upfeed/book.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace upfeed {
namespace {

constexpr std::uint32_t low_bits(std::size_t count) {
  return (std::uint32_t{1} << count) - 1;
}
static_assert(kBookDepthMax < 32, "a mask has one bit per level");

/// One bit per unit whose ask (or bid) differs from the one held at its place.
struct Changed {
  std::uint32_t asks = 0;
  std::uint32_t bids = 0;
};

/// The prices of a unit, or its sizes: ask and bid in one register of any 64-bit machine with
/// vectors. Unsigned, so that no difference overflows.
using Pair = std::uint64_t __attribute__((vector_size(16)));
enum Lane : std::size_t { kAsk, kBid };
constexpr std::uint64_t kOnes = ~std::uint64_t{0};
static_assert(offsetof(BookUnit, ask_price) == 0 && offsetof(BookUnit, bid_price) == 8);
static_assert(offsetof(BookUnit, ask_size) == 16 && offsetof(BookUnit, bid_size) == 24);

void load_prices(Pair& pair, const BookUnit& unit) {
  std::memcpy(&pair, &unit, sizeof pair);
}
void load_sizes(Pair& pair, const BookUnit& unit) {
  std::memcpy(&pair, reinterpret_cast<const std::byte*>(&unit) + sizeof pair, sizeof pair);
}
constexpr bool is_negative(std::uint64_t lane) {
  return lane >> 63 != 0;
}

// No branch in the loop: levels change at random places, so one would be mispredicted.
Changed replace_units(BookUnit* held, const BookUnit* fresh, std::size_t count) {
  Pair masks{};
  for (std::size_t i = count; i-- > 0;) {
    Pair old_prices, old_sizes, prices, sizes;
    load_prices(old_prices, held[i]);
    load_sizes(old_sizes, held[i]);
    load_prices(prices, fresh[i]);
    load_sizes(sizes, fresh[i]);
    const Pair difference = (old_prices ^ prices) | (old_sizes ^ sizes);
    // The top bit of x | -x is set where x is not zero; it enters at the bottom of the mask.
    masks = masks << 1 | (difference | -difference) >> 63;
    held[i] = fresh[i];
  }
  return {.asks = static_cast<std::uint32_t>(masks[kAsk]),
          .bids = static_cast<std::uint32_t>(masks[kBid])};
}

Changed replace_wide(WideUnitSizes* held, const WideUnitSizes* fresh, std::size_t count) {
  Changed changed;
  for (std::size_t i = 0; i < count; ++i) {
    changed.asks |= std::uint32_t{held[i].ask_size != fresh[i].ask_size} << i;
    changed.bids |= std::uint32_t{held[i].bid_size != fresh[i].bid_size} << i;
    held[i] = fresh[i];
  }
  return changed;
}

/// Some price or size of the first `count` units is below zero.
bool any_negative(const OrderbookEvent& event, std::size_t count) {
  const BookUnit* const units = event.unit_array();
  const std::span<const WideUnitSizes> wide = event.wide_sizes();
  Pair all_prices{};
  Pair all_sizes{};
  for (std::size_t i = 0; i < count; ++i) {
    Pair prices, sizes;
    load_prices(prices, units[i]);
    load_sizes(sizes, units[i]);
    all_prices |= prices;
    all_sizes |= sizes;
  }
  const bool negative_price = is_negative(all_prices[kAsk] | all_prices[kBid]);
  if (wide.empty()) return negative_price || is_negative(all_sizes[kAsk] | all_sizes[kBid]);
  Int128 all_wide = 0;  // the narrow sizes are no guide here: the marker is negative
  for (std::size_t i = 0; i < count; ++i) {
    all_wide |= wide[i].ask_size.raw() | wide[i].bid_size.raw();
  }
  return negative_price || all_wide < 0;
}

/// Asks strictly ascend and bids strictly descend. No price is negative.
bool sorted(const BookUnit* units, std::size_t asks, std::size_t bids) {
  const std::size_t both = std::min(asks, bids);
  Pair wrong{};
  for (std::size_t i = 1; i < both; ++i) {
    Pair before, prices;
    load_prices(before, units[i - 1]);
    load_prices(prices, units[i]);
    // An ask has risen when rise - 1 is not negative, a bid has fallen when ~rise = -rise - 1 is
    // not.
    const Pair rise = prices - before;
    wrong |= (rise + Pair{kOnes, 0}) ^ Pair { 0, kOnes };
  }
  bool in_order = !is_negative(wrong[kAsk] | wrong[kBid]);
  for (std::size_t i = std::max<std::size_t>(both, 1); i < asks; ++i) {
    in_order &= units[i].ask_price > units[i - 1].ask_price;
  }
  for (std::size_t i = std::max<std::size_t>(both, 1); i < bids; ++i) {
    in_order &= units[i].bid_price < units[i - 1].bid_price;
  }
  return in_order;
}

}  // namespace

BookFault Book::check(const OrderbookEvent& event, std::size_t count) const noexcept {
  const BookUnit* const units = event.unit_array();
  const std::size_t asks = std::min<std::size_t>(event.ask_count, count);
  const std::size_t bids = std::min<std::size_t>(event.bid_count, count);

  if (any_negative(event, count)) return BookFault::negative;

  // Behind the counted levels nothing but zeros may come. A size that only the wide form holds
  // shows here as its marker, which is not zero either.
  std::int64_t behind = 0;
  for (std::size_t i = asks; i < count; ++i) {
    behind |= units[i].ask_price.raw() | units[i].ask_size.raw();
  }
  for (std::size_t i = bids; i < count; ++i) {
    behind |= units[i].bid_price.raw() | units[i].bid_size.raw();
  }
  if (behind != 0) return BookFault::padding_inside;

  if (!sorted(units, asks, bids)) return BookFault::unsorted;
  if (asks > 0 && bids > 0 && units[0].bid_price >= units[0].ask_price) return BookFault::crossed;
  // After a reconnect a snapshot may well be older than what the last connection had sent.
  if (update_count_ > 0 && event.epoch == epoch_ && event.timestamp < timestamp_) {
    return BookFault::time_backwards;
  }
  return BookFault::none;
}

BookChange Book::apply(const OrderbookEvent& event, std::size_t depth) noexcept {
  UPFEED_ASSERT(depth >= 1);
  UPFEED_ASSERT(depth <= kBookDepthMax);
  UPFEED_ASSERT(event.unit_count <= kBookDepthMax);
  UPFEED_ASSERT(event.ask_count <= event.unit_count);
  UPFEED_ASSERT(event.bid_count <= event.unit_count);
  UPFEED_ASSERT(event.epoch > 0);
  UPFEED_ASSERT(code_.empty() || code_ == event.code);

  if (event.epoch < epoch_ || event.epoch <= disconnected_epoch_) {
    return {.fault = BookFault::old_epoch};
  }
  const std::size_t count = std::min<std::size_t>(event.unit_count, depth);
  const BookFault fault = check(event, count);
  if (fault != BookFault::none) {
    state_ = BookState::stale;
    fault_ = fault;
    check_invariants();
    return {.fault = fault};
  }

  Changed changed = replace_units(units_.data(), event.unit_array(), count);
  // Levels that vanished because the frame is shorter; replace_units saw all the others.
  const std::uint32_t beyond = ~low_bits(count);
  changed.asks |= low_bits(ask_count_) & beyond;
  changed.bids |= low_bits(bid_count_) & beyond;
  for (std::size_t i = count; i < unit_count_; ++i) units_[i] = {};

  const bool wide = !event.wide_sizes().empty();
  if (wide) {
    const Changed sizes = replace_wide(wide_.data(), event.wide_sizes().data(), count);
    std::fill(wide_.begin() + static_cast<std::ptrdiff_t>(count), wide_.end(), WideUnitSizes{});
    // Two markers look alike, so only the wide forms can tell them apart. Where the book had none,
    // it had no marker, and the units told already.
    if (has_wide_) {
      changed.asks |= sizes.asks;
      changed.bids |= sizes.bids;
    }
  }
  has_wide_ = wide;
  unit_count_ = static_cast<std::uint8_t>(count);
  ask_count_ = std::min(event.ask_count, unit_count_);
  bid_count_ = std::min(event.bid_count, unit_count_);
  code_ = event.code;
  level_ = event.level;
  timestamp_ = event.timestamp;
  received_mono_ = event.received_mono;
  epoch_ = event.epoch;
  ++update_count_;
  state_ = BookState::live;
  fault_ = BookFault::none;
  check_invariants();
  return {.fault = BookFault::none, .asks = changed.asks, .bids = changed.bids};
}

void Book::check_invariants() const noexcept {
  UPFEED_ASSERT(unit_count_ <= kBookDepthMax);
  UPFEED_ASSERT(ask_count_ <= unit_count_);
  UPFEED_ASSERT(bid_count_ <= unit_count_);
  UPFEED_ASSERT((fault_ == BookFault::none) ==
                (state_ == BookState::live || state_ == BookState::never_seen));
  UPFEED_ASSERT(state_ != BookState::live || epoch_ > disconnected_epoch_);
  // What apply() compares the next frame with: no level behind the counted ones.
  UPFEED_ASSERT(std::all_of(units_.begin() + unit_count_, units_.end(),
                            [](const BookUnit& unit) { return unit == BookUnit{}; }));
}

void Book::mark_stale(BookFault cause) noexcept {
  UPFEED_ASSERT(cause != BookFault::none);
  if (state_ == BookState::never_seen || state_ == BookState::disconnected) return;
  state_ = BookState::stale;
  fault_ = cause;
  check_invariants();
}

void Book::disconnect(std::uint32_t epoch) noexcept {
  disconnected_epoch_ = std::max(disconnected_epoch_, epoch);
  // Told late: the book already lives on a younger connection.
  if (epoch < epoch_ || state_ == BookState::never_seen) return;
  state_ = BookState::disconnected;
  fault_ = BookFault::connection_lost;
  check_invariants();
}

std::optional<std::int64_t> Book::age_ns(MonoTime now) const noexcept {
  if (update_count_ == 0) return std::nullopt;
  return now - received_mono_;
}

Level Book::ask_unchecked(std::size_t i) const noexcept {
  UPFEED_ASSERT(i < ask_count_);
  return {units_[i].ask_price,
          has_wide_ ? wide_[i].ask_size : WideQuantity::from_raw(units_[i].ask_size.raw())};
}

Level Book::bid_unchecked(std::size_t i) const noexcept {
  UPFEED_ASSERT(i < bid_count_);
  return {units_[i].bid_price,
          has_wide_ ? wide_[i].bid_size : WideQuantity::from_raw(units_[i].bid_size.raw())};
}

std::optional<Level> Book::ask(std::size_t i) const noexcept {
  if (i >= ask_count()) return std::nullopt;
  return ask_unchecked(i);
}

std::optional<Level> Book::bid(std::size_t i) const noexcept {
  if (i >= bid_count()) return std::nullopt;
  return bid_unchecked(i);
}

// clang-format off
std::string_view to_string(BookState state) noexcept {
  switch (state) {
    case BookState::never_seen:   return "never_seen";
    case BookState::live:         return "live";
    case BookState::stale:        return "stale";
    case BookState::disconnected: return "disconnected";
  }
  return {};
}

std::string_view to_string(BookFault fault) noexcept {
  switch (fault) {
    case BookFault::none:            return "none";
    case BookFault::unsorted:        return "unsorted";
    case BookFault::crossed:         return "crossed";
    case BookFault::padding_inside:  return "padding_inside";
    case BookFault::negative:        return "negative";
    case BookFault::time_backwards:  return "time_backwards";
    case BookFault::old_epoch:       return "old_epoch";
    case BookFault::records_lost:    return "records_lost";
    case BookFault::connection_lost: return "connection_lost";
    case BookFault::silent:          return "silent";
  }
  return {};
}
// clang-format on

}  // namespace upfeed
