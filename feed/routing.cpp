// What changes when somebody subscribes, leaves, or moves streams between connections. Cold: it
// allocates, on the dispatcher's thread, in front of the events of a poll.

#include <algorithm>
#include <cstring>
#include <new>

#include "dispatcher.hpp"

namespace upfeed::detail {

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
      const Change change = std::move(drained_[i]);
      if (change.sharding) {
        reshard(*change.sharding);
        changed = true;
        continue;
      }
      if (change.add) {
        add(change.subscription);
      } else {
        remove(*change.subscription);
      }
      changed |= is_stream(change.subscription->kind);
    }
  }
  return changed;
}

void Dispatcher::add(const std::shared_ptr<Subscription>& subscription) {
  // The queue keeps no order between threads: its removal may have come first.
  if (!subscription->alive.load(std::memory_order_seq_cst)) return;
  subscriptions_.add(subscription);
  if (!is_market_stream(subscription->kind)) {
    listeners_of(subscription->kind).push_back(subscription.get());
    return;
  }
  for (std::size_t i = 0; i < subscription->markets.size(); ++i) add_route(*subscription, i);
}

void Dispatcher::add_route(Subscription& subscription, std::size_t code_index) {
  const std::size_t slot = stream_slot(subscription.kind, subscription.candle_unit);
  auto& route = route_at(slot, subscription.markets[code_index]);
  if (route == nullptr) {
    route = std::make_unique<Route>();
    if (subscription.kind != EventKind::orderbook) {
      route->last = std::make_unique<std::byte[]>(kMarketEventBytesMax);
    }
    if (subscription.kind == EventKind::trade) route->recent = std::make_unique<RecentTrades>();
    route->connection = subscription.connection.value_or(plan_.connection_of(
        subscription.kind, subscription.candle_unit, subscription.codes[code_index]));
    route->pinned = subscription.connection.has_value();
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
  if (is_market_stream(subscription.kind)) {
    for (std::size_t i = 0; i < subscription.markets.size(); ++i) remove_route(subscription, i);
  } else {
    std::erase(listeners_of(subscription.kind), &subscription);
  }
  subscriptions_.remove(&subscription);
}

void Dispatcher::remove_route(const Subscription& subscription, std::size_t code_index) {
  const auto is_it = [&](const Entry& entry) { return entry.subscription == &subscription; };
  auto& route = route_at(stream_slot(subscription.kind, subscription.candle_unit),
                         subscription.markets[code_index]);
  if (route == nullptr) return;
  for (const Entry& entry : route->entries) {
    if (!is_it(entry) || entry.book == nullptr) continue;
    --entry.book->users;
    if (subscription.shared == nullptr) continue;
    // Readers may keep the memory; what is in it is current no longer.
    Book last = entry.book->book;
    last.disconnect(last.epoch());
    subscription.shared->publish(last);
    std::erase(entry.book->shared, subscription.shared);
  }
  std::erase_if(route->entries, is_it);
  std::erase_if(route->books, [](const auto& entry) { return entry->users == 0; });
  // What nobody asks for any more stops arriving, so nothing of it may be remembered.
  if (route->entries.empty()) {
    const std::size_t waiting =
        route->doubted.size() +
        (route->hold != nullptr ? route->hold->inside.size() + route->hold->trades.size() : 0);
    counters_.superseded[static_cast<std::size_t>(subscription.kind)].add(waiting);
    route.reset();
  } else {
    forget_if_idle(*route);
  }
}

// --- connections
// ------------------------------------------------------------------------------------------

void Dispatcher::reshard(const Sharding& sharding) {
  plan_.reshard(sharding);
  for (const auto& subscription : subscriptions_.all()) {
    if (!is_market_stream(subscription->kind)) continue;
    const std::size_t slot = stream_slot(subscription->kind, subscription->candle_unit);
    for (std::size_t i = 0; i < subscription->markets.size(); ++i) {
      const Route& route = *route_at(slot, subscription->markets[i]);
      const std::uint32_t to = plan_.connection_of(subscription->kind, subscription->candle_unit,
                                                   subscription->codes[i]);
      if (!route.pinned && route.connection != to) move_route({slot, subscription->markets[i]}, to);
    }
  }
}

/// The new connection is asked for the stream at once; the old one keeps it until the new one's
/// data has come.
void Dispatcher::move_route(RouteKey key, std::uint32_t to) {
  Route& route = *route_at(key.slot, key.market);
  // Who carries it, or was asked first: its first event may be under way.
  std::uint32_t from = route.source.connection;
  if (route.source.epoch == 0) {
    from = route.moving_from != kNoConnection ? route.moving_from : route.connection;
  }
  route.connection = to;
  route.moved = true;
  if (from == to) return end_move(route);
  begin_move(route, from);
  moving_.push_back(key);
}

void Dispatcher::begin_move(Route& route, std::uint32_t from) noexcept {
  route.moving_from = from;
  route.taken_over = MonoTime{};
}

void Dispatcher::end_move(Route& route) noexcept {
  route.moving_from = kNoConnection;
}

/// True when a move has ended, so that its former connection can be told.
bool Dispatcher::end_moves() {
  return std::erase_if(moving_, [&](const RouteKey& key) {
           Route* route = route_at(key.slot, key.market).get();
           if (route == nullptr || route->moving_from == kNoConnection) return true;
           const MonoTime since = route->taken_over;
           if (since.ns == 0 || dispatched_at_ - since < kOverlapNs) return false;
           end_move(*route);
           return true;
         }) != 0;
}

std::uint32_t Dispatcher::put_wanted_sets() {
  if (replay_ != nullptr) return 0;  // there is nobody to ask
  std::vector<WantedSet> sets(told_.size());
  for (WantedStream& stream : subscriptions_.wanted()) {
    if (!is_market_stream(stream.kind)) {
      sets[plan_.connection_of(stream.kind, stream.candle_unit, stream.code)].push_back(stream);
      continue;
    }
    const Route& route = *route_at(stream_slot(stream.kind, stream.candle_unit), stream.market);
    stream.refresh = route.refresh;
    for (const auto& entry : route.books) {
      if (entry->level == stream.level) stream.refresh = std::max(stream.refresh, entry->refresh);
    }
    if (route.moving_from != kNoConnection) sets[route.moving_from].push_back(stream);
    // Its snapshot is how the new connection shows that it carries the stream.
    if (route.moved && stream.mode == StreamMode::realtime_only) stream.mode = StreamMode::both;
    sets[route.connection].push_back(stream);
  }
  std::uint32_t changed = 0;
  const std::lock_guard lock(told_mutex_);
  for (std::size_t i = 0; i < sets.size(); ++i) {
    if (sets[i] == told_[i]) continue;
    changed |= 1U << i;
    told_[i] = sets[i];
    mailboxes_[i].put(std::move(sets[i]));
  }
  return changed;
}

std::vector<PlannedStream> Dispatcher::plan() const {
  std::vector<PlannedStream> planned;
  const std::lock_guard lock(told_mutex_);
  for (std::uint32_t connection = 0; connection < told_.size(); ++connection) {
    for (const WantedStream& stream : told_[connection]) {
      planned.push_back({.connection = connection,
                         .kind = stream.kind,
                         .candle_unit = stream.candle_unit,
                         .code = std::string(stream.code.view()),
                         .units = stream.kind == EventKind::orderbook ? stream.units : 0U,
                         .level = stream.level,
                         .mode = stream.mode});
    }
  }
  return planned;
}

}  // namespace upfeed::detail
