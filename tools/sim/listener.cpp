#include "sim/listener.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>

#include <array>
#include <chrono>
#include <ctime>
#include <map>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "sim/pipe.hpp"

namespace upfeed::sim {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using std::chrono::milliseconds;

constexpr milliseconds kCloseTimeout{2'000};
constexpr std::size_t kRequestBytesMax = 1U << 20;
constexpr milliseconds kAcceptPause{50};

/// Now in the form of the Date header, a client's only hint at the exchange's clock.
std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 64> text{};
  const std::size_t size =
      std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return {text.data(), size};
}

asio::ssl::context make_context(const Credentials& credentials, bool is_old) {
  asio::ssl::context tls(asio::ssl::context::tls_server);
  if (is_old) {
    // OpenSSL's default security level knows no TLS 1.1.
    SSL_CTX_set_cipher_list(tls.native_handle(), "ALL:@SECLEVEL=0");
    SSL_CTX_set_min_proto_version(tls.native_handle(), TLS1_VERSION);
    SSL_CTX_set_max_proto_version(tls.native_handle(), TLS1_1_VERSION);
  } else {
    SSL_CTX_set_min_proto_version(tls.native_handle(), TLS1_2_VERSION);
  }
  tls.use_certificate_chain(asio::buffer(credentials.certificate_pem));
  tls.use_private_key(asio::buffer(credentials.key_pem), asio::ssl::context::pem);
  return tls;
}

Handshake read_handshake(const http::request<http::string_body>& request) {
  Handshake handshake{std::string(request.target()),
                      std::string(request[http::field::host]),
                      {},
                      request.count(http::field::origin) > 0};
  if (request.count(http::field::authorization) > 0) {
    handshake.authorization = std::string(request[http::field::authorization]);
  }
  return handshake;
}

}  // namespace

struct Listener::Impl {
  class Session;

  Impl(const std::string& bind_address, std::uint16_t port, const Authority& certificates,
       ListenerEvents& listener_events)
      : events(listener_events),
        authority(certificates),
        acceptor(io),
        timer(io),
        accept_timer(io) {
    (void)context_for({});  // a certificate that cannot be made should fail here
    const Tcp::endpoint endpoint(asio::ip::make_address(bind_address), port);
    acceptor.open(endpoint.protocol());
    acceptor.set_option(Tcp::acceptor::reuse_address(true));
    acceptor.bind(endpoint);
    acceptor.listen();
  }

  void accept();
  void tick();
  Session* find(ConnectionId id) const {
    const auto found = open.find(id);
    return found == open.end() ? nullptr : found->second;
  }

  /// The TLS side of a plan, made at its first use.
  asio::ssl::context& context_for(const AcceptPlan& plan) {
    const bool is_old = plan.manner == AcceptPlan::Manner::old_tls;
    const auto key = std::make_pair(plan.certificate, is_old);
    auto found = contexts.find(key);
    if (found == contexts.end()) {
      found = contexts.emplace(key, make_context(authority.make(plan.certificate), is_old)).first;
    }
    return found->second;
  }

  void cut_all();

  ListenerEvents& events;
  const Authority& authority;
  std::unordered_map<ConnectionId, Session*> open;  // upgraded
  // All of them. Declared before `io`, whose destruction ends the last sessions.
  std::unordered_set<Session*> sessions;
  asio::io_context io{1};
  std::map<std::pair<CertificateKind, bool>, asio::ssl::context> contexts;
  std::vector<std::weak_ptr<PipeState>> orphans;  // may linger without a session
  Tcp::acceptor acceptor;
  asio::steady_timer timer;
  asio::steady_timer accept_timer;
  ConnectionId next_id = 1;
};

/// One TCP connection: HTTP requests until one of them upgrades, then WebSocket.
class Listener::Impl::Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Impl& owner, Tcp::socket socket, asio::ssl::context& context)
      : owner_(owner),
        pipe_state_(std::make_shared<PipeState>(std::move(socket), context)),
        pipe_(pipe_state_),
        close_timer_(owner.io) {}

  ~Session() { owner_.sessions.erase(this); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void start(AcceptPlan::Manner manner) {
    owner_.sessions.insert(this);
    error_code ignored;  // a peer that is gone again shows in the handshake
    pipe_state_->tls().lowest_layer().set_option(Tcp::no_delay(true), ignored);
    if (manner == AcceptPlan::Manner::reset) {
      pipe_state_->reset();
      return;
    }
    if (manner == AcceptPlan::Manner::stall || manner == AcceptPlan::Manner::garbage) {
      if (manner == AcceptPlan::Manner::garbage) {
        ByteScript script = garbage_record();
        script.push_back({PipeStep::Kind::fin});
        pipe_state_->add_script(std::move(script));
      }
      abandon();
      return;
    }
    pipe_state_->tls().async_handshake(asio::ssl::stream_base::server,
                                       [self = shared_from_this()](error_code error) {
                                         if (!error) self->read_http();
                                       });
  }

  void send(std::string_view payload) {
    if (is_closing_) return;
    if (fragment_bytes_ > 0) {
      const std::string bytes = fragmented(payload, fragment_bytes_);
      pipe_state_->append(bytes.data(), bytes.size());
      return;
    }
    error_code error;  // the memory behind never fails; a broken connection shows in the read
    socket_->write(asio::buffer(payload.data(), payload.size()), error);
  }

  void close(std::uint16_t code) {
    if (is_closing_) return;
    is_closing_ = true;
    close_timer_.expires_after(kCloseTimeout);
    close_timer_.async_wait([self = shared_from_this()](error_code error) {
      if (!error) self->cut();
    });
    socket_->async_close(websocket::close_reason(code),
                         [self = shared_from_this()](error_code) { self->close_timer_.cancel(); });
  }

  void cut() { pipe_state_->cut(); }
  PipeState& pipe() { return *pipe_state_; }
  [[nodiscard]] std::size_t queued_bytes() const { return pipe_state_->queued_bytes(); }
  void set_fragment_bytes(std::size_t bytes) { fragment_bytes_ = bytes; }
  void ignore_closes() {
    pipe_state_->ignore_closes();
    owner_.orphans.push_back(pipe_state_);
  }
  void end_faults() {
    fragment_bytes_ = 0;
    pipe_state_->end_faults();
  }

 private:
  void read_http() {
    parser_.emplace();
    parser_->body_limit(kRequestBytesMax);
    http::async_read(pipe_, buffer_, *parser_,
                     [self = shared_from_this()](error_code error, std::size_t) {
                       if (error) {
                         self->pipe_state_->finish();
                       } else {
                         self->handle_http(self->parser_->get());
                       }
                     });
  }

  /// Leaves the socket open and deaf until the peer or stop() ends it.
  void abandon() {
    owner_.orphans.push_back(pipe_state_);
    pipe_state_->linger();
  }

  void handle_http(const http::request<http::string_body>& request) {
    if (websocket::is_upgrade(request)) {
      handle_upgrade(request);
      return;
    }
    const bool is_get = request.method() == http::verb::get;
    reply_http(request, owner_.events.on_get(is_get ? std::string_view(request.target().data(),
                                                                       request.target().size())
                                                    : ""));
  }

  void handle_upgrade(const http::request<http::string_body>& request) {
    UpgradePlan plan = owner_.events.on_upgrade(read_handshake(request));
    if (plan.stalls) {
      abandon();
    } else if (plan.admission.refusal) {
      reply_http(request, *plan.admission.refusal);
    } else {
      admission_ = std::move(plan.admission);
      upgrade(request, plan.lies_on_key);
    }
  }

  void reply_http(const http::request<http::string_body>& request, const HttpReply& reply) {
    http::response<http::string_body> response(static_cast<http::status>(reply.status),
                                               request.version(), reply.body);
    response.set(http::field::date, http_date());
    response.set(http::field::content_type, reply.content_type);
    if (!reply.remaining_request.empty()) {
      response.set("Remaining-Req", reply.remaining_request);
      response.set("Limit-By-Ip", "Yes");
    }
    for (const auto& [name, value] : reply.headers) response.set(name, value);
    response.keep_alive(request.keep_alive());
    response.prepare_payload();
    error_code error;  // memory again
    http::write(pipe_, response, error);
    if (response.keep_alive()) {
      read_http();
    } else {
      pipe_state_->finish();
    }
  }

  void upgrade(const http::request<http::string_body>& request, bool lies_on_key) {
    buffer_.consume(buffer_.size());
    socket_.emplace(pipe_);
    socket_->set_option(
        websocket::stream_base::decorator([lies_on_key](websocket::response_type& response) {
          response.set(http::field::date, http_date());
          response.set("remaining-req", "group=websocket; min=300; sec=4");
          response.set("limit-by-ip", "Yes");
          if (lies_on_key) {
            response.set(http::field::sec_websocket_accept, "AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
          }
        }));
    websocket::permessage_deflate deflate;
    deflate.server_enable = true;
    socket_->set_option(deflate);
    socket_->read_message_max(kRequestBytesMax);
    socket_->write_buffer_bytes(1U << 16);
    socket_->auto_fragment(false);
    socket_->binary(true);
    socket_->async_accept(request, [self = shared_from_this()](error_code error) {
      if (!error) self->open();
    });
  }

  void open() {
    id_ = owner_.next_id++;
    owner_.open.emplace(id_, this);
    socket_->control_callback([this](websocket::frame_type kind, beast::string_view) {
      if (kind == websocket::frame_type::ping) owner_.events.on_ping(id_);
      if (kind == websocket::frame_type::pong) owner_.events.on_pong(id_);
      has_close_ = has_close_ || kind == websocket::frame_type::close;
    });
    owner_.events.on_open(id_, admission_);
    owner_.tick();
    read_message();
  }

  void read_message() {
    socket_->async_read(buffer_, [self = shared_from_this()](error_code error, std::size_t) {
      if (error) {
        self->end(error);
        return;
      }
      const auto data = self->buffer_.cdata();
      self->owner_.events.on_text(self->id_, {static_cast<const char*>(data.data()), data.size()});
      self->buffer_.consume(self->buffer_.size());
      self->owner_.tick();
      self->read_message();
    });
  }

  void end(error_code error) {
    owner_.open.erase(id_);
    owner_.events.on_closed(id_, has_close_ ? socket_->reason().code : 0);
    close_timer_.cancel();
    // After a closing handshake Beast has ended the stream; anything else leaves it to us.
    if (error != websocket::error::closed) cut();
  }

  Impl& owner_;
  std::shared_ptr<PipeState> pipe_state_;
  Pipe pipe_;
  asio::steady_timer close_timer_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  std::optional<websocket::stream<Pipe>> socket_;
  Admission admission_;
  ConnectionId id_ = 0;
  std::size_t fragment_bytes_ = 0;
  bool is_closing_ = false;
  bool has_close_ = false;
};

void Listener::Impl::accept() {
  acceptor.async_accept([this](error_code error, Tcp::socket socket) {
    if (error == asio::error::operation_aborted) return;
    if (!error) {
      const AcceptPlan plan = events.on_accept();
      std::make_shared<Session>(*this, std::move(socket), context_for(plan))->start(plan.manner);
      accept();
      return;
    }
    // Out of file descriptors, most likely: trying again at once would only burn the core.
    accept_timer.expires_after(kAcceptPause);
    accept_timer.async_wait([this](error_code stopped) {
      if (!stopped) accept();
    });
  });
}

void Listener::Impl::cut_all() {
  for (Session* const session : sessions) session->cut();
  for (const auto& orphan : orphans) {
    if (const auto pipe = orphan.lock()) pipe->cut();
  }
}

void Listener::Impl::tick() {
  const std::int64_t pause_us = events.on_tick();
  timer.expires_after(std::chrono::microseconds(pause_us));
  timer.async_wait([this](error_code error) {
    if (!error) tick();
  });
}

Listener::Listener(const std::string& bind_address, std::uint16_t port, const Authority& authority,
                   ListenerEvents& events)
    : impl_(std::make_unique<Impl>(bind_address, port, authority, events)) {}

Listener::~Listener() = default;

std::uint16_t Listener::port() const {
  return impl_->acceptor.local_endpoint().port();
}

void Listener::run() {
  impl_->accept();
  impl_->tick();
  impl_->io.run();
}

void Listener::post(std::function<void()> work) {
  asio::post(impl_->io, [this, work = std::move(work)] {
    work();
    impl_->tick();
  });
}

void Listener::stop() {
  asio::post(impl_->io, [this] {
    error_code ignored;  // closing twice is fine
    impl_->acceptor.close(ignored);
    impl_->cut_all();
    impl_->io.stop();
  });
}

void Listener::send(ConnectionId id, std::string_view payload) {
  if (auto* const session = impl_->find(id)) session->send(payload);
}

void Listener::close(ConnectionId id, std::uint16_t code) {
  if (auto* const session = impl_->find(id)) session->close(code);
}

void Listener::drop(ConnectionId id) {
  if (auto* const session = impl_->find(id)) session->cut();
}

void Listener::reset(ConnectionId id) {
  if (auto* const session = impl_->find(id)) session->pipe().reset();
}

void Listener::add_script(ConnectionId id, ByteScript script) {
  if (auto* const session = impl_->find(id)) session->pipe().add_script(std::move(script));
}

PipeShape Listener::shape(ConnectionId id) const {
  auto* const session = impl_->find(id);
  return session == nullptr ? PipeShape{} : session->pipe().shape();
}

void Listener::set_shape(ConnectionId id, const PipeShape& shape) {
  if (auto* const session = impl_->find(id)) session->pipe().set_shape(shape);
}

void Listener::set_frozen(ConnectionId id, bool frozen) {
  if (auto* const session = impl_->find(id)) session->pipe().set_frozen(frozen);
}

void Listener::ignore_closes(ConnectionId id) {
  if (auto* const session = impl_->find(id)) session->ignore_closes();
}

void Listener::ignore_pings(ConnectionId id) {
  if (auto* const session = impl_->find(id)) session->pipe().ignore_pings();
}

void Listener::end_faults() {
  for (const auto& [id, session] : impl_->open) session->end_faults();
}

void Listener::set_fragment_bytes(ConnectionId id, std::size_t bytes) {
  if (auto* const session = impl_->find(id)) session->set_fragment_bytes(bytes);
}

std::size_t Listener::queued_bytes(ConnectionId id) const {
  const auto* const session = impl_->find(id);
  return session == nullptr ? 0 : session->queued_bytes();
}

}  // namespace upfeed::sim
