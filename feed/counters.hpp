#pragma once

// Counters of the hot path: one writer each, readable from any thread.

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
  Counter frames, bytes, receive_calls, requests_sent, dials, reconnects, ring_bytes_high;
};

/// Written by the dispatcher.
struct DispatchCounters {
  std::array<Counter, kStreamCount> delivered;
  Counter callback_errors, book_faults;
};

}  // namespace upfeed
