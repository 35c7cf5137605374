#pragma once

// What a callback receives. Every event is one trivially copyable record that was decoded straight
// into its slot of the ring:
//
//   | EventHeader | fields of the kind | order book only: units[unit_count] | if wide: sizes |
//
// An event keeps all the frame said: which keys were there (`has`), which were null (`is_null`),
// dates and times as text. References given to a callback are valid until it returns; copy() of an
// order book, or plain assignment of the other kinds, keeps one for longer.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

#include "upfeed/account_events.hpp"
#include "upfeed/assert.hpp"
#include "upfeed/event_header.hpp"
#include "upfeed/market.hpp"
#include "upfeed/time.hpp"
#include "upfeed/units.hpp"

namespace upfeed {

/// Current state of a market; sent when it changes.
/// source  docs.upbit.com/kr/reference/websocket-ticker (read 2026-11).
struct TickerEvent : EventHeader {
  static constexpr EventKind kKind = EventKind::ticker;
  /// One per key of the frame, in the documented order.
  // clang-format off
  enum class Field : std::uint8_t {
    type, code, opening_price, high_price, low_price, trade_price, prev_closing_price,
    acc_trade_price, change, change_price, signed_change_price, change_rate, signed_change_rate,
    ask_bid, trade_volume, acc_trade_volume, trade_date, trade_time, trade_timestamp,
    acc_ask_volume, acc_bid_volume, highest_52_week_price, highest_52_week_date,
    lowest_52_week_price, lowest_52_week_date, market_state, is_trading_suspended, delisting_date,
    market_warning, timestamp, acc_trade_price_24h, acc_trade_volume_24h, stream_type
  };
  // clang-format on
  /// The key was in the frame (it may have been null).
  [[nodiscard]] bool has(Field field) const noexcept {
    return detail::FieldAccess<TickerEvent>::has(*this, field);
  }
  /// The key was in the frame with the value null; the member then holds its default.
  [[nodiscard]] bool is_null(Field field) const noexcept {
    return detail::FieldAccess<TickerEvent>::null(*this, field);
  }

  Price opening_price;  ///< of the UTC day
  Price high_price;
  Price low_price;
  Price trade_price;         ///< last price
  Price prev_closing_price;  ///< of the previous UTC day
  Price change_price;        ///< absolute difference to prev_closing_price
  Price signed_change_price;
  Price highest_52_week_price;
  Price lowest_52_week_price;
  WideQuantity trade_volume;     ///< size of the last trade, base currency
  Decimal acc_trade_price;       ///< turnover since 00:00 UTC, quote currency
  Decimal acc_trade_price_24h;   ///< turnover of 24 hours, quote currency
  Decimal acc_trade_volume;      ///< since 00:00 UTC, base currency
  Decimal acc_trade_volume_24h;  ///< of 24 hours, base currency
  Decimal acc_ask_volume;        ///< since 00:00 UTC, base currency
  Decimal acc_bid_volume;        ///< since 00:00 UTC, base currency
  Decimal change_rate;           ///< fraction, not per cent
  Decimal signed_change_rate;
  ExchangeTime trade_timestamp;
  ExchangeTime timestamp;
  InlineText<15> trade_date;            ///< yyyyMMdd, UTC
  InlineText<15> trade_time;            ///< HHmmss, UTC
  InlineText<15> highest_52_week_date;  ///< yyyy-MM-dd
  InlineText<15> lowest_52_week_date;   ///< yyyy-MM-dd
  InlineText<15> delisting_date;        ///< yyyy-MM-dd; normally null
  InlineText<15> market_state;          ///< PREVIEW, ACTIVE, DELISTED
  InlineText<15> market_warning;        ///< NONE, CAUTION
  Change change = Change::absent;
  Side ask_bid = Side::absent;  ///< of the last trade
  bool is_trading_suspended = false;
};

/// One trade; the snapshot is the last one.
/// source  docs.upbit.com/kr/reference/websocket-trade (read 2026-11).
struct TradeEvent : EventHeader {
  static constexpr EventKind kKind = EventKind::trade;
  // clang-format off
  enum class Field : std::uint8_t {
    type, code, timestamp, trade_date, trade_time, trade_timestamp, trade_price, trade_volume,
    ask_bid, prev_closing_price, change, change_price, sequential_id, best_ask_price,
    best_ask_size, best_bid_price, best_bid_size, stream_type
  };
  // clang-format on
  [[nodiscard]] bool has(Field field) const noexcept {
    return detail::FieldAccess<TradeEvent>::has(*this, field);
  }
  [[nodiscard]] bool is_null(Field field) const noexcept {
    return detail::FieldAccess<TradeEvent>::null(*this, field);
  }

  Price trade_price;
  WideQuantity trade_volume;  ///< base currency
  Price prev_closing_price;
  Price change_price;  ///< absolute difference to prev_closing_price
  /// Unique per trade within its market, above 2^53; does not guarantee order.
  std::uint64_t sequential_id = 0;
  Price best_ask_price;  ///< at the moment of the trade; absent before 2024-11
  Price best_bid_price;
  WideQuantity best_ask_size;
  WideQuantity best_bid_size;
  ExchangeTime trade_timestamp;
  ExchangeTime timestamp;
  InlineText<15> trade_date;  ///< yyyy-MM-dd, UTC
  InlineText<15> trade_time;  ///< HH:mm:ss, UTC
  Side ask_bid = Side::absent;
  Change change = Change::absent;
};

/// A candle in progress; the same candle time repeats and the last one wins.
/// source  docs.upbit.com/kr/reference/websocket-candle (read 2026-11).
struct CandleEvent : EventHeader {
  static constexpr EventKind kKind = EventKind::candle;
  // clang-format off
  enum class Field : std::uint8_t {
    type, code, candle_date_time_utc, candle_date_time_kst, opening_price, high_price, low_price,
    trade_price, candle_acc_trade_volume, candle_acc_trade_price, timestamp, stream_type
  };
  // clang-format on
  [[nodiscard]] bool has(Field field) const noexcept {
    return detail::FieldAccess<CandleEvent>::has(*this, field);
  }
  [[nodiscard]] bool is_null(Field field) const noexcept {
    return detail::FieldAccess<CandleEvent>::null(*this, field);
  }

  Price opening_price;
  Price high_price;
  Price low_price;
  Price trade_price;                    ///< close
  Decimal candle_acc_trade_volume;      ///< base currency
  Decimal candle_acc_trade_price;       ///< quote currency
  ExchangeTime timestamp;               ///< of the last trade or update
  InlineText<23> candle_date_time_utc;  ///< yyyy-MM-ddTHH:mm:ss
  InlineText<23> candle_date_time_kst;
  CandleUnit unit = CandleUnit::m1;
};

/// The i-th best ask beside the i-th best bid. A side that has run out is padded by the exchange
/// with price 0 and size 0.
struct BookUnit {
  Price ask_price;
  Price bid_price;
  Quantity ask_size;
  Quantity bid_size;
  friend bool operator==(const BookUnit&, const BookUnit&) = default;
};
static_assert(sizeof(BookUnit) == 32, "four int64: what a level costs in the ring");

/// Exact sizes of one unit where int64 does not hold them.
struct WideUnitSizes {
  WideQuantity ask_size;
  WideQuantity bid_size;
  friend bool operator==(const WideUnitSizes&, const WideUnitSizes&) = default;
};

/// Most units a frame can have.
inline constexpr std::size_t kBookDepthMax = 30;

/// The whole visible book of one market; there are no deltas.
/// source  docs.upbit.com/kr/reference/websocket-orderbook (read 2026-11).
struct OrderbookEvent : EventHeader {
  static constexpr EventKind kKind = EventKind::orderbook;
  // clang-format off
  enum class Field : std::uint8_t {
    type, code, timestamp, total_ask_size, total_bid_size, orderbook_units, stream_type, level
  };
  // clang-format on
  [[nodiscard]] bool has(Field field) const noexcept {
    return detail::FieldAccess<OrderbookEvent>::has(*this, field);
  }
  [[nodiscard]] bool is_null(Field field) const noexcept {
    return detail::FieldAccess<OrderbookEvent>::null(*this, field);
  }

  ExchangeTime timestamp;
  Decimal total_ask_size;  ///< over the side as the exchange has it
  Decimal total_bid_size;
  Decimal level;                ///< price grouping; 0 is none
  std::uint8_t unit_count = 0;  ///< units in the frame, padding included
  std::uint8_t ask_count = 0;   ///< units whose ask is not padding; they come first
  std::uint8_t bid_count = 0;   ///< units whose bid is not padding; they come first

  /// All units of the frame, best first, padding included.
  [[nodiscard]] std::span<const BookUnit> units() const noexcept {
    return {unit_array(), unit_count};
  }
  /// Exact sizes of all units; empty unless some size needs the wide form.
  [[nodiscard]] std::span<const WideUnitSizes> wide_sizes() const noexcept {
    if ((flags & kWideSizes) == 0) return {};
    return {reinterpret_cast<const WideUnitSizes*>(unit_array() + unit_count), unit_count};
  }
  /// Exact size of unit i, whichever form holds it.
  [[nodiscard]] WideQuantity ask_size(std::size_t i) const noexcept {
    UPFEED_ASSERT(i < unit_count);
    return (flags & kWideSizes) != 0 ? wide_sizes()[i].ask_size
                                     : WideQuantity::from_raw(unit_array()[i].ask_size.raw());
  }
  [[nodiscard]] WideQuantity bid_size(std::size_t i) const noexcept {
    UPFEED_ASSERT(i < unit_count);
    return (flags & kWideSizes) != 0 ? wide_sizes()[i].bid_size
                                     : WideQuantity::from_raw(unit_array()[i].bid_size.raw());
  }

  /// For whoever fills a slot: the place of the units, kBookDepthMax of them.
  [[nodiscard]] BookUnit* unit_array() noexcept {
    return reinterpret_cast<BookUnit*>(reinterpret_cast<std::byte*>(this) + units_offset());
  }
  [[nodiscard]] const BookUnit* unit_array() const noexcept {
    return reinterpret_cast<const BookUnit*>(reinterpret_cast<const std::byte*>(this) +
                                             units_offset());
  }
  /// Where the units start. Of a record that lies 8 bytes into a cache line, as behind a header of
  /// 8 bytes, no unit then lies across two lines, which would double the reads of the book.
  [[nodiscard]] static constexpr std::size_t units_offset() {
    return (8 + sizeof(OrderbookEvent) + sizeof(BookUnit) - 1) / sizeof(BookUnit) *
               sizeof(BookUnit) -
           8;
  }
  /// The place of the wide sizes, right behind the units; unit_count must be set.
  [[nodiscard]] WideUnitSizes* wide_array() noexcept {
    return reinterpret_cast<WideUnitSizes*>(unit_array() + unit_count);
  }
  /// Bytes of a record with these counts.
  [[nodiscard]] static constexpr std::size_t record_bytes(std::size_t units, bool wide) {
    return units_offset() + units * (sizeof(BookUnit) + (wide ? sizeof(WideUnitSizes) : 0));
  }
  /// Writes this book, cut to at most unit_count_max units, to `out`, which must have room for
  /// record_bytes(min(unit_count, unit_count_max), wide) bytes and be aligned as the event.
  OrderbookEvent* copy(std::size_t unit_count_max, std::byte* out) const noexcept {
    const std::size_t kept = unit_count < unit_count_max ? unit_count : unit_count_max;
    const bool wide = (flags & kWideSizes) != 0;
    std::memcpy(out, static_cast<const void*>(this), sizeof(*this));
    auto* copied = reinterpret_cast<OrderbookEvent*>(out);
    copied->unit_count = static_cast<std::uint8_t>(kept);
    if (copied->ask_count > kept) copied->ask_count = copied->unit_count;
    if (copied->bid_count > kept) copied->bid_count = copied->unit_count;
    copied->size_bytes = static_cast<std::uint32_t>(record_bytes(kept, wide));
    std::memcpy(static_cast<void*>(copied->unit_array()), unit_array(), kept * sizeof(BookUnit));
    if (wide) {
      std::memcpy(static_cast<void*>(copied->wide_array()), unit_array() + unit_count,
                  kept * sizeof(WideUnitSizes));
    }
    return copied;
  }
};
static_assert(OrderbookEvent::units_offset() % alignof(BookUnit) == 0 &&
                  sizeof(BookUnit) % alignof(WideUnitSizes) == 0,
              "units and wide sizes are aligned where they stand");

/// States of a connection.
// clang-format off
enum class SessionState : std::uint8_t {
  idle, connecting, live, backing_off, blocked, failed, stopped
};
// clang-format on
[[nodiscard]] std::string_view to_string(SessionState state) noexcept;

/// Why a connection changed its state, or what the exchange said.
enum class StatusCause : std::uint8_t {
  none,
  requested,           ///< start, stop, or nothing wanted any more
  dns,                 ///< name did not resolve in time
  connect,             ///< refused, unreachable or timed out
  tls,                 ///< handshake or certificate refused
  http,                ///< upgrade answered with something else than 101
  rate_limited,        ///< 429 or 418: nothing is dialled before the block ends
  unauthorized,        ///< 401
  closed_by_peer,      ///< FIN, RST or close frame
  protocol_violation,  ///< RFC 6455 broken; text names the rule
  io_error,
  silent_peer,         ///< no pong within the limit
  bad_frames,          ///< too many undecodable frames in a row
  server_error,        ///< an error frame; text has its name and message
  first_data_missing,  ///< subscribed codes that never sent a frame; text lists them
  data_arrived,        ///< first frame of every wanted code of a request is here
  message_timeout,     ///< a fragmented message did not end in time
  end_of_capture,      ///< replay: the file has been read to its end
  stream_silent,       ///< a stream fell silent while its connection lived; told of each by itself
  audit_mismatch,      ///< LIST_SUBSCRIPTIONS does not name what was asked; text lists it. A stream
                       ///< that had sent something was lost, and is told of by itself
  renewed,             ///< a connection was replaced by a younger one as planned
  recording,           ///< what arrives cannot be recorded, or can again; the text says why. The
                       ///< state stays as it is, and the feed goes on
};
inline constexpr std::size_t kStatusCauseCount =
    static_cast<std::size_t>(StatusCause::recording) + 1;
[[nodiscard]] std::string_view to_string(StatusCause cause) noexcept;

/// What an error frame means, by its name.
/// source  docs.upbit.com/kr/reference/websocket-guide and the page of each stream (read 2026-11).
// clang-format off
enum class ServerErrorKind : std::uint8_t {
  none,           ///< no error frame
  wrong_format,   ///< WRONG_FORMAT: no JSON array, or a field of the wrong type
  no_ticket,      ///< NO_TICKET
  no_type,        ///< NO_TYPE
  no_codes,       ///< NO_CODES
  invalid_param,  ///< INVALID_PARAM: unknown type, empty codes, unknown category
  invalid_auth,   ///< INVALID_AUTH
  rate_limited,   ///< Too Many Requests, I'm a teapot, TOO_MANY_REQUEST
  other           ///< a name that is not documented; the text has it
};
// clang-format on
[[nodiscard]] std::string_view to_string(ServerErrorKind kind) noexcept;

/// Connection trouble and recovery, in order with the data of its connection. Of one stream alone,
/// in one event each: that it was lost while the connection lived (stream_silent, audit_mismatch);
/// `market` and `code` are then set, too.
struct StatusEvent : EventHeader {
  static constexpr EventKind kKind = EventKind::status;
  SessionState state = SessionState::idle;
  SessionState previous_state = SessionState::idle;
  StatusCause cause = StatusCause::none;
  ServerErrorKind server_error = ServerErrorKind::none;
  std::int32_t http_status = 0;             ///< 0: none
  std::int32_t system_errno = 0;            ///< 0: none
  std::int64_t retry_in_ms = -1;            ///< until the next dial; -1: none planned
  EventKind lost_kind = EventKind::status;  ///< of the stream that was lost; status: none was
  CandleUnit candle_unit = CandleUnit::m1;  ///< when lost_kind is candle
  Decimal level;                            ///< when lost_kind is orderbook
  std::int64_t silent_ns = 0;  ///< since its last sign of life, when the loss was found
  InlineText<250> text;        ///< one line for a person; never a secret
};

/// Records of one market and stream that found no room (dropped) or were replaced by a newer value
/// before they could be handed over (conflated). Comes before the next record of that market.
struct LossEvent : EventHeader {
  static constexpr EventKind kKind = EventKind::loss;
  EventKind lost_kind = EventKind::trade;   ///< status: the stream could not be told
  CandleUnit candle_unit = CandleUnit::m1;  ///< when lost_kind is candle; m1 for refused ones
  std::uint64_t dropped = 0;
  std::uint64_t conflated = 0;
  std::uint64_t refused = 0;  ///< frames of that market that could not be decoded exactly
  std::uint64_t first_sequential_id = 0;  ///< of the dropped trades; 0: none
  std::uint64_t last_sequential_id = 0;
};

/// What an outage hid of one stream of one market: comes right before the first event of that
/// stream that arrived after it. The end of the outage is that event's time; where only its frames
/// tell (order books, tickers, candles) the gap has healed with it. Trades whose ids lie between
/// the two bounds may follow it: what snapshots have shown of them, and what was fetched.
struct GapEvent : EventHeader {
  static constexpr EventKind kKind = EventKind::gap;
  EventKind gap_kind = EventKind::trade;
  CandleUnit candle_unit = CandleUnit::m1;  ///< when gap_kind is candle
  StatusCause cause = StatusCause::none;    ///< why the connection ended, or the stream was lost
  Decimal level;                            ///< when gap_kind is orderbook
  std::uint32_t epoch_before = 0;           ///< `epoch`: of the new connection; the same where only
                                            ///< the stream was lost and its connection lived
  MonoTime started_mono;                    ///< the stream's last event before the outage; 0: none
  MonoTime lost_mono;                       ///< the connection was given up, or the loss was found
  MonoTime ended_mono;                      ///< the first event after it; where that event is what
                                            ///< shows a stream's loss, shortly before lost_mono
  std::uint64_t last_sequential_id = 0;     ///< trades: the last before; 0: none
  std::uint64_t first_sequential_id = 0;    ///< trades: the first after
  std::uint32_t backfilled = 0;    ///< trades: how many fetched ones follow, flagged kBackfilled
  bool backfill_complete = false;  ///< they are all there were, as far as the exchange tells
};

static_assert(std::is_trivially_copyable_v<TickerEvent> &&
                  std::is_trivially_copyable_v<TradeEvent> &&
                  std::is_trivially_copyable_v<CandleEvent> &&
                  std::is_trivially_copyable_v<OrderbookEvent> &&
                  std::is_trivially_copyable_v<StatusEvent> &&
                  std::is_trivially_copyable_v<LossEvent> && std::is_trivially_copyable_v<GapEvent>,
              "events live in ring memory and are never destroyed");

/// Bytes of the largest record of a market stream: an order book of 30 units in wide form.
inline constexpr std::size_t kMarketEventBytesMax =
    OrderbookEvent::record_bytes(kBookDepthMax, true);
static_assert(sizeof(TickerEvent) <= kMarketEventBytesMax &&
              sizeof(StatusEvent) <= kMarketEventBytesMax &&
              sizeof(MyOrderEvent) <= kMarketEventBytesMax);
/// Bytes of the largest record there is; what a frame of text would need beyond it is refused.
inline constexpr std::size_t kEventBytesMax = std::size_t{32} << 10;
/// Room that the event of a frame of so many payload bytes can need, for whoever claims it first.
[[nodiscard]] constexpr std::size_t event_room_bytes(std::size_t payload_bytes) noexcept {
  // Of all that varies, an asset grows most: from 23 bytes on the wire to one MyAsset.
  const std::size_t room = sizeof(AnnouncementEvent) + 4 * payload_bytes;
  return room < kMarketEventBytesMax ? kMarketEventBytesMax
         : room < kEventBytesMax     ? room
                                     : kEventBytesMax;
}
static_assert(sizeof(MyAsset) <= std::size_t{4} * 23 &&
              sizeof(MyAssetEvent) <= kMarketEventBytesMax);
static_assert(alignof(TickerEvent) <= 8 && alignof(OrderbookEvent) <= 8 &&
                  alignof(StatusEvent) <= 8 && alignof(MyOrderEvent) <= 8 &&
                  alignof(MyAssetEvent) <= 8 && alignof(AnnouncementEvent) <= 8,
              "all that a slot of a ring promises");

/// Calls visitor with the event behind header in its own type.
template <class Visitor>
decltype(auto) visit(const EventHeader& header, Visitor&& visitor) {
  switch (header.kind) {
    case EventKind::ticker:
      return visitor(static_cast<const TickerEvent&>(header));
    case EventKind::trade:
      return visitor(static_cast<const TradeEvent&>(header));
    case EventKind::orderbook:
      return visitor(static_cast<const OrderbookEvent&>(header));
    case EventKind::candle:
      return visitor(static_cast<const CandleEvent&>(header));
    case EventKind::my_order:
      return visitor(static_cast<const MyOrderEvent&>(header));
    case EventKind::my_asset:
      return visitor(static_cast<const MyAssetEvent&>(header));
    case EventKind::announcement:
      return visitor(static_cast<const AnnouncementEvent&>(header));
    case EventKind::indicator:
      return visitor(static_cast<const IndicatorEvent&>(header));
    case EventKind::indicator_signal:
      return visitor(static_cast<const IndicatorSignalEvent&>(header));
    case EventKind::loss:
      return visitor(static_cast<const LossEvent&>(header));
    case EventKind::gap:
      return visitor(static_cast<const GapEvent&>(header));
    case EventKind::status:
      break;
  }
  return visitor(static_cast<const StatusEvent&>(header));
}

/// The exchange's own time stamp of an event of a stream; zero where there is none.
[[nodiscard]] inline ExchangeTime exchange_time(const EventHeader& header) noexcept {
  return visit(header, [](const auto& event) {
    if constexpr (requires { event.timestamp; }) {
      return event.timestamp;
    } else {
      return ExchangeTime{};
    }
  });
}

}  // namespace upfeed
