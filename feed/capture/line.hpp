// One line of a captured file, taken apart. Knows no files.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "upfeed/capture.hpp"

namespace upfeed::capture {

enum class LineKind : std::uint8_t { frame, connection, request, remark, bad };

struct Line {
  LineKind kind = LineKind::bad;
  std::span<const char> payload{};    ///< frame
  std::int64_t received_unix_ns = 0;  ///< frame; 0: not said
  std::string_view endpoint{};        ///< connection, request
  std::string_view request{};         ///< request
  std::string_view reason{};          ///< bad; static text
};

/// The kind of a file from its first line that is not blank (or as much of it as there is).
[[nodiscard]] std::optional<CaptureKind> guess_kind(std::string_view line) noexcept;

/// text  one line without its end, not blank; bytes with escapes are unfolded in place.
/// last  the file ended without a line end behind it, so that a JSON text must show that it is
///       whole.
[[nodiscard]] Line parse_line(CaptureKind kind, std::span<char> text, bool last) noexcept;

/// "1617646620.849474" to nanoseconds; at most 9 decimals.
[[nodiscard]] std::optional<std::int64_t> parse_epoch(std::string_view text) noexcept;
/// "2021-04-05T18:17:00.849474Z" to nanoseconds; up to 9 decimals, or none.
[[nodiscard]] std::optional<std::int64_t> parse_iso_time(std::string_view text) noexcept;

}  // namespace upfeed::capture
