#pragma once

// One function per subcommand: it adds the subcommand with its options to the program; when the
// command line names it, the work is done while parsing and the answer left in exit_code.

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <string>

namespace upfeed::program {

/// For an option that is a number from least to most; "nan" is none, nor is -1 a large one.
inline CLI::Validator number_within(double least, double most = 1e9) {
  return {[least, most](std::string& text) -> std::string {
            double value = 0;
            const auto [end, error] =
                std::from_chars(text.data(), text.data() + text.size(), value);
            const bool whole = error == std::errc{} && end == text.data() + text.size();
            if (whole && value >= least && value <= most) return {};
            char range[64];
            std::snprintf(range, sizeof range, ": must be a number from %g to %g", least, most);
            return text + range;
          },
          std::string()};
}

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
