#pragma once

// One connection to the exchange on the I/O thread: its socket, its frame parser and its session.
//
//   TlsSocket::read --> WsParser::next --> Intake::accept --> Outlet --> ring
//        ^                                    |
//        |  request, ping, pong, close        v  first frames, errors, signs of life
//        '------------------------------- Session (decides; does no I/O)

#include <memory>
#include <string>
#include <vector>

#include "clock.hpp"
#include "intake.hpp"
#include "net/connector.hpp"
#include "net/ws_frame_writer.hpp"
#include "net/ws_parser.hpp"
#include "recorder.hpp"
#include "session/session.hpp"
#include "upfeed/config.hpp"

namespace upfeed {

/// threads  the I/O side only.
class Connection {
 public:
  struct Place {
    std::uint32_t number;
    ConnectionKind kind;
    ConnectionCounters& counters;
  };
  struct Shared {
    const FeedConfig& config;
    DialBudget& budget;
    net::Connector& connector;
    Intake& intake;
    Outlet& outlet;
    detail::RecordTap* tap;    ///< null: nothing is recorded
    std::uint64_t& next_dial;  ///< number of the thread's next dial
  };
  /// first_epoch  of its first dial. background  it is to replace another one: its states are not
  /// told until takes_over().
  Connection(const Place& place, const Shared& shared, std::uint32_t first_epoch = 1,
             bool background = false);

  /// From here on it speaks for its place; told as a StatusEvent with cause renewed.
  void takes_over();
  /// Another one speaks for its place: says goodbye and closes without a word.
  void retire();
  /// Since when it has been live; INT64_MAX: it is not.
  [[nodiscard]] MonoTime live_since() const noexcept { return live_since_; }

  void want(WantedSet set) { session_.want(std::move(set), session_now()); }
  /// True, and taken, when this is the result of a dial of this connection.
  bool on_dialled(net::DialResult& result);
  /// Bounded work: receives, runs due timers, sends. Returns how many messages were handled or
  /// actions taken.
  std::size_t step();
  /// Brings the counters that other threads read up to date; step() does so now and then.
  void count() noexcept;
  /// Says goodbye and closes; step() does nothing afterwards.
  void stop();

  // For the thread's sleep.
  /// -1 while there is no socket.
  [[nodiscard]] int fd() const noexcept { return socket_ != nullptr ? socket_->fd() : -1; }
  [[nodiscard]] bool wants_write() const noexcept {
    return socket_ != nullptr && socket_->wants_write();
  }
  /// step() has something to do without waiting for the socket.
  [[nodiscard]] bool has_work() const noexcept {
    return (socket_ != nullptr && socket_->has_buffered()) ||
           counters_.audits_asked.load(std::memory_order_relaxed) != audits_seen_;
  }
  /// Some dial has not come back yet; one that was given up may still bring a socket to close.
  [[nodiscard]] bool dialling() const noexcept { return !dials_out_.empty(); }
  /// As session_now().
  [[nodiscard]] MonoTime deadline() const noexcept { return session_.deadline(); }
  [[nodiscard]] const Session& session() const noexcept { return session_; }

 private:
  /// TLS records of what one receive has brought, before others get their turn.
  static constexpr int kReadsPerStep = 16;

  std::size_t receive();
  std::size_t parse(const net::ReadResult& read, MonoTime now);
  void handle(const net::WsMessage& message, const FrameMeta& meta);
  void on_data(std::span<const char> payload, const FrameMeta& meta);
  void on_close(const net::WsMessage& message);
  void watch_fragments();
  std::size_t act();
  void dial(std::uint32_t epoch);
  void close(const SessionAction& action);
  void report(const SessionAction& action);
  bool send(net::WsOpcode opcode, std::span<const char> payload);
  void lost(StatusCause cause, int system_errno, std::string_view text);
  void tell(const StatusEvent& event);
  [[nodiscard]] SessionCounters told_so_far() const noexcept;

  const std::uint32_t number_;
  const ConnectionKind kind_;
  const FeedConfig& config_;
  net::Connector& connector_;
  Intake& intake_;
  Outlet& outlet_;
  detail::RecordTap* const tap_;
  ConnectionCounters& counters_;
  std::uint64_t& next_dial_;
  Session session_;
  net::WsParser parser_;
  std::unique_ptr<net::TlsSocket> socket_;
  std::vector<char> outgoing_;
  SessionAction action_;
  std::uint64_t frame_sequence_ = 0;
  std::uint64_t receive_calls_seen_ = 0;  // of the present socket
  std::uint64_t message_open_since_ = 0;  // data_message_count() + 1 while a message is open
  struct Dial {
    std::uint64_t id;
    std::uint32_t epoch;
  };
  std::vector<Dial> dials_out_;
  MonoTime read_at_;        // on the session's clock, what is handled now
  MonoTime counted_at_;     // on the session's clock, as live_since_
  SessionCounters base_{};  // of those that this one has replaced
  MonoTime live_since_{INT64_MAX};
  bool background_;
  std::uint32_t audits_seen_ = 0;
};

}  // namespace upfeed
