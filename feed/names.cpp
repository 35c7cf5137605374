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
    case Errc::system:
      break;
  }
  return "system";
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
    sum.queued += stream.queued;
  }
  return sum;
}

}  // namespace upfeed
