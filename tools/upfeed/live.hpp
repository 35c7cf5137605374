#pragma once

// A feed that runs until somebody or something ends it: what demo, watch and record have in common.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "metrics_server.hpp"
#include "stream_choice.hpp"
#include "upfeed/config.hpp"

namespace upfeed::program {

/// What standard output shows.
enum class LiveOutput : std::uint8_t {
  screen,          ///< a redrawn view, and the summary as text
  events,          ///< one JSON object per event, and the summary as JSON
  progress,        ///< one JSON object per second, and the summary as JSON
  recording,       ///< only the summary as JSON
  recording_text,  ///< only the summary as text
};

struct LiveOptions {
  std::string command;  ///< "demo", "watch" or "record"
  std::string exchange_name;
  FeedConfig config;
  std::vector<std::string> codes;
  StreamChoice streams;
  LiveOutput output = LiveOutput::events;
  double seconds = 0;        ///< ends after so long; 0: never
  std::uint64_t frames = 0;  ///< ends after so many events; 0: never
  std::string ladder_code;   ///< market of the view's whole book; empty: the first that comes
  bool quiet = false;        ///< no progress of a recording on a terminal
  /// Where metrics and health are served; empty: nowhere.
  std::optional<MetricsAddress> metrics;
};

/// Runs it and returns the exit code.
int run_live(const LiveOptions& options);

}  // namespace upfeed::program
