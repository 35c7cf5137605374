#pragma once

// One or two sessions of one endpoint in a world made of random wishes, faults and time. Everything
// follows from the seed.

#include <algorithm>
#include <array>
#include <bitset>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "session_checker.hpp"

namespace upfeed::simulation {

enum class Fault : std::uint8_t {
  dial_refused,
  dial_rate_limited,  ///< 429
  dial_hinted,        ///< 429 or 418 with a time
  dial_teapot,        ///< 418
  dial_redirected,    ///< 301, 403, 404, 426: will not pass by itself
  dial_unauthorized,
  connection_lost,
  connection_lost_late,  ///< after the session had closed it: stale news
  peer_frozen,
  up_stopped,  ///< the exchange behind a proxy that still answers pings is dead
  error_request,
  error_added,  ///< of a request that adds to a set that was served
  error_rate_limit,
  error_token,
  bad_frames,
  endless_message,
  owner_overslept,
  suspended,       ///< for ten minutes, and the peer is gone
  stranger_frame,  ///< of a stream that was not asked for
  stale_frame,     ///< of a former connection
  late_trade,      ///< older than the one before
  first_frame_missing,
  stream_forgotten,  ///< by the server, until the next request
  stream_muted,      ///< and the next ones do not help, either
  stream_deaf,       ///< likewise, but snapshots are sent
  stream_busy,       ///< one of these in a market that never rests
  audit,
  audit_lie,
  audit_overtaken,  ///< a request goes out before the answer is here
  wishes_burst,
  wishes_gone,
  stop_and_start,
};
inline constexpr std::size_t kFaultCount = 32;
inline constexpr std::size_t kStateCount = 7;

/// What happened over all seeds.
struct Coverage {
  std::array<std::uint64_t, kFaultCount> faults{};
  std::array<std::array<std::uint64_t, kStateCount>, kStateCount> edges{};
  std::array<std::uint64_t, kStatusCauseCount> causes{};
  std::uint64_t events = 0;  ///< Inputs of sessions, before the faults end.
  std::uint64_t requests = 0;
  std::uint64_t dials = 0;
  bool trace = false;  ///< Print each action.
};

/// The exchange's clock runs ahead of the steady one.
[[nodiscard]] constexpr std::int64_t exchange_ms(std::int64_t now_ns) {
  return 1'700'000'000'000 + now_ns / kMillisecond;
}

class Simulation {
 public:
  Simulation(std::uint64_t seed, Coverage& coverage);

  /// Safety: any faults, only the rules. Then liveness: the faults end, and all sessions must come
  /// back. Returns the first broken rule in words; empty when none was.
  [[nodiscard]] std::string run(std::uint64_t events);

 private:
  struct Actor {
    Actor(const Catalog& catalog, EndpointModel& endpoint, const SessionConfig& session_config,
          Limits request_limits, DialBudget& budget, std::uint64_t seed)
        : config(session_config),
          session(config, budget, seed),
          checker(catalog, endpoint, config, request_limits) {}
    SessionConfig config;
    Session session;
    SessionChecker checker;
    Wishes wishes{};
    bool peer_frozen = false;
    bool application_dead = false;
    std::int64_t pong_at_ns = INT64_MAX;
    std::int64_t up_at_ns = INT64_MAX;
    std::int64_t snapshots_at_ns = INT64_MAX;
    std::bitset<kCatalogMax> snapshots;  // to be sent then
    std::int64_t audit_at_ns = INT64_MAX;
    std::string audit_ticket;
    std::bitset<kCatalogMax> audit_listed;
    std::array<std::int64_t, kCatalogMax> changed_ms{};  // of each market, exchange's time

    [[nodiscard]] std::int64_t next_ns() const {
      return std::min({session.deadline().ns, pong_at_ns, up_at_ns, snapshots_at_ns, audit_at_ns});
    }
    void hang_up() { pong_at_ns = up_at_ns = snapshots_at_ns = audit_at_ns = INT64_MAX; }
  };

  [[nodiscard]] std::uint64_t random();
  [[nodiscard]] std::size_t below(std::size_t bound) { return random() % bound; }
  [[nodiscard]] bool percent(unsigned chance) { return below(100) < chance; }
  [[nodiscard]] MonoTime now() const { return {now_ns_}; }

  void step(Actor& actor);
  void while_failed(Actor& actor);
  void pass_time();
  void advance_to(std::int64_t target_ns);
  void oversleep(Actor& actor);
  void resolve_dial(Actor& actor);
  void connect(Actor& actor);
  void frame(Actor& actor);
  void change(Actor& actor, std::size_t stream);
  void send_frame(Actor& actor, std::size_t stream, StreamType type);
  void deliver(Actor& actor, std::size_t stream, std::int64_t at_ms, StreamType type,
               std::uint32_t epoch);
  void stale_frame(Actor& actor);
  void on_text(Actor& actor, const std::string& text);
  void run_due(Actor& actor);
  void send_snapshots(Actor& actor);
  void answer_audit(Actor& actor);
  void drop_stream(Actor& actor);
  void bytes(Actor& actor);
  void trouble(Actor& actor);
  void lose_connection(Actor& actor);
  void error_frame(Actor& actor);
  void change_wishes(Actor& actor);
  void set_wishes(Actor& actor);
  void start(Actor& actor);
  void stop(Actor& actor);
  void after_input(Actor& actor);
  void trace(const Actor& actor) const;
  void heal(Actor& actor);
  void count(Fault fault) { ++coverage_.faults[static_cast<std::size_t>(fault)]; }
  [[nodiscard]] std::string broken() const;

  std::uint64_t random_state_;
  std::uint64_t inputs_ = 0;  // of all sessions: frames, pongs, timers, wishes, trouble
  Coverage& coverage_;
  std::int64_t now_ns_ = 1'000 * kSecond;
  unsigned short_pause_percent_ = 0;  // a hasty world presses on the limits, a slow one on timers
  Limits dial_limits_;
  std::unique_ptr<EndpointModel> endpoint_;
  std::unique_ptr<DialBudget> budget_;
  std::vector<std::unique_ptr<Actor>> actors_;
  SessionAction action_;
};

}  // namespace upfeed::simulation
