#include "market_list.hpp"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <thread>
#include <utility>

#include "config_file/near_word.hpp"
#include "net/rest.hpp"
#include "net/wait.hpp"
#include "signals.hpp"

namespace upfeed::program {
namespace {

std::string upper(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return result;
}

/// "BTC-KRW" for "KRW-BTC": other exchanges write it the other way round.
std::string swapped(const std::string& code) {
  const std::size_t dash = code.find('-');
  if (dash == std::string::npos) return code;
  return code.substr(dash + 1) + "-" + code.substr(0, dash);
}

/// "BTC" of "KRW-BTC"; a code without a dash is a base itself.
std::string_view base_of(std::string_view code) {
  const std::size_t dash = code.find('-');
  return dash == std::string_view::npos ? code : code.substr(dash + 1);
}

/// The exchange may keep a call waiting for seconds; Ctrl-C ends it at once.
net::RestResult get_unless_stopped(const net::RestRequest& request) {
  net::Resolver resolver;
  net::TlsContextCache contexts;
  net::CancelToken cancel;
  const std::jthread watcher([&cancel](const std::stop_token& done) {
    constexpr std::chrono::milliseconds kLookEvery(10);
    while (!done.stop_requested() && !stop_requested()) std::this_thread::sleep_for(kLookEvery);
    if (stop_requested()) cancel.cancel();
  });
  return net::rest_get(request, resolver, contexts, cancel.valid() ? &cancel : nullptr);
}

}  // namespace

Result<std::vector<MarketInfo>> fetch_markets(const Endpoint& endpoint,
                                              std::chrono::milliseconds timeout) {
  net::RestRequest request;
  request.host = endpoint.host;
  request.port = endpoint.port;
  request.target = "/v1/market/all?is_details=false";
  request.ca_file = endpoint.ca_file;
  request.timeout = timeout;
  const net::RestResult reply = get_unless_stopped(request);
  const std::string where = "market list of " + endpoint.host + ": ";
  if (!reply.error.ok()) {
    std::string what = net::to_string(reply.error.code);
    if (reply.status != 0) what += " " + std::to_string(reply.status);
    if (!reply.error.detail.empty()) what += " (" + reply.error.detail + ")";
    return Error{Errc::system, where + what};
  }
  const auto document = nlohmann::json::parse(reply.body, nullptr, false);
  if (!document.is_array()) return Error{Errc::system, where + "the reply is no JSON list"};
  std::vector<MarketInfo> markets;
  markets.reserve(document.size());
  for (const auto& row : document) {
    if (!row.is_object() || !row.contains("market") || !row["market"].is_string()) {
      return Error{Errc::system, where + "a row of the reply has no \"market\""};
    }
    const auto text = [&row](const char* key) {
      return row.contains(key) && row[key].is_string() ? row[key].get<std::string>()
                                                       : std::string();
    };
    markets.push_back({text("market"), text("english_name"), text("korean_name")});
  }
  return markets;
}

std::vector<std::string> near_matches(std::string_view code,
                                      const std::vector<MarketInfo>& markets) {
  const std::string wanted = upper(code);
  std::vector<std::pair<std::size_t, std::string>> found;
  for (const MarketInfo& market : markets) {
    std::size_t edits = detail::edit_distance(wanted, market.code);
    if (market.code == swapped(wanted)) edits = 0;
    if (base_of(market.code) == base_of(wanted)) edits = std::min<std::size_t>(edits, 2);
    if (edits <= 2) found.emplace_back(edits, market.code);
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> codes;
  for (auto& [edits, name] : found) {
    if (codes.size() < 3) codes.push_back(std::move(name));
  }
  return codes;
}

std::string unknown_codes(const std::vector<std::string>& codes,
                          const std::vector<MarketInfo>& markets) {
  std::string line;
  for (const std::string& code : codes) {
    const bool known = std::any_of(markets.begin(), markets.end(),
                                   [&](const MarketInfo& each) { return each.code == code; });
    if (known) continue;
    line += (line.empty() ? "" : "; ") + ("the exchange has no market \"" + code + "\"");
    const std::vector<std::string> near = near_matches(code, markets);
    for (std::size_t i = 0; i < near.size(); ++i) {
      line += (i == 0 ? ", did you mean " : i + 1 < near.size() ? ", " : " or ") + near[i];
    }
    if (!near.empty()) line += "?";
  }
  return line;
}

}  // namespace upfeed::program
