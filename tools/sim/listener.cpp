#include "sim/listener.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>

#include <array>
#include <chrono>
#include <ctime>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace upfeed::sim {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using boost::system::error_code;
using Tcp = asio::ip::tcp;
using std::chrono::milliseconds;

constexpr milliseconds kCloseTimeout{2'000};
constexpr milliseconds kShutdownTimeout{500};
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

/// The bytes between WebSocket and TLS. Writes are collected in memory and go out together, so a
/// burst of frames costs a few TLS records and system calls instead of one each. A write never
/// blocks, which lets synchronous WebSocket writes (cheap) live beside an asynchronous read.
class PipeState : public std::enable_shared_from_this<PipeState> {
 public:
  PipeState(Tcp::socket socket, asio::ssl::context& context)
      : tls_(std::move(socket), context), timer_(tls_.get_executor()) {}

  asio::ssl::stream<Tcp::socket>& tls() { return tls_; }
  [[nodiscard]] std::size_t queued_bytes() const { return collected_.size() + going_.size(); }

  template <class Buffers>
  std::size_t append(const Buffers& buffers) {
    const std::size_t before = collected_.size();
    for (auto it = asio::buffer_sequence_begin(buffers); it != asio::buffer_sequence_end(buffers);
         ++it) {
      const asio::const_buffer part(*it);
      collected_.append(static_cast<const char*>(part.data()), part.size());
    }
    // Posted, not done: whatever the running handler still writes joins in.
    if (!is_flushing_ && !collected_.empty()) {
      is_flushing_ = true;
      asio::post(tls_.get_executor(), [self = shared_from_this()] { self->flush(); });
    }
    return collected_.size() - before;
  }

  /// Ends the stream properly once everything written is out.
  void finish() {
    is_finishing_ = true;
    if (!is_flushing_) shut_down();
  }

  void cut() {
    error_code ignored;  // already closed is as good
    timer_.cancel();
    tls_.lowest_layer().close(ignored);
  }

 private:
  void flush() {
    going_.clear();
    std::swap(going_, collected_);
    if (going_.empty()) {
      is_flushing_ = false;
      if (is_finishing_) shut_down();
      return;
    }
    asio::async_write(tls_, asio::buffer(going_),
                      [self = shared_from_this()](error_code error, std::size_t) {
                        if (error) {
                          self->cut();
                        } else {
                          self->flush();
                        }
                      });
  }

  void shut_down() {
    timer_.expires_after(kShutdownTimeout);
    timer_.async_wait([self = shared_from_this()](error_code error) {
      if (!error) self->cut();
    });
    tls_.async_shutdown([self = shared_from_this()](error_code) { self->cut(); });
  }

  asio::ssl::stream<Tcp::socket> tls_;
  asio::steady_timer timer_;
  std::string collected_;
  std::string going_;
  bool is_flushing_ = false;
  bool is_finishing_ = false;
};

/// PipeState as the stream type that Beast wants.
class Pipe {
 public:
  using executor_type = asio::ssl::stream<Tcp::socket>::executor_type;

  explicit Pipe(std::shared_ptr<PipeState> state) : state_(std::move(state)) {}

  executor_type get_executor() { return state_->tls().get_executor(); }
  PipeState& state() { return *state_; }

  template <class Buffers>
  std::size_t read_some(const Buffers& buffers) {
    return state_->tls().read_some(buffers);
  }
  template <class Buffers>
  std::size_t read_some(const Buffers& buffers, error_code& error) {
    return state_->tls().read_some(buffers, error);
  }
  template <class Buffers>
  std::size_t write_some(const Buffers& buffers) {
    return state_->append(buffers);
  }
  template <class Buffers>
  std::size_t write_some(const Buffers& buffers, error_code& error) {
    error = {};
    return state_->append(buffers);
  }
  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return state_->tls().async_read_some(buffers, std::forward<Token>(token));
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return asio::async_initiate<Token, void(error_code, std::size_t)>(
        [state = state_](auto handler, const Buffers& parts) {
          const std::size_t written = state->append(parts);
          asio::post(state->tls().get_executor(),
                     beast::bind_front_handler(std::move(handler), error_code{}, written));
        },
        token, buffers);
  }

 private:
  std::shared_ptr<PipeState> state_;
};

// Beast finds these two by argument-dependent lookup.
template <class Handler>
void async_teardown(beast::role_type, Pipe& pipe, Handler&& handler) {
  pipe.state().finish();
  asio::post(pipe.get_executor(),
             beast::bind_front_handler(std::forward<Handler>(handler), error_code{}));
}

void beast_close_socket(Pipe& pipe) {
  pipe.state().cut();
}

}  // namespace

struct Listener::Impl {
  class Session;

  Impl(const std::string& bind_address, std::uint16_t port, const Credentials& credentials,
       ListenerEvents& listener_events)
      : events(listener_events),
        tls(asio::ssl::context::tls_server),
        acceptor(io),
        timer(io),
        accept_timer(io) {
    tls.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                    asio::ssl::context::no_tlsv1_1);
    tls.use_certificate_chain(asio::buffer(credentials.certificate_pem));
    tls.use_private_key(asio::buffer(credentials.key_pem), asio::ssl::context::pem);
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

  ListenerEvents& events;
  std::unordered_map<ConnectionId, Session*> open;  // upgraded
  // All of them. Declared before `io`, whose destruction ends the last sessions.
  std::unordered_set<Session*> sessions;
  asio::io_context io{1};
  asio::ssl::context tls;
  Tcp::acceptor acceptor;
  asio::steady_timer timer;
  asio::steady_timer accept_timer;
  ConnectionId next_id = 1;
};

/// One TCP connection: HTTP requests until one of them upgrades, then WebSocket.
class Listener::Impl::Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Impl& owner, Tcp::socket socket)
      : owner_(owner),
        pipe_state_(std::make_shared<PipeState>(std::move(socket), owner.tls)),
        pipe_(pipe_state_),
        close_timer_(owner.io) {}

  ~Session() { owner_.sessions.erase(this); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void start() {
    owner_.sessions.insert(this);
    error_code ignored;  // a peer that is gone again shows in the handshake
    pipe_state_->tls().lowest_layer().set_option(Tcp::no_delay(true), ignored);
    pipe_state_->tls().async_handshake(asio::ssl::stream_base::server,
                                       [self = shared_from_this()](error_code error) {
                                         if (!error) self->read_http();
                                       });
  }

  void send(std::string_view payload) {
    if (is_closing_) return;
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
  [[nodiscard]] std::size_t queued_bytes() const { return pipe_state_->queued_bytes(); }

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

  void handle_http(const http::request<http::string_body>& request) {
    if (websocket::is_upgrade(request) && request.target() == "/websocket/v1") {
      upgrade(request);
      return;
    }
    const bool is_get = request.method() == http::verb::get;
    const HttpReply reply = owner_.events.on_get(
        is_get ? std::string_view(request.target().data(), request.target().size()) : "");
    http::response<http::string_body> response(http::int_to_status(reply.status), request.version(),
                                               reply.body);
    response.set(http::field::date, http_date());
    response.set(http::field::content_type, "application/json;charset=UTF-8");
    if (!reply.remaining_request.empty()) {
      response.set("Remaining-Req", reply.remaining_request);
      response.set("Limit-By-Ip", "Yes");
    }
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

  void upgrade(const http::request<http::string_body>& request) {
    buffer_.consume(buffer_.size());
    socket_.emplace(pipe_);
    socket_->set_option(websocket::stream_base::decorator([](websocket::response_type& response) {
      response.set(http::field::date, http_date());
      response.set("remaining-req", "group=websocket; min=300; sec=4");
      response.set("limit-by-ip", "Yes");
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
      if (kind != websocket::frame_type::close) owner_.events.on_ping(id_);
    });
    owner_.events.on_open(id_);
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
    owner_.events.on_closed(id_);
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
  ConnectionId id_ = 0;
  bool is_closing_ = false;
};

void Listener::Impl::accept() {
  acceptor.async_accept([this](error_code error, Tcp::socket socket) {
    if (error == asio::error::operation_aborted) return;
    if (!error) {
      std::make_shared<Session>(*this, std::move(socket))->start();
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

void Listener::Impl::tick() {
  const std::int64_t pause_us = events.on_tick();
  timer.expires_after(std::chrono::microseconds(pause_us));
  timer.async_wait([this](error_code error) {
    if (!error) tick();
  });
}

Listener::Listener(const std::string& bind_address, std::uint16_t port,
                   const Credentials& credentials, ListenerEvents& events)
    : impl_(std::make_unique<Impl>(bind_address, port, credentials, events)) {}

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
    for (Impl::Session* const session : impl_->sessions) session->cut();
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

std::size_t Listener::queued_bytes(ConnectionId id) const {
  const auto* const session = impl_->find(id);
  return session == nullptr ? 0 : session->queued_bytes();
}

}  // namespace upfeed::sim
