#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "sim/certificate.hpp"
#include "sim/gate.hpp"
#include "sim/tamper.hpp"

/// What can go wrong on purpose. A Fault says what; SimServer says when and to whom.
namespace upfeed::sim {

/// In the order of a connection's life.
enum class FaultKind : std::uint8_t {
  // How a TCP connection is greeted.
  bad_certificate,
  old_tls,
  stall_handshake,
  garbage_handshake,
  reset_accept,
  // How an upgrade request is answered.
  refuse_upgrade,
  stall_upgrade,
  wrong_accept,
  // The bytes of a connection.
  drop,
  reset,
  fin_mid_frame,
  freeze,
  delay,
  segments,
  records,
  batch,
  fragments,
  bytes,
  raw_bytes,
  garbage_frame,
  garbage_record,
  oversize_frame,
  lying_length,
  slow_message,
  empty_fragments,
  ping_flood,
  ignore_closes,
  ignore_pings,
  // What the exchange says.
  close,
  error,
  message,
  mute,
  forget,
  flood,
  snapshots,
  duplicate_trades,
  swap_trades,
  microseconds,
  shift_times,
  cross_books,
};

/// At which occasion a kind acts.
enum class FaultStage : std::uint8_t { accept, upgrade, connection };
[[nodiscard]] FaultStage stage_of(FaultKind kind);

/// One fault. Made by the functions of namespace faults; `after` is for the caller to set.
struct Fault {
  FaultKind kind = FaultKind::drop;
  /// From the call (SimServer::fault), the opening (fault_next) or the start (SimConfig::faults).
  std::chrono::milliseconds after{0};
  std::int64_t number = 0;
  std::chrono::milliseconds time{0};
  std::string type{};  ///< a stream, empty: all
  std::string code{};  ///< a market, empty: all
  std::string text{};
  std::string detail{};
  CertificateKind certificate = CertificateKind::good;
  SnapshotOrder snapshots = SnapshotOrder::first;
  HttpReply reply{};
};

namespace faults {

/// Another certificate than the right one.
[[nodiscard]] Fault bad_certificate(CertificateKind kind);
/// Nothing newer than TLS 1.1.
[[nodiscard]] Fault old_tls();
/// TCP is accepted, TLS never answers.
[[nodiscard]] Fault stall_handshake();
/// An answer that is no TLS, then FIN.
[[nodiscard]] Fault garbage_handshake();
/// RST instead of a handshake.
[[nodiscard]] Fault reset_accept();

/// An HTTP reply instead of 101. 3xx bring a Location; a body that starts with '<' is text/html;
/// retry_after_s 0: no Retry-After. For more set Fault::reply.
[[nodiscard]] Fault refuse_upgrade(unsigned status, unsigned retry_after_s = 0,
                                   std::string body = {});
/// The upgrade request is never answered.
[[nodiscard]] Fault stall_upgrade();
/// 101 with a Sec-WebSocket-Accept that does not fit.
[[nodiscard]] Fault wrong_accept();

/// TCP FIN without close frame and close_notify.
[[nodiscard]] Fault drop();
/// TCP RST.
[[nodiscard]] Fault reset();
/// Half a message, then FIN.
[[nodiscard]] Fault fin_mid_frame();
/// The kernel still acknowledges, but nothing is read or written any more, pings stay unanswered.
[[nodiscard]] Fault freeze();
/// Everything arrives so much later.
[[nodiscard]] Fault delay(std::chrono::milliseconds time);
/// TCP writes of at most `bytes`, e.g. 1.
[[nodiscard]] Fault segments(std::size_t bytes);
/// TLS records of at most `bytes` content.
[[nodiscard]] Fault records(std::size_t bytes);
/// Frames are collected for `time` and share records and segments.
[[nodiscard]] Fault batch(std::chrono::milliseconds time);
/// WebSocket messages in fragments of `bytes`.
[[nodiscard]] Fault fragments(std::size_t bytes);
/// These bytes between two frames, inside TLS: any violation of RFC 6455.
[[nodiscard]] Fault bytes(std::string raw);
/// These bytes between two TLS records.
[[nodiscard]] Fault raw_bytes(std::string raw);
/// A frame with a reserved opcode.
[[nodiscard]] Fault garbage_frame();
/// Bytes that are no TLS record.
[[nodiscard]] Fault garbage_record();
/// A well-formed message of `size` bytes.
[[nodiscard]] Fault oversize_frame(std::size_t size);
/// A frame that claims `claimed` bytes and brings 16.
[[nodiscard]] Fault lying_length(std::uint64_t claimed);
/// A message of 1,000 bytes, one every `pause`; other frames wait behind it.
[[nodiscard]] Fault slow_message(std::chrono::milliseconds pause);
/// `count` empty fragments of a message that never ends.
[[nodiscard]] Fault empty_fragments(std::size_t count);
/// `count` pings at once.
[[nodiscard]] Fault ping_flood(std::size_t count);
/// The client's close frame stays unanswered and the socket open.
[[nodiscard]] Fault ignore_closes();
/// The client's pings stay unanswered; data flows.
[[nodiscard]] Fault ignore_pings();

/// A close frame from the server, e.g. 1001 or 1012.
[[nodiscard]] Fault close(std::uint16_t code);
/// An error frame with any name, then close 1000 as after every error.
[[nodiscard]] Fault error(std::string name, std::string message = {});
/// This text as one message.
[[nodiscard]] Fault message(std::string text);
/// Silence for a stream (empty: all) of a code (empty: all). LIST_SUBSCRIPTIONS still names it.
[[nodiscard]] Fault mute(std::string type, std::string code, bool snapshots_too = false);
/// The server forgets the subscription of a stream to a code without a word; LIST_SUBSCRIPTIONS
/// does not name it any more.
[[nodiscard]] Fault forget(std::string type, std::string code);
/// `count` further frames of what is subscribed, at once.
[[nodiscard]] Fault flood(std::size_t count);
[[nodiscard]] Fault snapshots(SnapshotOrder order);
/// Every n-th trade comes twice.
[[nodiscard]] Fault duplicate_trades(unsigned every = 1);
/// Every n-th trade comes after the one that follows it.
[[nodiscard]] Fault swap_trades(unsigned every = 2);
/// `timestamp` in microseconds.
[[nodiscard]] Fault microseconds();
/// All times of frames later (> 0) or earlier.
[[nodiscard]] Fault shift_times(std::chrono::milliseconds by);
/// Best ask and best bid of orderbooks exchanged.
[[nodiscard]] Fault cross_books();

}  // namespace faults

/// Reads NAME[@SECONDS][:ARG[,ARG...]], e.g. "mute@5:trade,KRW-BTC" or "refuse_upgrade:429,30";
/// names and arguments are those of the functions above. The text is why it cannot be read.
[[nodiscard]] std::variant<Fault, std::string> parse_fault(std::string_view text);

}  // namespace upfeed::sim
