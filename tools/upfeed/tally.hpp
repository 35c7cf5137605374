#pragma once

// What a live command counts on the dispatcher's thread: events by kind, their hash, and how long
// they took.
//
//   exchange's stamp ---> kernel had it ---> user space had it ---> callback
//                        |-------------- kernel_to_callback ------|
//                                           |- receive_to_callback -|
//   |------------------- exchange_to_callback ----------------------|   clocks of two machines

#include <array>
#include <cstdint>
#include <optional>

#include "upfeed/event_hash.hpp"
#include "upfeed/events.hpp"
#include "upfeed/histogram.hpp"

namespace upfeed::program {

/// Both clocks at the moment of a callback.
struct Now {
  MonoTime mono;
  std::int64_t unix_ns = 0;
  [[nodiscard]] static Now read() noexcept;
};

class Tally {
 public:
  /// Market data only. Not for status and loss events.
  void add(const EventHeader& event, const Now& now) noexcept;

  [[nodiscard]] std::uint64_t events(EventKind kind) const noexcept {
    return events_[static_cast<std::size_t>(kind)];
  }
  [[nodiscard]] std::uint64_t total() const noexcept { return total_; }
  [[nodiscard]] const EventHash& hash() const noexcept { return hash_; }

  /// One stage of the way, in nanoseconds.
  struct Stage {
    const char* name;
    const Histogram& latency_ns;
  };
  [[nodiscard]] std::array<Stage, 3> stages() const noexcept {
    return {{{"exchange_to_callback", exchange_},
             {"kernel_to_callback", kernel_},
             {"receive_to_callback", receive_}}};
  }

 private:
  std::array<std::uint64_t, kStreamCount> events_{};
  std::uint64_t total_ = 0;
  EventHash hash_;
  Histogram exchange_;
  Histogram kernel_;
  Histogram receive_;
};

}  // namespace upfeed::program
