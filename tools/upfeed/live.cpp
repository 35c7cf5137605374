#include "live.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>

#include "board.hpp"
#include "event_json.hpp"
#include "exit_codes.hpp"
#include "output.hpp"
#include "progress.hpp"
#include "screen.hpp"
#include "signals.hpp"
#include "summary.hpp"
#include "tally.hpp"
#include "upfeed/feed.hpp"
#include "view.hpp"

namespace upfeed::program {
namespace {

using Clock = std::chrono::steady_clock;

/// Takes every event on the dispatcher's thread. The mutex is for the main thread, which looks a
/// few times a second.
class LiveHandler {
 public:
  LiveHandler(const LiveOptions& options, Output& output)
      : options_(options), output_(output), board_(options.ladder_code) {}

  void operator()(const OrderbookEvent& event, const Book& book) { take(event, book); }
  template <class Event>
  requires(!std::is_same_v<Event, OrderbookEvent>) void operator()(const Event& event) {
    take(event);
  }

  /// As many events as --frames asked for are here.
  [[nodiscard]] bool full() const noexcept { return full_.load(std::memory_order_relaxed); }
  /// Runs look(tally, board) while no event comes in.
  template <class Look>
  void look(Look&& look_at) const {
    const std::lock_guard lock(mutex_);
    look_at(tally_, board_);
  }

 private:
  template <class Event, class... Extra>
  void take(const Event& event, const Extra&... extra) {
    if (full()) return;
    const Now now = Now::read();
    {
      const std::lock_guard lock(mutex_);
      board_.add(event, extra...);
      if constexpr (kIsData<Event>) {
        tally_.add(event, now);
        if (options_.frames != 0 && tally_.total() >= options_.frames) {
          full_.store(true, std::memory_order_relaxed);
        }
      }
    }
    if constexpr (std::is_same_v<Event, StatusEvent>) {
      if (options_.output != LiveOutput::screen && event.cause != StatusCause::requested) {
        say("upfeed " + options_.command + ": " + describe(event));
      }
    }
    if (options_.output == LiveOutput::events) {
      text_.clear();
      append_event(event, text_);
      output_.append(text_);
    }
  }

  template <class Event>
  static constexpr bool kIsData = is_stream(Event::kKind);

  const LiveOptions& options_;
  Output& output_;
  mutable std::mutex mutex_;
  Board board_;
  Tally tally_;
  std::string text_;
  std::atomic<bool> full_{false};
};

std::string latency_line(const Tally& tally) {
  std::string line;
  for (const Tally::Stage& stage : tally.stages()) {
    if (stage.latency_ns.count() == 0) continue;
    line += (line.empty() ? "" : "   ") + std::string(stage.name) + " p50 " +
            duration_text(stage.latency_ns.quantile(0.5)) + " p99 " +
            duration_text(stage.latency_ns.quantile(0.99));
  }
  return line;
}

bool is_failed(const ConnectionMetrics& connection) {
  return connection.state == SessionState::failed;
}
/// Every connection has failed for good.
bool nothing_left(const std::vector<ConnectionMetrics>& connections) {
  return !connections.empty() && std::all_of(connections.begin(), connections.end(), is_failed);
}

bool is_recording(LiveOutput output) {
  return output == LiveOutput::recording || output == LiveOutput::recording_text;
}

/// "0:12  12,345 frames  1,024/s  9.3 MB in  1.6 MB written  lost 0  PATH"
std::string recording_line(const FeedMetrics& metrics, double seconds) {
  const RecorderMetrics& recorder = metrics.recorder;
  const auto rate =
      static_cast<std::uint64_t>(static_cast<double>(recorder.frames) / std::max(seconds, 0.001));
  std::string line = clock_text(seconds) + "  " + grouped(recorder.frames) + " frames  " +
                     grouped(rate) + "/s  " + bytes_text(recorder.bytes_in) + " in  " +
                     bytes_text(recorder.bytes_out) + " written  lost " +
                     grouped(recorder.records_lost) + "  " + recorder.path;
  if (recorder.state != RecorderState::recording) {
    line += "  " + std::string(to_string(recorder.state)) + ": " + recorder.error;
  }
  return line;
}

class LiveRun {
 public:
  explicit LiveRun(const LiveOptions& options)
      : options_(options),
        handler_(options, output_),
        progress_(options.quiet || !is_recording(options.output)) {}

  int run() {
    Result<Feed> created = Feed::create(options_.config);
    if (!created) return fail(created.error());
    Feed& feed = *created;
    Client client = feed.client(options_.command);
    const Status subscribed = subscribe(client, options_.codes, options_.streams);
    if (!subscribed) return fail(subscribed.error());
    std::unique_ptr<MetricsServer> server;
    if (options_.metrics) {
      auto serving = MetricsServer::start(*options_.metrics, feed);
      if (!serving) {
        say("upfeed " + options_.command + ": " + serving.error().message);
        return kExitNetwork;
      }
      server = std::move(*serving);
      say("upfeed " + options_.command + ": metrics at " + server->url() + "/metrics");
    }
    Status started = Done{};
    {
      const SignalsBlocked blocked;
      started = feed.start(handler_);
    }
    if (!started) return fail(started.error());
    start_ = Clock::now();
    if (options_.output == LiveOutput::screen) screen_.emplace();
    while (!over(feed)) show(feed);
    return finish(feed);
  }

 private:
  int fail(const Error& error) const {
    say("upfeed " + options_.command + ": " + error.message);
    return error.code == Errc::system ? kExitInternal : kExitUsage;
  }

  [[nodiscard]] double elapsed_seconds() const {
    return std::chrono::duration<double>(Clock::now() - start_).count();
  }

  [[nodiscard]] bool over(const Feed& feed) const {
    return stop_requested() || handler_.full() || output_.closed() ||
           (options_.seconds > 0 && elapsed_seconds() >= options_.seconds) ||
           nothing_left(used_connections(feed.metrics()));
  }

  /// One turn of the main thread; shorter than any deadline a person would notice.
  void show(const Feed& feed) {
    output_.pump(std::chrono::milliseconds(50));
    const double now = elapsed_seconds();
    if (options_.output == LiveOutput::screen && now >= next_show_) {
      draw(feed);
      next_show_ = now + 0.2;
    } else if (options_.output == LiveOutput::progress && now >= next_show_ + 1) {
      report(feed, "progress");
      next_show_ += 1;
    } else if (progress_.due()) {
      progress_.show(recording_line(feed.metrics(), now));
    }
  }

  void draw(const Feed& feed) {
    ViewInput input;
    input.title = "upfeed " + options_.command + "  " + options_.exchange_name;
    input.metrics = feed.metrics();
    input.health = assess(input.metrics);
    input.seconds = elapsed_seconds();
    handler_.look([&input](const Tally& tally, const Board& board) {
      input.board = board;
      input.latency = latency_line(tally);
    });
    input.now = Now::read().mono;
    screen_->draw(view_.render(input, screen_->size()));
  }

  void report(const Feed& feed, std::string_view type) {
    std::string text;
    FeedMetrics metrics = feed.metrics();
    if (metrics.recorder.path.empty()) metrics.recorder.path = recorded_path_;
    const Health health = health_.value_or(assess(metrics));
    handler_.look([&](const Tally& tally, const Board& board) {
      const LiveReport report{type,
                              options_.command,
                              elapsed_seconds(),
                              metrics,
                              health,
                              tally,
                              board.markets_seen(),
                              books_live_.value_or(board.books_live())};
      if (options_.output == LiveOutput::screen || options_.output == LiveOutput::recording_text) {
        append_text(report, text);
      } else {
        append_json(report, text);
      }
    });
    output_.append(text);
  }

  int finish(Feed& feed) {
    // Before the end of the connection makes every book a disconnected one.
    health_ = feed.health();
    recorded_path_ = feed.metrics().recorder.path;
    const std::vector<ConnectionMetrics> connections = used_connections(feed.metrics());
    handler_.look([this](const Tally&, const Board& board) { books_live_ = board.books_live(); });
    output_.release();
    const Status stopped = feed.stop();
    screen_.reset();
    progress_.clear();
    report(feed, "summary");
    output_.flush();
    // A recording with holes is told whatever else there is to say.
    if (const auto code = recording_verdict(feed.metrics().recorder, stopped)) return *code;
    if (!stopped) return fail(stopped.error());
    // A refused login is no good end of a recording that somebody stops hours later.
    const auto failed = std::find_if(connections.begin(), connections.end(), is_failed);
    if (failed != connections.end()) {
      say("upfeed " + options_.command + ": the " + std::string(to_string(failed->kind)) +
          " connection failed for good");
      return kExitNetwork;
    }
    if (output_.closed() || stop_requested()) return output_.exit_code(kExitOk);
    return verdict(connections);
  }

  /// An exit code when what was asked to be recorded is not all in the files.
  [[nodiscard]] std::optional<int> recording_verdict(const RecorderMetrics& recorder,
                                                     const Status& stopped) const {
    if (recorder.state == RecorderState::off) return {};
    if (recorder.records_lost == 0 && stopped.ok()) return {};
    std::string why = recorder.error;
    if (why.empty()) why = stopped.ok() ? "the disk was too slow" : stopped.error().message;
    say("upfeed " + options_.command + ": the recording is not whole: " +
        grouped(recorder.records_lost) + " records lost: " + why);
    return kExitLoss;
  }

  [[nodiscard]] int verdict(const std::vector<ConnectionMetrics>& connections) const {
    std::uint64_t events = 0;
    handler_.look([&events](const Tally& tally, const Board&) { events = tally.total(); });
    const bool connected =
        std::any_of(connections.begin(), connections.end(),
                    [](const ConnectionMetrics& each) { return each.connects != 0; });
    // An account may have nothing to say for hours.
    if (events == 0 && (options_.streams.of_markets() || !connected)) {
      say("upfeed " + options_.command + ": no data came from " + options_.exchange_name +
          "; the lines above say how far the connection came");
      return kExitNetwork;
    }
    if (events < options_.frames) {
      say("upfeed " + options_.command + ": " + std::to_string(events) + " of " +
          std::to_string(options_.frames) + " frames had come when --seconds were over");
      return kExitTimeout;
    }
    return kExitOk;
  }

  const LiveOptions& options_;
  Output output_;
  LiveHandler handler_;
  Clock::time_point start_;
  double next_show_ = 0;
  std::optional<std::size_t> books_live_;  ///< at the end
  std::optional<Health> health_;           ///< at the end
  std::string recorded_path_;              ///< the last file's, at the end
  std::optional<Screen> screen_;
  Progress progress_;
  View view_;
};

}  // namespace

int run_live(const LiveOptions& options) {
  return std::make_unique<LiveRun>(options)->run();
}

}  // namespace upfeed::program
