#include "time_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <optional>

#include "capture/line.hpp"

namespace upfeed::program {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kSecond = 1'000 * kMillisecond;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kHour = 60 * kMinute;
/// Nobody records longer; far from what int64 cannot add.
constexpr double kSecondsMax = 3.2e9;

struct Unit {
  std::string_view name;
  std::int64_t ns;
};
constexpr std::array<Unit, 5> kUnits{
    {{"ms", kMillisecond}, {"s", kSecond}, {"m", kMinute}, {"h", kHour}, {"d", 24 * kHour}}};

std::string format(const char* pattern, auto... values) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), pattern, values...);
  return text.data();
}

/// "1h30m"; empty: no such text.
std::optional<std::int64_t> duration_ns(std::string_view text) {
  if (text.empty()) return {};
  std::int64_t total = 0;
  while (!text.empty()) {
    double number = 0;
    const char* const text_end = text.data() + text.size();
    const auto [end, error] =
        std::from_chars(text.data(), text_end, number, std::chars_format::fixed);
    if (error != std::errc{} || number < 0) return {};
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    const std::string_view name = text.substr(0, text.find_first_of("0123456789."));
    const auto* const unit =
        std::find_if(kUnits.begin(), kUnits.end(), [&](const Unit& u) { return u.name == name; });
    if (unit == kUnits.end()) return {};
    const double ns = number * static_cast<double>(unit->ns);
    // Said this way round, because "nan" is a number, too.
    if (!(static_cast<double>(total) + ns <= kSecondsMax * kSecond)) return {};
    total += static_cast<std::int64_t>(ns);
    text.remove_prefix(name.size());
  }
  return total;
}

/// Minutes of "+09:00" or "-0330" at the end of text, cut off; empty: there is none.
std::optional<int> take_zone(std::string& text) {
  const std::size_t at = text.find_first_of("+-", std::min(text.size(), std::size_t{11}));
  if (at == std::string::npos) return {};
  std::string digits = text.substr(at + 1);
  if (digits.size() == 5 && digits[2] == ':') digits.erase(2, 1);
  unsigned number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (digits.size() != 4 || error != std::errc{} || end != digits.data() + digits.size()) return {};
  constexpr unsigned kHoursMax = 14;  // Kiribati
  if (number / 100 > kHoursMax || number % 100 > 59) return {};
  const int minutes = static_cast<int>(number / 100 * 60 + number % 100);
  const bool east = text[at] == '+';
  text.resize(at);
  return east ? minutes : -minutes;
}

std::optional<std::int64_t> iso_ns(std::string_view given) {
  std::string text(given);
  int zone_minutes = 0;
  if (text.ends_with('Z')) {
    text.pop_back();
  } else if (const std::optional<int> zone = take_zone(text)) {
    zone_minutes = *zone;
  } else {
    return {};
  }
  constexpr std::size_t kWithoutSeconds = 16;  // 2021-04-05T18:17
  if (text.size() == kWithoutSeconds) text += ":00";
  const auto ns = capture::parse_iso_time(text + "Z");
  if (!ns) return {};
  return *ns - zone_minutes * kMinute;
}

}  // namespace

std::string iso_time(std::int64_t unix_ns, int decimals) {
  using namespace std::chrono;
  const sys_seconds time{floor<seconds>(nanoseconds{unix_ns})};
  const sys_days day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{time - day};
  std::string text =
      format("%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
             static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
             static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
             static_cast<int>(clock.seconds().count()));
  if (decimals > 0) {
    const auto fraction = (nanoseconds{unix_ns} - time.time_since_epoch()).count();
    text += format(".%09lld", static_cast<long long>(fraction)).substr(0, 1U + decimals);
  }
  return text + "Z";
}

std::string span_text(std::int64_t duration_ns) {
  const auto seconds = static_cast<double>(duration_ns) / 1e9;
  if (duration_ns < kSecond) return format("%.0f ms", seconds * 1e3);
  if (duration_ns < 5 * kMinute) return format("%.1f s", seconds);
  const std::int64_t minutes = duration_ns / kMinute;
  if (duration_ns < kHour) return std::to_string(minutes) + " min";
  return format("%lld h %02lld min", static_cast<long long>(minutes / 60),
                static_cast<long long>(minutes % 60));
}

Result<TimeBound> parse_time_bound(std::string_view option, std::string_view text) {
  if (text.starts_with('+')) {
    if (const auto ns = duration_ns(text.substr(1))) return TimeBound{*ns, true};
  } else if (const auto ns = iso_ns(text)) {
    return TimeBound{*ns, false};
  }
  return Error{Errc::bad_config,
               std::string(option) + " " + std::string(text) +
                   ": is no time; give 2021-04-05T18:17:00Z (or a zone like +09:00), or +10s, "
                   "+1h30m from the start"};
}

Result<double> parse_speed(std::string_view option, std::string_view text) {
  if (text == "max") return 0.0;
  double speed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), speed);
  constexpr double kSpeedMax = 1e6;
  if (error == std::errc{} && end == text.data() + text.size() && speed > 0 && speed <= kSpeedMax) {
    return speed;
  }
  return Error{Errc::bad_config, std::string(option) + " " + std::string(text) +
                                     ": is no speed; give 1 (as recorded), 10, 0.5 or max"};
}

Result<std::int64_t> parse_duration(std::string_view option, std::string_view text) {
  if (const auto ns = duration_ns(text); ns && *ns > 0) return *ns;
  return Error{Errc::bad_config,
               std::string(option) + " " + std::string(text) +
                   ": is no duration above 0; give 500ms, 10s, 1h30m or the like"};
}

}  // namespace upfeed::program
