#include "sim/fault.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>
#include <vector>

namespace upfeed::sim {
namespace faults {
namespace {

Fault plain(FaultKind kind) {
  Fault fault;
  fault.kind = kind;
  return fault;
}

Fault counted(FaultKind kind, std::uint64_t number) {
  Fault fault = plain(kind);
  fault.number = static_cast<std::int64_t>(number);
  return fault;
}

Fault timed(FaultKind kind, std::chrono::milliseconds time) {
  Fault fault = plain(kind);
  fault.time = time;
  return fault;
}

Fault worded(FaultKind kind, std::string text, std::string detail = {}) {
  Fault fault = plain(kind);
  fault.text = std::move(text);
  fault.detail = std::move(detail);
  return fault;
}

}  // namespace

Fault bad_certificate(CertificateKind kind) {
  Fault fault = plain(FaultKind::bad_certificate);
  fault.certificate = kind;
  return fault;
}
Fault old_tls() {
  return plain(FaultKind::old_tls);
}
Fault stall_handshake() {
  return plain(FaultKind::stall_handshake);
}
Fault garbage_handshake() {
  return plain(FaultKind::garbage_handshake);
}
Fault reset_accept() {
  return plain(FaultKind::reset_accept);
}
Fault refuse_upgrade(unsigned status, unsigned retry_after_s, std::string body) {
  Fault fault = plain(FaultKind::refuse_upgrade);
  fault.reply.status = status;
  if (body.starts_with('<')) fault.reply.content_type = "text/html; charset=UTF-8";
  fault.reply.body = std::move(body);
  if (status / 100 == 3) fault.reply.headers.emplace_back("Location", "https://upbit.com/");
  if (retry_after_s > 0) {
    fault.reply.headers.emplace_back("Retry-After", std::to_string(retry_after_s));
  }
  return fault;
}
Fault stall_upgrade() {
  return plain(FaultKind::stall_upgrade);
}
Fault wrong_accept() {
  return plain(FaultKind::wrong_accept);
}
Fault drop() {
  return plain(FaultKind::drop);
}
Fault reset() {
  return plain(FaultKind::reset);
}
Fault fin_mid_frame() {
  return plain(FaultKind::fin_mid_frame);
}
Fault freeze() {
  return plain(FaultKind::freeze);
}
Fault delay(std::chrono::milliseconds time) {
  return timed(FaultKind::delay, time);
}
Fault segments(std::size_t bytes) {
  return counted(FaultKind::segments, bytes);
}
Fault records(std::size_t bytes) {
  return counted(FaultKind::records, bytes);
}
Fault batch(std::chrono::milliseconds time) {
  return timed(FaultKind::batch, time);
}
Fault fragments(std::size_t bytes) {
  return counted(FaultKind::fragments, bytes);
}
Fault bytes(std::string raw) {
  return worded(FaultKind::bytes, std::move(raw));
}
Fault raw_bytes(std::string raw) {
  return worded(FaultKind::raw_bytes, std::move(raw));
}
Fault garbage_frame() {
  return plain(FaultKind::garbage_frame);
}
Fault garbage_record() {
  return plain(FaultKind::garbage_record);
}
Fault oversize_frame(std::size_t size) {
  return counted(FaultKind::oversize_frame, size);
}
Fault lying_length(std::uint64_t claimed) {
  return counted(FaultKind::lying_length, claimed);
}
Fault slow_message(std::chrono::milliseconds pause) {
  return timed(FaultKind::slow_message, pause);
}
Fault empty_fragments(std::size_t count) {
  return counted(FaultKind::empty_fragments, count);
}
Fault ping_flood(std::size_t count) {
  return counted(FaultKind::ping_flood, count);
}
Fault ignore_closes() {
  return plain(FaultKind::ignore_closes);
}
Fault ignore_pings() {
  return plain(FaultKind::ignore_pings);
}
Fault close(std::uint16_t code) {
  return counted(FaultKind::close, code);
}
Fault error(std::string name, std::string message) {
  return worded(FaultKind::error, std::move(name), std::move(message));
}
Fault message(std::string text) {
  return worded(FaultKind::message, std::move(text));
}
Fault mute(std::string type, std::string code, bool snapshots_too) {
  Fault fault = counted(FaultKind::mute, snapshots_too ? 1 : 0);
  fault.type = std::move(type);
  fault.code = std::move(code);
  return fault;
}
Fault forget(std::string type, std::string code) {
  Fault fault = plain(FaultKind::forget);
  fault.type = std::move(type);
  fault.code = std::move(code);
  return fault;
}
Fault flood(std::size_t count) {
  return counted(FaultKind::flood, count);
}
Fault snapshots(SnapshotOrder order) {
  Fault fault = plain(FaultKind::snapshots);
  fault.snapshots = order;
  return fault;
}
Fault duplicate_trades(unsigned every) {
  return counted(FaultKind::duplicate_trades, every);
}
Fault swap_trades(unsigned every) {
  return counted(FaultKind::swap_trades, every);
}
Fault microseconds() {
  return plain(FaultKind::microseconds);
}
Fault shift_times(std::chrono::milliseconds by) {
  return timed(FaultKind::shift_times, by);
}
Fault cross_books() {
  return plain(FaultKind::cross_books);
}

}  // namespace faults

FaultStage stage_of(FaultKind kind) {
  if (kind < FaultKind::refuse_upgrade) return FaultStage::accept;
  return kind < FaultKind::drop ? FaultStage::upgrade : FaultStage::connection;
}

}  // namespace upfeed::sim
