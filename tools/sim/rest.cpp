#include "sim/rest.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

namespace upfeed::sim {
namespace {

constexpr int kCallsPerSecond = 10;
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
  if (!names || names->empty()) return {{}, HttpReply{400, std::string(kNoParameter), {}}};
  Selection selection;
  for (const std::string& name : split(*names, ',')) {
    const std::uint32_t index =
        exchange.market() != nullptr ? exchange.market()->find(name) : Market::kNotFound;
    if (index == Market::kNotFound) return {{}, HttpReply{404, std::string(kNoCode), {}}};
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
  if (!wanted) return {400, std::string(kNoParameter), {}};
  const std::vector<std::string> quotes = split(*wanted, ',');
  std::vector<std::uint32_t> markets;
  for (std::uint32_t i = 0; exchange.market() != nullptr && i < exchange.codes().size(); ++i) {
    const std::string quote = exchange.codes()[i].substr(0, exchange.codes()[i].find('-'));
    if (std::find(quotes.begin(), quotes.end(), quote) != quotes.end()) markets.push_back(i);
  }
  if (markets.empty()) return {404, std::string(kNoCode), {}};
  return tickers(exchange, markets);
}

}  // namespace

std::string Rest::remaining(Group group, std::int64_t now_ms) {
  static constexpr std::array<std::string_view, 3> kNames{"market", "orderbook", "ticker"};
  const auto index = static_cast<std::size_t>(group);
  if (second_[index] != now_ms / 1000) {
    second_[index] = now_ms / 1000;
    used_[index] = 0;
  }
  const int left = std::max(0, kCallsPerSecond - ++used_[index]);
  return "group=" + std::string(kNames[index]) + "; min=600; sec=" + std::to_string(left);
}

HttpReply Rest::get(const Exchange& exchange, std::string_view target, std::int64_t now_ms) {
  const std::size_t mark = std::min(target.find('?'), target.size());
  const std::string_view path = target.substr(0, mark);
  const Query query(target.substr(std::min(mark + 1, target.size())));
  HttpReply reply;
  Group group = Group::market;
  if (path == "/v1/market/all") {
    reply = market_all(exchange, query);
  } else if (path == "/v1/orderbook") {
    group = Group::orderbook;
    reply = orderbook(exchange, query);
  } else if (path == "/v1/orderbook/instruments") {
    group = Group::orderbook;
    reply = instruments(exchange, query);
  } else if (path == "/v1/ticker") {
    group = Group::ticker;
    reply = ticker(exchange, query);
  } else if (path == "/v1/ticker/all") {
    group = Group::ticker;
    reply = ticker_all(exchange, query);
  } else {
    return {404, std::string(kNoRoute), {}};
  }
  reply.remaining_request = remaining(group, now_ms);
  return reply;
}

}  // namespace upfeed::sim
