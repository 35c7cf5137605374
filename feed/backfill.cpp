#include "backfill.hpp"

#include <algorithm>

#include "clock.hpp"
#include "decode/rest_trades.hpp"
#include "net/rest.hpp"

namespace upfeed::detail {

namespace {

constexpr std::size_t kTradesPerCall = 500;  // the exchange's most
constexpr int kCallsPerJob = 20;

}  // namespace

Backfiller::Backfiller(const Endpoint& endpoint, std::function<void()> on_result)
    : endpoint_(endpoint), on_result_(std::move(on_result)) {
  thread_ = std::thread([this] { run(); });
}

Backfiller::~Backfiller() {
  stop();
}

void Backfiller::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Backfiller::submit(const BackfillJob& job) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(job);
  }
  changed_.notify_all();
}

std::optional<BackfillResult> Backfiller::take() {
  const std::lock_guard lock(mutex_);
  if (results_.empty()) return std::nullopt;
  BackfillResult result = std::move(results_.front());
  results_.pop_front();
  result_count_.store(results_.size(), std::memory_order_release);
  return result;
}

void Backfiller::run() {
  for (;;) {
    BackfillJob job;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stopping_ || !jobs_.empty(); });
      if (stopping_) return;
      job = jobs_.front();
      jobs_.pop_front();
    }
    if (mono_now() < job.until) work_on(job);
  }
}

/// False: stopped, or too late.
bool Backfiller::wait_for_turn(MonoTime until) {
  std::unique_lock lock(mutex_);
  for (;;) {
    const MonoTime now = mono_now();
    if (stopping_ || now >= until) return false;
    const std::int64_t wait_ns = limiter_.ready_at() - now;
    if (wait_ns <= 0) break;
    changed_.wait_for(lock, std::chrono::nanoseconds(wait_ns));
  }
  limiter_.take(mono_now());
  return true;
}

void Backfiller::work_on(const BackfillJob& job) {
  BackfillResult result;
  result.number = job.number;
  std::uint64_t cursor = job.before_id;
  for (int call = 0; call < kCallsPerJob && !result.complete; ++call) {
    if (!wait_for_turn(job.until)) break;
    net::RestRequest request;
    request.host = endpoint_.host;
    request.port = endpoint_.port;
    request.ca_file = endpoint_.ca_file;
    request.timeout = kCallTimeout;
    request.target = "/v1/trades/ticks?market=" + std::string(job.code.view()) +
                     "&count=" + std::to_string(kTradesPerCall) +
                     "&cursor=" + std::to_string(cursor);
    const net::RestResult reply = net::rest_get(request);
    std::vector<TradeEvent> page;
    if (!reply.error.ok() || !read_rest_trades(reply.body, page)) break;
    std::uint64_t oldest = cursor;
    for (const TradeEvent& trade : page) {
      oldest = std::min(oldest, trade.sequential_id);
      const bool hidden = trade.sequential_id > job.after_id && trade.sequential_id < job.before_id;
      if (hidden) result.trades.push_back(trade);
    }
    // A page that is not full has the market's first trade in it.
    result.complete = oldest <= job.after_id || page.size() < kTradesPerCall;
    if (oldest == cursor) break;
    cursor = oldest;
  }
  std::sort(
      result.trades.begin(), result.trades.end(),
      [](const TradeEvent& a, const TradeEvent& b) { return a.sequential_id < b.sequential_id; });
  {
    const std::lock_guard lock(mutex_);
    results_.push_back(std::move(result));
    result_count_.store(results_.size(), std::memory_order_release);
  }
  on_result_();
}

}  // namespace upfeed::detail
