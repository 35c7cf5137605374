#pragma once

// The table of all settings: the only place that knows how a setting is called, what kind of value
// it takes, where that goes and what a profile makes of it. Loader, writer, the program's JSON and
// the table in README.md are made from it.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "upfeed/config.hpp"

namespace upfeed::detail {

/// monostate: a value of a kind that no setting takes.
using FieldValue = std::variant<std::monostate, bool, std::int64_t, std::string>;

enum class FieldKind : std::uint8_t {
  boolean,
  integer,
  milliseconds,  ///< integer in the file
  text,
  word  ///< text, one of Field::words
};

struct Field {
  std::string_view section;
  std::string_view name;
  /// As FeedConfig::validate() calls it.
  std::string_view member;
  FieldKind kind;
  std::string_view allowed;
  std::string_view meaning;
  /// What a profile sets, as text; empty: the default.
  std::string_view development;
  std::string_view production;
  std::span<const std::string_view> words;  ///< when kind is word
  /// nullptr: the setting is short for others and holds no value of its own.
  FieldValue (*get)(const FeedConfig& config);
  /// false, and nothing changed: the value is of another kind, no such word, or too large to hold.
  bool (*set)(FeedConfig& config, const FieldValue& value);

  /// "section.name"
  [[nodiscard]] std::string key() const;
  /// "UPFEED_SECTION_NAME"
  [[nodiscard]] std::string variable() const;
};

/// Sorted by section as in README.md.
[[nodiscard]] std::span<const Field> fields() noexcept;
/// nullptr: there is none.
[[nodiscard]] const Field* find_field(std::string_view section, std::string_view name) noexcept;

/// A value from a variable or the table; monostate where the text is none of the field's kind.
[[nodiscard]] FieldValue value_of_text(const Field& field, std::string_view text);
/// As TOML has it.
[[nodiscard]] std::string to_toml(const FieldValue& value);

}  // namespace upfeed::detail
