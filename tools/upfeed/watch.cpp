// upfeed watch: live data of the markets named.

#include <memory>

#include "commands.hpp"
#include "live_arguments.hpp"
#include "output.hpp"

namespace upfeed::program {
namespace {

struct WatchArguments {
  LiveArguments live;
  bool json = false;
};

int run_watch(const WatchArguments& arguments) {
  auto plan = plan_live("watch", arguments.live);
  if (const int* const code = std::get_if<int>(&plan)) return *code;
  LiveOptions& options = std::get<LivePlan>(plan).options;
  options.output =
      stdout_is_terminal() && !arguments.json ? LiveOutput::screen : LiveOutput::events;
  return run_live(options);
}

}  // namespace

void add_watch(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<WatchArguments>();
  CLI::App* command = app.add_subcommand("watch", "Live data of the markets named, until Ctrl-C");
  add_live_options(*command, arguments->live);
  command->add_flag("--json", arguments->json,
                    "JSON lines, as in a pipe: one per event, a summary at the end");
  command->callback([arguments, &exit_code] { exit_code = run_watch(*arguments); });
}

}  // namespace upfeed::program
