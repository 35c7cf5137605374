#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace upfeed::sim {

/// Seconds from UTC to Korean time.
inline constexpr std::int64_t kKstOffsetS = 9 * 3600;

inline void append_two_digits(std::string& out, unsigned value) {
  out.push_back(static_cast<char>('0' + value / 10 % 10));
  out.push_back(static_cast<char>('0' + value % 10));
}

/// Appends yyyy<separator>MM<separator>dd of a unix time in seconds.
inline void append_date(std::string& out, std::int64_t unix_s, std::string_view separator) {
  const std::chrono::sys_seconds time{std::chrono::seconds{unix_s}};
  const std::chrono::year_month_day date{std::chrono::floor<std::chrono::days>(time)};
  const auto year = static_cast<unsigned>(static_cast<int>(date.year()));
  append_two_digits(out, year / 100);
  append_two_digits(out, year % 100);
  out.append(separator);
  append_two_digits(out, static_cast<unsigned>(date.month()));
  out.append(separator);
  append_two_digits(out, static_cast<unsigned>(date.day()));
}

/// Appends HH<separator>mm<separator>ss of a unix time in seconds.
inline void append_clock(std::string& out, std::int64_t unix_s, std::string_view separator) {
  const auto second = static_cast<unsigned>(unix_s % 86'400);
  append_two_digits(out, second / 3600);
  out.append(separator);
  append_two_digits(out, second / 60 % 60);
  out.append(separator);
  append_two_digits(out, second % 60);
}

}  // namespace upfeed::sim
