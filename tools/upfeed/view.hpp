#pragma once

// The picture of a live feed:
//
//   state, frames/s, health, accounting, latencies
//   what happened to the account, where that is watched
//   busiest markets: last, change, best bid and ask, spread, book state and age
//   one whole book with bars          | the last trades

#include <cstdint>
#include <string>
#include <vector>

#include "board.hpp"
#include "screen.hpp"
#include "summary.hpp"

namespace upfeed::program {

/// What stands behind one picture; copies, so that nothing is locked while drawing.
struct ViewInput {
  std::string title;
  FeedMetrics metrics;
  Health health;
  std::string latency;  ///< one line
  Board board{std::string()};
  double seconds = 0;
  MonoTime now;
};

/// Remembers the last picture's counts, for rates.
class View {
 public:
  /// All lines of the picture for a screen of that size.
  [[nodiscard]] std::string render(const ViewInput& input, Screen::Size size);

 private:
  struct Busy {
    std::uint64_t updates = 0;
    double per_second = 0;  ///< smoothed
  };
  void update_rates(const ViewInput& input);
  [[nodiscard]] std::vector<std::size_t> busiest(const Board& board, std::size_t count) const;
  void add_header(const ViewInput& input, std::size_t columns, std::string& out) const;
  void add_markets(const ViewInput& input, std::size_t rows, std::size_t columns,
                   std::string& out) const;

  std::vector<Busy> busy_;
  std::uint64_t frames_ = 0;
  double frames_per_second_ = 0;
  double seconds_ = 0;
};

}  // namespace upfeed::program
