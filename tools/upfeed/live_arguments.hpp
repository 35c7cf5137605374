#pragma once

// The command line of what talks to an exchange for a while: watch and record.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "configuration.hpp"
#include "exchange.hpp"
#include "live.hpp"

namespace upfeed::program {

/// As the user gave it.
struct LiveArguments {
  std::vector<std::string> codes;
  bool all = false;  ///< every market of the exchange instead
  std::string streams = "ticker,trade,orderbook";
  unsigned units = 30;
  std::string format;  ///< empty: the configuration's
  std::string keys;    ///< file; empty: the environment's
  ExchangeArguments exchange;
  ConfigArguments config;
  std::optional<MetricsAddress> metrics;
  double seconds = 0;
  std::uint64_t frames = 0;
};
/// Codes and all options but --all.
void add_live_options(CLI::App& command, LiveArguments& arguments);

/// Ready for run_live(). The exchange lives as long.
struct LivePlan {
  Exchange exchange;
  LiveOptions options;
};
/// Checks everything, asks the exchange for its markets. Else an exit code; the reason was told.
[[nodiscard]] std::variant<LivePlan, int> plan_live(const std::string& command,
                                                    const LiveArguments& arguments);

}  // namespace upfeed::program
