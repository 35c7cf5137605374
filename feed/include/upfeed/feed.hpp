#pragma once

// The feed: one connection to the exchange, the threads that run it, and the clients it serves.
//
//   connector thread     DNS, TCP, TLS, HTTP upgrade (cold)
//   I/O thread           receive -> TLS -> frame -> decode into a ring slot
//   dispatcher thread    ring slot -> book -> callbacks
//
// start() owns these threads; an embedder may instead call step_io() and poll() from one loop of
// its own. Several feeds may live in one process; there is no global state.

#include <chrono>
#include <concepts>
#include <memory>
#include <string>
#include <vector>

#include "upfeed/book.hpp"
#include "upfeed/client.hpp"
#include "upfeed/config.hpp"
#include "upfeed/errc.hpp"
#include "upfeed/events.hpp"
#include "upfeed/metrics.hpp"
#include "upfeed/replay.hpp"

namespace upfeed {

namespace detail {

/// What a poll hands to a templated handler: the next event with the book it changed.
struct Dispatched {
  const EventHeader* event = nullptr;  ///< nullptr: nothing more
  const Book* book = nullptr;          ///< set for order books that somebody subscribed
};

// The dispatcher's steps, compiled in the library; Feed::poll(handler) runs them inline.
void begin_poll(FeedCore& core) noexcept;
[[nodiscard]] Dispatched next_event(FeedCore& core) noexcept;
void finish_event(FeedCore& core) noexcept;
void end_poll(FeedCore& core) noexcept;
void count_callback_error(FeedCore& core) noexcept;

/// Calls handler(event) or, for an order book, handler(event, book), where it can take it.
template <class Handler>
void hand_over(const Dispatched& dispatched, Handler& handler) {
  visit(*dispatched.event, [&](const auto& event) {
    using Event = std::decay_t<decltype(event)>;
    if constexpr (std::invocable<Handler&, const Event&, const Book&>) {
      if (dispatched.book != nullptr) handler(event, *dispatched.book);
    } else if constexpr (std::invocable<Handler&, const Event&>) {
      handler(event);
    }
  });
}

/// Dispatches up to limit events to handler and then to the clients' callbacks.
template <class Handler>
std::size_t poll_with(FeedCore& core, Handler& handler, std::size_t limit) {
  std::size_t count = 0;
  begin_poll(core);
  for (; count < limit; ++count) {
    const Dispatched dispatched = next_event(core);
    if (dispatched.event == nullptr) break;
    try {
      hand_over(dispatched, handler);
    } catch (...) {
      count_callback_error(core);
    }
    finish_event(core);
  }
  end_poll(core);
  return count;
}

using PollFunction = std::size_t (*)(FeedCore&, void* handler, std::size_t limit);

}  // namespace detail

/// One stream and the connection that was told to carry it.
struct PlannedStream {
  std::uint32_t connection = 0;
  EventKind kind = EventKind::ticker;
  CandleUnit candle_unit = CandleUnit::m1;  ///< when kind is candle
  std::string code;                         ///< empty where the stream is of no market, or of all
  unsigned units = 0;                       ///< when kind is orderbook
  Decimal level;                            ///< when kind is orderbook
  StreamMode mode = StreamMode::both;       ///< merged over all clients
};

/// Move-only. Destroying it stops it.
class Feed {
 public:
  /// A feed from the exchange at config.endpoint. Nothing is dialled before start() (or the first
  /// step_io()) and a subscription.
  /// errors  bad_config (every bad field in one message), system.
  [[nodiscard]] static Result<Feed> create(const FeedConfig& config = {});

  /// A feed from captured files instead of the exchange, through the same decode -> ring -> book ->
  /// callback path; nothing is ever conflated or dropped. Several captures are merged by their
  /// times: files of one recording are one source, those of another recording have connections of
  /// their own (EventHeader::connection, 32 further each). Recorded states of connections come as
  /// StatusEvents in their places, so books are as they were live; what a recorder lost, or a
  /// damage hides, is a LossEvent of no market. One I/O thread reads, so the order of all events is
  /// that of the files, each time. The end is a StatusEvent of connection 0 with cause
  /// end_of_capture. See upfeed/capture.hpp for the files it reads.
  /// config  settings of connections are not used, and nothing may be recorded.
  /// errors  bad_config, bad_option, bad_code, no_such_file, bad_capture (a pipe; a file named
  ///         twice; several captures, a speed or bounds where one says no times), system.
  [[nodiscard]] static Result<Feed> replay(const std::vector<std::string>& capture_paths,
                                           const ReplayOptions& options = {},
                                           const FeedConfig& config = {});
  /// One capture, whole, as fast as the callbacks take it.
  [[nodiscard]] static Result<Feed> replay(const std::string& capture_path,
                                           const FeedConfig& config = {});

  Feed(Feed&&) noexcept;
  Feed& operator=(Feed&&) noexcept;
  /// stop(). Within a callback, the threads end as soon as that has returned.
  ~Feed();

  /// A new client; the name is for people.
  [[nodiscard]] Client client(std::string name);

  /// Asks the exchange, by REST, which markets and price groupings it has. From then on subscribe_*
  /// refuses what it does not have; it would be ignored in silence. May be called again, to learn
  /// of new markets. Blocks for at most `timeout`; independent of start(). A replay asks nobody and
  /// refuses nothing.
  /// errors  system (nothing changes then; what was known stays known), called_from_callback.
  Status load_markets(std::chrono::milliseconds timeout = std::chrono::seconds(10));

  /// Starts the feed's own threads. errors: already_running, stopped, system (a thread or a pin
  /// that failed; nothing runs then).
  Status start();
  /// start(), with handler taking every event on the dispatcher's thread before the clients'
  /// callbacks: handler(const TradeEvent&), handler(const OrderbookEvent&, const Book&) and so on
  /// for the kinds it can take. It is called directly, without an indirection per event, and must
  /// outlive stop(). What it throws is caught and counted like a callback's.
  template <class Handler>
  requires(!std::is_function_v<Handler>) Status start(Handler& handler) {
    return start_with(
        [](detail::FeedCore& core, void* context, std::size_t limit) {
          return detail::poll_with(core, *static_cast<Handler*>(context), limit);
        },
        &handler);
  }
  /// Ends the connection and the threads within 1 s, whatever hangs but a callback. What was
  /// received is dispatched first, and recorded. Idempotent. errors: called_from_callback; system:
  /// the feed has ended, but its recording is not whole, or the disk was too slow and a thread that
  /// is left behind still writes it.
  Status stop();
  [[nodiscard]] bool running() const noexcept;

  /// For embedders, instead of start(): bounded work of the I/O side; returns a count, 0 when idle.
  /// threads  one thread at a time; may be the same as poll()'s.
  std::size_t step_io();
  /// For embedders: dispatches up to limit events; returns how many.
  std::size_t poll(std::size_t limit = kPollLimit);
  template <class Handler>
  requires(!std::integral<std::decay_t<Handler>>) std::size_t
      poll(Handler&& handler, std::size_t limit = kPollLimit) {
    const auto held = core_;  // the handler may destroy the feed
    return running() ? 0 : detail::poll_with(*held, handler, limit);
  }
  static constexpr std::size_t kPollLimit = 256;

  /// Spreads the market streams over the public connections in another way, without a loss: a
  /// stream that moves flows on both connections until the new one carries it. Pinned streams stay.
  /// threads  any. errors: bad_config (connections; of a replay), stopped.
  Status reshard(const Sharding& sharding);
  /// Which connection carries what, in the order of the connections; a stream that moves is listed
  /// twice. Empty in a replay. Any thread.
  [[nodiscard]] std::vector<PlannedStream> plan() const;

  /// Asks the exchange on each live connection what it believes to serve (LIST_SUBSCRIPTIONS). What
  /// is missing is asked again and told as StatusCause::audit_mismatch; the outcome is in
  /// ConnectionMetrics::last_audit. Counts against the exchange's limits of requests. Any thread.
  void audit();

  /// The time that a strategy should go by, live and in replay: the steady clock now, or in a
  /// replay the receive time of the event that was dispatched last (EventHeader::received_mono),
  /// which counts there from 1970. 0 before a replay's first event. Any thread.
  [[nodiscard]] MonoTime now() const noexcept;
  /// The same as nanoseconds since 1970: the wall clock now, or in a replay the recorded one,
  /// carried on from the start of the recording by its steady clock. Any thread.
  [[nodiscard]] std::int64_t now_unix_ns() const noexcept;

  /// All counters; any thread.
  [[nodiscard]] FeedMetrics metrics() const;
  /// assess(metrics()); any thread.
  [[nodiscard]] Health health() const;
  /// The code of a market id of this feed's events; any thread.
  [[nodiscard]] std::string_view market_code(MarketId id) const noexcept;
  /// Replay only: the whole capture has been read and dispatched. Any thread.
  [[nodiscard]] bool finished() const noexcept;

 private:
  explicit Feed(std::shared_ptr<detail::FeedCore> core);
  Status start_with(detail::PollFunction function, void* handler);
  static void end(std::shared_ptr<detail::FeedCore> core) noexcept;
  std::shared_ptr<detail::FeedCore> core_;
};

/// One started feed of the real exchange with default settings, made at first use and living to the
/// end of the program; for scripts. Throws std::runtime_error when it cannot be made.
Feed& default_feed();

}  // namespace upfeed
