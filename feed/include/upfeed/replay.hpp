#pragma once

// How captured files are lived again; see Feed::replay().

#include <cstdint>
#include <string>
#include <vector>

#include "upfeed/events.hpp"

namespace upfeed {

/// What of the captures is replayed, and how fast. The events, their order and their times are the
/// same at every speed.
struct ReplayOptions {
  /// 1: at the recorded speed; 10: ten times as fast, and so on, above 0; kFast: as fast as the
  /// callbacks take it. Captures without times know kFast only.
  double speed = kFast;
  /// Recorded wall time, nanoseconds since 1970: frames from `from` on and before `to`; 0: no
  /// bound. A seek where the file allows it.
  std::int64_t from_unix_ns = 0;
  std::int64_t to_unix_ns = 0;
  /// Only events of these markets, e.g. "KRW-BTC"; those without a market are not asked. Empty:
  /// all.
  std::vector<std::string> codes{};
  /// Only events of these streams. Empty: all. States of connections and losses always come.
  std::vector<EventKind> kinds{};

  static constexpr double kFast = 0;
};

}  // namespace upfeed
