#include "tally.hpp"

#include <time.h>

namespace upfeed::program {
namespace {

constexpr std::int64_t kNanosPerSecond = 1'000'000'000;
/// Older stamps are recordings that are served again: no latency of anything.
constexpr std::int64_t kExchangeLatencyMax = 3'600 * kNanosPerSecond;

std::int64_t read_clock(clockid_t clock) noexcept {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<std::int64_t>(now.tv_sec) * kNanosPerSecond + now.tv_nsec;
}

}  // namespace

Now Now::read() noexcept {
  return {{read_clock(CLOCK_MONOTONIC)}, read_clock(CLOCK_REALTIME)};
}

void Tally::add(const EventHeader& event, const Now& now) noexcept {
  ++events_[static_cast<std::size_t>(event.kind)];
  ++total_;
  hash_.add(event);
  receive_.record(now.mono - event.received_mono);
  if (event.kernel_time.known()) kernel_.record(now.unix_ns - event.kernel_time.unix_ns);
  // A snapshot carries the time of the last change, however long ago that was.
  const std::int64_t age_us = now.unix_ns / 1'000 - exchange_time(event).unix_us();
  if (event.stream_type == StreamType::realtime && age_us < kExchangeLatencyMax / 1'000) {
    exchange_.record(age_us * 1'000);
  }
}

}  // namespace upfeed::program
