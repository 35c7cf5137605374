#include "decode/json_text.hpp"

#include <cstdint>
#include <cstring>

namespace upfeed::detail {
namespace {

constexpr std::uint32_t kNoCodePoint = UINT32_MAX;

/// Four hexadecimal digits at the front of text, or kNoCodePoint.
std::uint32_t read_hex4(std::string_view text) noexcept {
  if (text.size() < 4) return kNoCodePoint;
  std::uint32_t value = 0;
  for (const char c : text.substr(0, 4)) {
    const char lower = static_cast<char>(c | 0x20);
    if (c >= '0' && c <= '9') {
      value = value * 16 + static_cast<std::uint32_t>(c - '0');
    } else if (lower >= 'a' && lower <= 'f') {
      value = value * 16 + static_cast<std::uint32_t>(lower - 'a' + 10);
    } else {
      return kNoCodePoint;
    }
  }
  return value;
}

char* write_utf8(char* out, std::uint32_t code_point) noexcept {
  const auto tail = [&](unsigned shift) {
    return static_cast<char>(0x80U | (code_point >> shift & 0x3FU));
  };
  if (code_point < 0x80) {
    *out++ = static_cast<char>(code_point);
  } else if (code_point < 0x800) {
    *out++ = static_cast<char>(0xC0U | code_point >> 6U);
    *out++ = tail(0);
  } else if (code_point < 0x10000) {
    *out++ = static_cast<char>(0xE0U | code_point >> 12U);
    *out++ = tail(6);
    *out++ = tail(0);
  } else {
    *out++ = static_cast<char>(0xF0U | code_point >> 18U);
    *out++ = tail(12);
    *out++ = tail(6);
    *out++ = tail(0);
  }
  return out;
}

/// The code point behind `\u`, of which text starts with the digits. Cuts what it used off text.
DecodeErrc read_unicode_escape(std::string_view& text, std::uint32_t& code_point) noexcept {
  code_point = read_hex4(text);
  if (code_point == kNoCodePoint) return DecodeErrc::bad_json;
  text.remove_prefix(4);
  if (code_point < 0xD800 || code_point > 0xDFFF) return DecodeErrc::ok;
  if (code_point > 0xDBFF || !text.starts_with("\\u")) return DecodeErrc::bad_utf8;
  const std::uint32_t low = read_hex4(text.substr(2));
  if (low == kNoCodePoint) return DecodeErrc::bad_json;
  if (low < 0xDC00 || low > 0xDFFF) return DecodeErrc::bad_utf8;
  text.remove_prefix(6);
  code_point = 0x10000 + ((code_point - 0xD800) << 10U) + (low - 0xDC00);
  return DecodeErrc::ok;
}

char simple_escape(char c) noexcept {
  switch (c) {
    case '"':
    case '\\':
    case '/':
      return c;
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return 0;
  }
}

}  // namespace

DecodeErrc TextScratch::unescape(std::string_view raw, std::string_view& out) noexcept {
  std::size_t plain = raw.find('\\');
  if (plain == std::string_view::npos) {
    out = raw;
    return DecodeErrc::ok;
  }
  char* const begin = at_;
  for (; plain != std::string_view::npos; plain = raw.find('\\')) {
    std::memcpy(at_, raw.data(), plain);
    at_ += plain;
    raw.remove_prefix(plain + 1);
    if (raw.empty()) return DecodeErrc::bad_json;
    const char kind = raw.front();
    raw.remove_prefix(1);
    if (kind == 'u') {
      std::uint32_t code_point = 0;
      const DecodeErrc errc = read_unicode_escape(raw, code_point);
      if (errc != DecodeErrc::ok) return errc;
      at_ = write_utf8(at_, code_point);
    } else {
      const char c = simple_escape(kind);
      if (c == 0) return DecodeErrc::bad_json;
      *at_++ = c;
    }
  }
  std::memcpy(at_, raw.data(), raw.size());
  at_ += raw.size();
  out = {begin, static_cast<std::size_t>(at_ - begin)};
  return DecodeErrc::ok;
}

void append_json_string(std::string_view text, std::string& out) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += "\\u00";
      out += kHex[static_cast<std::size_t>(c) >> 4U];
      out += kHex[static_cast<std::size_t>(c) & 15U];
    } else {
      out += c;
    }
  }
  out += '"';
}

}  // namespace upfeed::detail
