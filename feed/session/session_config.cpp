#include "session/session_config.hpp"

#include <algorithm>

#include "session/silence.hpp"

namespace upfeed {

std::chrono::nanoseconds SessionConfig::probe_lead() const {
  return 2 * (list_wait + request_spacing + probe_wait) + std::chrono::nanoseconds(kNewsGraceNs);
}

std::string_view SessionConfig::invalid_field() const {
  using std::chrono::seconds;
  constexpr std::chrono::nanoseconds kZero{0};
  if (format != "DEFAULT" && format != "SIMPLE" && format != "JSON_LIST" &&
      format != "SIMPLE_LIST") {
    return "format";
  }
  const auto needs_escape = [](char c) { return c < 0x20 || c > 0x7E || c == '"' || c == '\\'; };
  if (ticket_prefix.empty() ||
      std::any_of(ticket_prefix.begin(), ticket_prefix.end(), needs_escape)) {
    return "ticket_prefix";
  }
  if (ping_interval <= kZero || ping_interval > seconds(20)) return "ping_interval";
  if (pong_timeout <= kZero) return "pong_timeout";
  if (first_data_timeout <= kZero) return "first_data_timeout";
  if (message_timeout <= kZero) return "message_timeout";
  if (stable_period < kZero) return "stable_period";
  if (backoff_base <= kZero) return "backoff_base";
  if (backoff_cap < backoff_base) return "backoff_cap";
  if (rate_block_min < kZero) return "rate_block_min";
  if (collect_window < kZero) return "collect_window";
  if (request_spacing < kZero) return "request_spacing";
  if (request_limits.per_second == 0 || request_limits.per_minute == 0 ||
      request_limits.margin_ns < 0) {
    return "request_limits";
  }
  for (const auto limit :
       {silence_limit.ticker, silence_limit.trade, silence_limit.orderbook, silence_limit.candle}) {
    if (limit != kZero && limit < probe_lead() + probe_spacing) return "silence_limit";
    if (limit > silence_limit_max) return "silence_limit_max";
  }
  if (probe_wait <= kZero) return "probe_wait";
  if (list_wait <= kZero) return "list_wait";
  if (look_again.count() < kNewsGraceNs || look_again > probe_wait) return "look_again";
  if (probe_spacing <= kZero) return "probe_spacing";
  if (up_timeout <= kZero) return "up_timeout";
  if (audit_timeout <= kZero) return "audit_timeout";
  if (bad_frames_max == 0) return "bad_frames_max";
  return {};
}

}  // namespace upfeed
