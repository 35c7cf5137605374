#pragma once

// A Client is a program part's view of the feed: it subscribes with a callback and is handed events
// on the dispatcher's thread. Destroying it drops what nobody else wants.
//
//   call                      from                      blocks
//   subscribe_*, on_*         any thread, callbacks     no
//   unsubscribe, ~Client      any thread                until a callback in progress has returned
//                             a callback                no; takes effect when the callback returns
//   snapshot_*                any thread but callbacks  until all came or the timeout
//
// After unsubscribe or ~Client has returned on another thread, none of its callbacks runs or will
// run, and the callables are destroyed.

#include <chrono>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "upfeed/book.hpp"
#include "upfeed/errc.hpp"
#include "upfeed/events.hpp"
#include "upfeed/inplace_function.hpp"
#include "upfeed/stream.hpp"

namespace upfeed {

namespace detail {
class FeedCore;
struct Subscription;
}  // namespace detail

/// Callables are stored in place, up to 64 bytes. References are valid until the callable returns.
/// One that throws is caught, counted (FeedMetrics::callback_errors) and stays subscribed.
using TickerCallback = InplaceFunction<void(const TickerEvent&)>;
using TradeCallback = InplaceFunction<void(const TradeEvent&)>;
/// The event cut to the units asked for, and the book after it was applied.
using OrderbookCallback = InplaceFunction<void(const OrderbookEvent&, const Book&)>;
using CandleCallback = InplaceFunction<void(const CandleEvent&)>;
using MyOrderCallback = InplaceFunction<void(const MyOrderEvent&)>;
using MyAssetCallback = InplaceFunction<void(const MyAssetEvent&)>;
using AnnouncementCallback = InplaceFunction<void(const AnnouncementEvent&)>;
using IndicatorCallback = InplaceFunction<void(const IndicatorEvent&)>;
using IndicatorSignalCallback = InplaceFunction<void(const IndicatorSignalEvent&)>;
using GapCallback = InplaceFunction<void(const GapEvent&)>;
using StatusCallback = InplaceFunction<void(const StatusEvent&)>;
using LossCallback = InplaceFunction<void(const LossEvent&)>;

struct SubscribeOptions {
  StreamMode mode = StreamMode::both;
  /// Pins the streams to a public connection, 0 to FeedConfig::sharding.connections - 1; empty: as
  /// FeedConfig::sharding says. Of several subscriptions of a stream the first one decides.
  std::optional<std::uint32_t> connection{};
};

struct OrderbookOptions {
  StreamMode mode = StreamMode::both;
  /// 1, 5, 15 or 30 units.
  unsigned units = 30;
  /// Price grouping as decimal text, e.g. "10000"; KRW markets only. "0": none.
  std::string_view level = "0";
  /// As SubscribeOptions::connection.
  std::optional<std::uint32_t> connection{};
};

/// source  docs.upbit.com/kr/reference/websocket-announcement (read 2026-11).
struct AnnouncementOptions {
  /// notice, trade, wallet, maintenance, digital_asset, nft, service, event; empty: all.
  std::vector<std::string> categories{};
  bool include_body = false;
};

/// source  docs.upbit.com/kr/reference/websocket-indicator (read 2026-11).
struct IndicatorOptions {
  std::string timeframe = "60m";  ///< 5m, 15m, 60m, 240m or 1d
  /// JSON list as the exchange has it, e.g. [{"type":"rsi","params":{"period":14}}]. At most 100
  /// codes times indicators.
  std::string indicators_json{};
};

/// Names one subscription of one client; ids are never reused.
struct SubscriptionId {
  std::uint64_t value = 0;
  friend bool operator==(SubscriptionId, SubscriptionId) = default;
};

/// One row of Client::list_subscriptions().
struct SubscriptionInfo {
  SubscriptionId id;
  EventKind kind = EventKind::ticker;
  CandleUnit candle_unit = CandleUnit::m1;  ///< when kind is candle
  unsigned units = 0;                       ///< when kind is orderbook
  StreamMode mode = StreamMode::both;
  std::vector<std::string> codes;  ///< my_order: empty means all
};

/// Market codes in any of the usual containers; the text is copied during the call.
class CodeList {
 public:
  CodeList(std::initializer_list<std::string_view> codes) : codes_(codes) {}
  CodeList(std::string_view code) : codes_{code} {}
  CodeList(const char* code) : codes_{code} {}
  CodeList(const std::string& code) : codes_{code} {}
  CodeList(const std::vector<std::string>& codes) : codes_(codes.begin(), codes.end()) {}
  CodeList(std::span<const std::string_view> codes) : codes_(codes.begin(), codes.end()) {}
  [[nodiscard]] std::span<const std::string_view> view() const noexcept { return codes_; }

 private:
  std::vector<std::string_view> codes_;
};

/// Move-only; made by Feed::client(). May outlive its Feed: calls then answer Errc::stopped.
class Client {
 public:
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  [[nodiscard]] const std::string& name() const noexcept;

  /// Subscribe codes with a callback. An empty callback only makes the stream flow, for those who
  /// read it through Feed::poll(handler).
  /// errors  empty_list, bad_code, unknown_market (after Feed::load_markets), bad_unit, bad_level,
  ///         bad_option (connection), too_many_markets, stopped. On an error
  ///         nothing is subscribed.
  Result<SubscriptionId> subscribe_ticker(const CodeList& codes, TickerCallback callback = {},
                                          SubscribeOptions options = {});
  Result<SubscriptionId> subscribe_trade(const CodeList& codes, TradeCallback callback = {},
                                         SubscribeOptions options = {});
  Result<SubscriptionId> subscribe_orderbook(const CodeList& codes, OrderbookCallback callback = {},
                                             OrderbookOptions options = {});
  Result<SubscriptionId> subscribe_candle(CandleUnit unit, const CodeList& codes,
                                          CandleCallback callback = {},
                                          SubscribeOptions options = {});

  /// Own orders, own balances, notices: need FeedConfig::keys (but not in a replay) and a
  /// connection of their own, which is dialled when the first of them is subscribed.
  /// codes   of the orders; none: of all markets.
  /// errors  no_keys, bad_code, bad_option, stopped.
  Result<SubscriptionId> subscribe_my_order(MyOrderCallback callback = {},
                                            const CodeList& codes = {});
  Result<SubscriptionId> subscribe_my_asset(MyAssetCallback callback = {});
  Result<SubscriptionId> subscribe_announcement(AnnouncementCallback callback = {},
                                                AnnouncementOptions options = {});
  /// Indicators when a candle closes, and signals when a condition becomes true; KRW markets only.
  /// Need FeedConfig::keys and a connection of their own. errors  as above, empty_list.
  Result<SubscriptionId> subscribe_indicator(const CodeList& codes, IndicatorOptions options,
                                             IndicatorCallback callback = {});
  Result<SubscriptionId> subscribe_indicator_signal(const CodeList& codes, IndicatorOptions options,
                                                    IndicatorSignalCallback callback = {});

  /// Connection trouble and recovery, in order with the data.
  Result<SubscriptionId> on_status(StatusCallback callback);
  /// What was lost, in order with the data, for all markets of the feed.
  Result<SubscriptionId> on_loss(LossCallback callback);
  /// What an outage hid, in order with the data: right before the first event after it.
  Result<SubscriptionId> on_gap(GapCallback callback);

  /// An order book that other threads can read at any time: SharedBook::read(). The subscription
  /// lives as long as this client; the memory as long as the pointer, disconnected by then.
  /// options.mode is not looked at: a shared book always follows the stream.
  Result<std::shared_ptr<const SharedBook>> share_book(std::string_view code,
                                                       OrderbookOptions options = {});

  /// Ends one subscription; unknown ids are ignored.
  void unsubscribe(SubscriptionId id);
  void unsubscribe_all();
  [[nodiscard]] std::vector<SubscriptionInfo> list_subscriptions() const;

  /// The present value of each code, each once, in the order given: from memory where the stream is
  /// live, asked from the exchange otherwise. errors  as subscribe_*; timeout (message names the
  /// missing codes), called_from_callback,
  ///         not_running.
  Result<std::vector<TickerEvent>> snapshot_ticker(const CodeList& codes,
                                                   std::chrono::milliseconds timeout);
  Result<std::vector<TradeEvent>> snapshot_trade(const CodeList& codes,
                                                 std::chrono::milliseconds timeout);
  Result<std::vector<Book>> snapshot_orderbook(const CodeList& codes,
                                               std::chrono::milliseconds timeout,
                                               OrderbookOptions options = {});

 private:
  friend class Feed;
  Client(std::shared_ptr<detail::FeedCore> core, std::string name);

  template <class Value, class MakeCallback>
  Result<std::vector<Value>> snapshot(std::shared_ptr<detail::Subscription> subscription,
                                      const CodeList& codes, std::chrono::milliseconds timeout,
                                      MakeCallback make_callback);
  Result<SubscriptionId> add(std::shared_ptr<detail::Subscription> subscription,
                             const CodeList& codes);
  Result<SubscriptionId> add_account(std::shared_ptr<detail::Subscription> subscription,
                                     const CodeList& codes);
  Result<SubscriptionId> add_indicator(std::shared_ptr<detail::Subscription> subscription,
                                       const CodeList& codes, IndicatorOptions options);
  Result<SubscriptionId> add_checked(std::shared_ptr<detail::Subscription> subscription);

  std::shared_ptr<detail::FeedCore> core_;
  std::string name_;
  // Guarded by the core's client mutex: a client may be used from several threads.
  std::vector<std::shared_ptr<detail::Subscription>> subscriptions_;
};

}  // namespace upfeed
