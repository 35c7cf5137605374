// upfeed bench: what the feed costs and how late it is, here and now.

#include <algorithm>
#include <fstream>
#include <map>
#include <memory>

#include "bench_run.hpp"
#include "commands.hpp"
#include "exit_codes.hpp"
#include "output.hpp"
#include "signals.hpp"

namespace upfeed::program {
namespace {

constexpr std::uint32_t kMarketsMax = 855;

struct BenchArguments {
  std::string file;
  BenchOptions options;
  std::uint32_t markets = kMarketsMax;
  std::string streams = "ticker,trade,orderbook";
  std::string format = "default";
  WaitPolicy wait = WaitPolicy::park;
  std::string html;
  bool json = false;
};

const std::map<std::string, sim::Pacing> kProfiles{
    {"market", sim::Pacing::market}, {"burst", sim::Pacing::burst}, {"even", sim::Pacing::even}};
const std::map<std::string, WaitPolicy> kWaits{
    {"spin", WaitPolicy::spin}, {"yield", WaitPolicy::yield}, {"park", WaitPolicy::park}};
const std::map<std::string, DecodeKernel> kKernels{{"automatic", DecodeKernel::automatic},
                                                   {"reference", DecodeKernel::reference},
                                                   {"scalar", DecodeKernel::scalar},
                                                   {"avx2", DecodeKernel::avx2},
                                                   {"avx512", DecodeKernel::avx512}};

template <class Value>
std::string name_of(const std::map<std::string, Value>& names, Value value) {
  const auto found = std::find_if(names.begin(), names.end(),
                                  [value](const auto& entry) { return entry.second == value; });
  return found == names.end() ? "" : found->first;
}

/// The first so many of the exchange's markets: KRW, then BTC, then USDT.
sim::MarketCounts first_markets(std::uint32_t count) {
  sim::MarketCounts all;
  sim::MarketCounts some;
  some.krw = std::min(count, all.krw);
  some.btc = std::min(count - some.krw, all.btc);
  some.usdt = std::min(count - some.krw - some.btc, all.usdt);
  return some;
}

Status complete(BenchArguments& arguments) {
  BenchOptions& options = arguments.options;
  auto format = parse_format("--format", arguments.format);
  if (!format) return format.error();
  options.config.format = *format;
  auto streams = parse_streams(arguments.streams);
  if (!streams) return streams.error();
  options.streams = std::move(*streams);
  options.config.io_wait = arguments.wait;
  options.config.dispatcher_wait = arguments.wait;
  options.profile.markets = first_markets(arguments.markets);
  return Done{};
}

std::string core_text(int cpu) {
  return cpu < 0 ? "any core" : "core " + std::to_string(cpu);
}

void describe(const BenchArguments& arguments, BenchReport& report) {
  const BenchOptions& options = arguments.options;
  const auto set = [&report](const char* name, std::string value) {
    report.settings.emplace_back(name, std::move(value));
  };
  char text[96];
  if (report.mode == "live") {
    std::snprintf(text, sizeof text, "%u markets, %.0f frames/s, %s", arguments.markets,
                  options.profile.frames_per_second,
                  name_of(kProfiles, options.profile.pacing).c_str());
    report.source = "live: " + std::string(text) + ", " + arguments.streams;
    set("format", arguments.format);
    set("seed", std::to_string(options.seed));
    std::snprintf(text, sizeof text, "%g s after %g s", options.seconds, options.warmup_seconds);
    set("measured", text);
    set("simulator", core_text(options.sim_cpu));
  } else {
    report.source = "capture: " + arguments.file;
  }
  set("wait", name_of(kWaits, arguments.wait));
  set("decoder", name_of(kKernels, options.config.decode_kernel));
  set("I/O thread", core_text(options.config.io_cpu));
  set("dispatcher", core_text(options.config.dispatcher_cpu));
}

void add_warnings(const BenchArguments& arguments, BenchReport& report) {
  const FeedConfig& config = arguments.options.config;
  if (config.io_cpu < 0 || config.dispatcher_cpu < 0) {
    report.warnings.push_back(
        "not pinned: the system moves the threads about; give --io-cpu and --dispatcher-cpu");
  }
  const unsigned wanted = report.mode == "live" ? 3 : 2;
  if (arguments.wait != WaitPolicy::park && report.machine.cores < wanted) {
    report.warnings.push_back(
        name_of(kWaits, arguments.wait) + " wants " + std::to_string(wanted) + " cores (" +
        (wanted == 3 ? "the simulator's, " : "") + "I/O, dispatcher), there are " +
        std::to_string(report.machine.cores) + ": its threads keep each other from running");
  }
  report.judge();
}

bool write_html(const BenchReport& report, const std::string& path) {
  std::string page;
  append_html(report, page);
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << page;
  file.close();
  return file.good();
}

int exit_code_of(const Error& error) {
  if (error.code == Errc::system) return kExitInternal;
  return error.code == Errc::timeout ? kExitNetwork : kExitUsage;
}

int run_bench(BenchArguments& arguments) {
  const Status completed = complete(arguments);
  if (!completed) {
    say("upfeed bench: " + completed.error().message);
    return kExitUsage;
  }
  const Machine machine = Machine::read();  // before the run adds to the load
  const bool live = arguments.file.empty();
  Result<BenchReport> result =
      live ? bench_live(arguments.options) : bench_capture(arguments.file, arguments.options);
  if (!result) {
    say("upfeed bench: " + result.error().message);
    return exit_code_of(result.error());
  }
  BenchReport& report = *result;
  if (stop_requested() && report.frames == 0) {
    say("upfeed bench: interrupted before anything was measured");
    return kExitOk;
  }
  report.machine = machine;
  describe(arguments, report);
  add_warnings(arguments, report);
  if (!arguments.html.empty() && !write_html(report, arguments.html)) {
    say("upfeed bench: --html " + arguments.html + ": cannot be written");
    return kExitUsage;
  }
  std::string text;
  if (arguments.json) {
    append_json(report, text);
  } else {
    append_text(report, text);
  }
  Output output;
  output.append(text);
  output.flush();
  return output.exit_code(report.damaged > 0 ? kExitData : kExitOk);
}

void add_live_options(CLI::App& command, BenchArguments& arguments) {
  BenchOptions& options = arguments.options;
  options.profile.frames_per_second = 1'000;
  options.profile.pacing = sim::Pacing::burst;
  command
      .add_option("--rate", options.profile.frames_per_second,
                  "Frames a second when ticker, trade and orderbook are subscribed")
      ->check(CLI::Range(1.0, 1e6))
      ->capture_default_str();
  command
      .add_option("--profile", options.profile.pacing,
                  "burst (on ten phases of the 100 ms grid, the default), even (frame by frame) or "
                  "market (books on the grid, the rest by chance)")
      ->transform(CLI::CheckedTransformer(kProfiles).description(""));
  command.add_option("--markets", arguments.markets, "So many of the exchange's markets, 1 to 855")
      ->check(CLI::Range(std::uint32_t{1}, kMarketsMax))
      ->capture_default_str();
  command.add_option("--streams", arguments.streams, "ticker, trade, orderbook, candle.1m ...")
      ->capture_default_str();
  command.add_option("--format", arguments.format, "default, simple, json_list or simple_list")
      ->capture_default_str();
  command.add_option("--seed", options.seed, "The same seed is the same market")
      ->capture_default_str();
  command.add_option("--warmup", options.warmup_seconds, "Seconds before measuring begins")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  command.add_option("--sim-cpu", options.sim_cpu, "Core of the simulator; -1: any")
      ->check(CLI::Range(-1, 1023))
      ->capture_default_str();
}

}  // namespace

void add_bench(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<BenchArguments>();
  BenchOptions& options = arguments->options;
  CLI::App* command = app.add_subcommand(
      "bench", "Measure the whole way of a frame, against the simulator or with a captured file");
  command->add_option("FILE", arguments->file,
                      "A captured file, through the feed as fast as it goes; without one the "
                      "simulator is started and what is live is measured");
  command->add_option("--seconds", options.seconds, "So long is measured")
      ->check(CLI::Range(0.1, 86'400.0))
      ->capture_default_str();
  command->add_option("--wait", arguments->wait, "spin, yield or park (the default)")
      ->transform(CLI::CheckedTransformer(kWaits).description(""));
  command
      ->add_option("--decoder", options.config.decode_kernel,
                   "automatic (the default), reference, scalar, avx2 or avx512")
      ->transform(CLI::CheckedTransformer(kKernels).description(""));
  command->add_option("--io-cpu", options.config.io_cpu, "Core of the I/O thread; -1: any")
      ->check(CLI::Range(-1, 1023))
      ->capture_default_str();
  command
      ->add_option("--dispatcher-cpu", options.config.dispatcher_cpu,
                   "Core of the dispatcher; -1: any")
      ->check(CLI::Range(-1, 1023))
      ->capture_default_str();
  add_live_options(*command, *arguments);
  command->add_option("--html", arguments->html, "Write a report with pictures there, too");
  command->add_flag("--json", arguments->json, "One JSON object instead of tables");
  command->callback([arguments, &exit_code] { exit_code = run_bench(*arguments); });
}

}  // namespace upfeed::program
