#include "dispatcher.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <new>

namespace upfeed::detail {

namespace {

static_assert(__STDCPP_DEFAULT_NEW_ALIGNMENT__ >= alignof(OrderbookEvent));

std::unique_ptr<std::byte[]> event_room() {
  return std::make_unique<std::byte[]>(kMarketEventBytesMax);
}

/// What tells one value of a stream from the next.
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

Dispatcher::Dispatcher(const MarketTable& markets, std::vector<SpscRing*> rings)
    : drained_(64),
      rings_(std::move(rings)),
      market_capacity_(markets.capacity()),
      routes_(kMarketSlotCount * market_capacity_),
      cut_(event_room()) {}

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

bool Dispatcher::begin_poll(WantedMailbox& mailbox) noexcept {
  UPFEED_ASSERT((pass_.load(std::memory_order_relaxed) & 1U) == 0);
  thread_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  pass_.fetch_add(1, std::memory_order_seq_cst);
  if (!apply_changes()) return false;
  mailbox.put(wanted());
  return true;
}

void Dispatcher::end_poll() noexcept {
  pass_.fetch_add(1, std::memory_order_seq_cst);
}

bool Dispatcher::has_work() noexcept {
  if (changes_.size_approx() != 0) return true;
  return std::any_of(rings_.begin(), rings_.end(),
                     [](SpscRing* ring) { return !ring->peek().empty(); });
}

Dispatched Dispatcher::next() noexcept {
  std::span<std::byte> record;
  for (std::size_t looked = 0; looked <= rings_.size(); ++looked) {
    if (ring_taken_ < kRingBatch) record = rings_[ring_index_]->peek();
    if (!record.empty()) break;
    ring_taken_ = 0;
    ring_index_ = ring_index_ + 1 == rings_.size() ? 0 : ring_index_ + 1;
  }
  if (record.empty()) return {};
  ++ring_taken_;
  current_ = std::launder(reinterpret_cast<EventHeader*>(record.data()));
  UPFEED_ASSERT(current_->size_bytes == record.size());
  const Book* book = nullptr;
  switch (current_->kind) {
    case EventKind::orderbook:
      book = apply(static_cast<OrderbookEvent&>(*current_));
      break;
    case EventKind::status:
      apply(static_cast<const StatusEvent&>(*current_));
      break;
    case EventKind::loss:
      apply(static_cast<const LossEvent&>(*current_));
      break;
    default:
      remember(*current_);
  }
  return {current_, book};
}

void Dispatcher::finish() noexcept {
  deliver(*current_);
  const auto kind = static_cast<std::size_t>(current_->kind);
  if (kind < kStreamCount) counters_.delivered[kind].add();
  current_ = nullptr;
  rings_[ring_index_]->release();
}

// --- state
// ----------------------------------------------------------------------------------------

const Book* Dispatcher::apply(OrderbookEvent& event) noexcept {
  Route* route = route_at(stream_slot(event), event.market).get();
  if (route == nullptr) return nullptr;
  const BookEntry* largest = nullptr;
  for (const auto& entry : route->books) {
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

void Dispatcher::remember(const EventHeader& event) noexcept {
  if (!is_market_stream(event.kind)) return;  // no route: nobody can subscribe it yet
  Route* route = route_at(stream_slot(event), event.market).get();
  if (route == nullptr) return;
  const auto* last = std::launder(reinterpret_cast<const EventHeader*>(route->last.get()));
  route->repeated = route->last_valid && event.stream_type == StreamType::snapshot &&
                    identity(*last) == identity(event);
  std::memcpy(route->last.get(), static_cast<const void*>(&event), event.size_bytes);
  route->last_valid = true;
}

void Dispatcher::apply(const StatusEvent& event) noexcept {
  if (event.cause == StatusCause::end_of_capture) {
    capture_ended_.store(true, std::memory_order_release);
  }
  if (event.state == SessionState::live || event.epoch == 0) return;
  // Any state but live ends what was before it, should the record of the end itself be missing.
  const std::uint32_t ended =
      event.previous_state == SessionState::live ? event.epoch : event.epoch - 1;
  for (const auto& route : routes_) {
    if (route == nullptr) continue;
    route->last_valid = false;
    for (const Entry& entry : route->entries) entry.subscription->served[entry.code_index] = 0;
    for (const auto& entry : route->books) {
      entry->skip_units_to = 0;
      if (entry->book.epoch() <= ended) entry->book.disconnect(ended);
      publish_shared(*entry);
    }
  }
}

void Dispatcher::disconnect_books() noexcept {
  for (const auto& route : routes_) {
    if (route == nullptr) continue;
    for (const auto& entry : route->books) {
      entry->book.disconnect(entry->book.epoch());
      publish_shared(*entry);
    }
  }
}

void Dispatcher::mark_all_stale() noexcept {
  for (const auto& route : routes_) {
    if (route == nullptr) continue;
    for (const auto& entry : route->books) {
      entry->book.mark_stale(BookFault::records_lost);
      publish_shared(*entry);
    }
  }
}

void Dispatcher::apply(const LossEvent& event) noexcept {
  // Conflation alone leaves no hole: the newest value follows this record.
  if ((event.dropped | event.refused) == 0) return;
  if (!event.market.valid()) {
    if (event.lost_kind == EventKind::orderbook || event.lost_kind == EventKind::status) {
      mark_all_stale();
    }
    return;
  }
  Route* route = route_at(stream_slot(event.lost_kind, event.candle_unit), event.market).get();
  if (route == nullptr) return;
  route->last_valid = false;
  for (const auto& entry : route->books) {
    entry->book.mark_stale(BookFault::records_lost);
    publish_shared(*entry);
  }
}

void Dispatcher::publish_shared(BookEntry& entry) noexcept {
  for (const auto& shared : entry.shared) shared->publish(entry.book);
}

// --- callbacks
// ------------------------------------------------------------------------------------

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

bool Dispatcher::wants(const EventHeader& event, const Route& route,
                       const Entry& entry) const noexcept {
  const bool snapshot = event.stream_type == StreamType::snapshot;
  const bool served = entry.subscription->served[entry.code_index] != 0;
  const bool news = entry.book != nullptr ? entry.book->news : !route.repeated;
  switch (entry.subscription->mode) {
    case StreamMode::snapshot_only:
      return !served;
    case StreamMode::realtime_only:
      return !snapshot || (entry.book != nullptr && entry.book->was_live && news);
    case StreamMode::both:
      break;
  }
  return !snapshot || !served || news;
}

void Dispatcher::deliver(const EventHeader& event) noexcept {
  if (event.kind == EventKind::status) {
    for (auto* each : status_listeners_) {
      call<StatusCallback>(*each, static_cast<const StatusEvent&>(event));
    }
    return;
  }
  if (event.kind == EventKind::loss) {
    for (auto* each : loss_listeners_) {
      call<LossCallback>(*each, static_cast<const LossEvent&>(event));
    }
    return;
  }
  if (!is_market_stream(event.kind)) return;
  Route* route = route_at(stream_slot(event), event.market).get();
  if (route == nullptr) return;
  for (Entry& entry : route->entries) {
    if (entry.book != nullptr && !entry.book->touched) continue;
    if (!wants(event, *route, entry)) continue;
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

// --- changes of the subscriptions (cold: allocates)
// -----------------------------------------------

bool Dispatcher::apply_changes() {
  bool changed = false;
  // Bounded by what is there now, so a caller that subscribes without end cannot hold up the data.
  std::size_t left = changes_.size_approx();
  while (left > 0) {
    const std::size_t taken =
        changes_.try_dequeue_bulk(drained_.begin(), std::min(left, drained_.size()));
    if (taken == 0) break;
    left -= taken;
    for (std::size_t i = 0; i < taken; ++i) {
      Change change = std::move(drained_[i]);
      if (change.add) {
        add(change.subscription);
      } else {
        remove(*change.subscription);
      }
      changed |= static_cast<std::size_t>(change.subscription->kind) < kStreamCount;
    }
  }
  return changed;
}

void Dispatcher::add(const std::shared_ptr<Subscription>& subscription) {
  // The queue keeps no order between threads: its removal may have come first.
  if (!subscription->alive.load(std::memory_order_seq_cst)) return;
  subscriptions_.add(subscription);
  if (subscription->kind == EventKind::status) {
    status_listeners_.push_back(subscription.get());
  } else if (subscription->kind == EventKind::loss) {
    loss_listeners_.push_back(subscription.get());
  } else {
    for (std::size_t i = 0; i < subscription->markets.size(); ++i) add_route(*subscription, i);
  }
}

void Dispatcher::add_route(Subscription& subscription, std::size_t code_index) {
  const std::size_t slot = stream_slot(subscription.kind, subscription.candle_unit);
  auto& route = route_at(slot, subscription.markets[code_index]);
  if (route == nullptr) {
    route = std::make_unique<Route>();
    if (subscription.kind != EventKind::orderbook) route->last = event_room();
  }
  Entry entry{&subscription, code_index, nullptr};
  if (subscription.kind == EventKind::orderbook) entry.book = book_entry(*route, subscription);
  const bool from_memory =
      subscription.mode != StreamMode::realtime_only && serve_from_memory(*route, entry);
  if (subscription.mode != StreamMode::realtime_only && !from_memory) {
    ++generation_;
    (entry.book != nullptr ? entry.book->refresh : route->refresh) = generation_;
  }
  route->entries.push_back(entry);
}

Dispatcher::BookEntry* Dispatcher::book_entry(Route& route, const Subscription& subscription) {
  const BookEntry* source = nullptr;  // a live book that holds at least these units
  std::size_t units_on_wire = 0;
  BookEntry* entry = nullptr;
  for (const auto& each : route.books) {
    if (each->level != subscription.level) continue;
    if (each->units == subscription.units) entry = each.get();
    if (each->units >= subscription.units && each->book.live() && flows(route, each.get())) {
      source = each.get();
    }
    units_on_wire = std::max(units_on_wire, each->units);
  }
  if (entry == nullptr) {
    route.books.push_back(std::make_unique<BookEntry>());
    entry = route.books.back().get();
    entry->level = subscription.level;
    entry->units = subscription.units;
    if (units_on_wire < entry->units) entry->skip_units_to = units_on_wire;
    if (source != nullptr) {
      entry->book.apply(*from_book(source->book, MarketId{}), entry->units);
    }
  }
  ++entry->users;
  if (subscription.shared != nullptr) {
    entry->shared.push_back(subscription.shared);
    subscription.shared->publish(entry->book);
  }
  return entry;
}

bool Dispatcher::serve_from_memory(Route& route, Entry& entry) {
  Subscription& subscription = *entry.subscription;
  const MarketId market = subscription.markets[entry.code_index];
  if (!flows(route, entry.book)) return false;
  if (entry.book != nullptr) {
    if (!entry.book->book.live()) return false;
    subscription.served[entry.code_index] = 1;
    call<OrderbookCallback>(subscription, *from_book(entry.book->book, market), entry.book->book);
    return true;
  }
  if (!route.last_valid) return false;
  subscription.served[entry.code_index] = 1;
  std::memcpy(cut_.get(), route.last.get(), kMarketEventBytesMax);
  auto& event = *std::launder(reinterpret_cast<EventHeader*>(cut_.get()));
  event.flags = static_cast<std::uint16_t>(event.flags | kFromMemory);
  if (event.kind == EventKind::ticker) {
    call<TickerCallback>(subscription, static_cast<const TickerEvent&>(event));
  } else if (event.kind == EventKind::trade) {
    call<TradeCallback>(subscription, static_cast<const TradeEvent&>(event));
  } else {
    call<CandleCallback>(subscription, static_cast<const CandleEvent&>(event));
  }
  return true;
}

bool Dispatcher::flows(const Route& route, const BookEntry* book) noexcept {
  return std::any_of(route.entries.begin(), route.entries.end(), [&](const Entry& entry) {
    const bool same = book == nullptr || entry.book->level == book->level;
    return same && entry.subscription->mode != StreamMode::snapshot_only;
  });
}

void Dispatcher::forget_if_idle(Route& route) noexcept {
  if (!flows(route, nullptr)) route.last_valid = false;
  for (const auto& entry : route.books) {
    if (flows(route, entry.get())) continue;
    entry->book.mark_stale(BookFault::silent);
    publish_shared(*entry);
  }
}

const OrderbookEvent* Dispatcher::from_book(const Book& book, MarketId market) {
  using Field = OrderbookEvent::Field;
  auto* event = ::new (static_cast<void*>(cut_.get())) OrderbookEvent{};
  const auto units = book.units_unchecked();
  event->kind = EventKind::orderbook;
  event->stream_type = StreamType::snapshot;
  event->flags = kFromMemory;
  event->market = market;
  event->epoch = book.epoch();
  event->received_mono = book.received_mono();
  event->code = book.code();
  for (const Field field : {Field::type, Field::code, Field::timestamp, Field::orderbook_units,
                            Field::stream_type, Field::level}) {
    event->present |= std::uint64_t{1} << static_cast<unsigned>(field);
  }
  event->timestamp = book.timestamp();
  event->level = book.level();
  event->unit_count = static_cast<std::uint8_t>(units.size());
  event->ask_count = static_cast<std::uint8_t>(book.ask_count_unchecked());
  event->bid_count = static_cast<std::uint8_t>(book.bid_count_unchecked());
  bool wide = false;
  for (std::size_t i = 0; i < units.size(); ++i) {
    event->unit_array()[i] = units[i];
    wide |= units[i].ask_size.in_wide_form() || units[i].bid_size.in_wide_form();
  }
  for (std::size_t i = 0; wide && i < units.size(); ++i) {
    event->wide_array()[i] = {i < event->ask_count ? book.ask_unchecked(i).size : WideQuantity{},
                              i < event->bid_count ? book.bid_unchecked(i).size : WideQuantity{}};
  }
  if (wide) event->flags = static_cast<std::uint16_t>(event->flags | kWideSizes);
  event->size_bytes = static_cast<std::uint32_t>(OrderbookEvent::record_bytes(units.size(), wide));
  return event;
}

void Dispatcher::remove(const Subscription& subscription) {
  const auto is_it = [&](const Subscription* each) { return each == &subscription; };
  std::erase_if(status_listeners_, is_it);
  std::erase_if(loss_listeners_, is_it);
  const bool routed = static_cast<std::size_t>(subscription.kind) < kStreamCount;
  for (std::size_t i = 0; routed && i < subscription.markets.size(); ++i) {
    auto& route =
        route_at(stream_slot(subscription.kind, subscription.candle_unit), subscription.markets[i]);
    if (route == nullptr) continue;
    for (const Entry& entry : route->entries) {
      if (!is_it(entry.subscription) || entry.book == nullptr) continue;
      --entry.book->users;
      if (subscription.shared == nullptr) continue;
      // Readers may keep the memory; what is in it is current no longer.
      Book last = entry.book->book;
      last.disconnect(last.epoch());
      subscription.shared->publish(last);
      std::erase(entry.book->shared, subscription.shared);
    }
    std::erase_if(route->entries, [&](const Entry& entry) { return is_it(entry.subscription); });
    std::erase_if(route->books, [](const auto& entry) { return entry->users == 0; });
    // What nobody asks for any more stops arriving, so nothing of it may be remembered.
    if (route->entries.empty()) {
      route.reset();
    } else {
      forget_if_idle(*route);
    }
  }
  subscriptions_.remove(&subscription);
}

WantedSet Dispatcher::wanted() noexcept {
  WantedSet set = subscriptions_.wanted();
  for (WantedStream& stream : set) {
    const Route& route = *route_at(stream_slot(stream.kind, stream.candle_unit), stream.market);
    stream.refresh = route.refresh;
    for (const auto& entry : route.books) {
      if (entry->level == stream.level) stream.refresh = std::max(stream.refresh, entry->refresh);
    }
  }
  return set;
}

}  // namespace upfeed::detail
