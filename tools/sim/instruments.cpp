#include "sim/instruments.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <unordered_set>

namespace upfeed::sim {
namespace {

constexpr std::int64_t kBitcoinKrw = 116'538'000;
constexpr std::int64_t kDollarKrw = 1'391;

struct Coin {
  std::string symbol;
  std::int64_t price_krw_e8;
};

struct KnownCoin {
  std::string_view symbol;
  std::int64_t price_krw_e8;
};

// The codes that clients' examples and this project's tests name, at prices of their class. BTT,
// SHIB, PEPE, XEC and BONK cost so little that sizes and volumes exceed int64 at 1e-8.
constexpr std::array kKnownCoins = std::to_array<KnownCoin>({
    {"BTC", kBitcoinKrw* kOne},
    {"ETH", 3'451'000 * kOne},
    {"XRP", 3'051 * kOne},
    {"DOGE", 251 * kOne},
    {"SOL", 213'400 * kOne},
    {"USDT", kDollarKrw* kOne},
    {"BTT", 48'800},
    {"SHIB", 1'803'000},
    {"PEPE", 1'123'000},
    {"1INCH", 352 * kOne},
    {"ADA", 1'012 * kOne},
    {"TRX", 468 * kOne},
    {"USDC", 1'392 * kOne},
    {"LINK", 24'310 * kOne},
    {"XLM", 455 * kOne},
    {"BCH", 781'500 * kOne},
    {"AVAX", 34'150 * kOne},
    {"SUI", 4'512 * kOne},
    {"DOT", 5'420 * kOne},
    {"ETC", 25'690 * kOne},
    {"ATOM", 5'810 * kOne},
    {"NEAR", 3'470 * kOne},
    {"APT", 6'235 * kOne},
    {"AAVE", 391'200 * kOne},
    {"UNI", 12'480 * kOne},
    {"XEC", 2'480'000},
    {"BONK", 2'910'000},
    {"HBAR", 301 * kOne},
    {"ALGO", 289 * kOne},
    {"SAND", 371 * kOne},
    {"MANA", 402 * kOne},
    {"AXS", 3'120 * kOne},
    {"STX", 874 * kOne},
    {"IQ", 414 * kOne / 100},
    {"DAWN", 512 * kOne},
    {"ANKR", 209 * kOne / 10},
    {"BAT", 249 * kOne},
    {"CHZ", 552 * kOne / 10},
    {"FLOW", 498 * kOne},
    {"BASIC", 83 * kOne / 10},
    {"T", 217 * kOne / 10},
    {"G", 129 * kOne / 10},
    {"MOC", 684 * kOne / 10},
    {"JST", 476 * kOne / 10},
    {"ICX", 151 * kOne},
    {"QTUM", 3'052 * kOne},
    {"WAXP", 273 * kOne / 10},
    {"STEEM", 181 * kOne},
});

// Short syllables make the rest of the codes; they only have to look like codes.
std::string invent_symbol(Random& random) {
  static constexpr std::string_view kConsonants = "BCDFGHJKLMNPRSTVWXZ";
  static constexpr std::string_view kVowels = "AEIOU";
  const std::uint64_t length = 3 + random.below(3);
  std::string symbol;
  for (std::uint64_t i = 0; i < length; ++i) {
    const std::string_view letters = i % 2 == 0 ? kConsonants : kVowels;
    symbol.push_back(letters[random.below(letters.size())]);
  }
  if (random.chance(4)) symbol.push_back(static_cast<char>('0' + random.below(10)));
  return symbol;
}

std::vector<Coin> make_coins(std::size_t count, Random& random) {
  std::vector<Coin> coins;
  std::unordered_set<std::string> taken;
  for (const KnownCoin& known : kKnownCoins) {
    coins.push_back({std::string(known.symbol), known.price_krw_e8});
    taken.insert(coins.back().symbol);
  }
  while (coins.size() < count) {
    std::string symbol = invent_symbol(random);
    if (!taken.insert(symbol).second) continue;
    const auto price = static_cast<std::int64_t>(random.log_uniform(kOne, 200'000 * kOne));
    coins.push_back({std::move(symbol), price});
  }
  return coins;
}

/// Smallest and largest worth of one level, in quote currency x 1e-8.
struct Worth {
  std::int64_t min;
  std::int64_t max;
};

Worth worth_of_levels(Quote quote, std::int64_t price) {
  switch (quote) {
    case Quote::btc:
      return {kOne / 10'000, kOne / 2};
    case Quote::usdt:
      return {5 * kOne, 50'000 * kOne};
    case Quote::krw:
      break;
  }
  if (price < kOne / 10) return {100'000 * kOne, 200'000'000 * kOne};
  return {5'000 * kOne, 50'000'000 * kOne};
}

std::vector<std::int64_t> supported_levels(Quote quote, std::int64_t price, std::int64_t tick) {
  std::vector<std::int64_t> levels{0};
  if (quote != Quote::krw) return levels;
  for (std::int64_t level = tick * 10; level <= price; level *= 10) levels.push_back(level);
  return levels;
}

std::int64_t price_in(Quote quote, std::int64_t price_krw_e8) {
  switch (quote) {
    case Quote::btc:
      return std::max<std::int64_t>(5, price_krw_e8 / kBitcoinKrw);
    case Quote::usdt:
      return std::max<std::int64_t>(50, price_krw_e8 / kDollarKrw);
    case Quote::krw:
      break;
  }
  return price_krw_e8;
}

Instrument make_instrument(Quote quote, const Coin& coin, std::size_t rank, Random& random) {
  static constexpr std::array<std::string_view, 3> kPrefix{"KRW-", "BTC-", "USDT-"};
  Instrument it;
  it.quote = quote;
  it.code = std::string(kPrefix[static_cast<std::size_t>(quote)]) + coin.symbol;
  it.name = coin.symbol + " Coin";
  const std::int64_t raw = price_in(quote, coin.price_krw_e8);
  it.tick = tick_size(quote, raw);
  it.reference_price = raw - raw % it.tick;
  const Worth worth = worth_of_levels(quote, it.reference_price);
  it.size_min = std::max<Int128>(1, static_cast<Int128>(worth.min) * kOne / it.reference_price);
  it.size_max = std::max<Int128>(2, static_cast<Int128>(worth.max) * kOne / it.reference_price);
  // 42 of 60 books of BTC markets had empty slots on 2026-09-23; KRW books are full.
  const bool thin =
      quote == Quote::btc ? random.chance(70) : quote == Quote::usdt && random.chance(20);
  if (thin) {
    it.depth_asks = 3 + static_cast<std::uint32_t>(random.below(28));
    it.depth_bids = 3 + static_cast<std::uint32_t>(random.below(27));
  }
  it.activity = (quote == Quote::krw ? 1.0 : 0.05) / std::pow(static_cast<double>(rank) + 1.5, 0.9);
  it.lag_ms = 1 + static_cast<std::uint32_t>(random.below(60));
  it.phase_ms = static_cast<std::uint32_t>(random.below(100));
  it.padding_style = static_cast<std::uint32_t>(random.below(3));
  it.levels = supported_levels(quote, it.reference_price, it.tick);
  return it;
}

}  // namespace

std::int64_t tick_size(Quote quote, std::int64_t price) {
  struct Step {
    std::int64_t from;
    std::int64_t tick;
  };
  static constexpr std::array kKrw = std::to_array<Step>({
      {1'000'000 * kOne, 1'000 * kOne},
      {500'000 * kOne, 500 * kOne},
      {100'000 * kOne, 100 * kOne},
      {50'000 * kOne, 50 * kOne},
      {10'000 * kOne, 10 * kOne},
      {5'000 * kOne, 5 * kOne},
      {100 * kOne, kOne},
      {10 * kOne, kOne / 10},
  });
  if (quote == Quote::btc) return 1;
  if (quote == Quote::krw) {
    for (const Step& step : kKrw) {
      if (price >= step.from) return step.tick;
    }
  }
  // Both remaining tables go on with one decimal per decade: 0.01 from 1 (KRW) or 10 (USDT).
  std::int64_t from = quote == Quote::krw ? kOne : 10 * kOne;
  std::int64_t tick = kOne / 100;
  while (tick > 1 && price < from) {
    from /= 10;
    tick /= 10;
  }
  return tick;
}

std::vector<Instrument> make_instruments(const MarketCounts& counts, Random& random,
                                         std::string_view local) {
  const std::size_t most = std::max({counts.krw, counts.btc, counts.usdt});
  const std::vector<Coin> coins = make_coins(most + 2, random);
  std::vector<Instrument> instruments;
  const auto add = [&](Quote quote, std::uint32_t count, std::string_view self) {
    std::uint32_t made = 0;
    for (const Coin& coin : coins) {
      if (made == count) break;
      if (coin.symbol == self) continue;
      instruments.push_back(make_instrument(quote, coin, made, random));
      ++made;
    }
  };
  add(Quote::krw, counts.krw, "");
  add(Quote::btc, counts.btc, "BTC");
  add(Quote::usdt, counts.usdt, "USDT");
  for (Instrument& it : instruments) {
    if (it.quote == Quote::krw) it.code.replace(0, it.code.find('-'), local);
  }
  return instruments;
}

}  // namespace upfeed::sim
