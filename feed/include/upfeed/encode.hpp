#pragma once

// Events back to exchange frames, for conversion between formats, for tests and for JSON output.
// Numbers become exact plain decimals, so a frame made here need not be byte-equal to the frame the
// exchange sent; decoding it gives an event with the same content.

#include <cstddef>
#include <cstdint>
#include <string>

#include "upfeed/events.hpp"

namespace upfeed {

/// The exchange's four formats.
/// source  docs.upbit.com/kr/reference/websocket-guide (read 2026-11).
enum class WireFormat : std::uint8_t {
  default_,    ///< DEFAULT: full names
  simple,      ///< SIMPLE: aliases
  json_list,   ///< JSON_LIST: full names, in a list of one
  simple_list  ///< SIMPLE_LIST: aliases, in a list of one
};

/// Appends one frame to out: the keys that were present in the event (null where they were null),
/// in the documented order, without whitespace. `type` and a market's `code` are always written.
/// Of indicators the JSON text as it came: the names within are documented for no other format, so
/// only the list's brackets can be put on and taken off.
/// outputs  bytes appended; 0 for an indicator under the other set of names (simple_names), and for
///          status, loss and gap events, which are no frames of the exchange.
/// errors   std::bad_alloc.
/// threads  touches only its arguments.
std::size_t encode(const EventHeader& event, WireFormat format, std::string& out);

}  // namespace upfeed
