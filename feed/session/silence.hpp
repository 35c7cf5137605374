// When a stream that says nothing has to be doubted, and what proves its loss.
//
//   last REALTIME frame      list   probe                                  told by then
//       |---- limit - lead ----|------|------- answers, second look -----|---- limit
//                              |      a request names the stream with its snapshot
//                              LIST_SUBSCRIPTIONS; the probe waits for it, since a request replaces
//                              what the exchange has: it heals what it was to find out
//
//   answer                                               the stream was
//   the list lacks it, and an earlier list named it      lost; the probe asks for it again
//   a REALTIME frame                                     alive
//   a snapshot with nothing newer than what came before  quiet: its limit doubles until data flows
//   a snapshot with something newer, that the exchange   lost: we should have been sent it
//     had at least kNewsGraceNs before the probe
//   a snapshot with something newer than that            undecided: the probe may have overtaken
//   its
//                                                        frame. A REALTIME frame tells that it
//                                                        lives; without one it is looked at again,
//                                                        and if that shows something newer still,
//                                                        it is lost
//   none, though the server lives                        lost
//
// A stream that was lost is told at once, and its probe has asked for it again. Lost once more
// without a REALTIME frame in between, and the connection is given up.
//
// A sleep of the process gives the answers that are missing their time again. It takes nothing from
// those that came: that a snapshot overtook no REALTIME frame is a matter of order, not of time.
//
// When the exchange had something: its time stamp plus the least difference ever seen on this
// connection between receiving a frame and its stamp. That is early by the network's least delay
// and late where only old snapshots were seen, which errs towards no alarm.
//
// Only REALTIME frames are life: each request brings snapshots of all order books, whatever becomes
// of their streams. Only a list that named a stream before can show its loss by not naming it: how
// the exchange spells its lists is hardly documented, and a spelling is no loss.
//
// Not told: a stream in a market that never rests, dropped while the list goes on naming it, that
// the first probe brings back. Its answer looks like that of a market which has just woken up.
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
  std::int64_t lead_ns = 0;  ///< from the first doubt to the last verdict
  std::int64_t look_ns = 0;  ///< from a probe to the next of an undecided stream
};

/// A change may overtake, or be overtaken by, the request that asks for the state.
inline constexpr std::int64_t kNewsGraceNs = 1'000'000'000;

/// What an answer says that has to be told.
enum class Finding : std::uint8_t { none, lost, lost_again };

/// Of one stream on the present connection.
struct StreamLife {
  static constexpr std::int64_t kNothing = INT64_MIN;
  MonoTime asked_at;               ///< of the streams that are asked or probed
  MonoTime wait_from{};            ///< of the probed ones: their answer is waited for since then
  MonoTime look_at{};              ///< of the undecided ones: when to look again
  MonoTime last_at;                ///< its last sign of life, or the last answer to a probe;
                                   ///< before the first: when it was asked
  MonoTime alive_until{};          ///< last_at, before answers brought news; 0: none did
  std::int64_t newest = kNothing;  ///< Stamp::identity, the highest so far
  std::uint8_t doublings = 0;      ///< of its limit
  bool second_look = false;        ///< the answer before had something newer and decided nothing
  bool unanswered = false;         ///< the probe that is out follows one without an answer
  bool told = false;               ///< lost, and no REALTIME frame since
  bool listed = false;             ///< LIST_SUBSCRIPTIONS has named it
  Finding finding = Finding::none;
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

/// What became of probes.
struct SilenceVerdict {
  WantedSet silent;        ///< Lost; asked once more.
  WantedSet still_silent;  ///< Asked once more, and lost again.
  WantedSet never_seen;  ///< Had sent nothing before, either: reported like a missing first frame.
};

}  // namespace upfeed
