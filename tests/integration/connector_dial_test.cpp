// The steps of a dial: names, addresses, the upgrade, and what each failure is called.
#include "connector_harness.hpp"

namespace upfeed::net {
namespace {

using test::CertificateKind;

class ConnectorDial : public testing::Test {
 protected:
  void SetUp() override { context_ = certificates_.server_context(CertificateKind::good); }

  // A server that upgrades properly and stays until the client leaves.
  test::TlsTestServer::Script upgrade() {
    return [](test::ServerPeer& peer) {
      if (!peer.handshake()) return;
      const std::string request = peer.read_request();
      if (request.empty()) return;
      peer.put(test::upgrade_reply(request));
      peer.flush();
      peer.wait_closed(milliseconds(5'000));
    };
  }

  // One dial against a fixed HTTP reply; "{accept}" stands for the right Accept value.
  DialResult dial_against(const std::string& reply, bool close_after = false) {
    test::TlsTestServer server(context_, [&](test::ServerPeer& peer) {
      if (!peer.handshake()) return;
      const std::string request = peer.read_request();
      std::string text = reply;
      if (const std::size_t at = text.find("{accept}"); at != std::string::npos) {
        text.replace(at, 8, test::header_of(test::upgrade_reply(request), "Sec-WebSocket-Accept"));
      }
      peer.put(text);
      if (close_after) peer.close_notify();
      peer.flush();
      peer.wait_closed(milliseconds(3'000));
    });
    DialRequest request = request_to(certificates_);
    request.http_timeout = milliseconds(400);
    return dial_once(server, request);
  }

  test::TestCertificates certificates_;
  test::ServerContext context_;
};

TEST_F(ConnectorDial, request_is_what_rfc_6455_asks_and_has_no_origin) {
  // The head as the server got it: all required headers, ours added, no Origin, no extension offer,
  // and a key that differs from dial to dial.
  std::vector<std::string> heads;
  {
    test::TlsTestServer server(context_, [&](test::ServerPeer& peer) {
      ASSERT_TRUE(peer.handshake());
      heads.push_back(peer.read_request());
      peer.put(test::upgrade_reply(heads.back()));
      peer.flush();
      peer.wait_closed(milliseconds(3'000));
    });
    DialRequest request = request_to(certificates_);
    request.path = "/websocket/v1/private";
    request.headers = {{"X-Own", "as it is"}};
    EXPECT_TRUE(dial_once(server, request).error.ok());
    EXPECT_TRUE(dial_once(server, request).error.ok());
  }
  ASSERT_EQ(heads.size(), 2u);
  const std::string& head = heads[0];
  EXPECT_TRUE(head.starts_with("GET /websocket/v1/private HTTP/1.1\r\n")) << head;
  EXPECT_EQ(test::header_of(head, "Host"), test::kServerName);
  EXPECT_EQ(test::header_of(head, "Upgrade"), "websocket");
  EXPECT_EQ(test::header_of(head, "Connection"), "Upgrade");
  EXPECT_EQ(test::header_of(head, "Sec-WebSocket-Version"), "13");
  EXPECT_EQ(test::header_of(head, "X-Own"), "as it is");
  EXPECT_EQ(test::header_of(head, "Sec-WebSocket-Key").size(), 24u);
  EXPECT_EQ(test::header_of(head, "Origin"), "");
  EXPECT_EQ(test::header_of(head, "Sec-WebSocket-Extensions"), "");
  EXPECT_NE(test::header_of(heads[0], "Sec-WebSocket-Key"),
            test::header_of(heads[1], "Sec-WebSocket-Key"));
}

TEST_F(ConnectorDial, requests_that_must_not_be_sent_are_refused_here) {
  // Origin, the handshake's own headers, and anything that could split the request: no connection
  // is made.
  test::TlsTestServer server(context_, upgrade());
  const auto refused = [&](auto change) {
    DialRequest request = request_to(certificates_);
    change(request);
    const NetError error = dial_once(server, request).error;
    EXPECT_STREQ(to_string(error.code), "bad_request");
    EXPECT_EQ(error.detail.find("canary"), std::string::npos) << "no secret in a message";
  };
  refused([](DialRequest& r) { r.headers = {{"Origin", "https://upbit.com"}}; });
  refused([](DialRequest& r) { r.headers = {{"oRIGIN", "x"}}; });
  refused([](DialRequest& r) { r.headers = {{"Sec-WebSocket-Extensions", "permessage-deflate"}}; });
  refused([](DialRequest& r) { r.headers = {{"X-Own", "canary\r\nOrigin: x"}}; });
  refused([](DialRequest& r) { r.headers = {{"authorization", "Bearer canary"}}; });
  refused([](DialRequest& r) { r.headers = {{"A: b\r\nOrigin", "x"}}; });
  refused([](DialRequest& r) { r.headers = {{"", "x"}}; });
  refused([](DialRequest& r) { r.path = "/a b"; });
  refused([](DialRequest& r) { r.path = "no-slash"; });
  refused([](DialRequest& r) { r.path = "/a\r\nX: y"; });
  refused([](DialRequest& r) { r.host = ""; });
  EXPECT_EQ(server.connection_count(), 0);
}

TEST_F(ConnectorDial, wrong_upgrade_replies_are_refused) {
  // A 101 that breaks RFC 6455 4.1 in one way each; and the same text without fault, as control.
  const std::string good =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: keep-alive, "
      "Upgrade\r\n"
      "Sec-WebSocket-Accept: {accept}\r\n";
  EXPECT_TRUE(dial_against(good + "\r\n").error.ok());
  const auto without = [&](const std::string& line) {
    std::string text = good;
    return text.erase(text.find(line), line.size()) + "\r\n";
  };
  const std::vector<std::string> bad = {
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
      without("Upgrade: WebSocket\r\n"),
      without("Connection: keep-alive, Upgrade\r\n"),
      without("Sec-WebSocket-Accept: {accept}\r\n"),
      good + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
      good + "Sec-WebSocket-Protocol: chat\r\n\r\n",
      "HTTP/1.1 banana\r\n\r\n",
      "\x16\x03\x01 not http at all\r\n\r\n",
  };
  for (const std::string& reply : bad) {
    EXPECT_STREQ(to_string(dial_against(reply).error.code), "http_bad_reply") << reply;
  }
}

TEST_F(ConnectorDial, refusals_carry_status_and_waiting_time) {
  // Every status the exchange or a proxy may answer with, and the server's hint when to come back.
  struct Row {
    std::string reply;
    int status;
    std::int64_t retry_after_ms;
  };
  const std::vector<Row> rows = {
      {"HTTP/1.1 301 Moved Permanently\r\nLocation: https://x/\r\nContent-Length: 0\r\n\r\n", 301,
       -1},
      {"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n{}", 401, -1},
      {"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", 403, -1},
      {"HTTP/1.1 418 I'm a teapot\r\nContent-Length: 26\r\n\r\n{\"message\":\"blocked 60sec\"}",
       418, 60'000},
      {"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n", 426, -1},
      {"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nslow", 429,
       7'000},
      {"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\n\r\n<html>no end", 429, 7'000},
      {"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n", 503,
       30'000},
      {"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\n<p>hi", 200, -1},
  };
  for (const Row& row : rows) {
    const DialResult result = dial_against(row.reply);
    EXPECT_STREQ(to_string(result.error.code), "http_status") << row.reply;
    EXPECT_EQ(result.error.http_status, row.status);
    EXPECT_EQ(result.error.retry_after_ms, row.retry_after_ms) << row.reply;
    EXPECT_EQ(result.socket, nullptr);
  }
}

TEST_F(ConnectorDial, unfinished_or_oversized_replies_are_bounded) {
  // Half a head and silence; half a head and close_notify; a head without end.
  EXPECT_STREQ(to_string(dial_against("HTTP/1.1 101 Swit").error.code), "http_timeout");
  EXPECT_STREQ(to_string(dial_against("HTTP/1.1 101 Swit", true).error.code), "closed_by_peer");
  const std::string lines = "X-Filler: " + std::string(1'000, 'x') + "\r\n";
  std::string long_head = "HTTP/1.1 101 Switching Protocols\r\n";
  while (long_head.size() < 16'000) long_head += lines;
  EXPECT_STREQ(to_string(dial_against("HTTP/1.1 200 " + std::string(16'300, 'x')).error.code),
               "http_timeout")
      << "just below the limit it may still end";
  test::TlsTestServer server(context_, [&](test::ServerPeer& peer) {
    if (!peer.handshake() || peer.read_request().empty()) return;
    peer.put(long_head);
    peer.put(lines + lines);
    peer.flush();
    peer.wait_closed(milliseconds(3'000));
  });
  EXPECT_STREQ(to_string(dial_once(server, request_to(certificates_)).error.code), "http_too_big");
}

TEST_F(ConnectorDial, dead_addresses_are_passed_over) {
  // The first address refuses, the second never answers, the third is good: connected within the
  // one deadline that had to pass.
  test::TlsTestServer server(context_, upgrade());
  const test::DeadPort dead;
  Connector connector({.resolve = always({loopback(test::closed_port()), loopback(dead.port()),
                                          loopback(server.port())})});
  DialRequest request = request_to(certificates_);
  request.connect_timeout_per_address = milliseconds(300);
  const auto start = steady_clock::now();
  connector.dial(request);
  const DialResult result = await_dial(connector);
  ASSERT_TRUE(result.error.ok()) << result.error.detail;
  EXPECT_EQ(result.socket->peer, "127.0.0.1:" + std::to_string(server.port()));
  EXPECT_GE(elapsed_since(start), milliseconds(300));
  EXPECT_LE(elapsed_since(start), milliseconds(1'000));
}

TEST_F(ConnectorDial, unreachable_addresses_are_named) {
  // Refused, silent, and without route; the detail lists every address that was tried.
  const test::DeadPort dead;
  const std::uint16_t closed = test::closed_port();
  const auto error_for = [&](std::vector<SocketAddress> addresses) {
    Connector connector({.resolve = always(std::move(addresses))});
    DialRequest request = request_to(certificates_);
    request.connect_timeout_per_address = milliseconds(100);
    connector.dial(request);
    return await_dial(connector).error;
  };
  EXPECT_EQ(error_for({loopback(closed)}).code, NetErrc::connect_refused);
  EXPECT_EQ(error_for({loopback(dead.port())}).code, NetErrc::connect_timeout);
  EXPECT_EQ(error_for({loopback(443, "255.255.255.255")}).code, NetErrc::unreachable);
  const NetError both = error_for({loopback(closed), loopback(dead.port())});
  EXPECT_EQ(both.code, NetErrc::connect_timeout);
  EXPECT_NE(both.detail.find(std::to_string(closed) + " connect_refused"), std::string::npos);
  EXPECT_NE(both.detail.find(std::to_string(dead.port()) + " connect_timeout"), std::string::npos);
}

TEST_F(ConnectorDial, names_are_resolved_anew_on_each_dial) {
  // The resolver's answer moves from a dead to a live server between two dials.
  test::TlsTestServer server(context_, upgrade());
  const std::uint16_t closed = test::closed_port();
  auto calls = std::make_shared<std::atomic<int>>(0);
  const std::uint16_t port = server.port();
  Connector connector({.resolve = [=](const std::string& host, std::uint16_t, std::string&) {
    EXPECT_EQ(host, test::kServerName);
    return std::vector<SocketAddress>{loopback(calls->fetch_add(1) == 0 ? closed : port)};
  }});
  connector.dial(request_to(certificates_));
  EXPECT_EQ(await_dial(connector).error.code, NetErrc::connect_refused);
  connector.dial(request_to(certificates_));
  EXPECT_TRUE(await_dial(connector).error.ok());
  EXPECT_EQ(*calls, 2);
}

TEST_F(ConnectorDial, name_failures_are_named) {
  // No address, an exception in the hook, no answer in time.
  const auto error_for = [&](ResolveHook hook) {
    Connector connector({.resolve = std::move(hook)});
    DialRequest request = request_to(certificates_);
    request.dns_timeout = milliseconds(100);
    connector.dial(request);
    return await_dial(connector).error;
  };
  const NetError none = error_for([](const std::string&, std::uint16_t, std::string& detail) {
    detail = "NXDOMAIN";
    return std::vector<SocketAddress>{};
  });
  EXPECT_EQ(none.code, NetErrc::dns_failed);
  EXPECT_NE(none.detail.find("NXDOMAIN"), std::string::npos);
  EXPECT_EQ(
      error_for([](const std::string&, std::uint16_t, std::string&) -> std::vector<SocketAddress> {
        throw std::runtime_error("hook");
      }).code,
      NetErrc::dns_failed);
  EXPECT_EQ(error_for([](const std::string&, std::uint16_t, std::string&) {
              std::this_thread::sleep_for(milliseconds(300));
              return std::vector<SocketAddress>{};
            }).code,
            NetErrc::dns_timeout);
}

TEST_F(ConnectorDial, localhost_and_literals_need_no_name_server) {
  // The system path answers "localhost" and "*.localhost" by itself; literals never reach a hook.
  std::string detail;
  const std::vector<SocketAddress> found = resolve_with_system("sim.localhost", 80, detail);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].to_string(), "127.0.0.1:80");
  EXPECT_EQ(found[1].to_string(), "[::1]:80");
  Resolver resolver(
      [](const std::string&, std::uint16_t, std::string&) -> std::vector<SocketAddress> {
        ADD_FAILURE() << "a literal is no name";
        return {};
      });
  std::vector<SocketAddress> out;
  const Limits limits{steady_clock::now() + milliseconds(1'000)};
  EXPECT_TRUE(resolver.resolve("2001:db8::7", 443, limits, out).ok());
  EXPECT_EQ(out.at(0).to_string(), "[2001:db8::7]:443");
  EXPECT_TRUE(resolver.resolve("192.0.2.1", 443, limits, out).ok());
  EXPECT_EQ(out.at(0).to_string(), "192.0.2.1:443");
}

TEST_F(ConnectorDial, slow_dial_does_not_delay_another) {
  // One dial hangs in its handshake; a second one, started later, is live long before it fails.
  test::TlsTestServer slow(context_,
                           [](test::ServerPeer& peer) { peer.wait_closed(milliseconds(5'000)); });
  test::TlsTestServer good(context_, upgrade());
  Connector connector({.resolve = [&](const std::string&, std::uint16_t port, std::string&) {
    return std::vector<SocketAddress>{loopback(port)};
  }});
  DialRequest first = request_to(certificates_, 1);
  first.port = slow.port();
  first.tls_timeout = milliseconds(1'500);
  DialRequest second = request_to(certificates_, 2);
  second.port = good.port();
  connector.dial(first);
  connector.dial(second);
  const auto start = steady_clock::now();
  const DialResult a = await_dial(connector);
  EXPECT_EQ(a.id, 2u);
  EXPECT_TRUE(a.error.ok()) << a.error.detail;
  EXPECT_LE(elapsed_since(start), milliseconds(1'000));
  const DialResult b = await_dial(connector);
  EXPECT_EQ(b.id, 1u);
  EXPECT_EQ(b.error.code, NetErrc::tls_timeout);
}

}  // namespace
}  // namespace upfeed::net
