#pragma once

// The exchange as the session's checker sees it, written against the protocol and not against the
// session: it reads the request text with another JSON library, keeps its own set, and counts
// arrivals itself.

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace upfeed::simulation {

inline constexpr std::int64_t kSecond = 1'000'000'000;
inline constexpr std::int64_t kMillisecond = 1'000'000;

struct Limits {
  std::size_t per_second = 5;
  std::size_t per_minute = 100;
};

/// Counts arrivals: more than the limit within the last second or minute is a violation.
class ArrivalCounter {
 public:
  explicit ArrivalCounter(Limits limits) : limits_(limits) {}
  /// False when this arrival breaks a limit.
  bool arrive(std::int64_t now_ns);
  /// The earliest time at which one more breaks no limit.
  [[nodiscard]] std::int64_t ready_at_ns() const;
  void reset() { arrivals_.clear(); }

 private:
  Limits limits_;
  std::deque<std::int64_t> arrivals_;  // of the last minute
};

/// How one stream was named.
struct NamedStream {
  std::string units;  // the suffix; empty: none
  bool only_snapshot = false;
  bool only_realtime = false;
};

/// By "type|code|level"; level is empty where none was named.
using NamedSet = std::unordered_map<std::string, NamedStream>;

struct ParsedRequest {
  std::string ticket;
  std::string format;
  NamedSet streams;
};

/// nullopt: not a request the exchange would take, or one that names a stream twice.
[[nodiscard]] std::optional<ParsedRequest> parse_request(std::string_view text);

/// What all connections of one endpoint share.
struct EndpointModel {
  explicit EndpointModel(Limits limits) : dials(limits) {}
  ArrivalCounter dials;
  std::int64_t blocked_until_ns = INT64_MIN;
};

}  // namespace upfeed::simulation
