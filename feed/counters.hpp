#pragma once

// Counters of the hot path: one writer each, readable from any thread.

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

#include "decode/decode.hpp"
#include "upfeed/metrics.hpp"

namespace upfeed {

/// Grows only, written by one thread. No read-modify-write: a plain load, add and store.
class Counter {
 public:
  void add(std::uint64_t amount = 1) noexcept { set(get() + amount); }
  void set(std::uint64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
  void raise_to(std::uint64_t value) noexcept {
    if (value > get()) set(value);
  }
  [[nodiscard]] std::uint64_t get() const noexcept {
    return value_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// A value that comes and goes, written by one thread; kUnknown until then.
class Gauge {
 public:
  static constexpr std::int64_t kUnknown = INT64_MIN;
  void set(std::int64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
  [[nodiscard]] std::int64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{kUnknown};
};

/// The stream a refused frame is counted under when its kind could not be read.
inline constexpr std::size_t kUnknownStream = kStreamCount;
inline constexpr std::size_t kCountedStreams = kStreamCount + 1;

static_assert(kDecodeErrcCount <= kRefusalCauseMax, "every cause has its counter");

/// Written by the I/O side.
struct IntakeCounters {
  struct Stream {
    Counter received, conflated, dropped, refused;
  };
  std::array<Stream, kCountedStreams> streams;
  std::array<Counter, kDecodeErrcCount> refused_by_cause;
  /// By EventKind: when the last event came, and how far behind the exchange's own time that was.
  std::array<Gauge, kStreamCount> last_received_ns, lag_ns;
  Counter frames, bytes, ring_bytes_high, pending_records, heartbeat_ns;
  Counter fast_frames, fallback_frames;  ///< of frames that have a fast path
};

/// Written by the I/O side, of one connection.
struct ConnectionCounters {
  Counter frames, bytes, receive_calls, requests_sent, limiter_waits, pings_sent, dials, connects,
      reconnects, renewals, streams_wanted, streams_awaited, probes, silent_streams,
      refused_streams, audits, lists, epoch;
  std::array<Counter, kStatusCauseCount> ends_by_cause;
  Gauge last_frame_ns, certificate_expires_unix_s;
  std::atomic<SessionState> state{SessionState::idle};
  std::atomic<bool> subscribed{false};
  std::atomic<AuditOutcome> last_audit{AuditOutcome::none};
  /// Written by any thread: how often an audit was asked for.
  std::atomic<std::uint32_t> audits_asked{0};
};

/// Written by the I/O side of a replay.
struct ReplayCounters {
  Counter bytes_read, bytes_total, frames_passed, records_missing;
  Gauge position_unix_ns;
};

/// A histogram that any thread may copy while one thread records.
class SharedHistogram {
 public:
  void record(std::int64_t value) noexcept {
    const auto magnitude = static_cast<std::uint64_t>(std::max<std::int64_t>(value, 0));
    counts_[Histogram::index_of(magnitude)].add();
    sum_.add(magnitude);
    max_.raise_to(magnitude);
  }
  [[nodiscard]] Histogram copy() const noexcept {
    Histogram copied;
    for (std::size_t i = 0; i < counts_.size(); ++i) copied.set(i, counts_[i].get());
    copied.set_sum_and_max(sum_.get(), max_.get());
    return copied;
  }

 private:
  std::array<Counter, Histogram::kBucketCount> counts_;
  Counter sum_, max_;
};

/// By Stage; each thread has its own and fills the stages that it sees.
using StageHistograms = std::array<SharedHistogram, kStageCount>;

/// Written by the dispatcher.
struct DispatchCounters {
  std::array<Counter, kStreamCount> delivered, superseded;
  Counter callback_errors, book_faults, gaps, backfilled, heartbeat_ns;
  Gauge queueing_ns;
};

}  // namespace upfeed
