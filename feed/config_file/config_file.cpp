// Profile, file and environment, one layer over the other, and everything wrong with them at once.
//
//   TOML entries ----+
//                    |--> take(): a field of the table? a value of its kind?  --> FeedConfig
//   variables -------+            each value remembers where it came from            |
//                                                                   find_problems(): ranges, told
//                                                                   with the place of the value

#include "upfeed/config_file.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <system_error>

#include "config_checks.hpp"
#include "config_file/fields.hpp"
#include "config_file/near_word.hpp"
#include "config_file/toml_text.hpp"

namespace upfeed {

namespace {

using detail::Field;
using detail::FieldKind;
using detail::FieldValue;
using detail::TomlEntry;

constexpr std::string_view kPrefix = "UPFEED_";
constexpr std::string_view kProfileVariable = "UPFEED_PROFILE";
constexpr std::size_t kFileBytesMax = std::size_t{1} << 20;
constexpr std::array<std::string_view, 2> kProfiles{"development", "production"};

/// Where a value came from: "upfeed.toml:12: endpoint.port = " or "UPFEED_ENDPOINT_PORT = ".
struct Place {
  std::size_t order = 0;  ///< problems are told in this order
  std::string before;
  std::string shown;
};

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

/// A name under which somebody would keep a secret.
bool names_a_secret(std::string_view name) {
  constexpr std::array<std::string_view, 8> kParts{"secret",   "access_key", "accesskey", "api_key",
                                                   "password", "passphrase", "token",     "jwt"};
  const std::string text = lower(name);
  return std::any_of(kParts.begin(), kParts.end(), [&text](std::string_view part) {
    return text.find(part) != std::string::npos;
  });
}

/// The setting of "section.name".
const Field* field_of_key(std::string_view key) {
  const std::size_t dot = key.find('.');
  if (dot == std::string_view::npos) return nullptr;
  return detail::find_field(key.substr(0, dot), key.substr(dot + 1));
}

constexpr std::string_view kSecretAdvice =
    ": keys of accounts are never part of a configuration; keep them in the variables "
    "UPBIT_ACCESS_KEY and UPBIT_SECRET_KEY";

bool is_section(std::string_view name) {
  const auto all = detail::fields();
  return std::any_of(all.begin(), all.end(),
                     [name](const Field& field) { return field.section == name; });
}

std::vector<std::string_view> sections() {
  std::vector<std::string_view> names;
  for (const Field& field : detail::fields()) {
    if (names.empty() || names.back() != field.section) names.push_back(field.section);
  }
  return names;
}

/// The setting that somebody may have meant; empty: no idea.
std::string suggestion(std::string_view section, std::string_view name) {
  for (const Field& field : detail::fields()) {
    const bool here = field.section == section;
    if (field.name == name || (here && field.name.starts_with(std::string(name) + "_")) ||
        (here && name.starts_with(std::string(field.name) + "_"))) {
      return field.key();
    }
  }
  std::vector<std::string_view> names;
  if (section.empty()) names.push_back("profile");
  for (const Field& field : detail::fields()) names.push_back(field.name);
  const std::string_view near = detail::near_word(name, names);
  if (near == "profile") return "profile";
  for (const Field& field : detail::fields()) {
    if (!near.empty() && field.name == near) return field.key();
  }
  return {};
}

std::string with_suggestion(const std::string& problem, std::string_view suggested) {
  if (suggested.empty()) return problem + "; README.md lists them all";
  return problem + "; did you mean " + std::string(suggested) + "?";
}

/// What a field takes, for somebody who gave it something else.
std::string demand(const Field& field) {
  const std::string allowed(field.allowed);
  switch (field.kind) {
    case FieldKind::boolean:
      return "must be true or false";
    case FieldKind::word:
      return "must be one of " + allowed;
    case FieldKind::text:
      return "must be text in quotes: " + allowed;
    case FieldKind::integer:
      return "must be a whole number: " + allowed;
    case FieldKind::milliseconds:
      break;
  }
  return "must be a whole number of milliseconds: " + allowed;
}

/// "; did you mean ...?" for a word that is nearly one, otherwise empty.
std::string near_choice(const Field& field, const FieldValue& value) {
  const auto* const text = std::get_if<std::string>(&value);
  if (field.kind != FieldKind::word || text == nullptr) return {};
  const std::string_view near = detail::near_word(lower(*text), field.words);
  return near.empty() ? std::string() : "; did you mean " + std::string(near) + "?";
}

class Reading {
 public:
  explicit Reading(std::string_view name) : name_(name), places_(detail::fields().size()) {}

  void take_profile(const std::string& profile, const Place& place);
  void take_file(const std::vector<TomlEntry>& entries);
  void take_faults(const std::vector<detail::TomlFault>& faults);
  void take_environment(const std::vector<std::string>& environment);
  Result<FeedConfig> finish();

  /// Of the top level of a file.
  [[nodiscard]] Place place_of(const TomlEntry& entry) const;

 private:
  struct Problem {
    std::size_t order;
    std::string text;
  };
  // The command's own argument, then lines of the file, then variables.
  static constexpr std::size_t kVariables = SIZE_MAX / 2;

  void refuse(const Place& place, const std::string& why) {
    problems_.push_back({place.order, place.before + place.shown + why});
  }
  void set(const Field& field, const FieldValue& value, Place place);
  void take_entry(const TomlEntry& entry);
  void take_variable(std::string_view name, std::string_view value, std::size_t index);

  std::string name_;
  FeedConfig config_;
  std::vector<std::optional<Place>> places_;  // by field
  std::vector<Problem> problems_;
};

Place Reading::place_of(const TomlEntry& entry) const {
  std::string key = entry.section;
  if (!entry.section.empty() && !entry.name.empty()) key += ".";
  key += entry.name;
  return {entry.line, name_ + ":" + std::to_string(entry.line) + ": " + key + " = ", entry.shown};
}

void Reading::set(const Field& field, const FieldValue& value, Place place) {
  if (!field.set(config_, value)) {
    return refuse(place, ": " + demand(field) + near_choice(field, value));
  }
  const auto index = static_cast<std::size_t>(&field - detail::fields().data());
  places_[index] = std::move(place);
}

void Reading::take_profile(const std::string& profile, const Place& place) {
  if (std::find(kProfiles.begin(), kProfiles.end(), profile) == kProfiles.end()) {
    return refuse(place, ": must be development or production");
  }
  for (const Field& field : detail::fields()) {
    const std::string_view text = profile == kProfiles[0] ? field.development : field.production;
    if (!text.empty()) field.set(config_, value_of_text(field, text));
  }
}

void Reading::take_entry(const TomlEntry& entry) {
  const Place place = place_of(entry);
  const std::string where = name_ + ":" + std::to_string(entry.line) + ": ";
  const Field* const field = detail::find_field(entry.section, entry.name);
  if (field == nullptr && (names_a_secret(entry.name) || names_a_secret(entry.section))) {
    const std::string key = entry.name.empty() ? "[" + entry.section + "]" : entry.name;
    problems_.push_back({entry.line, where + key + std::string(kSecretAdvice)});
    return;
  }
  const bool top_level = entry.kind != TomlEntry::Kind::section && entry.section.empty();
  if (top_level && is_section(entry.name)) {
    return refuse(place, ": is a section; write [" + entry.name + "] and its settings below");
  }
  if (entry.kind == TomlEntry::Kind::section) {
    if (is_section(entry.section)) return;
    const std::string_view near = detail::near_word(entry.section, sections());
    const std::string suggested = near.empty() ? "" : "[" + std::string(near) + "]";
    problems_.push_back(
        {entry.line,
         with_suggestion(where + "[" + entry.section + "]: no such section", suggested)});
    return;
  }
  // The section has been refused as a whole.
  if (!top_level && !is_section(entry.section)) return;
  if (field == nullptr) {
    return refuse(place,
                  with_suggestion(": no such setting", suggestion(entry.section, entry.name)));
  }
  set(*field, entry.value, place);
}

void Reading::take_file(const std::vector<TomlEntry>& entries) {
  // A region is short for host and others, which are heard after it.
  const auto is_region = [](const TomlEntry& entry) {
    return entry.section == "endpoint" && entry.name == "region";
  };
  for (const TomlEntry& entry : entries) {
    if (is_region(entry)) take_entry(entry);
  }
  for (const TomlEntry& entry : entries) {
    const bool is_profile = entry.section.empty() && entry.name == "profile";
    if (!is_region(entry) && !is_profile) take_entry(entry);
  }
}

void Reading::take_faults(const std::vector<detail::TomlFault>& faults) {
  for (const detail::TomlFault& fault : faults) {
    std::string text = name_ + ":" + std::to_string(fault.line) + ": ";
    if (!fault.key.empty()) text += fault.key;
    if (names_a_secret(fault.key) && field_of_key(fault.key) == nullptr) {
      text += kSecretAdvice;
    } else {
      text += (fault.key.empty() ? "" : ": ") + ("no TOML: " + fault.what);
    }
    problems_.push_back({fault.line, text});
  }
}

void Reading::take_variable(std::string_view name, std::string_view value, std::size_t index) {
  const Place place{kVariables + index, std::string(name) + " = ",
                    "\"" + std::string(value) + "\""};
  std::vector<std::string> names{std::string(kProfileVariable)};
  for (const Field& field : detail::fields()) {
    names.push_back(field.variable());
    if (names.back() == name) return set(field, value_of_text(field, value), place);
  }
  const std::string_view rest = name.substr(kPrefix.size());
  const auto all = sections();
  const bool of_section = std::any_of(all.begin(), all.end(), [rest](std::string_view section) {
    return lower(rest).starts_with(std::string(section) + "_");
  });
  if (names_a_secret(name)) {
    problems_.push_back({place.order, std::string(name) + std::string(kSecretAdvice)});
    return;
  }
  const std::string_view near = detail::near_word(name, names);
  if (of_section || !near.empty()) refuse(place, with_suggestion(": no such setting", near));
}

void Reading::take_environment(const std::vector<std::string>& environment) {
  const std::string region = detail::find_field("endpoint", "region")->variable() + "=";
  for (const bool regions : {true, false}) {
    for (std::size_t i = 0; i < environment.size(); ++i) {
      const std::string_view entry = environment[i];
      const std::size_t equals = entry.find('=');
      if (equals == std::string_view::npos || !entry.starts_with(kPrefix)) continue;
      if (entry.substr(0, equals) == kProfileVariable) continue;
      if (entry.starts_with(region) != regions) continue;
      take_variable(entry.substr(0, equals), entry.substr(equals + 1), i);
    }
  }
}

Result<FeedConfig> Reading::finish() {
  const auto all = detail::fields();
  for (const detail::FieldProblem& problem : detail::find_problems(config_)) {
    const auto field = std::find_if(all.begin(), all.end(), [&problem](const Field& each) {
      return each.member == problem.field;
    });
    const std::string must = ": must be " + std::string(problem.allowed);
    UPFEED_ASSERT(field != all.end());  // the one without a row, `keys`, is never set here
    const auto& place = places_[static_cast<std::size_t>(field - all.begin())];
    if (place) {
      refuse(*place, must);
    } else {
      // A default or a profile's value that another setting made wrong.
      problems_.push_back({kVariables * 2, field->key() + " = " + problem.value + must});
    }
  }
  if (problems_.empty()) return std::move(config_);
  std::stable_sort(problems_.begin(), problems_.end(),
                   [](const Problem& a, const Problem& b) { return a.order < b.order; });
  std::string message;
  for (const Problem& problem : problems_) {
    message += (message.empty() ? "" : "\n") + problem.text;
  }
  return Error{Errc::bad_config, std::move(message)};
}

/// The value of UPFEED_PROFILE.
std::optional<std::string> profile_variable(const std::vector<std::string>& environment) {
  const std::string start = std::string(kProfileVariable) + "=";
  for (const std::string& entry : environment) {
    if (entry.starts_with(start)) return entry.substr(start.size());
  }
  return {};
}

}  // namespace

std::vector<std::string> config_environment() {
  std::vector<std::string> found;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    if (std::string_view(*entry).starts_with(kPrefix)) found.emplace_back(*entry);
  }
  return found;
}

Result<FeedConfig> config_from(std::string_view text, const ConfigInputs& inputs,
                               std::string_view name) {
  const detail::TomlText toml = detail::read_toml(text);
  Reading reading(name);
  const auto in_file =
      std::find_if(toml.entries.begin(), toml.entries.end(), [](const TomlEntry& entry) {
        return entry.kind != TomlEntry::Kind::section && entry.section.empty() &&
               entry.name == "profile";
      });
  const auto in_environment = profile_variable(inputs.environment);
  if (!inputs.profile.empty()) {
    reading.take_profile(inputs.profile, {0, "profile = ", "\"" + inputs.profile + "\""});
  } else if (in_environment) {
    reading.take_profile(*in_environment,
                         {0, std::string(kProfileVariable) + " = ", "\"" + *in_environment + "\""});
  } else if (in_file != toml.entries.end()) {
    const auto* const profile = std::get_if<std::string>(&in_file->value);
    reading.take_profile(profile != nullptr ? *profile : "", reading.place_of(*in_file));
  }
  reading.take_file(toml.entries);
  reading.take_faults(toml.faults);
  reading.take_environment(inputs.environment);
  return reading.finish();
}

Result<FeedConfig> load_config(const std::string& path, const ConfigInputs& inputs) {
  const auto refused = [&path](const std::string& why) {
    return Error{Errc::no_such_file, "configuration \"" + path + "\": " + why};
  };
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text;
  std::array<char, 4096> part;
  while (file && text.size() <= kFileBytesMax) {
    file.read(part.data(), part.size());
    text.append(part.data(), static_cast<std::size_t>(file.gcount()));
  }
  if (!file.eof() && text.size() <= kFileBytesMax) {
    return refused(errno != 0 ? std::generic_category().message(errno) : "cannot be read");
  }
  if (text.size() > kFileBytesMax) return refused("is larger than 1 MiB");
  return config_from(text, inputs, path);
}

std::string to_toml(const FeedConfig& config) {
  std::string text;
  std::string_view section;
  for (const Field& field : detail::fields()) {
    if (field.section != section) {
      text.append(text.empty() ? "[" : "\n[").append(field.section).append("]\n");
      section = field.section;
    }
    if (field.get == nullptr) continue;
    text.append(field.name).append(" = ").append(detail::to_toml(field.get(config))).append("\n");
  }
  return text;
}

}  // namespace upfeed
