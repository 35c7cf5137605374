#pragma once

#include <cstdint>

#include "upfeed/encode.hpp"  // WireFormat, the other choice of a stream

namespace upfeed {

/// Which frames of a stream a subscriber wants.
/// The exchange sends one SNAPSHOT per code after a request and REALTIME frames from then on; it
/// does not promise that the snapshot comes first.
/// source  docs.upbit.com/kr/reference/websocket-guide, is_only_snapshot and is_only_realtime
///         (read 2026-11).
enum class StreamMode : std::uint8_t {
  both,           ///< the current state at once, then every change
  snapshot_only,  ///< the current state once; again after each reconnect
  realtime_only,  ///< changes only
};

}  // namespace upfeed
