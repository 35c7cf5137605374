// The text of a subscription request. Each request replaces all earlier ones of the connection, so
// it names everything:
//
//   [{"ticket":"T"},
//    {"type":"ticker","codes":["KRW-XRP"]},                             not live: with snapshot
//    {"type":"ticker","codes":["KRW-BTC"],"is_only_realtime":true},     live, or realtime_only
//    {"type":"orderbook","codes":["KRW-BTC","KRW-ETH.5"]},              always with snapshot
//    {"type":"orderbook","codes":["KRW-BTC"],"level":10000},            one object per level
//    {"type":"candle.1m","codes":["KRW-BTC"],"is_only_snapshot":true},  snapshot_only
//    {"type":"myOrder"},                                                all markets
//    {"type":"myAsset"},                                                never with codes
//    {"type":"announcement","categories":["trade"]},                    one object per options
//    {"format":"DEFAULT"}]
//
// source  docs.upbit.com/kr/reference/websocket-guide and the page of each stream (read 2026-11).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "session/wanted.hpp"
#include "session/wanted_tracker.hpp"

namespace upfeed {

/// What to do with snapshot_only streams whose snapshot has come: name them only where the request
/// would be empty without them but is needed to end what else still flows.
enum class Finished : std::uint8_t { left_out, named };

/// ticket, format  plain ASCII without characters that JSON escapes.
/// stages  one per stream of wanted.
/// output  empty when there is nothing to name.
[[nodiscard]] std::string request_text(std::string_view ticket, std::string_view format,
                                       const WantedSet& wanted, std::span<const StreamStage> stages,
                                       Finished finished);

/// "ticker", "trade", "orderbook", "candle.1m", "myOrder", ...
[[nodiscard]] std::string wire_type(const WantedStream& stream);

}  // namespace upfeed
