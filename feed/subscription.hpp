#pragma once

// One subscribe call of one client, as the dispatcher sees it.

#include <atomic>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "upfeed/client.hpp"
#include "upfeed/market.hpp"

namespace upfeed::detail {

/// Immutable once handed to the dispatcher, but for the members marked otherwise.
struct Subscription {
  using Callback = std::variant<TickerCallback, TradeCallback, OrderbookCallback, CandleCallback,
                                StatusCallback, LossCallback>;

  SubscriptionId id;
  EventKind kind = EventKind::ticker;  // status and loss for on_status and on_loss
  CandleUnit candle_unit = CandleUnit::m1;
  StreamMode mode = StreamMode::both;
  std::uint8_t units = kBookDepthMax;
  Decimal level;
  std::vector<MarketId> markets;
  std::vector<MarketCode> codes;
  std::shared_ptr<SharedBook> shared;  // published after each change of the book; may be null

  /// Cleared by whoever unsubscribes; the dispatcher looks before every call.
  std::atomic<bool> alive{true};
  /// Called by the dispatcher while alive; destroyed by the unsubscriber once no call can be
  /// running any more, or with the subscription.
  Callback callback;
  /// Dispatcher only: markets[i] has had its first event (all a snapshot_only subscriber wants).
  std::vector<std::uint8_t> served;
};

}  // namespace upfeed::detail
