// The whole way: from a readable socket to a callback with the order book, over two pinned threads.
//
//   this thread       peer.send(); then, timed: receive, TLS, WebSocket, decode, queue
//   the other one                               queue, book, callback: time taken
//
// Ours is the shipped Feed, driven by step_io() here and poll() there; the others are in
// pipeline_baselines.hpp. And the same way from memory: frames through the shipped Intake, ring and
// Dispatcher, as fast as they go.

#include <atomic>
#include <cmath>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "beast_client.hpp"
#include "dispatcher.hpp"
#include "frames.hpp"
#include "gates.hpp"
#include "harness.hpp"
#include "intake.hpp"
#include "loopback.hpp"
#include "pipeline_baselines.hpp"
#include "upfeed/feed.hpp"

namespace upfeed::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kFrames = 128;
constexpr std::size_t kFramesPerRound = 64;
constexpr std::size_t kMemoryFramesPerRound = 8192;
constexpr const char* kTail = "p99_to_p50";  // of our frames in clean rounds

/// The same books at one time each, since they go round and round and a book refuses to go back.
std::vector<Frame> frames_of_one_time() {
  std::vector<Frame> frames;
  for (const Frame& frame : make_book_frames(BookCorpus::default_all, kFrames)) {
    constexpr std::string_view kKey = "\"timestamp\":";
    constexpr std::string_view kTime = "1790134742000";
    std::string text(frame.text());
    text.replace(text.find(kKey) + kKey.size(), kTime.size(), kTime);
    frames.emplace_back(std::move(text));
  }
  return frames;
}

/// What a frame says, read by the reference decoder.
struct Expected {
  struct Levels {
    std::vector<BookUnit> exact;
    std::vector<DoubleUnit> rounded;  // the same, sizes beyond int64 included
  };
  MarketTable markets;
  std::vector<Levels> levels;
  std::vector<std::string> codes;

  explicit Expected(const std::vector<Frame>& frames) {
    Decoder decoder(markets, UnknownMarkets::intern, std::size_t{1} << 16, DecodeKernel::reference);
    alignas(16) std::array<std::byte, kEventBytesMax> room;
    for (const Frame& frame : frames) {
      require(decoder.decode(frame.payload(), {.epoch = 1}, room).is_event(), "frames decode");
      const auto& event = *reinterpret_cast<const OrderbookEvent*>(room.data());
      Levels& next = levels.emplace_back();
      next.exact.assign(event.units().begin(), event.units().end());
      for (std::size_t i = 0; i < event.unit_count; ++i) {
        next.rounded.push_back({next.exact[i].ask_price.to_double(),
                                next.exact[i].bid_price.to_double(), event.ask_size(i).to_double(),
                                event.bid_size(i).to_double()});
      }
      codes.emplace_back(event.code.view());
    }
  }
};

bool near(double value, double exact) {
  return std::abs(value - exact) <= 1e-12 * std::abs(exact);
}
bool same(const DoubleUnit& a, const DoubleUnit& b) {
  return near(a.ask_price, b.ask_price) && near(a.bid_price, b.bid_price) &&
         near(a.ask_size, b.ask_size) && near(a.bid_size, b.bid_size);
}
bool shows(const Book& book, const Expected::Levels& levels) {
  return book.live() && std::ranges::equal(book.units_unchecked(), levels.exact);
}
bool shows(const IndexedPipeline::Book& book, const Expected::Levels& levels) {
  return std::ranges::equal(std::span(book.units).first(book.unit_count), levels.rounded, same);
}
bool shows(const UsualPipeline::Book& book, const Expected::Levels& levels) {
  UsualPipeline::Book expected;  // where a side ends early, its padding is one level 0
  for (const DoubleUnit& unit : levels.rounded) {
    expected.asks[unit.ask_price] = unit.ask_size;
    expected.bids[unit.bid_price] = unit.bid_size;
  }
  const auto same_level = [](const auto& a, const auto& b) {
    return near(a.first, b.first) && near(a.second, b.second);
  };
  return std::ranges::equal(book.asks, expected.asks, same_level) &&
         std::ranges::equal(book.bids, expected.bids, same_level);
}

/// Where all callbacks end: when, and while verifying, with what.
class Finish {
 public:
  explicit Finish(const Expected& expected) : expected_(expected) {}

  template <class AnyBook>
  void arrive(const AnyBook& book) {
    at_ = Clock::now();
    const std::uint64_t number = count_.load(std::memory_order_relaxed);
    if (verifying_) good_ = good_ && shows(book, expected_.levels[number % kFrames]);
    count_.store(number + 1, std::memory_order_release);
  }

  [[nodiscard]] std::uint64_t count() const { return count_.load(std::memory_order_acquire); }
  /// Of the newest arrival that count() has shown.
  [[nodiscard]] Clock::time_point at() const { return at_; }
  /// Between arrivals.
  void verify(bool on) { verifying_ = on; }
  [[nodiscard]] bool good() const { return good_; }

 private:
  const Expected& expected_;
  Clock::time_point at_;
  bool verifying_ = false;
  bool good_ = true;
  alignas(64) std::atomic<std::uint64_t> count_{0};
};

/// The dispatching thread; works for one contender at a time.
class Worker {
 public:
  explicit Worker(int cpu) : thread_([this, cpu] { run(cpu); }) {}
  ~Worker() {
    give([] {});
    stop_.store(true, std::memory_order_release);
    given_.fetch_add(1, std::memory_order_release);
    thread_.join();
  }
  /// Returns at once; one job at a time.
  void give(std::function<void()> job) {
    wait();
    job_ = std::move(job);
    given_.fetch_add(1, std::memory_order_release);
  }
  void wait() const {
    while (done_.load(std::memory_order_acquire) != given_.load(std::memory_order_relaxed)) {
      std::this_thread::yield();
    }
  }

 private:
  void run(int cpu) {
    if (cpu >= 0) static_cast<void>(pin_this_thread(cpu));  // shown as noise, where refused
    for (std::uint64_t seen = 0;; ++seen) {
      while (given_.load(std::memory_order_acquire) == seen) std::this_thread::yield();
      if (stop_.load(std::memory_order_acquire)) return;
      job_();
      done_.store(seen + 1, std::memory_order_release);
    }
  }
  std::function<void()> job_;
  std::atomic<std::uint64_t> given_{0};
  std::atomic<std::uint64_t> done_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

/// What every contender is given.
struct Setting {
  LoopbackServer server;
  std::vector<Frame> frames = frames_of_one_time();
  Expected expected{frames};
  Worker worker;

  explicit Setting(int cpu) : worker(cpu) {}
};

/// The shipped feed on the caller's threads.
class OurPipeline {
 public:
  OurPipeline(Setting& setting, Finish& finish) : feed_(make_feed(setting.server)) {
    std::vector<std::string> codes = setting.expected.codes;
    std::ranges::sort(codes);
    codes.erase(std::unique(codes.begin(), codes.end()), codes.end());
    const auto subscribed = client_.subscribe_orderbook(
        codes, [&finish](const OrderbookEvent&, const Book& book) { finish.arrive(book); });
    require(subscribed.ok(), "the feed takes the subscription");
    while (feed_.metrics().connections.front().requests_sent == 0) {
      feed_.poll();
      feed_.step_io();
    }
    feed_.poll();  // from here on by the other thread
  }
  void receive() { feed_.step_io(); }
  void dispatch() { feed_.poll(); }

 private:
  static Feed make_feed(const LoopbackServer& server) {
    FeedConfig config;
    config.endpoint.host = LoopbackServer::kHost;
    config.endpoint.port = server.port();
    config.endpoint.ca_file = server.ca_file();
    Result<Feed> feed = Feed::create(config);
    require(feed.ok(), "the feed can be made");
    return std::move(*feed);
  }
  Feed feed_;
  Client client_ = feed_.client("bench");
};

template <class Pipeline>
class BeastPipeline {
 public:
  BeastPipeline(Setting& setting, Finish& finish)
      : pipeline_([&finish](const auto& book) { finish.arrive(book); }),
        client_(
            BeastClient::Mode::asynchronous, setting.server.port(), setting.server.ca_file(),
            [](void* pipeline, std::span<const char> payload) {
              static_cast<Pipeline*>(pipeline)->on_payload(payload);
            },
            &pipeline_) {}
  void receive() { client_.step(); }
  void dispatch() { pipeline_.dispatch(); }

 private:
  Pipeline pipeline_;
  BeastClient client_;
};

/// One contender with its connection.
template <class Pipeline>
class Run {
 public:
  explicit Run(Setting& setting)
      : setting_(setting),
        finish_(setting.expected),
        ends_(setting.server.join([&] { return std::make_unique<Pipeline>(setting, finish_); })) {
    finish_.verify(true);
    for (int i = 0; i < 2; ++i) static_cast<void>(round(kFrames));
    finish_.verify(false);
    require(finish_.good(), "every callback has the book of its frame");
  }

  /// Sorted times of so many frames, one at a time, in seconds.
  const std::vector<double>& round(std::size_t frames) {
    std::vector<std::string> sealed(frames);
    for (std::string& each : sealed) {
      each = ends_.second->seal(setting_.frames[next_].text());
      next_ = next_ + 1 == setting_.frames.size() ? 0 : next_ + 1;
    }
    const std::uint64_t end = finish_.count() + frames;
    Pipeline& pipeline = *ends_.first;
    setting_.worker.give([this, &pipeline, end] {
      while (finish_.count() < end) pipeline.dispatch();
    });
    times_.clear();
    ends_.second->acks_on_arrival();
    for (const std::string& each : sealed) {
      const std::uint64_t before = finish_.count();
      ends_.second->send(each);
      const auto start = Clock::now();
      while (finish_.count() == before) pipeline.receive();
      times_.push_back(std::chrono::duration<double>(finish_.at() - start).count());
    }
    setting_.worker.wait();
    std::ranges::sort(times_);
    return times_;
  }

 private:
  Setting& setting_;
  Finish finish_;
  std::pair<std::unique_ptr<Pipeline>, std::unique_ptr<Peer>> ends_;
  std::size_t next_ = 0;
  std::vector<double> times_;
};

double at_fraction(const std::vector<double>& sorted, double fraction) {
  return sorted[static_cast<std::size_t>(fraction * static_cast<double>(sorted.size() - 1))];
}

template <class Other>
void compare_pipelines(benchmark::State& state, Setting& setting) {
  Run<OurPipeline> ours(setting);
  Run<Other> other(setting);
  Comparison comparison(1);  // an operation is a frame, its time the round's median
  std::vector<double> all;
  bool ours_first = true;
  for (auto iteration : state) {
    static_cast<void>(iteration);
    const auto start = Clock::now();
    comparison.start_pair();
    double other_s = ours_first ? 0 : at_fraction(other.round(kFramesPerRound), 0.5);
    const std::vector<double>& times = ours.round(kFramesPerRound);
    const double ours_s = at_fraction(times, 0.5);
    if (ours_first) other_s = at_fraction(other.round(kFramesPerRound), 0.5);
    if (comparison.end_pair(ours_s, other_s)) all.insert(all.end(), times.begin(), times.end());
    state.SetIterationTime(std::chrono::duration<double>(Clock::now() - start).count());
    ours_first = !ours_first;
  }
  comparison.report(state);
  if (all.empty()) return;
  std::ranges::sort(all);
  state.counters[kTail] = at_fraction(all, 0.99) / at_fraction(all, 0.5);
}

/// Frames from memory through intake, ring and dispatcher, as a replay does it but for the file.
class MemoryPipeline {
 public:
  explicit MemoryPipeline(Setting& setting)
      : setting_(setting),
        finish_(setting.expected),
        ring_(std::size_t{1} << 20, kEventBytesMax),
        outlet_(ring_, counters_, 256),
        intake_(markets_, UnknownMarkets::intern, std::size_t{1} << 16, outlet_, counters_),
        mailboxes_(plan_.count()),
        dispatcher_(markets_, {&ring_}, plan_, mailboxes_, false) {
    auto subscription = std::make_shared<detail::Subscription>();
    subscription->kind = EventKind::orderbook;
    subscription->units = kBookDepthMax;
    subscription->callback = OrderbookCallback(
        [this](const OrderbookEvent&, const Book& book) { finish_.arrive(book); });
    for (const std::string& code : setting.expected.codes) {
      const MarketCode parsed = *MarketCode::parse(code);
      if (std::ranges::find(subscription->codes, parsed) != subscription->codes.end()) continue;
      subscription->codes.push_back(parsed);
      subscription->markets.push_back(markets_.intern(parsed));
    }
    subscription->served.resize(subscription->codes.size());
    dispatcher_.submit({subscription, true});
    finish_.verify(true);
    static_cast<void>(round(2 * kFrames));
    finish_.verify(false);
    require(finish_.good(), "every callback from memory has the book of its frame");
  }

  /// Seconds for so many frames.
  double round(std::size_t frames) {
    const std::uint64_t end = finish_.count() + frames;
    setting_.worker.give([this, end] {
      while (finish_.count() < end) poll();
    });
    const auto start = Clock::now();
    for (std::size_t i = 0; i < frames; ++i) {
      // Lossless: without room, the frame is not read.
      while (!outlet_.has_room()) {
      }
      FrameMeta meta{.epoch = 1};
      meta.frame_sequence = ++sequence_;
      meta.received_mono = MonoTime{static_cast<std::int64_t>(sequence_)};
      const Frame& frame =
          setting_.frames[sequence_ % kFrames == 0 ? kFrames - 1 : sequence_ % kFrames - 1];
      static_cast<void>(intake_.accept(frame.payload(), meta, [](const EventHeader&) noexcept {}));
    }
    setting_.worker.wait();
    return std::chrono::duration<double>(Clock::now() - start).count();
  }

 private:
  void poll() {
    static_cast<void>(dispatcher_.begin_poll());
    for (std::size_t i = 0; i < Feed::kPollLimit && dispatcher_.next().event != nullptr; ++i) {
      dispatcher_.finish();
    }
    dispatcher_.end_poll();
  }

  Setting& setting_;
  Finish finish_;
  const FeedConfig config_;
  const detail::ConnectionPlan plan_{config_};
  MarketTable markets_;
  SpscRing ring_;
  IntakeCounters counters_;
  Outlet outlet_;
  Intake intake_;
  std::vector<detail::WantedMailbox> mailboxes_;
  detail::Dispatcher dispatcher_;
  std::uint64_t sequence_ = 0;
};

void from_memory(benchmark::State& state, Setting& setting) {
  MemoryPipeline pipeline(setting);
  Rate rate(kMemoryFramesPerRound);
  for (auto iteration : state) {
    static_cast<void>(iteration);
    rate.start_round();
    const double seconds = pipeline.round(kMemoryFramesPerRound);
    rate.end_round(seconds);
    state.SetIterationTime(seconds);
  }
  rate.report(state);
}

void prepare() {
  const std::vector<int> cpus = allowed_cpus();
  const bool two = cpus.size() >= 2 && pin_this_thread(cpus[0]);
  if (!two) benchmark::AddCustomContext("WARNING", "not pinned: two threads share what there is");
  static Setting setting(two ? cpus[1] : -1);
  const auto add = [](const char* name, void (*run)(benchmark::State&, Setting&)) {
    benchmark::RegisterBenchmark(name, [run](benchmark::State& state) { run(state, setting); })
        ->UseManualTime()
        ->Unit(benchmark::kMicrosecond);
  };
  constexpr const char* kCareful = "socket_to_callback/vs_on_demand_index_ring_flat_book";
  constexpr const char* kUsual = "socket_to_callback/vs_nlohmann_mutex_queue_map";
  constexpr const char* kMemory = "memory_to_callback";
  add(kCareful, compare_pipelines<BeastPipeline<IndexedPipeline>>);
  add(kUsual, compare_pipelines<BeastPipeline<UsualPipeline>>);
  add(kMemory, from_memory);
  add_gate(Gate::ratio("G6", kCareful, 0.40, 0.55));
  add_gate(Gate::speedup("G6", kUsual, 20, 12));
  add_gate({"G8", kCareful, kTail, Gate::Direction::at_most, 3, 3});
  add_gate({"G9", kMemory, kPerSecond, Gate::Direction::at_least, 1e6, 5e5});
}

}  // namespace
}  // namespace upfeed::bench

int main(int argc, char** argv) {
  return upfeed::bench::run(argc, argv, upfeed::bench::prepare);
}
