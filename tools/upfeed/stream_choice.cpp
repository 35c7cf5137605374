#include "stream_choice.hpp"

#include <algorithm>
#include <array>

namespace upfeed::program {
namespace {

constexpr std::string_view kCandle = "candle.";
constexpr std::string_view kStreams =
    "ticker, trade, orderbook, candle.1s, candle.1m, 3m, 5m, 10m, 15m, 30m, 60m, 240m, and of your "
    "account myOrder, myAsset, announcement";

Error bad_stream(std::string_view name) {
  return {Errc::bad_config, "--streams: there is no stream \"" + std::string(name) +
                                "\"; there are " + std::string(kStreams)};
}

bool add_candle(std::string_view unit_name, std::vector<CandleUnit>& candles) {
  for (std::size_t i = 0; i < kCandleUnitCount; ++i) {
    const auto unit = static_cast<CandleUnit>(i);
    if (to_string(unit) != unit_name) continue;
    if (std::find(candles.begin(), candles.end(), unit) == candles.end()) candles.push_back(unit);
    return true;
  }
  return false;
}

bool add_stream(std::string_view name, StreamChoice& choice) {
  if (name.starts_with(kCandle)) return add_candle(name.substr(kCandle.size()), choice.candles);
  bool* const flag = name == "ticker"         ? &choice.ticker
                     : name == "trade"        ? &choice.trade
                     : name == "orderbook"    ? &choice.orderbook
                     : name == "myOrder"      ? &choice.my_order
                     : name == "myAsset"      ? &choice.my_asset
                     : name == "announcement" ? &choice.announcement
                                              : nullptr;
  if (flag != nullptr) *flag = true;
  return flag != nullptr;
}

}  // namespace

Result<StreamChoice> parse_streams(std::string_view list) {
  if (list.empty()) {
    return Error{Errc::empty_list,
                 "--streams: no stream given; there are " + std::string(kStreams)};
  }
  StreamChoice choice;
  for (;;) {
    const std::size_t comma = list.find(',');
    const std::string_view name = list.substr(0, comma);
    if (!add_stream(name, choice)) return bad_stream(name);
    if (comma == std::string_view::npos) return choice;
    list.remove_prefix(comma + 1);
  }
}

Status subscribe(Client& client, const std::vector<std::string>& codes,
                 const StreamChoice& choice) {
  const auto status_of = [](const Result<SubscriptionId>& result) -> Status {
    if (!result) return result.error();
    return Done{};
  };
  Status status = Done{};
  if (choice.ticker) status = status_of(client.subscribe_ticker(codes));
  if (status && choice.trade) status = status_of(client.subscribe_trade(codes));
  if (status && choice.orderbook) {
    status = status_of(client.subscribe_orderbook(codes, {}, {.units = choice.units}));
  }
  for (const CandleUnit unit : choice.candles) {
    if (status) status = status_of(client.subscribe_candle(unit, codes));
  }
  if (status && choice.my_order) status = status_of(client.subscribe_my_order());
  if (status && choice.my_asset) status = status_of(client.subscribe_my_asset());
  if (status && choice.announcement) status = status_of(client.subscribe_announcement());
  return status;
}

Result<WireFormat> parse_format(std::string_view option, std::string_view name) {
  constexpr std::array<std::string_view, 4> kNames{"default", "simple", "json_list", "simple_list"};
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (name == kNames[i]) return static_cast<WireFormat>(i);
  }
  return Error{Errc::bad_config, std::string(option) + " " + std::string(name) +
                                     ": there are default, simple, json_list and simple_list"};
}

}  // namespace upfeed::program
