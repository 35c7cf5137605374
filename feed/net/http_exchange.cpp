#include "net/http_exchange.hpp"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http.hpp>
#include <optional>
#include <sstream>
#include <string_view>

#include "net/jwt.hpp"
#include "net/retry_hint.hpp"
#include "net/tls_context.hpp"

namespace upfeed::net {
namespace {

namespace http = boost::beast::http;
using Request = http::request<http::empty_body>;
using Parser = http::response_parser<http::string_body>;

constexpr std::uint32_t kHeaderBytesMax = 16u << 10;
constexpr std::size_t kRefusalBodyBytesMax = 64u << 10;
constexpr std::chrono::milliseconds kRefusalBodyTimeMax{500};
constexpr std::size_t kReadBytes = 16384;  // one TLS record
constexpr char kUserAgent[] = "upfeed";

NetError make_error(NetErrc code, std::string detail) {
  NetError error;
  error.code = code;
  error.detail = std::move(detail);
  return error;
}

bool iequals(std::string_view a, std::string_view b) {
  return boost::beast::iequals({a.data(), a.size()}, {b.data(), b.size()});
}

bool has_control_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

std::string base64(const unsigned char* bytes, std::size_t count) {
  std::string out(4 * ((count + 2) / 3) + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes, static_cast<int>(count));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

// RFC 6455 4.2.2, item 5.4.
std::string accept_for(const std::string& key) {
  const std::string text = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest;
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return base64(digest.data(), digest.size());
}

Request make_request(const std::string& host, std::uint16_t port, const std::string& target,
                     const HeaderList& headers) {
  Request request(http::verb::get, target, 11);
  const bool v6 = host.find(':') != std::string::npos;
  std::string authority = v6 ? "[" + host + "]" : host;
  if (port != 443) authority += ":" + std::to_string(port);
  request.set(http::field::host, authority);
  request.set(http::field::user_agent, kUserAgent);
  for (const auto& [name, value] : headers) request.insert(name, value);
  return request;
}

std::string head_of(const Request& request) {
  std::ostringstream text;
  text << request;
  return text.str();
}

NetError send_request(TlsSocket& socket, const Request& request, Limits limits) {
  return socket.write_all(head_of(request), limits, NetErrc::http_timeout);
}

// The token joins the rest of the head in wiped memory only; OpenSSL encrypts its copy in place.
NetError send_request_with_login(TlsSocket& socket, const Request& request, const Login& login,
                                 Limits limits) {
  constexpr std::string_view kLineEnd = "\r\n";
  const Secret token = make_token(*login.keys, login.algorithm);
  if (token.empty()) return make_error(NetErrc::out_of_resources, "no login token could be made");
  std::string head = head_of(request);
  head.resize(head.size() - kLineEnd.size());  // the empty line at its end
  const Secret whole =
      Secret::join({head, "Authorization: Bearer ", token.reveal(), kLineEnd, kLineEnd});
  return socket.write_all(whole.reveal(), limits, NetErrc::http_timeout);
}

NetError grammar_error(boost::beast::error_code failure) {
  const bool too_big = failure == http::error::header_limit || failure == http::error::body_limit;
  return make_error(too_big ? NetErrc::http_too_big : NetErrc::http_bad_reply, failure.message());
}

// Feeds the parser until its header (or, with eager, the whole message) is complete. `surplus` gets
// what came behind it; the parser holds no bytes of its own, so they are exactly what is left.
NetError read_reply(TlsSocket& socket, Parser& parser, Limits limits, std::string& surplus) {
  std::string unparsed = std::move(surplus);
  surplus.clear();
  const auto complete = [&] { return parser.eager() ? parser.is_done() : parser.is_header_done(); };
  std::array<char, kReadBytes> chunk;
  std::size_t received = 0;
  for (;;) {
    while (!unparsed.empty() && !complete()) {
      boost::beast::error_code failure;
      const std::size_t used =
          parser.put(boost::asio::const_buffer(unparsed.data(), unparsed.size()), failure);
      unparsed.erase(0, used);
      if (failure == http::error::need_more) break;
      if (failure) return grammar_error(failure);
      if (used == 0) break;
    }
    if (complete()) break;
    // Beast applies its limit to what it holds back, not to what it has consumed line by line.
    if (!parser.is_header_done() && received > kHeaderBytesMax) {
      return make_error(NetErrc::http_too_big, "header limit exceeded");
    }
    std::size_t count = 0;
    NetError error = socket.read_some(chunk, count, limits, NetErrc::http_timeout);
    if (error.code == NetErrc::closed_by_peer && parser.is_header_done()) {
      boost::beast::error_code failure;
      parser.put_eof(failure);  // a body without length ends with the connection
      if (!failure) break;
    }
    if (!error.ok()) return error;
    unparsed.append(chunk.data(), count);
    received += count;
  }
  surplus = std::move(unparsed);
  return {};
}

std::string header(const Parser& parser, std::string_view name) {
  const auto value = parser.get()[boost::beast::string_view(name.data(), name.size())];
  return std::string(value.data(), value.size());
}

void keep_headers(const Parser& parser, HttpReply& reply) {
  reply.status = static_cast<int>(parser.get().result_int());
  reply.remaining_req = header(parser, "Remaining-Req");
  reply.limit_by_ip = header(parser, "Limit-By-Ip");
}

NetError status_error(const Parser& parser, const HttpReply& reply) {
  NetError error;
  error.code = NetErrc::http_status;
  error.http_status = reply.status;
  error.detail = "HTTP status " + std::to_string(reply.status);
  error.retry_after_ms = retry_hint_ms(reply.status, header(parser, "Retry-After"),
                                       header(parser, "Date"), reply.body);
  return error;
}

NetError check_upgrade(const Parser& parser, const std::string& key) {
  const auto bad = [](const char* what) { return make_error(NetErrc::http_bad_reply, what); };
  if (!iequals(header(parser, "Upgrade"), "websocket")) return bad("Upgrade is not websocket");
  if (!http::token_list(header(parser, "Connection")).exists("upgrade")) {
    return bad("Connection does not say upgrade");
  }
  if (header(parser, "Sec-WebSocket-Accept") != accept_for(key)) {
    return bad("Sec-WebSocket-Accept does not match our key");
  }
  if (!header(parser, "Sec-WebSocket-Extensions").empty()) return bad("extension not asked for");
  if (!header(parser, "Sec-WebSocket-Protocol").empty()) return bad("subprotocol not asked for");
  return {};
}

// The body of a refusal may name the block time. Best effort: the status is known by now, and a
// body that comes late or never changes nothing about it.
void read_refusal_body(TlsSocket& socket, Parser& parser, Limits limits, std::string& surplus,
                       HttpReply& reply) {
  parser.eager(true);
  parser.body_limit(kRefusalBodyBytesMax);
  limits.deadline =
      std::min(limits.deadline, std::chrono::steady_clock::now() + kRefusalBodyTimeMax);
  static_cast<void>(read_reply(socket, parser, limits, surplus));
  reply.body = parser.get().body();
}

}  // namespace

NetError check_request(const std::string& host, const std::string& target,
                       const HeaderList& headers) {
  const auto bad = [](std::string what) {
    return make_error(NetErrc::bad_request, std::move(what));
  };
  const auto unfit = [](const std::string& text) {
    return text.empty() || has_control_character(text) || text.find(' ') != std::string::npos;
  };
  if (unfit(host)) return bad("host is empty or holds spaces or control characters");
  if (unfit(target) || target[0] != '/') return bad("target does not start with / or holds spaces");
  for (const auto& [name, value] : headers) {
    if (unfit(name) || name.find(':') != std::string::npos) return bad("header name is malformed");
    if (has_control_character(value)) return bad("header " + name + " holds control characters");
    if (iequals(name, "Origin")) return bad("Origin must not be sent");
    if (iequals(name, "Authorization")) return bad("Authorization is made by a login only");
    constexpr std::string_view kPrefix = "Sec-WebSocket-";
    if (iequals(std::string_view(name).substr(0, kPrefix.size()), kPrefix)) {
      return bad("header " + name + " belongs to the handshake");
    }
  }
  return {};
}

NetError upgrade_to_websocket(TlsSocket& socket, const std::string& host, std::uint16_t port,
                              const std::string& target, const HeaderList& headers,
                              const Login& login, Limits limits, HttpReply& reply) {
  std::array<unsigned char, 16> nonce;
  if (!random_bytes(nonce.data(), nonce.size())) {
    return make_error(NetErrc::out_of_resources, "no random bytes");
  }
  const std::string key = base64(nonce.data(), nonce.size());
  Request request = make_request(host, port, target, headers);
  request.set(http::field::upgrade, "websocket");
  request.set(http::field::connection, "Upgrade");
  request.set(http::field::sec_websocket_version, "13");
  request.set(http::field::sec_websocket_key, key);
  NetError error = login.keys == nullptr ? send_request(socket, request, limits)
                                         : send_request_with_login(socket, request, login, limits);
  if (!error.ok()) return error;

  Parser parser;
  parser.header_limit(kHeaderBytesMax);
  parser.eager(false);
  std::string surplus;
  error = read_reply(socket, parser, limits, surplus);
  if (!error.ok()) return error;
  keep_headers(parser, reply);
  if (reply.status != 101) {
    read_refusal_body(socket, parser, limits, surplus, reply);
    return status_error(parser, reply);
  }
  reply.body = std::move(surplus);
  return check_upgrade(parser, key);
}

NetError get_over(TlsSocket& socket, const RestRequest& request, Limits limits, HttpReply& reply) {
  Request message = make_request(request.host, request.port, request.target, request.headers);
  message.set(http::field::accept, "application/json");
  message.set(http::field::connection, "close");
  NetError error = send_request(socket, message, limits);
  if (!error.ok()) return error;

  Parser parser;
  parser.header_limit(kHeaderBytesMax);
  parser.body_limit(request.body_bytes_max);
  parser.eager(true);
  std::string surplus;
  error = read_reply(socket, parser, limits, surplus);
  if (!error.ok()) {
    if (parser.is_header_done()) error.http_status = static_cast<int>(parser.get().result_int());
    return error;
  }
  keep_headers(parser, reply);
  reply.body = std::move(parser.get().body());
  if (reply.status < 200 || reply.status > 299) return status_error(parser, reply);
  return error;
}

}  // namespace upfeed::net
