// The wanted set: what one connection shall deliver, already merged over all clients. Plain data;
// the dispatcher makes it, the session turns it into requests.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "upfeed/events.hpp"
#include "upfeed/market.hpp"
#include "upfeed/stream.hpp"
#include "upfeed/units.hpp"

namespace upfeed {

/// One stream, of one market where its kind has markets. Two streams are the same if wanted_order()
/// calls them equal; the other members say how that stream is wanted.
struct WantedStream {
  EventKind kind = EventKind::ticker;       ///< One of the first kStreamCount kinds.
  CandleUnit candle_unit = CandleUnit::m1;  ///< Looked at for candles only.
  MarketId market;                          ///< Of market streams: valid, the dense id of `code`.
  MarketCode code;  ///< Not empty for market streams and indicators; empty for my_order: all
                    ///< markets; always empty for my_asset and announcement.
  std::uint8_t units = kBookDepthMax;  ///< Order books: 1, 5, 15 or 30.
  Decimal level;                       ///< Order books: price grouping, 0 is none.
  StreamMode mode = StreamMode::both;
  /// Another number than before asks for a fresh snapshot of a stream that is live already.
  std::uint32_t refresh = 0;
  /// Announcements and indicators: further members of the request's object as JSON text without the
  /// braces, e.g. "categories":["trade"],"include_body":true. Part of what makes a stream the same.
  std::string options{};

  friend bool operator==(const WantedStream&, const WantedStream&) = default;
};

/// Sorted strictly by wanted_order().
using WantedSet = std::vector<WantedStream>;

/// Order by kind, candle unit (candles only), code, level, options.
[[nodiscard]] inline std::strong_ordering wanted_order(const WantedStream& a,
                                                       const WantedStream& b) {
  if (const auto order = a.kind <=> b.kind; order != 0) return order;
  if (a.kind == EventKind::candle) {
    if (const auto order = a.candle_unit <=> b.candle_unit; order != 0) return order;
  }
  if (const auto order = a.code <=> b.code; order != 0) return order;
  if (const auto order = Decimal::compare(a.level, b.level); order != 0) return order;
  return a.options <=> b.options;
}

/// For std::sort.
[[nodiscard]] inline bool wanted_before(const WantedStream& a, const WantedStream& b) {
  return wanted_order(a, b) < 0;
}

/// Wanted only as a snapshot; it is finished when that has come. Private and info streams have no
/// snapshot, so their mode means nothing.
[[nodiscard]] inline bool is_snapshot_only(const WantedStream& stream) {
  return stream.mode == StreamMode::snapshot_only && is_market_stream(stream.kind);
}

/// Realtime-only order books are asked with a snapshot too (a change of a quiet book while the
/// request replaces the former one would be lost), so they owe a first frame as well. Private and
/// info streams have no snapshot.
[[nodiscard]] inline bool owes_first_frame(const WantedStream& stream) {
  if (!is_market_stream(stream.kind)) return false;
  return stream.mode != StreamMode::realtime_only || stream.kind == EventKind::orderbook;
}

}  // namespace upfeed
