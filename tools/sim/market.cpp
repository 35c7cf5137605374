#include "sim/market.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

namespace upfeed::sim {
namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kSecondUs = 1'000'000;
constexpr std::int64_t kGridUs = 100'000;
constexpr std::int64_t kDayMs = 86'400'000;
constexpr double kGridRate = 10;  // books per second and market on the grid
constexpr std::int64_t kBurstUs = kGridUs / 10;

// What follows what when every frame has its place.
constexpr std::array kPacedOrder{EventKind::book, EventKind::book, EventKind::trade,
                                 EventKind::book, EventKind::book, EventKind::ticker};

std::vector<double> cumulate(const std::vector<double>& weights) {
  std::vector<double> sums(weights.size());
  std::partial_sum(weights.begin(), weights.end(), sums.begin());
  return sums;
}

}  // namespace

Market::Market(std::uint64_t seed, const SyntheticProfile& profile, std::int64_t start_ms)
    : random_(seed),
      instruments_(make_instruments(profile.markets, random_, profile.local_currency)) {
  states_.reserve(instruments_.size());
  for (std::uint32_t i = 0; i < instruments_.size(); ++i) {
    by_code_.emplace(instruments_[i].code, i);
    states_.emplace_back(LivingBook(instruments_[i], random_));
    make_history(i, start_ms);
  }
  plan_rates(profile);
  const std::int64_t start_us = start_ms * 1000;
  trade_due_us_ = trade_rate_ > 0 ? start_us + draw_pause_us(trade_rate_) : kNever;
  quiet_due_us_ = quiet_rate_ > 0 ? start_us + draw_pause_us(quiet_rate_) : kNever;
  grid_base_us_ = start_us - start_us % kGridUs + kGridUs;
  grid_due_us_ =
      grid_.empty() ? kNever : grid_base_us_ + std::int64_t{1000} * instruments_[grid_[0]].phase_ms;
}

// Counted from the start instead of added up, so that no rounding gathers.
std::int64_t Market::paced_due_us() const {
  if (paced_rate_ <= 0) return kNever;
  const auto after_us =
      static_cast<std::int64_t>(static_cast<double>(paced_count_) * 1e6 / paced_rate_);
  return grid_base_us_ + (pacing_ == Pacing::burst ? after_us - after_us % kBurstUs : after_us);
}

// A plausible yesterday, so that the first frames look like any others. BTT-class sums come out in
// the 10^12 range because they are drawn in money.
void Market::make_history(std::uint32_t market, std::int64_t start_ms) {
  const Instrument& instrument = instruments_[market];
  State& state = states_[market];
  const std::int64_t price = state.live.book().bids.best().price;
  const std::int64_t quiet_ms = 500 + static_cast<std::int64_t>(random_.below(140'000));

  state.published = state.live.book();
  state.published.time_ms = start_ms - quiet_ms;
  Trade& trade = state.trade;
  trade.time_ms = start_ms - quiet_ms - instrument.lag_ms;
  trade.sequential_id = static_cast<std::uint64_t>(trade.time_ms) * 10'000;
  trade.price = price;
  trade.volume = 1 + (state.live.book().bids.best().size >> 2);
  trade.aggressor = Aggressor::ask;
  trade.best_ask = state.live.book().asks.best();
  trade.best_bid = state.live.book().bids.best();

  const auto ticks_away = [&](std::int64_t count) {
    return std::max<std::int64_t>(instrument.tick, price + count * instrument.tick);
  };
  Ticker& ticker = state.ticker;
  ticker.opening = ticks_away(static_cast<std::int64_t>(random_.below(21)) - 10);
  ticker.prev_closing = ticks_away(static_cast<std::int64_t>(random_.below(21)) - 10);
  ticker.high = std::max(price, ticker.opening) + instrument.tick;
  ticker.low = std::max(instrument.tick, std::min(price, ticker.opening) - instrument.tick);
  ticker.highest_52w = ticker.high + ticker.high / 2 / instrument.tick * instrument.tick;
  ticker.lowest_52w = std::max(instrument.tick, ticker.low / 2 / instrument.tick * instrument.tick);
  ticker.highest_52w_day = start_ms / kDayMs - 1 - static_cast<std::int64_t>(random_.below(360));
  ticker.lowest_52w_day = start_ms / kDayMs - 1 - static_cast<std::int64_t>(random_.below(360));
  ticker.acc_ask_volume =
      trade.volume + random_.log_uniform(instrument.size_max * 2, instrument.size_max * 9);
  ticker.acc_bid_volume = random_.log_uniform(instrument.size_max * 2, instrument.size_max * 9);
  ticker.acc_volume = ticker.acc_ask_volume + ticker.acc_bid_volume;
  // Not a round product: the real sum has grown trade by trade and uses all its 16 decimals.
  ticker.acc_price_e16 = ticker.acc_volume * price - static_cast<Int128>(random_.below(1'000'000));
  ticker.acc_volume_24h = ticker.acc_volume * 2 + static_cast<Int128>(random_.below(kOne));
  ticker.acc_price_24h_e16 = ticker.acc_volume_24h * price;

  remember(state);
  for (std::size_t i = 0; i < kCandleSeconds.size(); ++i) {
    const std::int64_t second = trade.time_ms / 1000;
    state.candles[i] = {second - second % kCandleSeconds[i],
                        price,
                        price,
                        price,
                        price,
                        trade.volume,
                        trade.volume * price,
                        trade.time_ms};
  }
}

void Market::plan_rates(const SyntheticProfile& profile) {
  const std::size_t count = instruments_.size();
  std::vector<double> weights(count);
  for (std::size_t i = 0; i < count; ++i) weights[i] = instruments_[i].activity;
  trade_share_ = cumulate(weights);
  if (count == 0) return;
  if (profile.trade_flood_per_second > 0) {
    trade_rate_ = profile.trade_flood_per_second;
    return;
  }
  pacing_ = profile.pacing;
  if (pacing_ != Pacing::market) {
    paced_rate_ = profile.frames_per_second;
    quiet_share_ = trade_share_;
    return;
  }
  // A trade makes a trade frame and a ticker frame, off the grid also a book.
  trade_rate_ = profile.frames_per_second * 0.15;
  const double books = profile.frames_per_second * 0.65;
  const std::size_t busy =
      std::min(count, static_cast<std::size_t>(std::lround(books * 0.75 / kGridRate)));
  std::vector<std::uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return weights[a] > weights[b]; });
  grid_.assign(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(busy));
  std::stable_sort(grid_.begin(), grid_.end(), [&](std::uint32_t a, std::uint32_t b) {
    return instruments_[a].phase_ms < instruments_[b].phase_ms;
  });
  double quiet_trades = 0;
  for (const std::uint32_t market : grid_) states_[market].on_grid = true;
  for (std::size_t i = 0; i < count; ++i) {
    if (!states_[i].on_grid) quiet_trades += weights[i];
  }
  quiet_trades *= trade_rate_ / trade_share_.back();
  quiet_rate_ = std::max(0.0, books - static_cast<double>(busy) * kGridRate - quiet_trades);
  if (busy < count) {
    for (const std::uint32_t market : grid_) weights[market] = 0;
  }
  quiet_share_ = cumulate(weights);
}

std::int64_t Market::draw_pause_us(double rate_per_second) {
  return static_cast<std::int64_t>(-std::log(random_.unit()) * 1e6 / rate_per_second);
}

std::uint32_t Market::draw_market(const std::vector<double>& cumulated) {
  const double at = random_.unit() * cumulated.back();
  const auto found = std::lower_bound(cumulated.begin(), cumulated.end(), at);
  const auto index = std::min<std::ptrdiff_t>(found - cumulated.begin(),
                                              static_cast<std::ptrdiff_t>(cumulated.size()) - 1);
  return static_cast<std::uint32_t>(index);
}

std::uint32_t Market::find(std::string_view code) const {
  const auto found = by_code_.find(code);
  return found == by_code_.end() ? kNotFound : found->second;
}

std::int64_t Market::next_due_us() const {
  if (ready_at_ < ready_.size()) return ready_[ready_at_].time_us;
  if (sweep_left_ > 0) return sweep_time_us_;
  std::int64_t due = std::min({trade_due_us_, quiet_due_us_, grid_due_us_, paced_due_us()});
  if (!candles_due_.empty()) due = std::min(due, candles_due_.top().time_us);
  return due;
}

const Event& Market::step() {
  while (ready_at_ == ready_.size()) {
    ready_.clear();
    ready_at_ = 0;
    const std::int64_t due = next_due_us();
    if (sweep_left_ > 0) {
      trade_once();
    } else if (!candles_due_.empty() && candles_due_.top().time_us == due) {
      const CandleDue candles = candles_due_.top();
      candles_due_.pop();
      publish_candles(candles);
    } else if (due == grid_due_us_) {
      advance_grid();
    } else if (due == paced_due_us()) {
      advance_paced();
    } else if (due == quiet_due_us_) {
      quiet_due_us_ += draw_pause_us(quiet_rate_);
      const std::uint32_t market = draw_market(quiet_share_);
      states_[market].live.mutate(random_, 1 + static_cast<unsigned>(random_.below(3)));
      publish_book(market, due);
    } else {
      start_trade();
    }
  }
  return ready_[ready_at_++];
}

void Market::advance_grid() {
  const std::uint32_t market = grid_[grid_at_];
  states_[market].live.mutate(random_, 2 + static_cast<unsigned>(random_.below(6)));
  publish_book(market, grid_due_us_);
  if (++grid_at_ == grid_.size()) {
    grid_at_ = 0;
    grid_base_us_ += kGridUs;
  }
  grid_due_us_ = grid_base_us_ + std::int64_t{1000} * instruments_[grid_[grid_at_]].phase_ms;
}

// The next frame of the paced order, nothing else.
void Market::advance_paced() {
  const std::int64_t due = paced_due_us();
  const EventKind kind = kPacedOrder[paced_count_++ % kPacedOrder.size()];
  if (kind == EventKind::ticker) {
    push(kind, sweep_market_, due);
  } else if (kind == EventKind::trade) {
    draw_order(due);
    sweep_left_ = 1;
    trade_once();
  } else {
    const std::uint32_t market = draw_market(quiet_share_);
    states_[market].live.mutate(random_, 2 + static_cast<unsigned>(random_.below(6)));
    publish_book(market, due);
  }
}

// One order: usually one trade, sometimes up to three that eat their way through levels.
void Market::start_trade() {
  const std::int64_t time_us = trade_due_us_;
  trade_due_us_ += draw_pause_us(trade_rate_);
  draw_order(time_us);
  sweep_left_ = random_.chance(85) ? 1 : 2 + static_cast<std::uint32_t>(random_.below(2));
}

void Market::draw_order(std::int64_t time_us) {
  sweep_time_us_ = time_us;
  sweep_market_ = draw_market(trade_share_);
  const double reference = static_cast<double>(instruments_[sweep_market_].reference_price);
  const double away = static_cast<double>(states_[sweep_market_].trade.price) / reference - 1;
  // The further the price has drifted, the likelier the next order pulls it back.
  sweep_side_ =
      random_.unit() < std::clamp(0.5 - 3 * away, 0.1, 0.9) ? Aggressor::bid : Aggressor::ask;
}

void Market::trade_once() {
  State& state = states_[sweep_market_];
  const Instrument& instrument = instruments_[sweep_market_];
  const Book& book = state.live.book();
  const Side& side = sweep_side_ == Aggressor::bid ? book.asks : book.bids;
  const bool last = --sweep_left_ == 0;
  // An order goes on to the next level only by eating the whole of this one.
  const Int128 volume =
      last || side.count < 2 ? state.live.draw_volume(random_, sweep_side_) : side.best().size;
  if (volume > 0) {
    Trade& trade = state.trade;
    const std::int64_t price_before = trade.price;
    trade.price = side.best().price;
    trade.volume = volume;
    trade.aggressor = sweep_side_;
    trade.best_ask = book.asks.best();
    trade.best_bid = book.bids.best();
    state.live.take(random_, sweep_side_, volume);
    record_trade(state, sweep_time_us_ / 1000 - instrument.lag_ms, price_before);
    remember(state);
    record_candles(sweep_market_, sweep_time_us_);
    push(EventKind::trade, sweep_market_, sweep_time_us_);
  }
  if (last && !state.on_grid && pacing_ == Pacing::market) {
    publish_book(sweep_market_, sweep_time_us_);
  }
}

void Market::record_trade(State& state, std::int64_t time_ms, std::int64_t price_before) {
  Trade& trade = state.trade;
  Ticker& ticker = state.ticker;
  if (time_ms / kDayMs != trade.time_ms / kDayMs) start_new_day(state.ticker, price_before);
  const std::uint64_t first_id = static_cast<std::uint64_t>(time_ms) * 10'000;
  trade.sequential_id = std::max(first_id, trade.sequential_id + 1);
  trade.time_ms = time_ms;
  ticker.high = std::max(ticker.high, trade.price);
  ticker.low = ticker.low == 0 ? trade.price : std::min(ticker.low, trade.price);
  if (ticker.opening == 0) ticker.opening = trade.price;
  const Int128 turnover = trade.volume * trade.price;
  ticker.acc_price_e16 += turnover;
  ticker.acc_price_24h_e16 += turnover;
  ticker.acc_volume += trade.volume;
  ticker.acc_volume_24h += trade.volume;
  (trade.aggressor == Aggressor::ask ? ticker.acc_ask_volume : ticker.acc_bid_volume) +=
      trade.volume;
  if (trade.price > ticker.highest_52w) {
    ticker.highest_52w = trade.price;
    ticker.highest_52w_day = time_ms / kDayMs;
  }
  if (trade.price < ticker.lowest_52w) {
    ticker.lowest_52w = trade.price;
    ticker.lowest_52w_day = time_ms / kDayMs;
  }
}

void Market::remember(State& state) {
  const Trade& trade = state.trade;
  state.history.push({trade.time_ms, trade.sequential_id, trade.price, state.ticker.prev_closing,
                      trade.volume, trade.aggressor});
}

void Market::start_new_day(Ticker& ticker, std::int64_t closing) {
  ticker.prev_closing = closing;
  ticker.opening = ticker.high = ticker.low = 0;
  ticker.acc_volume_24h = ticker.acc_volume;
  ticker.acc_price_24h_e16 = ticker.acc_price_e16;
  ticker.acc_volume = ticker.acc_price_e16 = 0;
  ticker.acc_ask_volume = ticker.acc_bid_volume = 0;
}

// A candle that is over is sent at once if its last change was not: nothing of it may get lost. The
// running ones follow at most once a second.
void Market::record_candles(std::uint32_t market, std::int64_t time_us) {
  State& state = states_[market];
  const Trade& trade = state.trade;
  for (std::size_t i = 0; i < kCandleSeconds.size(); ++i) {
    Candle& candle = state.candles[i];
    const std::int64_t second = trade.time_ms / 1000;
    const std::int64_t start = second - second % kCandleSeconds[i];
    if (candle.start_s != start) {
      if ((state.candles_unsent >> i & 1U) != 0) {
        ready_.push_back({EventKind::candle, market, time_us, i, candle});
      }
      candle = {start, trade.price, trade.price, trade.price, trade.price, 0, 0, 0};
    }
    candle.high = std::max(candle.high, trade.price);
    candle.low = std::min(candle.low, trade.price);
    candle.closing = trade.price;
    candle.volume += trade.volume;
    candle.turnover_e16 += trade.volume * trade.price;
    candle.last_trade_ms = trade.time_ms;
  }
  state.candles_unsent = (1U << kCandleSeconds.size()) - 1;
  if (!state.candles_due) {
    state.candles_due = true;
    candles_due_.push({std::max(time_us, state.candles_sent_us + kSecondUs), market});
  }
}

void Market::publish_candles(const CandleDue& due) {
  State& state = states_[due.market];
  for (std::size_t i = 0; i < kCandleSeconds.size(); ++i) {
    ready_.push_back({EventKind::candle, due.market, due.time_us, i, state.candles[i]});
  }
  state.candles_unsent = 0;
  state.candles_due = false;
  state.candles_sent_us = due.time_us;
}

void Market::publish_book(std::uint32_t market, std::int64_t time_us) {
  State& state = states_[market];
  state.published = state.live.book();
  state.published.time_ms = time_us / 1000;
  push(EventKind::book, market, time_us);
}

void Market::push(EventKind kind, std::uint32_t market, std::int64_t time_us) {
  ready_.push_back({kind, market, time_us, 0, {}, pacing_ == Pacing::market});
}

const Trade& Market::last_trade(std::uint32_t market) const {
  return states_[market].trade;
}
const Ticker& Market::ticker(std::uint32_t market) const {
  return states_[market].ticker;
}
const Book& Market::live_book(std::uint32_t market) const {
  return states_[market].live.book();
}
const Book& Market::published_book(std::uint32_t market) const {
  return states_[market].published;
}
const TradeHistory& Market::history(std::uint32_t market) const {
  return states_[market].history;
}
const Candle& Market::candle(std::uint32_t market, std::size_t candle_index) const {
  return states_[market].candles[candle_index];
}

}  // namespace upfeed::sim
