#include "simulation.hpp"

#include <algorithm>
#include <cstdio>

namespace upfeed::simulation {
namespace {

constexpr std::array<const char*, 4> kRequestErrors = {"WRONG_FORMAT", "NO_CODES", "INVALID_PARAM",
                                                       "NEVER_HEARD_OF"};
constexpr std::array<std::int64_t, 4> kRetryAfterMs = {-1, 1'000, 61'000, 300'000};
constexpr std::int64_t kRetryAfterMsMax = 300'000;
constexpr std::array<int, 4> kLastingStatuses = {301, 403, 404, 426};
}  // namespace

Simulation::Simulation(std::uint64_t seed, Coverage& coverage)
    : random_state_(seed * 0x9E3779B97F4A7C15ULL + 1), coverage_(coverage) {
  constexpr std::array<Limits, 3> kDialLimits = {Limits{5, 100}, Limits{1, 100}, Limits{2, 4}};
  constexpr std::array<Limits, 3> kRequestLimits = {Limits{5, 100}, Limits{5, 100}, Limits{2, 12}};
  const auto rates = [](Limits limits) {
    return RateLimits{.per_second = static_cast<std::uint32_t>(limits.per_second),
                      .per_minute = static_cast<std::uint32_t>(limits.per_minute)};
  };
  short_pause_percent_ = percent(50) ? 50 : 97;
  dial_limits_ = kDialLimits[below(kDialLimits.size())];
  endpoint_ = std::make_unique<EndpointModel>(dial_limits_);
  budget_ = std::make_unique<DialBudget>(rates(dial_limits_));
  const std::size_t actor_count = percent(25) ? 2 : 1;
  for (std::size_t i = 0; i < actor_count; ++i) {
    const Limits request_limits = kRequestLimits[below(kRequestLimits.size())];
    SessionConfig config;
    config.collect_window = std::chrono::milliseconds(percent(50) ? 0 : 100);
    config.dial_attempts_max = percent(20) ? 4 : 0;
    config.bad_frames_max = 3;
    config.request_limits = rates(request_limits);
    config.probe_wait = std::chrono::milliseconds(1'500);
    config.list_wait = std::chrono::milliseconds(500);
    config.look_again = std::chrono::milliseconds(1'200);
    config.probe_spacing = std::chrono::milliseconds(2'500);
    config.silence_limit = {std::chrono::seconds(12), std::chrono::seconds(10),
                            std::chrono::seconds(8), std::chrono::seconds(percent(80) ? 10 : 0)};
    config.silence_limit_max = std::chrono::seconds(percent(50) ? 12 : 60);
    actors_.push_back(std::make_unique<Actor>(Catalog::instance(), *endpoint_, config,
                                              request_limits, *budget_, random()));
    for (std::int64_t& changed_ms : actors_.back()->changed_ms) {
      changed_ms = exchange_ms(now_ns_) - static_cast<std::int64_t>(below(1'000'000));
    }
  }
}

std::uint64_t Simulation::random() {  // splitmix64
  std::uint64_t z = random_state_ += 0x9E3779B97F4A7C15ULL;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

std::string Simulation::run(std::uint64_t events) {
  for (auto& actor : actors_) {
    change_wishes(*actor);
    start(*actor);
  }
  while (inputs_ < events && broken().empty()) step(*actors_[below(actors_.size())]);
  coverage_.events += inputs_;
  for (auto& actor : actors_) heal(*actor);
  // A block, or a server's hint on a failed dial, then the widest window of each budget, and what
  // the back-off and the connections themselves need.
  const std::int64_t healed_ns = std::max(endpoint_->blocked_until_ns, now_ns_);
  const std::int64_t bound_ns = healed_ns + kRetryAfterMsMax * kMillisecond + 200 * kSecond;
  const auto restored = [](const auto& actor) { return actor->session.fully_subscribed(); };
  while (now_ns_ < bound_ns && broken().empty() &&
         !std::all_of(actors_.begin(), actors_.end(), restored)) {
    for (auto& actor : actors_) {
      if (actor->checker.is_dialing()) connect(*actor);
      for (std::size_t i = 0; i < Catalog::instance().streams.size(); ++i) {
        if (!actor->checker.served()[i]) continue;
        change(*actor, i);
        send_frame(*actor, i, StreamType::realtime);
      }
    }
    std::int64_t next_ns = now_ns_ + 5 * kSecond;
    for (auto& actor : actors_) next_ns = std::min(next_ns, actor->next_ns());
    advance_to(next_ns);
  }
  for (auto& actor : actors_) {
    if (broken().empty()) actor->checker.must_be_restored(actor->session);
    coverage_.requests += actor->session.counters().requests;
    coverage_.dials += actor->session.counters().dials;
  }
  return broken();
}

std::string Simulation::broken() const {
  for (const auto& actor : actors_) {
    if (const auto& rule = actor->checker.broken()) {
      return std::string(to_string(*rule)) + ": " + actor->checker.detail();
    }
  }
  return {};
}

void Simulation::step(Actor& actor) {
  ++inputs_;
  const SessionState state = actor.session.state();
  if ((state == SessionState::stopped || state == SessionState::failed) && percent(10)) {
    if (state == SessionState::failed) stop(actor);
    start(actor);
    return;
  }
  if (state == SessionState::failed && percent(60)) return while_failed(actor);
  const std::size_t choice = below(100);
  if (actor.checker.is_dialing() && choice < 50) {
    resolve_dial(actor);
  } else if (choice < 40) {
    pass_time();
  } else if (choice < 77) {
    frame(actor);
  } else if (choice < 85) {
    change_wishes(actor);
  } else {
    trouble(actor);
  }
}

/// What may happen to a session that waits for another wanted set.
void Simulation::while_failed(Actor& actor) {
  if (percent(30)) {  // Somebody else who shares the endpoint's budget was sent away.
    actor.checker.blocked(now_ns_ + 60 * kSecond);
    budget_->block({now_ns_ + 60 * kSecond});
  }
  if (percent(30)) {
    count(Fault::wishes_gone);
    actor.wishes = {};
    set_wishes(actor);
  } else {
    change_wishes(actor);
  }
}

// Time. Every timer runs when it is due; where it cannot, the owner overslept.

void Simulation::pass_time() {
  const std::int64_t unit_ns = percent(short_pause_percent_) ? 10 * kMillisecond : kSecond;
  advance_to(now_ns_ + static_cast<std::int64_t>(below(20)) * unit_ns);
}

void Simulation::advance_to(std::int64_t target_ns) {
  for (;;) {
    Actor* first = nullptr;
    std::int64_t at_ns = INT64_MAX;
    for (auto& actor : actors_) {
      if (const std::int64_t due_ns = actor->next_ns(); due_ns < at_ns) {
        at_ns = due_ns;
        first = actor.get();
      }
    }
    if (first == nullptr || at_ns > target_ns) break;
    now_ns_ = std::max(now_ns_, at_ns);
    run_due(*first);
    if (!broken().empty()) return;
  }
  now_ns_ = std::max(now_ns_, target_ns);
}

/// What the exchange sends now, then the timer, as a driver does.
void Simulation::run_due(Actor& actor) {
  ++inputs_;
  if (actor.pong_at_ns <= now_ns_) {
    actor.pong_at_ns = INT64_MAX;
    bytes(actor);
  }
  if (actor.up_at_ns <= now_ns_) {
    actor.up_at_ns = now_ns_ + 10 * kSecond;
    bytes(actor);
    actor.checker.up(now_ns_);
    actor.session.on_status_up(now());
  }
  if (actor.snapshots_at_ns <= now_ns_) send_snapshots(actor);
  if (actor.audit_at_ns <= now_ns_) answer_audit(actor);
  if (actor.session.deadline().ns <= now_ns_) actor.session.tick(now());
  after_input(actor);
}

void Simulation::bytes(Actor& actor) {
  actor.checker.bytes(now_ns_);
  actor.session.on_bytes(now());
}

void Simulation::oversleep(Actor& actor) {
  const bool suspended = percent(30);
  count(suspended ? Fault::suspended : Fault::owner_overslept);
  const std::int64_t late_ns =
      suspended ? 600 * kSecond : static_cast<std::int64_t>(below(700)) * kSecond;
  now_ns_ += late_ns;
  for (auto& each : actors_) {
    each->checker.overslept(late_ns, now_ns_);
    if (suspended) {
      each->peer_frozen = true;
      each->hang_up();
    }
    // What came meanwhile is read first.
    if (each->checker.is_live() && !each->peer_frozen) bytes(*each);
    run_due(*each);
    if (each->session.deadline().ns <= now_ns_) each->session.tick(now());
    after_input(*each);
  }
  actor.session.tick(now());  // Once more does no harm.
  after_input(actor);
}

// Inputs. The checker hears first.

void Simulation::after_input(Actor& actor) {
  while (actor.session.next_action(action_)) {
    if (coverage_.trace) trace(actor);
    actor.checker.action(action_, now_ns_);
    if (action_.kind == ActionKind::send_ping && !actor.peer_frozen) {
      const auto round_trip_ns = static_cast<std::int64_t>(1 + below(400)) * kMillisecond;
      actor.pong_at_ns = std::min(actor.pong_at_ns, now_ns_ + round_trip_ns);
    }
    if (action_.kind == ActionKind::close) actor.hang_up();
    if (action_.kind == ActionKind::send_text) on_text(actor, action_.text);
    if (action_.kind == ActionKind::status) {
      ++coverage_.causes[static_cast<std::size_t>(action_.cause)];
      if (action_.state != action_.previous_state) {
        ++coverage_.edges[static_cast<std::size_t>(action_.previous_state)]
                         [static_cast<std::size_t>(action_.state)];
      }
    }
  }
  if (actor.session.deadline().ns <= now_ns_) {  // As a driver does: tick when due, then look.
    const MonoTime before = actor.session.deadline();
    actor.session.tick(now());
    if (actor.session.deadline() != before) return after_input(actor);
  }
  actor.checker.settled(actor.session, now_ns_);
}

void Simulation::trace(const Actor& actor) const {
  constexpr std::array<const char*, 5> kKinds = {"dial", "send", "ping", "close", "status"};
  const auto number = std::find_if(actors_.begin(), actors_.end(),
                                   [&actor](const auto& each) { return each.get() == &actor; });
  std::printf("%12.3f #%zd e%u %s", static_cast<double>(now_ns_) * 1e-9, number - actors_.begin(),
              action_.epoch, kKinds[static_cast<std::size_t>(action_.kind)]);
  if (action_.kind == ActionKind::status) {
    std::printf(" %s>%s %s", to_string(action_.previous_state).data(),
                to_string(action_.state).data(), to_string(action_.cause).data());
  }
  std::printf(" %s\n", action_.text.c_str());
}

void Simulation::start(Actor& actor) {
  actor.checker.started();
  actor.session.start(now());
  after_input(actor);
}

void Simulation::stop(Actor& actor) {
  count(Fault::stop_and_start);
  actor.checker.stopped();
  actor.session.stop(now());
  after_input(actor);
}

void Simulation::connect(Actor& actor) {
  actor.peer_frozen = false;
  actor.application_dead = false;
  actor.hang_up();
  actor.snapshots.reset();
  actor.checker.connected(now_ns_);
  actor.session.on_connected(actor.checker.epoch(), now());
  after_input(actor);
}

void Simulation::resolve_dial(Actor& actor) {
  if (percent(70)) return connect(actor);
  DialFailure failure{.cause = StatusCause::connect, .text = "no"};
  failure.retry_after_ms = kRetryAfterMs[below(kRetryAfterMs.size())];
  actor.checker.ended();
  const std::int64_t hint_ns = failure.retry_after_ms * kMillisecond;
  if (percent(15)) {
    failure.http_status = percent(50) ? 429 : 418;
    count(failure.http_status == 429 ? Fault::dial_rate_limited : Fault::dial_teapot);
    if (hint_ns > 0) count(Fault::dial_hinted);
    actor.checker.blocked(now_ns_ + std::max(hint_ns, 60 * kSecond));
  } else if (percent(5)) {
    count(Fault::dial_unauthorized);
    failure.http_status = 401;
    actor.checker.unauthorized();
  } else if (percent(10)) {
    count(Fault::dial_redirected);
    failure.http_status = kLastingStatuses[below(kLastingStatuses.size())];
    failure.retry_after_ms = -1;
    actor.checker.not_before(now_ns_ + actor.config.backoff_cap.count() / 2);
  } else {
    count(Fault::dial_refused);
    if (percent(95)) failure.retry_after_ms = -1;
    if (failure.retry_after_ms > 0) actor.checker.not_before(now_ns_ + hint_ns);
  }
  if (failure.http_status != 0) failure.cause = StatusCause::http;
  actor.session.on_dial_failed(actor.checker.epoch(), failure, now());
  after_input(actor);
}

void Simulation::frame(Actor& actor) {
  if (!actor.checker.is_live() || actor.peer_frozen || actor.application_dead) return pass_time();
  auto candidates = actor.checker.served();
  if (percent(10)) candidates |= actor.checker.served_before();
  if (percent(2)) {
    count(Fault::stranger_frame);
    candidates.set();
  }
  const std::size_t size = Catalog::instance().streams.size();
  const std::size_t offset = below(size);
  for (std::size_t i = 0; i < size; ++i) {
    const std::size_t stream = (offset + i) % size;
    if (!candidates[stream]) continue;
    change(actor, stream);
    if (!actor.checker.is_dropped(stream)) send_frame(actor, stream, StreamType::realtime);
    return;
  }
}

void Simulation::trouble(Actor& actor) {
  const std::size_t choice = below(100);
  const bool live = actor.checker.is_live();
  if (choice < 12) {
    if (live) lose_connection(actor);
  } else if (choice < 20) {
    if (live && !actor.peer_frozen && !actor.application_dead) drop_stream(actor);
  } else if (choice < 30) {
    if (live) error_frame(actor);
  } else if (choice < 38) {
    if (live) {
      count(Fault::audit);
      actor.session.audit(now());
      after_input(actor);
    }
  } else if (choice < 45) {
    if (live) count(Fault::bad_frames);
    for (std::size_t i = below(4); i-- > 0;) actor.session.on_bad_frame(now());
    after_input(actor);
  } else if (choice < 60) {
    actor.session.on_message_started(now());
    if (percent(50)) {
      actor.session.on_message_finished();
    } else if (live) {
      count(Fault::endless_message);
    }
    after_input(actor);
  } else if (choice < 70) {
    if (!live) return;
    const bool proxied = percent(30);
    count(proxied ? Fault::up_stopped : Fault::peer_frozen);
    (proxied ? actor.application_dead : actor.peer_frozen) = true;
    const std::int64_t pong_at_ns = actor.pong_at_ns;
    actor.hang_up();
    if (proxied) actor.pong_at_ns = pong_at_ns;
    for (std::size_t i = 0; i < Catalog::instance().streams.size(); ++i) {
      actor.checker.lose(i, Loss::muted, UINT32_MAX, false, now_ns_);
    }
  } else if (choice < 75) {
    oversleep(actor);
  } else if (choice < 80) {
    stop(actor);
  } else if (choice < 90) {
    count(Fault::connection_lost_late);
    const std::uint32_t former = actor.checker.epoch() - 1;
    actor.session.on_connected(former, now());
    actor.session.on_dial_failed(former, {.http_status = 429, .text = {}}, now());
    actor.session.on_closed(former, StatusCause::io_error, 0, "late", now());
    after_input(actor);
  } else if (choice < 95) {
    if (live) stale_frame(actor);
  } else {
    actor.session.tick(now());
    after_input(actor);
  }
}

void Simulation::lose_connection(Actor& actor) {
  constexpr std::array<StatusCause, 3> kCauses = {
      StatusCause::closed_by_peer, StatusCause::io_error, StatusCause::protocol_violation};
  count(Fault::connection_lost);
  actor.checker.ended();
  actor.hang_up();
  actor.session.on_closed(actor.checker.epoch(), kCauses[below(kCauses.size())], 104, "lost",
                          now());
  after_input(actor);
}

void Simulation::error_frame(Actor& actor) {
  const char* name = kRequestErrors[below(kRequestErrors.size())];
  if (percent(20)) {
    count(Fault::error_rate_limit);
    name = percent(50) ? "Too Many Requests" : "I'm a teapot";
    actor.checker.blocked(now_ns_ + 60 * kSecond);
  } else if (percent(10)) {
    count(Fault::error_token);
    name = "INVALID_AUTH";
    actor.checker.unauthorized();
  } else {
    const std::uint64_t held = actor.session.counters().refused_streams;
    count(Fault::error_request);
    actor.checker.refused(now_ns_);
    actor.session.on_server_error(name, "message", now());
    if (actor.session.counters().refused_streams != held) count(Fault::error_added);
    return after_input(actor);
  }
  actor.session.on_server_error(name, "message", now());
  after_input(actor);
}

// Wishes.

void Simulation::change_wishes(Actor& actor) {
  constexpr std::array<std::uint8_t, 4> kUnits = {1, 5, 15, 30};
  std::size_t changes = 1;
  if (percent(5)) {
    count(Fault::wishes_burst);
    changes = 12;
  }
  if (percent(5)) {
    count(Fault::wishes_gone);
    actor.wishes = {};
    set_wishes(actor);
    changes = 0;
  }
  for (std::size_t i = 0; i < changes; ++i) {
    auto& wish = actor.wishes[below(Catalog::instance().streams.size())];
    if (!wish) {
      wish = Wish{.units = kUnits[below(kUnits.size())], .mode = static_cast<StreamMode>(below(3))};
    } else if (percent(50)) {
      wish.reset();
    } else if (percent(50)) {
      wish->mode = static_cast<StreamMode>(below(3));
    } else if (percent(50)) {
      wish->units = kUnits[below(kUnits.size())];
    } else {
      ++wish->refresh;
    }
    set_wishes(actor);
  }
}

void Simulation::set_wishes(Actor& actor) {
  actor.checker.wishes(actor.wishes, now_ns_);
  actor.session.want(to_wanted(Catalog::instance(), actor.wishes), now());
  after_input(actor);
}

/// The end of all faults; a person has looked at what the session gave up.
void Simulation::heal(Actor& actor) {
  if (actor.checker.is_live() && (actor.peer_frozen || actor.application_dead)) {
    lose_connection(actor);
  }
  actor.checker.ignore_no_request();
  actor.session.on_message_finished();
  if (actor.session.state() == SessionState::failed) stop(actor);
  if (actor.session.state() == SessionState::stopped) start(actor);
  auto& wish = actor.wishes[below(Catalog::instance().streams.size())];
  if (!wish) wish = Wish{};
  ++wish->refresh;
  set_wishes(actor);
}

}  // namespace upfeed::simulation
