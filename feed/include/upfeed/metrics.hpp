#pragma once

#include <array>
#include <cstdint>

#include "upfeed/events.hpp"

namespace upfeed {

/// The accounting rule, per stream, in events:
///   received = delivered + conflated + dropped + refused + queued
/// Exact when the feed is quiescent (drained or stopped), monotone at any moment.
struct StreamCounts {
  std::uint64_t received = 0;   ///< frames of this stream that arrived
  std::uint64_t delivered = 0;  ///< taken by the dispatcher, once whatever the number of clients
  std::uint64_t conflated = 0;  ///< replaced by a newer value while the ring was full
  std::uint64_t dropped = 0;    ///< lost while the ring was full; each is named by a LossEvent
  std::uint64_t refused = 0;    ///< could not be decoded exactly
  std::uint64_t queued = 0;     ///< in the ring or waiting for room in it
  friend bool operator==(const StreamCounts&, const StreamCounts&) = default;
};

/// Most causes a frame can be refused for.
inline constexpr std::size_t kRefusalCauseMax = 32;

/// A snapshot of all counters; from any thread, without touching the hot path.
struct FeedMetrics {
  std::array<StreamCounts, kStreamCount>
      streams;           ///< by EventKind: ticker, trade, orderbook, candle
  StreamCounts unknown;  ///< frames whose stream could not be told
  /// Refused frames by cause; refusal_name(i) is its name.
  std::array<std::uint64_t, kRefusalCauseMax> refused_by_cause{};
  std::uint64_t frames = 0;         ///< data frames of all kinds, answers and errors included
  std::uint64_t bytes = 0;          ///< payload of those frames
  std::uint64_t receive_calls = 0;  ///< successful receive system calls
  std::uint64_t requests_sent = 0;  ///< subscription requests
  std::uint64_t dials = 0;
  std::uint64_t reconnects = 0;       ///< connections lost after they were live
  std::uint64_t callback_errors = 0;  ///< callbacks that threw
  std::uint64_t book_faults = 0;      ///< order book frames that failed the integrity check
  std::uint64_t ring_bytes_high = 0;  ///< high-water mark of the ring
  SessionState state = SessionState::idle;
  std::uint32_t epoch = 0;

  /// Sum over all streams and unknown.
  [[nodiscard]] StreamCounts total() const noexcept;
};

/// Name of refused_by_cause[i]; empty for an index without a cause.
[[nodiscard]] std::string_view refusal_name(std::size_t index) noexcept;

}  // namespace upfeed
