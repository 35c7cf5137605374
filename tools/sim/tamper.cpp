#include "sim/tamper.hpp"

#include <algorithm>
#include <charconv>

namespace upfeed::sim {
namespace {

struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// The number behind the first of `marks`, e.g. "\"tms\":"; empty when there is none.
Span find_number(std::string_view text, std::string_view name, std::string_view alias) {
  for (const std::string_view key : {name, alias}) {
    const std::string mark = "\"" + std::string(key) + "\":";
    const std::size_t at = text.find(mark);
    if (at == std::string_view::npos) continue;
    const std::size_t begin = at + mark.size();
    return {begin, std::min(text.find_first_of(",}", begin), text.size())};
  }
  return {};
}

void shift_time(std::string& text, std::string_view name, std::string_view alias,
                bool in_microseconds, std::int64_t shift_ms) {
  const Span span = find_number(text, name, alias);
  std::int64_t value = 0;
  const auto read = std::from_chars(text.data() + span.begin, text.data() + span.end, value);
  if (span.begin == span.end || read.ptr != text.data() + span.end) return;
  value += shift_ms;
  text.replace(span.begin, span.end - span.begin,
               std::to_string(in_microseconds ? value * 1000 : value));
}

}  // namespace

std::string with_times(std::string_view text, bool in_microseconds, std::int64_t shift_ms) {
  std::string out(text);
  shift_time(out, "timestamp", "tms", in_microseconds, shift_ms);
  if (shift_ms != 0) shift_time(out, "trade_timestamp", "ttms", false, shift_ms);
  return out;
}

void stamp_times(std::string& text, std::int64_t unix_us) {
  constexpr std::pair<std::string_view, std::string_view> kTimes[]{{"timestamp", "tms"},
                                                                   {"trade_timestamp", "ttms"}};
  const std::string stamp = std::to_string(unix_us);
  for (const auto& [name, alias] : kTimes) {
    const Span span = find_number(text, name, alias);
    if (span.begin != span.end) text.replace(span.begin, span.end - span.begin, stamp);
  }
}

std::string with_crossed_book(std::string_view text) {
  const Span ask = find_number(text, "ask_price", "ap");
  const Span bid = find_number(text, "bid_price", "bp");
  if (ask.begin == ask.end || bid.begin == bid.end) return std::string(text);
  // The ask comes first in every unit.
  std::string out(text.substr(0, ask.begin));
  out += text.substr(bid.begin, bid.end - bid.begin);
  out += text.substr(ask.end, bid.begin - ask.end);
  out += text.substr(ask.begin, ask.end - ask.begin);
  out += text.substr(bid.end);
  return out;
}

void Tamper::update() {
  is_active_ = !rules_.mutes.empty() || rules_.snapshots != SnapshotOrder::first ||
               rules_.duplicate_every > 0 || rules_.swap_every > 0 || rules_.in_microseconds ||
               rules_.shift_ms != 0 || rules_.crosses_books;
}

bool Tamper::is_muted(std::string_view type, std::string_view code, bool is_realtime) const {
  return std::any_of(rules_.mutes.begin(), rules_.mutes.end(), [&](const Mute& mute) {
    return (mute.type.empty() || mute.type == type) && (mute.code.empty() || mute.code == code) &&
           (is_realtime || mute.snapshots_too);
  });
}

std::string Tamper::rewrite(std::string_view type, std::string_view text) const {
  std::string out(text);
  if (rules_.in_microseconds || rules_.shift_ms != 0) {
    out = with_times(out, rules_.in_microseconds, rules_.shift_ms);
  }
  if (rules_.crosses_books && type == "orderbook") out = with_crossed_book(out);
  return out;
}

std::vector<Tamper::Frame> Tamper::run(std::string_view type, const std::string& code,
                                       std::string_view text, bool is_realtime) {
  if (is_muted(type, code, is_realtime)) return {};
  std::string frame = rewrite(type, text);
  const Key key{std::string(type), code};
  if (!is_realtime) {
    if (rules_.snapshots == SnapshotOrder::none) return {};
    if (rules_.snapshots == SnapshotOrder::after_realtime) {
      held_snapshots_[key] = std::move(frame);
      return {};
    }
    if (rules_.snapshots == SnapshotOrder::both_twice) return {{frame, false}, {frame, false}};
    return {{std::move(frame), false}};
  }
  std::vector<Frame> frames;
  if (type == "trade") ++trade_count_;
  if (type == "trade" && !held_trade_.empty()) {
    frames = {{std::move(frame)}, {std::exchange(held_trade_, {})}};
  } else if (type == "trade" && rules_.swap_every > 0 && trade_count_ % rules_.swap_every == 0) {
    held_trade_ = std::move(frame);
    return {};
  } else {
    frames.push_back({std::move(frame)});
  }
  const bool is_duplicate =
      type == "trade" && rules_.duplicate_every > 0 && trade_count_ % rules_.duplicate_every == 0;
  const bool is_first_pair =
      rules_.snapshots == SnapshotOrder::both_twice && !std::exchange(had_realtime_[key], true);
  if (is_duplicate || is_first_pair) frames.push_back(frames.back());
  if (const auto held = held_snapshots_.extract(key)) {
    frames.push_back({std::move(held.mapped()), false});
  }
  return frames;
}

}  // namespace upfeed::sim
