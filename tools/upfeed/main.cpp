#include <exception>
#include <string>

#include "commands.hpp"
#include "exit_codes.hpp"
#include "output.hpp"
#include "signals.hpp"

namespace {

constexpr const char* kEpilog =
    "Standard output holds data only, messages go to standard error.\n"
    "Exit codes: 0 done (Ctrl-C, SIGTERM, SIGHUP included); 1 internal error; 2 an argument or a\n"
    "file that cannot be used; 3 parts of a file are damaged; 4 exchange unreachable, no data, a\n"
    "login refused, or address in use; 5 --seconds were over before --frames had come; 6 a\n"
    "recording is not whole; 128+n ended by a second signal n.";

int run(int argc, char** argv) {
  using namespace upfeed::program;
  CLI::App app("upfeed: market data of the Upbit exchange", "upfeed");
  app.require_subcommand(1);
  app.footer(kEpilog);
  int exit_code = kExitOk;
  add_demo(app, exit_code);
  add_watch(app, exit_code);
  add_record(app, exit_code);
  add_sim(app, exit_code);
  add_bench(app, exit_code);
  add_replay(app, exit_code);
  add_inspect(app, exit_code);
  add_verify(app, exit_code);
  add_convert(app, exit_code);
  add_markets(app, exit_code);
  add_config(app, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    say(std::string("upfeed: ") + error.what() + "; see upfeed --help");
    return kExitUsage;
  }
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  upfeed::program::reserve_standard_streams();
  upfeed::program::install_signal_handlers();
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    upfeed::program::say(std::string("upfeed: internal error: ") + error.what());
    return upfeed::program::kExitInternal;
  }
}
