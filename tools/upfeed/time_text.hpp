#pragma once

// Times and durations of captures, for people and from them.

#include <cstdint>
#include <string>
#include <string_view>

#include "upfeed/errc.hpp"

namespace upfeed::program {

/// "2021-04-05T18:17:00.849474Z"; what does not fit into the decimals (0 to 9) is cut off.
[[nodiscard]] std::string iso_time(std::int64_t unix_ns, int decimals = 6);
/// "850 ms", "118.8 s", "2 h 03 min"
[[nodiscard]] std::string span_text(std::int64_t duration_ns);

/// One end of a range of time.
struct TimeBound {
  std::int64_t ns = 0;    ///< wall clock since 1970, or since the first record
  bool relative = false;  ///< the latter
  [[nodiscard]] std::int64_t unix_ns(std::int64_t first_unix_ns) const noexcept {
    return relative ? first_unix_ns + ns : ns;
  }
};

/// "2021-04-05T18:17:00Z", fractions and zones like +09:00 too, or "+10s", "+1h30m" from the start.
/// errors  bad_config, naming `option`.
[[nodiscard]] Result<TimeBound> parse_time_bound(std::string_view option, std::string_view text);
/// "1", "2.5": times as fast as recorded, above 0; "max": 0. errors  bad_config, naming `option`.
[[nodiscard]] Result<double> parse_speed(std::string_view option, std::string_view text);
/// "10s", "1h30m", "500ms": above 0. errors  bad_config, naming `option`.
[[nodiscard]] Result<std::int64_t> parse_duration(std::string_view option, std::string_view text);

}  // namespace upfeed::program
