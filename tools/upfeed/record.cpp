// upfeed record: everything that arrives, into .upcap files.

#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

#include "commands.hpp"
#include "exit_codes.hpp"
#include "live_arguments.hpp"
#include "output.hpp"
#include "time_text.hpp"

namespace upfeed::program {
namespace {

struct RecordArguments {
  LiveArguments live;
  std::string out;
  std::string name;  ///< empty: the configuration's, as below
  std::string rotate_size;
  std::string rotate_age;
  std::string sync;
  bool no_compress = false;
  bool json = false;
};

Error bad_option(std::string_view option, const std::string& value, std::string_view what) {
  return {Errc::bad_config, std::string(option) + " " + value + ": " + std::string(what)};
}

/// "1GiB", "500MB", "1000000"; 0.
Result<std::uint64_t> parse_size(std::string_view option, const std::string& text) {
  struct Unit {
    std::string_view name;
    std::uint64_t bytes;
  };
  constexpr std::array<Unit, 9> kUnits{{{"", 1},
                                        {"B", 1},
                                        {"kB", 1'000},
                                        {"MB", 1'000'000},
                                        {"GB", 1'000'000'000},
                                        {"TB", 1'000'000'000'000},
                                        {"KiB", 1ULL << 10},
                                        {"MiB", 1ULL << 20},
                                        {"GiB", 1ULL << 30}}};
  std::uint64_t number = 0;
  const char* const text_end = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), text_end, number);
  const std::string_view name(end, static_cast<std::size_t>(text_end - end));
  for (const Unit& unit : kUnits) {
    if (error != std::errc{} || unit.name != name || number > (1ULL << 50) / unit.bytes) continue;
    return number * unit.bytes;
  }
  return bad_option(option, text, "is no size; give 1GiB, 500MB or the like, 0: never");
}

Status apply(const RecordArguments& arguments, RecordConfig& config) {
  config.directory = arguments.out;
  if (!arguments.name.empty()) config.name = arguments.name;
  if (!arguments.rotate_size.empty()) {
    const Result<std::uint64_t> bytes = parse_size("--rotate-size", arguments.rotate_size);
    if (!bytes) return bytes.error();
    config.rotate_bytes = bytes.value();
  }
  if (arguments.rotate_age == "0") {
    config.rotate_after = std::chrono::milliseconds(0);
  } else if (!arguments.rotate_age.empty()) {
    const Result<std::int64_t> age_ns = parse_duration("--rotate-age", arguments.rotate_age);
    if (!age_ns) return age_ns.error();
    config.rotate_after = std::chrono::milliseconds(age_ns.value() / 1'000'000);
  }
  constexpr std::array<std::string_view, 3> kSyncs{"never", "on_close", "on_block"};
  if (!arguments.sync.empty()) {
    std::size_t i = 0;
    while (i < kSyncs.size() && kSyncs[i] != arguments.sync) ++i;
    if (i == kSyncs.size()) {
      return bad_option("--sync", arguments.sync, "there are never, on_close and on_block");
    }
    config.sync = static_cast<RecordSync>(i);
  }
  if (arguments.no_compress) config.compress = false;
  return Done{};
}

int run_record(const RecordArguments& arguments) {
  const auto refuse = [](const std::string& message) {
    say("upfeed record: " + message);
    return static_cast<int>(kExitUsage);
  };
  RecordConfig checked;
  if (const Status status = apply(arguments, checked); !status) {
    return refuse(status.error().message);
  }
  auto plan = plan_live("record", arguments.live);
  if (const int* const code = std::get_if<int>(&plan)) return *code;
  LiveOptions& options = std::get<LivePlan>(plan).options;
  static_cast<void>(apply(arguments, options.config.record));
  // One folder deep, and its owner's alone: a longer path that is not there is a slip of the pen.
  if (::mkdir(arguments.out.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
    return refuse("--out " + arguments.out + ": " + std::strerror(errno));
  }
  options.output =
      stdout_is_terminal() && !arguments.json ? LiveOutput::recording_text : LiveOutput::recording;
  options.quiet = arguments.json;
  return run_live(options);
}

}  // namespace

void add_record(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<RecordArguments>();
  CLI::App* command =
      app.add_subcommand("record", "Record everything that arrives in .upcap files, until Ctrl-C");
  add_live_options(*command, arguments->live);
  command->add_flag("--all", arguments->live.all, "Every market of the exchange");
  command->add_option("--out", arguments->out, "Folder of the files, made when it is not there")
      ->required();
  command->add_option("--name", arguments->name, "Files are NAME-20210405T181700Z-000000.upcap");
  command->add_option("--rotate-size", arguments->rotate_size,
                      "Begin the next file before this size: 1GiB (the default), 500MB; 0: never");
  command->add_option("--rotate-age", arguments->rotate_age,
                      "Begin the next file at this age: 1h (the default), 30m; 0: never");
  command->add_option("--sync", arguments->sync,
                      "Force the files to the disk never (the default), on_close or on_block");
  command->add_flag("--no-compress", arguments->no_compress, "Plain blocks instead of zstd");
  command->add_flag("--json", arguments->json, "No progress; the summary as JSON, as in a pipe");
  command->callback([arguments, &exit_code] { exit_code = run_record(*arguments); });
}

}  // namespace upfeed::program
