// upfeed demo: the simulator and a feed of all its markets in one process; no network, no keys.

#include <algorithm>
#include <memory>

#include "commands.hpp"
#include "configuration.hpp"
#include "exchange.hpp"
#include "exit_codes.hpp"
#include "live.hpp"
#include "output.hpp"

namespace upfeed::program {
namespace {

/// Of a demo that nobody looks at.
constexpr double kSecondsInPipe = 10;

struct DemoArguments {
  double seconds = 0;
  std::string book = "KRW-BTC";
  std::uint64_t seed = 1;
  double frames_per_second = sim::SyntheticProfile{}.frames_per_second;
  ConfigArguments config;
  std::optional<MetricsAddress> metrics;
  bool json = false;
};

int run_demo(const DemoArguments& arguments) {
  const auto refuse = [](const std::string& message) {
    say("upfeed demo: " + message);
    return static_cast<int>(kExitUsage);
  };
  Result<FeedConfig> config = configuration(arguments.config);
  if (!config) return refuse(config.error().message);
  sim::SimConfig simulated;
  simulated.seed = arguments.seed;
  simulated.profile.frames_per_second = arguments.frames_per_second;
  const Result<Exchange> exchange = Exchange::simulate(simulated);
  if (!exchange) {
    say("upfeed demo: " + exchange.error().message);
    return kExitInternal;
  }
  const std::vector<std::string> codes = exchange.value().simulator()->codes();
  if (std::find(codes.begin(), codes.end(), arguments.book) == codes.end()) {
    return refuse("--book " + arguments.book +
                  ": the simulated exchange has no such market; upfeed markets --endpoint sim "
                  "lists all");
  }
  const bool screen = stdout_is_terminal() && !arguments.json;
  LiveOptions options;
  options.command = "demo";
  options.exchange_name = exchange.value().name();
  options.config = std::move(*config);
  options.config.endpoint = exchange.value().endpoint();
  options.codes = codes;
  options.streams = {.ticker = true, .trade = true, .orderbook = true};
  options.output = screen ? LiveOutput::screen : LiveOutput::progress;
  options.seconds = arguments.seconds == 0 && !screen ? kSecondsInPipe : arguments.seconds;
  options.ladder_code = arguments.book;
  options.metrics = arguments.metrics;
  return run_live(options);
}

}  // namespace

void add_demo(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<DemoArguments>();
  CLI::App* command = app.add_subcommand(
      "demo", "Watch a simulated exchange of 855 markets; needs no network and no keys");
  command
      ->add_option("--seconds", arguments->seconds,
                   "End after so long; 0: at Ctrl-C in a terminal, after 10 s in a pipe")
      ->check(number_within(0));
  command->add_option("--book", arguments->book, "Market whose whole book is shown")
      ->capture_default_str();
  command->add_option("--seed", arguments->seed, "The same seed is the same market")
      ->capture_default_str();
  command->add_option("--fps", arguments->frames_per_second, "Frames a second")
      ->check(number_within(0.001))
      ->capture_default_str();
  add_config_options(*command, arguments->config);
  add_metrics_option(*command, arguments->metrics);
  command->add_flag("--json", arguments->json,
                    "JSON lines, as in a pipe: progress once a second, a summary at the end");
  command->callback([arguments, &exit_code] { exit_code = run_demo(*arguments); });
}

}  // namespace upfeed::program
