// Texts of status events: one line for a person that fits StatusEvent::text.
#pragma once

#include <string>
#include <string_view>

#include "session/wanted.hpp"

namespace upfeed {

/// Cuts to the room in a status event, between two UTF-8 characters; control characters (the text
/// may come from the network) become spaces.
[[nodiscard]] std::string status_line(std::string_view text);

/// "no data yet: KRW-BTC ticker, KRW-ETH orderbook.15 level 100 and 3 more"; always fits.
[[nodiscard]] std::string missing_line(const WantedSet& missing);

}  // namespace upfeed
