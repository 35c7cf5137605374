// Recording and replaying under load; prints what it measured. How much: UPFEED_RECORD_FRAMES
// (default 1,000,000) at UPFEED_RECORD_RATE frames a second (default 20,000).

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "clock.hpp"
#include "decode_kernels.hpp"
#include "live_harness.hpp"
#include "record_harness.hpp"
#include "recorder.hpp"
#include "sim/market.hpp"
#include "sim/wire.hpp"
#include "sim_process.hpp"
#include "upfeed/histogram.hpp"

namespace {

using namespace upfeed;
using namespace std::chrono_literals;

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* const given = std::getenv(variable);
  return given != nullptr ? std::strtoull(given, nullptr, 10) : otherwise;
}
const std::uint64_t kFrames = number_from("UPFEED_RECORD_FRAMES", 1'000'000);
const std::uint64_t kRate = number_from("UPFEED_RECORD_RATE", 20'000);

std::uint64_t bytes_of(const std::vector<std::string>& paths) {
  std::uint64_t bytes = 0;
  for (const std::string& path : paths) bytes += std::filesystem::file_size(path);
  return bytes;
}

void print_sizes(const RecorderMetrics& sum) {
  std::printf(
      "%llu frames recorded, %llu lost; payload %.1f MB, files %.1f MB: %.0f of %.0f bytes "
      "a frame, ratio %.2f\n",
      static_cast<unsigned long long>(sum.frames),
      static_cast<unsigned long long>(sum.records_lost), static_cast<double>(sum.bytes_in) * 1e-6,
      static_cast<double>(sum.bytes_out) * 1e-6,
      static_cast<double>(sum.bytes_out) / static_cast<double>(sum.frames),
      static_cast<double>(sum.bytes_in) / static_cast<double>(sum.frames),
      static_cast<double>(sum.bytes_in) / static_cast<double>(sum.bytes_out));
}

/// Hash of all events, and the time from the kernel's receipt to here.
struct Meter {
  template <class Event>
  void operator()(const Event& event) {
    if constexpr (!std::is_same_v<Event, StatusEvent> && !std::is_same_v<Event, LossEvent> &&
                  !std::is_same_v<Event, GapEvent>) {
      if (event.kernel_time.known()) {
        const std::int64_t took = wall_now_ns() - event.kernel_time.unix_ns;
        latency.record(static_cast<std::uint64_t>(std::max<std::int64_t>(took, 0)));
      }
      hash.add(event);
    }
  }
  EventHash hash;
  Histogram latency;
};

struct Round {
  std::string hash;
  double p50_us = 0;
  double rate = 0;
  FeedMetrics metrics;
};

Round run(const SimProcess& exchange, const std::vector<std::string>& codes,
          const std::string& folder, std::uint64_t frames) {
  FeedConfig config;
  config.endpoint.host = "localhost";
  config.endpoint.port = exchange.port();
  config.endpoint.ca_file = exchange.ca_file();
  config.ring_bytes = 64U << 20U;
  config.record.directory = folder;
  Feed feed = LiveHarness::feed(config);
  Client client = feed.client("load");
  EXPECT_TRUE(client.subscribe_ticker(codes).ok());
  EXPECT_TRUE(client.subscribe_trade(codes).ok());
  EXPECT_TRUE(client.subscribe_orderbook(codes).ok());
  Meter meter;
  EXPECT_TRUE(feed.start(meter).ok());
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(eventually([&] { return feed.metrics().frames >= frames; }, 900s));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  EXPECT_TRUE(feed.stop().ok());
  Round round{meter.hash.hex(), static_cast<double>(meter.latency.quantile(0.5)) * 1e-3, 0,
              feed.metrics()};
  round.rate = static_cast<double>(round.metrics.frames) / took.count();
  return round;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Goal: a feed under load is recorded whole, no slower than without, and each replay has the hash
// that was live. Method: rounds with and without a recorder in turns, against the exchange in
// another process; every recording is replayed by every kernel through rings of different sizes,
// 100 times in all, and the first, of ten seconds and more, at its own speed.
TEST(RecordLoad, recorded_whole_beside_a_feed_and_replayed_with_the_same_hash) {
  sim::SimConfig sim;
  sim.profile.frames_per_second = static_cast<double>(kRate);
  sim.queue_limit_bytes = 1U << 30U;
  const SimProcess exchange{sim};
  ASSERT_NE(exchange.port(), 0);
  sim::SimConfig idle;
  idle.start_on_subscribe = true;
  const std::vector<std::string> codes = sim::SimServer(idle).codes();
  constexpr std::uint64_t kRounds = 20;
  const std::uint64_t long_round = 10 * kRate + kRate / 2;
  const std::uint64_t round_frames = std::max<std::uint64_t>(
      (kFrames > long_round ? kFrames - long_round : 0) / (kRounds - 1), 1'000);

  RecorderMetrics sum;
  std::vector<double> ratios;
  std::vector<double> rates;
  std::uint64_t replays = 0;
  std::uint64_t equal = 0;
  for (std::uint64_t i = 0; i < kRounds; ++i) {
    const TempFolder folder;
    const std::uint64_t frames = i == 0 ? long_round : round_frames;
    const bool recorded_first = i % 2 == 0;
    Round with;
    if (recorded_first) with = run(exchange, codes, folder.path(), frames);
    const Round without = run(exchange, codes, {}, round_frames);
    if (!recorded_first) with = run(exchange, codes, folder.path(), frames);
    ratios.push_back(with.p50_us / without.p50_us);
    rates.push_back(with.rate);
    const RecorderMetrics& recorder = with.metrics.recorder;
    sum.frames += recorder.frames;
    sum.records_lost += recorder.records_lost;
    sum.bytes_in += recorder.bytes_in;
    sum.bytes_out += recorder.bytes_out;
    ASSERT_EQ(recorder.records_lost, 0U) << "round " << i;
    ASSERT_EQ(with.metrics.total().dropped + with.metrics.total().conflated, 0U) << "round " << i;
    EXPECT_EQ(recorder.bytes_out, bytes_of(folder.captures()));

    for (std::uint64_t each = 0; each < 5; ++each, ++replays) {
      const auto all = kernels();
      FeedConfig config;
      config.decode_kernel = all[(i + each) % all.size()];
      config.ring_bytes = std::size_t{64} << (10 + 2 * each);
      ReplayOptions options;
      if (i == 0 && each == 0) options.speed = 1;
      const std::string hash = replay(folder.captures(), options, config).hash.hex();
      EXPECT_EQ(hash, with.hash) << "round " << i << ", replay " << each;
      equal += hash == with.hash ? 1 : 0;
    }
  }
  print_sizes(sum);
  std::printf(
      "rate %.0f frames/s (median of rounds); p50 from kernel to handler, with to without "
      "recording: %.3f (median of %zu pairs)\n",
      median(rates), median(ratios), ratios.size());
  std::printf("replays with the live hash: %llu of %llu\n", static_cast<unsigned long long>(equal),
              static_cast<unsigned long long>(replays));
  EXPECT_GE(sum.frames, kFrames);
}

// Goal: the recorder alone keeps up with the rate, whatever the simulator reaches. Method: order
// books of 30 units put into a tap by the clock.
TEST(RecordLoad, a_tap_at_full_rate_loses_nothing) {
  constexpr std::size_t kDistinct = 5'000;
  sim::SyntheticProfile profile;
  profile.markets = {.krw = 60, .btc = 20, .usdt = 20};
  sim::Market market(1, profile, 1'790'134'742'000);
  std::vector<std::string> frames;
  while (frames.size() < kDistinct) {
    const sim::Event& event = market.step();
    if (event.kind != sim::EventKind::book) continue;
    sim::write_orderbook(frames.emplace_back(), sim::Format::full, sim::StreamType::realtime,
                         market.instruments()[event.market], market.published_book(event.market),
                         {});
  }
  const TempFolder folder;
  FeedConfig config;
  config.record.directory = folder.path();
  auto recorder = detail::Recorder::open(config, 1);
  ASSERT_TRUE(recorder.ok());
  const MonoTime start = mono_now();
  Histogram cost;
  for (std::uint64_t i = 0; i < kFrames; ++i) {
    const MonoTime due = start + static_cast<std::int64_t>(i * 1'000'000'000 / kRate);
    while (mono_now() < due) std::this_thread::sleep_for(50us);
    FrameMeta meta;
    meta.epoch = 1;
    meta.received_mono = mono_now();
    (*recorder)->tap(0).frame(2, frames[i % kDistinct], meta);
    cost.record(static_cast<std::uint64_t>(mono_now() - meta.received_mono));
  }
  const double took = static_cast<double>(mono_now() - start) * 1e-9;
  (*recorder)->finish();
  ASSERT_TRUE((*recorder)->wait(60'000'000'000).ok());
  const RecorderMetrics metrics = (*recorder)->metrics();
  print_sizes(metrics);
  std::printf(
      "%.0f frames/s; a frame costs its thread %llu ns (p50), %llu ns (p99), clock included; "
      "most of the ring ever used %.2f\n",
      static_cast<double>(kFrames) / took, static_cast<unsigned long long>(cost.quantile(0.5)),
      static_cast<unsigned long long>(cost.quantile(0.99)),
      static_cast<double>(metrics.ring_bytes_high) / static_cast<double>(metrics.ring_bytes));
  EXPECT_EQ(metrics.records_lost, 0U);
  EXPECT_EQ(metrics.frames, kFrames);
}

}  // namespace
