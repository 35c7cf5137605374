// Whom the client refuses, and that nobody refused ever sees a byte of a request.
#include "connector_harness.hpp"

namespace upfeed::net {
namespace {

using test::CertificateKind;
using test::TlsRange;

struct Refusal {
  const char* name;
  CertificateKind kind;
  TlsRange range;
  NetErrc expected;
};

class TlsRefusal : public testing::TestWithParam<Refusal> {};

TEST_P(TlsRefusal, bad_server_is_refused_by_name_and_sees_no_request) {
  // A server that is bad in one way, five dials and one REST call: each is refused with the cause's
  // own code, and not one byte of application data (with the login's token in it) was sent.
  const test::TestCertificates certificates;
  std::atomic<std::size_t> application_bytes{0};
  std::atomic<int> handshakes{0};
  test::TlsTestServer server(certificates.server_context(GetParam().kind, GetParam().range),
                             [&](test::ServerPeer& peer) {
                               if (peer.handshake()) ++handshakes;
                               static_cast<void>(peer.read_for(milliseconds(200)));
                               application_bytes += peer.application_bytes();
                             });
  for (int i = 0; i < 5; ++i) {
    const DialResult result = dial_once(server, request_to(certificates));
    EXPECT_STREQ(to_string(result.error.code), to_string(GetParam().expected))
        << result.error.detail;
    EXPECT_EQ(result.socket, nullptr);
    EXPECT_FALSE(result.error.detail.empty());
  }
  Resolver resolver(always({loopback(server.port())}));
  TlsContextCache contexts;
  const RestResult rest = rest_get({.host = test::kServerName,
                                    .port = server.port(),
                                    .target = "/v1/market/all",
                                    .ca_file = certificates.ca_file()},
                                   resolver, contexts, nullptr);
  EXPECT_EQ(rest.error.code, GetParam().expected);
  EXPECT_EQ(rest.status, 0);
  EXPECT_EQ(server.connection_count(), 6);
  EXPECT_EQ(application_bytes, 0u);
  EXPECT_EQ(handshakes, 0);
}

INSTANTIATE_TEST_SUITE_P(
    all, TlsRefusal,
    testing::Values(
        Refusal{"wrong_host", CertificateKind::wrong_host, TlsRange::all, NetErrc::tls_wrong_host},
        Refusal{"expired", CertificateKind::expired, TlsRange::all, NetErrc::tls_expired},
        Refusal{"not_yet_valid", CertificateKind::not_yet_valid, TlsRange::all,
                NetErrc::tls_not_yet_valid},
        Refusal{"self_signed", CertificateKind::self_signed, TlsRange::all,
                NetErrc::tls_self_signed},
        Refusal{"unknown_ca", CertificateKind::other_ca, TlsRange::all, NetErrc::tls_unknown_ca},
        Refusal{"tls_1_1", CertificateKind::good, TlsRange::only_1_1, NetErrc::tls_version},
        Refusal{"wrong_host_tls_1_2", CertificateKind::wrong_host, TlsRange::only_1_2,
                NetErrc::tls_wrong_host}),
    [](const testing::TestParamInfo<Refusal>& test_info) { return test_info.param.name; });

TEST(TlsTrust, system_authorities_do_not_know_the_test_authority) {
  // Without ca_file the system's authorities decide; the good server is then a stranger.
  const test::TestCertificates certificates;
  test::TlsTestServer server(certificates.server_context(CertificateKind::good),
                             [](test::ServerPeer& peer) { EXPECT_FALSE(peer.handshake()); });
  DialRequest request = request_to(certificates);
  request.ca_file.clear();
  EXPECT_EQ(dial_once(server, request).error.code, NetErrc::tls_unknown_ca);
}

TEST(TlsTrust, unreadable_ca_file_is_an_error_and_not_a_fallback) {
  // A ca_file that is missing, or holds no certificate: no packet is sent.
  const test::TestCertificates certificates;
  test::TlsTestServer server(certificates.server_context(CertificateKind::good),
                             [](test::ServerPeer&) {});
  DialRequest request = request_to(certificates);
  for (const char* file : {"/nonexistent/ca.pem", "/dev/null"}) {
    request.ca_file = file;
    EXPECT_EQ(dial_once(server, request).error.code, NetErrc::tls_bad_ca_file);
  }
  EXPECT_EQ(server.connection_count(), 0);
}

TEST(TlsTrust, server_name_is_sent_for_names_and_not_for_addresses) {
  // SNI is always there for a name; for an address, which the certificate also covers, it must not.
  const test::TestCertificates certificates;
  std::vector<std::string> names;
  {
    test::TlsTestServer server(certificates.server_context(CertificateKind::good),
                               [&](test::ServerPeer& peer) {
                                 ASSERT_TRUE(peer.handshake());
                                 names.push_back(peer.server_name());
                                 peer.put(test::upgrade_reply(peer.read_request()));
                                 peer.flush();
                                 peer.wait_closed(milliseconds(3'000));
                               });
    DialRequest request = request_to(certificates);
    EXPECT_TRUE(dial_once(server, request).error.ok());
    request.login = {};
    request.host = "127.0.0.1";
    request.port = server.port();
    EXPECT_TRUE(dial_once(server, request).error.ok());
    request.host = "127.0.0.2";  // reaches the same server, but its certificate is not for it
    EXPECT_NE(dial_once(server, request).error.code, NetErrc::ok);
  }
  EXPECT_EQ(names, (std::vector<std::string>{test::kServerName, ""}));
}

TEST(TlsFault, stalled_handshake_ends_at_its_deadline) {
  // The server accepts and says nothing: tls_timeout after tls_timeout, within 10 % and 50 ms.
  const test::TestCertificates certificates;
  test::TlsTestServer server(certificates.server_context(CertificateKind::good),
                             [](test::ServerPeer& peer) { peer.wait_closed(milliseconds(5'000)); });
  DialRequest request = request_to(certificates);
  request.tls_timeout = milliseconds(300);
  const auto start = steady_clock::now();
  EXPECT_EQ(dial_once(server, request).error.code, NetErrc::tls_timeout);
  EXPECT_GE(elapsed_since(start), milliseconds(300));
  EXPECT_LE(elapsed_since(start), milliseconds(380));
}

TEST(TlsFault, garbage_and_silence_instead_of_a_handshake_are_told_apart) {
  // Not TLS at all, then a FIN instead of a ServerHello.
  const test::TestCertificates certificates;
  const test::ServerContext context = certificates.server_context(CertificateKind::good);
  test::TlsTestServer garbage(context, [](test::ServerPeer& peer) {
    peer.send_raw("SSH-2.0-OpenSSH_9.2\r\n");
    peer.wait_closed(milliseconds(3'000));
  });
  EXPECT_EQ(dial_once(garbage, request_to(certificates)).error.code, NetErrc::tls_failed);
  test::TlsTestServer silent(context, [](test::ServerPeer& peer) {
    peer.end_stream();
    peer.wait_closed(milliseconds(3'000));
  });
  EXPECT_EQ(dial_once(silent, request_to(certificates)).error.code, NetErrc::closed_by_peer);
}

}  // namespace
}  // namespace upfeed::net
