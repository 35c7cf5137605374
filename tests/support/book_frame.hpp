#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "upfeed/events.hpp"

/// An order book event in memory of its own, built from text as a decoder would build it.
class BookFrame {
 public:
  /// price, size
  using Side = std::vector<std::pair<std::string_view, std::string_view>>;

  /// The shorter side is padded with zeros.
  BookFrame(const Side& asks, const Side& bids, std::uint32_t epoch = 1,
            std::int64_t timestamp_ms = 1'700'000'000'000) {
    const std::size_t count = asks.size() > bids.size() ? asks.size() : bids.size();
    std::vector<upfeed::WideUnitSizes> wide(count);
    bool needs_wide = false;
    event().unit_count = static_cast<std::uint8_t>(count);
    upfeed::BookUnit* const units = event().unit_array();
    for (std::size_t i = 0; i < count; ++i) {
      units[i] = {};
      if (i < asks.size()) {
        units[i].ask_price = *upfeed::Price::parse(asks[i].first);
        wide[i].ask_size = *upfeed::WideQuantity::parse(asks[i].second);
        units[i].ask_size = upfeed::Quantity::narrow(wide[i].ask_size);
      }
      if (i < bids.size()) {
        units[i].bid_price = *upfeed::Price::parse(bids[i].first);
        wide[i].bid_size = *upfeed::WideQuantity::parse(bids[i].second);
        units[i].bid_size = upfeed::Quantity::narrow(wide[i].bid_size);
      }
      needs_wide |= units[i].ask_size.in_wide_form() || units[i].bid_size.in_wide_form();
    }
    if (needs_wide) {
      event().flags |= upfeed::kWideSizes;
      for (std::size_t i = 0; i < count; ++i) event().wide_array()[i] = wide[i];
    }
    event().kind = upfeed::EventKind::orderbook;
    event().code = *upfeed::MarketCode::parse("KRW-BTC");
    event().epoch = epoch;
    event().timestamp = upfeed::ExchangeTime(timestamp_ms);
    event().size_bytes =
        static_cast<std::uint32_t>(upfeed::OrderbookEvent::record_bytes(count, needs_wide));
    count_levels();
  }

  /// The leading run of prices that are not zero, as a decoder counts it; again after a unit was
  /// changed by hand.
  void count_levels() {
    const std::span<const upfeed::BookUnit> units = event().units();
    std::uint8_t asks = 0;
    std::uint8_t bids = 0;
    while (asks < units.size() && units[asks].ask_price != upfeed::Price()) ++asks;
    while (bids < units.size() && units[bids].bid_price != upfeed::Price()) ++bids;
    event().ask_count = asks;
    event().bid_count = bids;
  }

  [[nodiscard]] upfeed::OrderbookEvent& event() { return *event_; }
  [[nodiscard]] const upfeed::OrderbookEvent& event() const { return *event_; }
  [[nodiscard]] upfeed::BookUnit& unit(std::size_t i) { return event().unit_array()[i]; }

 private:
  struct alignas(upfeed::OrderbookEvent) Block {
    std::byte bytes[alignof(upfeed::OrderbookEvent)];
  };
  std::vector<Block> memory_{upfeed::kEventBytesMax / sizeof(Block) + 1};
  upfeed::OrderbookEvent* event_ = new (memory_.data()) upfeed::OrderbookEvent;
};
