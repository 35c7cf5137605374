#pragma once

// JSON text without a JSON library: white space, and strings from and to their escaped form.

#include <cstddef>
#include <string>
#include <string_view>

#include "decode/decode.hpp"

namespace upfeed::detail {

[[nodiscard]] constexpr bool is_json_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}
[[nodiscard]] constexpr std::string_view trim_right(std::string_view text) {
  while (!text.empty() && is_json_space(text.back())) text.remove_suffix(1);
  return text;
}
[[nodiscard]] constexpr std::string_view trim(std::string_view text) {
  while (!text.empty() && is_json_space(text.front())) text.remove_prefix(1);
  return trim_right(text);
}

/// Room for unescaped text. What it hands out lives until reset(); a frame can never need more
/// than its own length, since an escape is longer than what it stands for.
class TextScratch {
 public:
  void reset(char* buffer) noexcept { at_ = buffer; }

  /// raw  what stands between the quotes, valid UTF-8 without bare control characters.
  /// out  raw itself where it has no escape, else its meaning in this scratch.
  /// errors  bad_json: no such escape; bad_utf8: half of a surrogate pair.
  [[nodiscard]] DecodeErrc unescape(std::string_view raw, std::string_view& out) noexcept;

 private:
  char* at_ = nullptr;
};

/// Appends text in quotes, with the escapes JSON demands and no others.
void append_json_string(std::string_view text, std::string& out);

}  // namespace upfeed::detail
