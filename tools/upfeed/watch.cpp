// upfeed watch: live data of the markets named.

#include <algorithm>
#include <memory>

#include "commands.hpp"
#include "configuration.hpp"
#include "exchange.hpp"
#include "exit_codes.hpp"
#include "live.hpp"
#include "market_list.hpp"
#include "output.hpp"
#include "signals.hpp"

namespace upfeed::program {
namespace {

struct WatchArguments {
  std::vector<std::string> codes;
  std::string streams = "ticker,trade,orderbook";
  unsigned units = 30;
  std::string format;  ///< empty: the configuration's
  ExchangeArguments exchange;
  ConfigArguments config;
  std::optional<MetricsAddress> metrics;
  double seconds = 0;
  std::uint64_t frames = 0;
  bool json = false;
};

/// What can be said against the arguments without asking anybody; empty: nothing.
std::string complaint(const WatchArguments& arguments) {
  if (arguments.codes.empty()) {
    return "no market codes given; for example: upfeed watch KRW-BTC KRW-ETH (upfeed markets "
           "lists all)";
  }
  for (const std::string& code : arguments.codes) {
    if (!MarketCode::parse(code)) {
      return "\"" + code + "\" is no market code; they look like KRW-BTC, in upper case";
    }
  }
  const unsigned units = arguments.units;
  if (units != 1 && units != 5 && units != 15 && units != 30) {
    return "--units " + std::to_string(units) + ": an order book has 1, 5, 15 or 30 units";
  }
  return {};
}

/// Unknown codes are ignored by the exchange without a word, so its list is asked first. false:
/// some code is unknown.
bool codes_exist(const WatchArguments& arguments, const Endpoint& endpoint) {
  std::chrono::milliseconds timeout(5'000);
  if (arguments.seconds > 0 && arguments.seconds < 5) {
    timeout = std::chrono::milliseconds(
        std::max<std::int64_t>(static_cast<std::int64_t>(arguments.seconds * 1'000), 1));
  }
  const auto markets = fetch_markets(endpoint, timeout);
  if (!markets) {
    say("upfeed watch: " + markets.error().message + "; the codes are not checked");
    return true;
  }
  const std::string unknown = unknown_codes(arguments.codes, markets.value());
  if (!unknown.empty()) say("upfeed watch: " + unknown);
  return unknown.empty();
}

int run_watch(const WatchArguments& arguments) {
  const auto refuse = [](const std::string& message) {
    say("upfeed watch: " + message);
    return static_cast<int>(kExitUsage);
  };
  if (const std::string text = complaint(arguments); !text.empty()) return refuse(text);
  Result<StreamChoice> streams = parse_streams(arguments.streams);
  if (!streams) return refuse(streams.error().message);
  Result<FeedConfig> config = configuration(arguments.config);
  if (!config) return refuse(config.error().message);
  if (!arguments.format.empty()) {
    const Result<WireFormat> format = parse_format("--format", arguments.format);
    if (!format) return refuse(format.error().message);
    config->format = format.value();
  }
  const Result<Exchange> exchange = Exchange::open(arguments.exchange, config->endpoint);
  if (!exchange) return refuse(exchange.error().message);
  if (!codes_exist(arguments, exchange.value().endpoint())) return kExitUsage;
  if (stop_requested()) return kExitOk;

  LiveOptions options;
  options.command = "watch";
  options.exchange_name = exchange.value().name();
  options.config = std::move(*config);
  options.config.endpoint = exchange.value().endpoint();
  options.codes = arguments.codes;
  options.streams = std::move(*streams);
  options.streams.units = arguments.units;
  options.output =
      stdout_is_terminal() && !arguments.json ? LiveOutput::screen : LiveOutput::events;
  options.seconds = arguments.seconds;
  options.frames = arguments.frames;
  options.metrics = arguments.metrics;
  options.ladder_code = arguments.codes.front();
  return run_live(options);
}

}  // namespace

void add_watch(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<WatchArguments>();
  CLI::App* command = app.add_subcommand("watch", "Live data of the markets named, until Ctrl-C");
  command->add_option("CODE", arguments->codes, "Market codes, e.g. KRW-BTC");
  command
      ->add_option("--streams", arguments->streams,
                   "ticker, trade, orderbook, candle.1s, candle.1m ... candle.240m")
      ->capture_default_str();
  command->add_option("--units", arguments->units, "Levels of an order book: 1, 5, 15 or 30")
      ->capture_default_str();
  command->add_option("--format", arguments->format,
                      "Asked from the exchange: default, simple, json_list, simple_list");
  add_exchange_options(*command, arguments->exchange);
  add_config_options(*command, arguments->config);
  add_metrics_option(*command, arguments->metrics);
  command->add_option("--seconds", arguments->seconds, "End after so long; 0: never")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--frames", arguments->frames, "End after so many frames; 0: never");
  command->add_flag("--json", arguments->json,
                    "JSON lines, as in a pipe: one per event, a summary at the end");
  command->callback([arguments, &exit_code] { exit_code = run_watch(*arguments); });
}

}  // namespace upfeed::program
