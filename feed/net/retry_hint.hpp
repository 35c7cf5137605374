// How long a refusing server asks us to stay away.
#pragma once

#include <cstdint>
#include <string_view>

namespace upfeed::net {

/// status       of the reply; only 418, 429 and 503 carry a hint in the body.
/// retry_after  header Retry-After: seconds, or an HTTP date (then `date`, the reply's own Date
///              header, is the other end; our wall clock plays no part). Empty: absent.
/// body         Upbit announces the block time of a 418 in it, in seconds; the wording is not
///              documented (docs.upbit.com, rate limits, read 2026-11-22), so: a number followed
///              by a unit of seconds or minutes, in English or Korean, or following a key with
///              "retry" or "block" in its name.
/// returns      milliseconds, the larger of both hints, at most 7 days; -1: no hint.
[[nodiscard]] std::int64_t retry_hint_ms(int status, std::string_view retry_after,
                                         std::string_view date, std::string_view body);

}  // namespace upfeed::net
