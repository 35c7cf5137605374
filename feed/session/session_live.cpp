// What time brings to a live connection: pings, signs of life, first frames, silent streams.

#include <algorithm>

#include "session/session.hpp"
#include "session/status_text.hpp"

namespace upfeed {
namespace {

constexpr std::uint16_t kCloseSilent = 0;
constexpr std::uint16_t kCloseNormal = 1000;
constexpr std::uint16_t kCloseBadPayload = 1007;
constexpr std::uint16_t kClosePolicy = 1008;
// Looks at silent streams are at least that far apart: they go through all streams.
constexpr std::int64_t kLookNs = 100'000'000;
// A tick so late means that the process did not run, or that the machine slept.
constexpr std::int64_t kSleptNs = 1'000'000'000;
// The exchange drops a socket that was quiet for so long (measured; its documents say 120 s).
constexpr std::int64_t kForgottenNs = 60'000'000'000;

}  // namespace

void Session::on_status_up(MonoTime now) noexcept {
  bad_frames_in_row_ = 0;
  if (state_ != SessionState::live || !config_.text_ping) return;
  last_up_ = now;
  if (up_deadline_ != kNever) return;
  up_deadline_ = now + config_.up_timeout.count();
  deadline_ = std::min(deadline_, up_deadline_);
}

void Session::tick_live(MonoTime now) {
  if (bad_frames_over_) {
    drop(kCloseBadPayload, {.cause = StatusCause::bad_frames}, now);
    return;
  }
  if (now >= message_deadline_) {
    drop(kClosePolicy, {.cause = StatusCause::message_timeout}, now);
    return;
  }
  if (planned_ != kNever && now > planned_ + kSleptNs && !wake_up(now)) return;
  tick_pings(now);
  if (state_ == SessionState::live) tick_up(now);
  if (state_ == SessionState::live) tick_silence(now);
  if (state_ != SessionState::live) return;
  if (now >= accept_at_) accept_asked();
  if (now >= audit_deadline_) {
    if (!list_is_own_) {
      notice(StatusCause::audit_mismatch, "no answer to LIST_SUBSCRIPTIONS");
    }
    end_audit(AuditOutcome::no_reply, now);
  }
  send_when_due(now);
  tick_first_frames(now);
}

/// The process did not run: what it missed lies unread in the socket. Or the machine slept: what it
/// missed may be sent again. Either way answers get their time anew. False: given up.
bool Session::wake_up(MonoTime now) {
  tracker_.extend_probes(now);
  // What an answer has shown needs no time: told now, while its stream is still the lost one.
  if (!judge_probes(now)) return false;
  silence_at_ = now + config_.pong_timeout.count();
  probe_allowed_at_ = std::max(probe_allowed_at_, silence_at_);
  last_up_ = now;
  if (last_bytes_ > planned_) return true;
  if (now - planned_ > kForgottenNs) {
    drop(kCloseSilent,
         {.cause = StatusCause::silent_peer, .text = "asleep for longer than the exchange waits"},
         now);
    return false;
  }
  ping_at_ = now;
  if (pong_deadline_ != kNever) pong_deadline_ = now + config_.pong_timeout.count();
  return true;
}

void Session::tick_pings(MonoTime now) {
  if (pong_deadline_ != kNever) {
    // Bytes of the very moment of the ping were read before it went out.
    if (last_bytes_ > ping_sent_) {
      pong_deadline_ = kNever;
    } else if (now >= pong_deadline_) {
      drop(kCloseSilent, {.cause = StatusCause::silent_peer}, now);
      return;
    }
  }
  if (now < ping_at_) return;
  push(ActionKind::send_ping);
  ++counters_.pings;
  ping_at_ = now + config_.ping_interval.count();
  if (pong_deadline_ == kNever) {
    ping_sent_ = now;
    pong_deadline_ = now + config_.pong_timeout.count();
  }
}

void Session::tick_up(MonoTime now) {
  if (now < up_deadline_) return;
  up_deadline_ = std::max(last_up_, last_event_) + config_.up_timeout.count();
  if (now < up_deadline_) return;
  drop(kCloseSilent, {.cause = StatusCause::silent_peer, .text = "neither UP nor data"}, now);
}

void Session::tick_first_frames(MonoTime now) {
  if (now < first_frames_at_) return;
  const std::int64_t timeout_ns = config_.first_data_timeout.count();
  const WantedSet overdue = tracker_.take_overdue(now + -timeout_ns);
  if (!overdue.empty()) {
    notice(StatusCause::first_data_missing, stream_line("no data yet: ", overdue));
  }
  const MonoTime oldest = tracker_.oldest_asked();
  first_frames_at_ = oldest == kNever ? kNever : oldest + timeout_ns;
}

void Session::tick_silence(MonoTime now) {
  if (now < silence_at_) return;
  if (!judge_probes(now)) return;
  tracker_.look_again(now);
  if (now >= probe_allowed_at_ && tracker_.next_probe() <= now) {
    probe_allowed_at_ = now + config_.probe_spacing.count();
    tracker_.suspect_before(probe_allowed_at_);
    want_list();
    if (list_wanted_) probe_at_ = now + config_.list_wait.count();
  }
  // A stream that begins after this look is not due before probe_spacing has passed.
  MonoTime next = std::min(std::max(tracker_.next_probe(), probe_allowed_at_),
                           now + config_.probe_spacing.count());
  const MonoTime oldest = tracker_.oldest_probe();
  if (oldest != kNever) next = std::min(next, oldest + config_.probe_wait.count());
  next = std::min(next, tracker_.next_look());
  silence_at_ = std::max(next, now + kLookNs);
}

/// False: the connection has been given up.
bool Session::judge_probes(MonoTime now) {
  // Only where bytes came after the probe is the missing answer the stream's and not the peer's.
  const MonoTime asked_until =
      std::min(now + -config_.probe_wait.count(), last_bytes_ + std::int64_t{-1});
  const SilenceVerdict verdict = tracker_.judge(asked_until);
  if (!verdict.never_seen.empty()) {
    notice(StatusCause::first_data_missing, stream_line("no data yet: ", verdict.never_seen));
  }
  report_silent(verdict.silent, now);
  if (verdict.still_silent.empty()) return true;
  drop(kCloseNormal,
       {.cause = StatusCause::stream_silent,
        .text = stream_line("silent though asked again: ", verdict.still_silent)},
       now);
  return false;
}

/// One by one: each is an outage of its own for whoever follows it.
void Session::report_lost(StatusCause cause, const WantedSet& streams, MonoTime now) {
  const std::string_view what =
      cause == StatusCause::stream_silent ? "fell silent: " : "not served: ";
  for (const WantedStream& stream : streams) {
    notice(cause, stream_line(what, {stream})).lost = {
        .stream = stream, .silent_ns = now - tracker_.take_alive_until(stream)};
  }
}

void Session::report_silent(const WantedSet& streams, MonoTime now) {
  if (streams.empty()) return;
  counters_.silent_streams += streams.size();
  report_lost(StatusCause::stream_silent, streams, now);
  // One stream was lost without a word; so may others be that look quiet.
  audit_wanted_ = !audits_refused_;
}

MonoTime Session::live_deadline() const {
  return std::min({ping_at_, pong_deadline_, message_deadline_, first_frames_at_, up_deadline_,
                   silence_at_, accept_at_, audit_deadline_});
}

}  // namespace upfeed
