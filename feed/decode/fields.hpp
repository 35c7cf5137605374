#pragma once

// The keys of every stream, once: decoder, encoder and event hash all walk these tables. Entry i
// of an event's table is Field(i), and the order is the documented one, which is also the order on
// the wire (relied on for speed, never for correctness). Here the streams that every market has;
// those of an account are in account_fields.hpp.
// source  docs.upbit.com/kr/reference/websocket-{ticker,trade,orderbook,candle} (read 2026-11).

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>

#include "upfeed/events.hpp"

namespace upfeed::detail {

/// `type`: the kind and, in candles, the unit.
struct TypeSlot {};
/// `code`: the market.
struct CodeSlot {};
/// `orderbook_units`: the records behind the event.
struct UnitsSlot {};

/// `assets`: the records behind the event.
struct AssetsSlot {};
/// A word that the exchange may add to: an enumerator, and the word itself where that is `other`.
template <class Event, class Enum>
struct WordSlot {
  Enum Event::*value;
  InlineText<23> Event::*text;
};

/// Where the value of a key goes, and by its type how it is written on the wire.
template <class Event>
using Slot =
    std::variant<TypeSlot, CodeSlot, UnitsSlot, AssetsSlot, Price Event::*, WideQuantity Event::*,
                 Decimal Event::*, ExchangeTime Event::*, std::uint64_t Event::*, bool Event::*,
                 InlineText<15> Event::*, InlineText<23> Event::*, InlineText<31> Event::*,
                 InlineText<47> Event::*, InlineText<255> Event::*, TextPart Event::*,
                 Side Event::*, Change Event::*, StreamType Event::*, WordSlot<Event, OrderType>,
                 WordSlot<Event, OrderState>, WordSlot<Event, TimeInForce>,
                 WordSlot<Event, SmpType>>;

/// How a key may come.
enum FieldRules : std::uint8_t {
  kOptional = 0,
  kRequired = 1U << 0,  ///< a frame without it is refused
  kNullable = 1U << 1,  ///< null is accepted
  kQuotable = 1U << 2,  ///< a number that may come as text
  kLeftOut = 1U << 3    ///< what the member cannot hold is left out, and the event flagged
};

template <class Event>
struct FieldEntry {
  typename Event::Field field;
  std::string_view name;   ///< DEFAULT, JSON_LIST
  std::string_view alias;  ///< SIMPLE, SIMPLE_LIST
  Slot<Event> slot;
  std::uint8_t rules = kOptional;

  [[nodiscard]] constexpr std::string_view key(bool simple) const { return simple ? alias : name; }
  [[nodiscard]] constexpr std::uint64_t bit() const {
    return std::uint64_t{1} << static_cast<unsigned>(field);
  }
  [[nodiscard]] constexpr bool required() const { return (rules & kRequired) != 0; }
  [[nodiscard]] constexpr bool nullable() const { return (rules & kNullable) != 0; }
  [[nodiscard]] constexpr bool quotable() const { return (rules & kQuotable) != 0; }
  [[nodiscard]] constexpr bool left_out() const { return (rules & kLeftOut) != 0; }
};

template <class Event>
struct FieldTable;

template <>
struct FieldTable<TickerEvent> {
  using E = TickerEvent;
  using F = E::Field;
  static constexpr std::array kEntries = std::to_array<FieldEntry<E>>({
      {F::type, "type", "ty", TypeSlot{}, kRequired},
      {F::code, "code", "cd", CodeSlot{}, kRequired},
      {F::opening_price, "opening_price", "op", &E::opening_price},
      {F::high_price, "high_price", "hp", &E::high_price},
      {F::low_price, "low_price", "lp", &E::low_price},
      {F::trade_price, "trade_price", "tp", &E::trade_price, kRequired},
      {F::prev_closing_price, "prev_closing_price", "pcp", &E::prev_closing_price},
      {F::acc_trade_price, "acc_trade_price", "atp", &E::acc_trade_price},
      {F::change, "change", "c", &E::change},
      {F::change_price, "change_price", "cp", &E::change_price},
      {F::signed_change_price, "signed_change_price", "scp", &E::signed_change_price},
      {F::change_rate, "change_rate", "cr", &E::change_rate},
      {F::signed_change_rate, "signed_change_rate", "scr", &E::signed_change_rate},
      {F::ask_bid, "ask_bid", "ab", &E::ask_bid},
      {F::trade_volume, "trade_volume", "tv", &E::trade_volume},
      {F::acc_trade_volume, "acc_trade_volume", "atv", &E::acc_trade_volume},
      {F::trade_date, "trade_date", "tdt", &E::trade_date},
      {F::trade_time, "trade_time", "ttm", &E::trade_time},
      {F::trade_timestamp, "trade_timestamp", "ttms", &E::trade_timestamp},
      {F::acc_ask_volume, "acc_ask_volume", "aav", &E::acc_ask_volume},
      {F::acc_bid_volume, "acc_bid_volume", "abv", &E::acc_bid_volume},
      {F::highest_52_week_price, "highest_52_week_price", "h52wp", &E::highest_52_week_price,
       kNullable},
      {F::highest_52_week_date, "highest_52_week_date", "h52wdt", &E::highest_52_week_date,
       kNullable},
      {F::lowest_52_week_price, "lowest_52_week_price", "l52wp", &E::lowest_52_week_price,
       kNullable},
      {F::lowest_52_week_date, "lowest_52_week_date", "l52wdt", &E::lowest_52_week_date, kNullable},
      {F::market_state, "market_state", "ms", &E::market_state, kNullable},
      {F::is_trading_suspended, "is_trading_suspended", "its", &E::is_trading_suspended, kNullable},
      {F::delisting_date, "delisting_date", "dd", &E::delisting_date, kNullable},
      {F::market_warning, "market_warning", "mw", &E::market_warning, kNullable},
      {F::timestamp, "timestamp", "tms", &E::timestamp, kRequired},
      {F::acc_trade_price_24h, "acc_trade_price_24h", "atp24h", &E::acc_trade_price_24h, kNullable},
      {F::acc_trade_volume_24h, "acc_trade_volume_24h", "atv24h", &E::acc_trade_volume_24h,
       kNullable},
      {F::stream_type, "stream_type", "st", &E::stream_type},
  });
};

template <>
struct FieldTable<TradeEvent> {
  using E = TradeEvent;
  using F = E::Field;
  static constexpr std::array kEntries = std::to_array<FieldEntry<E>>({
      {F::type, "type", "ty", TypeSlot{}, kRequired},
      {F::code, "code", "cd", CodeSlot{}, kRequired},
      {F::timestamp, "timestamp", "tms", &E::timestamp},
      {F::trade_date, "trade_date", "td", &E::trade_date},  // tdt in tickers
      {F::trade_time, "trade_time", "ttm", &E::trade_time},
      {F::trade_timestamp, "trade_timestamp", "ttms", &E::trade_timestamp, kRequired},
      {F::trade_price, "trade_price", "tp", &E::trade_price, kRequired},
      {F::trade_volume, "trade_volume", "tv", &E::trade_volume, kRequired},
      {F::ask_bid, "ask_bid", "ab", &E::ask_bid, kRequired},
      {F::prev_closing_price, "prev_closing_price", "pcp", &E::prev_closing_price},
      {F::change, "change", "c", &E::change},
      {F::change_price, "change_price", "cp", &E::change_price},
      {F::sequential_id, "sequential_id", "sid", &E::sequential_id, kRequired},
      {F::best_ask_price, "best_ask_price", "bap", &E::best_ask_price, kNullable},
      {F::best_ask_size, "best_ask_size", "bas", &E::best_ask_size, kNullable},
      {F::best_bid_price, "best_bid_price", "bbp", &E::best_bid_price, kNullable},
      {F::best_bid_size, "best_bid_size", "bbs", &E::best_bid_size, kNullable},
      {F::stream_type, "stream_type", "st", &E::stream_type},
  });
};

template <>
struct FieldTable<OrderbookEvent> {
  using E = OrderbookEvent;
  using F = E::Field;
  static constexpr std::array kEntries = std::to_array<FieldEntry<E>>({
      {F::type, "type", "ty", TypeSlot{}, kRequired},
      {F::code, "code", "cd", CodeSlot{}, kRequired},
      {F::timestamp, "timestamp", "tms", &E::timestamp, kRequired},
      {F::total_ask_size, "total_ask_size", "tas", &E::total_ask_size},
      {F::total_bid_size, "total_bid_size", "tbs", &E::total_bid_size},
      {F::orderbook_units, "orderbook_units", "obu", UnitsSlot{}, kRequired},
      {F::stream_type, "stream_type", "st", &E::stream_type},
      {F::level, "level", "lv", &E::level, kQuotable},
  });
};

template <>
struct FieldTable<CandleEvent> {
  using E = CandleEvent;
  using F = E::Field;
  static constexpr std::array kEntries = std::to_array<FieldEntry<E>>({
      {F::type, "type", "ty", TypeSlot{}, kRequired},
      {F::code, "code", "cd", CodeSlot{}, kRequired},
      {F::candle_date_time_utc, "candle_date_time_utc", "cdttmu", &E::candle_date_time_utc,
       kRequired},
      {F::candle_date_time_kst, "candle_date_time_kst", "cdttmk", &E::candle_date_time_kst},
      {F::opening_price, "opening_price", "op", &E::opening_price, kRequired},
      {F::high_price, "high_price", "hp", &E::high_price, kRequired},
      {F::low_price, "low_price", "lp", &E::low_price, kRequired},
      {F::trade_price, "trade_price", "tp", &E::trade_price, kRequired},
      {F::candle_acc_trade_volume, "candle_acc_trade_volume", "catv", &E::candle_acc_trade_volume,
       kRequired},
      {F::candle_acc_trade_price, "candle_acc_trade_price", "catp", &E::candle_acc_trade_price},
      {F::timestamp, "timestamp", "tms", &E::timestamp, kRequired},
      {F::stream_type, "stream_type", "st", &E::stream_type},
  });
};

template <class Event>
inline constexpr const auto& kFields = FieldTable<Event>::kEntries;

/// Mask of `present` bits without which an event is refused.
template <class Event>
inline constexpr std::uint64_t kRequiredMask = [] {
  std::uint64_t mask = 0;
  for (const auto& entry : kFields<Event>) mask |= entry.required() ? entry.bit() : 0;
  return mask;
}();

/// One key of an order book unit; all four are required, none may be null.
struct UnitKey {
  std::string_view name;
  std::string_view alias;
  [[nodiscard]] constexpr std::string_view key(bool simple) const { return simple ? alias : name; }
};
enum class UnitField : std::uint8_t { ask_price, bid_price, ask_size, bid_size };
inline constexpr std::array<UnitKey, 4> kUnitFields{
    {{"ask_price", "ap"}, {"bid_price", "bp"}, {"ask_size", "as"}, {"bid_size", "bs"}}};

// Enumerators as the wire writes them; index 0 is `absent`, which no frame spells.
inline constexpr std::array<std::string_view, 3> kSideTexts{"", "ASK", "BID"};
inline constexpr std::array<std::string_view, 4> kChangeTexts{"", "RISE", "EVEN", "FALL"};
inline constexpr std::array<std::string_view, 3> kStreamTypeTexts{"", "SNAPSHOT", "REALTIME"};

/// `type` of each stream, by EventKind; of candles what stands before the unit.
inline constexpr std::array<std::string_view, kStreamCount> kTypeTexts{
    "ticker",  "trade",        "orderbook", "candle.",         "myOrder",
    "myAsset", "announcement", "indicator", "indicator_signal"};
inline constexpr std::array<std::string_view, kCandleUnitCount> kCandleUnitTexts{
    "1s", "1m", "3m", "5m", "10m", "15m", "30m", "60m", "240m"};

template <class Event>
constexpr bool table_in_enumerator_order(typename Event::Field last) {
  for (std::size_t i = 0; i < kFields<Event>.size(); ++i) {
    if (static_cast<std::size_t>(kFields<Event>[i].field) != i) return false;
  }
  return kFields<Event>.size() == static_cast<std::size_t>(last) + 1 && kFields<Event>.size() <= 64;
}
static_assert(table_in_enumerator_order<TickerEvent>(TickerEvent::Field::stream_type));
static_assert(table_in_enumerator_order<TradeEvent>(TradeEvent::Field::stream_type));
static_assert(table_in_enumerator_order<OrderbookEvent>(OrderbookEvent::Field::level));
static_assert(table_in_enumerator_order<CandleEvent>(CandleEvent::Field::stream_type));

}  // namespace upfeed::detail
