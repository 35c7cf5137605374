#pragma once

// The exchange as the session's checker sees it, written against the protocol and not against the
// session: it reads the request text by itself, keeps its own set, and counts arrivals itself.

#include <cstdint>
#include <string_view>
#include <vector>

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
  /// Room for so many more at the same moment.
  [[nodiscard]] bool has_room(std::int64_t now_ns, std::size_t count) const;
  /// The earliest time at which one more breaks no limit.
  [[nodiscard]] std::int64_t ready_at_ns() const;
  void reset() {
    arrivals_.clear();
    first_ = 0;
  }

 private:
  Limits limits_;
  std::vector<std::int64_t> arrivals_;
  std::size_t first_ = 0;  // of the last minute
};

/// How one stream was named; all views are into the request.
struct NamedStream {
  std::string_view type;
  std::string_view code;   // empty: none was named
  std::string_view units;  // the suffix; empty: none
  std::string_view level;  // empty: none
  bool only_snapshot = false;
  bool only_realtime = false;
};

struct ParsedRequest {
  std::string_view ticket;
  std::string_view format;
  std::string_view method;  // empty: a subscription
  std::vector<NamedStream> streams;
};

/// Reads a message into `out`, reusing its memory. False: not a request the exchange would take.
[[nodiscard]] bool read_request(std::string_view text, ParsedRequest& out);

/// What all connections of one endpoint share.
struct EndpointModel {
  explicit EndpointModel(Limits limits) : dials(limits) {}
  ArrivalCounter dials;
  std::int64_t blocked_until_ns = INT64_MIN;
};

}  // namespace upfeed::simulation
