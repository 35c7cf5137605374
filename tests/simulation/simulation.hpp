#pragma once

// One or two sessions of one endpoint in a world made of random wishes, faults and time. Everything
// follows from the seed.

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "session_checker.hpp"

namespace upfeed::simulation {

enum class Fault : std::uint8_t {
  dial_refused,
  dial_rate_limited,
  dial_unauthorized,
  connection_lost,
  connection_lost_late,  ///< after the session had closed it: stale news
  peer_frozen,
  error_request,
  error_rate_limit,
  error_token,
  bad_frames,
  endless_message,
  owner_overslept,
  stranger_frame,  ///< of a stream that was not asked for
  wishes_burst,
  wishes_gone,
  stop_and_start,
};
inline constexpr std::size_t kFaultCount = 16;
inline constexpr std::size_t kStateCount = 7;

/// What happened over all seeds.
struct Coverage {
  std::array<std::uint64_t, kFaultCount> faults{};
  std::array<std::array<std::uint64_t, kStateCount>, kStateCount> edges{};
  std::array<std::uint64_t, kStatusCauseCount> causes{};
  std::uint64_t events = 0;
  std::uint64_t requests = 0;
  std::uint64_t dials = 0;
};

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
    std::int64_t pong_at_ns = INT64_MAX;
  };

  [[nodiscard]] std::uint64_t random();
  [[nodiscard]] std::size_t below(std::size_t bound) { return random() % bound; }
  [[nodiscard]] bool percent(unsigned chance) { return below(100) < chance; }
  [[nodiscard]] MonoTime now() const { return {now_ns_}; }

  void step(Actor& actor);
  void pass_time();
  void advance_to(std::int64_t target_ns);
  void oversleep(Actor& actor);
  void resolve_dial(Actor& actor);
  void connect(Actor& actor);
  void frame(Actor& actor);
  void send_frame(Actor& actor, std::size_t stream);
  void trouble(Actor& actor);
  void lose_connection(Actor& actor);
  void error_frame(Actor& actor);
  void change_wishes(Actor& actor);
  void set_wishes(Actor& actor);
  void start(Actor& actor);
  void stop(Actor& actor);
  void after_input(Actor& actor);
  void heal(Actor& actor);
  void count(Fault fault) { ++coverage_.faults[static_cast<std::size_t>(fault)]; }
  [[nodiscard]] std::string broken() const;

  std::uint64_t random_state_;
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
