#pragma once

// simdjson On-Demand as its documents advise: find_field in the order of the wire, numbers into
// doubles, times and ids into integers, texts unescaped. It reads all keys that our event keeps,
// from the same tables of names, and checks what it touches.
//
// on_demand.cpp is compiled for AVX2 (-march=haswell), so that simdjson's own AVX2 code is used
// throughout; simdjson's types stay in there, since their names depend on that flag.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "frames.hpp"
#include "json_baselines.hpp"

namespace upfeed::bench {

/// Values of a frame by the number of their key in the event's table.
struct DoubleRecord {
  static constexpr std::size_t kFieldsMax = 40;
  std::array<double, kFieldsMax> numbers{};
  std::array<std::uint64_t, kFieldsMax> integers{};  ///< times, ids and literals
  std::array<std::string_view, kFieldsMax> texts{};  ///< valid until the next read
  std::size_t unit_count = 0;
  std::array<DoubleUnit, kBookDepthMax> units{};
};

class SimdjsonOnDemand {
 public:
  SimdjsonOnDemand();
  ~SimdjsonOnDemand();

  /// Event  the kind of the frame. simple  aliases, not full names.
  template <class Event>
  bool read(const Frame& frame, bool simple, DoubleRecord& out);

  /// The first of simdjson's two stages alone.
  bool stage1(const Frame& frame);

  /// Names of the code that was chosen for the two stages.
  [[nodiscard]] static std::string description();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

extern template bool SimdjsonOnDemand::read<TickerEvent>(const Frame&, bool, DoubleRecord&);
extern template bool SimdjsonOnDemand::read<TradeEvent>(const Frame&, bool, DoubleRecord&);
extern template bool SimdjsonOnDemand::read<OrderbookEvent>(const Frame&, bool, DoubleRecord&);
extern template bool SimdjsonOnDemand::read<CandleEvent>(const Frame&, bool, DoubleRecord&);

}  // namespace upfeed::bench
