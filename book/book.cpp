#include "upfeed/book.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "book_rows.hpp"

namespace upfeed {
namespace {

constexpr std::uint32_t low_bits(std::size_t count) {
  return (std::uint32_t{1} << count) - 1;
}
static_assert(kBookDepthMax < 32, "a mask has one bit per level");

/// How many units of a frame count, and how many of them have a level.
struct Counts {
  std::size_t units;
  std::size_t asks;
  std::size_t bids;
  [[nodiscard]] std::size_t both() const { return std::min(asks, bids); }
};

bool crossed(const BookUnit* units, Counts counts) {
  return counts.asks > 0 && counts.bids > 0 && units[0].bid_price >= units[0].ask_price;
}

bool any_negative(const OrderbookEvent& event, std::size_t count) {
  const std::span<const BookUnit> units = event.units().first(count);
  std::int64_t prices = 0;
  std::int64_t sizes = 0;
  for (const BookUnit& unit : units) {
    prices |= unit.ask_price.raw() | unit.bid_price.raw();
    sizes |= unit.ask_size.raw() | unit.bid_size.raw();
  }
  if (event.wide_sizes().empty()) return (prices | sizes) < 0;
  Int128 wide = 0;  // the narrow sizes are no guide here: the marker is negative
  for (const WideUnitSizes& exact : event.wide_sizes().first(count)) {
    wide |= exact.ask_size.raw() | exact.bid_size.raw();
  }
  return prices < 0 || wide < 0;
}

/// Behind the counted levels nothing but zeros may come. A size that only the wide form holds shows
/// here as its marker, which is not zero either.
bool all_padding_behind(const BookUnit* units, Counts counts) {
  std::int64_t behind = 0;
  for (std::size_t i = counts.asks; i < counts.units; ++i) {
    behind |= units[i].ask_price.raw() | units[i].ask_size.raw();
  }
  for (std::size_t i = counts.bids; i < counts.units; ++i) {
    behind |= units[i].bid_price.raw() | units[i].bid_size.raw();
  }
  return behind == 0;
}

/// Asks strictly ascend and bids strictly descend.
bool sorted(const BookUnit* units, Counts counts) {
  bool in_order = true;
  for (std::size_t i = 1; i < counts.asks; ++i) {
    in_order &= units[i].ask_price > units[i - 1].ask_price;
  }
  for (std::size_t i = 1; i < counts.bids; ++i) {
    in_order &= units[i].bid_price < units[i - 1].bid_price;
  }
  return in_order;
}

/// Rows that not both sides reach, of a frame without wide sizes. Few, but of thin markets common.
detail::RowsFound look_at_tail(const BookUnit* held, const BookUnit* fresh, Counts counts) {
  const auto side_good = [](bool filled, bool in_order, Price price, Quantity size) {
    return filled ? in_order && price >= Price() && size >= Quantity()
                  : price == Price() && size == Quantity();
  };
  std::uint64_t changed = 0;
  bool good = true;
  for (std::size_t i = counts.both(); i < counts.units; ++i) {
    const BookUnit& row = fresh[i];
    const BookUnit& before = fresh[i == 0 ? 0 : i - 1];
    changed |=
        detail::level_masks(row.ask_price != held[i].ask_price || row.ask_size != held[i].ask_size,
                            row.bid_price != held[i].bid_price || row.bid_size != held[i].bid_size)
        << i;
    good &= side_good(i < counts.asks, i == 0 || row.ask_price > before.ask_price, row.ask_price,
                      row.ask_size);
    good &= side_good(i < counts.bids, i == 0 || row.bid_price < before.bid_price, row.bid_price,
                      row.bid_size);
  }
  return {changed, good};
}

/// The first rule that a frame breaks. Rule by rule, for whatever frame: one without wide
/// sizes is judged while it is compared, and comes here only when it broke one.
/// late  the time of the frame goes back.
[[gnu::noinline]] BookFault fault_of(const OrderbookEvent& event, Counts counts, bool late) {
  const BookUnit* const units = event.unit_array();
  if (any_negative(event, counts.units)) return BookFault::negative;
  if (!all_padding_behind(units, counts)) return BookFault::padding_inside;
  if (!sorted(units, counts)) return BookFault::unsorted;
  if (crossed(units, counts)) return BookFault::crossed;
  return late ? BookFault::time_backwards : BookFault::none;
}

}  // namespace

// After a reconnect a snapshot may well be older than what the last connection had sent.
bool Book::goes_back(const OrderbookEvent& event) const noexcept {
  return update_count_ > 0 && event.epoch == epoch_ && event.timestamp < timestamp_;
}

BookChange Book::refuse(BookFault fault) noexcept {
  state_ = BookState::stale;
  fault_ = fault;
  check_invariants();
  return {.fault = fault};
}

// The frame has fewer units than are held.
std::uint64_t Book::drop_units_behind(std::size_t count) noexcept {
  const std::uint32_t behind = ~low_bits(count);
  std::fill(units_.begin() + static_cast<std::ptrdiff_t>(count), units_.begin() + unit_count_,
            BookUnit{});
  return detail::level_masks(low_bits(ask_count_) & behind, low_bits(bid_count_) & behind);
}

std::uint64_t Book::replace_wide(std::span<const WideUnitSizes> fresh) noexcept {
  std::uint64_t changed = 0;
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    changed |= detail::level_masks(wide_[i].ask_size != fresh[i].ask_size,
                                   wide_[i].bid_size != fresh[i].bid_size)
               << i;
    wide_[i] = fresh[i];
  }
  std::fill(wide_.begin() + static_cast<std::ptrdiff_t>(fresh.size()), wide_.end(),
            WideUnitSizes{});
  // Two markers look alike, so only the wide forms can tell them apart. Where the book had none,
  // it had no marker, and the units told already.
  return has_wide_ ? changed : 0;
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
  const Counts counts{count, std::min<std::size_t>(event.ask_count, count),
                      std::min<std::size_t>(event.bid_count, count)};
  const BookUnit* const units = event.unit_array();
  const bool wide = (event.flags & kWideSizes) != 0;
  // Both sides full and nothing beyond int64: most frames, for which one call does all.
  const bool plain = counts.both() == count && !wide;
  const bool late = goes_back(event);
  // Decided at the first frame: the CPU does not change.
  static const detail::RowsFunction look_at_rows = detail::best_rows_function();
  detail::RowsFound rows = look_at_rows(units_.data(), units, counts.both(), plain && !late);
  if (!rows.good() || !plain || late) [[unlikely]] {
    const detail::RowsFound tail = look_at_tail(units_.data(), units, counts);
    rows = {rows.changed() | tail.changed(), rows.good() && tail.good()};
    if (!rows.good() || wide || late) {
      const BookFault fault = fault_of(event, counts, late);
      if (fault != BookFault::none) return refuse(fault);
    }
    std::memcpy(static_cast<void*>(units_.data()), units, count * sizeof(BookUnit));
  }
  UPFEED_ASSERT(fault_of(event, counts, late) == BookFault::none);

  std::uint64_t changed = rows.changed();
  if (count < unit_count_) [[unlikely]] {
    changed |= drop_units_behind(count);
  }
  if (wide) [[unlikely]] {
    changed |= replace_wide(event.wide_sizes().first(count));
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
  return {.asks = static_cast<std::uint32_t>(changed),
          .bids = static_cast<std::uint32_t>(changed >> 32)};
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
