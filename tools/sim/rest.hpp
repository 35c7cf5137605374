#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "sim/exchange.hpp"
#include "sim/gate.hpp"

namespace upfeed::sim {

/// The quotation calls a market data client makes: /v1/market/all, /v1/orderbook,
/// /v1/orderbook/instruments, /v1/ticker, /v1/ticker/all. Limits are reported, not enforced.
class Rest {
 public:
  /// Answers GET `target` (path and query as sent).
  [[nodiscard]] HttpReply get(const Exchange& exchange, std::string_view target,
                              std::int64_t now_ms);

 private:
  enum class Group : std::uint8_t { market, orderbook, ticker };

  [[nodiscard]] std::string remaining(Group group, std::int64_t now_ms);

  std::array<std::int64_t, 3> second_{};
  std::array<int, 3> used_{};
};

}  // namespace upfeed::sim
