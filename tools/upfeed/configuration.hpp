#pragma once

#include <optional>
#include <string>

#include "metrics_server.hpp"
#include "upfeed/config.hpp"
#include "upfeed/errc.hpp"

namespace CLI {
class App;
}

namespace upfeed::program {

/// As the user gave it.
struct ConfigArguments {
  std::string file;     ///< empty: environment and defaults alone
  std::string profile;  ///< empty: the environment or the file decide
};
/// --config and --profile.
void add_config_options(CLI::App& command, ConfigArguments& arguments);
/// --profile alone.
void add_profile_option(CLI::App& command, ConfigArguments& arguments);

/// --metrics, for parse_metrics_address().
void add_metrics_option(CLI::App& command, std::optional<MetricsAddress>& address);

/// File and this process's environment. errors  as load_config().
[[nodiscard]] Result<FeedConfig> configuration(const ConfigArguments& arguments);

}  // namespace upfeed::program
