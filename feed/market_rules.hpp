#pragma once

// What the exchange says it has: its markets, and the price groupings of each.

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "upfeed/config.hpp"
#include "upfeed/errc.hpp"
#include "upfeed/market.hpp"
#include "upfeed/units.hpp"

namespace upfeed::detail {

/// Immutable once made; the order is that of the exchange.
class MarketRules {
 public:
  /// From the bodies of /v1/market/all and of any number of /v1/orderbook/instruments.
  /// errors  system: a body that is not as documented.
  [[nodiscard]] static Result<MarketRules> parse(const std::string& market_list,
                                                 const std::vector<std::string>& instruments);

  [[nodiscard]] bool has(const MarketCode& code) const { return levels_.contains(code); }
  /// level 0 is everybody's. A market without known levels takes any.
  [[nodiscard]] bool has_level(const MarketCode& code, const Decimal& level) const;
  /// "0, 1000, 10000": what has_level() takes; for a message.
  [[nodiscard]] std::string levels_text(const MarketCode& code) const;
  [[nodiscard]] std::vector<std::string> codes() const;

 private:
  std::map<MarketCode, std::vector<Decimal>> levels_;
};

/// Asks the exchange, by REST, within `timeout` for all of it. Blocks.
/// errors  system: the message names the call and what went wrong.
/// source  docs.upbit.com/kr/reference, market/all and orderbook/instruments (read 2026-11).
[[nodiscard]] Result<MarketRules> fetch_market_rules(const Endpoint& endpoint,
                                                     std::chrono::milliseconds timeout);

}  // namespace upfeed::detail
