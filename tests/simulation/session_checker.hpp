#pragma once

// Watches what a session does and knows what it must not do. It is told what happened in the world
// before the session is, and gets every action in order; it never asks the session why.

#include <array>
#include <bitset>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "server_model.hpp"
#include "session/session.hpp"

namespace upfeed::simulation {

/// One thing a session must never do.
enum class Rule : std::uint8_t {
  epoch_grows,     ///< Each dial's epoch is the former plus one; others carry the latest.
  one_connection,  ///< No dial while another lives or is under way.
  dial_budget,     ///< The endpoint's limits of dials.
  dial_block,      ///< No dial inside a block of the endpoint.
  dial_given_up,   ///< No dial after 401 until start(), none for a refused set; failed only then.
  request_limits,  ///< The connection's limits of requests.
  request_connected,  ///< Requests and pings only on a live connection.
  request_text,       ///< Well-formed, right format, ticket never used before.
  request_set,        ///< The server's set is the wanted set, each stream in its right form.
  status_chain,       ///< Each status starts where the last ended; only notices repeat.
  quiet_after_stop,   ///< Nothing behind the stop.
  wakes_up,           ///< A state that must go on has a deadline ahead; no request is late.
  silent_peer_bound,  ///< Silence is noticed in time, and only silence.
  restored,           ///< When faults end: live, with all first frames, within the bound.
};
inline constexpr std::size_t kRuleCount = 14;
[[nodiscard]] const char* to_string(Rule rule);

/// The streams of this little world; wanted sets are subsets of it.
struct Catalog {
  Catalog();
  std::vector<WantedStream> streams;  // in wanted order
  std::vector<std::string> keys;      // as NamedSet has them
};
inline constexpr std::size_t kCatalogMax = 32;

/// How a stream of the catalog is wanted; absent: not.
struct Wish {
  std::uint8_t units = 30;
  StreamMode mode = StreamMode::both;
  std::uint32_t refresh = 0;
  friend bool operator==(const Wish&, const Wish&) = default;
};
using Wishes = std::array<std::optional<Wish>, kCatalogMax>;
[[nodiscard]] WantedSet to_wanted(const Catalog& catalog, const Wishes& wishes);

class SessionChecker {
 public:
  SessionChecker(const Catalog& catalog, EndpointModel& endpoint, const SessionConfig& config,
                 Limits request_limits);

  // The world, before the session hears of it.
  void started();
  void stopped() { stopping_ = true; }
  void wishes(const Wishes& wishes, std::int64_t now_ns);
  void connected(std::int64_t now_ns);
  /// The dial failed or the connection was lost.
  void ended() { link_ = Link::none; }
  /// 401, or an error frame that says so.
  void unauthorized() { unauthorized_ = true; }
  /// 429 or 418, or an error frame that says so.
  void blocked(std::int64_t until_ns);
  /// An error frame that speaks against the last request.
  void refused(std::int64_t now_ns);
  void bytes(std::int64_t now_ns);
  void frame(std::size_t stream);
  /// The owner slept: for that long no timer could run.
  void overslept(std::int64_t late_ns) { late_ns_ += late_ns; }

  // The session.
  void action(const SessionAction& action, std::int64_t now_ns);
  /// After each input and its actions.
  void settled(SessionState state, MonoTime deadline, std::int64_t now_ns);
  /// At the end: faults have ceased for as long as it takes.
  void must_be_restored(const Session& session);

  [[nodiscard]] const std::optional<Rule>& broken() const { return broken_; }
  [[nodiscard]] const std::string& detail() const { return detail_; }
  /// Indices of the streams that the server would send now, and of those before the last request.
  [[nodiscard]] const std::bitset<kCatalogMax>& served() const { return served_; }
  [[nodiscard]] const std::bitset<kCatalogMax>& served_before() const { return served_before_; }
  [[nodiscard]] bool is_dialing() const { return link_ == Link::dialing; }
  [[nodiscard]] bool is_live() const { return link_ == Link::live; }
  [[nodiscard]] std::uint32_t epoch() const { return epoch_; }

 private:
  enum class Link : std::uint8_t { none, dialing, live };

  void fail(Rule rule, std::string detail);
  void check_dial(const SessionAction& action, std::int64_t now_ns);
  void check_request(const SessionAction& action, std::int64_t now_ns);
  void check_set(const NamedSet& streams);
  [[nodiscard]] std::string set_fault(const NamedSet& streams) const;
  void check_status(const SessionAction& action, std::int64_t now_ns);
  void check_timers(MonoTime deadline, std::int64_t now_ns);
  [[nodiscard]] bool needs_request() const;
  [[nodiscard]] std::string units_of(std::size_t i) const;
  [[nodiscard]] bool is_finished(std::size_t i) const {
    return wishes_[i]->mode == StreamMode::snapshot_only && arrived_[i];
  }

  const Catalog& catalog_;
  EndpointModel& endpoint_;
  const SessionConfig& config_;
  ArrivalCounter requests_;
  Wishes wishes_;
  std::uint64_t wish_version_ = 0;
  std::optional<std::uint64_t> asked_version_;    // of the last request of this connection
  std::optional<std::uint64_t> refused_version_;  // must not be asked again

  Link link_ = Link::none;
  std::uint32_t epoch_ = 0;
  SessionState state_ = SessionState::idle;
  bool stopping_ = false;
  bool stopped_ = false;
  bool unauthorized_ = false;
  std::int64_t last_request_ns_ = 0;
  std::int64_t last_wish_ns_ = 0;
  std::int64_t last_bytes_ns_ = 0;
  std::int64_t late_ns_ = 0;
  std::bitset<kCatalogMax> asked_;    // named on this connection since it is wanted like this
  std::bitset<kCatalogMax> arrived_;  // and a frame came since
  std::bitset<kCatalogMax> served_;
  std::bitset<kCatalogMax> served_before_;
  std::bitset<kCatalogMax> flowing_;  // served, and not only as a snapshot
  std::array<std::string, kCatalogMax> served_units_;
  std::unordered_set<std::string> tickets_;

  std::optional<Rule> broken_;
  std::string detail_;
};

}  // namespace upfeed::simulation
