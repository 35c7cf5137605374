#include <algorithm>
#include <set>

#include "sim/connection.hpp"
#include "sim/exchange.hpp"
#include "sim/private_event.hpp"

/// The part of Exchange behind the login: events of the account, notices, indicators.
namespace upfeed::sim {
namespace {

constexpr std::size_t kAccountMarketsMax = 3;
// Apart from the market's own draws.
constexpr std::uint64_t kScenarioSeed = 0x7072'6976'6174'65ULL;

std::vector<AccountMarket> account_markets(const Market* market) {
  std::vector<AccountMarket> markets;
  if (market != nullptr) {
    for (const Instrument& it : market->instruments()) {
      if (it.quote != Quote::krw || markets.size() == kAccountMarketsMax) break;
      markets.push_back({it.code, it.reference_price, it.tick});
    }
  }
  if (markets.empty()) markets.push_back({"KRW-BTC", 100'000'000 * kOne, 1'000 * kOne});
  return markets;
}

std::vector<IndicatorWish> wishes_of(const TypeRequest& type) {
  std::vector<IndicatorWish> wishes;
  for (const std::string& code : type.codes) {
    for (const IndicatorRequest& indicator : type.indicators) {
      wishes.push_back({type.stream == kStreamIndicatorSignal, code, type.timeframe, indicator.type,
                        indicator.params});
    }
  }
  return wishes;
}

}  // namespace

void Exchange::start_scenario(std::int64_t now_ms) {
  if (scenario_ || !options_.scenario.is_on) return;
  scenario_ = std::make_unique<Scenario>(options_.scenario, options_.seed ^ kScenarioSeed,
                                         account_markets(market_.get()), now_ms);
}

void Exchange::run_scenario(std::int64_t now_ms) {
  if (!scenario_ || scenario_->next_due_ms() > now_ms) return;
  std::set<IndicatorWish> wishes;
  for (const auto& [id, connection] : open_) {
    for (const TypeRequest& type : connection->subscriptions) {
      for (IndicatorWish& wish : wishes_of(type)) {
        // The info socket knows KRW markets only.
        if (by_code_.contains(wish.code) && wish.code.starts_with("KRW-")) {
          wishes.insert(std::move(wish));
        }
      }
    }
  }
  for (const std::string& frame : scenario_->advance(now_ms, {wishes.begin(), wishes.end()})) {
    emit(frame, now_ms);
  }
}

std::size_t Exchange::emit(std::string_view json, std::int64_t now_ms) {
  const auto event = read_private_event(json);
  if (!event || paused_) return 0;
  now_ms_ = now_ms;
  std::size_t receivers = 0;
  for (const auto& [id, connection] : open_) {
    if (connection->is_closing) continue;
    const auto wanting =
        std::find_if(connection->subscriptions.begin(), connection->subscriptions.end(),
                     [&](const TypeRequest& type) { return wants(type, *event); });
    if (wanting == connection->subscriptions.end()) continue;
    if (send_event(*connection, stream_name(event->stream), event->code,
                   write_private_event(*event, connection->format, wanting->includes_body))) {
      ++receivers;
    }
  }
  return receivers;
}

bool Exchange::send_event(Connection& connection, std::string_view type, const std::string& code,
                          std::string_view payload) {
  if (connection.is_slow || connection.tamper.is_muted(type, code, true)) return false;
  push(connection, payload);
  ++connection.stats.frames_sent;
  ++connection.stats.realtime_frames_sent;
  ++connection.stats.frames_by_type_and_code[{std::string(type), code}];
  return true;
}

}  // namespace upfeed::sim
