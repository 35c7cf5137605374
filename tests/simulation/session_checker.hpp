#pragma once

// Watches what a session does and knows what it must not do. It is told what happened in the world
// before the session is, and gets every action in order; it never asks the session why.

#include <array>
#include <bitset>
#include <optional>
#include <string>
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
  dial_paced,      ///< No dial before the time the server asked for, or after a lasting refusal.
  dial_given_up,   ///< No dial after 401 until start(), none when failed; failed only for a reason.
  request_limits,  ///< The connection's limits of messages.
  request_connected,  ///< Messages and pings only on a live connection.
  request_text,       ///< Well-formed, right format, ticket never used before.
  request_set,        ///< The server's set is the wanted set but for what is held back.
  refused_again,      ///< A refused set is not repeated, unless once where it had been served.
  held_back,          ///< Held back is only what was refused before it was served.
  status_chain,       ///< Each status starts where the last ended; only notices repeat.
  quiet_after_stop,   ///< Nothing behind the stop.
  wakes_up,           ///< A state that must go on has a deadline ahead; no request is late.
  silent_peer_bound,  ///< Silence is noticed in time, and only silence.
  silent_stream,      ///< A stream the server has dropped is noticed in time.
  false_alarm,        ///< No quiet stream is called silent.
  loss_bounds,        ///< A told loss begins before the first that was missed.
  probes_rare,        ///< Doubts cost few requests, and only streams that are silent are doubted.
  list_first,         ///< Before a stream is doubted the exchange is asked what it serves.
  audit_sound,        ///< An audit says what the server's answer says, and a list's loss is told.
  stale_epoch,        ///< Frames of a former connection change nothing.
  restored,           ///< When faults end: live, with all first frames, within the bound.
};
inline constexpr std::size_t kRuleCount = 24;
[[nodiscard]] const char* to_string(Rule rule);

/// The streams of this little world; wanted sets are subsets of it.
struct Catalog {
  Catalog();
  [[nodiscard]] static const Catalog& instance();
  std::vector<WantedStream> streams;  // in wanted order
  std::vector<std::string> codes;     // empty: none
  std::vector<std::string> types;     // as on the wire
  std::vector<std::string> levels;    // empty: none
  std::vector<std::string> names;     // as status texts name them, without units
  /// kCatalogMax: none.
  [[nodiscard]] std::size_t find(const NamedStream& named) const;
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

/// How the server treats a stream that it has dropped without a word.
enum class Loss : std::uint8_t {
  forgotten,  ///< It lists the stream no more, and the next request brings it back.
  muted,      ///< It lists the stream, but sends nothing of it.
  deaf,       ///< It lists the stream and sends its snapshots, but nothing else.
};

class SessionChecker {
 public:
  SessionChecker(const Catalog& catalog, EndpointModel& endpoint, const SessionConfig& config,
                 Limits request_limits);

  // The world, before the session hears of it. What the exchange shall say is up to the caller.
  void started();
  void stopped() { stopping_ = true; }
  void wishes(const Wishes& wishes, std::int64_t now_ns);
  void connected(std::int64_t now_ns);
  /// The dial failed or the connection was lost.
  void ended() { link_ = Link::none; }
  /// The dial failed with the server's wish, or for a reason that lasts.
  void not_before(std::int64_t at_ns) { no_dial_before_ns_ = at_ns; }
  /// 401, or an error frame that says so.
  void unauthorized() { unauthorized_ = true; }
  /// 429 or 418, or an error frame that says so.
  void blocked(std::int64_t until_ns);
  /// An error frame that speaks against the last request.
  void refused(std::int64_t now_ns);
  void bytes(std::int64_t now_ns);
  void up(std::int64_t now_ns);
  void frame(std::size_t stream, bool is_snapshot, std::int64_t now_ns);
  /// The server drops the stream until a request that comes after it has ignored so many. busy: the
  /// market never rests, so each snapshot shows something new.
  void lose(std::size_t stream, Loss loss, unsigned ignored_requests, bool busy,
            std::int64_t now_ns);
  /// What is dropped comes back with the next request.
  void ignore_no_request() { ignored_requests_.fill(0); }
  /// The server answers LIST_SUBSCRIPTIONS with these streams of the catalog, and maybe another.
  void audit_answer(std::string_view ticket, const std::bitset<kCatalogMax>& listed, bool another,
                    std::int64_t now_ns);
  void audit_answered(const AuditResult& result, std::int64_t now_ns);
  /// The owner slept: for that long no timer could run.
  void overslept(std::int64_t late_ns, std::int64_t now_ns);
  /// Of a former connection; the counts are of missing first frames before and after it.
  void stale_frame(std::size_t missing_before, std::size_t missing_after);

  // The session.
  void action(const SessionAction& action, std::int64_t now_ns);
  /// After each input and its actions.
  void settled(const Session& session, std::int64_t now_ns);
  void settled(SessionState state, MonoTime deadline, std::int64_t now_ns);
  void holds_back(const WantedSet& refused);
  void probed(std::uint64_t probes, std::int64_t now_ns);
  /// Is a stream that was lost due to be noticed?
  void look(std::int64_t now_ns) { check_streams(now_ns); }
  /// At the end: faults have ceased for as long as it takes.
  void must_be_restored(const Session& session);

  [[nodiscard]] const std::optional<Rule>& broken() const { return broken_; }
  [[nodiscard]] const std::string& detail() const { return detail_; }
  /// Indices of the streams that the server would send now, and of those before the last request.
  [[nodiscard]] const std::bitset<kCatalogMax>& served() const { return served_; }
  [[nodiscard]] const std::bitset<kCatalogMax>& served_before() const { return served_before_; }
  [[nodiscard]] bool is_dropped(std::size_t i) const { return dropped_[i]; }
  [[nodiscard]] bool is_busy(std::size_t i) const { return busy_[i]; }
  /// Dropped, and not even a snapshot is sent.
  [[nodiscard]] std::bitset<kCatalogMax> silent() const { return dropped_ & ~deaf_; }
  [[nodiscard]] std::bitset<kCatalogMax> forgotten() const { return dropped_ & forgotten_; }
  void rest(std::size_t i) { busy_.reset(i); }
  /// Named by the last request with its snapshot.
  [[nodiscard]] const std::bitset<kCatalogMax>& snapshots() const { return snapshots_; }
  [[nodiscard]] const std::bitset<kCatalogMax>& arrived() const { return arrived_; }
  /// Of the audit that is out and sound; empty: none.
  [[nodiscard]] const std::string& audit_ticket() const { return audit_ticket_; }
  [[nodiscard]] bool is_dialing() const { return link_ == Link::dialing; }
  [[nodiscard]] bool is_live() const { return link_ == Link::live; }
  [[nodiscard]] std::uint32_t epoch() const { return epoch_; }

 private:
  enum class Link : std::uint8_t { none, dialing, live };

  void fail(Rule rule, std::string detail);
  void check_dial(const SessionAction& action, std::int64_t now_ns);
  void check_request(const SessionAction& action, std::int64_t now_ns);
  void check_set(std::int64_t now_ns);
  [[nodiscard]] std::string set_fault(const std::bitset<kCatalogMax>& named, std::int64_t now_ns);
  [[nodiscard]] std::string form_fault(std::size_t i, std::int64_t now_ns);
  [[nodiscard]] std::string doubt_fault(std::size_t i, std::int64_t now_ns);
  void check_ticket(bool is_list);
  void check_repeated();
  void check_alarm(const std::string& text, std::int64_t now_ns);
  void prove(std::int64_t now_ns);
  void check_streams(std::int64_t now_ns);
  [[nodiscard]] std::int64_t limit_ns(std::size_t i) const;
  void check_status(const SessionAction& action, std::int64_t now_ns);
  void check_bounds(const LostStream& lost, std::int64_t now_ns);
  void check_timers(MonoTime deadline, std::int64_t now_ns);
  [[nodiscard]] bool needs_request() const;
  [[nodiscard]] std::string_view units_of(std::size_t i) const;
  [[nodiscard]] bool is_market(std::size_t i) const {
    return is_market_stream(catalog_.streams[i].kind);
  }
  [[nodiscard]] bool is_wanted(std::size_t i) const { return wanted_[i]; }
  void look_at_wishes();
  [[nodiscard]] bool owes_frame(std::size_t i) const;
  [[nodiscard]] bool is_finished(std::size_t i) const {
    return wishes_[i]->mode == StreamMode::snapshot_only && is_market(i) && arrived_[i];
  }

  const Catalog& catalog_;
  EndpointModel& endpoint_;
  const SessionConfig& config_;
  ArrivalCounter requests_;
  Wishes wishes_;
  std::uint64_t wish_version_ = 0;
  std::optional<std::uint64_t> asked_version_;    // of the last request of this connection
  std::optional<std::uint64_t> refused_version_;  // an error frame spoke against it
  std::optional<std::uint64_t> failed_version_;   // must not be dialled for
  std::bitset<kCatalogMax> refused_set_;          // asked when the error frame came
  unsigned refusals_ = 0;                         // of it, one after another
  bool answered_ = false;                         // all that owed a frame has sent it
  bool unproved_ = false;                         // and some of it had never been served
  bool refusal_open_ = false;                     // what is held back now was just refused
  std::bitset<kCatalogMax> held_;
  std::bitset<kCatalogMax> wanted_;  // wished and not held back
  std::bitset<kCatalogMax> owing_;   // of these, owes a first frame
  std::bitset<kCatalogMax> proven_;  // was asked for longer than an error takes
  std::bitset<kCatalogMax> seen_;    // was in a set that was served, or sent a frame itself

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
  std::bitset<kCatalogMax> snapshots_;
  std::array<std::uint8_t, kCatalogMax> served_units_{};
  std::array<NamedStream, kCatalogMax> named_{};  // of the request that is being checked
  ParsedRequest request_;
  std::array<std::uint64_t, 2> last_ticket_{};  // of requests, of lists
  std::int64_t no_dial_before_ns_ = INT64_MIN;

  // Silence.
  std::bitset<kCatalogMax> dropped_;
  std::bitset<kCatalogMax> deaf_;
  std::bitset<kCatalogMax> forgotten_;
  std::bitset<kCatalogMax> busy_;
  std::bitset<kCatalogMax> was_dropped_;  // and no REALTIME frame since
  std::array<unsigned, kCatalogMax> ignored_requests_{};
  std::array<std::int64_t, kCatalogMax> last_frame_ns_{};  // but for snapshots behind the first
  std::array<std::int64_t, kCatalogMax> alive_at_ns_{};    // or a snapshot of a stream that lived
  std::array<std::int64_t, kCatalogMax> doubted_at_ns_{};
  std::array<std::int64_t, kCatalogMax> noticed_at_ns_{};  // INT64_MAX: not
  std::array<std::int64_t, kCatalogMax>
      lost_at_ns_{};  // of those dropped; INT64_MAX: told, or wanted anew
  std::int64_t connected_at_ns_ = 0;
  std::int64_t limited_until_ns_ = INT64_MIN;
  std::int64_t last_up_ns_ = INT64_MAX;  // or data; INT64_MAX: no UP yet
  std::int64_t up_late_ns_ = 0;
  std::uint64_t probes_before_ = 0;  // of former connections

  // Audits.
  enum class Expected : std::uint8_t { nothing, matched, mismatched };
  std::string audit_ticket_;
  Expected expected_ = Expected::nothing;
  std::bitset<kCatalogMax> audit_missing_;
  std::bitset<kCatalogMax> once_listed_;
  bool list_is_own_ = false;  // it says so in its ticket, and counts only what was listed before
  bool answer_is_own_ = false;
  bool difference_told_ = false;
  bool audits_refused_ = false;
  std::int64_t woke_at_ns_ = INT64_MIN;
  std::int64_t last_list_ns_ = INT64_MIN / 2;

  std::optional<Rule> broken_;
  std::string detail_;
};

}  // namespace upfeed::simulation
