#include "session_checker.hpp"

#include <algorithm>

namespace upfeed::simulation {

const char* to_string(Rule rule) {
  constexpr std::array<const char*, kRuleCount> kNames = {
      "epoch_grows",      "one_connection",    "dial_budget",       "dial_block",  "dial_given_up",
      "request_limits",   "request_connected", "request_text",      "request_set", "status_chain",
      "quiet_after_stop", "wakes_up",          "silent_peer_bound", "restored"};
  return kNames[static_cast<std::size_t>(rule)];
}

Catalog::Catalog() {
  struct Row {
    EventKind kind;
    const char* type;
    const char* code;
    std::uint32_t market;
    const char* level;
    CandleUnit unit;
  };
  constexpr auto kNoUnit = CandleUnit::m1;
  const std::vector<Row> rows = {
      {EventKind::ticker, "ticker", "KRW-BTC", 0, "", kNoUnit},
      {EventKind::ticker, "ticker", "KRW-ETH", 5, "", kNoUnit},
      {EventKind::ticker, "ticker", "BTC-XRP", 9, "", kNoUnit},
      {EventKind::trade, "trade", "KRW-BTC", 0, "", kNoUnit},
      {EventKind::trade, "trade", "KRW-ETH", 5, "", kNoUnit},
      {EventKind::orderbook, "orderbook", "KRW-BTC", 0, "", kNoUnit},
      {EventKind::orderbook, "orderbook", "KRW-BTC", 0, "1000", kNoUnit},
      {EventKind::orderbook, "orderbook", "KRW-BTC", 0, "10000", kNoUnit},
      {EventKind::orderbook, "orderbook", "KRW-ETH", 5, "", kNoUnit},
      {EventKind::orderbook, "orderbook", "KRW-ETH", 5, "1000", kNoUnit},
      {EventKind::orderbook, "orderbook", "BTC-XRP", 9, "", kNoUnit},
      {EventKind::candle, "candle.1s", "KRW-BTC", 0, "", CandleUnit::s1},
      {EventKind::candle, "candle.1m", "KRW-BTC", 0, "", CandleUnit::m1},
      {EventKind::candle, "candle.1m", "KRW-ETH", 5, "", CandleUnit::m1},
      {EventKind::candle, "candle.240m", "KRW-BTC", 0, "", CandleUnit::m240},
  };
  std::vector<std::pair<WantedStream, std::string>> entries;
  for (const Row& row : rows) {
    WantedStream stream;
    stream.kind = row.kind;
    stream.candle_unit = row.unit;
    stream.market = {row.market};
    stream.code = *MarketCode::parse(row.code);
    if (*row.level != 0) stream.level = *Decimal::parse(row.level);
    entries.emplace_back(stream, std::string(row.type) + '|' + row.code + '|' + row.level);
  }
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return wanted_before(a.first, b.first); });
  for (auto& [stream, key] : entries) {
    streams.push_back(stream);
    keys.push_back(std::move(key));
  }
}

WantedSet to_wanted(const Catalog& catalog, const Wishes& wishes) {
  WantedSet set;
  for (std::size_t i = 0; i < catalog.streams.size(); ++i) {
    if (!wishes[i]) continue;
    set.push_back(catalog.streams[i]);
    set.back().units = wishes[i]->units;
    set.back().mode = wishes[i]->mode;
    set.back().refresh = wishes[i]->refresh;
  }
  return set;
}

SessionChecker::SessionChecker(const Catalog& catalog, EndpointModel& endpoint,
                               const SessionConfig& config, Limits request_limits)
    : catalog_(catalog), endpoint_(endpoint), config_(config), requests_(request_limits) {}

// The world.

void SessionChecker::started() {
  stopping_ = false;
  stopped_ = false;
  unauthorized_ = false;
  refused_version_.reset();
}

void SessionChecker::wishes(const Wishes& wishes, std::int64_t now_ns) {
  if (wishes == wishes_) return;
  ++wish_version_;
  last_wish_ns_ = now_ns;
  for (std::size_t i = 0; i < kCatalogMax; ++i) {
    const bool same = wishes[i] && wishes_[i] && wishes[i]->mode == wishes_[i]->mode &&
                      wishes[i]->refresh == wishes_[i]->refresh;
    if (same) continue;
    asked_.reset(i);
    arrived_.reset(i);
  }
  wishes_ = wishes;
}

void SessionChecker::connected(std::int64_t now_ns) {
  link_ = Link::live;
  requests_.reset();
  asked_.reset();
  arrived_.reset();
  served_.reset();
  served_before_.reset();
  flowing_.reset();
  asked_version_.reset();
  last_bytes_ns_ = now_ns;
  late_ns_ = 0;
}

void SessionChecker::blocked(std::int64_t until_ns) {
  endpoint_.blocked_until_ns = std::max(endpoint_.blocked_until_ns, until_ns);
}

void SessionChecker::refused(std::int64_t now_ns) {
  if (asked_version_ == wish_version_ &&
      now_ns - last_request_ns_ <= config_.first_data_timeout.count()) {
    refused_version_ = wish_version_;
  }
}

void SessionChecker::bytes(std::int64_t now_ns) {
  last_bytes_ns_ = now_ns;
  late_ns_ = 0;
}

void SessionChecker::frame(std::size_t stream) {
  if (asked_[stream]) arrived_.set(stream);
}

// The session.

void SessionChecker::fail(Rule rule, std::string detail) {
  if (broken_) return;
  broken_ = rule;
  detail_ = std::move(detail);
}

void SessionChecker::action(const SessionAction& action, std::int64_t now_ns) {
  if (stopped_) fail(Rule::quiet_after_stop, "action behind the stop");
  if (stopping_ && action.kind != ActionKind::close && action.kind != ActionKind::status) {
    fail(Rule::quiet_after_stop, "stop leads to more than a close and a status");
  }
  if (action.kind != ActionKind::dial && action.epoch != epoch_ &&
      !(action.kind == ActionKind::status && action.state == SessionState::connecting &&
        action.epoch == epoch_ + 1)) {
    fail(Rule::epoch_grows, "action of epoch " + std::to_string(action.epoch));
  }
  switch (action.kind) {
    case ActionKind::dial:
      check_dial(action, now_ns);
      break;
    case ActionKind::send_text:
      check_request(action, now_ns);
      break;
    case ActionKind::send_ping:
      if (link_ != Link::live) fail(Rule::request_connected, "ping without connection");
      break;
    case ActionKind::close:
      if (link_ == Link::none) fail(Rule::request_connected, "close without connection");
      link_ = Link::none;
      break;
    case ActionKind::status:
      check_status(action, now_ns);
      break;
  }
}

void SessionChecker::check_dial(const SessionAction& action, std::int64_t now_ns) {
  if (action.epoch != epoch_ + 1) fail(Rule::epoch_grows, "dial does not begin the next epoch");
  epoch_ = action.epoch;
  if (link_ != Link::none) fail(Rule::one_connection, "dial beside another");
  link_ = Link::dialing;
  if (!endpoint_.dials.arrive(now_ns)) fail(Rule::dial_budget, "too many dials");
  if (now_ns < endpoint_.blocked_until_ns) fail(Rule::dial_block, "dial inside the block");
  if (unauthorized_) fail(Rule::dial_given_up, "dial after 401");
  if (refused_version_ == wish_version_) fail(Rule::dial_given_up, "dial for a refused set");
}

void SessionChecker::check_request(const SessionAction& action, std::int64_t now_ns) {
  if (link_ != Link::live) fail(Rule::request_connected, "request without connection");
  if (!requests_.arrive(now_ns)) fail(Rule::request_limits, "too many requests");
  const auto parsed = parse_request(action.text);
  if (!parsed || parsed->format != config_.format) {
    fail(Rule::request_text, action.text);
    return;
  }
  if (!tickets_.insert(parsed->ticket).second) fail(Rule::request_text, "ticket used before");
  check_set(parsed->streams);
  asked_version_ = wish_version_;
  last_request_ns_ = now_ns;
}

void SessionChecker::check_set(const NamedSet& streams) {
  if (std::string fault = set_fault(streams); !fault.empty()) {
    fail(Rule::request_set, std::move(fault));
  }
  served_before_ = served_;
  served_.reset();
  flowing_.reset();
  for (std::size_t i = 0; i < catalog_.keys.size(); ++i) {
    if (wishes_[i]) asked_.set(i);
    const auto found = streams.find(catalog_.keys[i]);
    if (found == streams.end()) continue;
    served_.set(i);
    served_units_[i] = found->second.units;
    if (!found->second.only_snapshot) flowing_.set(i);
  }
}

std::string SessionChecker::units_of(std::size_t i) const {
  const bool is_book = catalog_.streams[i].kind == EventKind::orderbook;
  return is_book && wishes_[i]->units != 30 ? std::to_string(wishes_[i]->units) : "";
}

std::string SessionChecker::set_fault(const NamedSet& streams) const {
  bool all_finished = true;
  for (std::size_t i = 0; i < catalog_.keys.size(); ++i) {
    if (wishes_[i] && !is_finished(i)) all_finished = false;
  }
  if (all_finished && flowing_.none()) return "request without need";
  std::size_t known = 0;
  for (std::size_t i = 0; i < catalog_.keys.size(); ++i) {
    const auto found = streams.find(catalog_.keys[i]);
    const bool expected = wishes_[i] && (all_finished || !is_finished(i));
    if (expected != (found != streams.end())) {
      return catalog_.keys[i] + (expected ? " is missing" : " is not wanted");
    }
    if (!expected) continue;
    ++known;
    const bool is_book = catalog_.streams[i].kind == EventKind::orderbook;
    const StreamMode mode = wishes_[i]->mode;
    const bool realtime = !is_book && (mode == StreamMode::realtime_only ||
                                       (mode == StreamMode::both && arrived_[i]));
    const NamedStream& named = found->second;
    if (named.only_snapshot != (mode == StreamMode::snapshot_only) ||
        named.only_realtime != realtime) {
      return catalog_.keys[i] + " has wrong flags";
    }
    if (named.units != units_of(i)) return catalog_.keys[i] + " has wrong units";
  }
  return known == streams.size() ? "" : "a stream that nobody knows";
}

void SessionChecker::check_status(const SessionAction& action, std::int64_t now_ns) {
  const bool is_notice =
      action.cause == StatusCause::first_data_missing || action.cause == StatusCause::data_arrived;
  if (action.previous_state != state_) fail(Rule::status_chain, "does not start at the last state");
  if ((action.state == action.previous_state) != is_notice) {
    fail(Rule::status_chain, "a transition to the same state, or a notice that is none");
  }
  state_ = action.state;
  if (state_ == SessionState::failed && !unauthorized_ && refused_version_ != wish_version_ &&
      config_.dial_attempts_max == 0) {
    fail(Rule::dial_given_up, "failed without a reason");
  }
  if (state_ == SessionState::stopped) stopped_ = true;
  if (action.cause == StatusCause::silent_peer &&
      now_ns - last_bytes_ns_ < config_.pong_timeout.count()) {
    fail(Rule::silent_peer_bound, "the peer was not silent");
  }
}

void SessionChecker::settled(SessionState state, MonoTime deadline, std::int64_t now_ns) {
  if (state != state_) fail(Rule::status_chain, "a state that no status told");
  const bool goes_on = state == SessionState::live || state == SessionState::backing_off ||
                       state == SessionState::blocked;
  if (goes_on && deadline == Session::kNever) fail(Rule::wakes_up, "no deadline");
  if (!goes_on && deadline != Session::kNever) fail(Rule::wakes_up, "a deadline for nothing");
  check_timers(deadline, now_ns);
}

void SessionChecker::check_timers(MonoTime deadline, std::int64_t now_ns) {
  if (deadline.ns <= now_ns) fail(Rule::wakes_up, "a due timer was left behind");
  if (link_ != Link::live) return;
  const std::int64_t bound_ns = (config_.ping_interval + config_.pong_timeout).count();
  if (now_ns - last_bytes_ns_ > bound_ns + late_ns_) {
    fail(Rule::silent_peer_bound, "silence was not noticed");
  }
  const std::int64_t due_ns =
      std::max({last_wish_ns_ + config_.collect_window.count(),
                last_request_ns_ + config_.request_spacing.count(),
                requests_.ready_at_ns() + config_.request_limits.margin_ns});
  if (now_ns > due_ns && needs_request()) fail(Rule::wakes_up, "a request is late");
}

/// The server's set lacks something wanted, has something unwanted that flows, or other units.
bool SessionChecker::needs_request() const {
  for (std::size_t i = 0; i < catalog_.keys.size(); ++i) {
    if (wishes_[i] && !asked_[i]) return true;
    if (flowing_[i] && !wishes_[i]) return true;
    if (flowing_[i] && served_units_[i] != units_of(i)) return true;
  }
  return false;
}

void SessionChecker::must_be_restored(const Session& session) {
  if (!session.fully_subscribed() || link_ != Link::live) {
    fail(Rule::restored, "not fully subscribed, state " +
                             std::string(upfeed::to_string(session.state())) + ", missing " +
                             std::to_string(session.missing_first_frames().size()));
    return;
  }
  for (std::size_t i = 0; i < catalog_.keys.size(); ++i) {
    if (wishes_[i] && !is_finished(i) && !served_[i]) {
      fail(Rule::restored, catalog_.keys[i] + " is not served");
    }
    if (wishes_[i] && wishes_[i]->mode != StreamMode::realtime_only && !arrived_[i]) {
      fail(Rule::restored, catalog_.keys[i] + " sent no first frame");
    }
  }
}

}  // namespace upfeed::simulation
