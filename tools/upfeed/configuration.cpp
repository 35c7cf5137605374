#include "configuration.hpp"

#include <CLI/CLI.hpp>

#include "upfeed/config_file.hpp"

namespace upfeed::program {

void add_profile_option(CLI::App& command, ConfigArguments& arguments) {
  command.add_option("--profile", arguments.profile,
                     "development or production, whatever file and environment say");
}

void add_config_options(CLI::App& command, ConfigArguments& arguments) {
  command.add_option("--config", arguments.file,
                     "TOML file of settings; variables UPFEED_<SECTION>_<NAME> win over it");
  add_profile_option(command, arguments);
}

void add_metrics_option(CLI::App& command, std::optional<MetricsAddress>& address) {
  command.add_option_function<std::string>(
      "--metrics",
      [&address](const std::string& text) {
        Result<MetricsAddress> parsed = parse_metrics_address(text);
        if (!parsed) throw CLI::ValidationError(parsed.error().message);
        address = std::move(*parsed);
      },
      "Serve /metrics (Prometheus) and /health over HTTP: :PORT for this machine alone, or "
      "ADDRESS:PORT");
}

Result<FeedConfig> configuration(const ConfigArguments& arguments) {
  ConfigInputs inputs;
  inputs.profile = arguments.profile;
  return arguments.file.empty() ? config_from({}, inputs, "environment")
                                : load_config(arguments.file, inputs);
}

}  // namespace upfeed::program
