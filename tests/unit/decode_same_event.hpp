#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <type_traits>
#include <variant>

#include "decode/decode.hpp"
#include "decode/fields.hpp"

namespace upfeed {

template <class Event>
std::string differing_field(const Event& a, const Event& b) {
  for (const auto& entry : detail::kFields<Event>) {
    const bool same = std::visit(
        [&](auto slot) {
          if constexpr (requires { (a.*slot).wire(); }) {
            return (a.*slot).wire() == (b.*slot).wire();  // times compare as instants
          } else if constexpr (requires { a.*slot == b.*slot; }) {
            return a.*slot == b.*slot;
          } else {
            return true;
          }
        },
        entry.slot);
    if (!same) return std::string(entry.name);
  }
  if constexpr (std::is_same_v<Event, CandleEvent>) {
    if (a.unit != b.unit) return "unit";
  }
  if constexpr (std::is_same_v<Event, OrderbookEvent>) {
    if (a.unit_count != b.unit_count || a.ask_count != b.ask_count || a.bid_count != b.bid_count) {
      return "counts";
    }
    // Units and wide sizes lie one behind the other without padding.
    const auto bytes = [](const Event& event) {
      const auto* const begin = reinterpret_cast<const char*>(event.unit_array());
      const auto* const end = reinterpret_cast<const char*>(&event) + event.size_bytes;
      return std::string_view(begin, static_cast<std::size_t>(end - begin));
    };
    if (bytes(a) != bytes(b)) {
      return "units";
    }
  }
  return "";
}

/// Name of something in which the two events differ, empty when they are the same: every member,
/// and what follows an order book byte by byte.
inline std::string difference(const EventHeader& a, const EventHeader& b) {
  if (a.size_bytes != b.size_bytes) return "size_bytes";
  if (a.kind != b.kind) return "kind";
  if (a.stream_type != b.stream_type) return "stream_type";
  if (a.flags != b.flags) return "flags";
  if (a.market != b.market) return "market";
  if (a.connection != b.connection || a.epoch != b.epoch || a.lost_before != b.lost_before ||
      a.frame_sequence != b.frame_sequence || a.received_mono != b.received_mono ||
      a.decoded_mono != b.decoded_mono || a.kernel_time != b.kernel_time) {
    return "header";
  }
  if (a.code != b.code) return "code";
  if (a.present != b.present) return "present";
  if (a.null != b.null) return "null";
  switch (a.kind) {
    case EventKind::ticker:
      return differing_field(static_cast<const TickerEvent&>(a),
                             static_cast<const TickerEvent&>(b));
    case EventKind::trade:
      return differing_field(static_cast<const TradeEvent&>(a), static_cast<const TradeEvent&>(b));
    case EventKind::orderbook:
      return differing_field(static_cast<const OrderbookEvent&>(a),
                             static_cast<const OrderbookEvent&>(b));
    case EventKind::candle:
      return differing_field(static_cast<const CandleEvent&>(a),
                             static_cast<const CandleEvent&>(b));
    default:  // kinds without a fast path: every decoder is the reference
      return "";
  }
}

/// The same for what decode() returned.
inline std::string difference(const Decoded& a, const Decoded& b) {
  if (a.errc != b.errc) return "errc";
  if (a.frame_class != b.frame_class) return "frame_class";
  if (a.has_kind != b.has_kind || a.kind != b.kind) return "kind";
  if (a.market != b.market) return "market";
  if (a.size_bytes != b.size_bytes) return "size_bytes";
  if (a.error.name != b.error.name || a.error.message != b.error.message) return "error";
  return "";
}

}  // namespace upfeed
