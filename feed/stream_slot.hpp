#pragma once

#include <cstddef>

#include "upfeed/events.hpp"

namespace upfeed {

/// Dense number of a stream: ticker, trade, orderbook, the candle units; then, once for each, what
/// no market has a stream of its own of: orders, assets, announcements, indicators, signals.
inline constexpr std::size_t kMarketSlotCount = 3 + kCandleUnitCount;
inline constexpr std::size_t kStreamSlotCount =
    kMarketSlotCount + kStreamCount - kMarketStreamCount;

[[nodiscard]] constexpr std::size_t stream_slot(EventKind kind, CandleUnit unit) noexcept {
  if (kind == EventKind::candle) return 3 + static_cast<std::size_t>(unit);
  const auto index = static_cast<std::size_t>(kind);
  return is_market_stream(kind) ? index : kMarketSlotCount + index - kMarketStreamCount;
}

/// event  of one of the first kStreamCount kinds.
[[nodiscard]] inline std::size_t stream_slot(const EventHeader& event) noexcept {
  return stream_slot(event.kind, event.kind == EventKind::candle
                                     ? static_cast<const CandleEvent&>(event).unit
                                     : CandleUnit::m1);
}

}  // namespace upfeed
