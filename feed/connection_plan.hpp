#pragma once

// Which connection carries which stream.
//
//   connection   0 .. shards_max-1   public, dealt by Sharding or pinned by a subscription
//                shards_max          private: own orders, own balances, announcements
//                shards_max + 1      info: indicators and their signals

#include <cstdint>

#include "stream_slot.hpp"
#include "upfeed/config.hpp"
#include "upfeed/metrics.hpp"

namespace upfeed::detail {

class ConnectionPlan {
 public:
  explicit ConnectionPlan(const FeedConfig& config)
      : public_max_(config.shards_max == 0 ? config.sharding.connections : config.shards_max),
        sharding_(config.sharding) {}

  [[nodiscard]] std::uint32_t count() const noexcept { return public_max_ + 2; }
  [[nodiscard]] std::uint32_t public_max() const noexcept { return public_max_; }
  [[nodiscard]] ConnectionKind kind_of(std::uint32_t connection) const noexcept {
    if (connection < public_max_) return ConnectionKind::market;
    return connection == public_max_ ? ConnectionKind::account : ConnectionKind::info;
  }

  [[nodiscard]] const Sharding& sharding() const noexcept { return sharding_; }
  /// sharding.connections <= public_max().
  void reshard(const Sharding& sharding) noexcept { sharding_ = sharding; }

  /// kind  any stream. code  empty where the kind has no market.
  [[nodiscard]] std::uint32_t connection_of(EventKind kind, CandleUnit unit,
                                            const MarketCode& code) const noexcept {
    if (!is_market_stream(kind)) {
      return is_info(kind) ? public_max_ + 1 : public_max_;
    }
    if (sharding_.by == ShardBy::market) return hash(code.view()) % sharding_.connections;
    // The heaviest first, so that two connections part books from the rest.
    constexpr std::uint32_t kOrder[kMarketStreamCount] = {2, 1, 0, 3};
    const std::uint32_t first = kOrder[static_cast<std::size_t>(kind)];
    const auto further = kind == EventKind::candle ? static_cast<std::uint32_t>(unit) : 0U;
    return (first + further) % sharding_.connections;
  }

 private:
  static bool is_info(EventKind kind) noexcept {
    return kind == EventKind::indicator || kind == EventKind::indicator_signal;
  }
  /// FNV-1a: the same in every process, so that a plan can be told from outside.
  static std::uint32_t hash(std::string_view text) noexcept {
    std::uint32_t value = 2'166'136'261U;
    for (const char c : text) value = (value ^ static_cast<std::uint8_t>(c)) * 16'777'619U;
    return value ^ value >> 16;
  }

  std::uint32_t public_max_;
  Sharding sharding_;
};

}  // namespace upfeed::detail
