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

std::string_view take_field(std::string_view& text) noexcept {
  const std::size_t end = text.find('\t');
  const std::string_view field = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return field;
}

template <class Number>
bool take_number(std::string_view& text, Number& out) noexcept {
  const std::string_view field = take_field(text);
  return std::from_chars(field.data(), field.data() + field.size(), out).ec == std::errc{};
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
  const int size = std::snprintf(
      out.data(), out.size(), "%.*s\t%.*s\t%.*s\t%.*s\t%d\t%d\t%lld\t%.*s", state_size, state,
      previous_size, previous, cause_size, cause, server_size, server, event.http_status,
      event.system_errno, static_cast<long long>(event.retry_in_ms), line_size, line);
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
  event.cause = named(take_field(payload), last_cause).value_or(StatusCause::none);
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
