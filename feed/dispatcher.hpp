#pragma once

// The consumer's end of the pipeline: takes events from the rings, keeps books and last values,
// invokes callbacks. Sole owner of routes and books, so neither needs a lock.
//
//   any thread --Change--> queue --> begin_poll: subscriptions, routes, wanted sets --> mailboxes
//   I/O rings --> next(): admit, apply to book --> (templated handler) --> finish(): callbacks,
//                                                                                    release
//
//   routes_[stream slot][market] -> Route { entries: who is called; books: one per (level, units) }
//
// What a client is handed of a stream it shares with others:
//   snapshot_only  the first event of each code, from memory if the stream is live
//   realtime_only  no snapshots, but for an order book whose snapshot shows something new (a
//   request that replaced another one may swallow a change)
//   both           the first event, from memory if the stream is live; then all that is new
//
// One source at a time: a stream's events come from one (connection, epoch), and a younger one
// takes over with its first event. Only while two connections overlap on purpose (a planned
// renewal, a stream that moves to another connection) are trades taken from both, each id once.
//
// A stream that is lost while its connection lives has a gap like one whose connection is lost.
// What the exchange answers when it is asked for such a stream may show a newer trade before
// anybody knows whether those before it were missed: that trade waits, in doubt, until a realtime
// frame, a second answer or the loss itself tells.
//
// unsubscribe's promise: the unsubscriber clears `alive`, then reads pass_; the dispatcher makes
// pass_ odd, then reads `alive` before each call. All four sequentially consistent, so either the
// call is not made or the unsubscriber sees the odd pass and waits for its end.
//
// dispatcher.cpp has the way of an event, holding.cpp that of trades that wait, outages.cpp what
// becomes of a stream that is lost, routing.cpp what changes when somebody subscribes.

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "backfill.hpp"
#include "concurrentqueue/concurrentqueue.h"
#include "connection_plan.hpp"
#include "counters.hpp"
#include "stream_slot.hpp"
#include "subscriptions.hpp"
#include "upfeed/book.hpp"
#include "upfeed/feed.hpp"
#include "upfeed/spsc_ring.hpp"

namespace upfeed::detail {

/// The newest wanted set on its way to the I/O thread; an older one that was not taken is replaced.
class WantedMailbox {
 public:
  ~WantedMailbox() { delete box_.load(std::memory_order_relaxed); }
  void put(WantedSet set) {
    delete box_.exchange(new WantedSet(std::move(set)), std::memory_order_acq_rel);
  }
  [[nodiscard]] bool empty() const noexcept {
    return box_.load(std::memory_order_relaxed) == nullptr;
  }
  [[nodiscard]] std::unique_ptr<WantedSet> take() noexcept {
    return std::unique_ptr<WantedSet>(box_.exchange(nullptr, std::memory_order_acq_rel));
  }

 private:
  std::atomic<WantedSet*> box_{nullptr};
};

/// The recorded time of the event that was dispatched last; 0: none yet.
using ReplayClock = std::atomic<std::int64_t>;

/// A subscription that comes or goes, or another sharding.
struct Change {
  std::shared_ptr<Subscription> subscription{};
  bool add = true;
  std::optional<Sharding> sharding{};
};

class Dispatcher {
 public:
  /// mailboxes  one per connection of the plan; they outlive the dispatcher's last poll.
  Dispatcher(const MarketTable& markets, std::vector<SpscRing*> rings, const ConnectionPlan& plan,
             std::span<WantedMailbox> mailboxes, bool stage_stamps);
  /// Trades that outages hide are asked of `backfiller`, and later ones wait for them as long as
  /// hold_ns. Before the first poll.
  void backfill_with(Backfiller& backfiller, std::int64_t hold_ns) noexcept {
    backfiller_ = &backfiller;
    hold_ns_ = hold_ns;
  }

  /// The events are those of a capture: their times go into `now`, and which connection a stream
  /// moves to is told by its events, since the plan of the recording is not known. Before the first
  /// poll. connections  that the events may have.
  void replay_into(ReplayClock& now, std::size_t connections) {
    replay_ = &now;
    renewing_.resize(connections);
  }

  // Any thread.
  void submit(Change change) { changes_.enqueue(std::move(change)); }
  /// True within a callback, on its thread.
  [[nodiscard]] bool on_this_thread() const noexcept;
  /// Returns when no callback that was running at the call is running any more. Not from a
  /// callback.
  void wait_for_callbacks() const noexcept;
  [[nodiscard]] const DispatchCounters& counters() const noexcept { return counters_; }
  [[nodiscard]] const StageHistograms* stages() const noexcept { return stages_.get(); }
  [[nodiscard]] bool capture_ended() const noexcept {
    return capture_ended_.load(std::memory_order_acquire);
  }
  /// What each connection was told to carry last.
  [[nodiscard]] std::vector<PlannedStream> plan() const;

  // The polling thread, one at a time.
  /// Applies waiting changes. Returns a bit for each connection whose wanted set has changed and
  /// lies in its mailbox.
  std::uint32_t begin_poll() noexcept;
  [[nodiscard]] Dispatched next() noexcept;
  void finish() noexcept;
  void end_poll() noexcept;
  void count_callback_error() noexcept { counters_.callback_errors.add(); }
  /// The feed has ended: no book is current any more. After the last poll.
  void disconnect_books() noexcept;
  /// A sleeper's second look.
  [[nodiscard]] bool has_work() noexcept;
  /// Streams are moving to another connection, or trades wait for others: begin_poll() wants to be
  /// called now and then.
  [[nodiscard]] bool has_timers() const noexcept {
    return !moving_.empty() || !holding_.empty() || !doubting_.empty();
  }

 private:
  static constexpr std::uint32_t kNoConnection = UINT32_MAX;

  struct Source {
    std::uint32_t connection = kNoConnection;
    std::uint32_t epoch = 0;
    friend bool operator==(const Source&, const Source&) = default;
  };
  /// The last trades of a stream: while two sources carry it, each is delivered once.
  struct RecentTrades {
    std::array<std::uint64_t, 256> ids{};
    std::size_t count = 0;
    std::uint64_t greatest = 0;

    void add(std::uint64_t id) noexcept {
      ids[count++ % ids.size()] = id;
      greatest = std::max(greatest, id);
    }
    [[nodiscard]] bool has(std::uint64_t id) const noexcept {
      if (id > greatest) return false;
      const auto* end = ids.begin() + std::min(count, ids.size());
      return std::find(ids.begin(), end, id) != end;
    }
  };
  struct Gap {
    bool pending = false;
    bool of_one_level = false;  // of an order book: the others flow
    Decimal level;
    StatusCause cause = StatusCause::none;
    std::uint32_t epoch_before = 0;
    MonoTime started;
    MonoTime lost;
    std::uint64_t last_id = 0;
  };
  /// Trades that wait for those the outage before them hid.
  struct Hold {
    std::uint64_t job = 0;
    GapEvent gap;
    MonoTime until;
    std::vector<TradeEvent> inside;  // what snapshots have shown of the hidden ones
    std::vector<TradeEvent> trades;
    bool is_suspicion = false;  // a gap only where something was hidden
  };
  /// What goes out in front of the next record.
  struct Injected {
    GapEvent gap{};
    TradeEvent trade{};
    bool is_gap = false;
  };
  struct BookEntry {
    Decimal level;
    std::size_t units = kBookDepthMax;
    std::uint32_t refresh = 0;
    std::uint32_t users = 0;
    std::size_t skip_units_to = 0;  // frames of so few units are of the request before
    Book book;
    std::vector<std::shared_ptr<SharedBook>> shared;
    // Of the event being dispatched.
    bool touched = false;
    bool news = false;
    bool was_live = false;
  };
  struct Entry {
    Subscription* subscription;
    std::size_t code_index;
    BookEntry* book;  // order books only
  };
  struct Route {
    std::vector<Entry> entries;
    std::vector<std::unique_ptr<BookEntry>> books;
    std::unique_ptr<std::byte[]> last;  // newest event of a ticker, trade or candle
    bool last_valid = false;
    bool repeated = false;  // the event being dispatched is a snapshot of what is known
    bool pinned = false;    // to its connection, by the subscription that came first
    bool moved = false;     // carried by another connection than at first
    std::uint32_t refresh = 0;
    std::uint32_t connection = 0;  // that carries it by plan
    std::uint32_t moving_from = kNoConnection;
    Source source;  // of the newest event; epoch 0: none yet
    Gap gap;
    std::unique_ptr<RecentTrades> recent;  // of trades
    std::unique_ptr<Hold> hold;            // of trades, while a gap is filled
    std::vector<TradeEvent> doubted;       // news that snapshots brought, oldest first
    MonoTime doubt_until;
    bool overlapped = false;  // what comes may be a copy of what came before
    MonoTime taken_over;      // first event of where it moves to; 0: none yet
  };
  struct RouteKey {
    std::size_t slot;
    MarketId market;
  };
  enum class Way : std::uint8_t { on, behind_gap, later };

  static constexpr std::size_t kRingBatch = 64;
  /// How long both connections carry a stream that moves, once the new one has sent its first.
  static constexpr std::int64_t kOverlapNs = 1'000'000'000;

  [[nodiscard]] std::unique_ptr<Route>& route_at(std::size_t slot, MarketId market) noexcept {
    return routes_[slot * market_capacity_ + market.value];
  }
  template <class Visit>
  void for_each_route(Visit&& visit);
  [[nodiscard]] EventHeader* take_record() noexcept;
  void release_record() noexcept;

  // The way of an event.
  [[nodiscard]] MonoTime now() const noexcept;
  void note_time(const EventHeader& event) noexcept;
  [[nodiscard]] Way way_of(Route& route);
  [[nodiscard]] bool admit(Route& route, const EventHeader& event) noexcept;
  [[nodiscard]] bool admit_other(Route& route, const EventHeader& event) noexcept;
  [[nodiscard]] bool carried_twice(const Route& route) const noexcept;
  static void follow_recorded_move(Route& route, const EventHeader& event) noexcept;
  [[nodiscard]] static bool is_copy(const Route& route, const EventHeader& event) noexcept;
  [[nodiscard]] static bool is_behind(const Route& route, const EventHeader& event) noexcept;
  [[nodiscard]] static bool ends_gap(const Route& route, const EventHeader& event) noexcept;
  void fill_gap_event(const Route& route, const EventHeader& event) noexcept;
  const Book* apply(Route& route, OrderbookEvent& event) noexcept;
  void remember(Route& route, const EventHeader& event) noexcept;
  void apply(const StatusEvent& event) noexcept;
  void apply(const LossEvent& event) noexcept;
  void open_gap(Route& route, const StatusEvent& event) noexcept;
  static void begin_gap(Route& route, StatusCause cause, MonoTime lost) noexcept;
  [[nodiscard]] Route* route_of_lost(const StatusEvent& event) noexcept;
  void lose_stream(const StatusEvent& event) noexcept;
  void mark_all_stale(std::uint32_t connection) noexcept;
  void publish_shared(BookEntry& entry) noexcept;

  void deliver(const EventHeader& event) noexcept;
  void deliver_market(const EventHeader& event) noexcept;
  void deliver_account(const EventHeader& event) noexcept;
  void deliver(const OrderbookEvent& event, Entry& entry) noexcept;
  [[nodiscard]] bool wants(const EventHeader& event, const Route& route,
                           const Entry& entry) const noexcept;
  template <class Callback, class... Args>
  void call(Subscription& subscription, const Args&... args) noexcept;

  // Trades that wait (holding.cpp).
  [[nodiscard]] bool is_doubtful(const Route& route, const EventHeader& event) const noexcept;
  void doubt(Route& route, const TradeEvent& trade);
  [[nodiscard]] bool settle_doubt(Route& route, const EventHeader& event);
  void believe(Route& route, std::size_t count);
  void trust(Route& route, std::size_t count);
  void end_late_doubts();
  void end_doubts_of(std::uint32_t connection);
  void tell_doubted_gap(Route& route);
  void inject_gap(Route& route);
  [[nodiscard]] std::vector<TradeEvent> take_inside(Route& route, std::uint64_t first_id);
  /// The gap of gap_event_ may hide trades, and they can be fetched.
  [[nodiscard]] bool is_fillable() const noexcept {
    return backfiller_ != nullptr && gap_event_.last_sequential_id != 0 &&
           gap_event_.first_sequential_id > gap_event_.last_sequential_id;
  }
  void begin_hold(Route& route, const TradeEvent& first);
  void hold_back(Route& route, const TradeEvent& trade);
  void end_hold(Route& route, const BackfillResult& result);
  void end_holds();
  void end_holds_of(std::uint32_t connection);
  [[nodiscard]] bool ends_waiting(const EventHeader& event);
  [[nodiscard]] Dispatched next_injected() noexcept;
  void finish_injected() noexcept;

  // Changes; these allocate.
  bool apply_changes();
  void add(const std::shared_ptr<Subscription>& subscription);
  void add_route(Subscription& subscription, std::size_t code_index);
  void remove(const Subscription& subscription);
  void remove_route(const Subscription& subscription, std::size_t code_index);
  BookEntry* book_entry(Route& route, const Subscription& subscription);
  bool serve_from_memory(Route& route, Entry& entry);
  /// Somebody follows the stream (of that book, where it is one), so what is remembered is current.
  [[nodiscard]] static bool flows(const Route& route, const BookEntry* book) noexcept;
  void forget_if_idle(Route& route) noexcept;
  const OrderbookEvent* from_book(const Book& book, MarketId market);
  void reshard(const Sharding& sharding);
  void move_route(RouteKey key, std::uint32_t to);
  bool end_moves();
  static void begin_move(Route& route, std::uint32_t from) noexcept;
  static void end_move(Route& route) noexcept;
  [[nodiscard]] std::vector<Subscription*>& listeners_of(EventKind kind) noexcept {
    return listeners_[static_cast<std::size_t>(kind)];
  }
  [[nodiscard]] std::uint32_t put_wanted_sets();

  moodycamel::ConcurrentQueue<Change> changes_;
  std::vector<Change> drained_;
  std::vector<SpscRing*> rings_;
  std::size_t market_capacity_;
  std::vector<std::unique_ptr<Route>> routes_;
  Subscriptions subscriptions_;
  /// By EventKind, of those without a market of their own: account, info, status, loss, gap.
  std::array<std::vector<Subscription*>, kEventKindCount> listeners_;
  std::uint32_t generation_ = 0;

  ConnectionPlan plan_;
  std::span<WantedMailbox> mailboxes_;
  std::vector<RouteKey> moving_;
  mutable std::mutex told_mutex_;  // cold: plan() against put_wanted_sets()
  std::vector<WantedSet> told_;    // by connection

  std::vector<bool> renewing_;  // by connection: a younger one of the same number is being made

  ReplayClock* replay_ = nullptr;  // null: live
  Backfiller* backfiller_ = nullptr;
  std::int64_t hold_ns_ = 0;
  std::uint64_t hold_jobs_ = 0;
  std::vector<RouteKey> holding_;
  std::vector<RouteKey> doubting_;
  std::deque<Injected> injected_;

  std::size_t ring_index_ = 0;
  std::size_t ring_taken_ = 0;
  EventHeader* current_ = nullptr;
  Route* current_route_ = nullptr;
  bool gap_told_ = false;  // the record under work has been admitted and its gap delivered
  bool fills_ = false;     // it is a trade that no realtime frame has brought, or ends a gap
  GapEvent gap_event_;
  std::unique_ptr<std::byte[]> cut_;  // an order book cut to fewer units

  std::unique_ptr<StageHistograms> stages_;  // null without stage stamps
  MonoTime dispatched_at_;
  std::atomic<std::uint64_t> pass_{0};  // odd while polling
  std::atomic<std::thread::id> thread_{};
  std::atomic<bool> capture_ended_{false};
  DispatchCounters counters_;
};

template <class Callback, class... Args>
void Dispatcher::call(Subscription& subscription, const Args&... args) noexcept {
  if (!subscription.alive.load(std::memory_order_seq_cst)) return;
  auto& callback = *std::get_if<Callback>(&subscription.callback);
  if (!callback) return;
  try {
    callback(args...);
  } catch (...) {
    // The user's own trouble must not take the feed down; it shows in FeedMetrics.
    counters_.callback_errors.add();
  }
}

}  // namespace upfeed::detail
