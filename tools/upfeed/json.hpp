#pragma once

// JSON text, appended to a string. The caller opens and closes what it opened; commas come by
// themselves. Bytes that are no UTF-8 become U+FFFD.

#include <algorithm>
#include <charconv>
#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "net/utf8.hpp"

namespace upfeed::program {

class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  JsonWriter& open_object() { return open('{'); }
  JsonWriter& open_list() { return open('['); }
  JsonWriter& close_object() { return raw("}"); }
  JsonWriter& close_list() { return raw("]"); }
  JsonWriter& key(std::string_view name) {
    separate();
    quote(name);
    out_ += ':';
    return *this;
  }
  JsonWriter& value(std::string_view text) {
    separate();
    quote(text);
    return *this;
  }
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(bool flag) {
    separate();
    return raw(flag ? "true" : "false");
  }
  JsonWriter& value(std::integral auto number) {
    separate();
    char text[24];
    const auto [end, error] = std::to_chars(text, text + sizeof text, number);
    out_.append(text, error == std::errc{} ? end : text);
    return *this;
  }
  /// With `decimals` digits behind the point.
  JsonWriter& number(double number, int decimals) {
    separate();
    char text[64];
    const auto [end, error] =
        std::to_chars(text, text + sizeof text, number, std::chars_format::fixed, decimals);
    if (error == std::errc{}) out_.append(text, end);
    if (error != std::errc{}) out_ += '0';
    return *this;
  }
  /// key and value in one.
  JsonWriter& field(std::string_view name, const auto& content) { return key(name).value(content); }
  /// A place where the caller appends one JSON value itself.
  std::string& raw_value() {
    separate();
    return out_;
  }

 private:
  JsonWriter& open(char bracket) {
    separate();
    out_ += bracket;
    return *this;
  }
  JsonWriter& raw(std::string_view text) {
    out_ += text;
    return *this;
  }
  // Text that ends with a bracket or colon of its own has a quote behind it, so the last character
  // alone tells whether something of this level stands before.
  void separate() {
    if (out_.empty()) return;
    const char last = out_.back();
    if (last != '{' && last != '[' && last != ':' && last != '\n') out_ += ',';
  }
  /// Of the character of UTF-8 at the front; 0: there is none.
  static std::size_t character_bytes(std::string_view text) {
    for (std::size_t size = 2; size <= std::min(text.size(), std::size_t{4}); ++size) {
      if (net::is_utf8(std::span(text).first(size))) return size;
    }
    return 0;
  }
  void quote(std::string_view text) {
    constexpr std::string_view kHex = "0123456789abcdef";
    constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
    out_ += '"';
    for (std::size_t i = 0; i < text.size(); ++i) {
      const char c = text[i];
      const auto byte = static_cast<unsigned char>(c);
      if (byte >= 0x80) {
        // Names of files are bytes; JSON is not.
        const std::size_t size = character_bytes(text.substr(i));
        out_ += size > 0 ? text.substr(i, size) : kReplacement;
        i += size > 0 ? size - 1 : 0;
        continue;
      }
      if (c == '"' || c == '\\') {
        out_ += '\\';
        out_ += c;
      } else if (byte < 0x20) {
        out_ += "\\u00";
        out_ += kHex[byte >> 4];
        out_ += kHex[byte & 15];
      } else {
        out_ += c;
      }
    }
    out_ += '"';
  }

  std::string& out_;
};

}  // namespace upfeed::program
