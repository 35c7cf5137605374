#pragma once

// One subscribe call of one client, as the dispatcher sees it.

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "upfeed/client.hpp"
#include "upfeed/market.hpp"

namespace upfeed::detail {

/// Immutable once handed to the dispatcher, but for the members marked otherwise.
struct Subscription {
  using Callback =
      std::variant<TickerCallback, TradeCallback, OrderbookCallback, CandleCallback,
                   MyOrderCallback, MyAssetCallback, AnnouncementCallback, IndicatorCallback,
                   IndicatorSignalCallback, StatusCallback, LossCallback, GapCallback>;

  SubscriptionId id;
  EventKind kind = EventKind::ticker;  // status, loss and gap for on_status, on_loss and on_gap
  CandleUnit candle_unit = CandleUnit::m1;
  StreamMode mode = StreamMode::both;
  std::uint8_t units = kBookDepthMax;
  Decimal level;
  std::optional<std::uint32_t> connection;  // market streams: pinned to it
  std::vector<MarketId> markets;
  std::vector<MarketCode> codes;        // my_order: empty means all
  AnnouncementOptions announcement;     // announcement
  IndicatorOptions indicator;           // indicator and indicator_signal
  std::vector<std::string> indicators;  // their names, of indicator.indicators_json
  std::shared_ptr<SharedBook> shared;   // published after each change of the book; may be null

  /// Cleared by whoever unsubscribes; the dispatcher looks before every call.
  std::atomic<bool> alive{true};
  /// Called by the dispatcher while alive; destroyed by the unsubscriber once no call can be
  /// running any more, or with the subscription.
  Callback callback;
  /// Of an event without a route: it is this subscription's.
  [[nodiscard]] bool covers(const EventHeader& event) const noexcept;

  /// Dispatcher only: markets[i] has had its first event (all a snapshot_only subscriber wants).
  std::vector<std::uint8_t> served;
};

}  // namespace upfeed::detail
