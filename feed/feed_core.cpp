#include "feed_core.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <system_error>

namespace upfeed::detail {

namespace {

// How long stop() waits for a dispatcher that does not empty the ring.
constexpr std::int64_t kDrainNs = 500'000'000;

// And for a recorder that has not written everything yet.
constexpr std::int64_t kRecorderNs = 300'000'000;

// How often a sleeping dispatcher looks up: as a sign of life, and while it has timers.
constexpr int kHeartbeatMs = 1'000;
constexpr int kTimersWaitMs = 100;

struct NoHandler {};

std::vector<std::unique_ptr<IoLane>> make_lanes(const FeedConfig& config, MarketTable& markets,
                                                bool live, Recorder* recorder) {
  std::vector<std::unique_ptr<IoLane>> lanes;
  // One thread reads a capture, so that all events have one order.
  const std::uint32_t count = live ? config.io_threads : 1;
  for (std::uint32_t i = 0; i < count; ++i) {
    RecordTap* const tap = recorder != nullptr ? &recorder->tap(i) : nullptr;
    lanes.push_back(std::make_unique<IoLane>(config, markets, live, tap));
  }
  return lanes;
}

/// Empty when the pin succeeded.
std::string pin_problem(const char* thread, int cpu, int failed_errno) {
  if (failed_errno == 0) return {};
  return std::string("cannot pin the ") + thread + " thread to core " + std::to_string(cpu) + ": " +
         std::generic_category().message(failed_errno) + "; use -1 or a core of this machine";
}

}  // namespace

IoLane::IoLane(const FeedConfig& config, MarketTable& markets, bool live, RecordTap* tap)
    : ring(config.ring_bytes, kEventBytesMax),
      stages(config.stage_stamps && live ? std::make_unique<StageHistograms>() : nullptr),
      outlet(ring, counters, config.pending_markets_max, tap),
      intake(markets, live ? UnknownMarkets::refuse : UnknownMarkets::intern,
             config.message_bytes_max, outlet, counters, stages.get(), config.decode_kernel) {}

FeedCore::FeedCore(const FeedConfig& config, std::optional<ReplaySource> replay,
                   std::unique_ptr<Recorder> recorder)
    : config_(config),
      plan_(config),
      replays_(replay.has_value()),
      markets_(config.market_capacity),
      mailboxes_(plan_.count()),
      connections_(replay ? replay->capture.connection_count() : plan_.count()),
      budget_({.per_second = config.dials_per_second, .per_minute = config.dials_per_minute}),
      recorder_(std::move(recorder)),
      lanes_(make_lanes(config_, markets_, !replays_, recorder_.get())),
      dispatcher_(markets_, rings(), plan_, mailboxes_, config.stage_stamps) {
  if (replay) {
    IoLane& lane = *lanes_.front();
    lane.io = std::make_unique<ReplayIo>(std::move(replay->capture), replay->options, lane.intake,
                                         lane.outlet, connections_, replay_counters_);
    dispatcher_.replay_into(replay_now_, connections_.size());
  } else {
    make_live_lanes();
    if (config.backfill.count() != 0) {
      backfiller_ =
          std::make_unique<Backfiller>(config_.endpoint, [this] { dispatcher_parker_.wake(); });
      dispatcher_.backfill_with(*backfiller_, std::chrono::nanoseconds(config.backfill).count());
    }
  }
}

FeedCore::~FeedCore() = default;

std::vector<SpscRing*> FeedCore::rings() noexcept {
  std::vector<SpscRing*> rings;
  for (const auto& lane : lanes_) rings.push_back(&lane->ring);
  return rings;
}

void FeedCore::make_live_lanes() {
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    std::vector<ConnectionPlace> places;
    for (std::size_t c = i; c < plan_.count(); c += lanes_.size()) {
      const auto number = static_cast<std::uint32_t>(c);
      places.push_back({{number, plan_.kind_of(number), connections_[c]}, &mailboxes_[c]});
    }
    IoLane& lane = *lanes_[i];
    RecordTap* const tap = recorder_ != nullptr ? &recorder_->tap(i) : nullptr;
    lane.io = std::make_unique<LiveIo>(config_, std::move(places), budget_, lane.intake,
                                       lane.outlet, tap, i == 0 ? recorder_.get() : nullptr);
  }
}

// --- the two halves
// -------------------------------------------------------------------------------

std::size_t FeedCore::step_io() {
  std::size_t work = 0;
  for (const auto& lane : lanes_) work += step_lane(*lane);
  return work;
}

std::size_t FeedCore::step_lane(IoLane& lane) {
  const std::size_t work = lane.io->step();
  lane.counters.pending_records.set(lane.outlet.pending_count());
  const std::uint64_t published = lane.outlet.published();
  if (published != lane.published_seen) {
    lane.published_seen = published;
    lane.counters.ring_bytes_high.raise_to(lane.ring.used_bytes());
    dispatcher_parker_.wake();
  }
  return work;
}

void FeedCore::begin_poll() noexcept {
  std::uint32_t changed = dispatcher_.begin_poll();
  for (std::size_t connection = 0; changed != 0; changed >>= 1, ++connection) {
    if ((changed & 1U) != 0) lanes_[connection % lanes_.size()]->parker.wake();
  }
}

void FeedCore::submit(Change change) {
  dispatcher_.submit(std::move(change));
  dispatcher_parker_.wake();
}

Status FeedCore::load_markets(std::chrono::milliseconds timeout) {
  if (dispatcher_.on_this_thread()) {
    return Error{Errc::called_from_callback,
                 "load_markets: called from a callback, which it would hold up; call it from "
                 "another thread"};
  }
  if (replays_) return Done{};  // what was recorded was there
  auto rules = fetch_market_rules(config_.endpoint, timeout);
  if (!rules) return Error{rules.error().code, "load_markets: " + rules.error().message};
  const std::lock_guard lock(rules_mutex_);
  rules_ = std::make_shared<const MarketRules>(std::move(*rules));
  return Done{};
}

void FeedCore::audit() {
  for (ConnectionCounters& connection : connections_) {
    connection.audits_asked.fetch_add(1, std::memory_order_relaxed);
  }
  for (const auto& lane : lanes_) lane->parker.wake();
}

Status FeedCore::reshard(const Sharding& sharding) {
  if (stopped()) return Error{Errc::stopped, "reshard: the feed has been stopped"};
  if (replays_) {
    return Error{Errc::bad_config, "reshard: a replay has the connections of its recording"};
  }
  if (sharding.connections < 1 || sharding.connections > plan_.public_max()) {
    return Error{Errc::bad_config, "sharding.connections is " +
                                       std::to_string(sharding.connections) + ": must be 1 to " +
                                       std::to_string(plan_.public_max()) +
                                       "; see FeedConfig::shards_max"};
  }
  submit({.sharding = sharding});
  return Done{};
}

// --- threads
// --------------------------------------------------------------------------------------

void FeedCore::run_io(IoLane& lane, std::size_t index) {
  const int cpu = config_.io_cpu < 0 ? -1 : config_.io_cpu + static_cast<int>(index);
  const int failed = set_up_thread("upfeed-io", cpu);
  lane.ready.store(failed, std::memory_order_release);
  lane.ready.notify_all();
  if (failed != 0) return;
  const auto contained = [&](const auto& work) {
    try {
      work();
    } catch (const std::exception& error) {
      // Out of memory, for one: the feed ends loudly rather than the process.
      report_failure(lane, error.what());
    } catch (...) {
      report_failure(lane, "an exception of an unknown type");
    }
  };
  contained([&] { produce(lane); });
  contained([&] { lane.io->finish(); });
  const MonoTime give_up = mono_now() + kDrainNs;
  do {
    lane.outlet.flush();
    dispatcher_parker_.wake();
    if (lane.outlet.pending()) std::this_thread::sleep_for(std::chrono::microseconds(200));
  } while (lane.outlet.pending() && mono_now() < give_up);
  lane.outlet.abandon();
}

void FeedCore::produce(IoLane& lane) {
  while (!stop_io_.load(std::memory_order_acquire)) {
    lane.counters.heartbeat_ns.set(static_cast<std::uint64_t>(mono_now().ns));
    const bool worked = step_lane(lane) != 0;
    if (config_.io_wait == WaitPolicy::park) {
      if (!worked || lane.io->wait_looks_first()) lane.io->wait(lane.parker, stop_io_);
    } else if (!worked && config_.io_wait == WaitPolicy::yield) {
      std::this_thread::yield();
    }
  }
}

void FeedCore::report_failure(IoLane& lane, std::string_view reason) noexcept {
  StatusEvent event;
  event.size_bytes = sizeof event;
  event.received_mono = mono_now();
  event.previous_state = SessionState::live;
  event.state = SessionState::failed;
  event.cause = StatusCause::io_error;
  event.text.assign(reason.substr(0, event.text.capacity()));
  for (const Connection::Place& place : lane.io->places()) {
    event.connection = place.number;
    event.epoch = static_cast<std::uint32_t>(place.counters.epoch.get());
    place.counters.state.store(SessionState::failed, std::memory_order_relaxed);
    lane.outlet.status(event);
  }
}

void FeedCore::run_dispatcher() {
  const int failed = set_up_thread("upfeed-disp", config_.dispatcher_cpu);
  dispatcher_ready_.store(failed, std::memory_order_release);
  dispatcher_ready_.notify_all();
  if (failed != 0) return;
  for (;;) {
    // Asked before the poll: what was published before the stop is dispatched still.
    const bool last = stop_dispatcher_.load(std::memory_order_acquire);
    if (poll_(*this, handler_, Feed::kPollLimit) != 0) continue;
    if (last) return;
    if (config_.dispatcher_wait == WaitPolicy::spin) continue;
    if (config_.dispatcher_wait == WaitPolicy::yield) {
      std::this_thread::yield();
      continue;
    }
    dispatcher_parker_.prepare();
    if (dispatcher_.has_work() || stop_dispatcher_.load(std::memory_order_acquire)) {
      dispatcher_parker_.cancel();
    } else {
      dispatcher_parker_.wait(dispatcher_.has_timers() ? kTimersWaitMs : kHeartbeatMs);
    }
  }
}

Status FeedCore::start(PollFunction poll, void* handler) {
  const std::lock_guard lock(control_mutex_);
  if (stopped()) return Error{Errc::stopped, "start: this feed has been stopped; make a new one"};
  if (running()) return Error{Errc::already_running, "start: the feed is running already"};
  poll_ = poll;
  handler_ = handler;
  running_.store(true, std::memory_order_release);
  std::string problem;
  try {
    problem = start_threads();
  } catch (const std::system_error& error) {
    problem = std::string("cannot start a thread: ") + error.what();
  }
  if (problem.empty()) return Done{};
  join();
  stop_io_.store(false);
  stop_dispatcher_.store(false);
  return Error{Errc::system, "start: " + problem};
}

/// Returns what went wrong; empty when all threads run and are pinned.
std::string FeedCore::start_threads() {
  dispatcher_ready_.store(kNotReady);
  dispatcher_thread_ = std::thread([this] { run_dispatcher(); });
  dispatcher_ready_.wait(kNotReady);
  std::string problem = pin_problem("dispatcher", config_.dispatcher_cpu, dispatcher_ready_.load());
  for (std::size_t i = 0; i < lanes_.size() && problem.empty(); ++i) {
    IoLane& lane = *lanes_[i];
    lane.ready.store(kNotReady);
    lane.thread = std::thread([this, &lane, i] { run_io(lane, i); });
    lane.ready.wait(kNotReady);
    problem = pin_problem("I/O", config_.io_cpu + static_cast<int>(i), lane.ready.load());
  }
  return problem;
}

void FeedCore::join() {
  stop_io_.store(true, std::memory_order_release);
  for (const auto& lane : lanes_) lane->parker.wake();
  for (const auto& lane : lanes_) {
    if (lane->thread.joinable()) lane->thread.join();
  }
  if (recorder_ != nullptr && stopped()) recorder_->finish();
  stop_dispatcher_.store(true, std::memory_order_release);
  dispatcher_parker_.wake();
  if (dispatcher_thread_.joinable()) dispatcher_thread_.join();
  running_.store(false, std::memory_order_release);
}

Status FeedCore::stop() {
  if (dispatcher_.on_this_thread()) {
    return Error{Errc::called_from_callback,
                 "stop: called from a callback, which it would have to wait for; call it from "
                 "another thread"};
  }
  const std::lock_guard lock(control_mutex_);
  if (stopped_.exchange(true, std::memory_order_acq_rel)) return Done{};
  if (!running()) {
    for (const auto& lane : lanes_) lane->io->finish();
    if (recorder_ != nullptr) recorder_->finish();
    drain();
  } else {
    join();
  }
  dispatcher_.disconnect_books();
  if (backfiller_ != nullptr) backfiller_->stop();
  if (recorder_ == nullptr) return Done{};
  const Status recorded = recorder_->wait(kRecorderNs);
  return recorded ? recorded : Error{Errc::system, "stop: " + recorded.error().message};
}

void FeedCore::drain() {
  NoHandler none;
  std::size_t moved = 0;
  do {
    moved = 0;
    for (const auto& lane : lanes_) moved += lane->outlet.flush();
    moved += poll_with(*this, none, Feed::kPollLimit);
  } while (moved != 0);
}

// --- metrics
// --------------------------------------------------------------------------------------

FeedMetrics FeedCore::metrics() const {
  FeedMetrics metrics;
  const MonoTime now = this->now();
  add_stream_metrics(metrics, now);
  add_thread_metrics(metrics, mono_now());
  if (recorder_ != nullptr) metrics.recorder = recorder_->metrics();
  if (replays_) add_replay_metrics(metrics);
  for (std::uint32_t i = 0; i < connections_.size(); ++i) {
    // Most numbers that a capture could have are not in it.
    if (replays_ && i != 0 && connections_[i].epoch.get() == 0) continue;
    const ConnectionMetrics connection = connection_metrics(i, now);
    metrics.receive_calls += connection.receive_calls;
    metrics.requests_sent += connection.requests_sent;
    metrics.dials += connection.dials;
    metrics.reconnects += connection.reconnects;
    metrics.connections.push_back(connection);
  }
  metrics.state = metrics.connections.front().state;
  metrics.epoch = metrics.connections.front().epoch;
  return metrics;
}

MonoTime FeedCore::now() const noexcept {
  return replays_ ? MonoTime{replay_now_.load(std::memory_order_relaxed)} : mono_now();
}

std::int64_t FeedCore::now_unix_ns() const noexcept {
  return replays_ ? now().ns : wall_now_ns();
}

void FeedCore::add_replay_metrics(FeedMetrics& metrics) const {
  metrics.replay.bytes_read = replay_counters_.bytes_read.get();
  metrics.replay.bytes_total = replay_counters_.bytes_total.get();
  metrics.replay.frames_passed = replay_counters_.frames_passed.get();
  metrics.replay.records_missing = replay_counters_.records_missing.get();
  metrics.replay.position_unix_ns =
      std::max<std::int64_t>(replay_counters_.position_unix_ns.get(), 0);
}

void FeedCore::add_stream_metrics(FeedMetrics& metrics, MonoTime now) const {
  const DispatchCounters& dispatched = dispatcher_.counters();
  metrics.quiet_ns.fill(-1);
  metrics.lag_ns.fill(Gauge::kUnknown);
  for (std::size_t i = 0; i < kCountedStreams; ++i) {
    StreamCounts& counts = i < kStreamCount ? metrics.streams[i] : metrics.unknown;
    // Ends before beginnings: a frame on its way between two reads shows as queued, never as less
    // than nothing.
    if (i < kStreamCount) {
      counts.delivered = dispatched.delivered[i].get();
      counts.superseded = dispatched.superseded[i].get();
    }
    for (const auto& lane : lanes_) {
      const IntakeCounters::Stream& stream = lane->counters.streams[i];
      counts.conflated += stream.conflated.get();
      counts.dropped += stream.dropped.get();
      counts.refused += stream.refused.get();
      counts.received += stream.received.get();
      if (i >= kStreamCount) continue;
      const std::int64_t last = lane->counters.last_received_ns[i].get();
      if (last == Gauge::kUnknown) continue;
      const std::int64_t quiet = now.ns - last;
      if (metrics.quiet_ns[i] >= 0 && metrics.quiet_ns[i] < quiet) continue;
      metrics.quiet_ns[i] = std::max<std::int64_t>(quiet, 0);
      metrics.lag_ns[i] = lane->counters.lag_ns[i].get();
    }
    const std::uint64_t done =
        counts.delivered + counts.conflated + counts.dropped + counts.refused + counts.superseded;
    counts.queued = counts.received > done ? counts.received - done : 0;
  }
}

void FeedCore::add_thread_metrics(FeedMetrics& metrics, MonoTime now) const {
  const DispatchCounters& dispatched = dispatcher_.counters();
  std::uint64_t oldest = dispatched.heartbeat_ns.get();
  for (const auto& lane : lanes_) {
    const IntakeCounters& counters = lane->counters;
    for (std::size_t i = 0; i < kDecodeErrcCount; ++i) {
      metrics.refused_by_cause[i] += counters.refused_by_cause[i].get();
    }
    metrics.frames += counters.frames.get();
    metrics.bytes += counters.bytes.get();
    metrics.fast_frames += counters.fast_frames.get();
    metrics.fallback_frames += counters.fallback_frames.get();
    metrics.ring_bytes_high = std::max(metrics.ring_bytes_high, counters.ring_bytes_high.get());
    metrics.pending_records += counters.pending_records.get();
    oldest = std::min(oldest, counters.heartbeat_ns.get());
  }
  metrics.ring_bytes = config_.ring_bytes;
  metrics.callback_errors = dispatched.callback_errors.get();
  metrics.book_faults = dispatched.book_faults.get();
  metrics.gaps = dispatched.gaps.get();
  metrics.backfilled = dispatched.backfilled.get();
  metrics.queueing_ns = std::max<std::int64_t>(dispatched.queueing_ns.get(), 0);
  if (running() && oldest != 0) {
    metrics.heartbeat_ns = std::max<std::int64_t>(now.ns - static_cast<std::int64_t>(oldest), 0);
  }
  if (dispatcher_.stages() == nullptr) return;
  for (std::size_t i = 0; i < kStageCount; ++i) {
    Histogram stage = (*dispatcher_.stages())[i].copy();
    for (const auto& lane : lanes_) {
      if (lane->stages != nullptr) stage.merge((*lane->stages)[i].copy());
    }
    metrics.stages.push_back(stage);
  }
}

ConnectionMetrics FeedCore::connection_metrics(std::uint32_t connection, MonoTime now) const {
  constexpr std::int64_t kDayS = 86'400;
  const ConnectionCounters& from = connections_[connection];
  ConnectionMetrics metrics;
  metrics.connection = connection;
  metrics.kind = plan_.kind_of(connection);
  metrics.state = from.state.load(std::memory_order_relaxed);
  metrics.subscribed = from.subscribed.load(std::memory_order_relaxed);
  metrics.epoch = static_cast<std::uint32_t>(from.epoch.get());
  metrics.streams_wanted = from.streams_wanted.get();
  metrics.streams_awaited = from.streams_awaited.get();
  metrics.frames = from.frames.get();
  metrics.bytes = from.bytes.get();
  metrics.receive_calls = from.receive_calls.get();
  metrics.requests_sent = from.requests_sent.get();
  metrics.limiter_waits = from.limiter_waits.get();
  metrics.pings_sent = from.pings_sent.get();
  metrics.dials = from.dials.get();
  metrics.connects = from.connects.get();
  metrics.reconnects = from.reconnects.get();
  metrics.renewals = from.renewals.get();
  metrics.probes = from.probes.get();
  metrics.silent_streams = from.silent_streams.get();
  metrics.refused_streams = from.refused_streams.get();
  metrics.audits = from.audits.get();
  metrics.lists = from.lists.get();
  metrics.last_audit = from.last_audit.load(std::memory_order_relaxed);
  for (std::size_t i = 0; i < kStatusCauseCount; ++i) {
    metrics.ends_by_cause[i] = from.ends_by_cause[i].get();
  }
  const std::int64_t last = from.last_frame_ns.get();
  if (last != Gauge::kUnknown) metrics.quiet_ns = std::max<std::int64_t>(now.ns - last, 0);
  const std::int64_t expires = from.certificate_expires_unix_s.get();
  if (expires != Gauge::kUnknown) {
    metrics.certificate_days_left = (expires - wall_now_ns() / 1'000'000'000) / kDayS;
  }
  return metrics;
}

}  // namespace upfeed::detail
