#include "net/retry_hint.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <ctime>
#include <optional>
#include <string>

namespace upfeed::net {
namespace {

constexpr std::int64_t kHintMsMax = std::int64_t{7} * 24 * 3600 * 1000;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::int64_t bounded_ms(std::int64_t seconds) {
  return std::clamp<std::int64_t>(seconds, 0, kHintMsMax / 1000) * 1000;
}

// The number at the front of text, saturated; digits are removed from text.
std::int64_t take_number(std::string_view& text) {
  std::int64_t value = 0;
  while (!text.empty() && is_digit(text.front())) {
    value = std::min<std::int64_t>(value * 10 + (text.front() - '0'), kHintMsMax);
    text.remove_prefix(1);
  }
  return value;
}

std::optional<std::int64_t> parse_http_date(std::string_view text) {
  std::tm broken_down{};
  const std::string copy(text);
  if (::strptime(copy.c_str(), "%a, %d %b %Y %H:%M:%S", &broken_down) == nullptr) return {};
  return ::timegm(&broken_down);
}

std::int64_t header_hint_ms(std::string_view retry_after, std::string_view date) {
  if (retry_after.empty()) return -1;
  if (is_digit(retry_after.front())) {
    const std::int64_t seconds = take_number(retry_after);
    return retry_after.empty() ? bounded_ms(seconds) : -1;
  }
  const auto until = parse_http_date(retry_after);
  const auto now = parse_http_date(date);
  return until && now ? bounded_ms(*until - *now) : -1;
}

bool starts_with_any(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return text.starts_with(word); });
}

// Whether the key in front of a number (`"blocked_for": 30`) speaks of waiting. Looks at most 32
// characters back, over letters, quotes, colons, underscores and spaces.
bool follows_waiting_key(std::string_view before) {
  std::string key;
  for (std::size_t i = before.size(); i > 0 && key.size() < 32; --i) {
    const auto c = static_cast<unsigned char>(before[i - 1]);
    if (std::isalpha(c) == 0 && c != '"' && c != ':' && c != '_' && c != ' ') break;
    key.insert(key.begin(), static_cast<char>(std::tolower(c)));
  }
  return key.find("retry") != std::string::npos || key.find("block") != std::string::npos;
}

std::int64_t body_hint_ms(std::string_view body) {
  std::int64_t best = -1;
  for (std::size_t at = 0; at < body.size();) {
    if (!is_digit(body[at])) {
      ++at;
      continue;
    }
    std::string_view rest = body.substr(at);
    const std::int64_t number = take_number(rest);
    const std::string_view before = body.substr(0, at);
    at = body.size() - rest.size();
    while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
    const bool bare_s =
        rest.starts_with('s') &&
        (rest.size() == 1 || std::isalpha(static_cast<unsigned char>(rest[1])) == 0);
    if (starts_with_any(rest, {"min", "분"})) {
      best = std::max(best, bounded_ms(number * 60));
    } else if (bare_s || starts_with_any(rest, {"sec", "초"}) || follows_waiting_key(before)) {
      best = std::max(best, bounded_ms(number));
    }
  }
  return best;
}

}  // namespace

std::int64_t retry_hint_ms(int status, std::string_view retry_after, std::string_view date,
                           std::string_view body) {
  const std::int64_t from_header = header_hint_ms(retry_after, date);
  const bool may_block = status == 418 || status == 429 || status == 503;
  return std::max(from_header, may_block ? body_hint_ms(body) : -1);
}

}  // namespace upfeed::net
