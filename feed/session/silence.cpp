#include "session/silence.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "session/wanted_tracker.hpp"

namespace upfeed {
namespace {

constexpr MonoTime kNever{INT64_MAX};
constexpr std::uint8_t kDoublingsMax = 32;

std::int64_t limit_of(const SilenceRules& rules, EventKind kind, unsigned doublings) {
  std::int64_t limit_ns = rules.limit_ns[static_cast<std::size_t>(kind)];
  while (doublings-- > 0 && limit_ns < rules.limit_ns_max) limit_ns *= 2;
  return std::min(limit_ns, rules.limit_ns_max);
}

}  // namespace

bool WantedTracker::is_watched(std::size_t i) const {
  const WantedStream& stream = wanted_[i];
  if (!is_market_stream(stream.kind) || is_snapshot_only(stream)) return false;
  if (rules_.limit_ns[static_cast<std::size_t>(stream.kind)] == 0) return false;
  return stages_[i] == StreamStage::arrived ||
         (stages_[i] == StreamStage::asked && !owes_first_frame(stream));
}

MonoTime WantedTracker::probe_due(std::size_t i) const {
  if (!is_watched(i)) return kNever;
  return lives_[i].last_at + limit_of(rules_, wanted_[i].kind, lives_[i].doublings) +
         -rules_.lead_ns;
}

MonoTime WantedTracker::next_probe() const {
  MonoTime next = kNever;
  for (std::size_t i = 0; i < wanted_.size(); ++i) next = std::min(next, probe_due(i));
  return next;
}

void WantedTracker::suspect(std::size_t i) noexcept {
  stages_[i] = StreamStage::suspect;
  ++suspects_;
}

void WantedTracker::suspect_before(MonoTime horizon) {
  for (std::size_t i = 0; i < wanted_.size(); ++i) {
    if (probe_due(i) < horizon) suspect(i);
  }
  check_invariants();
}

MonoTime WantedTracker::next_look() const {
  MonoTime next = kNever;
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    if (stages_[i] == StreamStage::undecided) next = std::min(next, lives_[i].look_at);
  }
  return next;
}

void WantedTracker::look_again(MonoTime now) {
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    if (stages_[i] == StreamStage::undecided && lives_[i].look_at <= now) suspect(i);
  }
  check_invariants();
}

MonoTime WantedTracker::oldest_probe() const {
  MonoTime oldest = kNever;
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    if (stages_[i] == StreamStage::probed) oldest = std::min(oldest, lives_[i].wait_from);
  }
  return oldest;
}

SilenceVerdict WantedTracker::judge(MonoTime asked_until) {
  SilenceVerdict verdict;
  if (findings_ == 0 && oldest_probe() > asked_until) return verdict;
  findings_ = 0;
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    StreamLife& life = lives_[i];
    const Finding finding = std::exchange(life.finding, Finding::none);
    if (finding == Finding::lost) verdict.silent.push_back(wanted_[i]);
    if (finding == Finding::lost_again) verdict.still_silent.push_back(wanted_[i]);
    if (stages_[i] != StreamStage::probed || life.wait_from > asked_until) continue;
    if (life.newest == StreamLife::kNothing) {
      stages_[i] = StreamStage::overdue;
      verdict.never_seen.push_back(wanted_[i]);
    } else if (life.told) {
      verdict.still_silent.push_back(wanted_[i]);
    } else {
      suspect(i);
      life.told = life.unanswered = true;
      verdict.silent.push_back(wanted_[i]);
    }
  }
  check_invariants();
  return verdict;
}

bool WantedTracker::has_unlisted() const {
  for (std::size_t i = 0; i < wanted_.size(); ++i) {
    if (!lives_[i].listed && is_watched(i)) return true;
  }
  return false;
}

void WantedTracker::mark_listed(const WantedSet& missing) {
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    if (stages_[i] != StreamStage::unasked) lives_[i].listed = true;
  }
  for (const WantedStream& stream : missing) lives_[index_of(stream)].listed = false;
}

template <class Holds>
WantedSet WantedTracker::those(const WantedSet& streams, Holds&& holds) const {
  WantedSet found;
  std::copy_if(streams.begin(), streams.end(), std::back_inserter(found),
               [&](const WantedStream& stream) { return holds(index_of(stream)); });
  return found;
}

WantedSet WantedTracker::once_listed(const WantedSet& streams) const {
  return those(streams, [this](std::size_t i) { return lives_[i].listed; });
}

WantedSet WantedTracker::with_data_of(const WantedSet& streams) const {
  return those(streams, [this](std::size_t i) { return lives_[i].newest != StreamLife::kNothing; });
}

WantedSet WantedTracker::suspects_of(const WantedSet& streams) const {
  return those(streams, [this](std::size_t i) { return stages_[i] == StreamStage::suspect; });
}

MonoTime WantedTracker::take_alive_until(const WantedStream& stream) {
  StreamLife& life = lives_[index_of(stream)];
  const MonoTime until = std::exchange(life.alive_until, MonoTime{});
  return until.ns != 0 ? until : life.last_at;
}

void WantedTracker::extend_probes(MonoTime now) {
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    if (stages_[i] == StreamStage::probed) lives_[i].wait_from = now;
  }
}

/// The first frame after a probe that is no REALTIME one. True: it shows a loss.
bool WantedTracker::on_answer(std::size_t i, const Stamp& stamp, MonoTime now) noexcept {
  StreamLife& life = lives_[i];
  // Of a stream that has sent nothing yet nobody knows what it should have sent.
  const bool news = life.newest != StreamLife::kNothing && stamp.identity > life.newest;
  const bool is_second = std::exchange(life.second_look, false);
  const bool is_retry = std::exchange(life.unanswered, false);
  life.newest = std::max(life.newest, stamp.identity);
  const MonoTime alive_until = std::exchange(life.last_at, now);
  if (!news) {
    life.alive_until = MonoTime{};
    if (life.doublings < kDoublingsMax) ++life.doublings;
    stages_[i] = StreamStage::arrived;
    return false;
  }
  if (life.alive_until.ns == 0) life.alive_until = alive_until;
  life.doublings = 0;
  life.look_at = std::max(life.asked_at + rules_.look_ns, now + kNewsGraceNs);
  stages_[i] = StreamStage::undecided;
  MonoTime came_to_be{INT64_MIN / 2};
  if (stamp.unix_us > 0) {
    // A stamp from far beyond may have made the offset absurd, and the product must not overflow.
    constexpr std::int64_t kUsMin = INT64_MIN / 2000;
    came_to_be = {std::max(stamp.unix_us + clock_offset_us_, kUsMin) * 1000};
  }
  // What came to be while a probe had no answer is told already.
  const bool is_loss = is_second || (!is_retry && came_to_be < life.asked_at + -kNewsGraceNs);
  life.second_look = !is_loss;
  if (!is_loss) return false;
  if (life.finding == Finding::none) ++findings_;
  life.finding = std::exchange(life.told, true) ? Finding::lost_again : Finding::lost;
  return true;
}

}  // namespace upfeed
