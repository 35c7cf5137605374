#include "session/silence.hpp"

#include <algorithm>

#include "session/wanted_tracker.hpp"

namespace upfeed {
namespace {

constexpr MonoTime kNever{INT64_MAX};
// A change may overtake, or be overtaken by, the request that asks for the state.
constexpr std::int64_t kNewsGraceNs = 1'000'000'000;
constexpr std::uint8_t kDoublingsMax = 32;

std::int64_t limit_of(const SilenceRules& rules, EventKind kind, unsigned doublings) {
  std::int64_t limit_ns = rules.limit_ns[static_cast<std::size_t>(kind)];
  while (doublings-- > 0 && limit_ns < rules.limit_ns_max) limit_ns *= 2;
  return std::min(limit_ns, rules.limit_ns_max);
}

}  // namespace

MonoTime WantedTracker::probe_due(std::size_t i) const {
  const WantedStream& stream = wanted_[i];
  if (!is_market_stream(stream.kind) || is_snapshot_only(stream)) return kNever;
  if (rules_.limit_ns[static_cast<std::size_t>(stream.kind)] == 0) return kNever;
  const bool watched = stages_[i] == StreamStage::arrived ||
                       (stages_[i] == StreamStage::asked && !owes_first_frame(stream));
  if (!watched) return kNever;
  return lives_[i].last_at + limit_of(rules_, stream.kind, lives_[i].doublings) +
         -(rules_.wait_ns + rules_.lead_ns);
}

MonoTime WantedTracker::next_probe() const {
  MonoTime next = kNever;
  for (std::size_t i = 0; i < wanted_.size(); ++i) next = std::min(next, probe_due(i));
  return next;
}

void WantedTracker::suspect_before(MonoTime horizon) {
  for (std::size_t i = 0; i < wanted_.size(); ++i) {
    if (probe_due(i) >= horizon) continue;
    stages_[i] = StreamStage::suspect;
    lives_[i].asked_twice = false;
    ++suspects_;
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
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    if (stages_[i] != StreamStage::probed || lives_[i].wait_from > asked_until) continue;
    if (lives_[i].newest == StreamLife::kNothing) {
      stages_[i] = StreamStage::overdue;
      verdict.never_seen.push_back(wanted_[i]);
    } else if (lives_[i].asked_twice) {
      verdict.still_silent.push_back(wanted_[i]);
    } else {
      stages_[i] = StreamStage::suspect;
      ++suspects_;
      lives_[i].asked_twice = true;
      verdict.silent.push_back(wanted_[i]);
    }
  }
  check_invariants();
  return verdict;
}

WantedSet WantedTracker::take_lost() {
  WantedSet lost;
  if (lost_ == 0) return lost;
  for (std::size_t i = 0; i < lives_.size(); ++i) {
    if (!lives_[i].lost) continue;
    lives_[i].lost = false;
    lost.push_back(wanted_[i]);
  }
  lost_ = 0;
  return lost;
}

void WantedTracker::extend_probes(MonoTime now) {
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    if (stages_[i] == StreamStage::probed) lives_[i].wait_from = now;
  }
}

/// The first frame after a probe that is no REALTIME one. True: it shows a loss.
bool WantedTracker::on_answer(std::size_t i, const Stamp& stamp) noexcept {
  StreamLife& life = lives_[i];
  // What came to be between two probes of one silence is reported already.
  const bool reported = life.asked_twice;
  MonoTime came_to_be{INT64_MIN / 2};
  if (stamp.unix_us > 0) {
    // A stamp from far beyond may have made the offset absurd, and the product must not overflow.
    constexpr std::int64_t kUsMin = INT64_MIN / 2000;
    came_to_be = {std::max(stamp.unix_us + clock_offset_us_, kUsMin) * 1000};
  }
  // Of a stream that has sent nothing yet nobody knows what it should have sent.
  const bool news = life.newest != StreamLife::kNothing && stamp.identity > life.newest;
  if (!news) {
    if (life.doublings < kDoublingsMax) ++life.doublings;
    return false;
  }
  life.doublings = 0;
  if (reported || life.lost || came_to_be >= life.asked_at + -kNewsGraceNs) return false;
  life.lost = true;
  ++lost_;
  return true;
}

}  // namespace upfeed
