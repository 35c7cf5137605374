#include "sim/scenario.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "sim/calendar.hpp"
#include "sim/json_writer.hpp"

namespace upfeed::sim {
namespace {

constexpr std::int64_t kSmallestTimeframeMs = 300'000;

std::int64_t timeframe_ms(std::string_view timeframe) {
  static constexpr std::array<std::pair<std::string_view, std::int64_t>, 5> kTable{
      {{"5m", 5}, {"15m", 15}, {"60m", 60}, {"240m", 240}, {"1d", 1440}}};
  const auto* const found = std::find_if(
      kTable.begin(), kTable.end(), [&](const auto& entry) { return entry.first == timeframe; });
  return (found == kTable.end() ? 5 : found->second) * 60'000;
}

std::string korean_time(std::int64_t time_ms) {
  std::string text;
  append_date(text, time_ms / 1000 + kKstOffsetS, "-");
  text.push_back('T');
  append_clock(text, time_ms / 1000 + kKstOffsetS, ":");
  return text + "+09:00";
}

std::string utc_time(std::int64_t time_ms) {
  std::string text;
  append_date(text, time_ms / 1000, "-");
  text.push_back('T');
  append_clock(text, time_ms / 1000, ":");
  return text;
}

}  // namespace

Scenario::Scenario(const PrivateScenario& options, std::uint64_t seed,
                   std::vector<AccountMarket> markets, std::int64_t now_ms)
    : options_(options),
      random_(seed + 1),
      markets_(markets),
      account_(seed, std::move(markets)),
      order_due_ms_(now_ms),
      announcement_due_ms_(now_ms + options.announcement_interval.count()),
      indicator_due_ms_(next_close_ms(now_ms)) {}

std::int64_t Scenario::next_close_ms(std::int64_t now_ms) const {
  const std::int64_t interval_ms = options_.indicator_interval.count();
  if (interval_ms > 0) return now_ms + interval_ms;
  return now_ms - now_ms % kSmallestTimeframeMs + kSmallestTimeframeMs;
}

std::int64_t Scenario::next_due_ms() const {
  return std::min({order_due_ms_, announcement_due_ms_, indicator_due_ms_});
}

std::vector<std::string> Scenario::advance(std::int64_t now_ms,
                                           const std::vector<IndicatorWish>& wishes) {
  std::vector<std::string> frames;
  for (std::int64_t due = next_due_ms(); due <= now_ms; due = next_due_ms()) {
    if (due == order_due_ms_) {
      for (std::string& frame : account_.step(due)) frames.push_back(std::move(frame));
      order_due_ms_ += std::max<std::int64_t>(1, options_.order_interval.count());
    } else if (due == announcement_due_ms_) {
      frames.push_back(announce(due));
      announcement_due_ms_ += std::max<std::int64_t>(1, options_.announcement_interval.count());
    } else {
      add_indicators(due, wishes, frames);
      indicator_due_ms_ = next_close_ms(due);
    }
  }
  return frames;
}

// Every notice is created and then updated once under the same uuid; every third has no body.
std::string Scenario::announce(std::int64_t now_ms) {
  static constexpr std::array<std::string_view, 8> kCategories{
      "notice", "trade", "wallet", "maintenance", "digital_asset", "nft", "service", "event"};
  const std::uint64_t number = announcement_count_ / 2;
  const bool is_update = announcement_count_++ % 2 == 1;
  const std::int64_t first_ms = now_ms - (is_update ? options_.announcement_interval.count() : 0);
  const std::string mark = std::to_string(1'000'000'000'000 + number).substr(1);
  std::string out;
  JsonWriter json(out, false);
  json.text("type", "", "announcement");
  json.text("event_type", "", is_update ? "UPDATED" : "CREATED");
  json.text("uuid", "", "6e1f2a3b-0c4d-4e5f-8a9b-" + mark);
  json.text("title", "", "\\\"공지\\\" " + std::to_string(number) + (is_update ? " (수정)" : ""));
  json.text("category", "", kCategories[number % kCategories.size()]);
  json.text("url", "", "https:\\/\\/upbit.com\\/service_center\\/notice?id=" + mark);
  json.text("first_listed_at", "", korean_time(first_ms));
  json.text("listed_at", "", korean_time(now_ms));
  json.raw("body", "", number % 3 == 2 ? "null" : R"("안녕하세요.\n내용 {\"a\":[1,2]} 입니다.")");
  json.integer("timestamp", "", now_ms);
  json.text("stream_type", "", "REALTIME");
  json.close();
  return out;
}

void Scenario::add_indicators(std::int64_t close_ms, const std::vector<IndicatorWish>& wishes,
                              std::vector<std::string>& frames) {
  ++indicator_rounds_;
  for (const IndicatorWish& wish : wishes) {
    const bool closes =
        options_.indicator_interval.count() > 0 || close_ms % timeframe_ms(wish.timeframe) == 0;
    if (!closes || (wish.is_signal && indicator_rounds_ % 3 != 0)) continue;
    frames.push_back(write_indicator(wish, close_ms));
  }
}

std::string Scenario::value_of(const IndicatorWish& wish) {
  const auto market = std::find_if(markets_.begin(), markets_.end(),
                                   [&](const AccountMarket& it) { return it.code == wish.code; });
  const AccountMarket& it = market == markets_.end() ? markets_.front() : *market;
  const auto price = [&](std::int64_t ticks) {
    return to_plain({std::max(it.tick, it.price + ticks * it.tick), kScale});
  };
  const auto drawn = static_cast<std::int64_t>(random_.below(21)) - 10;
  if (wish.indicator == "volume") return to_plain({random_.log_uniform(kOne, 900 * kOne), kScale});
  if (wish.indicator == "rsi") return to_plain({static_cast<Int128>(random_.below(10'001)), 2});
  if (wish.indicator == "moving_average") return price(drawn);
  if (wish.indicator == "ma_crossover") {
    return R"({"short":)" + price(drawn) + R"(,"long":)" + price(0) + "}";
  }
  if (wish.indicator == "bollinger_bands") {
    return R"({"upper":)" + price(drawn + 20) + R"(,"middle":)" + price(drawn) + R"(,"lower":)" +
           price(drawn - 20) + "}";
  }
  return R"({"macd":)" + to_plain({it.tick * drawn, kScale}) + R"(,"signal":0,"histogram":)" +
         to_plain({it.tick * drawn, kScale}) + "}";
}

std::string Scenario::write_indicator(const IndicatorWish& wish, std::int64_t close_ms) {
  std::string out;
  JsonWriter json(out, false);
  json.text("type", "", wish.is_signal ? "indicator_signal" : "indicator");
  json.text("code", "", wish.code);
  json.text("timeframe", "", wish.timeframe);
  json.text("indicator", "", wish.indicator);
  json.raw("params", "", wish.params.empty() ? "{}" : wish.params);
  json.raw("value", "", value_of(wish));
  const std::int64_t start_ms = close_ms - timeframe_ms(wish.timeframe);
  json.text("candle_date_time_utc", "", utc_time(start_ms - start_ms % kSmallestTimeframeMs));
  json.integer("timestamp", "", close_ms);
  json.text("stream_type", "", "REALTIME");
  json.close();
  return out;
}

}  // namespace upfeed::sim
