#include "sim/rest.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <vector>

namespace upfeed::sim {
namespace {

constexpr int kCallsPerSecond = 10;
constexpr std::int64_t kDayS = 86'400;
constexpr std::string_view kTooMany =
    R"({"error":{"name":"too_many_requests","message":"Too many API requests."}})";
constexpr std::string_view kNoRoute =
    R"({"error":{"name":"not_found","message":"no Route matched with those values"}})";
constexpr std::string_view kNoCode = R"({"error":{"name":404,"message":"Code not found"}})";
constexpr std::string_view kNoParameter =
    R"({"error":{"name":400,"message":"Missing request parameter. )"
    R"(Check the required parameters!"}})";

std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16).ptr ==
            text.data() + i + 3) {
      out.push_back(static_cast<char>(value));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

class Query {
 public:
  explicit Query(std::string_view text) : parts_(split(text, '&')) {}

  [[nodiscard]] std::optional<std::string> find(std::string_view name) const {
    for (const std::string& part : parts_) {
      const std::size_t equals = std::min(part.find('='), part.size());
      if (std::string_view(part).substr(0, equals) != name) continue;
      return unescape(std::string_view(part).substr(std::min(equals + 1, part.size())));
    }
    return std::nullopt;
  }

  [[nodiscard]] std::int64_t number(std::string_view name, std::int64_t otherwise) const {
    const auto text = find(name);
    std::int64_t value = otherwise;
    if (text) std::from_chars(text->data(), text->data() + text->size(), value);
    return value;
  }

 private:
  std::vector<std::string> parts_;
};

/// The markets of ?markets=A,B as indices; a reply when the list is missing or names a stranger:
/// one bad code fails the whole call.
struct Selection {
  std::vector<std::uint32_t> markets;
  std::optional<HttpReply> refusal;
};

Selection select(const Exchange& exchange, const Query& query) {
  const auto names = query.find("markets");
  if (!names || names->empty()) return {{}, HttpReply{400, std::string(kNoParameter)}};
  Selection selection;
  for (const std::string& name : split(*names, ',')) {
    const std::uint32_t index =
        exchange.market() != nullptr ? exchange.market()->find(name) : Market::kNotFound;
    if (index == Market::kNotFound) return {{}, HttpReply{404, std::string(kNoCode)}};
    selection.markets.push_back(index);
  }
  return selection;
}

/// A JSON array with one element per market, written by `write(body, index)`.
template <class Write>
HttpReply array_reply(const std::vector<std::uint32_t>& markets, Write write) {
  HttpReply reply;
  reply.body = "[";
  for (const std::uint32_t market : markets) {
    if (reply.body.size() > 1) reply.body.push_back(',');
    write(reply.body, market);
  }
  reply.body.push_back(']');
  return reply;
}

HttpReply market_all(const Exchange& exchange, const Query& query) {
  const bool details = query.find("is_details") == "true" || query.find("isDetails") == "true";
  HttpReply reply;
  reply.body = "[";
  for (const std::string& code : exchange.codes()) {
    if (reply.body.size() > 1) reply.body.push_back(',');
    const std::string symbol = code.substr(code.find('-') + 1);
    reply.body += R"({"market":")" + code + R"(","korean_name":")" + symbol +
                  R"( 코인","english_name":")" + symbol + R"( Coin")";
    if (details) {
      reply.body += R"(,"market_event":{"warning":false,"caution":{"PRICE_FLUCTUATIONS":false,)"
                    R"("TRADING_VOLUME_SOARING":false,"DEPOSIT_AMOUNT_SOARING":false,)"
                    R"("GLOBAL_PRICE_DIFFERENCES":false,"CONCENTRATION_OF_SMALL_ACCOUNTS":false}})";
    }
    reply.body.push_back('}');
  }
  reply.body.push_back(']');
  return reply;
}

HttpReply orderbook(const Exchange& exchange, const Query& query) {
  Selection selection = select(exchange, query);
  if (selection.refusal) return *std::move(selection.refusal);
  const std::int64_t count = query.number("count", 30);
  const auto units = count >= 1 && count <= 30 ? static_cast<std::size_t>(count) : kDepthMax;
  const std::int64_t level = query.number("level", 0) * kOne;
  const Market& market = *exchange.market();
  return array_reply(selection.markets, [&](std::string& body, std::uint32_t index) {
    write_rest_orderbook(body, market.instruments()[index], market.published_book(index), units,
                         level > 0 ? level : 0);
  });
}

HttpReply instruments(const Exchange& exchange, const Query& query) {
  Selection selection = select(exchange, query);
  if (selection.refusal) return *std::move(selection.refusal);
  const Market& market = *exchange.market();
  return array_reply(selection.markets, [&](std::string& body, std::uint32_t index) {
    const Instrument& it = market.instruments()[index];
    const std::int64_t tick = tick_size(it.quote, market.last_trade(index).price);
    body += R"({"market":")" + it.code + R"(","quote_currency":")" +
            it.code.substr(0, it.code.find('-')) + R"(","tick_size":")" + to_plain({tick, kScale}) +
            R"(","supported_levels":[)";
    for (std::size_t i = 0; i < it.levels.size(); ++i) {
      body += (i == 0 ? "\"" : ",\"") + to_plain({it.levels[i], kScale}) + "\"";
    }
    body += "]}";
  });
}

HttpReply tickers(const Exchange& exchange, const std::vector<std::uint32_t>& markets) {
  const Market& market = *exchange.market();
  return array_reply(markets, [&](std::string& body, std::uint32_t index) {
    const Instrument& it = market.instruments()[index];
    const Trade& trade = market.last_trade(index);
    write_rest_ticker(body, it, market.ticker(index), trade, trade.time_ms + it.lag_ms);
  });
}

HttpReply ticker(const Exchange& exchange, const Query& query) {
  Selection selection = select(exchange, query);
  if (selection.refusal) return *std::move(selection.refusal);
  return tickers(exchange, selection.markets);
}

HttpReply ticker_all(const Exchange& exchange, const Query& query) {
  const auto wanted = query.find("quote_currencies");
  if (!wanted) return {400, std::string(kNoParameter)};
  const std::vector<std::string> quotes = split(*wanted, ',');
  std::vector<std::uint32_t> markets;
  for (std::uint32_t i = 0; exchange.market() != nullptr && i < exchange.codes().size(); ++i) {
    const std::string quote = exchange.codes()[i].substr(0, exchange.codes()[i].find('-'));
    if (std::find(quotes.begin(), quotes.end(), quote) != quotes.end()) markets.push_back(i);
  }
  if (markets.empty()) return {404, std::string(kNoCode)};
  return tickers(exchange, markets);
}

/// Second of the day of HHmmss or HH:mm:ss; empty for anything else.
std::optional<std::int64_t> parse_clock(std::string text) {
  std::erase(text, ':');
  int digits = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), digits);
  if (text.size() != 6 || read.ptr != text.data() + text.size()) return std::nullopt;
  const int hour = digits / 10'000;
  const int minute = digits / 100 % 100;
  const int second = digits % 100;
  if (hour > 23 || minute > 59 || second > 59) return std::nullopt;
  return hour * 3'600 + minute * 60 + second;
}

/// Which trades a call asks for: those before `id`, of [from, to] in seconds.
struct TradeRange {
  std::uint64_t id = std::numeric_limits<std::uint64_t>::max();
  std::int64_t from_s = 0;
  std::int64_t to_s = std::numeric_limits<std::int64_t>::max();
};

std::optional<TradeRange> read_range(const Query& query, std::int64_t newest_s) {
  TradeRange range;
  const std::int64_t days_ago = query.number("days_ago", 0);
  if (days_ago < 0 || days_ago > 7) return std::nullopt;
  const std::int64_t day_s = newest_s - newest_s % kDayS - days_ago * kDayS;
  if (days_ago > 0) {
    range.from_s = day_s;
    range.to_s = day_s + kDayS - 1;
  }
  if (const auto to = query.find("to")) {
    const auto second = parse_clock(*to);
    if (!second) return std::nullopt;
    range.to_s = day_s + *second;
  }
  if (const auto cursor = query.number("cursor", 0); cursor > 0) {
    range.id = static_cast<std::uint64_t>(cursor);
  }
  return range;
}

HttpReply trades(const Exchange& exchange, const Query& query) {
  const auto name = query.find("market");
  if (!name) return {400, std::string(kNoParameter)};
  const Market* const market = exchange.market();
  const std::uint32_t index = market != nullptr ? market->find(*name) : Market::kNotFound;
  if (index == Market::kNotFound) return {404, std::string(kNoCode)};
  const TradeHistory& history = market->history(index);
  const auto range = read_range(query, history.newest(0).time_ms / 1000);
  if (!range) return {400, std::string(kNoParameter)};
  const std::int64_t count = std::clamp<std::int64_t>(query.number("count", 1), 1, 500);
  HttpReply reply;
  reply.body = "[";
  std::int64_t written = 0;
  for (std::size_t age = 0; age < history.size() && written < count; ++age) {
    const PastTrade& trade = history.newest(age);
    const std::int64_t time_s = trade.time_ms / 1000;
    if (trade.sequential_id >= range->id || time_s < range->from_s || time_s > range->to_s)
      continue;
    if (written++ > 0) reply.body.push_back(',');
    write_rest_trade(reply.body, market->instruments()[index], trade);
  }
  reply.body.push_back(']');
  return reply;
}

}  // namespace

int Rest::spend(Group group, std::int64_t now_ms) {
  const auto index = static_cast<std::size_t>(group);
  if (second_[index] != now_ms / 1000) {
    second_[index] = now_ms / 1000;
    used_[index] = 0;
  }
  ++calls_;
  const int left = kCallsPerSecond - ++used_[index];
  if (left < 0) ++violations_;
  return left;
}

HttpReply Rest::get(const Exchange& exchange, std::string_view target, std::int64_t now_ms) {
  static constexpr std::array<std::string_view, 4> kGroups{"market", "orderbook", "ticker",
                                                           "trade"};
  struct Route {
    std::string_view path;
    Group group;
    HttpReply (*answer)(const Exchange&, const Query&);
  };
  static constexpr std::array<Route, 6> kRoutes{{
      {"/v1/market/all", Group::market, market_all},
      {"/v1/orderbook", Group::orderbook, orderbook},
      {"/v1/orderbook/instruments", Group::orderbook, instruments},
      {"/v1/ticker", Group::ticker, ticker},
      {"/v1/ticker/all", Group::ticker, ticker_all},
      {"/v1/trades/ticks", Group::trade, trades},
  }};
  const std::size_t mark = std::min(target.find('?'), target.size());
  const auto* const route = std::find_if(kRoutes.begin(), kRoutes.end(), [&](const Route& it) {
    return it.path == target.substr(0, mark);
  });
  if (route == kRoutes.end()) return {404, std::string(kNoRoute)};
  const int left = spend(route->group, now_ms);
  const Query query(target.substr(std::min(mark + 1, target.size())));
  HttpReply reply = left < 0 && enforces_limit_ ? HttpReply{429, std::string(kTooMany)}
                                                : route->answer(exchange, query);
  reply.remaining_request =
      "group=" + std::string(kGroups[static_cast<std::size_t>(route->group)]) +
      "; min=600; sec=" + std::to_string(std::max(0, left));
  return reply;
}

}  // namespace upfeed::sim
