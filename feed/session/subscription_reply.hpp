// The exchange's answer to LIST_SUBSCRIPTIONS, and how far it is what we asked for. Cold path.
//
//   {"method":"LIST_SUBSCRIPTIONS",
//    "result":[{"type":"ticker","codes":["KRW-BTC"]},
//              {"type":"orderbook","codes":["KRW-BTC.15"],"level":10000}, {"type":"myAsset"}],
//    "ticket":"T"}
//
// Unknown members are ignored; the short names of the SIMPLE formats and the one-element array of
// the LIST formats are understood.
// source  docs.upbit.com/kr/reference/list-subscriptions (read 2026-11). Whether codes carry their
//         unit suffix, and whether streams are listed that are done with their snapshot, is not
//         documented, so neither makes a difference.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "session/wanted.hpp"
#include "session/wanted_tracker.hpp"

namespace upfeed {

/// One object of the answer.
struct ServedStreams {
  std::string type;                ///< "ticker", "candle.1m", "myOrder", ...
  std::vector<std::string> codes;  ///< without unit suffix
  Decimal level;
};

struct SubscriptionReply {
  std::string ticket;
  std::vector<ServedStreams> served;
};

/// nullopt: not such an answer.
[[nodiscard]] std::optional<SubscriptionReply> parse_subscription_reply(std::string_view json);

/// Empty where both agree.
struct AuditDifference {
  WantedSet missing;  ///< asked, not served
  std::vector<std::string>
      extra;  ///< served, not asked: "KRW-BTC ticker", "KRW-BTC orderbook level 100"
};

/// stages  one per stream of wanted. Streams that are unasked, done, or known to have sent nothing
///         may be served or not.
[[nodiscard]] AuditDifference audit_difference(const WantedSet& wanted,
                                               std::span<const StreamStage> stages,
                                               const SubscriptionReply& reply);

/// The request: LIST_SUBSCRIPTIONS in the connection's format, which it would change otherwise.
[[nodiscard]] std::string audit_text(std::string_view ticket, std::string_view format);

}  // namespace upfeed
