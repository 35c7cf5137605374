// What keeping a book of 30 units costs, against the least there is to do (copying its levels) and
// against the usual std::map per side; and what publishing it to other threads costs on top.

#include "upfeed/book.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "frames.hpp"
#include "gates.hpp"
#include "harness.hpp"

namespace upfeed::bench {
namespace {

constexpr std::size_t kFrames = 128;
constexpr int kRepeats = 20;  // of all frames in one round: long enough for the clock
constexpr std::int64_t kOperations = std::int64_t{kFrames} * kRepeats;

// One decoded order book as a record of the ring has it: 8 bytes into a cache line.
struct alignas(64) Slot {
  std::uint64_t commit_word = 0;
  std::array<std::byte, kMarketEventBytesMax> bytes{};

  [[nodiscard]] OrderbookEvent& event() { return *reinterpret_cast<OrderbookEvent*>(bytes.data()); }
};

std::vector<Slot> decode_books() {
  MarketTable markets;
  Decoder decoder(markets, UnknownMarkets::intern);
  std::vector<Slot> slots;
  alignas(OrderbookEvent) static std::array<std::byte, kEventBytesMax> room;
  for (const Frame& frame :
       make_frames(EventKind::orderbook, WireFormat::default_, kFrames, "KRW-BTC")) {
    require(decoder.decode(frame.payload(), {.epoch = 1}, room).is_event(), "order books decode");
    Slot& slot = slots.emplace_back();
    std::memcpy(slot.bytes.data(), room.data(), slot.bytes.size());
    require(slot.event().ask_count == kBookDepthMax && slot.event().bid_count == kBookDepthMax,
            "order books have 30 full units");
  }
  // The frames are applied over and over, and a book refuses to go back in time.
  const ExchangeTime last = slots.back().event().timestamp;
  for (Slot& slot : slots) slot.event().timestamp = last;
  return slots;
}

// The same books with exact sizes behind the units, one of them beyond int64, as of KRW-BTT.
std::vector<Slot> widened(std::vector<Slot> slots) {
  for (Slot& slot : slots) {
    OrderbookEvent& event = slot.event();
    event.flags |= kWideSizes;
    for (std::size_t i = 0; i < event.unit_count; ++i) {
      const BookUnit& unit = event.units()[i];
      event.wide_array()[i] = {.ask_size = WideQuantity::from_raw(unit.ask_size.raw()),
                               .bid_size = WideQuantity::from_raw(unit.bid_size.raw())};
    }
    event.wide_array()[0].ask_size = WideQuantity::from_raw(Int128{1} << 70);
    event.unit_array()[0].ask_size = Quantity::wide_marker();
  }
  return slots;
}

// The same books with a bid side that ends five levels early, as of a thin market.
std::vector<Slot> thinned(std::vector<Slot> slots) {
  for (Slot& slot : slots) {
    OrderbookEvent& event = slot.event();
    event.bid_count = static_cast<std::uint8_t>(event.unit_count - 5);
    for (std::size_t i = event.bid_count; i < event.unit_count; ++i) {
      event.unit_array()[i].bid_price = Price();
      event.unit_array()[i].bid_size = Quantity();
    }
  }
  return slots;
}

// Aligned as those of a Book.
struct alignas(sizeof(BookUnit)) Levels : std::array<BookUnit, kBookDepthMax> {};

void copy_levels(const OrderbookEvent& event, Levels& levels) {
  std::memcpy(levels.data(), event.units().data(), event.units().size_bytes());
}

struct MapBook {
  std::map<Price, Quantity> asks;
  std::map<Price, Quantity, std::greater<>> bids;

  void rebuild(const OrderbookEvent& event) {
    asks.clear();
    bids.clear();
    for (const BookUnit& unit : event.units()) {
      asks.emplace(unit.ask_price, unit.ask_size);
      bids.emplace(unit.bid_price, unit.bid_size);
    }
  }
};

bool same_levels(const MapBook& map, std::span<const BookUnit> units) {
  return std::ranges::equal(map.asks, units,
                            [](const auto& level, const BookUnit& unit) {
                              return level.first == unit.ask_price && level.second == unit.ask_size;
                            }) &&
         std::ranges::equal(map.bids, units, [](const auto& level, const BookUnit& unit) {
           return level.first == unit.bid_price && level.second == unit.bid_size;
         });
}

// Every contender must end up with the levels of each frame, and the masks must name what differs.
void verify(std::vector<Slot>& slots) {
  Book book;
  MapBook map;
  Levels levels{};
  const auto shared = std::make_unique<SharedBook>();
  for (Slot& slot : slots) {
    const OrderbookEvent& event = slot.event();
    std::uint32_t asks = 0;
    for (std::size_t i = 0; i < levels.size(); ++i) {
      const BookUnit& now = event.units()[i];
      if (now.ask_price != levels[i].ask_price || now.ask_size != levels[i].ask_size) {
        asks |= 1U << i;
      }
    }
    const BookChange change = book.apply(event);
    require(change.applied() && change.asks == asks, "Book::apply tells the levels that changed");
    copy_levels(event, levels);
    map.rebuild(event);
    shared->publish(book);
    const std::optional<Book> read = shared->read();
    require(std::ranges::equal(book.units_unchecked(), event.units()), "Book has the levels");
    require(std::ranges::equal(levels, event.units()), "the copy has the levels");
    require(same_levels(map, event.units()), "the maps have the levels");
    require(read && std::ranges::equal(read->units_unchecked(), event.units()),
            "SharedBook has the levels");
  }
}

// A round: `work` on every frame, kRepeats times.
template <class Work>
auto round_of(std::vector<Slot>& slots, Work work) {
  return [&slots, work]() mutable {
    for (int repeat = 0; repeat < kRepeats; ++repeat) {
      for (Slot& slot : slots) work(slot.event());
    }
  };
}

void prepare() {
  static std::vector<Slot> slots = decode_books();
  verify(slots);
  static std::vector<Slot> wide = widened(slots);
  static std::vector<Slot> thin = thinned(slots);
  for (std::vector<Slot>* const frames : {&wide, &thin}) {
    Book one;
    for (Slot& slot : *frames) require(one.apply(slot.event()).applied(), "rare frames are good");
  }
  static Book book;
  static Levels levels;
  static MapBook map;
  static SharedBook shared;
  static Book book_copy;
  const auto apply = [](const OrderbookEvent& event) {
    benchmark::DoNotOptimize(book.apply(event));
  };
  const auto copy = [](const OrderbookEvent& event) {
    copy_levels(event, levels);
    benchmark::DoNotOptimize(levels.data());
    benchmark::ClobberMemory();
  };
  const auto rebuild = [](const OrderbookEvent& event) {
    map.rebuild(event);
    benchmark::DoNotOptimize(map.asks.begin());
  };
  const auto publish = [](const OrderbookEvent&) { shared.publish(book); };
  const auto copy_book = [](const OrderbookEvent&) {
    std::memcpy(static_cast<void*>(&book_copy), &book, sizeof book);
    benchmark::DoNotOptimize(&book_copy);
    benchmark::ClobberMemory();
  };
  const auto add = [](const char* name, std::vector<Slot>& frames, auto ours, auto other) {
    benchmark::RegisterBenchmark(name,
                                 [&frames, ours, other](benchmark::State& state) {
                                   compare(state, kOperations, round_of(frames, ours),
                                           round_of(frames, other));
                                 })
        ->UseManualTime()
        ->Unit(benchmark::kMicrosecond);
  };
  add("apply_30_units/vs_memcpy_of_levels", slots, apply, copy);
  add("apply_30_units/vs_map_rebuild", slots, apply, rebuild);
  add("apply_30_units_thin/vs_memcpy_of_levels", thin, apply, copy);
  add("apply_30_units_wide/vs_memcpy_of_levels", wide, apply, copy);
  add("shared_publish/vs_memcpy_of_book", slots, publish, copy_book);
  add_gate(Gate::ratio("G7", "apply_30_units/vs_memcpy_of_levels", 1.6, 2.5));
  add_gate(Gate::speedup("G7", "apply_30_units/vs_map_rebuild", 60, 40));
}

}  // namespace
}  // namespace upfeed::bench

int main(int argc, char** argv) {
  return upfeed::bench::run(argc, argv, upfeed::bench::prepare);
}
