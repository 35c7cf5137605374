// What becomes of streams that are lost, with their connection or alone, and of records that are.
//
//   live ---- status: the connection is over, or a stream is lost ----> gap pending, books not live
//        <--- the stream's next event, behind its GapEvent ------------

#include <algorithm>
#include <new>

#include "dispatcher.hpp"

namespace upfeed::detail {

void Dispatcher::begin_gap(Route& route, StatusCause cause, MonoTime lost) noexcept {
  route.gap = Gap{};
  route.gap.pending = true;
  route.gap.cause = cause;
  route.gap.epoch_before = route.source.epoch;
  route.gap.lost = lost;
  if (!route.last_valid) return;
  const auto* last = std::launder(reinterpret_cast<const EventHeader*>(route.last.get()));
  route.gap.started = last->received_mono;
  if (last->kind == EventKind::trade) {
    route.gap.last_id = static_cast<const TradeEvent&>(*last).sequential_id;
  }
}

void Dispatcher::open_gap(Route& route, const StatusEvent& event) noexcept {
  if (route.source.epoch == 0 || !flows(route, nullptr)) return;  // what nobody follows has no gap
  const bool of_one_level = event.lost_kind == EventKind::orderbook;
  if (route.gap.pending) {
    // An outage that began before goes on, of whatever more is lost.
    route.gap.of_one_level &= of_one_level && route.gap.level == event.level;
    return;
  }
  begin_gap(route, event.cause, event.received_mono);
  route.gap.of_one_level = of_one_level;
  route.gap.level = event.level;
  for (const auto& entry : route.books) {
    if (of_one_level && entry->level != event.level) continue;
    route.gap.started = std::max(route.gap.started, entry->book.received_mono());
  }
  // What came last may be the answer that has shown the loss.
  if (event.silent_ns > 0) {
    route.gap.started = std::min(route.gap.started, event.received_mono + -event.silent_ns);
  }
}

/// The stream that the status says was lost, where its source is the one that lost it; else null.
Dispatcher::Route* Dispatcher::route_of_lost(const StatusEvent& event) noexcept {
  if (!is_market_stream(event.lost_kind) || !event.market.valid()) return nullptr;
  Route* route = route_at(stream_slot(event.lost_kind, event.candle_unit), event.market).get();
  const bool is_source = route != nullptr && route->source == Source{event.connection, event.epoch};
  return is_source ? route : nullptr;
}

/// One stream was lost, and its connection lives.
void Dispatcher::lose_stream(const StatusEvent& event) noexcept {
  Route* const route = route_of_lost(event);
  if (route == nullptr) return;
  open_gap(*route, event);
  route->last_valid = false;
  for (const auto& entry : route->books) {
    if (entry->level != event.level) continue;
    entry->book.mark_stale(BookFault::silent);
    publish_shared(*entry);
  }
}

bool Dispatcher::ends_gap(const Route& route, const EventHeader& event) noexcept {
  if (!route.gap.pending) return false;
  return !route.gap.of_one_level ||
         static_cast<const OrderbookEvent&>(event).level == route.gap.level;
}

void Dispatcher::fill_gap_event(const Route& route, const EventHeader& event) noexcept {
  gap_event_ = GapEvent{};
  gap_event_.size_bytes = sizeof gap_event_;
  gap_event_.kind = EventKind::gap;
  gap_event_.market = event.market;
  gap_event_.code = event.code;
  gap_event_.connection = event.connection;
  gap_event_.epoch = event.epoch;
  gap_event_.received_mono = event.received_mono;
  gap_event_.gap_kind = event.kind;
  gap_event_.cause = route.gap.cause;
  gap_event_.epoch_before = route.gap.epoch_before;
  gap_event_.started_mono = route.gap.started;
  gap_event_.lost_mono = route.gap.lost;
  gap_event_.ended_mono = event.received_mono;
  gap_event_.last_sequential_id = route.gap.last_id;
  if (event.kind == EventKind::candle) {
    gap_event_.candle_unit = static_cast<const CandleEvent&>(event).unit;
  } else if (event.kind == EventKind::orderbook) {
    gap_event_.level = static_cast<const OrderbookEvent&>(event).level;
  } else if (event.kind == EventKind::trade) {
    gap_event_.first_sequential_id = static_cast<const TradeEvent&>(event).sequential_id;
  }
}

template <class Visit>
void Dispatcher::for_each_route(Visit&& visit) {
  for (const auto& route : routes_) {
    if (route != nullptr) visit(*route);
  }
}

void Dispatcher::apply(const StatusEvent& event) noexcept {
  if (event.cause == StatusCause::end_of_capture && event.connection == 0) {
    capture_ended_.store(true, std::memory_order_release);
  }
  if (event.cause == StatusCause::renewed) {
    renewing_[event.connection] = event.previous_state == SessionState::live;  // else it is over
    return;
  }
  if (event.cause == StatusCause::recording) return;
  if (event.lost_kind != EventKind::status) return lose_stream(event);
  if (event.state == SessionState::live || event.epoch == 0) return;
  // Any state but live ends what was before it, should the record of the end itself be missing.
  const std::uint32_t ended =
      event.previous_state == SessionState::live ? event.epoch : event.epoch - 1;
  for_each_route([&](Route& route) {
    if (route.source.epoch == 0 || route.source.connection != event.connection) return;
    if (event.cause != StatusCause::requested) open_gap(route, event);
    route.last_valid = false;
    for (const Entry& entry : route.entries) entry.subscription->served[entry.code_index] = 0;
    for (const auto& entry : route.books) {
      entry->skip_units_to = 0;
      if (entry->book.epoch() <= ended) entry->book.disconnect(ended);
      publish_shared(*entry);
    }
  });
}

void Dispatcher::disconnect_books() noexcept {
  for_each_route([&](Route& route) {
    for (const auto& entry : route.books) {
      entry->book.disconnect(entry->book.epoch());
      publish_shared(*entry);
    }
  });
}

void Dispatcher::mark_all_stale(std::uint32_t connection) noexcept {
  for_each_route([&](Route& route) {
    if (route.source.connection != connection) return;
    for (const auto& entry : route.books) {
      entry->book.mark_stale(BookFault::records_lost);
      publish_shared(*entry);
    }
  });
}

void Dispatcher::apply(const LossEvent& event) noexcept {
  // Conflation alone leaves no hole: the newest value follows this record.
  if ((event.dropped | event.refused) == 0) return;
  if (!event.market.valid()) {
    if (event.lost_kind == EventKind::orderbook || event.lost_kind == EventKind::status) {
      mark_all_stale(event.connection);
    }
    return;
  }
  if (!is_market_stream(event.lost_kind)) return;
  Route* route = route_at(stream_slot(event.lost_kind, event.candle_unit), event.market).get();
  if (route == nullptr) return;
  route->last_valid = false;
  for (const auto& entry : route->books) {
    entry->book.mark_stale(BookFault::records_lost);
    publish_shared(*entry);
  }
}

}  // namespace upfeed::detail
