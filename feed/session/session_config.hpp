// The numbers a session lives by.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "session/limiter.hpp"

namespace upfeed {

/// A stream whose last frame is older was lost and told, or the exchange confirms that it is quiet.
/// 0: streams of that kind are never doubted. Otherwise at least probe_lead() + probe_spacing.
struct SilenceLimits {
  std::chrono::nanoseconds ticker = std::chrono::seconds(60);
  std::chrono::nanoseconds trade = std::chrono::seconds(60);
  std::chrono::nanoseconds orderbook = std::chrono::seconds(30);
  std::chrono::nanoseconds candle = std::chrono::seconds(60);
};

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
  RateLimits request_limits{};  ///< Per connection.
  SilenceLimits silence_limit{};
  /// The limit of a stream doubles each time that it proves quiet, up to this.
  std::chrono::nanoseconds silence_limit_max = std::chrono::minutes(16);
  /// For the answer to a request that names a silent stream.
  std::chrono::nanoseconds probe_wait = std::chrono::seconds(4);
  /// How long such a request waits for the list of what the exchange serves.
  std::chrono::nanoseconds list_wait = std::chrono::milliseconds(1500);
  /// From such a request to the next, where its answer proved nothing.
  std::chrono::nanoseconds look_again = std::chrono::seconds(2);
  /// Between doubts: all streams that fall due in between share the earlier.
  std::chrono::nanoseconds probe_spacing = std::chrono::seconds(8);
  /// The text "PING" once per connection: the exchange says UP every 10 s from then on.
  bool text_ping = true;
  /// A connection that said UP and then has neither data nor UP for so long is dropped: its pongs
  /// may come from a proxy.
  std::chrono::nanoseconds up_timeout = std::chrono::seconds(35);
  /// For the answer to LIST_SUBSCRIPTIONS.
  std::chrono::nanoseconds audit_timeout = std::chrono::seconds(5);
  /// Regional hosts refuse a request that names a level; false holds such streams back.
  bool has_book_levels = true;
  std::uint32_t bad_frames_max = 10;  ///< That many undecodable frames in a row end a connection.
  /// Dials without a stable connection until the session gives up; 0: never.
  std::uint32_t dial_attempts_max = 0;

  /// From the first doubt of a stream to the last verdict: two requests, either of which may wait
  /// for a list and behind another, and their answers.
  [[nodiscard]] std::chrono::nanoseconds probe_lead() const;
  /// Name of the first member that is out of range; empty when all are fine.
  [[nodiscard]] std::string_view invalid_field() const;
};

}  // namespace upfeed
