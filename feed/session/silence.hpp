// When a stream that says nothing has to be doubted, and what proves its loss.
//
//   last frame                probe                     verdict
//       |------- limit - wait - lead ------|---- wait -----|
//                                          a request names the stream with its snapshot
//
//   answer                                              the stream was
//   a REALTIME frame                                    alive
//   a snapshot with nothing newer than the last frame   quiet: its limit doubles until data flows
//   a snapshot with something newer, that the exchange  lost: we should have been sent it
//     had at least kNewsGrace before the probe
//   something newer than that                           alive: it happened just now
//   none, though the server lives                       lost; asked once more, then the connection
//                                                       is given up
//
// When the exchange had something: its time stamp plus the least difference ever seen on this
// connection between receiving a frame and its stamp. That is early by the network's least delay
// and late where only old snapshots were seen, which errs towards no alarm.
//
// Probes are rare: all streams that would be due within probe_spacing go into one request.
#pragma once

#include <array>
#include <cstdint>

#include "session/wanted.hpp"
#include "upfeed/events.hpp"
#include "upfeed/time.hpp"

namespace upfeed {

/// In nanoseconds.
struct SilenceRules {
  std::array<std::int64_t, kMarketStreamCount> limit_ns{};  ///< by kind; 0: never doubted
  std::int64_t limit_ns_max = 0;
  std::int64_t wait_ns = 0;  ///< for the answer of a probe
  std::int64_t lead_ns = 0;  ///< that a request may have to wait behind another
};

/// Of one stream on the present connection.
struct StreamLife {
  static constexpr std::int64_t kNothing = INT64_MIN;
  MonoTime asked_at;               ///< of the streams that are asked or probed
  MonoTime wait_from{};            ///< of the probed ones: their answer is waited for since then
  MonoTime last_at;                ///< its last frame; before the first: when it was asked
  std::int64_t newest = kNothing;  ///< Stamp::identity, the highest so far
  std::uint8_t doublings = 0;      ///< of its limit
  bool asked_twice = false;        ///< the probe that is out is the second one
  bool lost = false;               ///< to be reported
};

/// What a frame says about the state it shows.
struct Stamp {
  std::int64_t identity;  ///< Grows with each change: sequential id of a trade, else a time.
  std::int64_t unix_us;   ///< When the state came to be; not above 0: unknown.
};

/// A ticker's own time stamp may be that of the snapshot, so the time of its last trade is taken.
[[nodiscard]] inline Stamp stamp_of(const EventHeader& event) noexcept {
  ExchangeTime at;
  switch (event.kind) {
    case EventKind::ticker:
      at = static_cast<const TickerEvent&>(event).trade_timestamp;
      break;
    case EventKind::trade: {
      const auto& trade = static_cast<const TradeEvent&>(event);
      return {static_cast<std::int64_t>(trade.sequential_id & INT64_MAX),
              trade.trade_timestamp.unix_us()};
    }
    case EventKind::orderbook:
      at = static_cast<const OrderbookEvent&>(event).timestamp;
      break;
    case EventKind::candle:
      at = static_cast<const CandleEvent&>(event).timestamp;
      break;
    default:
      break;
  }
  return {at.unix_us(), at.unix_us()};
}

/// What became of probes without an answer.
struct SilenceVerdict {
  WantedSet silent;        ///< Had sent frames before; to be asked once more.
  WantedSet still_silent;  ///< Asked once more, and again no answer.
  WantedSet never_seen;  ///< Had sent nothing before, either: reported like a missing first frame.
};

}  // namespace upfeed
