// What a session asks, and what the exchange's answers mean: requests, refusals, audits.

#include <algorithm>
#include <iterator>
#include <utility>

#include "session/request.hpp"
#include "session/session.hpp"
#include "session/status_text.hpp"
#include "session/subscription_reply.hpp"

namespace upfeed {
namespace {

constexpr std::uint16_t kCloseNormal = 1000;
constexpr std::string_view kTextPing = "PING";

struct ErrorName {
  std::string_view name;
  ServerErrorKind kind;
};
// The exchange lists the rate limits beside its error names; their shape on the wire is unknown.
constexpr std::array<ErrorName, 10> kErrorNames = {{
    {"WRONG_FORMAT", ServerErrorKind::wrong_format},
    {"NO_TICKET", ServerErrorKind::no_ticket},
    {"NO_TYPE", ServerErrorKind::no_type},
    {"NO_CODES", ServerErrorKind::no_codes},
    {"INVALID_PARAM", ServerErrorKind::invalid_param},
    {"INVALID_AUTH", ServerErrorKind::invalid_auth},
    {"Too Many Requests", ServerErrorKind::rate_limited},
    {"I'm a teapot", ServerErrorKind::rate_limited},
    {"TOO_MANY_REQUEST", ServerErrorKind::rate_limited},
    {"TOO_MANY_REQUESTS", ServerErrorKind::rate_limited},
}};

/// Of a, all that b does not name, however it names the others.
WantedSet without(const WantedSet& a, const WantedSet& b) {
  WantedSet rest;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(rest),
                      wanted_before);
  return rest;
}

/// The very same stream is in the set, wanted in the same way.
bool has_same(const WantedSet& set, const WantedStream& stream) {
  const auto found = std::lower_bound(set.begin(), set.end(), stream, wanted_before);
  return found != set.end() && *found == stream;
}

}  // namespace

ServerErrorKind server_error_kind(std::string_view name) noexcept {
  const auto found = std::find_if(kErrorNames.begin(), kErrorNames.end(),
                                  [name](const ErrorName& each) { return each.name == name; });
  return found == kErrorNames.end() ? ServerErrorKind::other : found->kind;
}

// What is wanted, and what of it may be asked.

void Session::want(WantedSet set, MonoTime now) {
  if (set == wanted_) return;
  wanted_ = std::move(set);
  held_ = false;
  std::erase_if(refused_, [this](const WantedStream& held) { return !has_same(wanted_, held); });
  hold_back_levels();
  ask_for_wanted(now);
  settle(now);
}

/// Gives every stream another chance.
void Session::free_refused() {
  if (refused_.empty()) return;
  refused_.clear();
  hold_back_levels();
  tracker_.replace(without(wanted_, refused_));
}

void Session::hold_back_levels() {
  if (config_.has_book_levels) return;
  WantedSet levels;
  std::copy_if(wanted_.begin(), wanted_.end(), std::back_inserter(levels),
               [this](const WantedStream& stream) {
                 return !stream.level.is_zero() && !has_same(refused_, stream);
               });
  if (levels.empty()) return;
  notice(StatusCause::server_error, stream_line("held back, no levels on this host: ", levels));
  hold_back(std::move(levels));
}

void Session::ask_for_wanted(MonoTime now) {
  const bool must_ask = tracker_.replace(without(wanted_, refused_));
  set_is_asked_ = false;
  if (!started_ || given_up_) return;
  if (tracker_.wanted().empty()) {
    go_idle(now);
  } else if (state_ == SessionState::live) {
    if (must_ask && !request_needed_) {
      request_needed_ = true;
      collect_until_ = now + config_.collect_window.count();
    }
    send_when_due(now);
  } else if (state_ == SessionState::idle || state_ == SessionState::failed) {
    dial_or_wait({.cause = StatusCause::requested}, now);
  }
}

void Session::hold_back(WantedSet streams) {
  counters_.refused_streams += streams.size();
  const auto middle = static_cast<std::ptrdiff_t>(refused_.size());
  refused_.insert(refused_.end(), std::make_move_iterator(streams.begin()),
                  std::make_move_iterator(streams.end()));
  std::inplace_merge(refused_.begin(), refused_.begin() + middle, refused_.end(), wanted_before);
}

// Requests.

MonoTime Session::request_wanted_at() const {
  const MonoTime ready_at = request_needed_ ? collect_until_ : probe_at_;
  return std::max(ready_at, last_request_ + config_.request_spacing.count());
}

std::string Session::ticket(std::string_view infix, std::uint32_t number) const {
  return (config_.ticket_prefix + '-' + std::to_string(epoch_))
      .append(infix)
      .append(std::to_string(number));
}

/// There are suspects, but the list that is to speak about them first is not here yet.
bool Session::probe_waits(MonoTime now) const noexcept {
  return !request_needed_ && tracker_.suspects() > 0 && now < probe_at_;
}

/// When the next message has to go out; kNever: none waits.
MonoTime Session::send_due_at(MonoTime now) const {
  MonoTime wanted_at = request_pending() ? request_wanted_at() : kNever;
  if (!request_pending() || probe_waits(now)) {
    if (text_ping_pending_) {
      wanted_at = last_request_;
    } else if (audit_waits()) {
      wanted_at = std::min(wanted_at, audit_due_at());
    }
  }
  return wanted_at == kNever ? kNever : std::max(wanted_at, request_limiter_.ready_at());
}

void Session::send_when_due(MonoTime now) {
  request_when_due(now);
  if (request_pending() && !probe_waits(now)) return;
  if (text_ping_pending_ && now >= request_limiter_.ready_at()) {
    text_ping_pending_ = false;
    request_limiter_.take(now);
    ++counters_.text_pings;
    push(ActionKind::send_text).text = kTextPing;
  }
  if (!text_ping_pending_) audit_when_due(now);
}

void Session::request_when_due(MonoTime now) {
  if (!request_pending()) return;
  const MonoTime wanted_at = request_wanted_at();
  const MonoTime allowed_at = request_limiter_.ready_at();
  if (now < wanted_at || now < allowed_at) return;
  const bool is_change = request_needed_;
  request_needed_ = false;

  const WantedSet& wanted = tracker_.wanted();
  const std::string name = ticket("-", ++requests_in_epoch_);
  std::string text =
      request_text(name, config_.format, wanted, tracker_.stages(), Finished::left_out);
  if (text.empty() && server_flows_) {
    text = request_text(name, config_.format, wanted, tracker_.stages(), Finished::named);
  }
  if (text.empty()) return;

  if (allowed_at > wanted_at) ++counters_.limiter_waits;
  request_limiter_.take(now);
  last_request_ = now;
  ++counters_.requests;
  push(ActionKind::send_text).text = std::move(text);
  const bool is_probe = tracker_.suspects() > 0;
  on_requested(now);
  if (is_change) {
    data_pending_ = true;
    data_owed_ = tracker_.awaited() > 0;
  }
  if (is_probe) on_probed(now);
}

void Session::on_requested(MonoTime now) {
  server_flows_ = std::any_of(tracker_.wanted().begin(), tracker_.wanted().end(),
                              [](const WantedStream& stream) { return !is_snapshot_only(stream); });
  tracker_.mark_asked(now);
  set_is_asked_ = true;
  accept_at_ = now + config_.first_data_timeout.count();
  first_frames_at_ = std::min(first_frames_at_, accept_at_);
  list_wanted_ = false;
  // An answer to a list that is out could be of before or after this request.
  if (!audit_ticket_.empty()) {
    audit_ticket_.clear();
    audit_deadline_ = kNever;
    if (!list_is_own_) audit_wanted_ = true;
    list_is_own_ = false;
  }
}

void Session::on_probed(MonoTime now) {
  ++counters_.probes;
  silence_at_ = std::min(silence_at_, now + config_.look_again.count());
  if (pong_deadline_ != kNever) return;
  ping_at_ = now;  // The verdict needs a sign of life behind the probe.
  tick_pings(now);
}

// Refusals.

void Session::on_server_error(std::string_view name, std::string_view message, MonoTime now) {
  if (state_ != SessionState::live) return;
  const std::string text = std::string(name).append(": ").append(message);
  End end{.cause = StatusCause::server_error,
          .server_error = server_error_kind(name),
          .text = status_line(text)};
  // The answer to a request comes within a second. One that follows long after it, or after the
  // wanted set has changed, says nothing against what we would ask for next.
  const bool is_answer = accept_at_ != kNever && now < accept_at_;
  if (end.server_error == ServerErrorKind::rate_limited) {
    end.cause = StatusCause::rate_limited;
  } else if (end.server_error == ServerErrorKind::invalid_auth) {
    end.cause = StatusCause::unauthorized;
  } else if (!audit_ticket_.empty()) {
    audits_refused_ = true;
    end_audit(AuditOutcome::refused, now);
  } else if (is_answer) {
    end.request = requests_in_epoch_;
    if (set_is_asked_) refuse_asked(end);
  }
  drop(kCloseNormal, end, now);
  settle(now);
}

/// The streams that were there when all was well shall live on without those that came since.
void Session::refuse_asked(End& end) {
  const WantedSet& asked = tracker_.wanted();
  WantedSet added = without(asked, accepted_);
  if (added.size() == asked.size()) {
    held_ = true;
    return;
  }
  if (added.empty()) {
    // It was served before, so it may be the exchange's fault; but a second time will not do.
    accepted_.clear();
    return;
  }
  end.text = stream_line(status_line(end.text, kStatusTextBytesMax / 3) + "; held back: ", added);
  tracker_.replace(without(asked, added));
  hold_back(std::move(added));
}

void Session::accept_asked() {
  accept_at_ = kNever;
  if (set_is_asked_ && accepted_ != tracker_.wanted()) accepted_ = tracker_.wanted();
  if (tracker_.has_unlisted()) want_list();
}

// Audits.

void Session::audit(MonoTime now) {
  if (!started_ || audits_refused_) return;
  audit_wanted_ = true;
  if (state_ == SessionState::live) send_when_due(now);
  settle(now);
}

/// A list that tells what the exchange serves now from what it served before: of streams that are
/// watched, behind each request and before each probe.
void Session::want_list() {
  list_wanted_ = !audits_refused_;
}

bool Session::audit_waits() const noexcept {
  if (audits_refused_) return false;
  // An audit says all that a list of our own would.
  if (audit_wanted_ && list_is_own_) return true;
  return (audit_wanted_ || list_wanted_) && audit_ticket_.empty();
}

/// Only behind a request that was accepted, so that an error frame is the answer to one of them. A
/// list of our own leaves room for the request that it may lead to.
MonoTime Session::audit_due_at() const {
  if (accept_at_ != kNever) return accept_at_;
  const MonoTime ready_at = request_limiter_.ready_at();
  if (audit_wanted_) return ready_at;
  const MonoTime after_next = request_limiter_.ready_after_next();
  if (after_next == kNever) return kNever;
  return std::max(ready_at, after_next + -config_.list_wait.count());
}

void Session::audit_when_due(MonoTime now) {
  if (!audit_waits() || accept_at_ != kNever || now < audit_due_at()) return;
  request_limiter_.take(now);
  list_is_own_ = !audit_wanted_;
  audit_wanted_ = false;
  list_wanted_ = false;
  audit_ticket_ = ticket(list_is_own_ ? "-list-" : "-audit-", ++lists_in_epoch_);
  audit_deadline_ = now + config_.audit_timeout.count();
  ++(list_is_own_ ? counters_.lists : counters_.audits);
  push(ActionKind::send_text).text = audit_text(audit_ticket_, config_.format);
}

void Session::end_audit(AuditOutcome outcome, MonoTime now) {
  audit_ticket_.clear();
  audit_deadline_ = kNever;
  probe_at_ = std::min(probe_at_, now);
  const bool is_told = !list_is_own_ || outcome == AuditOutcome::refused;
  list_is_own_ = false;
  if (is_told) last_audit_ = {.outcome = outcome, .at = now, .epoch = epoch_};
}

void Session::on_subscriptions(std::string_view json, MonoTime now) {
  bad_frames_in_row_ = 0;
  if (state_ != SessionState::live || audit_ticket_.empty()) return;
  // After a sleep the answer may come before the timer that has given it up.
  if (list_is_own_ && now >= audit_deadline_) return;
  const auto reply = parse_subscription_reply(json);
  if (!reply) {
    if (!list_is_own_) {
      notice(StatusCause::audit_mismatch, "unreadable answer to LIST_SUBSCRIPTIONS");
    }
    end_audit(AuditOutcome::unreadable, now);
  } else if (reply->ticket == audit_ticket_) {
    on_list(*reply, now);
  }
  send_when_due(now);
  settle(now);
}

void Session::on_list(const SubscriptionReply& reply, MonoTime now) {
  AuditDifference difference = audit_difference(tracker_.wanted(), tracker_.stages(), reply);
  const WantedSet lacks = difference.missing;
  if (list_is_own_) difference = {.missing = tracker_.once_listed(lacks), .extra = {}};
  tracker_.mark_listed(lacks);
  list_wanted_ = false;
  const bool is_audit = !list_is_own_;
  const bool matched = difference.missing.empty() && difference.extra.empty();
  end_audit(matched ? AuditOutcome::matched : AuditOutcome::mismatched, now);
  if (is_audit) {
    last_audit_.missing_count = difference.missing.size();
    last_audit_.extra_count = difference.extra.size();
  }
  if (!matched) on_difference(difference, now);
}

void Session::on_difference(const AuditDifference& difference, MonoTime now) {
  ++counters_.audit_mismatches;
  const WantedSet silent = tracker_.suspects_of(difference.missing);
  const WantedSet others = without(difference.missing, silent);
  const WantedSet lost = tracker_.with_data_of(others);
  on_difference_notice(without(others, lost), difference.extra);
  report_lost(StatusCause::audit_mismatch, lost, now);
  report_silent(silent, now);
  tracker_.mark_unasked(difference.missing);
  if (!request_needed_) {
    request_needed_ = true;
    collect_until_ = now;
  }
}

void Session::on_difference_notice(const WantedSet& missing,
                                   const std::vector<std::string>& extra) {
  if (missing.empty() && extra.empty()) return;
  std::string text;
  for (const std::string& name : extra) text += (text.empty() ? "not asked: " : ", ") + name;
  if (!missing.empty()) {
    text = stream_line(text.empty() ? "not served: " : text + "; not served: ", missing);
  }
  notice(StatusCause::audit_mismatch, status_line(text));
}

}  // namespace upfeed
