#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sim/number.hpp"
#include "sim/order_book.hpp"

namespace upfeed::sim {

/// What stays of a trade. Prices and volume x 1e-8.
struct PastTrade {
  std::int64_t time_ms = 0;
  std::uint64_t sequential_id = 0;
  std::int64_t price = 0;
  std::int64_t prev_closing = 0;
  Int128 volume = 0;
  Aggressor aggressor = Aggressor::bid;
};

/// The last trades of one market; older ones are forgotten.
class TradeHistory {
 public:
  static constexpr std::size_t kCapacity = 500;

  void push(const PastTrade& trade) {
    if (trades_.size() < kCapacity) {
      trades_.push_back(trade);
    } else {
      trades_[oldest_] = trade;
      oldest_ = (oldest_ + 1) % kCapacity;
    }
  }
  [[nodiscard]] std::size_t size() const { return trades_.size(); }
  /// `age` 0 is the newest; below size().
  [[nodiscard]] const PastTrade& newest(std::size_t age) const {
    return trades_[(oldest_ + trades_.size() - 1 - age) % trades_.size()];
  }

 private:
  std::vector<PastTrade> trades_;
  std::size_t oldest_ = 0;
};

}  // namespace upfeed::sim
