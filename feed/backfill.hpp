#pragma once

// Trades that an outage hid, fetched by REST on a thread of their own.
//
//   dispatcher --job--> queue --> thread: GET /v1/trades/ticks, page by page, newest first,
//                                         back to the last trade known --> results --> dispatcher
//
// One call at a time, at most ten a second: the exchange's limit for this group. A job that is not
// done when the dispatcher stops waiting is simply no longer looked for.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "session/limiter.hpp"
#include "upfeed/config.hpp"
#include "upfeed/events.hpp"

namespace upfeed::detail {

struct BackfillJob {
  std::uint64_t number = 0;  ///< comes back in the result
  MarketCode code;
  std::uint64_t after_id = 0;   ///< the last trade known before the outage
  std::uint64_t before_id = 0;  ///< the first trade after it
  MonoTime until;               ///< not worth doing later
};

struct BackfillResult {
  std::uint64_t number = 0;
  /// Oldest first, after_id < id < before_id; headers not filled in.
  std::vector<TradeEvent> trades;
  bool complete = false;  ///< they reach back to after_id
};

class Backfiller {
 public:
  /// on_result  called on the backfiller's thread behind each result.
  Backfiller(const Endpoint& endpoint, std::function<void()> on_result);
  ~Backfiller();  ///< stop()

  // Any thread.
  void submit(const BackfillJob& job);
  [[nodiscard]] bool has_results() const noexcept {
    return result_count_.load(std::memory_order_acquire) != 0;
  }
  [[nodiscard]] std::optional<BackfillResult> take();
  /// Waits for the call that is under way, at most kCallTimeout.
  void stop();

 private:
  static constexpr std::chrono::milliseconds kCallTimeout{800};

  void run();
  void work_on(const BackfillJob& job);
  [[nodiscard]] bool wait_for_turn(MonoTime until);

  const Endpoint endpoint_;
  const std::function<void()> on_result_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<BackfillJob> jobs_;
  std::deque<BackfillResult> results_;
  std::atomic<std::size_t> result_count_{0};
  bool stopping_ = false;
  SlidingWindow limiter_{10, 1'050'000'000};
  std::thread thread_;
};

}  // namespace upfeed::detail
