#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sim/server.hpp"
#include "upfeed/errc.hpp"

namespace upfeed::program {

/// A capture as the simulator serves it.
struct CapturedMarket {
  std::shared_ptr<std::vector<sim::CapturedFrame>> frames;
  std::uint64_t left_out = 0;  ///< frames that are no market data, or cannot be decoded
  std::uint64_t bad_lines = 0;
};

/// Reads a captured file whole. errors: as CaptureReader::open; bad_capture when it holds no market
/// data.
[[nodiscard]] Result<CapturedMarket> load_capture(const std::string& path);

/// For clients of another format than the frame's.
[[nodiscard]] sim::Transcoder make_transcoder();

}  // namespace upfeed::program
