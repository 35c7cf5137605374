#pragma once

// The consumer's end of the pipeline: takes events from the rings, keeps books and last values,
// invokes callbacks. Sole owner of routes and books, so neither needs a lock.
//
//   any thread --Change--> queue --> begin_poll: subscriptions, routes, wanted set --> mailbox -->
//   I/O rings --> next(): apply to book --> (templated handler) --> finish(): callbacks, release
//
//   routes_[stream slot][market] -> Route { entries: who is called; books: one per (level, units) }
//
// What a client is handed of a stream it shares with others:
//   snapshot_only  the first event of each code, from memory if the stream is live
//   realtime_only  no snapshots, but for an order book whose snapshot shows something new (a
//   request
//                  that replaced another one may swallow a change)
//   both           the first event, from memory if the stream is live; then all that is new
//
// unsubscribe's promise: the unsubscriber clears `alive`, then reads pass_; the dispatcher makes
// pass_ odd, then reads `alive` before each call. All four sequentially consistent, so either the
// call is not made or the unsubscriber sees the odd pass and waits for its end.

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "concurrentqueue/concurrentqueue.h"
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

struct Change {
  std::shared_ptr<Subscription> subscription;
  bool add = true;
};

class Dispatcher {
 public:
  Dispatcher(const MarketTable& markets, std::vector<SpscRing*> rings);

  // Any thread.
  void submit(Change change) { changes_.enqueue(std::move(change)); }
  /// True within a callback, on its thread.
  [[nodiscard]] bool on_this_thread() const noexcept;
  /// Returns when no callback that was running at the call is running any more. Not from a
  /// callback.
  void wait_for_callbacks() const noexcept;
  [[nodiscard]] const DispatchCounters& counters() const noexcept { return counters_; }
  [[nodiscard]] bool capture_ended() const noexcept {
    return capture_ended_.load(std::memory_order_acquire);
  }

  // The polling thread, one at a time.
  /// Applies waiting changes. True: the wanted set changed and lies in `mailbox`.
  bool begin_poll(WantedMailbox& mailbox) noexcept;
  [[nodiscard]] Dispatched next() noexcept;
  void finish() noexcept;
  void end_poll() noexcept;
  void count_callback_error() noexcept { counters_.callback_errors.add(); }
  /// The feed has ended: no book is current any more. After the last poll.
  void disconnect_books() noexcept;
  /// A sleeper's second look.
  [[nodiscard]] bool has_work() noexcept;

 private:
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
    std::uint32_t refresh = 0;
  };

  static constexpr std::size_t kRingBatch = 64;

  [[nodiscard]] std::unique_ptr<Route>& route_at(std::size_t slot, MarketId market) noexcept {
    return routes_[slot * market_capacity_ + market.value];
  }
  bool apply_changes();
  void add(const std::shared_ptr<Subscription>& subscription);
  void add_route(Subscription& subscription, std::size_t code_index);
  void remove(const Subscription& subscription);
  BookEntry* book_entry(Route& route, const Subscription& subscription);
  bool serve_from_memory(Route& route, Entry& entry);
  /// Somebody follows the stream (of that book, where it is one), so what is remembered is current.
  [[nodiscard]] static bool flows(const Route& route, const BookEntry* book) noexcept;
  void forget_if_idle(Route& route) noexcept;
  void mark_all_stale() noexcept;
  const OrderbookEvent* from_book(const Book& book, MarketId market);
  [[nodiscard]] WantedSet wanted() noexcept;

  const Book* apply(OrderbookEvent& event) noexcept;
  void remember(const EventHeader& event) noexcept;
  void apply(const StatusEvent& event) noexcept;
  void apply(const LossEvent& event) noexcept;
  void publish_shared(BookEntry& entry) noexcept;

  void deliver(const EventHeader& event) noexcept;
  void deliver(const OrderbookEvent& event, Entry& entry) noexcept;
  [[nodiscard]] bool wants(const EventHeader& event, const Route& route,
                           const Entry& entry) const noexcept;
  template <class Callback, class... Args>
  void call(Subscription& subscription, const Args&... args) noexcept;

  moodycamel::ConcurrentQueue<Change> changes_;
  std::vector<Change> drained_;
  std::vector<SpscRing*> rings_;
  std::size_t market_capacity_;
  std::vector<std::unique_ptr<Route>> routes_;
  Subscriptions subscriptions_;
  std::vector<Subscription*> status_listeners_;
  std::vector<Subscription*> loss_listeners_;
  std::uint32_t generation_ = 0;

  std::size_t ring_index_ = 0;
  std::size_t ring_taken_ = 0;
  EventHeader* current_ = nullptr;
  std::unique_ptr<std::byte[]> cut_;  // an order book cut to fewer units

  std::atomic<std::uint64_t> pass_{0};  // odd while polling
  std::atomic<std::thread::id> thread_{};
  std::atomic<bool> capture_ended_{false};
  DispatchCounters counters_;
};

}  // namespace upfeed::detail
