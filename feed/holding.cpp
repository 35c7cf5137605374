// Trades that wait while those an outage hid are fetched, so that all come in order. Cold: only
// after an outage, and only where FeedConfig::backfill asks for it.
//
//   ring:      trade 9 (first after the gap), 10, 11 ...    held
//   backfill:  6, 7, 8
//   handed on: GapEvent 5..9, 6, 7, 8, 9, 10, 11

#include <algorithm>

#include "clock.hpp"
#include "dispatcher.hpp"

namespace upfeed::detail {

namespace {

// A market that trades faster than this during one call is not worth waiting for.
constexpr std::size_t kHeldTradesMax = 4096;

}  // namespace

/// The record under work is the first trade after an outage: it waits, and those behind it.
void Dispatcher::begin_hold(Route& route, const TradeEvent& first) {
  auto hold = std::make_unique<Hold>();
  hold->job = ++hold_jobs_;
  hold->gap = gap_event_;
  hold->until = mono_now() + hold_ns_;
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
  const std::size_t gap_at = injected_.size();
  injected_.push_back({.gap = hold->gap, .is_gap = true});
  std::uint32_t count = 0;
  for (TradeEvent trade : result.trades) {
    if (route.recent->has(trade.sequential_id)) continue;
    trade.market = first.market;
    trade.code = first.code;
    trade.connection = first.connection;
    trade.epoch = first.epoch;
    trade.received_mono = dispatched_at_;
    route.recent->add(trade.sequential_id);
    injected_.push_back({.trade = trade});
    ++count;
  }
  injected_[gap_at].gap.backfilled = count;
  injected_[gap_at].gap.backfill_complete = result.complete;
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
