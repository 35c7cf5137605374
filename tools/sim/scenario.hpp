#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/account.hpp"
#include "sim/random.hpp"

/// What happens behind the login by itself: orders, notices, indicators. No I/O, no clock.
namespace upfeed::sim {

/// How lively it is. Off, only injected events are sent.
struct PrivateScenario {
  bool is_on = false;
  std::chrono::milliseconds order_interval = std::chrono::seconds(1);
  std::chrono::milliseconds announcement_interval = std::chrono::seconds(30);
  /// Of indicator frames; 0: when a candle of the timeframe closes, as on the exchange.
  std::chrono::milliseconds indicator_interval = std::chrono::milliseconds(0);
};

/// An indicator somebody is subscribed to.
struct IndicatorWish {
  bool is_signal = false;  ///< indicator_signal instead of indicator
  std::string code;
  std::string timeframe;
  std::string indicator;
  std::string params;  ///< JSON, empty: none

  friend auto operator<=>(const IndicatorWish&, const IndicatorWish&) = default;
};

class Scenario {
 public:
  /// The account's first step is due at once. `markets` as for Account.
  Scenario(const PrivateScenario& options, std::uint64_t seed, std::vector<AccountMarket> markets,
           std::int64_t now_ms);

  [[nodiscard]] std::int64_t next_due_ms() const;
  /// The frames (DEFAULT) that are due. `wishes` without repeats; signals come with every third
  /// indicator.
  [[nodiscard]] std::vector<std::string> advance(std::int64_t now_ms,
                                                 const std::vector<IndicatorWish>& wishes);

 private:
  [[nodiscard]] std::int64_t next_close_ms(std::int64_t now_ms) const;
  [[nodiscard]] std::string announce(std::int64_t now_ms);
  void add_indicators(std::int64_t close_ms, const std::vector<IndicatorWish>& wishes,
                      std::vector<std::string>& frames);
  [[nodiscard]] std::string write_indicator(const IndicatorWish& wish, std::int64_t close_ms);
  [[nodiscard]] std::string value_of(const IndicatorWish& wish);

  PrivateScenario options_;
  Random random_;
  std::vector<AccountMarket> markets_;
  Account account_;
  std::int64_t order_due_ms_;
  std::int64_t announcement_due_ms_;
  std::int64_t indicator_due_ms_;
  std::uint64_t announcement_count_ = 0;
  std::uint64_t indicator_rounds_ = 0;
};

}  // namespace upfeed::sim
