#include "capture/line.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>

namespace upfeed::capture {
namespace {

constexpr std::string_view kConfiguration = "configuration:";
constexpr std::int64_t kNanosPerSecond = 1'000'000'000;

bool is_json_start(std::string_view text) {
  return !text.empty() && (text.front() == '{' || text.front() == '[');
}

bool is_remark_start(std::string_view line) {
  for (const std::string_view start : {"ws://", "wss://", "http://", "https://"}) {
    if (line.starts_with(start)) return true;
  }
  return line.starts_with(kConfiguration);
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Exactly `digits` digits at the front of text, cut off; -1: not there.
int take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits || !std::all_of(text.begin(), text.begin() + digits, is_digit)) {
    return -1;
  }
  int value = 0;
  std::from_chars(text.data(), text.data() + digits, value);
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

/// ".849474" at the front of text, cut off, in nanoseconds; 0 without a point, -1: malformed.
std::int64_t take_fraction_ns(std::string_view& text) {
  if (!take(text, '.')) return 0;
  std::int64_t value = 0;
  std::size_t digits = 0;
  for (; digits < text.size() && is_digit(text[digits]); ++digits) {
    if (digits == 9) return -1;
    value = value * 10 + (text[digits] - '0');
  }
  if (digits == 0) return -1;
  text.remove_prefix(digits);
  for (; digits < 9; ++digits) value *= 10;
  return value;
}

/// Brackets balance and no string is open: what tells a whole JSON text from one that was cut off.
bool is_whole_json(std::string_view text) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      if (depth == 0) return false;
      if (--depth == 0) return i + 1 == text.size();
    }
  }
  return false;
}

Line bad(std::string_view reason) {
  return {.kind = LineKind::bad, .reason = reason};
}

Line json_frame(std::string_view text, std::int64_t received_unix_ns, bool last) {
  if (!is_json_start(text)) return bad("no JSON object or list");
  const char end = text.front() == '{' ? '}' : ']';
  if (text.back() != end || (last && !is_whole_json(text))) {
    return bad("the JSON text is not closed");
  }
  return {.kind = LineKind::frame, .payload = text, .received_unix_ns = received_unix_ns};
}

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// The byte of the escape that starts behind the backslash at `at`, which moves behind it; -1: none
/// that Python writes.
int take_escape(const char*& at, const char* end) {
  if (at == end) return -1;
  switch (*at++) {
    case '\\':
      return '\\';
    case '\'':
      return '\'';
    case '"':
      return '"';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'x': {
      if (end - at < 2) return -1;
      const int high = hex_digit(at[0]);
      const int low = hex_digit(at[1]);
      at += 2;
      return high < 0 || low < 0 ? -1 : high * 16 + low;
    }
    default:
      return -1;
  }
}

/// text  behind the b: a Python bytes literal with its quotes, unfolded in place (an escape is
///       never shorter than its byte).
Line python_bytes(std::span<char> text, std::int64_t received_unix_ns) {
  const char quote = text[0];
  const char* at = text.data() + 1;
  const char* const end = text.data() + text.size();
  char* const begin = text.data() + 1;
  char* out = begin;
  while (at != end && *at != quote) {
    if (*at != '\\') {
      *out++ = *at++;
      continue;
    }
    ++at;
    const int byte = take_escape(at, end);
    if (byte < 0) return bad("an escape that Python does not write");
    *out++ = static_cast<char>(byte);
  }
  if (at == end) return bad("the closing quote is missing");
  if (at + 1 != end) return bad("text behind the closing quote");
  return {.kind = LineKind::frame,
          .payload = {begin, static_cast<std::size_t>(out - begin)},
          .received_unix_ns = received_unix_ns};
}

/// "URL <-> epoch", "URL <- epoch: request", "URL -> epoch: HTTP reply", "configuration: ...".
Line parse_remark(std::string_view line) {
  if (line.starts_with(kConfiguration)) return {.kind = LineKind::remark};
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos) return bad("an address without the arrow behind it");
  const std::string_view endpoint = line.substr(0, space);
  std::string_view rest = line.substr(space + 1);
  if (rest.starts_with("<-> ")) return {.kind = LineKind::connection, .endpoint = endpoint};
  if (rest.starts_with("-> ")) return {.kind = LineKind::remark};
  const std::size_t colon = rest.find(": ");
  if (!rest.starts_with("<- ") || colon == std::string_view::npos) {
    return bad("an address without the arrow behind it");
  }
  return {.kind = LineKind::request, .endpoint = endpoint, .request = rest.substr(colon + 2)};
}

Line parse_cryptofeed(std::span<char> text, bool last) {
  const std::string_view line(text.data(), text.size());
  if (is_remark_start(line)) return parse_remark(line);
  const std::size_t colon = line.find(": ");
  if (colon == std::string_view::npos) return bad("no `time: frame`");
  const std::optional<std::int64_t> time = parse_epoch(line.substr(0, colon));
  if (!time) return bad("the line does not begin with seconds since 1970");
  const std::size_t start = colon + 2;
  if (line.size() > start + 1 && line[start] == 'b' &&
      (line[start + 1] == '\'' || line[start + 1] == '"')) {
    return python_bytes(text.subspan(start + 1), *time);
  }
  return json_frame(line.substr(start), *time, last);
}

Line parse_timestamped(std::string_view line, bool last) {
  const std::size_t space = line.find(' ');
  const std::optional<std::int64_t> time = parse_iso_time(line.substr(0, space));
  if (!time || space == std::string_view::npos) return bad("no `time frame`");
  return json_frame(line.substr(space + 1), *time, last);
}

}  // namespace

std::optional<std::int64_t> parse_epoch(std::string_view text) noexcept {
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc{} || seconds < 0 || seconds >= INT64_MAX / kNanosPerSecond) return {};
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  const std::int64_t fraction_ns = take_fraction_ns(text);
  if (fraction_ns < 0 || !text.empty()) return {};
  return seconds * kNanosPerSecond + fraction_ns;
}

std::optional<std::int64_t> parse_iso_time(std::string_view text) noexcept {
  using namespace std::chrono;
  const int y = take_number(text, 4);
  if (y < 1970 || y > 2261 || !take(text, '-')) return {};  // nanoseconds end in 2262
  const int m = take_number(text, 2);
  if (m < 0 || !take(text, '-')) return {};
  const int d = take_number(text, 2);
  const year_month_day date{year{y}, month{static_cast<unsigned>(m)},
                            day{static_cast<unsigned>(d)}};
  if (d < 0 || !date.ok() || !take(text, 'T')) return {};
  const int hour = take_number(text, 2);
  if (hour < 0 || hour > 23 || !take(text, ':')) return {};
  const int minute = take_number(text, 2);
  if (minute < 0 || minute > 59 || !take(text, ':')) return {};
  const int second = take_number(text, 2);
  if (second < 0 || second > 60) return {};  // 60: a leap second
  const std::int64_t fraction_ns = take_fraction_ns(text);
  if (fraction_ns < 0 || !take(text, 'Z') || !text.empty()) return {};
  const std::int64_t days = sys_days{date}.time_since_epoch().count();
  return (days * 86'400 + std::int64_t{hour} * 3'600 + std::int64_t{minute} * 60 + second) *
             kNanosPerSecond +
         fraction_ns;
}

std::optional<CaptureKind> guess_kind(std::string_view line) noexcept {
  if (is_json_start(line)) return CaptureKind::json_lines;
  if (is_remark_start(line) || parse_epoch(line.substr(0, line.find(": ")))) {
    return CaptureKind::cryptofeed;
  }
  if (parse_iso_time(line.substr(0, line.find(' ')))) return CaptureKind::timestamped;
  return {};
}

Line parse_line(CaptureKind kind, std::span<char> text, bool last) noexcept {
  const std::string_view line(text.data(), text.size());
  switch (kind) {
    case CaptureKind::cryptofeed:
      return parse_cryptofeed(text, last);
    case CaptureKind::timestamped:
      return parse_timestamped(line, last);
    case CaptureKind::json_lines:
    case CaptureKind::upcap:  // has no lines; its bytes never come here
      break;
  }
  return json_frame(line, 0, last);
}

}  // namespace upfeed::capture
