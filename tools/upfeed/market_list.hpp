#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "upfeed/config.hpp"
#include "upfeed/errc.hpp"

namespace upfeed::program {

struct MarketInfo {
  std::string code;  ///< e.g. KRW-BTC
  std::string english_name;
  std::string korean_name;
};

/// All markets of the exchange, in its order: GET /v1/market/all. Cut short by stop_requested().
/// errors  timeout, system: message says what the exchange or the network answered.
[[nodiscard]] Result<std::vector<MarketInfo>> fetch_markets(const Endpoint& endpoint,
                                                            std::chrono::milliseconds timeout);

/// Codes that a person may have meant by `code`, best first, at most three.
[[nodiscard]] std::vector<std::string> near_matches(std::string_view code,
                                                    const std::vector<MarketInfo>& markets);

/// One line that names every code which the exchange does not have, with near matches; empty when
/// it has them all.
[[nodiscard]] std::string unknown_codes(const std::vector<std::string>& codes,
                                        const std::vector<MarketInfo>& markets);

}  // namespace upfeed::program
