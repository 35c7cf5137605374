#include "event_json.hpp"

#include "json.hpp"
#include "upfeed/encode.hpp"

namespace upfeed::program {
namespace {

void append_status(const StatusEvent& event, JsonWriter& json) {
  json.field("state", to_string(event.state))
      .field("previous_state", to_string(event.previous_state))
      .field("cause", to_string(event.cause));
  if (event.http_status != 0) json.field("http_status", event.http_status);
  if (event.system_errno != 0) json.field("system_errno", event.system_errno);
  if (event.retry_in_ms >= 0) json.field("retry_in_ms", event.retry_in_ms);
  if (event.lost_kind != EventKind::status) {
    json.field("code", event.code.view()).field("stream", to_string(event.lost_kind));
    if (event.lost_kind == EventKind::candle) {
      json.field("candle_unit", to_string(event.candle_unit));
    }
    if (!event.level.is_zero()) json.field("level", event.level.to_string());
    json.field("silent_ns", event.silent_ns);
  }
  json.field("text", event.text.view());
}

void append_loss(const LossEvent& event, JsonWriter& json) {
  json.field("code", event.code.view()).field("stream", to_string(event.lost_kind));
  if (event.lost_kind == EventKind::candle) {
    json.field("candle_unit", to_string(event.candle_unit));
  }
  json.field("dropped", event.dropped)
      .field("conflated", event.conflated)
      .field("refused", event.refused);
  if (event.last_sequential_id != 0) {
    json.field("first_sequential_id", event.first_sequential_id)
        .field("last_sequential_id", event.last_sequential_id);
  }
}

void append_gap(const GapEvent& event, JsonWriter& json) {
  json.field("code", event.code.view()).field("stream", to_string(event.gap_kind));
  if (event.gap_kind == EventKind::candle) json.field("candle_unit", to_string(event.candle_unit));
  if (!event.level.is_zero()) json.field("level", event.level.to_string());
  json.field("cause", to_string(event.cause))
      .field("epoch_before", event.epoch_before)
      .field("started_mono_ns", event.started_mono.ns)
      .field("lost_mono_ns", event.lost_mono.ns)
      .field("ended_mono_ns", event.ended_mono.ns);
  if (event.gap_kind == EventKind::trade) {
    json.field("last_sequential_id", event.last_sequential_id)
        .field("first_sequential_id", event.first_sequential_id)
        .field("backfilled", event.backfilled)
        .field("backfill_complete", event.backfill_complete);
  }
}

}  // namespace

void append_event(const EventHeader& event, std::string& out) {
  JsonWriter json(out);
  json.open_object()
      .field("event", to_string(event.kind))
      .field("connection", event.connection)
      .field("epoch", event.epoch)
      .field("received_mono_ns", event.received_mono.ns);
  if (event.kernel_time.known()) json.field("kernel_unix_ns", event.kernel_time.unix_ns);
  if (event.lost_before != 0) json.field("lost_before", event.lost_before);
  if ((event.flags & kBookFault) != 0) json.field("book_fault", true);
  if (event.kind == EventKind::status) {
    append_status(static_cast<const StatusEvent&>(event), json);
  } else if (event.kind == EventKind::loss) {
    append_loss(static_cast<const LossEvent&>(event), json);
  } else if (event.kind == EventKind::gap) {
    append_gap(static_cast<const GapEvent&>(event), json);
  } else {
    std::string& frame = json.key("frame").raw_value();
    // An indicator has only the names it came with.
    if (encode(event, WireFormat::default_, frame) == 0) encode(event, WireFormat::simple, frame);
  }
  json.close_object();
  out += '\n';
}

}  // namespace upfeed::program
