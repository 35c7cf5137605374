#pragma once

// TOML text taken apart, so that no other file sees the parser.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "config_file/fields.hpp"

namespace upfeed::detail {

/// What stands in one place of the text. Counted from 1.
struct TomlEntry {
  enum class Kind : std::uint8_t {
    setting,    ///< section.name = value; section is empty at the top level
    section,    ///< an empty or filled [section]
    no_section  ///< anything else at the top level that is neither
  };
  Kind kind = Kind::setting;
  std::string section;
  std::string name;
  FieldValue value;
  std::string shown;  ///< the value for a person, e.g. "a list"
  std::size_t line = 0;
};

/// A place where the text is no TOML.
struct TomlFault {
  std::size_t line = 0;
  std::string key;   ///< that the line sets, as far as one can tell; may be empty
  std::string what;  ///< never the line itself, which may hold a secret
};

struct TomlText {
  std::vector<TomlEntry> entries;
  std::vector<TomlFault> faults;
};

/// Every fault is found, not only the first: a line that cannot be read is left out and the rest
/// read again.
[[nodiscard]] TomlText read_toml(std::string_view text);

}  // namespace upfeed::detail
