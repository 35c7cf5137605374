// REST calls: whole replies, and every way in which one can be cut, long or late.
#include "connector_harness.hpp"

namespace upfeed::net {
namespace {

using test::CertificateKind;

class ConnectorRest : public testing::Test {
 protected:
  // One GET against a server that answers `reply` and then ends the stream in the given way.
  enum class End { stays, close_notify, bare_fin };
  RestResult get(const std::string& reply, End end, std::size_t body_bytes_max = 1'000'000) {
    test::TlsTestServer server(certificates_.server_context(CertificateKind::good),
                               [&](test::ServerPeer& peer) {
                                 if (!peer.handshake()) return;
                                 head_ = peer.read_request();
                                 for (std::size_t at = 0; at < reply.size(); at += 10'000) {
                                   peer.put(reply.substr(at, 10'000));
                                 }
                                 if (end == End::close_notify) peer.close_notify();
                                 peer.flush();
                                 if (end != End::stays) peer.end_stream();
                                 peer.wait_closed(milliseconds(3'000));
                               });
    Resolver resolver(always({loopback(server.port())}));
    TlsContextCache contexts;
    return rest_get({.host = test::kServerName,
                     .target = "/v1/market/all?is_details=true",
                     .ca_file = certificates_.ca_file(),
                     .timeout = milliseconds(500),
                     .body_bytes_max = body_bytes_max},
                    resolver, contexts, nullptr);
  }

  test::TestCertificates certificates_;
  std::string head_;
};

TEST_F(ConnectorRest, whole_replies_come_in_each_framing) {
  // Content-Length, chunked, and ended by close_notify; a body larger than any buffer.
  const std::string big(700'000, 'm');
  RestResult result =
      get("HTTP/1.1 200 OK\r\nRemaining-Req: group=market; min=600; sec=9\r\n"
          "Content-Length: " +
              std::to_string(big.size()) + "\r\n\r\n" + big,
          End::stays);
  EXPECT_TRUE(result.error.ok()) << to_string(result.error.code) << result.error.detail;
  EXPECT_EQ(result.status, 200);
  EXPECT_TRUE(result.body == big);
  EXPECT_EQ(result.remaining_req, "group=market; min=600; sec=9");
  EXPECT_TRUE(head_.starts_with("GET /v1/market/all?is_details=true HTTP/1.1\r\n"));
  EXPECT_EQ(test::header_of(head_, "Origin"), "");
  result =
      get("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1,\r\n2\r\n2]\r\n0\r\n\r\n",
          End::stays);
  EXPECT_TRUE(result.error.ok());
  EXPECT_EQ(result.body, "[1,2]");
  result = get("HTTP/1.1 200 OK\r\n\r\n[]", End::close_notify);
  EXPECT_TRUE(result.error.ok()) << to_string(result.error.code);
  EXPECT_EQ(result.body, "[]");
}

TEST_F(ConnectorRest, truncated_replies_are_no_success) {
  // The same three framings cut short; the last by a bare FIN, which anybody on the path can forge.
  RestResult result = get("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[1", End::close_notify);
  EXPECT_STREQ(to_string(result.error.code), "closed_by_peer");
  result = get("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1", End::bare_fin);
  EXPECT_STREQ(to_string(result.error.code), "tls_truncated");
  result = get("HTTP/1.1 200 OK\r\n\r\n[]", End::bare_fin);
  EXPECT_STREQ(to_string(result.error.code), "tls_truncated");
}

TEST_F(ConnectorRest, late_and_large_replies_are_bounded) {
  // No end within the timeout; more body than allowed, announced or not.
  const auto start = steady_clock::now();
  RestResult result = get("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[1", End::stays);
  EXPECT_STREQ(to_string(result.error.code), "http_timeout");
  EXPECT_LE(elapsed_since(start), milliseconds(1'000));
  const std::string body(2'000, 'x');
  result = get("HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + body, End::stays, 1'999);
  EXPECT_STREQ(to_string(result.error.code), "http_too_big");
  result = get("HTTP/1.1 200 OK\r\n\r\n" + body, End::close_notify, 1'999);
  EXPECT_STREQ(to_string(result.error.code), "http_too_big");
  result = get("HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + body, End::stays, 2'000);
  EXPECT_TRUE(result.error.ok());
}

TEST_F(ConnectorRest, other_statuses_are_errors_with_their_body) {
  // 404 as the exchange spells it; 429 with a waiting time.
  const std::string body = R"({"error":{"name":404,"message":"Code not found"}})";
  RestResult result =
      get("HTTP/1.1 404 Not Found\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
              body,
          End::stays);
  EXPECT_STREQ(to_string(result.error.code), "http_status");
  EXPECT_EQ(result.status, 404);
  EXPECT_EQ(result.error.http_status, 404);
  EXPECT_EQ(result.body, body);
  result = get("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n",
               End::stays);
  EXPECT_EQ(result.error.http_status, 429);
  EXPECT_EQ(result.error.retry_after_ms, 2'000);
}

TEST_F(ConnectorRest, calls_through_the_connector_come_back_with_their_id) {
  // The same call, asynchronously, beside nothing on the dial queue.
  test::TlsTestServer server(certificates_.server_context(CertificateKind::good),
                             [](test::ServerPeer& peer) {
                               if (!peer.handshake() || peer.read_request().empty()) return;
                               peer.put("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]");
                               peer.flush();
                               peer.wait_closed(milliseconds(3'000));
                             });
  Connector connector({.resolve = always({loopback(server.port())})});
  connector.get({.id = 42,
                 .host = test::kServerName,
                 .target = "/v1/market/all",
                 .ca_file = certificates_.ca_file()});
  const RestResult result = await_rest(connector);
  EXPECT_EQ(result.id, 42u);
  EXPECT_TRUE(result.error.ok()) << result.error.detail;
  EXPECT_EQ(result.body, "[]");
  EXPECT_FALSE(connector.poll_dial());
}

}  // namespace
}  // namespace upfeed::net
