// What a C++ programmer writes first: Beast reads, nlohmann-json parses, books are maps of doubles.
// One thread, blocking reads: nothing is handed over.
#include <boost/asio/connect.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <map>
#include <nlohmann/json.hpp>

#include "client.hpp"

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using upfeed::peers::Samples;
using upfeed::peers::Task;

struct Book {
  std::map<double, double> asks;
  std::map<double, double, std::greater<>> bids;
};

struct Client {
  std::map<std::string, Book> books;
  double last_price = 0;

  /// False: the window is over.
  bool take(const nlohmann::json& frame, Samples& samples) {
    const auto type = frame.find("type");
    if (type == frame.end()) return true;
    const bool is_trade = *type == "trade";
    if (is_trade) {
      last_price = frame["trade_price"].get<double>();
    } else {
      Book& book = books[frame["code"].get<std::string>()];
      book = {};
      for (const auto& unit : frame["orderbook_units"]) {
        book.asks[unit["ask_price"].get<double>()] = unit["ask_size"].get<double>();
        book.bids[unit["bid_price"].get<double>()] = unit["bid_size"].get<double>();
      }
    }
    if (frame["stream_type"] != "REALTIME") return true;
    return samples.take(is_trade, frame["timestamp"].get<std::int64_t>());
  }
};

}  // namespace

int main(int argc, char** argv) {
  const Task task = Task::from(argc, argv);
  Samples samples(task);
  asio::io_context io;
  asio::ssl::context tls(asio::ssl::context::tls_client);
  tls.load_verify_file(task.ca_file);
  tls.set_verify_mode(asio::ssl::verify_peer);
  tls.set_verify_callback(asio::ssl::host_name_verification("localhost"));
  beast::websocket::stream<asio::ssl::stream<asio::ip::tcp::socket>> socket(io, tls);
  auto& tcp = beast::get_lowest_layer(socket);
  tcp.connect({asio::ip::address_v4::loopback(), task.port});
  tcp.set_option(asio::ip::tcp::no_delay(true));
  SSL_set_tlsext_host_name(socket.next_layer().native_handle(), "localhost");
  socket.next_layer().handshake(asio::ssl::stream_base::client);
  socket.handshake("localhost", "/websocket/v1");
  socket.write(asio::buffer(task.request()));
  Client client;
  beast::flat_buffer buffer;
  for (;;) {
    buffer.clear();
    socket.read(buffer);
    const auto* const text = static_cast<const char*>(buffer.data().data());
    if (!client.take(nlohmann::json::parse(text, text + buffer.size()), samples)) {
      return samples.finish();
    }
  }
}
