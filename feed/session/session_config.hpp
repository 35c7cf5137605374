// The numbers a session lives by.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "session/limiter.hpp"

namespace upfeed {

struct SessionConfig {
  std::string format = "DEFAULT";        ///< DEFAULT, SIMPLE, JSON_LIST or SIMPLE_LIST.
  std::string ticket_prefix = "upfeed";  ///< Ticket: prefix-epoch-request; a UUID makes it unique.
  /// The exchange drops a quiet socket after 60 s (measured; its documents say 120 s).
  std::chrono::nanoseconds ping_interval = std::chrono::seconds(15);  ///< At most 20 s.
  std::chrono::nanoseconds pong_timeout = std::chrono::seconds(5);
  /// A code without a frame that long after it was asked for is reported; an error frame within
  /// this time is held against the request.
  std::chrono::nanoseconds first_data_timeout = std::chrono::seconds(5);
  /// From the first fragment of a message to its last.
  std::chrono::nanoseconds message_timeout = std::chrono::seconds(10);
  /// A connection that lived this long is good: its loss is followed by a dial at once.
  std::chrono::nanoseconds stable_period = std::chrono::seconds(10);
  std::chrono::nanoseconds backoff_base = std::chrono::milliseconds(100);
  std::chrono::nanoseconds backoff_cap = std::chrono::seconds(30);
  /// The least wait after 429, 418 or an error frame with such a name.
  std::chrono::nanoseconds rate_block_min = std::chrono::seconds(60);
  /// How long the first change waits for others to join it: 0 aggressive, 100 ms balanced.
  std::chrono::nanoseconds collect_window{0};
  std::chrono::nanoseconds request_spacing = std::chrono::milliseconds(200);
  RateLimits request_limits{};        ///< Per connection.
  std::uint32_t bad_frames_max = 10;  ///< That many undecodable frames in a row end a connection.
  /// Dials without a stable connection until the session gives up; 0: never.
  std::uint32_t dial_attempts_max = 0;

  /// Name of the first member that is out of range; empty when all are fine.
  [[nodiscard]] std::string_view invalid_field() const;
};

}  // namespace upfeed
