#pragma once

#include <string>

#include "upfeed/events.hpp"

namespace upfeed::program {

/// Appends one event as one line: an envelope with what the receiver knows, and in `frame` the
/// exchange's own fields in DEFAULT form, numbers exact. Status and loss events have no frame.
void append_event(const EventHeader& event, std::string& out);

}  // namespace upfeed::program
