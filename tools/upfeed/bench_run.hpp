#pragma once

// The two measurements of `upfeed bench`.
//
//   live     simulator (own process) --TLS--> feed's threads --> callback
//            a frame's time stamp says when it was due: latency counts from there, so a late server
//            or a full socket hides nothing
//   capture  file in memory --> feed's threads --> callback, as fast as it goes

#include <string>

#include "bench_report.hpp"
#include "sim/market.hpp"
#include "stream_choice.hpp"
#include "upfeed/config.hpp"
#include "upfeed/errc.hpp"

namespace upfeed::program {

struct BenchOptions {
  FeedConfig config;
  double seconds = 10;
  double warmup_seconds = 2;
  // Live only.
  sim::SyntheticProfile profile;
  std::uint64_t seed = 1;
  StreamChoice streams{.ticker = true, .trade = true, .orderbook = true, .candles = {}};
  int sim_cpu = -1;
};

/// errors  bad_config; system: a thread, a pin or the simulator did not start; timeout: no data.
[[nodiscard]] Result<BenchReport> bench_live(const BenchOptions& options);
/// errors  as Feed::replay.
[[nodiscard]] Result<BenchReport> bench_capture(const std::string& path,
                                                const BenchOptions& options);

}  // namespace upfeed::program
