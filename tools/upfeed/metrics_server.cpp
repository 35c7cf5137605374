#include "metrics_server.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <charconv>
#include <optional>
#include <thread>
#include <utility>

#include "signals.hpp"
#include "summary.hpp"
#include "upfeed/feed.hpp"

namespace upfeed::program {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using Request = http::request<http::empty_body>;
using Response = http::response<http::string_body>;

Error bad_address(std::string_view given, std::string_view what) {
  return {Errc::bad_config, "--metrics " + std::string(given) + ": " + std::string(what) +
                                "; give :PORT, or ADDRESS:PORT such as 0.0.0.0:9100"};
}

void put(Response& response, http::status status, std::string_view type, std::string body) {
  response.result(status);
  response.set(http::field::content_type, {type.data(), type.size()});
  response.body() = std::move(body);
}

Response answer(const Request& request, const Feed& feed) {
  constexpr std::string_view kText = "text/plain; charset=utf-8";
  Response response;
  response.version(11);
  response.keep_alive(false);
  response.set(http::field::cache_control, "no-store");
  const auto target = request.target();
  const auto path = target.substr(0, target.find('?'));
  if (request.method() != http::verb::get && request.method() != http::verb::head) {
    response.set(http::field::allow, "GET, HEAD");
    put(response, http::status::method_not_allowed, kText, "only GET and HEAD\n");
  } else if (path == "/metrics") {
    put(response, http::status::ok, "text/plain; version=0.0.4; charset=utf-8",
        prometheus_text(feed.metrics()));
  } else if (path == "/health") {
    const Health health = feed.health();
    std::string text;
    append_json(health, text);
    text += '\n';
    put(response,
        health.state == HealthState::unhealthy ? http::status::service_unavailable
                                               : http::status::ok,
        "application/json", std::move(text));
  } else {
    put(response, http::status::not_found, kText, "there are /metrics and /health\n");
  }
  const std::size_t length = response.body().size();
  if (request.method() == http::verb::head) response.body().clear();
  response.content_length(length);
  return response;
}

}  // namespace

class MetricsServer::Impl {
 public:
  Impl(const tcp::endpoint& endpoint, const Feed& feed) : feed_(feed), acceptor_(io_, endpoint) {}

  ~Impl() {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }

  void run() {
    accept();
    const SignalsBlocked blocked;
    thread_ = std::thread([this] { io_.run(); });
  }

  [[nodiscard]] tcp::endpoint endpoint() const { return acceptor_.local_endpoint(); }

 private:
  /// One request and its answer; ends in leave().
  struct Visit {
    explicit Visit(tcp::socket socket) : stream(std::move(socket)) {
      parser.header_limit(kHeaderBytesMax);
      parser.body_limit(boost::none);  // none is read; whoever sends one is told what there is
    }

    beast::tcp_stream stream;
    beast::flat_buffer buffer{kHeaderBytesMax};
    http::request_parser<http::empty_body> parser;
    Response response;
  };

  /// Takes the next connection unless one is awaited, or as many as there may be are here.
  void accept() {
    if (accepting_ || visits_ >= kConnectionsMax) return;
    accepting_ = true;
    acceptor_.async_accept([this](error_code error, tcp::socket socket) {
      accepting_ = false;
      if (error) return accept_later();
      ++visits_;
      read(std::make_shared<Visit>(std::move(socket)));
      accept();
    });
  }

  /// Without descriptors there is no sense in trying again at once.
  void accept_later() {
    retry_.expires_after(std::chrono::seconds(1));
    retry_.async_wait([this](error_code) { accept(); });
  }

  void leave() {
    --visits_;
    accept();
  }

  void read(std::shared_ptr<Visit> visit) {
    Visit& each = *visit;
    each.stream.expires_after(kTimeout);
    http::async_read_header(each.stream, each.buffer, each.parser,
                            [this, visit = std::move(visit)](error_code error, std::size_t) {
                              if (error) return leave();
                              write(visit);
                            });
  }

  void write(const std::shared_ptr<Visit>& visit) {
    visit->response = answer(visit->parser.get(), feed_);
    visit->stream.expires_after(kTimeout);
    http::async_write(visit->stream, visit->response, [this, visit](error_code, std::size_t) {
      error_code ignored;
      visit->stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
      leave();
    });
  }

  const Feed& feed_;
  std::size_t visits_ = 0;
  bool accepting_ = false;
  asio::io_context io_{1};
  tcp::acceptor acceptor_;
  asio::steady_timer retry_{io_};
  std::thread thread_;
};

Result<MetricsAddress> parse_metrics_address(std::string_view text) {
  MetricsAddress address;
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad_address(text, "the : before the port is missing");
  const std::string_view port = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc{} || end != port.data() + port.size()) {
    return bad_address(text, "the port is no number from 0 to 65535");
  }
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (!host.empty() && host != "localhost") address.host = host;
  error_code bad;
  asio::ip::make_address(address.host, bad);
  if (bad) return bad_address(text, "\"" + address.host + "\" is no address");
  return address;
}

Result<std::unique_ptr<MetricsServer>> MetricsServer::start(const MetricsAddress& address,
                                                            const Feed& feed) {
  try {
    auto impl = std::make_unique<Impl>(
        tcp::endpoint(asio::ip::make_address(address.host), address.port), feed);
    impl->run();
    return std::unique_ptr<MetricsServer>(new MetricsServer(std::move(impl)));
  } catch (const boost::system::system_error& error) {
    return Error{Errc::system, "--metrics " + address.host + ":" + std::to_string(address.port) +
                                   ": " + error.code().message() +
                                   "; give another port, or 0 for any free one"};
  }
}

MetricsServer::MetricsServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
MetricsServer::~MetricsServer() = default;

std::string MetricsServer::url() const {
  const tcp::endpoint endpoint = impl_->endpoint();
  std::string host = endpoint.address().to_string();
  if (endpoint.address().is_v6()) host = "[" + host + "]";
  return "http://" + host + ":" + std::to_string(endpoint.port());
}

}  // namespace upfeed::program
