#include "upfeed/feed.hpp"

#include <cmath>
#include <optional>
#include <stdexcept>
#include <thread>

#include "feed_core.hpp"

namespace upfeed {

namespace detail {

void begin_poll(FeedCore& core) noexcept {
  core.begin_poll();
}
Dispatched next_event(FeedCore& core) noexcept {
  return core.next();
}
void finish_event(FeedCore& core) noexcept {
  core.finish();
}
void end_poll(FeedCore& core) noexcept {
  core.end_poll();
}

void count_callback_error(FeedCore& core) noexcept {
  core.count_callback_error();
}

}  // namespace detail

namespace {

struct NoHandler {};

std::size_t poll_without_handler(detail::FeedCore& core, void*, std::size_t limit) {
  NoHandler none;
  return detail::poll_with(core, none, limit);
}

Status check(const FeedConfig& config) {
  std::string problems;
  for (const Error& error : config.validate()) {
    problems += (problems.empty() ? "" : "; ") + error.message;
  }
  if (!problems.empty()) return Error{Errc::bad_config, problems};
  return Done{};
}

/// Of a replay: what is wrong with its options.
Status check(const ReplayOptions& options) {
  const auto bad = [](std::string what) { return Error{Errc::bad_option, std::move(what)}; };
  if (!std::isfinite(options.speed) || options.speed < 0) {
    return bad("speed is " + std::to_string(options.speed) +
               ": must be above 0, e.g. 1 for the recorded speed, or ReplayOptions::kFast");
  }
  if (options.from_unix_ns < 0 || options.to_unix_ns < 0 ||
      (options.to_unix_ns != 0 && options.to_unix_ns <= options.from_unix_ns)) {
    return bad("from_unix_ns is " + std::to_string(options.from_unix_ns) + " and to_unix_ns " +
               std::to_string(options.to_unix_ns) +
               ": must be nanoseconds since 1970, the first before the second; 0 for no bound");
  }
  for (const std::string& code : options.codes) {
    if (!MarketCode::parse(code)) {
      return Error{Errc::bad_code,
                   "codes has \"" + code + "\": must be QUOTE-BASE in upper case, e.g. KRW-BTC"};
    }
  }
  for (const EventKind kind : options.kinds) {
    if (!is_stream(kind)) {
      return bad("kinds has \"" + std::string(to_string(kind)) + "\": must be streams");
    }
  }
  return Done{};
}

Result<std::shared_ptr<detail::FeedCore>> make_core(const FeedConfig& config,
                                                    std::optional<detail::ReplaySource> replay) {
  try {
    std::unique_ptr<detail::Recorder> recorder;
    if (!config.record.directory.empty()) {
      auto opened = detail::Recorder::open(config, config.io_threads);
      if (!opened) return opened.error();
      recorder = std::move(*opened);
    }
    return std::make_shared<detail::FeedCore>(config, std::move(replay), std::move(recorder));
  } catch (const std::exception& error) {
    return Error{Errc::system, std::string("cannot set up the feed: ") + error.what()};
  }
}

}  // namespace

Feed::Feed(std::shared_ptr<detail::FeedCore> core) : core_(std::move(core)) {}
Feed::Feed(Feed&&) noexcept = default;

Feed& Feed::operator=(Feed&& other) noexcept {
  if (this != &other) {
    end(std::move(core_));
    core_ = std::move(other.core_);
  }
  return *this;
}

Feed::~Feed() {
  end(std::move(core_));
}

void Feed::end(std::shared_ptr<detail::FeedCore> core) noexcept {
  if (core == nullptr || core->stop().ok() || !core->running()) return;
  // Destroyed within a callback: the threads end as soon as it has returned, so somebody else has
  // to wait for them.
  std::thread([core = std::move(core)] { static_cast<void>(core->stop()); }).detach();
}

Result<Feed> Feed::create(const FeedConfig& config) {
  if (const Status checked = check(config); !checked) return checked.error();
  auto core = make_core(config, {});
  if (!core) return core.error();
  return Feed(std::move(*core));
}

Result<Feed> Feed::replay(const std::vector<std::string>& capture_paths,
                          const ReplayOptions& options, const FeedConfig& config) {
  if (const Status checked = check(config); !checked) return checked.error();
  if (const Status checked = check(options); !checked) return checked.error();
  if (capture_paths.empty()) {
    return Error{Errc::empty_list, "capture_paths is empty: name at least one file"};
  }
  if (!config.record.directory.empty()) {
    return Error{Errc::bad_config, "record.directory is \"" + config.record.directory +
                                       "\": a replay is not recorded; leave it empty"};
  }
  const bool needs_times =
      options.speed != ReplayOptions::kFast || options.from_unix_ns != 0 || options.to_unix_ns != 0;
  auto capture = capture::MergedCapture::open(
      capture_paths, {options.from_unix_ns, options.to_unix_ns}, needs_times);
  if (!capture) return capture.error();
  auto core = make_core(config, detail::ReplaySource{std::move(*capture), options});
  if (!core) return core.error();
  return Feed(std::move(*core));
}

Result<Feed> Feed::replay(const std::string& capture_path, const FeedConfig& config) {
  return replay(std::vector<std::string>{capture_path}, {}, config);
}

Client Feed::client(std::string name) {
  return Client(core_, std::move(name));
}

Status Feed::load_markets(std::chrono::milliseconds timeout) {
  return core_->load_markets(timeout);
}

Status Feed::start() {
  return start_with(&poll_without_handler, nullptr);
}
Status Feed::start_with(detail::PollFunction function, void* handler) {
  return core_->start(function, handler);
}
Status Feed::stop() {
  return core_->stop();
}
bool Feed::running() const noexcept {
  return core_->running();
}

std::size_t Feed::step_io() {
  return core_->running() ? 0 : core_->step_io();
}
std::size_t Feed::poll(std::size_t limit) {
  const auto held = core_;  // a callback may destroy the feed
  return held->running() ? 0 : poll_without_handler(*held, nullptr, limit);
}

Status Feed::reshard(const Sharding& sharding) {
  return core_->reshard(sharding);
}
void Feed::audit() {
  core_->audit();
}
std::vector<PlannedStream> Feed::plan() const {
  return core_->dispatcher().plan();
}
MonoTime Feed::now() const noexcept {
  return core_->now();
}
std::int64_t Feed::now_unix_ns() const noexcept {
  return core_->now_unix_ns();
}

Health Feed::health() const {
  return assess(core_->metrics());
}

FeedMetrics Feed::metrics() const {
  return core_->metrics();
}

std::string_view Feed::market_code(MarketId id) const noexcept {
  const MarketTable& markets = core_->markets();
  return id.value < markets.count() ? markets.code(id).view() : std::string_view{};
}

bool Feed::finished() const noexcept {
  return core_->dispatcher().capture_ended();
}

Feed& default_feed() {
  static Feed feed = [] {
    auto created = Feed::create();
    if (!created) throw std::runtime_error(created.error().message);
    if (auto started = created->start(); !started) {
      throw std::runtime_error(started.error().message);
    }
    return std::move(*created);
  }();
  return feed;
}

}  // namespace upfeed
