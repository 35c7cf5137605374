#include <algorithm>

#include "sim/connection.hpp"
#include "sim/exchange.hpp"

/// The half of Exchange that brings events of the source to the subscribed connections.
namespace upfeed::sim {
namespace {

// Work per advance(): small enough that requests are read about every millisecond under full load.
constexpr int kEventsPerStep = 256;
// As fast as possible means as fast as the slowest connection: further behind than this, wait.
constexpr std::size_t kCongestedBytes = 1U << 20;
constexpr std::int64_t kCongestionPollUs = 200;
// At most so long before they are due frames with due stamps are written, and at least half of it,
// so that at that time they only have to be sent.
constexpr std::int64_t kPrepareUs = 5'000;

/// Converts between the source's time and the clock.
struct Pace {
  std::int64_t clock_start_us;
  std::int64_t source_start_us;
  double speed;

  [[nodiscard]] std::int64_t source_time_us(std::int64_t clock_us) const {
    if (speed == 0) return kNever;
    const auto elapsed = static_cast<double>(clock_us - clock_start_us) * speed;
    return source_start_us + static_cast<std::int64_t>(elapsed);
  }
  [[nodiscard]] std::int64_t due_us(std::int64_t source_us) const {
    if (speed == 0) return clock_start_us;
    const auto elapsed = static_cast<double>(source_us - source_start_us) / speed;
    return clock_start_us + static_cast<std::int64_t>(elapsed);
  }
  /// When due_us is surely reached, whatever was rounded.
  [[nodiscard]] std::int64_t clock_time_us(std::int64_t source_us) const {
    return speed == 0 ? clock_start_us : due_us(source_us) + 1;
  }
};

}  // namespace

void Exchange::start_source(std::int64_t now_us) {
  started_ = true;
  clock_start_us_ = now_us;
  if (market_ && options_.start_time_ms == 0 && options_.start_on_subscribe) {
    // The same market, with history and stamps that end now instead of when the server started.
    market_start_us_ = now_us;
    market_ = std::make_unique<Market>(options_.seed, options_.profile, now_us / 1000);
  }
}

std::int64_t Exchange::advance(std::int64_t now_us) {
  run_timers(now_us / 1000);
  // What was due goes out before the next frames are written.
  if (send_prepared(now_us)) return now_us;
  std::int64_t due_us = run_source(now_us);
  if (!prepared_.empty()) due_us = std::min(due_us, prepared_.front().due_us);
  return std::min(due_us, next_timer_ms() * 1000);
}

bool Exchange::send_prepared(std::int64_t now_us) {
  const std::size_t before = prepared_.size();
  for (; !prepared_.empty() && prepared_.front().due_us <= now_us; prepared_.pop_front()) {
    const PreparedFrame& frame = prepared_.front();
    Connection* const connection = find(frame.id);
    if (connection != nullptr && !connection->is_slow) push(*connection, frame.payload);
  }
  return prepared_.size() != before;
}

bool Exchange::is_behind(std::size_t bytes) const {
  return std::any_of(open_.begin(), open_.end(), [&](const auto& entry) {
    return transport_.queued_bytes(entry.first) > bytes;
  });
}

std::int64_t Exchange::run_source(std::int64_t now_us) {
  if (!started_ || finished_) return kNever;
  const bool flat_out = options_.speed == 0;
  if (flat_out && (route_count_ == 0 || paused_)) return kNever;
  if (flat_out && is_behind(kCongestedBytes)) return now_us + kCongestionPollUs;
  return market_ ? run_market(now_us) : run_capture(now_us);
}

std::int64_t Exchange::run_market(std::int64_t now_us) {
  const Pace pace{clock_start_us_, market_start_us_, options_.speed};
  const std::int64_t ahead_us = options_.stamp_due ? kPrepareUs : 0;
  // What was due goes all the way to the network first, unless the next frames become urgent.
  if (ahead_us > 0 && is_behind(0) &&
      market_->next_due_us() > pace.source_time_us(now_us + ahead_us / 4)) {
    return now_us;
  }
  const std::int64_t until_us = pace.source_time_us(now_us + ahead_us);
  for (int i = 0; i < kEventsPerStep; ++i) {
    const std::int64_t due_us = market_->next_due_us();
    if (due_us == kNever) return kNever;
    if (due_us > until_us) return pace.clock_time_us(due_us) - ahead_us / 2;
    if (options_.stamp_due) stamp_us_ = pace.due_us(due_us);
    deliver(market_->step());
    if (finished_) return kNever;
  }
  return now_us;
}

std::int64_t Exchange::run_capture(std::int64_t now_us) {
  for (int i = 0; i < kEventsPerStep; ++i) {
    if (!has_next_captured_) {
      has_next_captured_ = options_.capture->next(next_captured_);
      if (has_next_captured_ && !capture_start_us_) {
        capture_start_us_ = next_captured_.receive_time_ns / 1000;
      }
    }
    finished_ = !has_next_captured_;
    if (finished_) return kNever;
    const Pace pace{clock_start_us_, *capture_start_us_, options_.speed};
    const std::int64_t due_us = next_captured_.receive_time_ns / 1000;
    if (due_us > pace.source_time_us(now_us)) return pace.clock_time_us(due_us);
    has_next_captured_ = false;
    deliver_captured(next_captured_);
    if (finished_) return kNever;
  }
  return now_us;
}

void Exchange::deliver(const Event& event) {
  switch (event.kind) {
    case EventKind::trade:
      deliver_stream(event, kStreamTrade);
      if (event.with_ticker) deliver_stream(event, kStreamTicker);
      break;
    case EventKind::ticker:
      deliver_stream(event, kStreamTicker);
      break;
    case EventKind::book:
      deliver_stream(event, kStreamOrderbook);
      break;
    case EventKind::candle:
      deliver_stream(event, kStreamCandleFirst + event.candle_index);
      break;
  }
  // A stop between a trade and the book it changed would leave a snapshot newer than the stream.
  finished_ = totals_.realtime_frames_sent >= options_.frame_limit && market_->is_settled();
}

void Exchange::deliver_stream(const Event& event, std::size_t stream) {
  if (paused_) return;
  cache_used_ = 0;
  for (const Route& route : routes(stream, event.market)) {
    const Format format = route.connection->format;
    const std::string* const known = find_cached(format, route.view);
    if (known == nullptr) {
      std::string& fresh = add_cached(format, route.view);
      write_frame(fresh, stream, event.market, format, StreamType::realtime, route.view,
                  event.kind == EventKind::candle ? &event.candle : nullptr);
      if (options_.stamp_due) stamp_times(fresh, stamp_us_);
      send_data(*route.connection, stream, event.market, fresh, true);
    } else {
      send_data(*route.connection, stream, event.market, *known, true);
    }
  }
}

const std::string* Exchange::find_cached(Format format, const BookView& view) const {
  for (std::size_t i = 0; i < cache_used_; ++i) {
    if (cache_[i].format == format && cache_[i].view == view) return &cache_[i].payload;
  }
  return nullptr;
}

std::string& Exchange::add_cached(Format format, const BookView& view) {
  if (cache_used_ == cache_.size()) cache_.emplace_back();
  CachedFrame& entry = cache_[cache_used_++];
  entry.format = format;
  entry.view = view;
  entry.payload.clear();
  return entry.payload;
}

void Exchange::write_frame(std::string& out, std::size_t stream, std::uint32_t code, Format format,
                           StreamType type, const BookView& view, const Candle* candle) const {
  const Instrument& instrument = market_->instruments()[code];
  const Trade& trade = market_->last_trade(code);
  const std::int64_t time_ms = trade.time_ms + instrument.lag_ms;
  if (stream == kStreamTicker) {
    write_ticker(out, format, type, instrument, market_->ticker(code), trade, time_ms);
  } else if (stream == kStreamTrade) {
    write_trade(out, format, type, instrument, trade, market_->ticker(code).prev_closing, time_ms,
                options_.era);
  } else if (stream == kStreamOrderbook) {
    write_orderbook(out, format, type, instrument, market_->published_book(code), view);
  } else {
    const std::size_t index = stream - kStreamCandleFirst;
    write_candle(out, format, type, instrument, index,
                 candle != nullptr ? *candle : market_->candle(code, index));
  }
}

void Exchange::send_data(Connection& connection, std::size_t stream, std::uint32_t code,
                         std::string_view payload, bool is_realtime) {
  if (!connection.tamper.is_active()) {
    send_plain(connection, stream, code, payload, is_realtime);
    return;
  }
  for (const auto& [text, realtime] :
       connection.tamper.run(stream_name(stream), codes_[code], payload, is_realtime)) {
    send_plain(connection, stream, code, text, realtime);
  }
}

void Exchange::send_plain(Connection& connection, std::size_t stream, std::uint32_t code,
                          std::string_view payload, bool is_realtime) {
  if (connection.is_slow) return;
  if (options_.stamp_due && is_realtime) {
    prepared_.push_back({stamp_us_, connection.stats.id, std::string(payload)});
  } else {
    push(connection, payload);
  }
  if (connection.counts.empty()) connection.counts.resize(kStreamCount * codes_.size());
  ++connection.counts[stream * codes_.size() + code];
  ++connection.stats.frames_sent;
  if (is_realtime) {
    ++connection.stats.realtime_frames_sent;
    ++totals_.realtime_frames_sent;
  }
}

}  // namespace upfeed::sim
