#include "sim/byte_script.hpp"
#include "sim/fault_plan.hpp"

namespace upfeed::sim {
namespace {

/// Faults of the bytes; false when it is none.
bool apply_to_bytes(const Fault& fault, ConnectionId id, Listener& listener) {
  const auto number = static_cast<std::uint64_t>(fault.number);
  switch (fault.kind) {
    case FaultKind::bytes:
      listener.add_script(id, {{PipeStep::Kind::data, fault.text}});
      return true;
    case FaultKind::raw_bytes:
      listener.add_script(id, {{PipeStep::Kind::raw, fault.text}});
      return true;
    case FaultKind::fin_mid_frame:
      listener.add_script(id, fin_mid_frame());
      return true;
    case FaultKind::garbage_frame:
      listener.add_script(id, garbage_frame());
      return true;
    case FaultKind::garbage_record:
      listener.add_script(id, garbage_record());
      return true;
    case FaultKind::oversize_frame:
      listener.add_script(id, oversize_frame(number));
      return true;
    case FaultKind::lying_length:
      listener.add_script(id, lying_length(number));
      return true;
    case FaultKind::slow_message:
      listener.add_script(id, slow_message(fault.time));
      return true;
    case FaultKind::empty_fragments:
      listener.add_script(id, empty_fragments(number));
      return true;
    case FaultKind::ping_flood:
      listener.add_script(id, ping_flood(number));
      return true;
    default:
      return false;
  }
}

/// Faults of how bytes travel; false when it is none.
bool apply_to_pipe(const Fault& fault, ConnectionId id, Exchange& exchange, Listener& listener) {
  const auto number = static_cast<std::size_t>(fault.number);
  PipeShape shape = listener.shape(id);
  switch (fault.kind) {
    case FaultKind::drop:
      listener.drop(id);
      return true;
    case FaultKind::reset:
      listener.reset(id);
      return true;
    case FaultKind::freeze:
      listener.set_frozen(id, true);
      exchange.set_frozen(id, true);
      return true;
    case FaultKind::delay:
      shape.delay = fault.time;
      break;
    case FaultKind::segments:
      shape.segment_bytes = number;
      break;
    case FaultKind::records:
      shape.record_bytes = number;
      break;
    case FaultKind::batch:
      shape.batch = fault.time;
      break;
    case FaultKind::fragments:
      listener.set_fragment_bytes(id, number);
      return true;
    case FaultKind::ignore_closes:
      listener.ignore_closes(id);
      return true;
    case FaultKind::ignore_pings:
      listener.ignore_pings(id);
      return true;
    default:
      return false;
  }
  listener.set_shape(id, shape);
  return true;
}

/// Faults of the frames' order and content.
void apply_to_frames(const Fault& fault, ConnectionId id, Exchange& exchange) {
  Tamper* const tamper = exchange.tamper(id);
  if (tamper == nullptr) return;
  TamperRules& rules = tamper->rules();
  const auto every = static_cast<unsigned>(fault.number);
  if (fault.kind == FaultKind::mute) rules.mutes.push_back({fault.type, fault.code, every != 0});
  if (fault.kind == FaultKind::snapshots) rules.snapshots = fault.snapshots;
  if (fault.kind == FaultKind::duplicate_trades) rules.duplicate_every = every;
  if (fault.kind == FaultKind::swap_trades) rules.swap_every = every;
  if (fault.kind == FaultKind::microseconds) rules.in_microseconds = true;
  if (fault.kind == FaultKind::shift_times) rules.shift_ms = fault.time.count();
  if (fault.kind == FaultKind::cross_books) rules.crosses_books = true;
  tamper->update();
}

}  // namespace

void apply_fault(const Fault& fault, ConnectionId id, Exchange& exchange, Listener& listener,
                 std::int64_t now_ms) {
  if (apply_to_bytes(fault, id, listener)) return;
  if (apply_to_pipe(fault, id, exchange, listener)) return;
  switch (fault.kind) {
    case FaultKind::close:
      exchange.close(id, static_cast<std::uint16_t>(fault.number));
      break;
    case FaultKind::error:
      exchange.send_error(id, fault.text, fault.detail, now_ms);
      break;
    case FaultKind::message:
      exchange.send_message(id, fault.text, now_ms);
      break;
    case FaultKind::forget:
      exchange.forget(id, fault.type, fault.code);
      break;
    case FaultKind::flood:
      exchange.flood(id, static_cast<std::size_t>(fault.number));
      break;
    default:
      apply_to_frames(fault, id, exchange);
      break;
  }
}

}  // namespace upfeed::sim
