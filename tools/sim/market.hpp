#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sim/instruments.hpp"
#include "sim/order_book.hpp"
#include "sim/random.hpp"
#include "sim/trade_history.hpp"

/// The synthetic market: no I/O, no threads, no clock.
///
///   schedule ---> trade ---> live book (best level eaten) ---> ticker, nine candles
///            \--> book change ---> published book (what frames and REST show)
///
/// Everything agrees: a trade happens at the best price of the live book, its best_* fields are
/// that book just before it, every volume is added to the ticker's sums and to the candles exactly.
/// A run is a function of (seed, profile, start): the same arguments give the same events with the
/// same times, however the caller paces them. It does not model orders, accounts or market makers,
/// and the 24 h sums grow all day instead of forgetting trades one by one (they restart from the
/// day's own sums at UTC midnight, where both are equal).
namespace upfeed::sim {

/// When the frames of a market come.
enum class Pacing : std::uint8_t {
  /// Busy books on a 100 ms grid with a phase per market, as the exchange has them; the rest by
  /// chance.
  market,
  /// Everything in bursts of a hundredth of a second's frames on ten phases of the 100 ms grid.
  burst,
  /// Frame by frame, at even distances.
  even,
};

/// What the synthetic market looks like.
struct SyntheticProfile {
  MarketCounts markets;
  /// Frames/s of ticker + trade + orderbook together when everything is subscribed. Candle frames
  /// come on top. About two thirds are orderbooks.
  double frames_per_second = 1'200;
  /// burst and even: of each six frames four are orderbooks, one a trade, one its ticker.
  Pacing pacing = Pacing::market;
  /// Only trades (and what follows from them), this many per second; 0 = the mix above.
  double trade_flood_per_second = 0;
  /// What stands for KRW in the codes: IDR on a regional host.
  std::string local_currency = "KRW";
};

/// The candle intervals of the exchange.
inline constexpr std::array<std::string_view, 9> kCandleTypes{
    "candle.1s",  "candle.1m",  "candle.3m",  "candle.5m",  "candle.10m",
    "candle.15m", "candle.30m", "candle.60m", "candle.240m"};
inline constexpr std::array<std::int64_t, 9> kCandleSeconds{1,   60,   180,  300,  600,
                                                            900, 1800, 3600, 14400};

/// The last trade of a market. Prices x 1e-8, volumes and sizes x 1e-8.
struct Trade {
  std::int64_t time_ms = 0;
  std::uint64_t sequential_id = 0;  ///< time_ms * 10000 + n
  std::int64_t price = 0;
  Int128 volume = 0;
  Aggressor aggressor = Aggressor::bid;
  Level best_ask;  ///< just before the trade
  Level best_bid;
};

/// The day of a market. Turnovers in quote x 1e-16 (price x volume), the rest x 1e-8.
struct Ticker {
  std::int64_t opening = 0;
  std::int64_t high = 0;
  std::int64_t low = 0;
  std::int64_t prev_closing = 0;
  Int128 acc_price_e16 = 0;
  Int128 acc_volume = 0;
  Int128 acc_ask_volume = 0;
  Int128 acc_bid_volume = 0;
  Int128 acc_price_24h_e16 = 0;
  Int128 acc_volume_24h = 0;
  std::int64_t highest_52w = 0;
  std::int64_t lowest_52w = 0;
  std::int64_t highest_52w_day = 0;  ///< days since 1970
  std::int64_t lowest_52w_day = 0;
};

/// One candle; `last_trade_ms` is 0 while it is empty.
struct Candle {
  std::int64_t start_s = 0;
  std::int64_t opening = 0;
  std::int64_t high = 0;
  std::int64_t low = 0;
  std::int64_t closing = 0;
  Int128 volume = 0;
  Int128 turnover_e16 = 0;
  std::int64_t last_trade_ms = 0;
};

enum class EventKind : std::uint8_t {
  trade,   ///< last_trade() and ticker() of the market are new
  ticker,  ///< ticker() was new before, but left out then (Event::with_ticker)
  book,    ///< published_book() of the market is new
  candle   ///< Event::candle is to be sent
};

/// Something that makes frames. `time_us` is when they are due, unix microseconds.
struct Event {
  EventKind kind = EventKind::trade;
  std::uint32_t market = 0;
  std::int64_t time_us = 0;
  std::size_t candle_index = 0;  ///< into kCandleTypes
  Candle candle;
  bool with_ticker = true;  ///< of a trade: false, the ticker is an event of its own

  [[nodiscard]] std::int64_t time_ms() const { return time_us / 1000; }
};

class Market {
 public:
  static constexpr std::uint32_t kNotFound = std::numeric_limits<std::uint32_t>::max();

  /// The market as it stands at `start_ms` (unix), with a day's history behind it.
  Market(std::uint64_t seed, const SyntheticProfile& profile, std::int64_t start_ms);
  Market(const Market&) = delete;
  Market& operator=(const Market&) = delete;

  [[nodiscard]] const std::vector<Instrument>& instruments() const { return instruments_; }
  /// Index of a code such as KRW-BTC, or kNotFound.
  [[nodiscard]] std::uint32_t find(std::string_view code) const;

  /// When the next event is due, unix microseconds.
  [[nodiscard]] std::int64_t next_due_us() const;
  /// Makes the next event, whatever time it is. Valid until the next call.
  const Event& step();
  /// Whether every change has had its event: a snapshot now shows nothing that is still to come.
  [[nodiscard]] bool is_settled() const { return ready_at_ == ready_.size(); }

  [[nodiscard]] const Trade& last_trade(std::uint32_t market) const;
  [[nodiscard]] const Ticker& ticker(std::uint32_t market) const;
  /// The book with the trades of this very moment.
  [[nodiscard]] const Book& live_book(std::uint32_t market) const;
  /// The book as last announced.
  [[nodiscard]] const Book& published_book(std::uint32_t market) const;
  /// The last trades, the newest being last_trade().
  [[nodiscard]] const TradeHistory& history(std::uint32_t market) const;
  [[nodiscard]] const Candle& candle(std::uint32_t market, std::size_t candle_index) const;

 private:
  struct State {
    explicit State(LivingBook living) : live(living) {}

    LivingBook live;
    Book published;
    Trade trade;
    Ticker ticker;
    TradeHistory history;
    std::array<Candle, kCandleTypes.size()> candles{};
    std::uint32_t candles_unsent = 0;  // bit per candle type
    std::int64_t candles_sent_us = 0;
    bool candles_due = false;
    bool on_grid = false;
  };
  struct CandleDue {
    std::int64_t time_us;
    std::uint32_t market;
    bool operator>(const CandleDue& other) const {
      return time_us != other.time_us ? time_us > other.time_us : market > other.market;
    }
  };

  void make_history(std::uint32_t market, std::int64_t start_ms);
  void plan_rates(const SyntheticProfile& profile);
  std::int64_t draw_pause_us(double rate_per_second);
  std::uint32_t draw_market(const std::vector<double>& cumulated);
  void advance_grid();
  void advance_paced();
  [[nodiscard]] std::int64_t paced_due_us() const;
  void draw_order(std::int64_t time_us);
  void start_trade();
  void trade_once();
  void record_trade(State& state, std::int64_t time_ms, std::int64_t price_before);
  static void remember(State& state);
  void record_candles(std::uint32_t market, std::int64_t time_us);
  static void start_new_day(Ticker& ticker, std::int64_t closing);
  void publish_book(std::uint32_t market, std::int64_t time_us);
  void publish_candles(const CandleDue& due);
  void push(EventKind kind, std::uint32_t market, std::int64_t time_us);

  Random random_;
  std::vector<Instrument> instruments_;
  std::unordered_map<std::string_view, std::uint32_t> by_code_;
  std::vector<State> states_;

  std::vector<double> trade_share_;  // cumulated
  std::vector<double> quiet_share_;  // cumulated, of the books that are not on the grid
  std::vector<std::uint32_t> grid_;  // markets by phase
  std::size_t grid_at_ = 0;
  std::int64_t grid_base_us_ = 0;

  double trade_rate_ = 0;
  double quiet_rate_ = 0;
  std::int64_t trade_due_us_ = 0;
  std::int64_t quiet_due_us_ = 0;
  std::int64_t grid_due_us_ = 0;
  Pacing pacing_ = Pacing::market;
  double paced_rate_ = 0;
  std::uint64_t paced_count_ = 0;
  std::priority_queue<CandleDue, std::vector<CandleDue>, std::greater<>> candles_due_;

  std::uint32_t sweep_left_ = 0;  // trades the running order still makes
  std::uint32_t sweep_market_ = 0;
  Aggressor sweep_side_ = Aggressor::bid;
  std::int64_t sweep_time_us_ = 0;

  std::vector<Event> ready_;
  std::size_t ready_at_ = 0;
};

}  // namespace upfeed::sim
