#pragma once

// Everything one Feed is made of, wired up: shared by the Feed and its Clients, so that a Client
// may outlive the Feed.
//
//   lane 0   connections 0, 2, ...  -> intake -> outlet -> ring --.
//   lane 1   connections 1, 3, ...  -> intake -> outlet -> ring --'--> dispatcher

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "connection_plan.hpp"
#include "counters.hpp"
#include "dispatcher.hpp"
#include "intake.hpp"
#include "io_side.hpp"
#include "market_rules.hpp"
#include "outlet.hpp"
#include "parker.hpp"
#include "recorder.hpp"
#include "replay_io.hpp"
#include "upfeed/feed.hpp"

namespace upfeed::detail {

/// One I/O thread and all it works on.
struct IoLane {
  /// live  false: a capture, whose markets are not known beforehand. tap  null: not recorded.
  IoLane(const FeedConfig& config, MarketTable& markets, bool live, RecordTap* tap);

  SpscRing ring;
  IntakeCounters counters;
  std::unique_ptr<StageHistograms> stages;  // null without stage stamps, and in a replay
  Outlet outlet;
  Intake intake;
  std::unique_ptr<IoSide> io;
  Parker parker;
  std::thread thread;
  std::atomic<int> ready{0};         // kNotReady, then 0 or the errno of a pin that failed
  std::uint64_t published_seen = 0;  // what the dispatcher has been woken for
};

/// What is replayed, and how.
struct ReplaySource {
  capture::MergedCapture capture;
  ReplayOptions options;
};

class FeedCore {
 public:
  /// replay  the frames come from it instead of from the exchange. recorder  null: none.
  FeedCore(const FeedConfig& config, std::optional<ReplaySource> replay,
           std::unique_ptr<Recorder> recorder);
  ~FeedCore();
  FeedCore(const FeedCore&) = delete;
  FeedCore& operator=(const FeedCore&) = delete;

  Status start(PollFunction poll, void* handler);
  Status stop();
  [[nodiscard]] bool running() const noexcept { return running_.load(std::memory_order_acquire); }
  [[nodiscard]] bool stopped() const noexcept { return stopped_.load(std::memory_order_acquire); }

  std::size_t step_io();
  // The dispatcher's steps, see feed.hpp.
  void begin_poll() noexcept;
  [[nodiscard]] Dispatched next() noexcept { return dispatcher_.next(); }
  void finish() noexcept { dispatcher_.finish(); }
  void end_poll() noexcept { dispatcher_.end_poll(); }
  void count_callback_error() noexcept { dispatcher_.count_callback_error(); }

  /// Hands a subscription to the dispatcher, or takes it back.
  void submit(Change change);
  Status reshard(const Sharding& sharding);
  void audit();
  [[nodiscard]] Dispatcher& dispatcher() noexcept { return dispatcher_; }
  [[nodiscard]] MarketTable& markets() noexcept { return markets_; }
  [[nodiscard]] const MarketTable& markets() const noexcept { return markets_; }
  Status load_markets(std::chrono::milliseconds timeout);
  /// Null until load_markets() has succeeded.
  [[nodiscard]] std::shared_ptr<const MarketRules> market_rules() const {
    const std::lock_guard lock(rules_mutex_);
    return rules_;
  }
  /// A replay asks nobody, so it needs none.
  [[nodiscard]] bool lacks_keys() const noexcept { return !replays_ && config_.keys == nullptr; }
  [[nodiscard]] bool regional() const noexcept { return config_.endpoint.regional; }
  /// That a subscription may be pinned to; a replay takes any, and its recording decides.
  [[nodiscard]] std::uint32_t public_connections() const noexcept {
    return replays_ ? kShardsMax : plan_.public_max();
  }
  [[nodiscard]] FeedMetrics metrics() const;
  [[nodiscard]] MonoTime now() const noexcept;
  [[nodiscard]] std::int64_t now_unix_ns() const noexcept;
  [[nodiscard]] SubscriptionId next_id() noexcept {
    return {next_id_.fetch_add(1, std::memory_order_relaxed)};
  }
  /// Guards the lists of the clients.
  [[nodiscard]] std::mutex& client_mutex() noexcept { return client_mutex_; }

 private:
  static constexpr int kNotReady = -1;

  std::size_t step_lane(IoLane& lane);
  void run_io(IoLane& lane, std::size_t index);
  void produce(IoLane& lane);
  static void report_failure(IoLane& lane, std::string_view reason) noexcept;
  void run_dispatcher();
  [[nodiscard]] std::string start_threads();
  void join();
  void drain();
  [[nodiscard]] std::vector<SpscRing*> rings() noexcept;
  void make_live_lanes();
  [[nodiscard]] ConnectionMetrics connection_metrics(std::uint32_t connection, MonoTime now) const;
  void add_stream_metrics(FeedMetrics& metrics, MonoTime now) const;
  void add_replay_metrics(FeedMetrics& metrics) const;
  void add_thread_metrics(FeedMetrics& metrics, MonoTime now) const;

  const FeedConfig config_;
  const ConnectionPlan plan_;
  const bool replays_;
  MarketTable markets_;
  std::vector<WantedMailbox> mailboxes_;         // by connection
  std::vector<ConnectionCounters> connections_;  // likewise
  DialBudget budget_;
  const std::unique_ptr<Recorder> recorder_;  // null: nothing is recorded
  ReplayCounters replay_counters_;
  ReplayClock replay_now_{0};
  std::vector<std::unique_ptr<IoLane>> lanes_;
  Dispatcher dispatcher_;
  FutexParker dispatcher_parker_;
  std::unique_ptr<Backfiller> backfiller_;  // null without FeedConfig::backfill

  PollFunction poll_ = nullptr;
  void* handler_ = nullptr;
  std::mutex control_mutex_;  // start and stop
  std::thread dispatcher_thread_;
  std::atomic<int> dispatcher_ready_{0};
  std::atomic<bool> stop_io_{false};
  std::atomic<bool> stop_dispatcher_{false};
  std::atomic<bool> running_{false};
  std::atomic<bool> stopped_{false};

  mutable std::mutex rules_mutex_;
  std::shared_ptr<const MarketRules> rules_;
  std::atomic<std::uint64_t> next_id_{1};
  std::mutex client_mutex_;
};

}  // namespace upfeed::detail
