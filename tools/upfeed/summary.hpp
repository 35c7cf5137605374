#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "board.hpp"
#include "json.hpp"
#include "tally.hpp"
#include "upfeed/metrics.hpp"

namespace upfeed::program {

/// What a live command reports while it runs and at its end.
struct LiveReport {
  std::string_view type;     ///< "progress" or "summary"
  std::string_view command;  ///< "demo", "watch" or "record"
  double seconds = 0;
  const FeedMetrics& metrics;
  const Health& health;
  const Tally& tally;
  std::size_t markets = 0;  ///< with data
  std::size_t books_live = 0;
};

/// {"state":"degraded","reasons":["..."]}, without a line's end.
void append_json(const Health& health, std::string& out);
/// "degraded: one reason; another"
[[nodiscard]] std::string health_text(const Health& health);

/// Connections that something was asked of.
[[nodiscard]] std::vector<ConnectionMetrics> used_connections(const FeedMetrics& metrics);

/// One object with the terms of the accounting rule.
void append_json(const StreamCounts& counts, JsonWriter& json);

/// One JSON object, one line.
void append_json(const LiveReport& report, std::string& out);
/// A few lines for a person.
void append_text(const LiveReport& report, std::string& out);

/// "1,234,567"
[[nodiscard]] std::string grouped(std::uint64_t number);
/// "12.3 us", "1.20 ms", "3.4 s"
[[nodiscard]] std::string duration_text(std::uint64_t ns);
/// "received 10 = delivered 10 + conflated 0 + dropped 0 + refused 0 + superseded 0 + queued 0"
[[nodiscard]] std::string accounting_text(const StreamCounts& counts);

}  // namespace upfeed::program
