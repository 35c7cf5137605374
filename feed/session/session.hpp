// One connection's life as a machine without I/O: (now, event) -> actions. It knows when to dial,
// to ask, to ping, to wait and to give up; it never reads a clock, sleeps, or touches a socket.
//
//            start, wanted                    connected
//     idle ----------------> connecting --------------------> live
//      ^ ^                    |   ^   |                        |
//      | |    dial failed     v   |   | 401                    | lost, silent, bad frames, error
//      | '---- backing_off <--'   |   '------> failed <--------|  frame: to backing_off, blocked
//      |        blocked ----------'                            |  or failed
//      '-------------------------------------------------------'
//       nothing wanted any more                  stop(): from every state to stopped
//
// Invariants
//   - an epoch is one dial and what came of it; it grows by one with each dial action;
//   - each change of state is exactly one status action, in order with the others; a status action
//     with equal states is a notice (first_data_missing, data_arrived, stream_silent,
//     audit_mismatch); of a stream that was lost while the connection lived there is one for each;
//   - no dial beyond the budget or inside a block, no request beyond the connection's limits;
//   - at deadline() at the latest, tick() makes progress; with no deadline only an input can.
//
// Dead peers: a ping goes out every ping_interval, whatever flows. Any byte read after it proves
// life, the pong or another. A peer that falls silent is dropped at most ping_interval +
// pong_timeout after its last byte was read (defaults: 15 s + 5 s).
//
// A sleep of the machine or the process is seen by a tick that comes more than a second late. After
// less than a minute the peer gets its time anew; after more, without a byte read since, the
// connection is given up at once: the exchange has forgotten it.
//
// A peer whose pongs come from a proxy: the text PING makes the exchange itself say UP every 10 s.
// Once it did, up_timeout without UP or data ends the connection, too.
//
// Silent streams on a living connection: silence.hpp.
//
// Deliberately not here: how to dial and with which token (connector), what is wanted (dispatcher),
// when to begin a younger session and end the older (whoever owns both).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "session/backoff.hpp"
#include "session/limiter.hpp"
#include "session/session_config.hpp"
#include "session/subscription_reply.hpp"
#include "session/wanted.hpp"
#include "session/wanted_tracker.hpp"
#include "upfeed/events.hpp"
#include "upfeed/metrics.hpp"
#include "upfeed/time.hpp"

namespace upfeed {

/// Why a dial came to nothing.
struct DialFailure {
  StatusCause cause = StatusCause::connect;
  int http_status = 0;               ///< 0: no reply.
  int sys_errno = 0;                 ///< 0: none.
  std::int64_t retry_after_ms = -1;  ///< What the server asked for; -1: nothing.
  std::string text{};                ///< For a person.
};

enum class ActionKind : std::uint8_t {
  dial,       ///< Open a connection; answer with on_connected or on_dial_failed of that epoch.
  send_text,  ///< Send `text` as one text message.
  send_ping,  ///< Send a ping frame.
  close,      ///< End the connection, or the dial, of that epoch. Nothing of it is listened to any
              ///< more. graceful: send a close frame with close_code first; do not wait for one.
  status,     ///< Put a StatusEvent in order with the data.
};

/// A stream that was lost while its connection lived.
struct LostStream {
  WantedStream stream;
  std::int64_t silent_ns = 0;  ///< since its last sign of life
};

/// What the driver has to do next. Only the members that the kind names are meaningful.
struct SessionAction {
  ActionKind kind = ActionKind::status;
  bool graceful = false;                    ///< close
  std::uint16_t close_code = 0;             ///< close
  std::uint32_t epoch = 0;                  ///< all
  SessionState state = SessionState::idle;  ///< status, and the three below
  SessionState previous_state = SessionState::idle;
  StatusCause cause = StatusCause::none;
  ServerErrorKind server_error = ServerErrorKind::none;  ///< status: what the error frame was
  std::uint32_t request = 0;  ///< status: number in the ticket of the request it answers; 0: none
  int http_status = 0;        ///< status
  int sys_errno = 0;          ///< status
  std::int64_t retry_in_ms = -1;   ///< status; -1: no dial is planned
  std::string text;                ///< send_text: the message; status: fits StatusEvent::text
  std::optional<LostStream> lost;  ///< status: the one stream it is about
};

/// Grow only. Plain numbers of the driving thread.
struct SessionCounters {
  std::uint64_t dials = 0;
  std::uint64_t connects = 0;
  std::uint64_t requests = 0;
  std::uint64_t pings = 0;
  std::uint64_t limiter_waits = 0;  ///< Requests that had to wait for the rate limits.
  std::uint64_t bad_frames = 0;
  std::uint64_t text_pings = 0;
  std::uint64_t probes = 0;           ///< Requests that named a silent stream.
  std::uint64_t silent_streams = 0;   ///< Streams that were lost while their connection lived.
  std::uint64_t refused_streams = 0;  ///< Streams held back because a request was refused.
  std::uint64_t audits = 0;           ///< LIST_SUBSCRIPTIONS sent to compare with what is asked,
  std::uint64_t lists = 0;            ///< and to compare with the lists before.
  std::uint64_t audit_mismatches = 0;
  /// Dials that failed and connections that ended, by cause.
  std::array<std::uint64_t, kStatusCauseCount> ends{};
};

struct AuditResult {
  AuditOutcome outcome = AuditOutcome::none;
  MonoTime at;
  std::uint32_t epoch = 0;
  std::size_t missing_count = 0;  ///< Streams asked, but not served.
  std::size_t extra_count = 0;    ///< Streams served, but not asked.
};

/// What the name in an error frame means; `other` for one that is not documented.
[[nodiscard]] ServerErrorKind server_error_kind(std::string_view name) noexcept;

/// threads  one at a time. `now` never goes back between calls, and goes on while the machine
/// sleeps. Driver's order in each step: feed in what was read, then tick(now) if now >= deadline(),
/// then next_action() until false. Reading before ticking matters: after a stall of the process the
/// bytes that prove life are waiting in the socket.
class Session {
 public:
  /// config  valid. budget  shared by all sessions of the endpoint; outlives this one.
  /// seed  for the jitter of the back-off only.
  Session(const SessionConfig& config, DialBudget& budget, std::uint64_t seed);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Begins, or begins again after stop(), forgetting old failures (not the endpoint's block).
  /// first_epoch  of the first dial, unless a later one has been used: a younger session that shall
  /// replace another begins behind its epochs.
  void start(MonoTime now, std::uint32_t first_epoch = 1);
  /// Ends the connection; until the next start() there is no action behind the close and its
  /// status.
  void stop(MonoTime now);
  /// Replaces the whole wanted set.
  void want(WantedSet set, MonoTime now);
  /// Asks the exchange what it serves, as soon as no request is in flight; see last_audit().
  void audit(MonoTime now);

  /// Results and losses of an epoch that is over are ignored.
  void on_connected(std::uint32_t epoch, MonoTime now);
  void on_dial_failed(std::uint32_t epoch, const DialFailure& failure, MonoTime now);
  /// The transport is gone.
  void on_closed(std::uint32_t epoch, StatusCause cause, int sys_errno, std::string_view text,
                 MonoTime now);

  /// Anything was read from the live connection. The pong is bytes, too.
  void on_bytes(MonoTime now) noexcept { last_bytes_ = now; }
  /// A decoded event of the live connection, with its epoch set.
  void on_event(const EventHeader& event, MonoTime now) noexcept {
    bad_frames_in_row_ = 0;
    if (event.epoch != epoch_ || state_ != SessionState::live) return;
    last_event_ = now;
    if (!tracker_.on_event(event, now)) return;
    silence_at_ = now;
    deadline_ = now;
  }
  /// {"status":"UP"}.
  void on_status_up(MonoTime now) noexcept;
  /// The answer to LIST_SUBSCRIPTIONS.
  void on_subscriptions(std::string_view json, MonoTime now);
  /// A message that could not be decoded.
  void on_bad_frame(MonoTime now) noexcept;
  /// An error frame. The exchange closes the connection behind it, so it ends here and now.
  void on_server_error(std::string_view name, std::string_view message, MonoTime now);
  /// A fragmented message began; unfragmented ones need neither call.
  void on_message_started(MonoTime now) noexcept;
  void on_message_finished() noexcept { message_deadline_ = kNever; }

  /// Runs all timers that are due. Early calls do nothing.
  void tick(MonoTime now);

  /// Takes the oldest action out; false when there is none.
  [[nodiscard]] bool next_action(SessionAction& out);
  /// When tick() is needed next; kNever: not before another input. May be early, never late.
  [[nodiscard]] MonoTime deadline() const noexcept { return deadline_; }

  static constexpr MonoTime kNever{INT64_MAX};

  [[nodiscard]] SessionState state() const noexcept { return state_; }
  /// Of the latest dial; 0 before the first.
  [[nodiscard]] std::uint32_t epoch() const noexcept { return epoch_; }
  [[nodiscard]] const SessionCounters& counters() const noexcept { return counters_; }
  /// Live, the newest wanted set was sent, and each code that owes a first frame has sent it.
  /// Streams that are held back do not count.
  [[nodiscard]] bool fully_subscribed() const noexcept;
  [[nodiscard]] std::size_t wanted_count() const noexcept { return tracker_.wanted().size(); }
  /// Asked for in this epoch, without the first frame they owe.
  [[nodiscard]] std::size_t awaited_count() const noexcept { return tracker_.awaited(); }
  /// Asked for, but no frame in this epoch yet. Allocates.
  [[nodiscard]] WantedSet missing_first_frames() const { return tracker_.missing(); }
  /// Wanted, but held back: a request that named them for the first time was refused. Each is asked
  /// again when it is wanted in another way, or anew, or after start().
  [[nodiscard]] const WantedSet& refused() const noexcept { return refused_; }
  [[nodiscard]] const AuditResult& last_audit() const noexcept { return last_audit_; }

 private:
  /// How a dial or connection ended.
  struct End {
    StatusCause cause = StatusCause::none;
    ServerErrorKind server_error = ServerErrorKind::none;
    std::uint32_t request = 0;
    int http_status = 0;
    int sys_errno = 0;
    std::int64_t wait_ns_min = 0;  ///< No dial before that, whatever the back-off says.
    bool lasting = false;          ///< It will not pass by itself.
    std::string text{};
  };

  void dial_or_wait(const End& why, MonoTime now);
  void wait_until(MonoTime dial_at, const End& why, MonoTime now);
  void lose(const End& end, MonoTime now);
  void drop(std::uint16_t close_code, const End& end, MonoTime now);
  void leave(MonoTime now);
  void close_transport(std::uint16_t close_code);
  void go_idle(MonoTime now);
  void clear_live_timers();
  void set_state(SessionState state, const End& why, std::int64_t retry_in_ms);
  SessionAction& notice(StatusCause cause, std::string text);
  SessionAction& push(ActionKind kind);

  // What is asked (session_requests.cpp).
  void ask_for_wanted(MonoTime now);
  void free_refused();
  void hold_back_levels();
  void hold_back(WantedSet streams);
  void refuse_asked(End& end);
  void accept_asked();
  [[nodiscard]] bool request_pending() const noexcept {
    return request_needed_ || tracker_.suspects() > 0;
  }
  [[nodiscard]] MonoTime request_wanted_at() const;
  [[nodiscard]] MonoTime send_due_at(MonoTime now) const;
  [[nodiscard]] bool probe_waits(MonoTime now) const noexcept;
  [[nodiscard]] std::string ticket(std::string_view infix, std::uint32_t number) const;
  void send_when_due(MonoTime now);
  void request_when_due(MonoTime now);
  void on_requested(MonoTime now);
  void on_probed(MonoTime now);
  [[nodiscard]] bool audit_waits() const noexcept;
  [[nodiscard]] MonoTime audit_due_at() const;
  void want_list();
  void audit_when_due(MonoTime now);
  void end_audit(AuditOutcome outcome, MonoTime now);
  void on_list(const SubscriptionReply& reply, MonoTime now);
  void on_difference(const AuditDifference& difference, MonoTime now);
  void on_difference_notice(const WantedSet& missing, const std::vector<std::string>& extra);

  // What time brings to a live connection (session_live.cpp).
  void tick_live(MonoTime now);
  [[nodiscard]] bool wake_up(MonoTime now);
  void tick_pings(MonoTime now);
  void tick_up(MonoTime now);
  void tick_first_frames(MonoTime now);
  void tick_silence(MonoTime now);
  [[nodiscard]] bool judge_probes(MonoTime now);
  void report_silent(const WantedSet& streams, MonoTime now);
  void report_lost(StatusCause cause, const WantedSet& streams, MonoTime now);
  [[nodiscard]] MonoTime live_deadline() const;
  void settle(MonoTime now);

  const SessionConfig config_;
  DialBudget& budget_;
  Backoff backoff_;
  RateLimiter request_limiter_;
  WantedSet wanted_;
  WantedSet refused_;      ///< of these, held back
  WantedTracker tracker_;  ///< of the others
  WantedSet accepted_;     ///< what the exchange has last served without an error
  SessionCounters counters_;
  AuditResult last_audit_;

  SessionState state_ = SessionState::idle;
  bool started_ = false;
  bool held_ = false;      ///< failed until the wanted set changes
  bool given_up_ = false;  ///< failed until start()
  std::uint32_t epoch_ = 0;
  std::uint32_t attempts_ = 0;  ///< dials since the last stable connection
  MonoTime dial_not_before_{INT64_MIN};
  MonoTime dial_at_ = kNever;  ///< of backing_off and blocked

  // Of the live connection; all timers are kNever outside it.
  MonoTime connected_at_;
  MonoTime last_bytes_;
  MonoTime ping_at_ = kNever;
  MonoTime ping_sent_;               ///< the ping that waits for a sign of life
  MonoTime pong_deadline_ = kNever;  ///< kNever: no ping waits
  MonoTime message_deadline_ = kNever;
  MonoTime first_frames_at_ = kNever;  ///< next look for overdue first frames
  MonoTime collect_until_;             ///< of the request that is pending
  MonoTime last_request_;
  MonoTime last_event_;
  MonoTime last_up_;
  MonoTime up_deadline_ = kNever;        ///< kNever: no UP came yet
  MonoTime silence_at_ = kNever;         ///< next look at silent streams
  MonoTime probe_allowed_at_;            ///< no doubt before
  MonoTime probe_at_;                    ///< until then a probe waits for the list
  MonoTime accept_at_ = kNever;          ///< no error until then: the last request is accepted
  MonoTime audit_deadline_ = kNever;     ///< of the audit that is out
  std::string audit_ticket_;             ///< empty: none is out
  std::uint32_t requests_in_epoch_ = 0;  ///< of the last request, in its ticket
  std::uint32_t lists_in_epoch_ = 0;
  std::uint32_t bad_frames_in_row_ = 0;
  bool bad_frames_over_ = false;
  bool request_needed_ = false;     ///< the exchange must be asked (again)
  bool text_ping_pending_ = false;  ///< to be sent behind the first request
  bool audit_wanted_ = false;
  bool list_wanted_ = false;  ///< of our own accord, which compares with the lists before only
  bool list_is_own_ = false;  ///< the one that is out
  bool audits_refused_ = false;
  bool set_is_asked_ = false;  ///< the last request was for the present wanted set
  bool server_flows_ = false;  ///< the last request named more than snapshots
  bool data_pending_ = false;  ///< data_arrived is owed to the last request
  bool data_owed_ = false;     ///< and some first frame must come before it

  MonoTime deadline_ = kNever;
  MonoTime planned_ = kNever;  ///< deadline_ before frames asked for an earlier look
  std::vector<SessionAction> actions_;
  std::size_t action_next_ = 0;
};

}  // namespace upfeed
