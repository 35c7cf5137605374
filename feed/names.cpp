// Names of the public enumerators that are feed's own.

#include "decode/decode.hpp"
#include "upfeed/errc.hpp"
#include "upfeed/metrics.hpp"

namespace upfeed {

std::string_view to_string(Errc code) noexcept {
  switch (code) {
    case Errc::bad_config:
      return "bad_config";
    case Errc::bad_code:
      return "bad_code";
    case Errc::bad_unit:
      return "bad_unit";
    case Errc::bad_level:
      return "bad_level";
    case Errc::bad_option:
      return "bad_option";
    case Errc::unknown_market:
      return "unknown_market";
    case Errc::no_keys:
      return "no_keys";
    case Errc::empty_list:
      return "empty_list";
    case Errc::too_many_markets:
      return "too_many_markets";
    case Errc::not_running:
      return "not_running";
    case Errc::already_running:
      return "already_running";
    case Errc::stopped:
      return "stopped";
    case Errc::called_from_callback:
      return "called_from_callback";
    case Errc::timeout:
      return "timeout";
    case Errc::no_such_file:
      return "no_such_file";
    case Errc::bad_capture:
      return "bad_capture";
    case Errc::bad_keys:
      return "bad_keys";
    case Errc::system:
      break;
  }
  return "system";
}

std::string_view to_string(RecorderState state) noexcept {
  switch (state) {
    case RecorderState::off:
      return "off";
    case RecorderState::recording:
      return "recording";
    case RecorderState::disk_full:
      return "disk_full";
    case RecorderState::failing:
      return "failing";
    case RecorderState::closed:
      return "closed";
  }
  return {};
}

std::string_view to_string(ConnectionKind kind) noexcept {
  switch (kind) {
    case ConnectionKind::market:
      return "public";
    case ConnectionKind::account:
      return "private";
    case ConnectionKind::info:
      return "info";
  }
  return {};
}

std::string_view to_string(AuditOutcome outcome) noexcept {
  switch (outcome) {
    case AuditOutcome::none:
      return "none";
    case AuditOutcome::matched:
      return "matched";
    case AuditOutcome::mismatched:
      return "mismatched";
    case AuditOutcome::no_reply:
      return "no_reply";
    case AuditOutcome::unreadable:
      return "unreadable";
    case AuditOutcome::refused:
      return "refused";
  }
  return {};
}

std::string_view to_string(Stage stage) noexcept {
  switch (stage) {
    case Stage::kernel_to_user:
      return "kernel_to_user";
    case Stage::user_to_decoded:
      return "user_to_decoded";
    case Stage::decoded_to_dispatch:
      return "decoded_to_dispatch";
    case Stage::dispatch_to_done:
      return "dispatch_to_done";
  }
  return {};
}

std::string_view to_string(HealthState state) noexcept {
  switch (state) {
    case HealthState::healthy:
      return "healthy";
    case HealthState::degraded:
      return "degraded";
    case HealthState::unhealthy:
      return "unhealthy";
  }
  return {};
}

std::string_view refusal_name(std::size_t index) noexcept {
  if (index == 0 || index >= kDecodeErrcCount) return {};
  return to_string(static_cast<DecodeErrc>(index));
}

StreamCounts FeedMetrics::total() const noexcept {
  StreamCounts sum = unknown;
  for (const StreamCounts& stream : streams) {
    sum.received += stream.received;
    sum.delivered += stream.delivered;
    sum.conflated += stream.conflated;
    sum.dropped += stream.dropped;
    sum.refused += stream.refused;
    sum.superseded += stream.superseded;
    sum.queued += stream.queued;
  }
  return sum;
}

}  // namespace upfeed
