// The part of the checker that looks at requests.

#include <algorithm>

#include "session_checker.hpp"

namespace upfeed::simulation {

void SessionChecker::check_request(const SessionAction& action, std::int64_t now_ns) {
  if (link_ != Link::live) fail(Rule::request_connected, "message without connection");
  if (!requests_.arrive(now_ns)) fail(Rule::request_limits, "too many messages");
  const std::int64_t ready_ns = requests_.ready_at_ns() + config_.request_limits.margin_ns;
  if (ready_ns > now_ns) limited_until_ns_ = std::max(limited_until_ns_, ready_ns);
  if (action.text == "PING") {
    if (!asked_version_) fail(Rule::request_text, "the text PING before a request");
    return;
  }
  if (!read_request(action.text, request_) || request_.format != config_.format) {
    fail(Rule::request_text, action.text);
    return;
  }
  check_ticket(!request_.method.empty());
  if (!request_.method.empty()) {
    if (request_.method != "LIST_SUBSCRIPTIONS") fail(Rule::request_text, action.text);
    audit_ticket_ = request_.ticket;
    list_is_own_ = request_.ticket.find("-list-") != std::string_view::npos;
    last_list_ns_ = now_ns;
    return;
  }
  audit_ticket_.clear();
  prove(now_ns);  // what was asked until now
  answered_ = false;
  check_set(now_ns);
  check_repeated();
  asked_version_ = wish_version_;
  last_request_ns_ = now_ns;
}

/// prefix-epoch-number, or prefix-epoch-word-number; each kind counts up.
void SessionChecker::check_ticket(bool is_list) {
  std::string_view ticket = request_.ticket;
  if (!ticket.starts_with(config_.ticket_prefix)) fail(Rule::request_text, "ticket of a stranger");
  ticket.remove_prefix(std::min(config_.ticket_prefix.size(), ticket.size()));
  std::uint64_t number = 0;
  for (const char c : ticket) {
    if (c == '-') {
      number <<= number != 0 && (number & 0xFFFFFFFFU) == 0 ? 0U : 32U;
    } else if (c >= '0' && c <= '9') {
      number += (number & 0xFFFFFFFFU) * 9 + static_cast<std::uint64_t>(c - '0');
    }
  }
  std::uint64_t& last = last_ticket_[is_list ? 1 : 0];
  if (number <= last) fail(Rule::request_text, "ticket used before");
  last = number;
}

void SessionChecker::check_set(std::int64_t now_ns) {
  std::bitset<kCatalogMax> named;
  for (const NamedStream& each : request_.streams) {
    const std::size_t i = catalog_.find(each);
    if (i == kCatalogMax || named[i]) {
      fail(Rule::request_set, "a stream that nobody knows, or one named twice");
      return;
    }
    named.set(i);
    named_[i] = each;
  }
  if (std::string fault = set_fault(named, now_ns); !fault.empty()) {
    fail(Rule::request_set, std::move(fault));
  }
  served_before_ = served_;
  served_ = named;
  flowing_.reset();
  snapshots_.reset();
  for (std::size_t i = 0; i < catalog_.streams.size(); ++i) {
    if (is_wanted(i) && !asked_[i]) {
      asked_.set(i);
      last_frame_ns_[i] = now_ns;
      alive_at_ns_[i] = now_ns;
      doubted_at_ns_[i] = INT64_MIN / 2;
      noticed_at_ns_[i] = INT64_MAX;
      once_listed_.reset(i);
    }
    if (!named[i]) continue;
    served_units_[i] = wishes_[i] ? wishes_[i]->units : std::uint8_t{0};
    if (!named_[i].only_snapshot) flowing_.set(i);
    if (!named_[i].only_realtime && is_market(i)) snapshots_.set(i);
    if (ignored_requests_[i] > 0) {
      --ignored_requests_[i];
    } else {
      dropped_.reset(i);
    }
  }
}

std::string_view SessionChecker::units_of(std::size_t i) const {
  if (catalog_.streams[i].kind != EventKind::orderbook) return {};
  switch (wishes_[i]->units) {
    case 1:
      return "1";
    case 5:
      return "5";
    case 15:
      return "15";
    default:
      return {};
  }
}

bool SessionChecker::owes_frame(std::size_t i) const {
  return is_market(i) && (wishes_[i]->mode != StreamMode::realtime_only ||
                          catalog_.streams[i].kind == EventKind::orderbook);
}

std::string SessionChecker::set_fault(const std::bitset<kCatalogMax>& named, std::int64_t now_ns) {
  bool all_finished = true;
  for (std::size_t i = 0; i < catalog_.streams.size(); ++i) {
    if (is_wanted(i) && !is_finished(i)) all_finished = false;
  }
  if (all_finished && flowing_.none()) return "request without need";
  for (std::size_t i = 0; i < catalog_.streams.size(); ++i) {
    const bool expected = is_wanted(i) && (all_finished || !is_finished(i));
    if (expected != named[i]) {
      return catalog_.names[i] + (expected ? " is missing" : " is not wanted");
    }
    if (!expected) continue;
    if (std::string fault = form_fault(i, now_ns); !fault.empty()) return fault;
  }
  return {};
}

/// It must have been silent for some time, and unless it is doubted again or the request had to go
/// out anyway, the exchange was asked for its list where that was possible.
std::string SessionChecker::doubt_fault(std::size_t i, std::int64_t now_ns) {
  const std::int64_t early_ns = (config_.probe_lead() + config_.probe_spacing).count();
  if (limit_ns(i) == 0 || now_ns - last_frame_ns_[i] < limit_ns(i) - early_ns) {
    return catalog_.names[i] + " is doubted without reason";
  }
  const bool again =
      noticed_at_ns_[i] != INT64_MAX || now_ns - doubted_at_ns_[i] < config_.probe_lead().count();
  const std::int64_t asked_ns = now_ns - config_.list_wait.count();
  const bool accepted = last_request_ns_ + config_.first_data_timeout.count() < asked_ns;
  // Before this request, too, there was room for a list and a request, whatever the margins.
  const bool possible = accepted && !audits_refused_ && woke_at_ns_ < asked_ns &&
                        requests_.has_room(asked_ns - kSecond, 3);
  doubted_at_ns_[i] = now_ns;
  const bool is_change = asked_version_ != wish_version_ || needs_request();
  if (!again && possible && !is_change && now_ns - last_list_ns_ > config_.audit_timeout.count()) {
    fail(Rule::list_first, catalog_.names[i] + " is doubted without a list");
  }
  return {};
}

std::string SessionChecker::form_fault(std::size_t i, std::int64_t now_ns) {
  const NamedStream& named = named_[i];
  const StreamMode mode = wishes_[i]->mode;
  const bool only_snapshot = is_market(i) && mode == StreamMode::snapshot_only;
  bool only_realtime =
      is_market(i) && catalog_.streams[i].kind != EventKind::orderbook &&
      (mode == StreamMode::realtime_only || (mode == StreamMode::both && arrived_[i]));
  if (only_realtime && !named.only_realtime) {
    if (std::string fault = doubt_fault(i, now_ns); !fault.empty()) return fault;
    only_realtime = false;
  }
  if (named.only_snapshot != only_snapshot || named.only_realtime != only_realtime) {
    return catalog_.names[i] + " has wrong flags";
  }
  return named.units == units_of(i) ? "" : catalog_.names[i] + " has wrong units";
}

/// A set that was refused may come once more if all of it had been served before.
void SessionChecker::check_repeated() {
  if (refused_version_ != wish_version_) return;
  if (wanted_ == refused_set_ && refusals_ > (unproved_ ? 0U : 1U)) {
    fail(Rule::refused_again, "a refused set is asked again");
  }
}

std::int64_t SessionChecker::limit_ns(std::size_t i) const {
  switch (catalog_.streams[i].kind) {
    case EventKind::ticker:
      return config_.silence_limit.ticker.count();
    case EventKind::trade:
      return config_.silence_limit.trade.count();
    case EventKind::orderbook:
      return config_.silence_limit.orderbook.count();
    case EventKind::candle:
      return config_.silence_limit.candle.count();
    default:
      return 0;
  }
}

}  // namespace upfeed::simulation
