#pragma once

// Events of the private connection (own orders, own balances, announcements) and of the info
// connection (indicators). Amounts are Decimals: the exchange rounds none of them, and a balance
// may have more than twenty decimals.
//
// Text of any length follows its event in the record, and so do the assets:
//
//   | MyAssetEvent | MyAsset[asset_count] |      | AnnouncementEvent | title | url | body |
//   | IndicatorEvent | the frame's JSON text |

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "upfeed/assert.hpp"
#include "upfeed/event_header.hpp"
#include "upfeed/units.hpp"

namespace upfeed {

// The exchange adds words to these (`prevented` and `post_only` came in 2025). One that is not
// known here is `other`, and its text stands beside it in the event.

/// Kind of an order; `price` is a market buy by amount, `market` a market sell by volume.
enum class OrderType : std::uint8_t { absent, limit, price, market, best, other };
enum class OrderState : std::uint8_t { absent, wait, watch, trade, done, cancel, prevented, other };
/// absent where null: an order without such a condition.
enum class TimeInForce : std::uint8_t { absent, ioc, fok, post_only, other };
/// Self-match prevention.
enum class SmpType : std::uint8_t { absent, reduce, cancel_maker, cancel_taker, other };

/// Names as on the wire ("other" for other); empty for absent and for a value outside the
/// enumeration.
[[nodiscard]] std::string_view to_string(OrderType type) noexcept;
[[nodiscard]] std::string_view to_string(OrderState state) noexcept;
[[nodiscard]] std::string_view to_string(TimeInForce condition) noexcept;
[[nodiscard]] std::string_view to_string(SmpType type) noexcept;

/// Something happened to an own order. Nothing is sent until then; there is no snapshot.
/// No such event is lost for what it says: every member but type and uuid may be null, an unknown
/// word is `other`, and a value that its member cannot hold is left out, which kIncomplete tells.
/// market is invalid only where the table of markets is full or the code was left out; one that was
/// never subscribed is added.
/// source  docs.upbit.com/kr/reference/websocket-myorder (read 2026-11).
struct MyOrderEvent : EventHeader {
  static constexpr EventKind kKind = EventKind::my_order;
  // clang-format off
  enum class Field : std::uint8_t {
    type, code, uuid, ask_bid, order_type, state, trade_uuid, price, avg_price, volume,
    remaining_volume, executed_volume, trades_count, reserved_fee, remaining_fee, paid_fee, locked,
    executed_funds, time_in_force, trade_fee, is_maker, identifier, smp_type, prevented_volume,
    prevented_locked, trade_timestamp, order_timestamp, timestamp, stream_type
  };
  // clang-format on
  [[nodiscard]] bool has(Field field) const noexcept {
    return detail::FieldAccess<MyOrderEvent>::has(*this, field);
  }
  [[nodiscard]] bool is_null(Field field) const noexcept {
    return detail::FieldAccess<MyOrderEvent>::null(*this, field);
  }

  Decimal price;             ///< of the order, or of the trade when state is trade; quote currency
  Decimal avg_price;         ///< average of the executions
  Decimal volume;            ///< of the order, or of the trade when state is trade; base currency
  Decimal remaining_volume;  ///< base currency
  Decimal executed_volume;   ///< base currency
  Decimal reserved_fee;
  Decimal remaining_fee;
  Decimal paid_fee;
  Decimal locked;          ///< amount that the order holds
  Decimal executed_funds;  ///< quote currency
  Decimal trade_fee;       ///< null unless state is trade
  Decimal prevented_volume;
  Decimal prevented_locked;
  std::uint64_t trades_count = 0;
  ExchangeTime trade_timestamp;
  ExchangeTime order_timestamp;
  ExchangeTime timestamp;
  InlineText<47> uuid;
  InlineText<47> trade_uuid;
  InlineText<255> identifier;         ///< chosen by the client that made the order
  InlineText<23> order_type_text;     ///< the word, where order_type is other; else empty
  InlineText<23> state_text;          ///< likewise
  InlineText<23> time_in_force_text;  ///< likewise
  InlineText<23> smp_type_text;       ///< likewise
  Side ask_bid = Side::absent;
  OrderType order_type = OrderType::absent;
  OrderState state = OrderState::absent;
  TimeInForce time_in_force = TimeInForce::absent;
  SmpType smp_type = SmpType::absent;
  bool is_maker = false;  ///< null unless state is trade
};

/// One currency of an account.
struct MyAsset {
  Decimal balance;  ///< free
  Decimal locked;   ///< in orders and withdrawals
  InlineText<15> currency;
  friend bool operator==(const MyAsset&, const MyAsset&) = default;
};

/// Balances that have changed; the others are not named. Of no market.
/// source  docs.upbit.com/kr/reference/websocket-myasset (read 2026-11).
struct MyAssetEvent : EventHeader {
  static constexpr EventKind kKind = EventKind::my_asset;
  enum class Field : std::uint8_t {
    type,
    asset_uuid,
    assets,
    asset_timestamp,
    timestamp,
    stream_type
  };
  [[nodiscard]] bool has(Field field) const noexcept {
    return detail::FieldAccess<MyAssetEvent>::has(*this, field);
  }
  [[nodiscard]] bool is_null(Field field) const noexcept {
    return detail::FieldAccess<MyAssetEvent>::null(*this, field);
  }

  ExchangeTime asset_timestamp;
  ExchangeTime timestamp;
  InlineText<47> asset_uuid;
  std::uint32_t asset_count = 0;

  /// The currencies of the frame, in its order.
  [[nodiscard]] std::span<const MyAsset> assets() const noexcept {
    return {
        reinterpret_cast<const MyAsset*>(reinterpret_cast<const std::byte*>(this) + sizeof(*this)),
        asset_count};
  }
  /// For whoever fills a slot: the place of the assets.
  [[nodiscard]] MyAsset* asset_array() noexcept {
    return reinterpret_cast<MyAsset*>(reinterpret_cast<std::byte*>(this) + sizeof(*this));
  }
};
static_assert(sizeof(MyAssetEvent) % alignof(MyAsset) == 0, "assets follow without padding");

namespace detail {
/// Text behind an event, as a part of what follows it.
struct TextPart {
  std::uint32_t offset_bytes = 0;  ///< from the end of the event
  std::uint32_t size_bytes = 0;
  [[nodiscard]] std::string_view in(const std::byte* behind) const noexcept {
    return {reinterpret_cast<const char*>(behind) + offset_bytes, size_bytes};
  }
};
}  // namespace detail

/// A notice of the exchange, when it is published or changed.
/// source  docs.upbit.com/kr/reference/websocket-announcement (read 2026-11).
struct AnnouncementEvent : EventHeader {
  static constexpr EventKind kKind = EventKind::announcement;
  // clang-format off
  enum class Field : std::uint8_t {
    type, event_type, uuid, title, category, url, first_listed_at, listed_at, timestamp,
    stream_type, body
  };
  // clang-format on
  [[nodiscard]] bool has(Field field) const noexcept {
    return detail::FieldAccess<AnnouncementEvent>::has(*this, field);
  }
  [[nodiscard]] bool is_null(Field field) const noexcept {
    return detail::FieldAccess<AnnouncementEvent>::null(*this, field);
  }

  /// UTF-8 without escapes, valid as long as the event; body only where it was asked for.
  [[nodiscard]] std::string_view title() const noexcept { return title_part.in(behind()); }
  [[nodiscard]] std::string_view url() const noexcept { return url_part.in(behind()); }
  [[nodiscard]] std::string_view body() const noexcept { return body_part.in(behind()); }

  ExchangeTime timestamp;
  InlineText<47> uuid;
  InlineText<31> first_listed_at;  ///< ISO 8601 with offset, e.g. 2026-11-22T09:00:00+09:00
  InlineText<31> listed_at;
  InlineText<31> category;    ///< notice, trade, wallet, maintenance, digital_asset, ...
  InlineText<15> event_type;  ///< CREATED, UPDATED
  // For whoever fills a slot.
  detail::TextPart title_part;
  detail::TextPart url_part;
  detail::TextPart body_part;

 private:
  [[nodiscard]] const std::byte* behind() const noexcept {
    return reinterpret_cast<const std::byte*>(this) + sizeof(*this);
  }
};

/// What indicator and indicator_signal frames share. The shape of parameters, values and conditions
/// differs by indicator, so the frame is handed on as its own JSON text.
/// source  docs.upbit.com/kr/reference/websocket-indicator and -indicator-signal (read 2026-11).
struct IndicatorEnvelope : EventHeader {
  // clang-format off
  enum class Field : std::uint8_t {
    type, code, timeframe, indicator, candle_date_time_utc, timestamp, stream_type
  };
  // clang-format on
  ExchangeTime timestamp;
  InlineText<31> indicator;             ///< volume, rsi, moving_average, ma_crossover, ...
  InlineText<23> candle_date_time_utc;  ///< yyyy-MM-ddTHH:mm:ss
  InlineText<15> timeframe;             ///< 5m, 15m, 60m, 240m, 1d
  bool simple_names = false;            ///< json() has the short names of the SIMPLE formats
  detail::TextPart json_part;           ///< for whoever fills a slot
};

/// A candle closed: the indicator's new value.
struct IndicatorEvent : IndicatorEnvelope {
  static constexpr EventKind kKind = EventKind::indicator;
  [[nodiscard]] bool has(Field field) const noexcept {
    return detail::FieldAccess<IndicatorEvent>::has(*this, field);
  }
  [[nodiscard]] bool is_null(Field field) const noexcept {
    return detail::FieldAccess<IndicatorEvent>::null(*this, field);
  }
  /// The frame's object as it came, valid JSON; lives as long as the event.
  [[nodiscard]] std::string_view json() const noexcept {
    return json_part.in(reinterpret_cast<const std::byte*>(this) + sizeof(*this));
  }
};

/// A condition has become true.
struct IndicatorSignalEvent : IndicatorEnvelope {
  static constexpr EventKind kKind = EventKind::indicator_signal;
  [[nodiscard]] bool has(Field field) const noexcept {
    return detail::FieldAccess<IndicatorSignalEvent>::has(*this, field);
  }
  [[nodiscard]] bool is_null(Field field) const noexcept {
    return detail::FieldAccess<IndicatorSignalEvent>::null(*this, field);
  }
  /// The frame's object as it came, valid JSON; lives as long as the event.
  [[nodiscard]] std::string_view json() const noexcept {
    return json_part.in(reinterpret_cast<const std::byte*>(this) + sizeof(*this));
  }
};

}  // namespace upfeed
