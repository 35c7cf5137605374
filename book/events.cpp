#include "upfeed/events.hpp"

namespace upfeed {

// clang-format off
std::string_view to_string(CandleUnit unit) noexcept {
  switch (unit) {
    case CandleUnit::s1:   return "1s";
    case CandleUnit::m1:   return "1m";
    case CandleUnit::m3:   return "3m";
    case CandleUnit::m5:   return "5m";
    case CandleUnit::m10:  return "10m";
    case CandleUnit::m15:  return "15m";
    case CandleUnit::m30:  return "30m";
    case CandleUnit::m60:  return "60m";
    case CandleUnit::m240: return "240m";
  }
  return {};
}

std::string_view to_string(EventKind kind) noexcept {
  switch (kind) {
    case EventKind::ticker:           return "ticker";
    case EventKind::trade:            return "trade";
    case EventKind::orderbook:        return "orderbook";
    case EventKind::candle:           return "candle";
    case EventKind::my_order:         return "myOrder";
    case EventKind::my_asset:         return "myAsset";
    case EventKind::announcement:     return "announcement";
    case EventKind::indicator:        return "indicator";
    case EventKind::indicator_signal: return "indicator_signal";
    case EventKind::status:           return "status";
    case EventKind::loss:             return "loss";
    case EventKind::gap:              return "gap";
  }
  return {};
}

std::string_view to_string(StreamType type) noexcept {
  switch (type) {
    case StreamType::absent:   return "";
    case StreamType::snapshot: return "SNAPSHOT";
    case StreamType::realtime: return "REALTIME";
  }
  return {};
}

std::string_view to_string(Side side) noexcept {
  switch (side) {
    case Side::absent: return "";
    case Side::ask:    return "ASK";
    case Side::bid:    return "BID";
  }
  return {};
}

std::string_view to_string(Change change) noexcept {
  switch (change) {
    case Change::absent: return "";
    case Change::rise:   return "RISE";
    case Change::even:   return "EVEN";
    case Change::fall:   return "FALL";
  }
  return {};
}

std::string_view to_string(SessionState state) noexcept {
  switch (state) {
    case SessionState::idle:        return "idle";
    case SessionState::connecting:  return "connecting";
    case SessionState::live:        return "live";
    case SessionState::backing_off: return "backing_off";
    case SessionState::blocked:     return "blocked";
    case SessionState::failed:      return "failed";
    case SessionState::stopped:     return "stopped";
  }
  return {};
}

std::string_view to_string(ServerErrorKind kind) noexcept {
  switch (kind) {
    case ServerErrorKind::none:          return "none";
    case ServerErrorKind::wrong_format:  return "wrong_format";
    case ServerErrorKind::no_ticket:     return "no_ticket";
    case ServerErrorKind::no_type:       return "no_type";
    case ServerErrorKind::no_codes:      return "no_codes";
    case ServerErrorKind::invalid_param: return "invalid_param";
    case ServerErrorKind::invalid_auth:  return "invalid_auth";
    case ServerErrorKind::rate_limited:  return "rate_limited";
    case ServerErrorKind::other:         return "other";
  }
  return {};
}

std::string_view to_string(StatusCause cause) noexcept {
  switch (cause) {
    case StatusCause::none:               return "none";
    case StatusCause::requested:          return "requested";
    case StatusCause::dns:                return "dns";
    case StatusCause::connect:            return "connect";
    case StatusCause::tls:                return "tls";
    case StatusCause::http:               return "http";
    case StatusCause::rate_limited:       return "rate_limited";
    case StatusCause::unauthorized:       return "unauthorized";
    case StatusCause::closed_by_peer:     return "closed_by_peer";
    case StatusCause::protocol_violation: return "protocol_violation";
    case StatusCause::io_error:           return "io_error";
    case StatusCause::silent_peer:        return "silent_peer";
    case StatusCause::bad_frames:         return "bad_frames";
    case StatusCause::server_error:       return "server_error";
    case StatusCause::first_data_missing: return "first_data_missing";
    case StatusCause::data_arrived:       return "data_arrived";
    case StatusCause::message_timeout:    return "message_timeout";
    case StatusCause::end_of_capture:     return "end_of_capture";
    case StatusCause::stream_silent:      return "stream_silent";
    case StatusCause::audit_mismatch:     return "audit_mismatch";
    case StatusCause::renewed:            return "renewed";
    case StatusCause::recording:          return "recording";
  }
  return {};
}

std::string_view to_string(OrderType type) noexcept {
  switch (type) {
    case OrderType::absent: return "";
    case OrderType::limit:  return "limit";
    case OrderType::price:  return "price";
    case OrderType::market: return "market";
    case OrderType::best:   return "best";
    case OrderType::other:  return "other";
  }
  return {};
}

std::string_view to_string(OrderState state) noexcept {
  switch (state) {
    case OrderState::absent:    return "";
    case OrderState::wait:      return "wait";
    case OrderState::watch:     return "watch";
    case OrderState::trade:     return "trade";
    case OrderState::done:      return "done";
    case OrderState::cancel:    return "cancel";
    case OrderState::prevented: return "prevented";
    case OrderState::other:     return "other";
  }
  return {};
}

std::string_view to_string(TimeInForce condition) noexcept {
  switch (condition) {
    case TimeInForce::absent:    return "";
    case TimeInForce::ioc:       return "ioc";
    case TimeInForce::fok:       return "fok";
    case TimeInForce::post_only: return "post_only";
    case TimeInForce::other:     return "other";
  }
  return {};
}

std::string_view to_string(SmpType type) noexcept {
  switch (type) {
    case SmpType::absent:       return "";
    case SmpType::reduce:       return "reduce";
    case SmpType::cancel_maker: return "cancel_maker";
    case SmpType::cancel_taker: return "cancel_taker";
    case SmpType::other:        return "other";
  }
  return {};
}
// clang-format on

}  // namespace upfeed
