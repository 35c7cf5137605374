#include "session/wanted_tracker.hpp"

#include <algorithm>
#include <utility>

#include "upfeed/assert.hpp"

namespace upfeed {

bool WantedTracker::replace(WantedSet set) {
  UPFEED_ASSERT(std::is_sorted(set.begin(), set.end(), wanted_before));
  bool must_ask = false;
  std::vector<StreamStage> stages(set.size(), StreamStage::unasked);
  std::vector<StreamLife> lives(set.size());

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
      lives[i] = lives_[old];
    }
    ++old;
  }
  while (old < wanted_.size()) drop_old();

  wanted_ = std::move(set);
  stages_ = std::move(stages);
  lives_ = std::move(lives);
  index_streams();
  return must_ask;
}

void WantedTracker::index_streams() {
  for (auto& table : tables_) table.clear();
  awaited_ = 0;
  suspects_ = 0;
  findings_ = 0;
  for (std::size_t i = wanted_.size(); i-- > 0;) {
    const WantedStream& stream = wanted_[i];
    if (stages_[i] == StreamStage::suspect) ++suspects_;
    if (lives_[i].finding != Finding::none) ++findings_;
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
  std::fill(lives_.begin(), lives_.end(), StreamLife{});
  awaited_ = 0;
  suspects_ = 0;
  findings_ = 0;
  clock_offset_us_ = INT64_MAX;
}

void WantedTracker::mark_asked(MonoTime now) {
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    if (stages_[i] == StreamStage::unasked) {
      stages_[i] = StreamStage::asked;
      if (lives_[i].finding != Finding::none) --findings_;
      lives_[i] = {.asked_at = now, .last_at = now};
      if (is_awaited(i)) ++awaited_;
    } else if (stages_[i] == StreamStage::suspect) {
      stages_[i] = StreamStage::probed;
      lives_[i].asked_at = now;
      lives_[i].wait_from = now;
    }
  }
  suspects_ = 0;
  check_invariants();
}

std::size_t WantedTracker::index_of(const WantedStream& stream) const {
  const auto found = std::lower_bound(wanted_.begin(), wanted_.end(), stream, wanted_before);
  UPFEED_ASSERT(found != wanted_.end() && *found == stream);
  return static_cast<std::size_t>(found - wanted_.begin());
}

void WantedTracker::mark_unasked(const WantedSet& missing) {
  for (const WantedStream& stream : missing) {
    const std::size_t i = index_of(stream);
    if (is_awaited(i)) --awaited_;
    if (stages_[i] == StreamStage::suspect) --suspects_;
    stages_[i] = StreamStage::unasked;
  }
  check_invariants();
}

std::size_t WantedTracker::find(const EventHeader& event) const noexcept {
  if (!is_market_stream(event.kind)) return kNoStream;
  const auto& table = tables_[stream_slot(event)];
  if (event.market.value >= table.size()) return kNoStream;
  std::size_t i = table[event.market.value];
  if (i == kNoStream || event.kind != EventKind::orderbook) return i;
  const auto& level = static_cast<const OrderbookEvent&>(event).level;
  while (wanted_[i].level != level) {
    ++i;
    if (i == wanted_.size() || wanted_[i].kind != EventKind::orderbook ||
        wanted_[i].market != event.market) {
      return kNoStream;
    }
  }
  return i;
}

bool WantedTracker::on_event(const EventHeader& event, MonoTime now) noexcept {
  const std::size_t i = find(event);
  if (i == kNoStream) return false;
  const Stamp stamp = stamp_of(event);
  if (stamp.unix_us > 0) {
    clock_offset_us_ = std::min(clock_offset_us_, now.ns / 1000 - stamp.unix_us);
  }
  StreamLife& life = lives_[i];
  if (stages_[i] != StreamStage::arrived || life.doublings != 0 || life.told ||
      event.stream_type == StreamType::snapshot) {
    return on_notable(i, stamp, event.stream_type, now);
  }
  life.last_at = now;
  life.newest = std::max(life.newest, stamp.identity);
  return false;
}

/// A frame that may change more than the age of its stream.
bool WantedTracker::on_notable(std::size_t i, const Stamp& stamp, StreamType type,
                               MonoTime now) noexcept {
  // A frame of a stream in no request yet is a leftover of an earlier request that named it.
  const StreamStage stage = stages_[i];
  if (stage == StreamStage::unasked) return false;
  StreamLife& life = lives_[i];
  if (stage == StreamStage::probed && type != StreamType::realtime) return on_answer(i, stamp, now);
  // An answer to a request that named the stream among others says nothing about its life.
  const bool is_first = life.newest == StreamLife::kNothing;
  if (stamp.identity > life.newest) life.doublings = 0;
  life.newest = std::max(life.newest, stamp.identity);
  if (type == StreamType::snapshot && !is_first) return false;
  life.last_at = now;
  if (type != StreamType::snapshot) {
    life.second_look = life.unanswered = life.told = false;
    life.alive_until = MonoTime{};
  }
  return arrive(i);
}

bool WantedTracker::arrive(std::size_t i) noexcept {
  const bool was_awaited = is_awaited(i);
  if (stages_[i] == StreamStage::suspect) --suspects_;
  stages_[i] = StreamStage::arrived;
  if (!was_awaited) return false;
  --awaited_;
  return awaited_ == 0;
}

WantedSet WantedTracker::take_overdue(MonoTime asked_until) {
  WantedSet overdue;
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    if (stages_[i] != StreamStage::asked || !is_awaited(i) || lives_[i].asked_at > asked_until)
      continue;
    stages_[i] = StreamStage::overdue;
    overdue.push_back(wanted_[i]);
  }
  check_invariants();
  return overdue;
}

MonoTime WantedTracker::oldest_asked() const {
  MonoTime oldest{INT64_MAX};
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    if (stages_[i] == StreamStage::asked && is_awaited(i)) {
      oldest = std::min(oldest, lives_[i].asked_at);
    }
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
  std::size_t suspects = 0;
  std::size_t findings = 0;
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    awaited += is_awaited(i) ? 1 : 0;
    suspects += stages_[i] == StreamStage::suspect ? 1 : 0;
    findings += lives_[i].finding != Finding::none ? 1 : 0;
  }
  UPFEED_ASSERT(awaited == awaited_ && suspects == suspects_ && findings == findings_);
#endif
}

}  // namespace upfeed
