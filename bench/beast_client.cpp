#include "beast_client.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>

namespace upfeed::bench {

namespace asio = boost::asio;
namespace beast = boost::beast;
using tcp = asio::ip::tcp;

struct BeastClient::Impl {
  static constexpr std::size_t kReservedBytes = std::size_t{1} << 16;

  asio::io_context io{1};
  asio::ssl::context tls{asio::ssl::context::tls_client};
  beast::websocket::stream<beast::ssl_stream<beast::tcp_stream>> stream{io, tls};
  beast::flat_buffer buffer;
  Mode mode;
  OnMessage on_message;
  void* context;

  Impl(Mode mode_given, OnMessage on_message_given, void* context_given)
      : mode(mode_given), on_message(on_message_given), context(context_given) {}

  void deliver() {
    buffer.reserve(buffer.size() + kPaddingBytes);
    const auto data = buffer.cdata();
    on_message(context, {static_cast<const char*>(data.data()), data.size()});
    buffer.consume(buffer.size());
  }

  void read_next() {
    stream.async_read(buffer, [this](beast::error_code error, std::size_t) {
      if (error) return;
      deliver();
      read_next();
    });
  }
};

BeastClient::BeastClient(Mode mode, std::uint16_t port, const std::string& ca_file,
                         OnMessage on_message, void* context)
    : impl_(std::make_unique<Impl>(mode, on_message, context)) {
  auto& stream = impl_->stream;
  impl_->tls.load_verify_file(ca_file);
  stream.next_layer().set_verify_mode(asio::ssl::verify_peer);
  stream.next_layer().set_verify_callback(asio::ssl::host_name_verification("127.0.0.1"));
  beast::get_lowest_layer(stream).connect(tcp::endpoint(asio::ip::address_v4::loopback(), port));
  beast::get_lowest_layer(stream).socket().set_option(tcp::no_delay(true));
  stream.next_layer().handshake(asio::ssl::stream_base::client);
  stream.handshake("127.0.0.1", "/websocket/v1");
  impl_->buffer.reserve(Impl::kReservedBytes);
  if (mode == Mode::asynchronous) {
    impl_->read_next();
    impl_->io.poll();
  }
}

BeastClient::~BeastClient() {
  beast::error_code ignored;
  beast::get_lowest_layer(impl_->stream).socket().close(ignored);
  impl_->io.poll();  // lets the read that is under way end
}

void BeastClient::step() {
  if (impl_->mode == Mode::asynchronous) {
    impl_->io.poll();
  } else {
    impl_->stream.read(impl_->buffer);
    impl_->deliver();
  }
}

}  // namespace upfeed::bench
