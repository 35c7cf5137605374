#pragma once

// Everything one Feed is made of, wired up: shared by the Feed and its Clients, so that a Client
// may outlive the Feed.

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>

#include "counters.hpp"
#include "dispatcher.hpp"
#include "intake.hpp"
#include "io_side.hpp"
#include "outlet.hpp"
#include "parker.hpp"
#include "upfeed/feed.hpp"

namespace upfeed::detail {

class FeedCore {
 public:
  /// live  from the exchange; else from `capture`.
  FeedCore(const FeedConfig& config, std::unique_ptr<CaptureReader> capture);
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
  [[nodiscard]] Dispatcher& dispatcher() noexcept { return dispatcher_; }
  [[nodiscard]] MarketTable& markets() noexcept { return markets_; }
  [[nodiscard]] const MarketTable& markets() const noexcept { return markets_; }
  [[nodiscard]] FeedMetrics metrics() const;
  [[nodiscard]] SubscriptionId next_id() noexcept {
    return {next_id_.fetch_add(1, std::memory_order_relaxed)};
  }
  /// Guards the lists of the clients.
  [[nodiscard]] std::mutex& client_mutex() noexcept { return client_mutex_; }

 private:
  void run_io();
  void produce();
  void report_failure(std::string_view reason) noexcept;
  void run_dispatcher();
  void join();
  void drain();

  const FeedConfig config_;
  MarketTable markets_;
  SpscRing ring_;
  IntakeCounters counters_;
  Outlet outlet_;
  Intake intake_;
  WantedMailbox mailbox_;
  Dispatcher dispatcher_;
  std::unique_ptr<IoSide> io_;
  Parker io_parker_;
  Parker dispatcher_parker_;
  std::uint64_t published_seen_ = 0;  // I/O side: what the dispatcher has been woken for

  PollFunction poll_ = nullptr;
  void* handler_ = nullptr;
  std::mutex control_mutex_;  // start and stop
  std::thread io_thread_;
  std::thread dispatcher_thread_;
  // kNotReady, then 0 or the errno of a pin that failed.
  static constexpr int kNotReady = -1;
  std::atomic<int> io_ready_{kNotReady};
  std::atomic<int> dispatcher_ready_{kNotReady};
  std::atomic<bool> stop_io_{false};
  std::atomic<bool> stop_dispatcher_{false};
  std::atomic<bool> running_{false};
  std::atomic<bool> stopped_{false};

  std::atomic<std::uint64_t> next_id_{1};
  std::mutex client_mutex_;
};

}  // namespace upfeed::detail
