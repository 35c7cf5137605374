#include "sim/order_book.hpp"

#include <algorithm>

namespace upfeed::sim {
namespace {

bool is_sorted_side(const Side& side, bool ascending) {
  if (side.count == 0 || side.count > kDepthMax) return false;
  for (std::size_t i = 0; i < side.count; ++i) {
    const Level& level = side.levels[i];
    if (level.price <= 0 || level.size <= 0) return false;
    if (i == 0) continue;
    const std::int64_t before = side.levels[i - 1].price;
    if (ascending ? level.price <= before : level.price >= before) return false;
  }
  return true;
}

Side grouped_side(const Side& side, std::int64_t level, bool round_up) {
  Side out;
  for (std::size_t i = 0; i < side.count; ++i) {
    const std::int64_t price = side.levels[i].price;
    const std::int64_t group = (price + (round_up ? level - 1 : 0)) / level * level;
    if (group == 0) continue;  // bids below one step have no place on the grid
    if (out.count == 0 || out.levels[out.count - 1].price != group) {
      out.levels[out.count++] = {group, 0};
    }
    out.levels[out.count - 1].size += side.levels[i].size;
  }
  return out;
}

}  // namespace

Int128 Side::total_size() const {
  Int128 sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += levels[i].size;
  return sum;
}

bool is_sound(const Book& book) {
  return is_sorted_side(book.asks, true) && is_sorted_side(book.bids, false) &&
         book.bids.best().price < book.asks.best().price;
}

Book grouped(const Book& book, std::int64_t level) {
  Book out;
  out.asks = grouped_side(book.asks, level, true);
  out.bids = grouped_side(book.bids, level, false);
  out.time_ms = book.time_ms;
  return out;
}

LivingBook::LivingBook(const Instrument& instrument, Random& random) : instrument_(&instrument) {
  book_.bids.levels[0] = {instrument.reference_price, draw_size(random)};
  book_.bids.count = 1;
  book_.asks.levels[0] = {away(asks(), instrument.reference_price, 1 + random.below(2)),
                          draw_size(random)};
  book_.asks.count = 1;
  refill(random, asks());
  refill(random, bids());
}

LivingBook::Half LivingBook::asks() {
  return {book_.asks, instrument_->depth_asks, true};
}
LivingBook::Half LivingBook::bids() {
  return {book_.bids, instrument_->depth_bids, false};
}

// The price `ticks` steps further from the middle; 0 when a bid would have to be below one tick.
std::int64_t LivingBook::away(const Half& half, std::int64_t price, std::uint64_t ticks) const {
  for (; ticks > 0 && price > 0; --ticks) {
    price = half.is_ask ? price + tick_size(instrument_->quote, price)
                        : price - tick_size(instrument_->quote, price - 1);
  }
  return std::max<std::int64_t>(price, 0);
}

// Mostly eight busy decimals; some round sizes, because people type those, and because BigDecimal
// and Double spell them in their own ways (0.0010, 1.0E10).
Int128 LivingBook::draw_size(Random& random) const {
  const Int128 size = random.log_uniform(instrument_->size_min, instrument_->size_max);
  Int128 grain = 1;
  switch (random.below(8)) {
    case 0:
      while (grain * 100 <= size) grain *= 10;
      break;
    case 1:
      grain = kOne / 10'000;
      break;
    case 2:
      grain = kOne / 100;
      break;
    default:
      break;
  }
  const Int128 rounded = size - size % grain;
  return rounded > 0 ? rounded : size;
}

void LivingBook::erase(const Half& half, std::size_t index) {
  Side& side = half.side;
  std::move(side.levels.begin() + static_cast<std::ptrdiff_t>(index) + 1,
            side.levels.begin() + static_cast<std::ptrdiff_t>(side.count),
            side.levels.begin() + static_cast<std::ptrdiff_t>(index));
  --side.count;
}

void LivingBook::insert(const Half& half, std::size_t index, Level level) {
  Side& side = half.side;
  if (side.count >= half.depth) side.count = std::max<std::size_t>(half.depth, 2) - 1;
  index = std::min(index, side.count);
  std::move_backward(side.levels.begin() + static_cast<std::ptrdiff_t>(index),
                     side.levels.begin() + static_cast<std::ptrdiff_t>(side.count),
                     side.levels.begin() + static_cast<std::ptrdiff_t>(side.count) + 1);
  side.levels[index] = level;
  ++side.count;
}

void LivingBook::refill(Random& random, const Half& half) {
  Side& side = half.side;
  while (side.count < half.depth) {
    const std::uint64_t ticks = random.chance(70) ? 1 : 2 + random.below(8);
    const std::int64_t price = away(half, side.levels[side.count - 1].price, ticks);
    if (price <= 0) break;
    side.levels[side.count++] = {price, draw_size(random)};
  }
}

// Puts a better best level into the spread, if there is room for one.
void LivingBook::improve(Random& random, const Half& half) {
  const std::int64_t bid = book_.bids.best().price;
  const std::int64_t ask = book_.asks.best().price;
  const std::int64_t middle = (bid + ask) / 2;
  std::int64_t price = half.is_ask ? away(bids(), ask, 1) : away(asks(), bid, 1);
  if (random.chance(50)) price = middle - middle % tick_size(instrument_->quote, middle);
  if (price > bid && price < ask) insert(half, 0, {price, draw_size(random)});
}

// Puts a level into the first gap behind a random index.
void LivingBook::fill_gap(Random& random, const Half& half) {
  const Side& side = half.side;
  for (std::size_t i = random.below(side.count); i + 1 < side.count; ++i) {
    const std::int64_t price = away(half, side.levels[i].price, 1);
    const std::int64_t next = side.levels[i + 1].price;
    if (price <= 0) return;
    if (half.is_ask ? price < next : price > next) {
      insert(half, i + 1, {price, draw_size(random)});
      return;
    }
  }
}

void LivingBook::mutate(Random& random, unsigned changes) {
  for (; changes > 0; --changes) {
    const Half half = random.chance(50) ? asks() : bids();
    const std::uint64_t kind = random.below(10);
    if (kind < 6) {
      const std::size_t index =
          std::min(random.below(half.side.count), random.below(half.side.count));
      half.side.levels[index].size = draw_size(random);
    } else if (kind < 7 && half.side.count > 2) {
      erase(half, random.below(half.side.count));
      refill(random, half);
    } else if (kind < 9) {
      improve(random, half);
    } else {
      fill_gap(random, half);
    }
  }
}

Int128 LivingBook::draw_volume(Random& random, Aggressor aggressor) const {
  const Side& side = aggressor == Aggressor::bid ? book_.asks : book_.bids;
  const Int128 size = side.best().size;
  const Int128 most = side.count > 1 ? size : size - 1;
  const std::uint64_t kind = random.below(16);
  if (kind < 2) return most;
  if (kind == 2) return std::max<Int128>(size - 1 - static_cast<Int128>(random.below(99)), 0);
  if (kind == 3) return std::min<Int128>(1 + static_cast<Int128>(random.below(999)), most);
  return std::min<Int128>(1 + (size >> (1 + random.below(9))), most);
}

void LivingBook::take(Random& random, Aggressor aggressor, Int128 volume) {
  const Half half = aggressor == Aggressor::bid ? asks() : bids();
  Level& best = half.side.levels[0];
  best.size -= volume;
  if (best.size > 0) return;
  erase(half, 0);
  refill(random, half);
  if (random.chance(70)) improve(random, aggressor == Aggressor::bid ? bids() : asks());
}

}  // namespace upfeed::sim
