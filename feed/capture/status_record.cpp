#include "capture/status_record.hpp"

#include <charconv>
#include <cstdio>

namespace upfeed::capture {
namespace {

/// The enumerator of that name.
template <class Enum>
std::optional<Enum> named(std::string_view name, Enum last) noexcept {
  for (unsigned i = 0; i <= static_cast<unsigned>(last); ++i) {
    if (to_string(static_cast<Enum>(i)) == name) return static_cast<Enum>(i);
  }
  return {};
}

std::string_view take_field(std::string_view& text, char end_mark = '\t') noexcept {
  const std::size_t end = text.find(end_mark);
  const std::string_view field = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return field;
}

template <class Number>
bool take_number(std::string_view& text, Number& out) noexcept {
  const std::string_view field = take_field(text);
  return std::from_chars(field.data(), field.data() + field.size(), out).ec == std::errc{};
}

struct LostText {
  std::array<char, kNumberTextMax + 96> bytes;
  int size = 0;
};

/// What stands behind the cause where it is about one stream.
LostText lost_text(const StatusEvent& event) noexcept {
  LostText out{};
  if (!is_market_stream(event.lost_kind)) return out;
  const std::string_view kind = to_string(event.lost_kind);
  const std::string_view unit = to_string(event.candle_unit);
  const std::string_view code = event.code.view();
  std::array<char, kNumberTextMax> level{};
  const char* const level_end = to_chars(level.data(), event.level);
  out.size = std::snprintf(
      out.bytes.data(), out.bytes.size(), " %.*s %.*s %.*s %.*s %lld",
      static_cast<int>(kind.size()), kind.data(), static_cast<int>(unit.size()), unit.data(),
      static_cast<int>(code.size()), code.data(), static_cast<int>(level_end - level.data()),
      level.data(), static_cast<long long>(event.silent_ns));
  return out;
}

void read_lost(std::string_view text, StatusEvent& event) noexcept {
  const auto kind = named(take_field(text, ' '), EventKind::candle);
  const auto unit = named(take_field(text, ' '), CandleUnit::m240);
  const auto code = MarketCode::parse(take_field(text, ' '));
  const auto level = Decimal::parse(take_field(text, ' '));
  if (!kind || !unit || !code || !level || !take_number(text, event.silent_ns)) return;
  event.lost_kind = *kind;
  event.candle_unit = *unit;
  event.code = *code;
  event.level = *level;
}

}  // namespace

std::span<const char> put_status(const StatusEvent& event, StatusText& out) noexcept {
  const auto text = [](std::string_view view) {
    return std::pair(static_cast<int>(view.size()), view.data());
  };
  const auto [state_size, state] = text(to_string(event.state));
  const auto [previous_size, previous] = text(to_string(event.previous_state));
  const auto [cause_size, cause] = text(to_string(event.cause));
  const auto [server_size, server] = text(to_string(event.server_error));
  const auto [line_size, line] = text(event.text.view());
  const LostText lost = lost_text(event);
  const int size =
      std::snprintf(out.data(), out.size(), "%.*s\t%.*s\t%.*s%.*s\t%.*s\t%d\t%d\t%lld\t%.*s",
                    state_size, state, previous_size, previous, cause_size, cause, lost.size,
                    lost.bytes.data(), server_size, server, event.http_status, event.system_errno,
                    static_cast<long long>(event.retry_in_ms), line_size, line);
  return {out.data(), static_cast<std::size_t>(size)};
}

std::optional<StatusEvent> read_status(std::string_view payload) noexcept {
  const auto state = named(take_field(payload), SessionState::stopped);
  const auto previous = named(take_field(payload), SessionState::stopped);
  if (!state || !previous) return {};
  StatusEvent event;
  event.size_bytes = sizeof event;
  event.kind = EventKind::status;
  event.state = *state;
  event.previous_state = *previous;
  const auto last_cause = static_cast<StatusCause>(kStatusCauseCount - 1);
  std::string_view cause = take_field(payload);
  event.cause = named(take_field(cause, ' '), last_cause).value_or(StatusCause::none);
  if (!cause.empty()) read_lost(cause, event);
  event.server_error =
      named(take_field(payload), ServerErrorKind::other).value_or(ServerErrorKind::other);
  if (!take_number(payload, event.http_status) || !take_number(payload, event.system_errno) ||
      !take_number(payload, event.retry_in_ms)) {
    return {};
  }
  event.text.assign(payload.substr(0, event.text.capacity()));
  return event;
}

}  // namespace upfeed::capture
