// A StatusEvent as the text of an .upcap record, and back.
//
//   state  previous  cause  server_error  http_status  errno  retry_in_ms  text     parted by tabs
//
// About one stream, the cause is "cause kind candle_unit code level silent_ns", parted by spaces.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string_view>

#include "upfeed/events.hpp"

namespace upfeed::capture {

using StatusText = std::array<char, 640>;

/// The bytes of `out` that hold it. Connection, epoch and time are the record's.
[[nodiscard]] std::span<const char> put_status(const StatusEvent& event, StatusText& out) noexcept;
/// Empty: not such a text, or a state that a younger version knows. An unknown cause is none.
[[nodiscard]] std::optional<StatusEvent> read_status(std::string_view payload) noexcept;

}  // namespace upfeed::capture
