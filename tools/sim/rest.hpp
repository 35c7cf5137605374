#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "sim/exchange.hpp"
#include "sim/gate.hpp"

namespace upfeed::sim {

/// The quotation calls a market data client makes: /v1/market/all, /v1/orderbook,
/// /v1/orderbook/instruments, /v1/ticker, /v1/ticker/all, /v1/trades/ticks. 10 calls a second and
/// group (docs.upbit.com, rate limits, 2026-10), reported and counted, on demand refused with 429.
class Rest {
 public:
  explicit Rest(bool enforces_limit = false) : enforces_limit_(enforces_limit) {}

  /// Answers GET `target` (path and query as sent).
  [[nodiscard]] HttpReply get(const Exchange& exchange, std::string_view target,
                              std::int64_t now_ms);

  /// Calls of known paths, and those of them above the limit.
  [[nodiscard]] std::uint64_t calls() const { return calls_; }
  [[nodiscard]] std::uint64_t violations() const { return violations_; }

 private:
  enum class Group : std::uint8_t { market, orderbook, ticker, trade };

  /// Calls left of this second after this one; negative: it is too many.
  [[nodiscard]] int spend(Group group, std::int64_t now_ms);

  bool enforces_limit_;
  std::uint64_t calls_ = 0;
  std::uint64_t violations_ = 0;
  std::array<std::int64_t, 4> second_{};
  std::array<int, 4> used_{};
};

}  // namespace upfeed::sim
