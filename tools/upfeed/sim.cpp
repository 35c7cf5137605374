// upfeed sim: the exchange simulator as a server of its own.

#include <sys/stat.h>

#include <chrono>
#include <exception>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <thread>
#include <variant>
#include <vector>

#include "captured_market.hpp"
#include "commands.hpp"
#include "exit_codes.hpp"
#include "json.hpp"
#include "output.hpp"
#include "signals.hpp"
#include "sim/server.hpp"
#include "temporary_file.hpp"
#include "time_text.hpp"

namespace upfeed::program {
namespace {

struct SimArguments {
  std::string bind = "127.0.0.1";
  std::uint16_t port = 0;
  std::uint64_t seed = 1;
  std::vector<std::string> replay;
  std::string speed;
  std::string ca_out;
  sim::SyntheticProfile profile;
  bool stamp_due = false;
  std::vector<std::string> faults;
  std::string access_key;
  std::string secret_file;
  bool rate_limits = false;
  double seconds = 0;
  bool json = false;
};

bool is_loopback(const std::string& bind) {
  return bind.starts_with("127.") || bind == "::1" || bind == "localhost";
}

/// exit code, or nothing when all is well.
std::optional<int> add_capture(const SimArguments& arguments, sim::SimConfig& config) {
  if (!arguments.speed.empty()) {
    const Result<double> speed = parse_speed("--speed", arguments.speed);
    if (!speed) {
      say("upfeed sim: " + speed.error().message);
      return kExitUsage;
    }
    config.speed = speed.value();
  }
  Result<CapturedMarket> market = load_capture(arguments.replay);
  if (!market) {
    say("upfeed sim: " + market.error().message);
    return kExitUsage;
  }
  if (!market->has_times && config.speed != 0) {
    say("upfeed sim: " + arguments.replay.front() +
        " says no receive times; its frames are served at once");
  }
  if (market->left_out + market->bad_lines > 0) {
    say("upfeed sim: not served: " + std::to_string(market->left_out) +
        " frames that are no market data, " + std::to_string(market->bad_lines) + " bad lines");
  }
  config.capture = std::move(market->source);
  config.transcode = make_transcoder();
  config.start_on_subscribe = true;
  return {};
}

/// exit code, or nothing when all is well.
std::optional<int> add_faults(const SimArguments& arguments, sim::SimConfig& config) {
  for (const std::string& text : arguments.faults) {
    auto fault = sim::parse_fault(text);
    if (const auto* const reason = std::get_if<std::string>(&fault)) {
      say("upfeed sim: --fault " + text + ": " + *reason);
      return kExitUsage;
    }
    config.faults.push_back(std::move(std::get<sim::Fault>(fault)));
  }
  return {};
}

/// The first line of a file that only its owner can read.
std::variant<std::string, int> read_secret(const std::string& path) {
  struct stat status {};
  std::ifstream file(path);
  std::string secret;
  if (::stat(path.c_str(), &status) != 0 || !std::getline(file, secret) || secret.empty()) {
    say("upfeed sim: --secret-file " + path + ": cannot be read or is empty");
    return kExitUsage;
  }
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    say("upfeed sim: --secret-file " + path + ": others can read it; chmod 600 it");
    return kExitUsage;
  }
  return secret;
}

/// exit code, or nothing when all is well.
std::optional<int> add_key(const SimArguments& arguments, sim::SimConfig& config) {
  if (arguments.access_key.empty() != arguments.secret_file.empty()) {
    say("upfeed sim: --access-key and --secret-file belong together");
    return kExitUsage;
  }
  if (arguments.access_key.empty()) return {};
  auto secret = read_secret(arguments.secret_file);
  if (const int* const code = std::get_if<int>(&secret)) return *code;
  config.keys.push_back({arguments.access_key, std::get<std::string>(std::move(secret))});
  config.scenario.is_on = true;
  return {};
}

void announce(const SimArguments& arguments, sim::SimServer& server, const std::string& ca_file) {
  const std::string host = is_loopback(arguments.bind) ? "localhost" : arguments.bind;
  const std::string url = "wss://" + host + ":" + std::to_string(server.port());
  const std::size_t codes = server.codes().size();
  std::string line;
  if (arguments.json) {
    JsonWriter(line)
        .open_object()
        .field("type", "ready")
        .field("url", url)
        .field("ca_file", ca_file)
        .field("port", server.port())
        .field("codes", codes)
        .field("clock_offset_us", server.clock_offset().count())
        .close_object();
  } else {
    line = url + " --ca " + ca_file + "  (" + std::to_string(codes) + " codes)";
  }
  Output output;
  output.append(line + "\n");
  output.flush();
}

void wait_for_end(double seconds) {
  const auto start = std::chrono::steady_clock::now();
  while (!stop_requested()) {
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    if (seconds > 0 && elapsed.count() >= seconds) return;
    // Short, because a signal cuts a sleep of this thread but the rest of it is slept all the same.
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

void append_summary(sim::SimServer& server, std::string& out) {
  const sim::ExchangeStats stats = server.stats();
  JsonWriter(out)
      .open_object()
      .field("type", "summary")
      .field("command", "sim")
      .field("connections", stats.connections_opened)
      .field("frames", stats.realtime_frames_sent)
      .field("slow_reader_drops", stats.slow_reader_drops)
      .field("idle_drops", stats.idle_drops)
      .field("rate_violations", stats.rate_violations)
      .field("connect_violations", stats.gate.connect_violations)
      .field("rest_violations", stats.rest_violations)
      .field("tokens", stats.gate.tokens_seen)
      .field("tokens_refused", stats.gate.tokens_refused)
      .field("transcode_failures", stats.transcode_failures)
      .field("source_finished", stats.source_finished)
      .close_object();
  out += '\n';
}

int run_sim(const SimArguments& arguments) {
  if (arguments.replay.empty() && !arguments.speed.empty()) {
    say("upfeed sim: --speed is for --replay FILE; the synthetic market is paced by --fps");
    return kExitUsage;
  }
  if (!arguments.replay.empty() && arguments.stamp_due) {
    say("upfeed sim: --stamp-due is for the synthetic market; --replay serves frames as they are");
    return kExitUsage;
  }
  sim::SimConfig config;
  config.bind = arguments.bind;
  config.port = arguments.port;
  config.seed = arguments.seed;
  config.profile = arguments.profile;
  config.stamp_due = arguments.stamp_due;
  config.write_ca_to = arguments.ca_out;
  config.enforce_rate_limit = arguments.rate_limits;
  config.connect_limit.is_enforced = arguments.rate_limits;
  config.enforce_rest_limit = arguments.rate_limits;
  if (const auto code = add_faults(arguments, config)) return *code;
  if (const auto code = add_key(arguments, config)) return *code;
  if (!is_loopback(arguments.bind)) {
    config.extra_names.push_back(arguments.bind);
    say("upfeed sim: warning: --bind " + arguments.bind +
        " lets other machines connect; the simulator is made for tests");
  }
  if (!arguments.replay.empty()) {
    if (const auto code = add_capture(arguments, config)) return *code;
  }
  std::unique_ptr<sim::SimServer> server;
  try {
    const SignalsBlocked blocked;
    server = std::make_unique<sim::SimServer>(std::move(config));
  } catch (const std::exception& error) {
    say("upfeed sim: cannot listen on " + arguments.bind + ":" + std::to_string(arguments.port) +
        ": " + error.what() + "; choose another --port (0: any free one)");
    return kExitNetwork;
  }
  std::optional<TemporaryFile> ca;
  if (arguments.ca_out.empty()) ca.emplace("simulator-ca.pem", server->ca_pem());
  announce(arguments, *server, ca ? ca->path() : arguments.ca_out);
  wait_for_end(arguments.seconds);
  server->stop();
  if (arguments.json) {
    Output output;
    std::string line;
    append_summary(*server, line);
    output.append(line);
    output.flush();
  }
  return kExitOk;
}

}  // namespace

namespace {

void add_trouble_options(CLI::App& command, SimArguments& arguments) {
  command
      .add_option("--fault", arguments.faults,
                  "NAME[@SECONDS][:ARGS], repeatable: for every connection, or at that time for "
                  "those open then; a wrong name lists all")
      ->allow_extra_args(false);
  command.add_option("--access-key", arguments.access_key,
                     "Who may log in to /websocket/v1/private and /info");
  command.add_option("--secret-file", arguments.secret_file,
                     "Its secret: the first line of a file that only you can read");
  command.add_flag("--rate-limits", arguments.rate_limits,
                   "Refuse what is above the exchange's limits instead of only counting it");
}

}  // namespace

void add_pace_options(CLI::App& command, SimArguments& arguments) {
  const std::map<std::string, sim::Pacing> kPacings{
      {"market", sim::Pacing::market}, {"burst", sim::Pacing::burst}, {"even", sim::Pacing::even}};
  command
      .add_option("--fps", arguments.profile.frames_per_second,
                  "Frames a second when everything is subscribed")
      ->check(number_within(0.001))
      ->capture_default_str();
  command
      .add_option(
          "--pacing", arguments.profile.pacing,
          "market (books on a 100 ms grid, the rest by chance), burst (all on ten phases of "
          "the grid) or even (frame by frame)")
      ->transform(CLI::CheckedTransformer(kPacings).description(""));
  command.add_flag("--stamp-due", arguments.stamp_due,
                   "Time stamps say when a frame was due, in microseconds: for measuring");
}

void add_sim(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<SimArguments>();
  CLI::App* command = app.add_subcommand(
      "sim", "Run the exchange simulator until Ctrl-C; prints its address and CA file");
  command->add_option("--port", arguments->port, "0: any free one")->capture_default_str();
  command->add_option("--bind", arguments->bind, "Address to listen on")->capture_default_str();
  command->add_option("--seed", arguments->seed, "The same seed is the same market")
      ->capture_default_str();
  command->add_option("--replay", arguments->replay,
                      "Live that day again: serve these captured files once, from the first "
                      "subscription on, at the recorded times");
  command->add_option("--speed", arguments->speed,
                      "Of --replay: 1 as recorded, N times as fast, max at once");
  command->add_option("--ca-out", arguments->ca_out, "Where to write the CA certificate (PEM)");
  command->add_option("--codes-krw", arguments->profile.markets.krw, "Markets quoted in KRW")
      ->capture_default_str();
  command->add_option("--codes-btc", arguments->profile.markets.btc, "Markets quoted in BTC")
      ->capture_default_str();
  command->add_option("--codes-usdt", arguments->profile.markets.usdt, "Markets quoted in USDT")
      ->capture_default_str();
  add_pace_options(*command, *arguments);
  add_trouble_options(*command, *arguments);
  command->add_option("--seconds", arguments->seconds, "End after so long; 0: never")
      ->check(number_within(0));
  command->add_flag("--json", arguments->json, "JSON lines: ready, and a summary at the end");
  command->callback([arguments, &exit_code] { exit_code = run_sim(*arguments); });
}

}  // namespace upfeed::program
