// The floor: OpenSSL on a blocking socket, which sleeps in the kernel until there is something, and
// a search for the time stamp in the text. No WebSocket rules, no JSON, no threads, no book: less
// than any client can do.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <charconv>
#include <cstring>
#include <string_view>

#include "client.hpp"

namespace {

using upfeed::peers::Samples;
using upfeed::peers::Task;

void require(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "floor client: %s failed\n", what);
  std::exit(1);
}

SSL* connect_to(const Task& task) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(task.port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  require(::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0,
          "connect");
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  require(SSL_CTX_load_verify_locations(context, task.ca_file.c_str(), nullptr) == 1, "CA file");
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  // One receive call for all that is there, instead of two a record.
  SSL_CTX_set_read_ahead(context, 1);
  SSL* const tls = SSL_new(context);
  SSL_set_fd(tls, socket);
  SSL_set_tlsext_host_name(tls, "localhost");
  require(SSL_set1_host(tls, "localhost") == 1 && SSL_connect(tls) == 1, "TLS handshake");
  return tls;
}

void write_all(SSL* tls, const std::string& text) {
  require(
      SSL_write(tls, text.data(), static_cast<int>(text.size())) == static_cast<int>(text.size()),
      "write");
}

/// One masked text frame; the mask is zero, so the text stands as it is.
std::string text_frame(const std::string& text) {
  std::string frame{'\x81', '\xfe', static_cast<char>(text.size() >> 8),
                    static_cast<char>(text.size())};
  frame.append(4, '\0');
  return frame + text;
}

/// Bytes of the frame's head and payload; 0: not all of it is there.
std::size_t frame_bytes(std::string_view input) {
  if (input.size() < 10) return 0;
  const auto byte = [input](std::size_t i) { return static_cast<unsigned char>(input[i]); };
  std::size_t bytes = byte(1);
  if (bytes < 126) return input.size() < bytes + 2 ? 0 : bytes + 2;
  bytes = static_cast<std::size_t>(byte(2) << 8 | byte(3)) + 4;
  return input.size() < bytes ? 0 : bytes;
}

/// False: the window is over.
bool take(std::string_view frame, Samples& samples) {
  constexpr std::string_view kStamp = "\"timestamp\":";
  const std::size_t at = frame.find(kStamp);
  if (at == std::string_view::npos || frame.find("REALTIME") == std::string_view::npos) return true;
  std::int64_t due_us = 0;
  std::from_chars(frame.data() + at + kStamp.size(), frame.data() + frame.size(), due_us);
  return samples.take(frame.find("\"trade\"") != std::string_view::npos, due_us);
}

}  // namespace

int main(int argc, char** argv) {
  const Task task = Task::from(argc, argv);
  Samples samples(task);
  SSL* const tls = connect_to(task);
  write_all(tls,
            "GET /websocket/v1 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  std::string input;
  std::vector<char> block(1U << 16U);
  const auto read_more = [&] {
    const int got = SSL_read(tls, block.data(), static_cast<int>(block.size()));
    require(got > 0, "read");
    input.append(block.data(), static_cast<std::size_t>(got));
  };
  std::size_t end = 0;
  while ((end = input.find("\r\n\r\n")) == std::string::npos) read_more();
  input.erase(0, end + 4);
  write_all(tls, text_frame(task.request()));
  for (;;) {
    std::size_t used = 0;
    const std::string_view all = input;
    while (const std::size_t bytes = frame_bytes(all.substr(used))) {
      if (!take(all.substr(used, bytes), samples)) return samples.finish();
      used += bytes;
    }
    input.erase(0, used);
    read_more();
  }
}
