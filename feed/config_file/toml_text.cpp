#include "config_file/toml_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>

// Some of toml++'s assertions are about the text (its issue 294; also `a = [}`), and in a release
// build it has clang believe them. The parser answers such text with an error all the same, so here
// they neither end the host nor are they believed.
#undef NDEBUG
#define TOML_ASSERT(expr) static_assert(true)
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

namespace upfeed::detail {

namespace {

/// After so many bad lines the rest of the file is not worth another look.
constexpr std::size_t kFaultsMax = 64;

std::string_view line_of(std::string_view text, std::size_t number) {
  std::size_t start = 0;
  for (std::size_t line = 1; line < number; ++line) {
    const std::size_t end = text.find('\n', start);
    if (end == std::string_view::npos) return {};
    start = end + 1;
  }
  const std::size_t end = text.find('\n', start);
  return text.substr(start, end == std::string_view::npos ? end : end - start);
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

/// "section.name" of a line that may be no TOML.
std::string key_of_line(std::string_view text, std::size_t number) {
  const std::string_view line = line_of(text, number);
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) return {};
  std::string name(trimmed(line.substr(0, equals)));
  for (std::size_t above = number - 1; above > 0; --above) {
    const std::string_view header = trimmed(line_of(text, above));
    if (!header.starts_with('[')) continue;
    const std::size_t end = header.find(']');
    if (end == std::string_view::npos) continue;
    return std::string(trimmed(header.substr(1, end - 1))) + "." + name;
  }
  return name;
}

/// Headers that cannot be ones are told in our words. No setting takes a list, so a line that
/// starts with a bracket can be nothing else.
void leave_out_bad_headers(std::string& text, std::vector<TomlFault>& faults) {
  std::size_t number = 0;
  for (std::size_t start = 0; start < text.size(); ++start) {
    ++number;
    const std::size_t end = std::min(text.find('\n', start), text.size());
    const std::string_view line = trimmed(std::string_view(text).substr(start, end - start));
    if (line.starts_with('[')) {
      const std::string_view name = trimmed(line.substr(line.starts_with("[[") ? 2 : 1));
      constexpr std::string_view kFirst =
          "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_\"'";
      if (name.empty() || kFirst.find(name.front()) == std::string_view::npos) {
        faults.push_back({number, {}, "a section looks like [name]"});
        text[start] = '#';
      }
    }
    start = end;
  }
}

/// Without the parser's own "Error while parsing key-value pair: ".
std::string_view reason_of(std::string_view description) {
  const std::size_t colon = description.find(": ");
  if (!description.starts_with("Error while parsing") || colon == std::string_view::npos) {
    return description;
  }
  return description.substr(colon + 2);
}

/// A line that cannot be read becomes a comment, so that all others keep their numbers. false: it
/// was one already, or there is none.
bool leave_out(std::string& text, std::size_t number) {
  const std::string_view line = line_of(text, number);
  if (line.empty() || trimmed(line).starts_with('#')) return false;
  text[static_cast<std::size_t>(line.data() - text.data())] = '#';
  return true;
}

std::string shown_float(double number) {
  std::array<char, 32> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} ? std::string(text.data(), end) : "a float";
}

void put_value(const toml::node& node, TomlEntry& entry) {
  if (const auto* const text = node.as_string()) {
    entry.value = text->get();
  } else if (const auto* const number = node.as_integer()) {
    entry.value = number->get();
  } else if (const auto* const flag = node.as_boolean()) {
    entry.value = flag->get();
  } else if (const auto* const real = node.as_floating_point()) {
    entry.shown = shown_float(real->get());
  } else if (node.is_array()) {
    entry.shown = "a list";
  } else if (node.is_table()) {
    entry.shown = "a section";
  } else {
    entry.shown = "a date or time";
  }
  if (entry.shown.empty()) entry.shown = to_toml(entry.value);
}

TomlEntry entry_of(std::string_view section, const toml::key& key, const toml::node& node) {
  TomlEntry entry;
  entry.section = section;
  entry.name = key.str();
  entry.line = key.source().begin.line;
  put_value(node, entry);
  return entry;
}

void list_entries(const toml::table& root, std::vector<TomlEntry>& entries) {
  for (const auto& [key, node] : root) {
    const toml::table* const section = node.as_table();
    TomlEntry entry = entry_of({}, key, node);
    if (section == nullptr) {
      if (node.is_array_of_tables()) entry.kind = TomlEntry::Kind::no_section;
      entries.push_back(std::move(entry));
      continue;
    }
    entry.kind = TomlEntry::Kind::section;
    entry.section = key.str();
    entry.name.clear();
    entries.push_back(std::move(entry));
    for (const auto& [name, value] : *section) entries.push_back(entry_of(key.str(), name, value));
  }
}

}  // namespace

TomlText read_toml(std::string_view text) {
  TomlText result;
  std::string left(text);
  leave_out_bad_headers(left, result.faults);
  while (result.faults.size() < kFaultsMax) {
    const toml::parse_result parsed = toml::parse(left);
    if (parsed.succeeded()) {
      list_entries(parsed.table(), result.entries);
      break;
    }
    const toml::parse_error& error = parsed.error();
    const std::size_t line = error.source().begin.line;
    result.faults.push_back(
        {line, key_of_line(left, line), std::string(reason_of(error.description()))});
    if (!leave_out(left, line)) break;
  }
  return result;
}

}  // namespace upfeed::detail
