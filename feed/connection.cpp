#include "connection.hpp"

#include <algorithm>
#include <cstring>

#include "net/tls_context.hpp"

namespace upfeed {

namespace {

constexpr std::int64_t kCountEveryNs = 50'000'000;

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
  session.silence_limit = {.ticker = config.silence.ticker,
                           .trade = config.silence.trade,
                           .orderbook = config.silence.orderbook,
                           .candle = config.silence.candle};
  session.silence_limit_max = config.silence.max;
  session.audit_timeout = config.audit_timeout;
  session.has_book_levels = !config.endpoint.regional;
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

Connection::Connection(const Place& place, const Shared& shared, std::uint32_t first_epoch,
                       bool background)
    : number_(place.number),
      kind_(place.kind),
      config_(shared.config),
      connector_(shared.connector),
      intake_(shared.intake),
      outlet_(shared.outlet),
      tap_(shared.tap),
      counters_(place.counters),
      next_dial_(shared.next_dial),
      session_(session_config(shared.config), shared.budget,
               jitter_seed(shared.config, place.number)),
      parser_({.message_bytes_max = shared.config.message_bytes_max}),
      background_(background) {
  session_.start(session_now(), first_epoch);
  count();
}

void Connection::takes_over() {
  background_ = false;
  base_ = told_so_far();
  counters_.renewals.add();
  StatusEvent event;
  event.epoch = session_.epoch();
  event.previous_state = SessionState::connecting;
  event.state = session_.state();
  event.cause = StatusCause::renewed;
  event.text.assign("a younger connection has taken over");
  tell(event);
  count();
}

void Connection::retire() {
  background_ = true;
  session_.stop(session_now());
  act();
}

std::size_t Connection::step() {
  std::size_t work = socket_ != nullptr ? receive() : 0;
  const MonoTime now = session_now();
  const std::uint32_t audits = counters_.audits_asked.load(std::memory_order_relaxed);
  if (audits != audits_seen_) {
    audits_seen_ = audits;
    session_.audit(now);
  }
  if (now >= session_.deadline()) session_.tick(now);
  const std::size_t actions = act();
  if (wants_write()) socket_->flush();
  if (actions != 0 || now - counted_at_ >= kCountEveryNs) {
    counted_at_ = now;
    live_since_ =
        session_.state() == SessionState::live ? std::min(live_since_, now) : MonoTime{INT64_MAX};
    count();
  }
  return work + actions;
}

void Connection::count() noexcept {
  if (background_) return;
  const SessionCounters& from = session_.counters();
  const SessionCounters& base = base_;
  counters_.dials.set(base.dials + from.dials);
  counters_.connects.set(base.connects + from.connects);
  counters_.requests_sent.set(base.requests + from.requests);
  counters_.pings_sent.set(base.pings + from.pings);
  counters_.limiter_waits.set(base.limiter_waits + from.limiter_waits);
  for (std::size_t i = 0; i < kStatusCauseCount; ++i) {
    counters_.ends_by_cause[i].set(base.ends[i] + from.ends[i]);
  }
  counters_.streams_wanted.set(session_.wanted_count());
  counters_.streams_awaited.set(session_.awaited_count());
  counters_.epoch.set(session_.epoch());
  counters_.probes.set(base.probes + from.probes);
  counters_.silent_streams.set(base.silent_streams + from.silent_streams);
  counters_.refused_streams.set(base.refused_streams + from.refused_streams);
  counters_.audits.set(base.audits + from.audits);
  counters_.lists.set(base.lists + from.lists);
  counters_.last_audit.store(session_.last_audit().outcome, std::memory_order_relaxed);
  counters_.subscribed.store(session_.fully_subscribed(), std::memory_order_relaxed);
  counters_.state.store(session_.state(), std::memory_order_relaxed);
}

/// What those before this connection have counted in its place.
SessionCounters Connection::told_so_far() const noexcept {
  SessionCounters told;
  told.dials = counters_.dials.get();
  told.connects = counters_.connects.get();
  told.requests = counters_.requests_sent.get();
  told.pings = counters_.pings_sent.get();
  told.limiter_waits = counters_.limiter_waits.get();
  told.probes = counters_.probes.get();
  told.silent_streams = counters_.silent_streams.get();
  told.refused_streams = counters_.refused_streams.get();
  told.audits = counters_.audits.get();
  told.lists = counters_.lists.get();
  for (std::size_t i = 0; i < kStatusCauseCount; ++i) {
    told.ends[i] = counters_.ends_by_cause[i].get();
  }
  return told;
}

void Connection::stop() {
  session_.stop(session_now());
  act();
  count();
}

// --- receiving
// ------------------------------------------------------------------------------------

std::size_t Connection::receive() {
  std::size_t work = 0;
  // The kernel is asked once a step. Asking until it has nothing more would cost a call for each
  // read, before the dispatcher is woken and before the thread's other connections are served.
  for (int reads = 0; reads < kReadsPerStep; ++reads) {
    if (reads != 0 && (socket_ == nullptr || !socket_->has_buffered())) break;
    const net::ReadResult read = socket_->read(parser_.prepare());
    if (read.status == net::ReadStatus::need_more) break;
    counters_.receive_calls.add(socket_->receive_calls() - receive_calls_seen_);
    receive_calls_seen_ = socket_->receive_calls();
    if (read.status != net::ReadStatus::ready) {
      const net::NetErrc code = socket_->error_code();
      const bool by_peer =
          code == net::NetErrc::closed_by_peer || code == net::NetErrc::tls_truncated;
      lost(by_peer ? StatusCause::closed_by_peer : StatusCause::io_error, socket_->error_errno(),
           net::to_string(code));
      break;
    }
    const MonoTime now = mono_now();
    read_at_ = session_now();
    session_.on_bytes(read_at_);
    parser_.commit(read.bytes);
    // A part of a message is work, too: the rest is most likely there.
    work += std::max<std::size_t>(parse(read, now), 1);
  }
  return work;
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
    // Several messages out of one read came with the same segment or record.
    const bool shared = read.kernel_time_shared || messages != 0 || parser_.mid_message();
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
    session_.on_message_started(session_now());
  } else {
    session_.on_message_finished();
  }
}

void Connection::handle(const net::WsMessage& message, const FrameMeta& meta) {
  switch (message.opcode) {
    case net::WsOpcode::text:
    case net::WsOpcode::binary:
      if (tap_ != nullptr) {
        tap_->frame(static_cast<std::uint8_t>(message.opcode), message.payload, meta);
      }
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
  counters_.frames.add();
  counters_.bytes.add(payload.size());
  counters_.last_frame_ns.set(meta.received_mono.ns);
  const Decoded decoded = intake_.accept(payload, meta, [&](const EventHeader& event) noexcept {
    session_.on_event(event, read_at_);
  });
  if (!decoded.ok()) {
    session_.on_bad_frame(read_at_);
  } else if (decoded.frame_class == FrameClass::error) {
    session_.on_server_error(decoded.error.name, decoded.error.message, read_at_);
    act();
  } else if (decoded.frame_class == FrameClass::subscriptions) {
    session_.on_subscriptions(decoded.subscriptions_json, read_at_);
  } else if (decoded.frame_class != FrameClass::event) {
    session_.on_status_up(read_at_);
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
  socket_->close_now(true);
  socket_.reset();
  session_.on_closed(epoch, cause, system_errno, text, session_now());
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
        if (tap_ != nullptr) tap_->request(action_.text, number_, session_.epoch(), mono_now());
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
  net::DialRequest request;
  request.id = next_dial_++;
  dials_out_.push_back({request.id, epoch});
  request.host = config_.endpoint.host;
  request.port = config_.endpoint.port;
  request.path = config_.endpoint.path;
  if (kind_ != ConnectionKind::market) {
    request.path += "/" + std::string(to_string(kind_));
    request.login = {config_.keys, config_.token_algorithm, config_.keys_host};
  }
  request.ca_file = config_.endpoint.ca_file;
  request.dns_timeout = config_.dns_timeout;
  request.connect_timeout_per_address = config_.connect_timeout;
  request.tls_timeout = config_.tls_timeout;
  request.http_timeout = config_.http_timeout;
  connector_.dial(std::move(request));
}

bool Connection::on_dialled(net::DialResult& result) {
  const auto dial = std::find_if(dials_out_.begin(), dials_out_.end(),
                                 [&](const Dial& each) { return each.id == result.id; });
  if (dial == dials_out_.end()) return false;
  const std::uint32_t epoch = dial->epoch;
  dials_out_.erase(dial);
  // A dial that the session gave up in the meantime; its socket closes with the result.
  if (epoch != session_.epoch() || session_.state() != SessionState::connecting) return true;
  read_at_ = session_now();
  if (result.socket == nullptr) {
    session_.on_dial_failed(epoch, failure_of(result.error), read_at_);
    act();
    return true;
  }
  socket_ = std::move(result.socket->tls);
  receive_calls_seen_ = 0;
  counters_.certificate_expires_unix_s.set(socket_->certificate_not_after_unix_s());
  parser_.reset();
  message_open_since_ = 0;
  session_.on_connected(epoch, read_at_);
  act();
  const std::string& leftover = result.socket->leftover;
  if (leftover.empty() || socket_ == nullptr) return true;
  std::memcpy(parser_.prepare().data(), leftover.data(), leftover.size());
  parser_.commit(leftover.size());
  parse({.status = net::ReadStatus::ready, .bytes = leftover.size()}, mono_now());
  return true;
}

void Connection::close(const SessionAction& action) {
  for (const Dial& each : dials_out_) {
    if (each.epoch == action.epoch) connector_.cancel(each.id);
  }
  if (socket_ == nullptr) return;
  net::WsMask mask{};
  char frame[32];
  if (action.graceful && net::random_bytes(mask.data(), mask.size())) {
    const std::size_t bytes = net::write_ws_close(frame, action.close_code, {}, mask);
    static_cast<void>(socket_->write({frame, bytes}));
  }
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
  event.epoch = action.epoch;
  event.state = action.state;
  event.previous_state = action.previous_state;
  event.cause = action.cause;
  event.server_error = action.server_error;
  event.http_status = action.http_status;
  event.system_errno = action.sys_errno;
  event.retry_in_ms = action.retry_in_ms;
  event.text.assign(std::string_view(action.text).substr(0, event.text.capacity()));
  if (action.lost) {
    const WantedStream& stream = action.lost->stream;
    event.market = stream.market;
    event.code = stream.code;
    event.lost_kind = stream.kind;
    event.candle_unit = stream.candle_unit;
    event.level = stream.level;
    event.silent_ns = action.lost->silent_ns;
  }
  if (!background_ && action.previous_state == SessionState::live &&
      action.state != SessionState::live && action.cause != StatusCause::requested) {
    counters_.reconnects.add();
  }
  tell(event);
}

void Connection::tell(const StatusEvent& told) {
  StatusEvent event = told;
  event.size_bytes = sizeof event;
  event.kind = EventKind::status;
  event.connection = number_;
  event.received_mono = mono_now();
  if (!background_) outlet_.status(event);
  if (config_.log == nullptr) return;
  std::string line = "connection " + std::to_string(number_) +
                     (background_ ? " (in the background)" : "") + " epoch " +
                     std::to_string(event.epoch) + ": " + std::string(to_string(event.state)) +
                     " (" + std::string(to_string(event.cause)) + ") ";
  line += event.text.view();
  try {
    config_.log(config_.log_context, line);
  } catch (...) {
    // The hook's own trouble: what is logged has been told as a status, and the feed goes on.
  }
}

}  // namespace upfeed
