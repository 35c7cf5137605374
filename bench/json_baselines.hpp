#pragma once

// The usual ways to read an order book of the DEFAULT format: two JSON libraries into doubles (the
// third, simdjson On-Demand, is in on_demand.hpp). Each reads the code, the time, the totals, the
// level and every number of every unit, and checks nothing else.

#include <array>
#include <cstddef>
#include <cstdint>

#include "frames.hpp"

namespace upfeed::bench {

struct DoubleUnit {
  double ask_price = 0;
  double bid_price = 0;
  double ask_size = 0;
  double bid_size = 0;
};
struct DoubleBook {
  std::array<char, MarketCode::kLengthMax> code{};  // zero-padded
  std::int64_t timestamp = 0;
  double total_ask_size = 0;
  double total_bid_size = 0;
  double level = 0;
  std::size_t unit_count = 0;
  std::array<DoubleUnit, kBookDepthMax> units{};
};

// One call reads one frame; false or an exception: not read. Parsers keep what memory they can
// keep.

class NlohmannDom {
 public:
  bool read(const Frame& frame, DoubleBook& out);
};

class RapidjsonDom {
 public:
  bool read(const Frame& frame, DoubleBook& out);
};

}  // namespace upfeed::bench
