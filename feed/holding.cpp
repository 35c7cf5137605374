// Trades that wait, so that all come in order. Cold: only about an outage.
//
// Held, while those the outage hid are fetched, where FeedConfig::backfill asks for it:
//   ring:      trade 9 (first after the gap), 10, 11 ...
//   backfill:  6, 7, 8
//   handed on: GapEvent 5..9, 6, 7, 8, 9, 10, 11
//
// In doubt, while nobody knows whether there was an outage: a snapshot shows a newer trade of a
// stream that should have sent it as a realtime frame.
//   ring                                 handed on
//   5, snapshot 8, 8                     5, 8                        it only came earlier
//   5, snapshot 8, 9                     5, 8, 9                     a request swallowed its frame;
//                                                                    with backfill, what else is
//                                                                    asked as if it were an outage
//   5, snapshot 8, snapshot 8            5, 8                        quiet since
//   5, snapshot 8, stream lost           5, lost, GapEvent 5..8, 8
//   5, snapshot 8, connection lost, 12   5, lost, GapEvent 5..12, 8, 12

#include <algorithm>
#include <utility>

#include "clock.hpp"
#include "dispatcher.hpp"

namespace upfeed::detail {

namespace {

// A market that trades faster than this during one call is not worth waiting for.
constexpr std::size_t kHeldTradesMax = 4096;
// The session's verdict comes within SessionConfig::probe_lead of the first answer. Should none
// come, whoever sends such snapshots has no more to say.
constexpr std::int64_t kDoubtNs = 15'000'000'000;
constexpr std::size_t kDoubtedTradesMax = 16;

}  // namespace

// --- in doubt
// --------------------------------------------------------------------------------------------

bool Dispatcher::is_doubtful(const Route& route, const EventHeader& event) const noexcept {
  if (event.kind != EventKind::trade || event.stream_type != StreamType::snapshot) return false;
  const bool flows_on = route.last_valid && !route.gap.pending && route.hold == nullptr &&
                        route.source == Source{event.connection, event.epoch} &&
                        !carried_twice(route) && flows(route, nullptr);
  const std::uint64_t newest =
      route.doubted.empty() ? route.recent->greatest : route.doubted.back().sequential_id;
  if (!flows_on || static_cast<const TradeEvent&>(event).sequential_id <= newest) return false;
  // Who waits for a first trade gets it at once.
  return std::none_of(route.entries.begin(), route.entries.end(), [](const Entry& entry) {
    return entry.subscription->mode != StreamMode::realtime_only &&
           entry.subscription->served[entry.code_index] == 0;
  });
}

void Dispatcher::doubt(Route& route, const TradeEvent& trade) {
  if (route.doubted.size() == kDoubtedTradesMax) trust(route, kDoubtedTradesMax);
  if (route.doubted.empty()) {
    route.doubt_until = now() + kDoubtNs;
    doubting_.push_back({stream_slot(trade), trade.market});
  }
  route.doubted.push_back(trade);
}

/// The next trade of a stream that is in doubt. True: some that were doubted go out before it.
bool Dispatcher::settle_doubt(Route& route, const EventHeader& event) {
  if (route.gap.pending) return false;
  const std::uint64_t id = static_cast<const TradeEvent&>(event).sequential_id;
  if (event.stream_type == StreamType::snapshot &&
      route.source == Source{event.connection, event.epoch}) {
    if (id == route.doubted.back().sequential_id) believe(route, route.doubted.size());
    return !injected_.empty();
  }
  const auto first_after =
      std::find_if(route.doubted.begin(), route.doubted.end(),
                   [id](const TradeEvent& each) { return each.sequential_id >= id; });
  const auto count = first_after - route.doubted.begin();
  if (first_after != route.doubted.end() && first_after->sequential_id == id) {
    route.doubted.erase(first_after);
    counters_.superseded[static_cast<std::size_t>(EventKind::trade)].add();
  }
  believe(route, static_cast<std::size_t>(count));
  return !injected_.empty();
}

/// Nothing says that the stream was lost, but the oldest `count` doubted trades did not come by
/// themselves. Where trades can be fetched it is worth a call to know whether others did not,
/// either.
void Dispatcher::believe(Route& route, std::size_t count) {
  if (count == 0) return;
  if (backfiller_ != nullptr && route.last_valid) {
    const TradeEvent first = route.doubted.back();
    begin_gap(route, StatusCause::stream_silent, first.received_mono);
    fill_gap_event(route, first);
    route.gap.pending = false;
    if (is_fillable()) {
      route.doubted.pop_back();
      route.recent->add(first.sequential_id);
      route.overlapped = true;  // their own frames may come still
      begin_hold(route, first);
      route.hold->is_suspicion = true;
      return;
    }
  }
  trust(route, count);
}

/// The oldest `count` doubted trades go out like any other.
void Dispatcher::trust(Route& route, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    route.recent->add(route.doubted[i].sequential_id);
    injected_.push_back({.trade = route.doubted[i]});
  }
  if (count != 0) route.overlapped = true;  // their own frames may come still
  route.doubted.erase(route.doubted.begin(),
                      route.doubted.begin() + static_cast<std::ptrdiff_t>(count));
}

void Dispatcher::end_late_doubts() {
  std::erase_if(doubting_, [&](const RouteKey& key) {
    Route* route = route_at(key.slot, key.market).get();
    if (route == nullptr || route->doubted.empty() || route->gap.pending) return true;
    if (now() < route->doubt_until) return false;
    believe(*route, route->doubted.size());
    return true;
  });
}

/// Nothing of the connection follows that could tell.
void Dispatcher::end_doubts_of(std::uint32_t connection) {
  for (const auto& route : routes_) {
    if (route == nullptr || route->doubted.empty() || route->source.connection != connection) {
      continue;
    }
    if (route->gap.pending) {
      tell_doubted_gap(*route);
    } else {
      trust(*route, route->doubted.size());
    }
  }
}

/// The loss of the stream is told, and the newest trade in doubt is the first after it.
void Dispatcher::tell_doubted_gap(Route& route) {
  const TradeEvent first = route.doubted.back();
  route.doubted.pop_back();
  route.recent->add(first.sequential_id);
  route.overlapped = true;  // its own frame may come still
  fill_gap_event(route, first);
  if (is_fillable()) return begin_hold(route, first);
  inject_gap(route);
  injected_.push_back({.trade = first});
}

void Dispatcher::inject_gap(Route& route) {
  injected_.push_back({.gap = gap_event_, .is_gap = true});
  for (const TradeEvent& trade : take_inside(route, gap_event_.first_sequential_id)) {
    injected_.push_back({.trade = trade});
  }
  route.gap.pending = false;
}

/// The doubted trades, oldest first, but for a copy of the first one behind the gap.
std::vector<TradeEvent> Dispatcher::take_inside(Route& route, std::uint64_t first_id) {
  std::vector<TradeEvent> inside = std::exchange(route.doubted, {});
  for (const TradeEvent& trade : inside) route.recent->add(trade.sequential_id);
  if (!inside.empty()) route.overlapped = true;
  const std::size_t copies = std::erase_if(
      inside, [&](const TradeEvent& trade) { return trade.sequential_id == first_id; });
  counters_.superseded[static_cast<std::size_t>(EventKind::trade)].add(copies);
  return inside;
}

/// True: trades that wait go out first; the record stays where it is until they have.
bool Dispatcher::ends_waiting(const EventHeader& event) {
  const auto& status = static_cast<const StatusEvent&>(event);
  if (Route* lost = route_of_lost(status); lost != nullptr && lost->hold != nullptr) {
    end_hold(*lost, {});
  }
  if (status.state == SessionState::live) return !injected_.empty();
  if (!holding_.empty()) end_holds_of(status.connection);
  if (status.cause == StatusCause::requested || status.cause == StatusCause::end_of_capture) {
    end_doubts_of(status.connection);
  }
  return !injected_.empty();
}

// --- held
// --------------------------------------------------------------------------------------------

/// The record under work is the first trade after an outage: it waits, and those behind it.
void Dispatcher::begin_hold(Route& route, const TradeEvent& first) {
  auto hold = std::make_unique<Hold>();
  hold->job = ++hold_jobs_;
  hold->gap = gap_event_;
  hold->until = mono_now() + hold_ns_;
  hold->inside = take_inside(route, first.sequential_id);
  hold->trades.push_back(first);
  backfiller_->submit({.number = hold->job,
                       .code = first.code,
                       .after_id = gap_event_.last_sequential_id,
                       .before_id = gap_event_.first_sequential_id,
                       .until = hold->until});
  route.hold = std::move(hold);
  route.gap.pending = false;
  holding_.push_back({stream_slot(first), first.market});
}

void Dispatcher::hold_back(Route& route, const TradeEvent& trade) {
  route.hold->trades.push_back(trade);
  if (route.hold->trades.size() >= kHeldTradesMax) end_hold(route, {});
}

/// What was fetched, none or some, and what was held go out next, in order.
void Dispatcher::end_hold(Route& route, const BackfillResult& result) {
  const std::unique_ptr<Hold> hold = std::move(route.hold);
  const EventHeader& first = hold->trades.front();
  const auto is_hidden = [&](const TradeEvent& trade) {
    return !route.recent->has(trade.sequential_id);
  };
  const auto hidden = std::count_if(result.trades.begin(), result.trades.end(), is_hidden);
  if (!hold->is_suspicion || hidden != 0) {
    hold->gap.backfilled = static_cast<std::uint32_t>(hidden);
    hold->gap.backfill_complete = result.complete;
    injected_.push_back({.gap = hold->gap, .is_gap = true});
  }
  auto inside = hold->inside.begin();
  const auto inject_inside = [&](std::uint64_t id_max) {
    for (; inside != hold->inside.end() && inside->sequential_id <= id_max; ++inside) {
      injected_.push_back({.trade = *inside});
    }
  };
  for (TradeEvent trade : result.trades) {
    inject_inside(trade.sequential_id);
    if (!is_hidden(trade)) continue;
    trade.market = first.market;
    trade.code = first.code;
    trade.connection = first.connection;
    trade.epoch = first.epoch;
    trade.received_mono = dispatched_at_;
    route.recent->add(trade.sequential_id);
    injected_.push_back({.trade = trade});
  }
  inject_inside(UINT64_MAX);
  for (const TradeEvent& trade : hold->trades) injected_.push_back({.trade = trade});
}

/// Results that have come, and holds that have waited long enough.
void Dispatcher::end_holds() {
  while (backfiller_->has_results()) {
    const auto result = backfiller_->take();
    if (!result) break;
    for (const RouteKey& key : holding_) {
      Route* route = route_at(key.slot, key.market).get();
      if (route == nullptr || route->hold == nullptr || route->hold->job != result->number) {
        continue;
      }
      end_hold(*route, *result);
    }
  }
  std::erase_if(holding_, [&](const RouteKey& key) {
    Route* route = route_at(key.slot, key.market).get();
    if (route == nullptr || route->hold == nullptr) return true;
    if (dispatched_at_ < route->hold->until) return false;
    end_hold(*route, {});
    return true;
  });
}

/// In front of a status that ends a connection: its trades must not come behind it.
void Dispatcher::end_holds_of(std::uint32_t connection) {
  std::erase_if(holding_, [&](const RouteKey& key) {
    Route* route = route_at(key.slot, key.market).get();
    if (route == nullptr || route->hold == nullptr) return true;
    if (route->hold->gap.connection != connection) return false;
    end_hold(*route, {});
    return true;
  });
}

Dispatched Dispatcher::next_injected() noexcept {
  Injected& next = injected_.front();
  fills_ = !next.is_gap;
  current_ = next.is_gap ? static_cast<EventHeader*>(&next.gap) : &next.trade;
  current_route_ =
      next.is_gap ? nullptr : route_at(stream_slot(next.trade), next.trade.market).get();
  if (current_route_ != nullptr) remember(*current_route_, next.trade);
  return {current_, nullptr};
}

void Dispatcher::finish_injected() noexcept {
  deliver(*current_);
  if (current_->kind == EventKind::gap) {
    counters_.gaps.add();
  } else if ((current_->flags & kBackfilled) != 0) {
    counters_.backfilled.add();
  } else {
    counters_.delivered[static_cast<std::size_t>(EventKind::trade)].add();
  }
  current_ = nullptr;
  current_route_ = nullptr;
  injected_.pop_front();
}

}  // namespace upfeed::detail
