#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sim/server.hpp"
#include "upfeed/errc.hpp"

namespace upfeed::program {

/// Captured files as the simulator serves them, merged by their times.
struct CapturedMarket {
  std::shared_ptr<sim::CaptureSource> source;  ///< reads the files again while they are served
  std::uint64_t frames = 0;                    ///< that will be served
  std::uint64_t left_out = 0;  ///< frames that are no market data, or cannot be decoded
  std::uint64_t bad_lines = 0;
  bool has_times = false;
};

/// Reads the files once, for what is in them; a display of progress on a terminal.
/// errors  as Feed::replay; bad_capture: no market data.
[[nodiscard]] Result<CapturedMarket> load_capture(const std::vector<std::string>& paths);

/// For clients of another format, of fewer units, and for snapshots.
[[nodiscard]] sim::Transcoder make_transcoder();

}  // namespace upfeed::program
