#pragma once

// One function per subcommand: it adds the subcommand with its options to the program; when the
// command line names it, the work is done while parsing and the answer left in exit_code.

#include <CLI/CLI.hpp>

namespace upfeed::program {

void add_demo(CLI::App& app, int& exit_code);
void add_watch(CLI::App& app, int& exit_code);
void add_record(CLI::App& app, int& exit_code);
void add_sim(CLI::App& app, int& exit_code);
void add_bench(CLI::App& app, int& exit_code);
void add_replay(CLI::App& app, int& exit_code);
void add_inspect(CLI::App& app, int& exit_code);
void add_verify(CLI::App& app, int& exit_code);
void add_convert(CLI::App& app, int& exit_code);
void add_markets(CLI::App& app, int& exit_code);
void add_config(CLI::App& app, int& exit_code);

}  // namespace upfeed::program
