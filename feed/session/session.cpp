#include "session/session.hpp"

#include <algorithm>
#include <utility>

#include "session/request.hpp"
#include "session/status_text.hpp"
#include "upfeed/assert.hpp"

namespace upfeed {
namespace {

constexpr std::int64_t kNsPerMs = 1'000'000;
// Room for what one input can lead to, so that a ping never allocates.
constexpr std::size_t kActionsReserved = 16;

// Close codes, RFC 6455 section 7.4.1. kCloseSilent sends none: nobody would read it.
constexpr std::uint16_t kCloseSilent = 0;
constexpr std::uint16_t kCloseNormal = 1000;

constexpr int kHttpUnauthorized = 401;
constexpr int kHttpTeapot = 418;
constexpr int kHttpTooManyRequests = 429;
// A hint comes from the network: it may delay us, but not for ever.
constexpr std::int64_t kRetryAfterMsMax = 7LL * 24 * 3600 * 1000;

/// Redirections and refusals that another dial alone does not change: the host or the path is
/// wrong, the address is not let in, or another protocol is asked for.
bool is_lasting(int http_status) {
  return (http_status >= 300 && http_status < 400) || http_status == 403 || http_status == 404 ||
         http_status == 410 || http_status == 426;
}

SilenceRules silence_rules(const SessionConfig& config) {
  static_assert(kMarketStreamCount == 4 && static_cast<int>(EventKind::ticker) == 0 &&
                static_cast<int>(EventKind::trade) == 1 &&
                static_cast<int>(EventKind::orderbook) == 2 &&
                static_cast<int>(EventKind::candle) == 3);
  return {.limit_ns = {config.silence_limit.ticker.count(), config.silence_limit.trade.count(),
                       config.silence_limit.orderbook.count(), config.silence_limit.candle.count()},
          .limit_ns_max = config.silence_limit_max.count(),
          .lead_ns = config.probe_lead().count(),
          .look_ns = config.look_again.count()};
}

/// Rounded up: nobody shall look for the dial before it is due.
std::int64_t ms_until(MonoTime then, MonoTime now) {
  return then <= now ? 0 : (then - now + kNsPerMs - 1) / kNsPerMs;
}

}  // namespace

Session::Session(const SessionConfig& config, DialBudget& budget, std::uint64_t seed)
    : config_(config),
      budget_(budget),
      backoff_(config.backoff_base.count(), config.backoff_cap.count(), seed),
      request_limiter_(config.request_limits),
      tracker_(silence_rules(config)) {
  UPFEED_ASSERT(config.invalid_field().empty());
  actions_.reserve(kActionsReserved);
}

// Inputs of the owner.

void Session::start(MonoTime now, std::uint32_t first_epoch) {
  UPFEED_ASSERT(first_epoch > 0);
  if (started_) return;
  started_ = true;
  held_ = false;
  given_up_ = false;
  audits_refused_ = false;
  epoch_ = std::max(epoch_, first_epoch - 1);
  accepted_.clear();
  free_refused();
  attempts_ = 0;
  backoff_.reset();
  dial_not_before_ = {INT64_MIN};
  if (tracker_.wanted().empty()) {
    set_state(SessionState::idle, {.cause = StatusCause::requested}, -1);
  } else {
    dial_or_wait({.cause = StatusCause::requested}, now);
  }
  settle(now);
}

void Session::stop(MonoTime now) {
  started_ = false;
  leave(now);
  set_state(SessionState::stopped, {.cause = StatusCause::requested}, -1);
  settle(now);
}

// Inputs of the transport.

void Session::on_connected(std::uint32_t epoch, MonoTime now) {
  if (epoch != epoch_ || state_ != SessionState::connecting) return;
  ++counters_.connects;
  connected_at_ = now;
  last_bytes_ = now;
  ping_at_ = now + config_.ping_interval.count();
  bad_frames_in_row_ = 0;
  requests_in_epoch_ = 0;
  request_limiter_.reset();
  tracker_.forget();
  server_flows_ = false;
  silence_at_ = now + config_.probe_spacing.count();
  probe_allowed_at_ = now;
  probe_at_ = now;
  lists_in_epoch_ = 0;
  text_ping_pending_ = config_.text_ping;
  set_state(SessionState::live, {}, -1);
  request_needed_ = true;
  collect_until_ = now;
  last_request_ = now + -config_.request_spacing.count();
  send_when_due(now);
  settle(now);
}

void Session::on_dial_failed(std::uint32_t epoch, const DialFailure& failure, MonoTime now) {
  if (epoch != epoch_ || state_ != SessionState::connecting) return;
  End end{.cause = failure.cause,
          .http_status = failure.http_status,
          .sys_errno = failure.sys_errno,
          .wait_ns_min =
              std::clamp<std::int64_t>(failure.retry_after_ms, 0, kRetryAfterMsMax) * kNsPerMs,
          .text = status_line(failure.text)};
  if (failure.http_status == kHttpUnauthorized) end.cause = StatusCause::unauthorized;
  if (failure.http_status == kHttpTeapot || failure.http_status == kHttpTooManyRequests) {
    end.cause = StatusCause::rate_limited;
  }
  end.lasting = is_lasting(failure.http_status);
  if (end.lasting) end.text = status_line("will not pass by itself: " + end.text);
  lose(end, now);
  settle(now);
}

void Session::on_closed(std::uint32_t epoch, StatusCause cause, int sys_errno,
                        std::string_view text, MonoTime now) {
  if (epoch != epoch_ || state_ != SessionState::live) return;
  lose({.cause = cause, .sys_errno = sys_errno, .text = status_line(text)}, now);
  settle(now);
}

void Session::on_bad_frame(MonoTime now) noexcept {
  ++counters_.bad_frames;
  ++bad_frames_in_row_;
  if (bad_frames_in_row_ < config_.bad_frames_max || state_ != SessionState::live) return;
  bad_frames_over_ = true;
  deadline_ = now;
}

void Session::on_message_started(MonoTime now) noexcept {
  if (state_ != SessionState::live) return;
  message_deadline_ = now + config_.message_timeout.count();
  deadline_ = std::min(deadline_, message_deadline_);
}

// Timers.

void Session::tick(MonoTime now) {
  if (state_ == SessionState::live) {
    tick_live(now);
  } else if (state_ == SessionState::backing_off || state_ == SessionState::blocked) {
    if (now >= dial_at_) dial_or_wait({}, now);
  }
  settle(now);
}

// Transitions.

void Session::dial_or_wait(const End& why, MonoTime now) {
  const MonoTime dial_at = dial_not_before_ > now ? dial_not_before_ : budget_.try_take(now);
  if (dial_at > now) {
    wait_until(dial_at, why, now);
    return;
  }
  ++epoch_;
  ++attempts_;
  ++counters_.dials;
  dial_at_ = kNever;
  set_state(SessionState::connecting, why, -1);
  push(ActionKind::dial);
}

void Session::wait_until(MonoTime dial_at, const End& why, MonoTime now) {
  const MonoTime blocked_until = budget_.blocked_until();
  dial_at_ = std::max(dial_at, blocked_until);
  set_state(blocked_until > now ? SessionState::blocked : SessionState::backing_off, why,
            ms_until(dial_at_, now));
}

void Session::lose(const End& end, MonoTime now) {
  ++counters_.ends[static_cast<std::size_t>(end.cause)];
  if (!audit_ticket_.empty()) end_audit(AuditOutcome::no_reply, now);
  const bool stable =
      state_ == SessionState::live && now - connected_at_ >= config_.stable_period.count();
  if (stable) {
    attempts_ = 0;
    backoff_.reset();
  }
  if (end.lasting) backoff_.saturate();
  std::int64_t backoff_ns = stable ? 0 : backoff_.next();
  if (end.lasting) backoff_ns = std::max(backoff_ns, config_.backoff_cap.count() / 2);
  dial_not_before_ = now + std::max(backoff_ns, end.wait_ns_min);
  clear_live_timers();
  if (end.cause == StatusCause::rate_limited) {
    budget_.block(now + std::max(end.wait_ns_min, config_.rate_block_min.count()));
  }
  if (end.cause == StatusCause::unauthorized ||
      (config_.dial_attempts_max != 0 && attempts_ >= config_.dial_attempts_max)) {
    given_up_ = true;
  }
  if (given_up_ || held_) {
    set_state(SessionState::failed, end, -1);
    return;
  }
  wait_until(dial_not_before_, end, now);
  if (dial_at_ <= now) dial_or_wait({}, now);
}

void Session::drop(std::uint16_t close_code, const End& end, MonoTime now) {
  close_transport(close_code);
  lose(end, now);
}

/// Ends a dial or connection of our own will.
void Session::leave(MonoTime now) {
  if (state_ == SessionState::live) {
    if (now - connected_at_ >= config_.stable_period.count()) {
      attempts_ = 0;
      backoff_.reset();
      dial_not_before_ = now;
    }
    close_transport(kCloseNormal);
  } else if (state_ == SessionState::connecting) {
    close_transport(kCloseSilent);
  } else {
    dial_at_ = kNever;
    return;
  }
  ++counters_.ends[static_cast<std::size_t>(StatusCause::requested)];
  clear_live_timers();
}

void Session::go_idle(MonoTime now) {
  leave(now);
  set_state(SessionState::idle, {.cause = StatusCause::requested}, -1);
}

void Session::clear_live_timers() {
  ping_at_ = kNever;
  pong_deadline_ = kNever;
  message_deadline_ = kNever;
  first_frames_at_ = kNever;
  up_deadline_ = kNever;
  silence_at_ = kNever;
  accept_at_ = kNever;
  bad_frames_over_ = false;
  request_needed_ = false;
  text_ping_pending_ = false;
  set_is_asked_ = false;
  data_pending_ = false;
  list_wanted_ = false;
}

/// Ends every input: what follows from the new state, and when the next timer is due.
void Session::settle(MonoTime now) {
  deadline_ = dial_at_;
  if (state_ != SessionState::live) return;
  if (data_pending_ && tracker_.awaited() == 0) {
    data_pending_ = false;
    notice(StatusCause::data_arrived, {});
    // Nothing of what is new would have come if the request had been refused.
    if (data_owed_) accept_asked();
    send_when_due(now);  // an audit may have waited for it
  }
  planned_ = std::min(live_deadline(), send_due_at(now));
  deadline_ = bad_frames_over_ ? now : planned_;
}

// Actions.

void Session::close_transport(std::uint16_t close_code) {
  SessionAction& action = push(ActionKind::close);
  action.close_code = close_code;
  action.graceful = close_code != kCloseSilent;
}

void Session::set_state(SessionState state, const End& why, std::int64_t retry_in_ms) {
  if (state == state_) return;
  SessionAction& action = push(ActionKind::status);
  action.previous_state = state_;
  action.state = state;
  action.cause = why.cause;
  action.server_error = why.server_error;
  action.request = why.request;
  action.http_status = why.http_status;
  action.sys_errno = why.sys_errno;
  action.retry_in_ms = retry_in_ms;
  action.text = why.text;
  state_ = state;
}

SessionAction& Session::notice(StatusCause cause, std::string text) {
  SessionAction& action = push(ActionKind::status);
  action.previous_state = state_;
  action.state = state_;
  action.cause = cause;
  action.text = std::move(text);
  return action;
}

SessionAction& Session::push(ActionKind kind) {
  SessionAction& action = actions_.emplace_back();
  action.kind = kind;
  action.epoch = epoch_;
  return action;
}

bool Session::next_action(SessionAction& out) {
  if (action_next_ == actions_.size()) {
    actions_.clear();
    action_next_ = 0;
    return false;
  }
  out = std::move(actions_[action_next_++]);
  return true;
}

bool Session::fully_subscribed() const noexcept {
  return state_ == SessionState::live && !request_needed_ && tracker_.awaited() == 0;
}

}  // namespace upfeed
