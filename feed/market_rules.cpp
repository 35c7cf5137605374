#include "market_rules.hpp"

#include <simdjson.h>

#include <algorithm>

#include "clock.hpp"
#include "net/rest.hpp"

namespace upfeed::detail {

namespace {

// The codes go into the query; long ones are refused by servers on the way.
constexpr std::size_t kCodesPerCall = 100;
// Only these markets have price groupings.
constexpr std::string_view kGroupedQuote = "KRW-";

Error unreadable(std::string_view what) {
  return {Errc::system, "the exchange's " + std::string(what) + " is not as documented"};
}

bool read_levels(simdjson::dom::element row, std::vector<Decimal>& levels) {
  simdjson::dom::array list;
  if (row["supported_levels"].get_array().get(list)) return false;
  for (const simdjson::dom::element element : list) {
    std::string_view text;
    if (element.get_string().get(text)) return false;
    const auto level = Decimal::parse(text);
    if (!level) return false;
    levels.push_back(*level);
  }
  return true;
}

/// One GET within what is left of the time.
Result<std::string> get(const Endpoint& endpoint, std::string target, MonoTime until) {
  const std::int64_t left_ms = (until - mono_now()) / 1'000'000;
  net::RestRequest request;
  request.host = endpoint.host;
  request.port = endpoint.port;
  request.ca_file = endpoint.ca_file;
  request.timeout = std::chrono::milliseconds(std::max<std::int64_t>(left_ms, 1));
  request.target = std::move(target);
  net::RestResult reply = net::rest_get(request);
  if (reply.error.ok()) return std::move(reply.body);
  std::string problem = request.host + request.target.substr(0, request.target.find('?')) + ": " +
                        net::to_string(reply.error.code);
  if (reply.status != 0) problem += " " + std::to_string(reply.status);
  if (!reply.error.detail.empty()) problem += " (" + reply.error.detail + ")";
  return Error{Errc::system, std::move(problem)};
}

}  // namespace

Result<MarketRules> MarketRules::parse(const std::string& market_list,
                                       const std::vector<std::string>& instruments) {
  MarketRules rules;
  simdjson::dom::parser parser;
  simdjson::dom::array rows;
  if (parser.parse(market_list).get_array().get(rows)) return unreadable("market list");
  for (const simdjson::dom::element row : rows) {
    std::string_view text;
    if (row["market"].get_string().get(text)) return unreadable("market list");
    // A market whose code this library cannot hold cannot be subscribed either.
    if (const auto code = MarketCode::parse(text)) rules.levels_.try_emplace(*code);
  }
  if (rules.levels_.empty()) return unreadable("market list");
  for (const std::string& body : instruments) {
    if (parser.parse(body).get_array().get(rows)) return unreadable("list of instruments");
    for (const simdjson::dom::element row : rows) {
      std::string_view text;
      std::vector<Decimal> levels;
      if (row["market"].get_string().get(text) || !read_levels(row, levels)) {
        return unreadable("list of instruments");
      }
      const auto code = MarketCode::parse(text);
      if (code && rules.has(*code)) rules.levels_[*code] = std::move(levels);
    }
  }
  return rules;
}

bool MarketRules::has_level(const MarketCode& code, const Decimal& level) const {
  const auto found = levels_.find(code);
  if (level.is_zero() || found == levels_.end() || found->second.empty()) return true;
  return std::find(found->second.begin(), found->second.end(), level) != found->second.end();
}

std::string MarketRules::levels_text(const MarketCode& code) const {
  std::string text;
  const auto found = levels_.find(code);
  if (found == levels_.end()) return text;
  for (const Decimal& level : found->second) {
    text += (text.empty() ? "" : ", ") + level.to_string();
  }
  return text;
}

std::vector<std::string> MarketRules::codes() const {
  std::vector<std::string> codes;
  for (const auto& [code, levels] : levels_) codes.emplace_back(code.view());
  return codes;
}

Result<MarketRules> fetch_market_rules(const Endpoint& endpoint,
                                       std::chrono::milliseconds timeout) {
  const MonoTime until = mono_now() + std::chrono::nanoseconds(timeout).count();
  auto market_list = get(endpoint, "/v1/market/all?is_details=false", until);
  if (!market_list) return market_list.error();
  const auto rules = MarketRules::parse(*market_list, {});
  if (!rules) return rules.error();
  std::vector<std::string> grouped = rules.value().codes();
  std::erase_if(grouped, [](const std::string& code) { return !code.starts_with(kGroupedQuote); });
  std::vector<std::string> instruments;
  for (std::size_t first = 0; first < grouped.size() && !endpoint.regional;
       first += kCodesPerCall) {
    std::string target = "/v1/orderbook/instruments?markets=";
    const std::size_t last = std::min(first + kCodesPerCall, grouped.size());
    for (std::size_t i = first; i < last; ++i) target += (i == first ? "" : ",") + grouped[i];
    auto body = get(endpoint, std::move(target), until);
    if (!body) return body.error();
    instruments.push_back(std::move(*body));
  }
  return MarketRules::parse(*market_list, instruments);
}

}  // namespace upfeed::detail
