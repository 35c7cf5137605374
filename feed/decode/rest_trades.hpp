#pragma once

// Trades as the exchange's REST call /v1/trades/ticks lists them -> the events that the WebSocket
// would have sent, as far as the list tells.
// source  docs.upbit.com/kr/reference, trades/ticks (read 2026-11).

#include <string>
#include <vector>

#include "upfeed/events.hpp"

namespace upfeed::detail {

/// Appends the trades of a reply to `out`, in its order (newest first); exact numbers. Header and
/// market are the caller's to fill in, but for kind, size, kBackfilled and the fields that are
/// there: best prices, the direction of change and the stream type are not in the list.
/// errors  false: not as documented; then nothing has been appended.
[[nodiscard]] bool read_rest_trades(const std::string& body, std::vector<TradeEvent>& out);

}  // namespace upfeed::detail
