// upfeed config: what a configuration says, and whether it can be used.

#include <memory>

#include "commands.hpp"
#include "config_file/fields.hpp"
#include "configuration.hpp"
#include "exit_codes.hpp"
#include "json.hpp"
#include "output.hpp"
#include "upfeed/config_file.hpp"

namespace upfeed::program {
namespace {

struct ShowArguments {
  ConfigArguments config;
  bool json = false;
};

/// One line on standard error for each mistake.
int refuse(const Error& error) {
  say(error.message);
  return kExitUsage;
}

int run_check(const ConfigArguments& arguments) {
  const Result<FeedConfig> config = configuration(arguments);
  return config.ok() ? kExitOk : refuse(config.error());
}

/// {"endpoint":{"host":"api.upbit.com",...},...}: sections and names as in the file.
std::string json_of(const FeedConfig& config) {
  std::string text;
  JsonWriter json(text);
  std::string_view section;
  json.open_object();
  for (const detail::Field& field : detail::fields()) {
    if (field.section != section) {
      if (!section.empty()) json.close_object();
      section = field.section;
      json.key(section).open_object();
    }
    if (field.get == nullptr) continue;
    json.key(field.name);
    const detail::FieldValue value = field.get(config);
    if (const bool* const flag = std::get_if<bool>(&value)) json.value(*flag);
    if (const auto* const number = std::get_if<std::int64_t>(&value)) json.value(*number);
    if (const auto* const word = std::get_if<std::string>(&value)) json.value(*word);
  }
  json.close_object().close_object();
  return text + "\n";
}

int run_show(const ShowArguments& arguments) {
  const Result<FeedConfig> config = configuration(arguments.config);
  if (!config.ok()) return refuse(config.error());
  Output output;
  output.append(arguments.json ? json_of(config.value()) : to_toml(config.value()));
  output.flush();
  return output.exit_code(kExitOk);
}

}  // namespace

void add_config(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("config", "Check or show a configuration");
  command->require_subcommand(1);

  auto check_arguments = std::make_shared<ConfigArguments>();
  CLI::App* check = command->add_subcommand(
      "check", "Everything that is wrong with a file and the environment; silent when nothing is");
  check->add_option("FILE", check_arguments->file, "TOML file; without one the environment alone");
  add_profile_option(*check, *check_arguments);
  check->callback([check_arguments, &exit_code] { exit_code = run_check(*check_arguments); });

  auto show_arguments = std::make_shared<ShowArguments>();
  CLI::App* show = command->add_subcommand(
      "show", "All settings as they are in force, as a file that could be loaded");
  show->add_option("FILE", show_arguments->config.file,
                   "TOML file; without one environment and defaults alone");
  add_profile_option(*show, show_arguments->config);
  show->add_flag("--json", show_arguments->json, "As a JSON object");
  show->callback([show_arguments, &exit_code] { exit_code = run_show(*show_arguments); });
}

}  // namespace upfeed::program
