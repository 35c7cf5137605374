#include "connection.hpp"

#include <algorithm>
#include <cstring>

#include "net/tls_context.hpp"

namespace upfeed {

namespace {

const char* format_name(WireFormat format) {
  switch (format) {
    case WireFormat::default_:
      return "DEFAULT";
    case WireFormat::simple:
      return "SIMPLE";
    case WireFormat::json_list:
      return "JSON_LIST";
    case WireFormat::simple_list:
      break;
  }
  return "SIMPLE_LIST";
}

SessionConfig session_config(const FeedConfig& config) {
  SessionConfig session;
  session.format = format_name(config.format);
  session.ping_interval = config.ping_interval;
  session.pong_timeout = config.pong_timeout;
  session.first_data_timeout = config.first_data_timeout;
  session.stable_period = config.stable_period;
  session.backoff_base = config.backoff_base;
  session.backoff_cap = config.backoff_cap;
  session.collect_window = config.batching == Batching::balanced ? std::chrono::milliseconds(100)
                                                                 : std::chrono::milliseconds(0);
  session.bad_frames_max = config.bad_frames_max;
  session.dial_attempts_max = config.reconnect_attempts_max;
  return session;
}

std::uint64_t jitter_seed(const FeedConfig& config, std::uint32_t number) {
  std::uint64_t seed = config.seed;
  if (seed == 0) {
    // Only the jitter hangs on it: without random bytes every feed would wait alike, no worse.
    static_cast<void>(net::random_bytes(&seed, sizeof seed));
  }
  return seed + number;
}

StatusCause cause_of(net::NetErrc code) {
  using net::NetErrc;
  switch (code) {
    case NetErrc::dns_failed:
    case NetErrc::dns_timeout:
      return StatusCause::dns;
    case NetErrc::connect_refused:
    case NetErrc::connect_timeout:
    case NetErrc::unreachable:
      return StatusCause::connect;
    case NetErrc::http_timeout:
    case NetErrc::http_status:
    case NetErrc::http_bad_reply:
    case NetErrc::http_too_big:
    case NetErrc::bad_request:
      return StatusCause::http;
    case NetErrc::closed_by_peer:
      return StatusCause::closed_by_peer;
    case NetErrc::io_error:
    case NetErrc::out_of_descriptors:
    case NetErrc::out_of_resources:
    case NetErrc::cancelled:
      return StatusCause::io_error;
    default:
      return StatusCause::tls;
  }
}

DialFailure failure_of(const net::NetError& error) {
  DialFailure failure;
  failure.cause = cause_of(error.code);
  failure.http_status = error.http_status;
  failure.sys_errno = error.sys_errno;
  failure.retry_after_ms = error.retry_after_ms;
  failure.text = net::to_string(error.code);
  if (!error.detail.empty()) failure.text += ": " + error.detail;
  return failure;
}

}  // namespace

Connection::Connection(std::uint32_t number, const FeedConfig& config, DialBudget& budget,
                       net::Connector& connector, Intake& intake, Outlet& outlet,
                       IntakeCounters& counters)
    : number_(number),
      config_(config),
      connector_(connector),
      intake_(intake),
      outlet_(outlet),
      counters_(counters),
      session_(session_config(config), budget, jitter_seed(config, number)),
      parser_({.message_bytes_max = config.message_bytes_max}) {
  session_.start(mono_now());
}

std::size_t Connection::step() {
  std::size_t work = socket_ != nullptr ? receive() : 0;
  const MonoTime now = mono_now();
  if (now >= session_.deadline()) session_.tick(now);
  work += act();
  if (wants_write()) socket_->flush();
  return work;
}

void Connection::stop() {
  session_.stop(mono_now());
  act();
}

// --- receiving
// ------------------------------------------------------------------------------------

std::size_t Connection::receive() {
  std::size_t messages = 0;
  for (int reads = 0; reads < kReadsPerStep && socket_ != nullptr; ++reads) {
    const net::ReadResult read = socket_->read(parser_.prepare());
    if (read.status == net::ReadStatus::need_more) break;
    counters_.receive_calls.set(receive_calls_before_ + socket_->receive_calls());
    if (read.status != net::ReadStatus::ready) {
      const net::NetErrc code = socket_->error_code();
      const bool by_peer =
          code == net::NetErrc::closed_by_peer || code == net::NetErrc::tls_truncated;
      lost(by_peer ? StatusCause::closed_by_peer : StatusCause::io_error, socket_->error_errno(),
           net::to_string(code));
      break;
    }
    const MonoTime now = mono_now();
    session_.on_bytes(now);
    parser_.commit(read.bytes);
    messages += parse(read, now);
  }
  return messages;
}

std::size_t Connection::parse(const net::ReadResult& read, MonoTime now) {
  FrameMeta meta;
  meta.connection = number_;
  meta.epoch = session_.epoch();
  meta.received_mono = now;
  meta.kernel_time = KernelTime{read.kernel_unix_ns};
  std::size_t messages = 0;
  net::WsMessage message;
  net::ParseStatus status = parser_.next(message);
  for (; status == net::ParseStatus::ready && socket_ != nullptr; status = parser_.next(message)) {
    // A second message out of one read came with the same segment or record.
    const bool shared = read.kernel_time_shared || messages != 0;
    meta.flags = shared ? std::uint16_t{kKernelTimeShared} : std::uint16_t{0};
    ++messages;
    handle(message, meta);
  }
  if (status == net::ParseStatus::broken && socket_ != nullptr) {
    const net::WsViolation violation = parser_.violation();
    char frame[32];
    net::WsMask mask{};
    if (net::random_bytes(mask.data(), mask.size())) {
      const std::size_t bytes =
          net::write_ws_close(frame, net::close_code_for(violation), {}, mask);
      // Goodbye is a courtesy; the connection ends either way.
      static_cast<void>(socket_->write({frame, bytes}));
    }
    lost(StatusCause::protocol_violation, 0, net::to_string(violation));
  }
  if (socket_ != nullptr) watch_fragments();
  return messages;
}

void Connection::watch_fragments() {
  const std::uint64_t open = parser_.mid_message() ? parser_.data_message_count() + 1 : 0;
  if (open == message_open_since_) return;
  message_open_since_ = open;
  if (open != 0) {
    session_.on_message_started(mono_now());
  } else {
    session_.on_message_finished();
  }
}

void Connection::handle(const net::WsMessage& message, const FrameMeta& meta) {
  switch (message.opcode) {
    case net::WsOpcode::text:
    case net::WsOpcode::binary:
      on_data(message.payload, meta);
      break;
    case net::WsOpcode::ping:
      send(net::WsOpcode::pong, message.payload);
      break;
    case net::WsOpcode::close:
      on_close(message);
      break;
    case net::WsOpcode::pong:
    case net::WsOpcode::continuation:
      break;
  }
}

void Connection::on_data(std::span<const char> payload, const FrameMeta& partial) {
  FrameMeta meta = partial;
  meta.frame_sequence = ++frame_sequence_;
  const Decoded decoded = intake_.accept(payload, meta, [&](const EventHeader& event) noexcept {
    session_.on_event(event, meta.received_mono);
  });
  if (!decoded.ok()) {
    session_.on_bad_frame(meta.received_mono);
  } else if (decoded.frame_class == FrameClass::error) {
    session_.on_server_error(decoded.error.name, decoded.error.message, meta.received_mono);
    act();
  } else if (decoded.frame_class == FrameClass::subscriptions) {
    session_.on_subscriptions(decoded.subscriptions_json, meta.received_mono);
  } else if (decoded.frame_class != FrameClass::event) {
    session_.on_status_up(meta.received_mono);
  }
}

void Connection::on_close(const net::WsMessage& message) {
  std::string text = "close frame " + std::to_string(message.close_code);
  if (!message.payload.empty()) {
    text += ": ";
    text.append(message.payload.data(), message.payload.size());
  }
  lost(StatusCause::closed_by_peer, 0, text);
}

void Connection::lost(StatusCause cause, int system_errno, std::string_view text) {
  const std::uint32_t epoch = session_.epoch();
  receive_calls_before_ += socket_->receive_calls();
  socket_->close_now(true);
  socket_.reset();
  session_.on_closed(epoch, cause, system_errno, text, mono_now());
  act();
}

// --- what the session decides
// ---------------------------------------------------------------------

std::size_t Connection::act() {
  std::size_t actions = 0;
  for (; session_.next_action(action_); ++actions) {
    switch (action_.kind) {
      case ActionKind::dial:
        dial(action_.epoch);
        break;
      case ActionKind::send_text:
        if (!send(net::WsOpcode::text, action_.text)) {
          // The session takes it for sent, so only a new connection can make it good.
          if (socket_ != nullptr) lost(StatusCause::io_error, 0, "the request could not be sent");
          return actions;
        }
        if (action_.text.starts_with('[')) counters_.requests_sent.add();  // not the text PING
        break;
      case ActionKind::send_ping:
        send(net::WsOpcode::ping, {});
        break;
      case ActionKind::close:
        close(action_);
        break;
      case ActionKind::status:
        report(action_);
        break;
    }
  }
  return actions;
}

void Connection::dial(std::uint32_t epoch) {
  counters_.dials.add();
  ++dials_out_;
  net::DialRequest request;
  request.id = std::uint64_t{number_} << 32 | epoch;
  request.host = config_.endpoint.host;
  request.port = config_.endpoint.port;
  request.path = config_.endpoint.path;
  request.ca_file = config_.endpoint.ca_file;
  request.dns_timeout = config_.dns_timeout;
  request.connect_timeout_per_address = config_.connect_timeout;
  request.tls_timeout = config_.tls_timeout;
  request.http_timeout = config_.http_timeout;
  connector_.dial(std::move(request));
}

void Connection::on_dialled(net::DialResult result) {
  --dials_out_;
  const auto epoch = static_cast<std::uint32_t>(result.id);
  // A dial that the session gave up in the meantime; its socket closes with the result.
  if (epoch != session_.epoch() || session_.state() != SessionState::connecting) return;
  const MonoTime now = mono_now();
  if (result.socket == nullptr) {
    session_.on_dial_failed(epoch, failure_of(result.error), now);
    act();
    return;
  }
  socket_ = std::move(result.socket->tls);
  parser_.reset();
  message_open_since_ = 0;
  session_.on_connected(epoch, now);
  act();
  const std::string& leftover = result.socket->leftover;
  if (leftover.empty() || socket_ == nullptr) return;
  std::memcpy(parser_.prepare().data(), leftover.data(), leftover.size());
  parser_.commit(leftover.size());
  parse({.status = net::ReadStatus::ready, .bytes = leftover.size()}, now);
}

void Connection::close(const SessionAction& action) {
  connector_.cancel(std::uint64_t{number_} << 32 | action.epoch);
  if (socket_ == nullptr) return;
  net::WsMask mask{};
  char frame[32];
  if (action.graceful && net::random_bytes(mask.data(), mask.size())) {
    const std::size_t bytes = net::write_ws_close(frame, action.close_code, {}, mask);
    static_cast<void>(socket_->write({frame, bytes}));
  }
  receive_calls_before_ += socket_->receive_calls();
  socket_->close_now(action.graceful);
  socket_.reset();
}

bool Connection::send(net::WsOpcode opcode, std::span<const char> payload) {
  if (socket_ == nullptr) return false;
  net::WsMask mask{};
  if (!net::random_bytes(mask.data(), mask.size())) return false;
  outgoing_.resize(std::max(outgoing_.size(), net::ws_frame_bytes(payload.size())));
  const std::size_t bytes = net::write_ws_frame(outgoing_, opcode, payload, mask);
  // A socket that cannot take it is broken or will miss its pong; both end the connection by
  // themselves and the request is made again.
  return socket_->write({outgoing_.data(), bytes});
}

void Connection::report(const SessionAction& action) {
  StatusEvent event;
  event.size_bytes = sizeof event;
  event.kind = EventKind::status;
  event.connection = number_;
  event.epoch = action.epoch;
  event.received_mono = mono_now();
  event.state = action.state;
  event.previous_state = action.previous_state;
  event.cause = action.cause;
  event.server_error = action.server_error;
  event.http_status = action.http_status;
  event.system_errno = action.sys_errno;
  event.retry_in_ms = action.retry_in_ms;
  event.text.assign(std::string_view(action.text).substr(0, event.text.capacity()));
  if (action.previous_state == SessionState::live && action.state != SessionState::live &&
      action.cause != StatusCause::requested) {
    counters_.reconnects.add();
  }
  outlet_.status(event);
  if (config_.log == nullptr) return;
  std::string line = "connection " + std::to_string(number_) + " epoch " +
                     std::to_string(action.epoch) + ": " + std::string(to_string(action.state)) +
                     " (" + std::string(to_string(action.cause)) + ") " + action.text;
  config_.log(config_.log_context, line);
}

}  // namespace upfeed
