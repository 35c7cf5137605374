#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <vector>

#include "sim/exchange.hpp"
#include "sim/tamper.hpp"

namespace upfeed::sim {

/// "Not planned" for times.
inline constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

/// The state of one connection; outlives it, because its counts are still asked for.
struct Exchange::Connection {
  ConnectionStats stats;
  Format format = Format::full;
  std::vector<TypeRequest> subscriptions;
  std::vector<Snapshot> awaited;      // of a capture: streams that have had no frame yet
  std::vector<std::uint64_t> counts;  // data frames, [stream * codes + code]; empty until the first
  std::deque<std::int64_t> message_times_ms;  // of the last minute
  std::int64_t last_activity_ms = 0;
  std::int64_t up_due_ms = kNever;
  std::int64_t close_due_ms = kNever;
  bool is_closing = false;  // an error was sent: nothing more is read or sent
  bool is_frozen = false;   // the network neither reads nor writes: not idle, but a fault
  Tamper tamper;
  bool is_slow = false;  // its queue is over the limit: to be dropped
};

}  // namespace upfeed::sim
