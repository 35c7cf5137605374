#include "dispatcher.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <new>

#include "clock.hpp"

namespace upfeed::detail {

namespace {

static_assert(__STDCPP_DEFAULT_NEW_ALIGNMENT__ >= alignof(OrderbookEvent));

/// What tells one value of a stream from the next; grows with time.
std::uint64_t identity(const EventHeader& event) {
  switch (event.kind) {
    case EventKind::ticker:
      return static_cast<std::uint64_t>(static_cast<const TickerEvent&>(event).timestamp.unix_us());
    case EventKind::trade:
      return static_cast<const TradeEvent&>(event).sequential_id;
    default:
      return static_cast<std::uint64_t>(static_cast<const CandleEvent&>(event).timestamp.unix_us());
  }
}

}  // namespace

Dispatcher::Dispatcher(const MarketTable& markets, std::vector<SpscRing*> rings,
                       const ConnectionPlan& plan, std::span<WantedMailbox> mailboxes,
                       bool stage_stamps)
    : drained_(64),
      rings_(std::move(rings)),
      market_capacity_(markets.capacity()),
      routes_(kMarketSlotCount * market_capacity_),
      plan_(plan),
      mailboxes_(mailboxes),
      told_(plan.count()),
      renewing_(plan.count()),
      cut_(std::make_unique<std::byte[]>(kMarketEventBytesMax)),
      stages_(stage_stamps ? std::make_unique<StageHistograms>() : nullptr) {
  UPFEED_ASSERT(mailboxes.size() == plan.count());
}

bool Dispatcher::on_this_thread() const noexcept {
  return (pass_.load(std::memory_order_relaxed) & 1U) != 0 &&
         thread_.load(std::memory_order_relaxed) == std::this_thread::get_id();
}

void Dispatcher::wait_for_callbacks() const noexcept {
  const std::uint64_t pass = pass_.load(std::memory_order_seq_cst);
  if ((pass & 1U) == 0) return;
  // A pass is bounded, so this is short unless a callback is slow; then sleeping costs nothing.
  while (pass_.load(std::memory_order_acquire) == pass) {
    std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
}

std::uint32_t Dispatcher::begin_poll() noexcept {
  UPFEED_ASSERT((pass_.load(std::memory_order_relaxed) & 1U) == 0);
  thread_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  pass_.fetch_add(1, std::memory_order_seq_cst);
  dispatched_at_ = mono_now();
  counters_.heartbeat_ns.set(static_cast<std::uint64_t>(dispatched_at_.ns));
  const bool changed = apply_changes();
  const bool moved = !moving_.empty() && end_moves();
  if (backfiller_ != nullptr) end_holds();
  if (!doubting_.empty()) end_late_doubts();
  return changed || moved ? put_wanted_sets() : 0;
}

void Dispatcher::end_poll() noexcept {
  pass_.fetch_add(1, std::memory_order_seq_cst);
}

bool Dispatcher::has_work() noexcept {
  if (changes_.size_approx() != 0 || !injected_.empty()) return true;
  if (backfiller_ != nullptr && backfiller_->has_results()) return true;
  return std::any_of(rings_.begin(), rings_.end(),
                     [](SpscRing* ring) { return !ring->peek().empty(); });
}

EventHeader* Dispatcher::take_record() noexcept {
  std::span<std::byte> record;
  for (std::size_t looked = 0; looked <= rings_.size(); ++looked) {
    if (ring_taken_ < kRingBatch) record = rings_[ring_index_]->peek();
    if (!record.empty()) break;
    ring_taken_ = 0;
    ring_index_ = ring_index_ + 1 == rings_.size() ? 0 : ring_index_ + 1;
  }
  if (record.empty()) return nullptr;
  auto* event = std::launder(reinterpret_cast<EventHeader*>(record.data()));
  UPFEED_ASSERT(event->size_bytes == record.size());
  return event;
}

void Dispatcher::release_record() noexcept {
  current_ = nullptr;
  current_route_ = nullptr;
  ++ring_taken_;  // here, so that a record that has to wait is the next one, too
  rings_[ring_index_]->release();
}

Dispatched Dispatcher::next() noexcept {
  for (;;) {
    if (!injected_.empty()) return next_injected();
    current_ = take_record();
    if (current_ == nullptr) return {};
    if (stages_ != nullptr) dispatched_at_ = mono_now();
    note_time(*current_);
    if (replay_ != nullptr && !doubting_.empty()) {
      // By recorded time, so that it is the same at every speed.
      end_late_doubts();
      if (!injected_.empty()) continue;
    }
    if (current_->kind == EventKind::status && ends_waiting(*current_)) continue;
    if (is_market_stream(current_->kind)) {
      current_route_ = route_at(stream_slot(*current_), current_->market).get();
      const Way way = current_route_ != nullptr ? way_of(*current_route_) : Way::on;
      if (way == Way::later) continue;
      if (way == Way::behind_gap) return {&gap_event_, nullptr};
    }
    fills_ = gap_told_ && gap_event_.first_sequential_id != gap_event_.last_sequential_id;
    gap_told_ = false;
    break;
  }
  const Book* book = nullptr;
  if (current_->kind == EventKind::status) {
    apply(static_cast<const StatusEvent&>(*current_));
  } else if (current_->kind == EventKind::loss) {
    apply(static_cast<const LossEvent&>(*current_));
  } else {
    if (stages_ != nullptr && current_->decoded_mono.ns != 0) {
      (*stages_)[static_cast<std::size_t>(Stage::decoded_to_dispatch)].record(
          dispatched_at_ - current_->decoded_mono);
    }
    if (current_route_ == nullptr) return {current_, nullptr};
    if (current_->kind == EventKind::orderbook) {
      book = apply(*current_route_, static_cast<OrderbookEvent&>(*current_));
    } else {
      remember(*current_route_, *current_);
    }
  }
  return {current_, book};
}

/// Of the event under work in a replay.
MonoTime Dispatcher::now() const noexcept {
  return replay_ != nullptr ? MonoTime{replay_->load(std::memory_order_relaxed)} : dispatched_at_;
}

/// Live, how long it was queued; in a replay, what time it is.
void Dispatcher::note_time(const EventHeader& event) noexcept {
  if (replay_ != nullptr) {
    // A note of losses is of no moment.
    if (event.received_mono.ns == 0) return;
    replay_->store(event.received_mono.ns, std::memory_order_relaxed);
  } else if (is_stream(event.kind)) {
    counters_.queueing_ns.set(dispatched_at_ - event.received_mono);
  }
}

/// Whether the record under work goes out now. If not, it has been released, or others go first.
Dispatcher::Way Dispatcher::way_of(Route& route) {
  if (!gap_told_) {
    if (!route.doubted.empty() && settle_doubt(route, *current_)) return Way::later;
    if (is_doubtful(route, *current_)) {
      doubt(route, static_cast<const TradeEvent&>(*current_));
      release_record();
      return Way::later;
    }
    if (!admit(route, *current_)) {
      counters_.superseded[static_cast<std::size_t>(current_->kind)].add();
      release_record();
      return Way::later;
    }
  }
  if (route.hold != nullptr) {
    hold_back(route, static_cast<const TradeEvent&>(*current_));
    release_record();
    return Way::later;
  }
  if (!ends_gap(route, *current_)) return Way::on;
  fill_gap_event(route, *current_);
  if (is_fillable()) {
    begin_hold(route, static_cast<const TradeEvent&>(*current_));
    release_record();
    return Way::later;
  }
  gap_told_ = true;
  if (route.doubted.empty()) return Way::behind_gap;
  inject_gap(route);
  return Way::later;
}

void Dispatcher::finish() noexcept {
  if (!injected_.empty()) return finish_injected();
  if (gap_told_ && current_route_ != nullptr && current_route_->gap.pending) {
    deliver(gap_event_);
    current_route_->gap.pending = false;
    counters_.gaps.add();
    return;  // the record itself comes with the next call of next()
  }
  deliver(*current_);
  if (is_stream(current_->kind)) {
    counters_.delivered[static_cast<std::size_t>(current_->kind)].add();
    if (stages_ != nullptr) {
      (*stages_)[static_cast<std::size_t>(Stage::dispatch_to_done)].record(mono_now() -
                                                                           dispatched_at_);
    }
  }
  Route* const lost = current_->kind == EventKind::status
                          ? route_of_lost(static_cast<const StatusEvent&>(*current_))
                          : nullptr;
  release_record();
  // What has shown the loss comes behind it.
  if (lost != nullptr && lost->gap.pending && !lost->doubted.empty()) tell_doubted_gap(*lost);
}

// --- who may speak for a stream
// -----------------------------------------------------------------------------------------

bool Dispatcher::admit(Route& route, const EventHeader& event) noexcept {
  const bool same = route.source == Source{event.connection, event.epoch};
  // A source that took over on purpose may bring what the older one had brought after its end.
  const bool doubled = route.overlapped || carried_twice(route);
  if (same ? doubled && is_copy(route, event) : !admit_other(route, event)) return false;
  if (event.kind == EventKind::trade) {
    route.recent->add(static_cast<const TradeEvent&>(event).sequential_id);
  }
  return true;
}

/// An event of another source than the stream's last one: a younger source takes over.
bool Dispatcher::admit_other(Route& route, const EventHeader& event) noexcept {
  if (replay_ != nullptr) follow_recorded_move(route, event);
  const Source source{event.connection, event.epoch};
  const bool same_connection = source.connection == route.source.connection;
  // Of two connections the plan decides: their epochs do not compare.
  const bool younger =
      route.source.epoch == 0 ||
      (same_connection ? source.epoch > route.source.epoch : source.connection == route.connection);
  if (!younger) {
    return carried_twice(route) && event.kind == EventKind::trade && !is_copy(route, event);
  }
  const bool overlapped = carried_twice(route);
  if (overlapped) {
    // What the older source has shown already must not be taken back.
    if (event.kind != EventKind::trade && is_behind(route, event)) return false;
    // Its former connection, renewed meanwhile, is not the one the stream moves to.
    if (route.taken_over.ns == 0 && source.connection == route.connection) {
      route.taken_over = event.received_mono;
    }
  }
  if (!same_connection) {
    for (const auto& entry : route.books) entry->book = Book{};
  }
  route.overlapped = overlapped;
  route.source = source;
  return !carried_twice(route) || !is_copy(route, event);
}

/// A replay knows the plan of the recording from the events alone: a connection that has not had
/// the stream is the one it moves to; the one before it has it back when it sends a snapshot, with
/// which each move begins. Nothing says when the former connection was told to stop, so both carry
/// the stream until the newer one has its next life.
void Dispatcher::follow_recorded_move(Route& route, const EventHeader& event) noexcept {
  const std::uint32_t connection = event.connection;
  if (connection == route.source.connection) {
    const bool arrived = route.source.connection == route.connection && route.taken_over.ns != 0;
    if (arrived && event.received_mono - route.taken_over >= kOverlapNs) end_move(route);
    return;
  }
  if (connection == route.connection && route.source.epoch != 0) return;
  if (connection == route.moving_from && event.stream_type != StreamType::snapshot) return;
  if (route.source.epoch != 0) begin_move(route, route.source.connection);
  route.connection = connection;
}

/// Two sources carry the stream, on purpose: it moves, or its connection is being renewed. Either
/// may begin and end while the other goes on.
bool Dispatcher::carried_twice(const Route& route) const noexcept {
  const std::uint32_t connection = route.source.connection;
  return route.moving_from != kNoConnection ||
         (connection < renewing_.size() && renewing_[connection]);
}

/// True: the other source has brought this trade already.
bool Dispatcher::is_copy(const Route& route, const EventHeader& event) noexcept {
  return event.kind == EventKind::trade &&
         route.recent->has(static_cast<const TradeEvent&>(event).sequential_id);
}

bool Dispatcher::is_behind(const Route& route, const EventHeader& event) noexcept {
  if (event.kind == EventKind::orderbook) {
    const auto& frame = static_cast<const OrderbookEvent&>(event);
    return std::any_of(route.books.begin(), route.books.end(), [&](const auto& entry) {
      return entry->level == frame.level && entry->book.live() &&
             frame.timestamp < entry->book.timestamp();
    });
  }
  if (!route.last_valid) return false;
  const auto* last = std::launder(reinterpret_cast<const EventHeader*>(route.last.get()));
  return identity(event) < identity(*last);
}

// --- state
// ----------------------------------------------------------------------------------------

const Book* Dispatcher::apply(Route& route, OrderbookEvent& event) noexcept {
  const BookEntry* largest = nullptr;
  for (const auto& entry : route.books) {
    entry->touched = entry->level == event.level;
    // The request for more units is still on its way; this frame answers the one before.
    if (entry->touched && event.unit_count <= entry->skip_units_to) entry->touched = false;
    if (!entry->touched) continue;
    entry->skip_units_to = 0;
    entry->was_live = entry->book.live();
    const ExchangeTime before = entry->book.timestamp();
    const BookChange change = entry->book.apply(event, entry->units);
    entry->news = !entry->was_live || !change.applied() || (change.asks | change.bids) != 0 ||
                  before != event.timestamp;
    if (!change.applied()) {
      event.flags = static_cast<std::uint16_t>(event.flags | kBookFault);
      counters_.book_faults.add();
    }
    publish_shared(*entry);
    if (largest == nullptr || entry->units > largest->units) largest = entry.get();
  }
  return largest != nullptr ? &largest->book : nullptr;
}

void Dispatcher::remember(Route& route, const EventHeader& event) noexcept {
  const auto* last = std::launder(reinterpret_cast<const EventHeader*>(route.last.get()));
  route.repeated = route.last_valid && event.stream_type == StreamType::snapshot &&
                   identity(*last) == identity(event);
  std::memcpy(route.last.get(), static_cast<const void*>(&event), event.size_bytes);
  route.last_valid = true;
}

void Dispatcher::publish_shared(BookEntry& entry) noexcept {
  for (const auto& shared : entry.shared) shared->publish(entry.book);
}

bool Dispatcher::flows(const Route& route, const BookEntry* book) noexcept {
  return std::any_of(route.entries.begin(), route.entries.end(), [&](const Entry& entry) {
    const bool same = book == nullptr || entry.book->level == book->level;
    return same && entry.subscription->mode != StreamMode::snapshot_only;
  });
}

// --- callbacks
// ------------------------------------------------------------------------------------

bool Dispatcher::wants(const EventHeader& event, const Route& route,
                       const Entry& entry) const noexcept {
  const bool snapshot = event.stream_type == StreamType::snapshot;
  const bool served = entry.subscription->served[entry.code_index] != 0;
  const bool news = entry.book != nullptr ? entry.book->news : !route.repeated;
  switch (entry.subscription->mode) {
    case StreamMode::snapshot_only:
      return !served && (event.flags & kBackfilled) == 0;
    case StreamMode::realtime_only:
      // A snapshot that brings news stands for the change that was swallowed.
      return !snapshot || (entry.book != nullptr ? entry.book->was_live && news
                                                 : (carried_twice(route) || fills_) && news);
    case StreamMode::both:
      break;
  }
  return !snapshot || !served || news;
}

void Dispatcher::deliver(const EventHeader& event) noexcept {
  switch (event.kind) {
    case EventKind::status:
      for (auto* each : listeners_of(event.kind)) {
        call<StatusCallback>(*each, static_cast<const StatusEvent&>(event));
      }
      return;
    case EventKind::loss:
      for (auto* each : listeners_of(event.kind)) {
        call<LossCallback>(*each, static_cast<const LossEvent&>(event));
      }
      return;
    case EventKind::gap:
      for (auto* each : listeners_of(event.kind)) {
        call<GapCallback>(*each, static_cast<const GapEvent&>(event));
      }
      return;
    default:
      break;
  }
  if (is_market_stream(event.kind)) {
    deliver_market(event);
  } else {
    deliver_account(event);
  }
}

void Dispatcher::deliver_market(const EventHeader& event) noexcept {
  if (current_route_ == nullptr) return;
  Route& route = *current_route_;
  for (Entry& entry : route.entries) {
    if (entry.book != nullptr && !entry.book->touched) continue;
    if (!wants(event, route, entry)) continue;
    entry.subscription->served[entry.code_index] = 1;
    switch (event.kind) {
      case EventKind::ticker:
        call<TickerCallback>(*entry.subscription, static_cast<const TickerEvent&>(event));
        break;
      case EventKind::trade:
        call<TradeCallback>(*entry.subscription, static_cast<const TradeEvent&>(event));
        break;
      case EventKind::candle:
        call<CandleCallback>(*entry.subscription, static_cast<const CandleEvent&>(event));
        break;
      default:
        if (entry.book != nullptr) deliver(static_cast<const OrderbookEvent&>(event), entry);
    }
  }
}

void Dispatcher::deliver(const OrderbookEvent& event, Entry& entry) noexcept {
  const OrderbookEvent* shown =
      event.unit_count > entry.book->units ? event.copy(entry.book->units, cut_.get()) : &event;
  call<OrderbookCallback>(*entry.subscription, *shown, entry.book->book);
}

void Dispatcher::deliver_account(const EventHeader& event) noexcept {
  for (Subscription* each : listeners_of(event.kind)) {
    if (!each->covers(event)) continue;
    switch (event.kind) {
      case EventKind::my_order:
        call<MyOrderCallback>(*each, static_cast<const MyOrderEvent&>(event));
        break;
      case EventKind::my_asset:
        call<MyAssetCallback>(*each, static_cast<const MyAssetEvent&>(event));
        break;
      case EventKind::announcement:
        call<AnnouncementCallback>(*each, static_cast<const AnnouncementEvent&>(event));
        break;
      case EventKind::indicator:
        call<IndicatorCallback>(*each, static_cast<const IndicatorEvent&>(event));
        break;
      default:
        call<IndicatorSignalCallback>(*each, static_cast<const IndicatorSignalEvent&>(event));
    }
  }
}

}  // namespace upfeed::detail
