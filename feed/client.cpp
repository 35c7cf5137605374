#include "upfeed/client.hpp"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <optional>
#include <utility>

#include "feed_core.hpp"
#include "indicator_names.hpp"
#include "subscription.hpp"

namespace upfeed {

namespace {

using detail::indicator_names;
using SubscriptionPtr = std::shared_ptr<detail::Subscription>;

SubscriptionPtr new_subscription(EventKind kind, StreamMode mode,
                                 detail::Subscription::Callback callback) {
  auto subscription = std::make_shared<detail::Subscription>();
  subscription->kind = kind;
  subscription->mode = mode;
  subscription->callback = std::move(callback);
  return subscription;
}

Status set_orderbook(detail::Subscription& subscription, const OrderbookOptions& options) {
  subscription.connection = options.connection;
  if (options.units != 1 && options.units != 5 && options.units != 15 && options.units != 30) {
    return Error{Errc::bad_unit, "units is " + std::to_string(options.units) +
                                     ": the exchange has 1, 5, 15 and 30"};
  }
  const auto level = Decimal::parse(options.level);
  if (!level || level->mantissa() < 0) {
    return Error{Errc::bad_level, "level is \"" + std::string(options.level) +
                                      "\": must be a number from 0, e.g. \"10000\""};
  }
  subscription.units = static_cast<std::uint8_t>(options.units);
  subscription.level = *level;
  return Done{};
}

Error bad_code(std::string_view text) {
  return {Errc::bad_code,
          "code is \"" + std::string(text) + "\": must be QUOTE-BASE in upper case, e.g. KRW-BTC"};
}

Error no_codes() {
  return {Errc::empty_list, "codes is empty: name at least one market, e.g. KRW-BTC"};
}

template <class List, class Value>
bool contains(const List& list, const Value& value) {
  return std::find(std::begin(list), std::end(list), value) != std::end(list);
}

/// What goes into a request as it is.
bool is_word(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

Status set_codes(detail::Subscription& subscription, const CodeList& codes) {
  if (codes.view().empty()) return no_codes();
  for (const std::string_view text : codes.view()) {
    const auto code = MarketCode::parse(text);
    if (!code) return bad_code(text);
    if (!contains(subscription.codes, *code)) subscription.codes.push_back(*code);
  }
  return Done{};
}

Status intern_codes(detail::Subscription& subscription, MarketTable& markets) {
  for (const MarketCode& code : subscription.codes) {
    const MarketId market = markets.intern(code);
    if (!market.valid()) {
      return Error{Errc::too_many_markets, "no room for " + std::string(code.view()) +
                                               ": raise market_capacity, now " +
                                               std::to_string(markets.capacity())};
    }
    subscription.markets.push_back(market);
  }
  subscription.served.resize(subscription.codes.size());
  return Done{};
}

/// Against what the exchange says it has, if that is known.
Status check_rules(const detail::Subscription& subscription, const detail::MarketRules* rules) {
  if (rules == nullptr) return Done{};
  for (const MarketCode& code : subscription.codes) {
    if (!rules->has(code)) {
      return Error{Errc::unknown_market, "code is \"" + std::string(code.view()) +
                                             "\": the exchange's market list does not have it"};
    }
    if (!rules->has_level(code, subscription.level)) {
      return Error{Errc::bad_level, "level is " + subscription.level.to_string() + ": " +
                                        std::string(code.view()) + " has " +
                                        rules->levels_text(code)};
    }
  }
  return Done{};
}

/// Ends it for the dispatcher, then for the caller: no callback runs when this returns, unless it
/// is called from one.
void end_subscription(detail::FeedCore& core, const SubscriptionPtr& subscription) {
  subscription->alive.store(false, std::memory_order_seq_cst);
  core.submit({subscription, false});
  if (core.dispatcher().on_this_thread()) return;
  core.dispatcher().wait_for_callbacks();
  std::visit([](auto& callback) { callback.reset(); }, subscription->callback);
}

/// What a blocking snapshot waits on; shared with its callback.
template <class Value>
struct SnapshotWait {
  std::mutex mutex;
  std::condition_variable arrived;
  std::vector<std::pair<MarketCode, Value>> values;

  void add(const MarketCode& code, const Value& value) {
    {
      const std::lock_guard lock(mutex);
      // A reconnect asks again; the first answer counts.
      const bool known = std::any_of(values.begin(), values.end(),
                                     [&](const auto& each) { return each.first == code; });
      if (known) return;
      values.emplace_back(code, value);
    }
    arrived.notify_one();
  }
};

template <class Value>
Result<std::vector<Value>> in_order(const SnapshotWait<Value>& wait,
                                    const std::vector<MarketCode>& codes,
                                    std::chrono::milliseconds timeout) {
  std::vector<Value> values;
  std::string missing;
  for (const MarketCode& code : codes) {
    const auto found = std::find_if(wait.values.begin(), wait.values.end(),
                                    [&](const auto& each) { return each.first == code; });
    if (found != wait.values.end()) {
      values.push_back(found->second);
    } else {
      missing += (missing.empty() ? "" : ", ") + std::string(code.view());
    }
  }
  if (missing.empty()) return values;
  return Error{Errc::timeout, "no snapshot within " + std::to_string(timeout.count()) +
                                  " ms of: " + missing +
                                  "; the code may not exist, or the exchange is out of reach"};
}

}  // namespace

Client::Client(std::shared_ptr<detail::FeedCore> core, std::string name)
    : core_(std::move(core)), name_(std::move(name)) {}
Client::Client(Client&&) noexcept = default;

Client& Client::operator=(Client&& other) noexcept {
  if (this == &other) return *this;
  if (core_ != nullptr) unsubscribe_all();
  core_ = std::move(other.core_);
  name_ = std::move(other.name_);
  subscriptions_ = std::move(other.subscriptions_);
  return *this;
}

Client::~Client() {
  if (core_ != nullptr) unsubscribe_all();
}

const std::string& Client::name() const noexcept {
  return name_;
}

// --- subscribe
// ------------------------------------------------------------------------------------

Result<SubscriptionId> Client::add(SubscriptionPtr subscription, const CodeList& codes) {
  if (core_->regional() && !subscription->level.is_zero()) {
    return Error{Errc::bad_level, "level is " + subscription->level.to_string() +
                                      ": the exchange's houses abroad group no prices; leave it 0"};
  }
  const std::uint32_t connections = core_->public_connections();
  if (subscription->connection.value_or(0) >= connections) {
    return Error{Errc::bad_option, "connection is " + std::to_string(*subscription->connection) +
                                       ": this feed has " + std::to_string(connections) +
                                       " public ones, counted from 0; see FeedConfig::shards_max"};
  }
  if (auto set = set_codes(*subscription, codes); !set) return set.error();
  if (auto known = check_rules(*subscription, core_->market_rules().get()); !known) {
    return known.error();
  }
  if (auto set = intern_codes(*subscription, core_->markets()); !set) return set.error();
  return add_checked(std::move(subscription));
}

Result<SubscriptionId> Client::add_checked(SubscriptionPtr subscription) {
  if (core_->stopped()) {
    return Error{Errc::stopped, "subscribe: the feed has been stopped; make a new one"};
  }
  subscription->id = core_->next_id();
  {
    const std::lock_guard lock(core_->client_mutex());
    subscriptions_.push_back(subscription);
  }
  const SubscriptionId id = subscription->id;
  core_->submit({std::move(subscription), true});
  return id;
}

Result<SubscriptionId> Client::subscribe_ticker(const CodeList& codes, TickerCallback callback,
                                                SubscribeOptions options) {
  auto subscription = new_subscription(EventKind::ticker, options.mode, std::move(callback));
  subscription->connection = options.connection;
  return add(std::move(subscription), codes);
}

Result<SubscriptionId> Client::subscribe_trade(const CodeList& codes, TradeCallback callback,
                                               SubscribeOptions options) {
  auto subscription = new_subscription(EventKind::trade, options.mode, std::move(callback));
  subscription->connection = options.connection;
  return add(std::move(subscription), codes);
}

Result<SubscriptionId> Client::subscribe_orderbook(const CodeList& codes,
                                                   OrderbookCallback callback,
                                                   OrderbookOptions options) {
  auto subscription = new_subscription(EventKind::orderbook, options.mode, std::move(callback));
  if (auto set = set_orderbook(*subscription, options); !set) return set.error();
  return add(std::move(subscription), codes);
}

Result<SubscriptionId> Client::subscribe_candle(CandleUnit unit, const CodeList& codes,
                                                CandleCallback callback, SubscribeOptions options) {
  auto subscription = new_subscription(EventKind::candle, options.mode, std::move(callback));
  subscription->candle_unit = unit;
  subscription->connection = options.connection;
  return add(std::move(subscription), codes);
}

// --- private and info
// -----------------------------------------------------------------------------------------------

Result<SubscriptionId> Client::add_account(SubscriptionPtr subscription, const CodeList& codes) {
  if (core_->lacks_keys()) {
    return Error{Errc::no_keys, std::string(to_string(subscription->kind)) +
                                    ": needs API keys; set FeedConfig::keys"};
  }
  for (const std::string_view text : codes.view()) {
    const auto code = MarketCode::parse(text);
    if (!code) return bad_code(text);
    if (!contains(subscription->codes, *code)) subscription->codes.push_back(*code);
  }
  return add_checked(std::move(subscription));
}

Result<SubscriptionId> Client::subscribe_my_order(MyOrderCallback callback, const CodeList& codes) {
  return add_account(
      new_subscription(EventKind::my_order, StreamMode::realtime_only, std::move(callback)), codes);
}

Result<SubscriptionId> Client::subscribe_my_asset(MyAssetCallback callback) {
  return add_account(
      new_subscription(EventKind::my_asset, StreamMode::realtime_only, std::move(callback)), {});
}

Result<SubscriptionId> Client::subscribe_announcement(AnnouncementCallback callback,
                                                      AnnouncementOptions options) {
  for (const std::string& category : options.categories) {
    if (is_word(category)) continue;
    return Error{Errc::bad_option,
                 "categories has \"" + category + "\": must be words like notice or digital_asset"};
  }
  auto subscription =
      new_subscription(EventKind::announcement, StreamMode::realtime_only, std::move(callback));
  subscription->announcement = std::move(options);
  return add_account(std::move(subscription), {});
}

Result<SubscriptionId> Client::add_indicator(SubscriptionPtr subscription, const CodeList& codes,
                                             IndicatorOptions options) {
  constexpr std::array<std::string_view, 5> kTimeframes = {"5m", "15m", "60m", "240m", "1d"};
  constexpr std::size_t kCombinationsMax = 100;
  if (codes.view().empty()) return no_codes();
  if (!contains(kTimeframes, std::string_view(options.timeframe))) {
    return Error{Errc::bad_option, "timeframe is \"" + options.timeframe +
                                       "\": the exchange has 5m, 15m, 60m, 240m and 1d"};
  }
  auto names = indicator_names(options.indicators_json);
  if (!names) return names.error();
  const std::size_t combinations = names->size() * codes.view().size();
  if (combinations > kCombinationsMax) {
    return Error{Errc::bad_option, "codes times indicators is " + std::to_string(combinations) +
                                       ": the exchange takes 100 a subscription"};
  }
  subscription->indicators = std::move(*names);
  subscription->indicator = std::move(options);
  return add_account(std::move(subscription), codes);
}

Result<SubscriptionId> Client::subscribe_indicator(const CodeList& codes, IndicatorOptions options,
                                                   IndicatorCallback callback) {
  return add_indicator(
      new_subscription(EventKind::indicator, StreamMode::realtime_only, std::move(callback)), codes,
      std::move(options));
}

Result<SubscriptionId> Client::subscribe_indicator_signal(const CodeList& codes,
                                                          IndicatorOptions options,
                                                          IndicatorSignalCallback callback) {
  return add_indicator(
      new_subscription(EventKind::indicator_signal, StreamMode::realtime_only, std::move(callback)),
      codes, std::move(options));
}

Result<SubscriptionId> Client::on_gap(GapCallback callback) {
  return add_checked(new_subscription(EventKind::gap, StreamMode::both, std::move(callback)));
}

Result<SubscriptionId> Client::on_status(StatusCallback callback) {
  return add_checked(new_subscription(EventKind::status, StreamMode::both, std::move(callback)));
}

Result<SubscriptionId> Client::on_loss(LossCallback callback) {
  return add_checked(new_subscription(EventKind::loss, StreamMode::both, std::move(callback)));
}

Result<std::shared_ptr<const SharedBook>> Client::share_book(std::string_view code,
                                                             OrderbookOptions options) {
  auto subscription = new_subscription(EventKind::orderbook, StreamMode::both, OrderbookCallback{});
  if (auto set = set_orderbook(*subscription, options); !set) return set.error();
  auto shared = std::make_shared<SharedBook>();
  subscription->shared = shared;
  if (auto added = add(std::move(subscription), code); !added) return added.error();
  return std::shared_ptr<const SharedBook>(std::move(shared));
}

// --- unsubscribe
// ----------------------------------------------------------------------------------

void Client::unsubscribe(SubscriptionId id) {
  SubscriptionPtr ended;
  {
    const std::lock_guard lock(core_->client_mutex());
    const auto found = std::find_if(subscriptions_.begin(), subscriptions_.end(),
                                    [&](const auto& each) { return each->id == id; });
    if (found == subscriptions_.end()) return;
    ended = std::move(*found);
    subscriptions_.erase(found);
  }
  // Outside the lock: the callback that is waited for may be subscribing itself.
  end_subscription(*core_, ended);
}

void Client::unsubscribe_all() {
  std::vector<SubscriptionPtr> ended;
  {
    const std::lock_guard lock(core_->client_mutex());
    ended.swap(subscriptions_);
  }
  for (const auto& subscription : ended) end_subscription(*core_, subscription);
}

std::vector<SubscriptionInfo> Client::list_subscriptions() const {
  std::vector<SubscriptionInfo> list;
  const std::lock_guard lock(core_->client_mutex());
  for (const auto& subscription : subscriptions_) {
    SubscriptionInfo info;
    info.id = subscription->id;
    info.kind = subscription->kind;
    info.candle_unit = subscription->candle_unit;
    info.mode = subscription->mode;
    if (info.kind == EventKind::orderbook) info.units = subscription->units;
    for (const MarketCode& code : subscription->codes) info.codes.emplace_back(code.view());
    list.push_back(std::move(info));
  }
  return list;
}

// --- snapshots
// ------------------------------------------------------------------------------------

template <class Value, class MakeCallback>
Result<std::vector<Value>> Client::snapshot(SubscriptionPtr subscription, const CodeList& codes,
                                            std::chrono::milliseconds timeout,
                                            MakeCallback make_callback) {
  if (core_->dispatcher().on_this_thread()) {
    return Error{Errc::called_from_callback,
                 "snapshot: called from a callback, which would wait for itself; subscribe with "
                 "snapshot_only instead"};
  }
  if (!core_->running()) {
    return Error{Errc::not_running, "snapshot: the feed is not running; call start() first"};
  }
  auto wait = std::make_shared<SnapshotWait<Value>>();
  subscription->callback = make_callback(wait);
  const SubscriptionPtr held = subscription;
  const auto added = add(std::move(subscription), codes);
  if (!added) return added.error();
  {
    std::unique_lock lock(wait->mutex);
    // Beyond a day the sum with the clock might overflow.
    wait->arrived.wait_for(lock,
                           std::min<std::chrono::milliseconds>(timeout, std::chrono::hours(24)),
                           [&] { return wait->values.size() == held->codes.size(); });
  }
  unsubscribe(added.value());
  return in_order(*wait, held->codes, timeout);
}

Result<std::vector<TickerEvent>> Client::snapshot_ticker(const CodeList& codes,
                                                         std::chrono::milliseconds timeout) {
  return snapshot<TickerEvent>(
      new_subscription(EventKind::ticker, StreamMode::snapshot_only, TickerCallback{}), codes,
      timeout, [](auto wait) {
        return TickerCallback([wait](const TickerEvent& event) { wait->add(event.code, event); });
      });
}

Result<std::vector<TradeEvent>> Client::snapshot_trade(const CodeList& codes,
                                                       std::chrono::milliseconds timeout) {
  return snapshot<TradeEvent>(
      new_subscription(EventKind::trade, StreamMode::snapshot_only, TradeCallback{}), codes,
      timeout, [](auto wait) {
        return TradeCallback([wait](const TradeEvent& event) { wait->add(event.code, event); });
      });
}

Result<std::vector<Book>> Client::snapshot_orderbook(const CodeList& codes,
                                                     std::chrono::milliseconds timeout,
                                                     OrderbookOptions options) {
  auto subscription =
      new_subscription(EventKind::orderbook, StreamMode::snapshot_only, OrderbookCallback{});
  if (auto set = set_orderbook(*subscription, options); !set) return set.error();
  return snapshot<Book>(std::move(subscription), codes, timeout, [](auto wait) {
    return OrderbookCallback(
        [wait](const OrderbookEvent& event, const Book& book) { wait->add(event.code, book); });
  });
}

}  // namespace upfeed
