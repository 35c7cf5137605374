#pragma once

// A FeedConfig from a TOML file and the environment; target upfeed::config.
//
//   FeedConfig's defaults < profile < file < environment          (the later one wins)
//
// Every setting is `name` in a `[section]` of the file and UPFEED_<SECTION>_<NAME> in the
// environment; durations are whole milliseconds and end in _ms, sizes are bytes and end in _bytes.
// The table of all settings is in README.md, section "Configuration".
//
// Deliberately not here: keys of accounts. A file or variable that holds one is refused.

#include <string>
#include <string_view>
#include <vector>

#include "upfeed/config.hpp"
#include "upfeed/errc.hpp"

namespace upfeed {

/// The variables of this process that begin with UPFEED_, as "NAME=value".
/// threads  not while another thread changes the environment.
[[nodiscard]] std::vector<std::string> config_environment();

/// What is heard besides the file.
struct ConfigInputs {
  /// "development" or "production"; empty: UPFEED_PROFILE says which, or the file's key `profile`,
  /// and without either no profile is in force.
  std::string profile{};
  /// As config_environment() has them. A name that is no setting is refused where it begins with
  /// UPFEED_ and a section, or comes close to a setting; others belong to somebody else.
  std::vector<std::string> environment = config_environment();
};

/// The configuration in `text`, which has passed FeedConfig::validate().
/// text    TOML 1.0, UTF-8; empty: profile and environment alone.
/// name    of the text, for messages.
/// errors  bad_config; the message has a line for each thing wrong, all of them at once, with file
///         and line or variable, the setting, its value and the way out.
/// threads any; the arguments are all that is read.
/// source  toml.io/en/v1.0.0 (read 2026-11).
[[nodiscard]] Result<FeedConfig> config_from(std::string_view text, const ConfigInputs& inputs = {},
                                             std::string_view name = "configuration");

/// config_from() the file's content. errors  also no_such_file.
[[nodiscard]] Result<FeedConfig> load_config(const std::string& path,
                                             const ConfigInputs& inputs = {});

/// Every setting as TOML that config_from() reads back to the same values. The log hook is no
/// setting, and a seed from 2^63 on is refused when read.
[[nodiscard]] std::string to_toml(const FeedConfig& config);

}  // namespace upfeed
