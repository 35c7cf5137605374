// upfeed bench, the live half: an open-loop run against the simulator.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <memory>
#include <thread>
#include <vector>

#include "bench_run.hpp"
#include "output.hpp"
#include "signals.hpp"
#include "sim/instruments.hpp"
#include "sim_process.hpp"
#include "tally.hpp"
#include "upfeed/feed.hpp"

namespace upfeed::program {
namespace {

using std::chrono::milliseconds;

constexpr auto kFirstDataPatience = std::chrono::seconds(15);
constexpr double kSliceSeconds = 0.1;
constexpr std::size_t kSlicesMax = 200;

/// Records on the dispatcher's thread what was due in a window that the main thread sets.
class Recorder {
 public:
  Recorder(std::chrono::microseconds clock_offset, double seconds)
      : clock_offset_ns_(std::chrono::nanoseconds(clock_offset).count()) {
    const double slices = std::clamp(seconds / kSliceSeconds, 1.0, double{kSlicesMax});
    slices_.resize(static_cast<std::size_t>(std::lround(slices)));
    slice_ns_ =
        static_cast<std::int64_t>(seconds * 1e9) / static_cast<std::int64_t>(slices_.size());
  }

  void operator()(const OrderbookEvent& event, const Book&) { take(event); }
  template <class Event>
  requires(!std::is_same_v<Event, OrderbookEvent>) void operator()(const Event& event) {
    if constexpr (is_stream(Event::kKind)) take(event);
  }

  /// From the main thread, once: frames due from here on are recorded.
  void open(MonoTime start) { start_ns_.store(start.ns, std::memory_order_relaxed); }
  [[nodiscard]] bool has_data() const { return has_data_.load(std::memory_order_relaxed); }

  // To be read once the dispatcher has ended.
  Histogram due_to_kernel;
  Histogram due_to_callback;
  Histogram kernel_to_callback;
  [[nodiscard]] std::vector<TimeSlice> timeline() const {
    std::vector<TimeSlice> result;
    for (std::size_t i = 0; i < slices_.size(); ++i) {
      result.push_back({static_cast<double>(i) * static_cast<double>(slice_ns_) / 1e9, slices_[i]});
    }
    return result;
  }

 private:
  template <class Event>
  void take(const Event& event) {
    if (event.stream_type != StreamType::realtime) return;
    has_data_.store(true, std::memory_order_relaxed);
    const std::int64_t due_ns = exchange_time(event).unix_us() * 1'000 - clock_offset_ns_;
    const std::int64_t after_ns = due_ns - start_ns_.load(std::memory_order_relaxed);
    const std::int64_t slice = after_ns / slice_ns_;
    if (after_ns < 0 || slice >= static_cast<std::int64_t>(slices_.size())) return;
    const Now now = Now::read();
    due_to_callback.record(now.mono.ns - due_ns);
    slices_[static_cast<std::size_t>(slice)].record(now.mono.ns - due_ns);
    if (!event.kernel_time.known()) return;
    kernel_to_callback.record(now.unix_ns - event.kernel_time.unix_ns);
    due_to_kernel.record(event.kernel_time.unix_ns - (now.unix_ns - now.mono.ns) - due_ns);
  }

  const std::int64_t clock_offset_ns_;
  std::vector<Histogram> slices_;
  std::int64_t slice_ns_ = 1;
  std::atomic<std::int64_t> start_ns_{INT64_MAX / 2};
  std::atomic<bool> has_data_{false};
};

/// Everything that only grows, at one moment.
struct Reading {
  FeedMetrics metrics;
  Costs costs;
  double simulator_cpu_seconds = 0;
  MonoTime at;
};

std::vector<std::string> simulator_arguments(const BenchOptions& options) {
  const sim::SyntheticProfile& profile = options.profile;
  const char* const pacing = profile.pacing == sim::Pacing::even    ? "even"
                             : profile.pacing == sim::Pacing::burst ? "burst"
                                                                    : "market";
  return {"--stamp-due",
          "--pacing",
          pacing,
          "--fps",
          std::to_string(profile.frames_per_second),
          "--seed",
          std::to_string(options.seed),
          "--codes-krw",
          std::to_string(profile.markets.krw),
          "--codes-btc",
          std::to_string(profile.markets.btc),
          "--codes-usdt",
          std::to_string(profile.markets.usdt)};
}

std::vector<std::string> simulated_codes(const BenchOptions& options) {
  sim::Random random(options.seed);
  std::vector<std::string> codes;
  for (const sim::Instrument& instrument : sim::make_instruments(options.profile.markets, random)) {
    codes.push_back(instrument.code);
  }
  return codes;
}

/// One run, from start to report. A member for everything that has to outlive the feed's threads.
class LiveBench {
 public:
  LiveBench(const BenchOptions& options, SimProcess simulator)
      : options_(options),
        simulator_(std::move(simulator)),
        recorder_(simulator_.clock_offset(), options.seconds) {}

  Result<BenchReport> run() {
    FeedConfig config = options_.config;
    config.endpoint = simulator_.endpoint();
    config.stage_stamps = true;
    Result<Feed> created = Feed::create(config);
    if (!created) return created.error();
    Feed& feed = *created;
    Client client = feed.client("bench");
    Status status = subscribe(client, simulated_codes(options_), options_.streams);
    if (!status) return status.error();
    {
      const SignalsBlocked blocked;
      status = feed.start(recorder_);
    }
    if (!status) return status.error();
    if (!wait_for_data()) {
      if (!stop_requested()) return Error{Errc::timeout, "no data came from the simulator"};
      return report({}, {}, {});
    }
    sleep_until(mono_of(options_.warmup_seconds), "warming up");
    return measure(feed);
  }

 private:
  [[nodiscard]] static MonoTime now() { return Now::read().mono; }
  [[nodiscard]] static MonoTime mono_of(double seconds_from_now) {
    return now() + static_cast<std::int64_t>(seconds_from_now * 1e9);
  }

  bool wait_for_data() {
    const auto give_up = std::chrono::steady_clock::now() + kFirstDataPatience;
    while (!recorder_.has_data()) {
      if (stop_requested() || std::chrono::steady_clock::now() > give_up) return false;
      std::this_thread::sleep_for(milliseconds(20));
    }
    return true;
  }

  /// Must not allocate: what it does would be counted as the feed's.
  static void sleep_until(MonoTime end, const char* what) {
    const bool shown = stderr_is_terminal();
    for (;;) {
      const std::int64_t left_ns = end - now();
      if (left_ns <= 0 || stop_requested()) break;
      if (shown)
        std::fprintf(stderr, "\r%s: %.0f s \033[K", what,
                     std::ceil(static_cast<double>(left_ns) / 1e9));
      std::this_thread::sleep_for(
          std::min(std::chrono::nanoseconds(left_ns), std::chrono::nanoseconds(milliseconds(500))));
    }
    if (shown) std::fprintf(stderr, "\r\033[K");
  }

  Reading read(const Feed& feed) const {
    Reading reading{feed.metrics(), {}, simulator_.cpu_seconds(), {}};
    reading.costs = Costs::read();
    reading.at = now();
    return reading;
  }

  Result<BenchReport> measure(Feed& feed) {
    Reading before = read(feed);
    recorder_.open(before.at);
    const auto allocated_before = Allocations::read();
    sleep_until(before.at + static_cast<std::int64_t>(options_.seconds * 1e9), "measuring");
    const auto allocated_after = Allocations::read();
    const Reading after = read(feed);
    // What was due in the last moment may still be on its way.
    if (!stop_requested()) std::this_thread::sleep_for(milliseconds(200));
    before.costs.allocations = allocated_before;
    const Status stopped = feed.stop();
    if (!stopped) return stopped.error();
    Reading end = after;
    end.costs.allocations = allocated_after;
    return report(before, end, feed.metrics().total());
  }

  BenchReport report(const Reading& before, const Reading& after,
                     const StreamCounts& counts) const {
    BenchReport report;
    report.mode = "live";
    report.complete = !stop_requested();
    report.seconds = static_cast<double>(after.at - before.at) / 1e9;
    report.frames = after.metrics.frames - before.metrics.frames;
    report.bytes = after.metrics.bytes - before.metrics.bytes;
    report.receive_calls = after.metrics.receive_calls - before.metrics.receive_calls;
    report.fallback_frames = after.metrics.fallback_frames - before.metrics.fallback_frames;
    report.counts = counts;
    report.costs = after.costs - before.costs;
    report.simulator_cpu_seconds = after.simulator_cpu_seconds - before.simulator_cpu_seconds;
    report.timeline = recorder_.timeline();
    add_latencies(before, after, report);
    report.shares = {{"I/O thread", report.costs.io.cpu_seconds},
                     {"dispatcher", report.costs.dispatcher.cpu_seconds}};
    return report;
  }

  void add_latencies(const Reading& before, const Reading& after, BenchReport& report) const {
    const auto stage = [&](Stage which) {
      const auto i = static_cast<std::size_t>(which);
      if (i >= after.metrics.stages.size()) return Histogram();
      return after.metrics.stages[i].since(before.metrics.stages[i]);
    };
    report.latencies = {
        {"due_to_kernel", "due > kernel", false, recorder_.due_to_kernel},
        {"kernel_to_user", "kernel > user", false, stage(Stage::kernel_to_user)},
        {"user_to_decoded", "user > decoded", false, stage(Stage::user_to_decoded)},
        {"decoded_to_dispatch", "decoded > dispatched", false, stage(Stage::decoded_to_dispatch)},
        {"dispatch_to_done", "dispatched > done", false, stage(Stage::dispatch_to_done)},
        {"kernel_to_callback", "kernel > callback", true, recorder_.kernel_to_callback},
        {"due_to_callback", "due > callback", true, recorder_.due_to_callback}};
  }

  const BenchOptions& options_;
  SimProcess simulator_;
  Recorder recorder_;
};

}  // namespace

Result<BenchReport> bench_live(const BenchOptions& options) {
  count_openssl_allocations();
  Result<SimProcess> simulator = SimProcess::start(simulator_arguments(options), options.sim_cpu);
  if (!simulator) return simulator.error();
  return std::make_unique<LiveBench>(options, std::move(*simulator))->run();
}

}  // namespace upfeed::program
