#include "upfeed/feed.hpp"

#include <filesystem>
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

Result<std::shared_ptr<detail::FeedCore>> make_core(const FeedConfig& config,
                                                    std::unique_ptr<CaptureReader> capture) {
  std::string problems;
  for (const Error& error : config.validate()) {
    problems += (problems.empty() ? "" : "; ") + error.message;
  }
  if (!problems.empty()) return Error{Errc::bad_config, problems};
  try {
    return std::make_shared<detail::FeedCore>(config, std::move(capture));
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
  auto core = make_core(config, nullptr);
  if (!core) return core.error();
  return Feed(std::move(*core));
}

Result<Feed> Feed::replay(const std::string& capture_path, const FeedConfig& config) {
  std::error_code ignored;
  const auto kind = std::filesystem::status(capture_path, ignored).type();
  if (kind == std::filesystem::file_type::fifo || kind == std::filesystem::file_type::character) {
    return Error{Errc::bad_capture, capture_path +
                                        " is a pipe or a device, which stop() would have to wait "
                                        "for: save it to a file first"};
  }
  auto reader = CaptureReader::open(capture_path);
  if (!reader) return reader.error();
  auto core = make_core(config, std::make_unique<CaptureReader>(std::move(*reader)));
  if (!core) return core.error();
  return Feed(std::move(*core));
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
