#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/number.hpp"
#include "sim/random.hpp"

namespace upfeed::sim {

/// The currency a market is quoted in.
enum class Quote : std::uint8_t { krw, btc, usdt };

/// How many markets of each quote currency exist. The defaults are the size of the real exchange on
/// 2026-09-23 (855 codes).
struct MarketCounts {
  std::uint32_t krw = 289;
  std::uint32_t btc = 328;
  std::uint32_t usdt = 238;
};

/// What never changes about one market. Prices in quote currency x 1e-8, sizes in base x 1e-8.
struct Instrument {
  std::string code;  ///< e.g. KRW-BTC
  std::string name;  ///< English name, e.g. BTC Coin
  Quote quote = Quote::krw;
  std::int64_t reference_price = 0;  ///< the price the market hovers around
  std::int64_t tick = 0;             ///< tick size at the reference price
  Int128 size_min = 0;               ///< range of the sizes of new levels
  Int128 size_max = 0;
  std::uint32_t depth_asks = 30;  ///< levels a side keeps; fewer than 30 is a thin book
  std::uint32_t depth_bids = 30;
  double activity = 0;               ///< relative share of the trades
  std::uint32_t lag_ms = 0;          ///< from a trade to its frame
  std::uint32_t phase_ms = 0;        ///< place of a busy book on the 100 ms grid
  std::uint32_t padding_style = 0;   ///< 0..2: how empty units are spelled
  std::vector<std::int64_t> levels;  ///< supported price groupings x 1e-8, starting with 0
};

/// Price step at `price`. KRW: docs.upbit.com krw-market-info (in force since 2025-07-31); BTC:
/// 1e-8 always; USDT: by magnitude, 0.01 at most.
[[nodiscard]] std::int64_t tick_size(Quote quote, std::int64_t price);

/// The markets of one exchange: first the KRW ones, then BTC, then USDT, well-known codes first.
/// `local` is what the KRW ones are quoted in: KRW, or a regional host's currency.
[[nodiscard]] std::vector<Instrument> make_instruments(const MarketCounts& counts, Random& random,
                                                       std::string_view local = "KRW");

}  // namespace upfeed::sim
