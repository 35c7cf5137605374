#include "session/wanted_tracker.hpp"

#include <algorithm>
#include <utility>

#include "upfeed/assert.hpp"

namespace upfeed {

bool WantedTracker::replace(WantedSet set) {
  UPFEED_ASSERT(std::is_sorted(set.begin(), set.end(), wanted_before));
  bool must_ask = false;
  std::vector<StreamStage> stages(set.size(), StreamStage::unasked);
  std::vector<MonoTime> asked_at(set.size());

  std::size_t old = 0;
  const auto drop_old = [&] {
    const bool finished = is_snapshot_only(wanted_[old]) && stages_[old] == StreamStage::arrived;
    if (!finished) must_ask = true;
    ++old;
  };
  for (std::size_t i = 0; i < set.size(); ++i) {
    auto order = std::strong_ordering::greater;
    while (old < wanted_.size() && (order = wanted_order(wanted_[old], set[i])) < 0) drop_old();
    if (old == wanted_.size() || order > 0) {
      must_ask = true;
      continue;
    }
    const WantedStream& former = wanted_[old];
    if (former != set[i]) must_ask = true;
    if (former.mode == set[i].mode && former.refresh == set[i].refresh) {
      stages[i] = stages_[old];
      asked_at[i] = asked_at_[old];
    }
    ++old;
  }
  while (old < wanted_.size()) drop_old();

  wanted_ = std::move(set);
  stages_ = std::move(stages);
  asked_at_ = std::move(asked_at);
  index_streams();
  return must_ask;
}

void WantedTracker::index_streams() {
  for (auto& table : tables_) table.clear();
  awaited_ = 0;
  for (std::size_t i = wanted_.size(); i-- > 0;) {
    const WantedStream& stream = wanted_[i];
    UPFEED_ASSERT(is_stream(stream.kind));
    if (!is_market_stream(stream.kind)) continue;
    UPFEED_ASSERT(stream.market.valid());
    auto& table = tables_[stream_slot(stream.kind, stream.candle_unit)];
    if (table.size() <= stream.market.value) table.resize(stream.market.value + 1, kNoStream);
    table[stream.market.value] = static_cast<std::uint32_t>(i);
    if (is_awaited(i)) ++awaited_;
  }
}

void WantedTracker::forget() {
  std::fill(stages_.begin(), stages_.end(), StreamStage::unasked);
  awaited_ = 0;
}

void WantedTracker::mark_asked(MonoTime now) {
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    if (stages_[i] != StreamStage::unasked) continue;
    stages_[i] = StreamStage::asked;
    asked_at_[i] = now;
    if (is_awaited(i)) ++awaited_;
  }
  check_invariants();
}

bool WantedTracker::on_event(const EventHeader& event) noexcept {
  if (!is_market_stream(event.kind)) return false;
  const auto& table = tables_[stream_slot(event)];
  if (event.market.value >= table.size()) return false;
  std::size_t i = table[event.market.value];
  if (i == kNoStream) return false;
  if (event.kind == EventKind::orderbook) {
    const auto& level = static_cast<const OrderbookEvent&>(event).level;
    while (wanted_[i].level != level) {
      ++i;
      if (i == wanted_.size() || wanted_[i].kind != EventKind::orderbook ||
          wanted_[i].market != event.market) {
        return false;
      }
    }
  }
  return stages_[i] != StreamStage::arrived && arrive(i);
}

bool WantedTracker::arrive(std::size_t i) noexcept {
  // A frame of a stream in no request yet is a leftover of an earlier request that named it.
  if (stages_[i] == StreamStage::unasked) return false;
  const bool was_awaited = is_awaited(i);
  stages_[i] = StreamStage::arrived;
  if (!was_awaited) return false;
  --awaited_;
  return awaited_ == 0;
}

WantedSet WantedTracker::take_overdue(MonoTime asked_until) {
  WantedSet overdue;
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    if (stages_[i] != StreamStage::asked || !is_awaited(i) || asked_at_[i] > asked_until) continue;
    stages_[i] = StreamStage::overdue;
    overdue.push_back(wanted_[i]);
  }
  check_invariants();
  return overdue;
}

MonoTime WantedTracker::oldest_asked() const {
  MonoTime oldest{INT64_MAX};
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    if (stages_[i] == StreamStage::asked && is_awaited(i)) oldest = std::min(oldest, asked_at_[i]);
  }
  return oldest;
}

WantedSet WantedTracker::missing() const {
  WantedSet missing;
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    if (is_awaited(i)) missing.push_back(wanted_[i]);
  }
  return missing;
}

void WantedTracker::check_invariants() const {
#if !defined(NDEBUG) || defined(UPFEED_CHECKED)
  std::size_t awaited = 0;
  for (std::size_t i = 0; i < stages_.size(); ++i) awaited += is_awaited(i) ? 1 : 0;
  UPFEED_ASSERT(awaited == awaited_);
#endif
}

}  // namespace upfeed
