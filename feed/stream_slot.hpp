#pragma once

#include <cstddef>

#include "upfeed/events.hpp"

namespace upfeed {

/// Dense number of a stream: ticker, trade, orderbook, then the candle units.
inline constexpr std::size_t kStreamSlotCount = 3 + kCandleUnitCount;

[[nodiscard]] constexpr std::size_t stream_slot(EventKind kind, CandleUnit unit) noexcept {
  return kind == EventKind::candle ? 3 + static_cast<std::size_t>(unit)
                                   : static_cast<std::size_t>(kind);
}

/// event  of one of the first kStreamCount kinds.
[[nodiscard]] inline std::size_t stream_slot(const EventHeader& event) noexcept {
  return event.kind == EventKind::candle
             ? stream_slot(event.kind, static_cast<const CandleEvent&>(event).unit)
             : static_cast<std::size_t>(event.kind);
}

}  // namespace upfeed
