#include "session_checker.hpp"

#include <algorithm>

namespace upfeed::simulation {
namespace {

constexpr std::int64_t kTickNs = 100 * kMillisecond;

}  // namespace

const char* to_string(Rule rule) {
  constexpr std::array<const char*, kRuleCount> kNames = {
      "epoch_grows",       "one_connection", "dial_budget",       "dial_block",       "dial_paced",
      "dial_given_up",     "request_limits", "request_connected", "request_text",     "request_set",
      "refused_again",     "held_back",      "status_chain",      "quiet_after_stop", "wakes_up",
      "silent_peer_bound", "silent_stream",  "false_alarm",       "loss_bounds",      "probes_rare",
      "list_first",        "audit_sound",    "stale_epoch",       "restored"};
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
      {EventKind::my_order, "myOrder", "", MarketId::kNone, "", kNoUnit},
      {EventKind::my_asset, "myAsset", "", MarketId::kNone, "", kNoUnit},
  };
  std::vector<std::pair<WantedStream, const Row*>> entries;
  for (const Row& row : rows) {
    WantedStream stream;
    stream.kind = row.kind;
    stream.candle_unit = row.unit;
    stream.market = {row.market};
    if (*row.code != 0) stream.code = *MarketCode::parse(row.code);
    if (*row.level != 0) stream.level = *Decimal::parse(row.level);
    entries.emplace_back(stream, &row);
  }
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return wanted_before(a.first, b.first); });
  for (const auto& [stream, row] : entries) {
    streams.push_back(stream);
    codes.emplace_back(row->code);
    types.emplace_back(row->type);
    levels.emplace_back(row->level);
    const std::string code = codes.back().empty() ? "" : codes.back() + ' ';
    names.push_back(code + row->type + (*row->level != 0 ? " level " + levels.back() : ""));
  }
}

const Catalog& Catalog::instance() {
  static const Catalog catalog;
  return catalog;
}

std::size_t Catalog::find(const NamedStream& named) const {
  for (std::size_t i = 0; i < streams.size(); ++i) {
    if (codes[i] == named.code && types[i] == named.type && levels[i] == named.level) return i;
  }
  return kCatalogMax;
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
  failed_version_.reset();
  no_dial_before_ns_ = INT64_MIN;
  audits_refused_ = false;
  held_.reset();
  look_at_wishes();
}

void SessionChecker::wishes(const Wishes& wishes, std::int64_t now_ns) {
  if (wishes == wishes_) return;
  ++wish_version_;
  last_wish_ns_ = now_ns;
  for (std::size_t i = 0; i < kCatalogMax; ++i) {
    if (wishes[i] != wishes_[i]) held_.reset(i);
    if (!wishes[i]) proven_.reset(i);
    const bool same = wishes[i] && wishes_[i] && wishes[i]->mode == wishes_[i]->mode &&
                      wishes[i]->refresh == wishes_[i]->refresh;
    if (same) continue;
    asked_.reset(i);
    arrived_.reset(i);
    lost_at_ns_[i] = INT64_MAX;  // wanted in this way only from now on
  }
  wishes_ = wishes;
  look_at_wishes();
}

void SessionChecker::look_at_wishes() {
  for (std::size_t i = 0; i < catalog_.streams.size(); ++i) {
    wanted_[i] = wishes_[i] && !held_[i];
    owing_[i] = wanted_[i] && owes_frame(i);
  }
}

void SessionChecker::connected(std::int64_t now_ns) {
  link_ = Link::live;
  requests_.reset();
  for (auto* bits : {&asked_, &arrived_, &served_, &served_before_, &flowing_, &snapshots_,
                     &dropped_, &deaf_, &forgotten_, &busy_, &was_dropped_, &once_listed_}) {
    bits->reset();
  }
  asked_version_.reset();
  last_bytes_ns_ = now_ns;
  late_ns_ = 0;
  connected_at_ns_ = now_ns;
  limited_until_ns_ = INT64_MIN;
  last_up_ns_ = INT64_MAX;
  up_late_ns_ = 0;
  ignored_requests_.fill(0);
  doubted_at_ns_.fill(INT64_MIN / 2);
  noticed_at_ns_.fill(INT64_MAX);
  audit_ticket_.clear();
  last_list_ns_ = INT64_MIN / 2;
}

void SessionChecker::blocked(std::int64_t until_ns) {
  endpoint_.blocked_until_ns = std::max(endpoint_.blocked_until_ns, until_ns);
}

void SessionChecker::refused(std::int64_t now_ns) {
  if (!audit_ticket_.empty()) {  // A list goes out when the request has been accepted.
    audits_refused_ = true;
    return;
  }
  refusal_open_ = true;
  if (asked_version_ != wish_version_ ||
      now_ns - last_request_ns_ >= config_.first_data_timeout.count()) {
    return;
  }
  unproved_ = (owing_ & ~proven_ & ~seen_).any();
  refusals_ = refused_version_ == wish_version_ && wanted_ == refused_set_ ? refusals_ + 1 : 1;
  // Where all that owes a frame has sent it, the request was no bad one.
  if (answered_) refusals_ = 0;
  refused_version_ = wish_version_;
  refused_set_ = wanted_;
}

void SessionChecker::bytes(std::int64_t now_ns) {
  last_bytes_ns_ = now_ns;
  late_ns_ = 0;
}

void SessionChecker::up(std::int64_t now_ns) {
  last_up_ns_ = now_ns;
  up_late_ns_ = 0;
}

void SessionChecker::frame(std::size_t stream, bool is_snapshot, std::int64_t now_ns) {
  if (last_up_ns_ != INT64_MAX) up(now_ns);
  if (!asked_[stream]) return;
  const bool is_first = !arrived_[stream];
  arrived_.set(stream);
  seen_.set(stream);
  if (!is_snapshot) was_dropped_.reset(stream);
  if (!is_snapshot || is_first || !dropped_[stream]) alive_at_ns_[stream] = now_ns;
  if (is_snapshot && !is_first) return;
  last_frame_ns_[stream] = now_ns;
  doubted_at_ns_[stream] = INT64_MIN / 2;
  noticed_at_ns_[stream] = INT64_MAX;
}

void SessionChecker::lose(std::size_t stream, Loss loss, unsigned ignored_requests, bool busy,
                          std::int64_t now_ns) {
  // Another loss begins now; of the one before, even if a request ended it, nothing may have been
  // missed.
  if (was_dropped_[stream]) alive_at_ns_[stream] = now_ns;
  dropped_.set(stream);
  deaf_.set(stream, loss == Loss::deaf);
  forgotten_.set(stream, loss == Loss::forgotten);
  busy_.set(stream, busy);
  ignored_requests_[stream] = ignored_requests;
  was_dropped_.set(stream);
  noticed_at_ns_[stream] = INT64_MAX;
  lost_at_ns_[stream] = now_ns;
}

void SessionChecker::overslept(std::int64_t late_ns, std::int64_t now_ns) {
  // The session gives the peer and UP their whole time again.
  late_ns_ += late_ns + config_.pong_timeout.count();
  up_late_ns_ += late_ns + config_.up_timeout.count();
  limited_until_ns_ = std::max(limited_until_ns_, now_ns + config_.pong_timeout.count());
  woke_at_ns_ = now_ns;
}

void SessionChecker::stale_frame(std::size_t missing_before, std::size_t missing_after) {
  if (missing_before != missing_after) fail(Rule::stale_epoch, "a former connection's frame");
}

void SessionChecker::audit_answer(std::string_view ticket, const std::bitset<kCatalogMax>& listed,
                                  bool another, std::int64_t now_ns) {
  expected_ = Expected::nothing;
  audit_missing_.reset();
  difference_told_ = false;
  answer_is_own_ = list_is_own_;
  if (audit_ticket_.empty() || ticket != audit_ticket_) return;
  if (list_is_own_ && now_ns - last_list_ns_ >= config_.audit_timeout.count()) return;  // given up
  std::bitset<kCatalogMax> lacks;
  bool differs = another && !list_is_own_;
  for (std::size_t i = 0; i < catalog_.streams.size(); ++i) {
    if (listed[i] && !is_wanted(i) && !list_is_own_) differs = true;
    if (listed[i] || !is_wanted(i) || !asked_[i]) continue;
    if (is_market(i) && wishes_[i]->mode == StreamMode::snapshot_only) continue;
    lacks.set(i);
  }
  audit_missing_ = list_is_own_ ? lacks & once_listed_ : lacks;
  once_listed_ = asked_ & ~lacks;
  if (audit_missing_.any()) differs = true;
  expected_ = differs ? Expected::mismatched : Expected::matched;
  audit_ticket_.clear();
  asked_ &= ~audit_missing_;
  arrived_ &= ~audit_missing_;
}

void SessionChecker::audit_answered(const AuditResult& result, std::int64_t now_ns) {
  const bool is_new = result.at.ns == now_ns && result.outcome != AuditOutcome::none;
  const bool is_audit = expected_ != Expected::nothing && !answer_is_own_;
  const bool wrong = is_audit ? !is_new || (result.outcome == AuditOutcome::matched) !=
                                               (expected_ == Expected::matched)
                              : is_new && (result.outcome == AuditOutcome::matched ||
                                           result.outcome == AuditOutcome::mismatched);
  if (wrong) fail(Rule::audit_sound, "the audit does not say what the answer said");
  if (is_audit && !wrong && result.missing_count != audit_missing_.count()) {
    fail(Rule::audit_sound, "the audit counts other streams");
  }
  if (difference_told_ != (expected_ == Expected::mismatched)) {
    fail(Rule::audit_sound, difference_told_ ? "told a difference that is none" : "told nothing");
  }
  audit_missing_.reset();
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
  if (failed_version_ == wish_version_) fail(Rule::dial_given_up, "dial though failed");
  if (now_ns < no_dial_before_ns_) fail(Rule::dial_paced, "dial too early");
}

void SessionChecker::holds_back(const WantedSet& refused) {
  if (refused.empty() && held_.none()) {
    refusal_open_ = false;
    return;
  }
  std::bitset<kCatalogMax> held;
  for (const WantedStream& stream : refused) {
    const auto found =
        std::lower_bound(catalog_.streams.begin(), catalog_.streams.end(), stream, wanted_before);
    held.set(static_cast<std::size_t>(found - catalog_.streams.begin()));
  }
  const auto fresh = held & ~held_;
  if (fresh.any() && !refusal_open_) fail(Rule::held_back, "held back without a refusal");
  if ((fresh & proven_).any()) fail(Rule::held_back, "held back though it was served");
  if ((held_ & ~held).any()) fail(Rule::held_back, "set free without a change");
  held_ = held;
  refusal_open_ = false;
  look_at_wishes();
}

void SessionChecker::prove(std::int64_t now_ns) {
  if (link_ != Link::live || asked_version_ != wish_version_) return;
  if ((owing_ & ~arrived_).none()) {  // Nothing of this was refused.
    refusals_ = 0;
    seen_ |= wanted_;
    answered_ = answered_ || owing_.any();
  }
  if (now_ns - last_request_ns_ >= config_.first_data_timeout.count()) {
    proven_ = wanted_;
    seen_ |= wanted_;
    refusals_ = 0;
  }
}

/// Names of streams that are called silent: the server must have dropped each.
void SessionChecker::check_alarm(const std::string& text, std::int64_t now_ns) {
  std::string_view rest = text;
  rest.remove_prefix(std::min(rest.find(": ") + 2, rest.size()));
  if (const auto tail = rest.find(" and "); tail != std::string_view::npos) {
    rest = rest.substr(0, tail);  // Which the others are is not told.
    for (std::int64_t& at_ns : noticed_at_ns_) at_ns = std::min(at_ns, now_ns);
  }
  while (!rest.empty()) {
    const std::string_view name = rest.substr(0, rest.find(", "));
    rest.remove_prefix(std::min(name.size() + 2, rest.size()));
    std::string plain(name);
    if (const auto dot = plain.find("orderbook."); dot != std::string::npos) {
      const auto end = plain.find(' ', dot);
      plain.erase(dot + 9, end == std::string::npos ? end : end - dot - 9);
    }
    const auto found = std::find(catalog_.names.begin(), catalog_.names.end(), plain);
    const auto i = static_cast<std::size_t>(found - catalog_.names.begin());
    if (found == catalog_.names.end() || !(was_dropped_ | audit_missing_)[i]) {
      fail(Rule::false_alarm, plain + " was not silent");
      return;
    }
    noticed_at_ns_[i] = std::min(noticed_at_ns_[i], now_ns);
  }
}

/// In a market that never rests the very moment of the loss hides something. What is missed behind
/// the first word of it is another outage.
void SessionChecker::check_bounds(const LostStream& lost, std::int64_t now_ns) {
  for (std::size_t i = 0; i < catalog_.streams.size(); ++i) {
    if (wanted_order(catalog_.streams[i], lost.stream) != 0) continue;
    if (was_dropped_[i] && busy_[i] && now_ns - lost.silent_ns > lost_at_ns_[i]) {
      fail(Rule::loss_bounds, catalog_.names[i] + " is said to be lost since later than it was");
    }
    lost_at_ns_[i] = INT64_MAX;
  }
}

void SessionChecker::check_streams(std::int64_t now_ns) {
  // A peer that may be dead is another rule's; a living one says something every ten seconds.
  if (link_ != Link::live || dropped_.none() || now_ns - last_bytes_ns_ > kSecond) return;
  // A message that has to wait for a list, for another one, or for the limits.
  const std::int64_t send_ns =
      (config_.list_wait + config_.request_spacing + config_.collect_window).count() + kTickNs;
  const std::int64_t way_ns = send_ns + config_.probe_wait.count();
  for (std::size_t i = 0; i < catalog_.streams.size(); ++i) {
    if (!dropped_[i] || !is_wanted(i) || !arrived_[i] || limit_ns(i) == 0) continue;
    if (wishes_[i]->mode == StreamMode::snapshot_only) continue;
    if (deaf_[i] && !busy_[i]) continue;  // Nothing happened that could be missed.
    const std::int64_t bound_ns = alive_at_ns_[i] + config_.silence_limit_max.count() + kTickNs +
                                  config_.collect_window.count();
    const bool noticed = noticed_at_ns_[i] != INT64_MAX;
    const std::int64_t rest_ns =
        deaf_[i] ? 2 * (config_.look_again.count() + kSecond + send_ns) : way_ns;
    const std::int64_t since_ns = noticed ? noticed_at_ns_[i] + rest_ns : bound_ns;
    const std::int64_t limited_ns =
        limited_until_ns_ == INT64_MIN ? INT64_MIN : limited_until_ns_ + std::max(way_ns, rest_ns);
    if (now_ns > std::max(since_ns, limited_ns)) {
      fail(Rule::silent_stream, catalog_.names[i] + (noticed ? " is still lost" : " is lost"));
    }
  }
}

void SessionChecker::check_status(const SessionAction& action, std::int64_t now_ns) {
  const bool is_silence = action.cause == StatusCause::stream_silent;
  const bool is_notice = action.cause == StatusCause::first_data_missing ||
                         action.cause == StatusCause::data_arrived ||
                         action.cause == StatusCause::audit_mismatch ||
                         (is_silence && action.state == SessionState::live);
  if (is_silence) check_alarm(action.text, now_ns);
  if (action.lost) check_bounds(*action.lost, now_ns);
  const bool is_state = action.state != action.previous_state;
  if (!is_state && (is_silence || action.text.starts_with("not "))) difference_told_ = true;
  if (action.cause == StatusCause::audit_mismatch && action.text.starts_with("no answer")) {
    audit_ticket_.clear();  // An answer that comes now comes too late.
  }
  if (action.previous_state != state_) fail(Rule::status_chain, "does not start at the last state");
  if ((action.state == action.previous_state) != is_notice) {
    fail(Rule::status_chain, "a transition to the same state, or a notice that is none");
  }
  state_ = action.state;
  if (state_ == SessionState::failed && !unauthorized_ && refused_version_ != wish_version_ &&
      config_.dial_attempts_max == 0) {
    fail(Rule::dial_given_up, "failed without a reason");
  }
  if (state_ == SessionState::failed) failed_version_ = wish_version_;
  if (state_ == SessionState::stopped) stopped_ = true;
  const bool no_up = last_up_ns_ != INT64_MAX && now_ns - last_up_ns_ >= config_.up_timeout.count();
  if (action.cause == StatusCause::silent_peer && !no_up &&
      now_ns - last_bytes_ns_ < config_.pong_timeout.count()) {
    fail(Rule::silent_peer_bound, "the peer was not silent");
  }
}

void SessionChecker::settled(const Session& session, std::int64_t now_ns) {
  settled(session.state(), session.deadline(), now_ns);
  holds_back(session.refused());
  prove(now_ns);
  check_streams(now_ns);
  probed(session.counters().probes, now_ns);
}

void SessionChecker::probed(std::uint64_t probes, std::int64_t now_ns) {
  if (link_ != Link::live) probes_before_ = probes;
  const std::int64_t spacings = (now_ns - connected_at_ns_) / config_.probe_spacing.count();
  // A doubt, a second look, and after a loss two more.
  if (probes - probes_before_ > 4 * (1 + static_cast<std::uint64_t>(spacings))) {
    fail(Rule::probes_rare, "too many probes");
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
  if (deadline.ns <= now_ns) {
    fail(Rule::wakes_up, "a timer due " + std::to_string(now_ns - deadline.ns) + " ns ago");
  }
  if (link_ != Link::live) return;
  const std::int64_t bound_ns = (config_.ping_interval + config_.pong_timeout).count();
  if (now_ns - last_bytes_ns_ > bound_ns + late_ns_) {
    fail(Rule::silent_peer_bound, "silence was not noticed");
  }
  if (last_up_ns_ != INT64_MAX && now_ns - last_up_ns_ > config_.up_timeout.count() + up_late_ns_) {
    fail(Rule::silent_peer_bound, "the end of UP and data was not noticed");
  }
  const std::int64_t due_ns =
      std::max({last_wish_ns_ + config_.collect_window.count(),
                last_request_ns_ + config_.request_spacing.count(),
                requests_.ready_at_ns() + config_.request_limits.margin_ns});
  if (now_ns > due_ns && needs_request()) fail(Rule::wakes_up, "a request is late");
}

/// The server's set lacks something wanted, has something unwanted that flows, or other units.
bool SessionChecker::needs_request() const {
  if ((wanted_ & ~asked_).any() || (flowing_ & ~wanted_).any()) return true;
  for (std::size_t i = 0; i < catalog_.streams.size(); ++i) {
    if (flowing_[i] && served_units_[i] != wishes_[i]->units) return true;
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
  for (std::size_t i = 0; i < catalog_.streams.size(); ++i) {
    if (is_wanted(i) && !is_finished(i) && !served_[i]) {
      fail(Rule::restored, catalog_.names[i] + " is not served");
    }
    if (is_wanted(i) && owes_frame(i) && !arrived_[i]) {
      fail(Rule::restored, catalog_.names[i] + " sent no first frame");
    }
  }
}

}  // namespace upfeed::simulation
