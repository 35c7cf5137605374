// Streams that fall silent while their connection lives. All cases run at once, each with an
// exchange of its own, since each takes the least limit that can be configured.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <iostream>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "live_harness.hpp"
#include "status_log.hpp"

namespace {

using namespace upfeed;
using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

constexpr auto kLimit = 21s;
/// The feed looks every 100 ms; the rest is for a busy machine.
constexpr auto kTick = 500ms;

/// A market that stops is quiet from then on, so that nothing happens about the time of a probe.
enum class Market { goes_on, stops };

/// One exchange, all its streams in one feed, and when each event came.
class Case {
 public:
  Case(std::string name, Market market)
      : name_(std::move(name)), live_(exchange(market)), feed_(make()) {
    EXPECT_TRUE(client_.on_status(log_.callback()).ok());
    EXPECT_TRUE(client_
                    .on_gap([this](const GapEvent& event) {
                      const std::lock_guard lock(mutex_);
                      gaps_[name_of(event.code, event.gap_kind)].push_back(event);
                    })
                    .ok());
    const auto codes = live_.server->codes();
    const auto note = [this](const auto& event) { this->note(event); };
    EXPECT_TRUE(client_.subscribe_ticker(codes, note).ok());
    EXPECT_TRUE(client_.subscribe_trade(codes, note).ok());
    EXPECT_TRUE(client_
                    .subscribe_orderbook(
                        codes, [note](const OrderbookEvent& event, const Book&) { note(event); })
                    .ok());
    EXPECT_TRUE(feed_.start().ok());
  }

  void fault(const sim::Fault& fault) { live_.server->fault(fault); }
  [[nodiscard]] std::uint64_t count(const std::string& stream) const {
    const std::lock_guard lock(mutex_);
    const auto found = streams_.find(stream);
    return found == streams_.end() ? 0 : found->second.count;
  }
  [[nodiscard]] Steady::time_point last(const std::string& stream) const {
    const std::lock_guard lock(mutex_);
    return streams_.at(stream).last;
  }
  [[nodiscard]] std::vector<GapEvent> gaps(const std::string& stream) const {
    const std::lock_guard lock(mutex_);
    const auto found = gaps_.find(stream);
    return found == gaps_.end() ? std::vector<GapEvent>{} : found->second;
  }
  [[nodiscard]] std::size_t gap_count() const {
    const std::lock_guard lock(mutex_);
    std::size_t count = 0;
    for (const auto& [stream, gaps] : gaps_) count += gaps.size();
    return count;
  }
  /// Id of the stream's last realtime trade.
  [[nodiscard]] std::uint64_t last_id(const std::string& stream) const {
    const std::lock_guard lock(mutex_);
    return streams_.at(stream).last_id;
  }
  /// Streams without an event for the whole limit, now.
  [[nodiscard]] int quiet_streams() const {
    const std::lock_guard lock(mutex_);
    return static_cast<int>(std::count_if(streams_.begin(), streams_.end(), [](const auto& each) {
      return Steady::now() - each.second.last > kLimit;
    }));
  }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const StatusLog& log() const { return log_; }
  [[nodiscard]] FeedMetrics metrics() const { return feed_.metrics(); }

 private:
  struct Stream {
    std::uint64_t count = 0;  ///< realtime events
    Steady::time_point last;
    std::uint64_t last_id = 0;  ///< of trades
  };
  static std::string name_of(const MarketCode& code, EventKind kind) {
    return std::string(code.view()) + " " + std::string(to_string(kind));
  }

  static sim::SimConfig exchange(Market market) {
    sim::SimConfig sim = LiveHarness::small(200);
    if (market == Market::stops) sim.frame_limit = 900;  // seconds before the first probe
    return sim;
  }
  [[nodiscard]] Feed make() const {
    FeedConfig config = live_.config();
    config.silence = {.ticker = kLimit, .trade = kLimit, .orderbook = kLimit, .candle = kLimit};
    return LiveHarness::feed(config);
  }
  void note(const EventHeader& event) {
    if (event.stream_type != StreamType::realtime) return;
    const std::lock_guard lock(mutex_);
    Stream& stream = streams_[name_of(event.code, event.kind)];
    ++stream.count;
    stream.last = Steady::now();
    if (event.kind == EventKind::trade) {
      stream.last_id = static_cast<const TradeEvent&>(event).sequential_id;
    }
  }

  std::string name_;
  StatusLog log_;
  mutable std::mutex mutex_;
  std::map<std::string, Stream> streams_;
  std::map<std::string, std::vector<GapEvent>> gaps_;
  LiveHarness live_;
  Feed feed_;
  Client client_ = feed_.client("test");
};

/// A case with one stream that its fault silences.
struct Silenced {
  Silenced(const std::string& what, std::string victim, const sim::Fault& fault,
           Market market = Market::stops)
      : run(what, market), stream(std::move(victim)) {
    // At once: a market that stops must have something left that is missed.
    EXPECT_TRUE(eventually([this] { return run.count(stream) > 1; })) << run.name();
    run.fault(fault);
    std::this_thread::sleep_for(100ms);  // what was under way
    last = run.last(stream);
    events = run.count(stream);
    last_id = run.last_id(stream);
  }
  [[nodiscard]] std::optional<StatusLog::Entry> told() const {
    return run.log().first(StatusCause::stream_silent);
  }

  Case run;
  std::string stream;
  Steady::time_point last;
  std::uint64_t events = 0;
  std::uint64_t last_id = 0;
};

/// The outage of the stream, and of no other, is told with its bounds.
void expect_gap(const Silenced& each) {
  const std::vector<GapEvent> gaps = each.run.gaps(each.stream);
  ASSERT_FALSE(gaps.empty());
  const GapEvent& gap = gaps.front();
  EXPECT_EQ(gap.cause, StatusCause::stream_silent);
  EXPECT_EQ(gap.last_sequential_id, each.last_id);
  if (gap.gap_kind == EventKind::trade) {
    EXPECT_GT(gap.first_sequential_id, gap.last_sequential_id);
  }
  const auto silent_ns = each.told()->event.silent_ns;
  EXPECT_NEAR(static_cast<double>(gap.lost_mono - gap.started_mono), static_cast<double>(silent_ns),
              1e9);
}

void expect_told_in_time(const Silenced& each) {
  const auto told = each.told();
  ASSERT_TRUE(told.has_value());
  EXPECT_NE(told->event.text.view().find(each.stream), std::string_view::npos)
      << told->event.text.view();
  const auto took = told->told - each.last;
  std::cout << each.run.name() << ": told after " << std::chrono::duration<double>(took).count()
            << " s: " << told->event.text.view() << '\n';
  EXPECT_LE(took, kLimit + kTick);
  EXPECT_EQ(told->event.text.view().find(','), std::string_view::npos) << "no other stream";
}

// Goal: one stream of one market that falls silent is told by name within its limit and healed,
// without a false alarm about quiet markets. Method: KRW-BTC muted or forgotten in several ways
// while the others go on, beside an exchange that does nothing wrong.
TEST(FeedSilence, one_silent_stream_is_told_in_time_and_healed) {
  using sim::faults::forget;
  using sim::faults::mute;
  const std::string trade = "KRW-BTC trade";
  Silenced forgotten_trade("forgotten trade", trade, forget("trade", "KRW-BTC"));
  Silenced forgotten_book("forgotten orderbook", "KRW-BTC orderbook",
                          forget("orderbook", "KRW-BTC"));
  Silenced muted("muted trade", trade, mute("trade", "KRW-BTC"));
  Silenced mute_all("muted with its snapshots", trade, mute("trade", "KRW-BTC", true),
                    Market::goes_on);
  Silenced busy("forgotten while trading goes on", trade, forget("trade", "KRW-BTC"),
                Market::goes_on);
  Silenced busy_muted("muted while trading goes on", trade, mute("trade", "KRW-BTC"),
                      Market::goes_on);
  Case healthy("no fault", Market::stops);
  const auto all = {&forgotten_trade, &forgotten_book, &muted, &mute_all, &busy, &busy_muted};
  for (const Silenced* each : all) {
    SCOPED_TRACE(each->run.name());
    EXPECT_TRUE(eventually([&] { return each->told().has_value(); }, 30s));
    expect_told_in_time(*each);
  }
  for (const Silenced* each : {&mute_all, &busy, &busy_muted}) {
    EXPECT_TRUE(eventually([&] { return each->run.count(each->stream) > each->events + 2; }, 30s))
        << each->run.name() << " flows again";
  }
  for (const Silenced* each : {&mute_all, &busy_muted}) {
    EXPECT_EQ(each->run.metrics().reconnects, 1U)
        << each->run.name() << ": asking again was not enough";
  }
  for (const Silenced* each : {&forgotten_trade, &forgotten_book, &muted, &busy}) {
    EXPECT_EQ(each->run.metrics().reconnects, 0U) << each->run.name();
    EXPECT_EQ(each->run.gap_count(), 1U) << each->run.name();
  }
  for (const Silenced* each : all) {
    SCOPED_TRACE(each->run.name());
    expect_gap(*each);
  }
  EXPECT_TRUE(eventually([&] { return healthy.quiet_streams() > 20; }, 30s));
  EXPECT_GT(healthy.metrics().connections.at(0).probes, 0U);
  EXPECT_EQ(healthy.log().count(StatusCause::stream_silent), 0U);
  EXPECT_EQ(healthy.metrics().reconnects, 0U);
  EXPECT_EQ(healthy.gap_count(), 0U);
  std::cout << healthy.quiet_streams() << " quiet streams without an alarm\n";
}

/// What a feed told of the trades of one market, in order.
class Trades {
 public:
  Trades(const LiveHarness& live, std::chrono::milliseconds backfill)
      : feed_(make(live, backfill)) {
    EXPECT_TRUE(client_
                    .subscribe_trade("KRW-BTC",
                                     [this](const TradeEvent& event) {
                                       const std::lock_guard lock(mutex_);
                                       ids_.push_back(event.sequential_id);
                                     })
                    .ok());
    EXPECT_TRUE(client_
                    .on_gap([this](const GapEvent& event) {
                      const std::lock_guard lock(mutex_);
                      gaps_.push_back(event);
                    })
                    .ok());
    EXPECT_TRUE(feed_.start().ok());
    EXPECT_TRUE(eventually([this] { return ids().size() > 2; }));
  }
  [[nodiscard]] std::vector<std::uint64_t> ids() const {
    const std::lock_guard lock(mutex_);
    return ids_;
  }
  [[nodiscard]] std::vector<GapEvent> gaps() const {
    const std::lock_guard lock(mutex_);
    return gaps_;
  }
  [[nodiscard]] FeedMetrics metrics() const { return feed_.metrics(); }

 private:
  static Feed make(const LiveHarness& live, std::chrono::milliseconds backfill) {
    FeedConfig config = live.config();
    config.silence.trade = kLimit;
    config.backfill = backfill;
    return LiveHarness::feed(config);
  }

  mutable std::mutex mutex_;
  std::vector<std::uint64_t> ids_;
  std::vector<GapEvent> gaps_;
  Feed feed_;
  Client client_ = feed_.client("test");
};

// Goal: with backfill a client is told every trade that a silent stream hid, once and in order.
// Method: the trades of one of two feeds are forgotten, or muted with a running market so that each
// probe shows a newer one; the other feed knows what happened.
TEST(FeedSilence, trades_of_a_silent_stream_are_fetched_in_order_and_once) {
  sim::SimConfig sim;
  sim.profile.markets = {4, 0, 0};
  sim.profile.frames_per_second = 40;
  for (const bool muted : {false, true}) {
    SCOPED_TRACE(muted ? "muted" : "forgotten");
    LiveHarness live(sim);
    const Trades still(live, 0ms);
    const Trades cut(live, 5s);
    using namespace sim::faults;
    live.server->fault(muted ? mute("trade", "KRW-BTC") : forget("trade", "KRW-BTC"), 2);
    const auto complete = [&] {
      const auto gaps = cut.gaps();
      return std::any_of(gaps.begin(), gaps.end(),
                         [](const GapEvent& gap) { return gap.backfill_complete; });
    };
    EXPECT_TRUE(eventually(complete, 40s));
    if (muted) {
      EXPECT_TRUE(eventually([&] { return cut.metrics().reconnects == 1; }, 40s));
    }
    const std::size_t before = cut.ids().size();
    EXPECT_TRUE(eventually([&] { return cut.ids().size() > before + 10; }, 40s)) << "flows again";
    live.server->set_paused(true);
    std::this_thread::sleep_for(1s);
    std::vector<std::uint64_t> truth = still.ids();
    std::vector<std::uint64_t> told = cut.ids();
    truth.erase(truth.begin(), std::find(truth.begin(), truth.end(), told.front()));
    // Where nothing was hidden, the snapshot of a new connection repeats the last trade.
    told.erase(std::unique(told.begin(), told.end()), told.end());
    EXPECT_EQ(told, truth);
    for (const GapEvent& gap : cut.gaps()) {
      EXPECT_TRUE(gap.backfill_complete || gap.first_sequential_id == gap.last_sequential_id);
      std::cout << (muted ? "muted" : "forgotten") << ": gap of cause " << to_string(gap.cause)
                << " after " << static_cast<double>(gap.lost_mono - gap.started_mono) / 1e9
                << " s, epoch " << gap.epoch_before << ">" << gap.epoch << ", " << gap.backfilled
                << " trades fetched\n";
    }
    const StreamCounts total = cut.metrics().total();
    EXPECT_EQ(total.received, total.delivered + total.superseded);
  }
}

// Goal: with backfill even a loss that heals before anything can prove it costs no trade. Method:
// trades are muted until the first probe has gone out, whose answer then looks like that of a
// market that has just woken up.
TEST(FeedSilence, a_loss_that_nothing_proves_is_fetched_where_trades_can_be) {
  sim::SimConfig sim;
  sim.profile.markets = {4, 0, 0};
  sim.profile.frames_per_second = 200;
  LiveHarness live(sim);
  const Trades still(live, 0ms);
  const Trades cut(live, 5s);
  live.server->fault(sim::faults::mute("trade", "KRW-BTC"), 2);
  const auto probes = [&] { return cut.metrics().connections.at(0).probes; };
  ASSERT_TRUE(eventually([&] { return probes() > 0; }, 30s));
  live.server->clear_faults();
  const std::size_t before = cut.ids().size();
  EXPECT_TRUE(eventually([&] { return cut.ids().size() > before + 50; }, 30s));
  live.server->set_paused(true);
  std::this_thread::sleep_for(1s);
  const std::vector<std::uint64_t> told = cut.ids();
  std::vector<std::uint64_t> truth = still.ids();
  truth.erase(truth.begin(), std::find(truth.begin(), truth.end(), told.front()));
  EXPECT_EQ(told, truth);
  EXPECT_EQ(cut.metrics().connections[0].silent_streams, 0U) << "nothing has proved it";
  ASSERT_EQ(cut.gaps().size(), 1U);
  EXPECT_TRUE(cut.gaps()[0].backfill_complete);
  std::cout << cut.gaps()[0].backfilled << " trades fetched\n";
}

}  // namespace
