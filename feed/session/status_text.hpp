// Texts of status events: one line for a person that fits StatusEvent::text.
#pragma once

#include <string>
#include <string_view>

#include "session/wanted.hpp"
#include "upfeed/events.hpp"

namespace upfeed {

inline constexpr std::size_t kStatusTextBytesMax = decltype(StatusEvent::text)::capacity();

/// Cuts to the room in a status event, between two UTF-8 characters; control characters (the text
/// may come from the network) become spaces.
[[nodiscard]] std::string status_line(std::string_view text,
                                      std::size_t bytes_max = kStatusTextBytesMax);

/// Prefix (cut to half the room) and streams: "no data yet: KRW-BTC ticker, KRW-ETH orderbook.15
/// level 100 and 3 more"; always fits.
[[nodiscard]] std::string stream_line(std::string_view prefix, const WantedSet& streams);

}  // namespace upfeed
