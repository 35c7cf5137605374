#pragma once

// What `upfeed bench` found out, and the three ways to write it down.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "costs.hpp"
#include "machine.hpp"
#include "upfeed/histogram.hpp"
#include "upfeed/metrics.hpp"

namespace upfeed::program {

/// The percentiles of every table, and their keys in JSON.
struct Percentile {
  const char* name;
  const char* key;
  double fraction;
};
inline constexpr std::array<Percentile, 5> kPercentiles{{{"p50", "p50", 0.5},
                                                         {"p90", "p90", 0.9},
                                                         {"p99", "p99", 0.99},
                                                         {"p99.9", "p99_9", 0.999},
                                                         {"p99.99", "p99_99", 0.9999}}};

/// One way between two moments of a frame's life.
struct StageLatency {
  std::string key;        ///< in JSON, e.g. due_to_callback
  std::string name;       ///< for people, e.g. due > callback
  bool is_total = false;  ///< over several stages
  Histogram ns;
};

/// A piece of the run's time.
struct TimeSlice {
  double second = 0;  ///< of its start, after the warm-up
  Histogram ns;       ///< due > callback of the frames due in it
};

/// A part of the CPU time.
struct Share {
  std::string name;
  double seconds = 0;
};

struct BenchReport {
  std::string mode;    ///< "live" or "capture"
  std::string source;  ///< what was measured, for people
  Machine machine;
  std::vector<std::string> warnings;
  std::vector<std::pair<std::string, std::string>> settings;  ///< name, value
  bool complete = false;                                      ///< not cut short by Ctrl-C

  double seconds = 0;  ///< that were measured
  std::uint64_t frames = 0;
  std::uint64_t bytes = 0;
  std::uint64_t receive_calls = 0;
  std::uint64_t fallback_frames = 0;  ///< that the fast decoder left to the slow one
  StreamCounts counts;                ///< of the whole run, warm-up included
  std::uint64_t damaged = 0;          ///< of a capture: bad lines and frames that were refused

  std::vector<StageLatency> latencies;
  std::vector<TimeSlice> timeline;  ///< empty for a capture
  Costs costs;
  double simulator_cpu_seconds = 0;
  std::vector<Share> shares;  ///< of the feed's CPU time
  unsigned passes = 1;        ///< over a capture; seconds and frames are those of the median one

  [[nodiscard]] double per_second(std::uint64_t count) const {
    return seconds > 0 ? static_cast<double>(count) / seconds : 0;
  }
  [[nodiscard]] double per_frame(double amount) const {
    return frames > 0 ? amount / static_cast<double>(frames) : 0;
  }
  [[nodiscard]] double feed_cpu_seconds() const {
    return costs.io.cpu_seconds + costs.dispatcher.cpu_seconds;
  }
  /// What the run itself says against its figures, added to `warnings`.
  void judge();
  /// The latency of this key, or null.
  [[nodiscard]] const StageLatency* latency(std::string_view key) const;
};

/// "420 ns", "12.3 us", "1.20 ms", "3.4 s"
[[nodiscard]] std::string latency_text(std::uint64_t ns);

/// One JSON object, one line.
void append_json(const BenchReport& report, std::string& out);
/// Tables and a small picture for a terminal.
void append_text(const BenchReport& report, std::string& out);
/// One HTML page that needs nothing else.
void append_html(const BenchReport& report, std::string& out);

}  // namespace upfeed::program
