// upfeed markets: what can be subscribed.

#include <memory>

#include "commands.hpp"
#include "exchange.hpp"
#include "exit_codes.hpp"
#include "json.hpp"
#include "market_list.hpp"
#include "output.hpp"
#include "signals.hpp"

namespace upfeed::program {
namespace {

struct MarketsArguments {
  ExchangeArguments exchange;
  std::string quote;
  bool json = false;
};

void append_market(const MarketInfo& market, bool as_json, std::string& out) {
  if (as_json) {
    JsonWriter(out)
        .open_object()
        .field("code", market.code)
        .field("english_name", market.english_name)
        .field("korean_name", market.korean_name)
        .close_object();
  } else {
    out += market.code;
    out.append(market.code.size() < 14 ? 14 - market.code.size() : 1, ' ');
    out += printable(market.english_name);
  }
  out += '\n';
}

int run_markets(const MarketsArguments& arguments) {
  const Result<Exchange> exchange = Exchange::open(arguments.exchange);
  if (!exchange) {
    say("upfeed markets: " + exchange.error().message);
    return kExitUsage;
  }
  const auto markets = fetch_markets(exchange.value().endpoint(), std::chrono::seconds(10));
  if (stop_requested()) return kExitOk;
  if (!markets) {
    say("upfeed markets: " + markets.error().message);
    return kExitNetwork;
  }
  Output output;
  std::string text;
  std::size_t count = 0;
  for (const MarketInfo& market : markets.value()) {
    if (!arguments.quote.empty() && !market.code.starts_with(arguments.quote + "-")) continue;
    append_market(market, arguments.json, text);
    ++count;
  }
  if (count == 0) {
    say("upfeed markets: --quote " + arguments.quote +
        ": the exchange has no such market; KRW, BTC and USDT are usual");
    return kExitUsage;
  }
  output.release();
  output.append(text);
  output.flush();
  if (stdout_is_terminal()) say(std::to_string(count) + " markets");
  return output.exit_code(kExitOk);
}

}  // namespace

void add_markets(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<MarketsArguments>();
  CLI::App* command = app.add_subcommand("markets", "List the markets of the exchange");
  command->add_option("--quote", arguments->quote, "Only those quoted in KRW, BTC or USDT");
  command->add_flag("--json", arguments->json, "One JSON object a line");
  add_exchange_options(*command, arguments->exchange);
  command->callback([arguments, &exit_code] { exit_code = run_markets(*arguments); });
}

}  // namespace upfeed::program
