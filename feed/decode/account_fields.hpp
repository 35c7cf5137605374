#pragma once

// The keys of the private and info streams; see fields.hpp.
//
// Little of these frames is documented for certain, and an order event that is refused is lost for
// good. So all that can be spared may be absent or null, amounts may come in quotes (as they do in
// REST replies), and what a member cannot hold is left out.
// source  docs.upbit.com/kr/reference/websocket-{myorder,myasset,announcement,indicator,
//         indicator-signal} (read 2026-11).

#include <type_traits>

#include "decode/fields.hpp"

namespace upfeed::detail {

inline constexpr std::uint8_t kSpare = kNullable | kLeftOut;
inline constexpr std::uint8_t kAmount = kSpare | kQuotable;

template <>
struct FieldTable<MyOrderEvent> {
  using E = MyOrderEvent;
  using F = E::Field;
  template <class Enum>
  using Word = WordSlot<E, Enum>;
  static constexpr std::array kEntries = std::to_array<FieldEntry<E>>({
      {F::type, "type", "ty", TypeSlot{}, kRequired},
      {F::code, "code", "cd", CodeSlot{}, kSpare},
      {F::uuid, "uuid", "uid", &E::uuid, kRequired},
      {F::ask_bid, "ask_bid", "ab", &E::ask_bid, kSpare},
      {F::order_type, "order_type", "ot", Word<OrderType>{&E::order_type, &E::order_type_text},
       kSpare},
      {F::state, "state", "s", Word<OrderState>{&E::state, &E::state_text}, kSpare},
      {F::trade_uuid, "trade_uuid", "tuid", &E::trade_uuid, kSpare},
      {F::price, "price", "p", &E::price, kAmount},
      {F::avg_price, "avg_price", "ap", &E::avg_price, kAmount},
      {F::volume, "volume", "v", &E::volume, kAmount},
      {F::remaining_volume, "remaining_volume", "rv", &E::remaining_volume, kAmount},
      {F::executed_volume, "executed_volume", "ev", &E::executed_volume, kAmount},
      {F::trades_count, "trades_count", "tc", &E::trades_count, kAmount},
      {F::reserved_fee, "reserved_fee", "rsf", &E::reserved_fee, kAmount},
      {F::remaining_fee, "remaining_fee", "rmf", &E::remaining_fee, kAmount},
      {F::paid_fee, "paid_fee", "pf", &E::paid_fee, kAmount},
      {F::locked, "locked", "l", &E::locked, kAmount},
      {F::executed_funds, "executed_funds", "ef", &E::executed_funds, kAmount},
      {F::time_in_force, "time_in_force", "tif",
       Word<TimeInForce>{&E::time_in_force, &E::time_in_force_text}, kSpare},
      {F::trade_fee, "trade_fee", "tf", &E::trade_fee, kAmount},
      {F::is_maker, "is_maker", "im", &E::is_maker, kSpare},
      {F::identifier, "identifier", "id", &E::identifier, kSpare},
      {F::smp_type, "smp_type", "smpt", Word<SmpType>{&E::smp_type, &E::smp_type_text}, kSpare},
      {F::prevented_volume, "prevented_volume", "pv", &E::prevented_volume, kAmount},
      {F::prevented_locked, "prevented_locked", "pl", &E::prevented_locked, kAmount},
      {F::trade_timestamp, "trade_timestamp", "ttms", &E::trade_timestamp, kSpare},
      {F::order_timestamp, "order_timestamp", "otms", &E::order_timestamp, kSpare},
      {F::timestamp, "timestamp", "tms", &E::timestamp, kSpare},
      {F::stream_type, "stream_type", "st", &E::stream_type, kSpare},
  });
};

template <>
struct FieldTable<MyAssetEvent> {
  using E = MyAssetEvent;
  using F = E::Field;
  static constexpr std::array kEntries = std::to_array<FieldEntry<E>>({
      {F::type, "type", "ty", TypeSlot{}, kRequired},
      {F::asset_uuid, "asset_uuid", "astuid", &E::asset_uuid, kSpare},
      {F::assets, "assets", "ast", AssetsSlot{}, kRequired},
      {F::asset_timestamp, "asset_timestamp", "asttms", &E::asset_timestamp, kSpare},
      {F::timestamp, "timestamp", "tms", &E::timestamp, kSpare},
      {F::stream_type, "stream_type", "st", &E::stream_type, kSpare},
  });
};

template <>
struct FieldTable<AnnouncementEvent> {
  using E = AnnouncementEvent;
  using F = E::Field;
  static constexpr std::array kEntries = std::to_array<FieldEntry<E>>({
      {F::type, "type", "ty", TypeSlot{}, kRequired},
      {F::event_type, "event_type", "et", &E::event_type, kSpare},
      {F::uuid, "uuid", "uid", &E::uuid, kSpare},
      {F::title, "title", "tt", &E::title_part, kRequired},
      {F::category, "category", "cat", &E::category, kSpare},
      {F::url, "url", "url", &E::url_part, kSpare},
      {F::first_listed_at, "first_listed_at", "flat", &E::first_listed_at, kSpare},
      {F::listed_at, "listed_at", "lat", &E::listed_at, kSpare},
      {F::timestamp, "timestamp", "tms", &E::timestamp, kSpare},
      {F::stream_type, "stream_type", "st", &E::stream_type, kSpare},
      {F::body, "body", "bd", &E::body_part, kSpare},
  });
};

/// What the two indicator streams share; all else is in their JSON text.
template <class E>
struct EnvelopeTable {
  using F = IndicatorEnvelope::Field;
  static constexpr std::array kEntries = std::to_array<FieldEntry<E>>({
      {F::type, "type", "ty", TypeSlot{}, kRequired},
      {F::code, "code", "cd", CodeSlot{}, kRequired},
      {F::timeframe, "timeframe", "tf", &E::timeframe, kSpare},
      {F::indicator, "indicator", "ind", &E::indicator, kSpare},
      {F::candle_date_time_utc, "candle_date_time_utc", "cdttmu", &E::candle_date_time_utc, kSpare},
      {F::timestamp, "timestamp", "tms", &E::timestamp, kSpare},
      {F::stream_type, "stream_type", "st", &E::stream_type, kSpare},
  });
};
template <>
struct FieldTable<IndicatorEvent> : EnvelopeTable<IndicatorEvent> {};
template <>
struct FieldTable<IndicatorSignalEvent> : EnvelopeTable<IndicatorSignalEvent> {};

/// The word as it came.
template <class Event, class Enum>
std::string_view word_of(const Event& event, WordSlot<Event, Enum> slot) noexcept {
  const Enum value = event.*slot.value;
  return value == Enum::other ? (event.*slot.text).view() : to_string(value);
}

/// Whether the event's whole JSON text stands behind it.
template <class Event>
inline constexpr bool kHasJson = std::is_base_of_v<IndicatorEnvelope, Event>;

/// One key of an asset; all three are required, none may be null, since there is no place to tell.
/// The amounts may come in quotes.
inline constexpr std::array<UnitKey, 3> kAssetFields{
    {{"currency", "cu"}, {"balance", "b"}, {"locked", "l"}}};
enum class AssetField : std::uint8_t { currency, balance, locked };

static_assert(table_in_enumerator_order<MyOrderEvent>(MyOrderEvent::Field::stream_type));
static_assert(table_in_enumerator_order<MyAssetEvent>(MyAssetEvent::Field::stream_type));
static_assert(table_in_enumerator_order<AnnouncementEvent>(AnnouncementEvent::Field::body));
static_assert(table_in_enumerator_order<IndicatorEvent>(IndicatorEvent::Field::stream_type));

}  // namespace upfeed::detail
