#include "live_arguments.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>

#include "commands.hpp"
#include "exit_codes.hpp"
#include "market_list.hpp"
#include "output.hpp"
#include "signals.hpp"

namespace upfeed::program {
namespace {

/// What can be said against the arguments without asking anybody; empty: nothing.
std::string complaint(const std::string& command, const LiveArguments& arguments,
                      const StreamChoice& streams) {
  if (!streams.of_markets() && (!arguments.codes.empty() || arguments.all)) {
    return "--streams " + arguments.streams +
           ": is of the whole account; name a stream of markets beside it, or no code";
  }
  if (!streams.of_account() && !arguments.keys.empty()) {
    return "--keys " + arguments.keys +
           ": no stream needs keys; those of the account are myOrder, myAsset, announcement";
  }
  if (streams.of_markets() && arguments.codes.empty() && !arguments.all) {
    return "no market codes given; for example: upfeed " + command +
           " KRW-BTC KRW-ETH (upfeed markets lists all)";
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
bool codes_exist(const std::string& command, const LiveArguments& arguments,
                 const Endpoint& endpoint) {
  std::chrono::milliseconds timeout(5'000);
  if (arguments.seconds > 0 && arguments.seconds < 5) {
    timeout = std::chrono::milliseconds(
        std::max<std::int64_t>(static_cast<std::int64_t>(arguments.seconds * 1'000), 1));
  }
  const auto markets = fetch_markets(endpoint, timeout);
  if (stop_requested()) return true;
  if (!markets) {
    say("upfeed " + command + ": " + markets.error().message + "; the codes are not checked");
    return true;
  }
  const std::string unknown = unknown_codes(arguments.codes, markets.value());
  if (!unknown.empty()) say("upfeed " + command + ": " + unknown);
  return unknown.empty();
}

/// For streams of the account. The embedded exchange has one of its own, that trades by itself.
/// errors  as ApiKeys' loaders; bad_config: keys for an exchange that takes no others.
Status take_keys(const LiveArguments& arguments, FeedConfig& config, sim::SimConfig& simulated) {
  if (arguments.exchange.endpoint != "sim") {
    const bool from_file = !arguments.keys.empty();
    auto keys = from_file ? ApiKeys::from_file(arguments.keys) : ApiKeys::from_environment();
    if (!keys) {
      const std::string& why = keys.error().message;
      return Error{keys.error().code, from_file ? "--keys: " + why : why + " (--keys FILE)"};
    }
    config.keys = std::move(*keys);
    return Done{};
  }
  if (!arguments.keys.empty()) {
    return Error{Errc::bad_config,
                 "--keys " + arguments.keys + ": --endpoint sim has an account of its own"};
  }
  constexpr std::string_view kKey = "of-the-embedded-exchange";
  auto keys = std::make_shared<ApiKeys>();
  keys->access_key = Secret(kKey);
  keys->secret_key = Secret(kKey);
  config.keys = std::move(keys);
  config.keys_host = "localhost";
  simulated.keys = {{std::string(kKey), std::string(kKey)}};
  simulated.scenario.is_on = true;
  return Done{};
}

/// Every market's code; empty: it cannot be learnt, which was told, or nobody waits any more.
std::vector<std::string> all_codes(const std::string& command, const Endpoint& endpoint) {
  std::vector<std::string> codes;
  const auto markets = fetch_markets(endpoint, std::chrono::seconds(10));
  if (stop_requested()) return codes;
  if (!markets) {
    say("upfeed " + command + ": " + markets.error().message);
    return codes;
  }
  for (const MarketInfo& market : markets.value()) codes.push_back(market.code);
  if (codes.empty()) say("upfeed " + command + ": the exchange lists no market");
  return codes;
}

}  // namespace

void add_live_options(CLI::App& command, LiveArguments& arguments) {
  command.add_option("CODE", arguments.codes, "Market codes, e.g. KRW-BTC");
  command
      .add_option("--streams", arguments.streams,
                  "ticker, trade, orderbook, candle.1s, candle.1m ... candle.240m; of your account "
                  "myOrder, myAsset, announcement")
      ->capture_default_str();
  command.add_option("--keys", arguments.keys,
                     "File with the keys of your account, readable by you alone; without it "
                     "UPBIT_ACCESS_KEY and UPBIT_SECRET_KEY");
  command.add_option("--units", arguments.units, "Levels of an order book: 1, 5, 15 or 30")
      ->capture_default_str();
  command.add_option("--format", arguments.format,
                     "Asked from the exchange: default, simple, json_list, simple_list");
  add_exchange_options(command, arguments.exchange);
  add_config_options(command, arguments.config);
  add_metrics_option(command, arguments.metrics);
  command.add_option("--seconds", arguments.seconds, "End after so long; 0: never")
      ->check(number_within(0));
  command.add_option("--frames", arguments.frames, "End after so many frames; 0: never")
      ->check(number_within(0, 1e15));
}

std::variant<LivePlan, int> plan_live(const std::string& command, const LiveArguments& arguments) {
  const auto refuse = [&command](const std::string& message) {
    say("upfeed " + command + ": " + message);
    return static_cast<int>(kExitUsage);
  };
  Result<StreamChoice> streams = parse_streams(arguments.streams);
  if (!streams) return refuse(streams.error().message);
  const std::string text = complaint(command, arguments, *streams);
  if (!text.empty()) return refuse(text);
  Result<FeedConfig> config = configuration(arguments.config);
  if (!config) return refuse(config.error().message);
  if (!arguments.format.empty()) {
    const Result<WireFormat> format = parse_format("--format", arguments.format);
    if (!format) return refuse(format.error().message);
    config->format = format.value();
  }
  sim::SimConfig simulated;
  if (streams->of_account()) {
    if (const Status taken = take_keys(arguments, *config, simulated); !taken) {
      return refuse(taken.error().message);
    }
  }
  Result<Exchange> exchange = Exchange::open(arguments.exchange, config->endpoint, simulated);
  if (!exchange) return refuse(exchange.error().message);

  LiveOptions options;
  options.codes = arguments.codes;
  if (arguments.all) {
    options.codes = all_codes(command, exchange->endpoint());
    if (options.codes.empty()) return static_cast<int>(stop_requested() ? kExitOk : kExitNetwork);
  } else if (!options.codes.empty() && !codes_exist(command, arguments, exchange->endpoint())) {
    return static_cast<int>(kExitUsage);
  }
  if (stop_requested()) return static_cast<int>(kExitOk);
  options.command = command;
  options.exchange_name = exchange->name();
  options.config = std::move(*config);
  options.config.endpoint = exchange->endpoint();
  options.streams = std::move(*streams);
  options.streams.units = arguments.units;
  options.seconds = arguments.seconds;
  options.frames = arguments.frames;
  options.metrics = arguments.metrics;
  if (!options.codes.empty()) options.ladder_code = options.codes.front();
  return LivePlan{std::move(*exchange), std::move(options)};
}

}  // namespace upfeed::program
