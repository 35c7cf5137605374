// Dials that log in: who gets to see a token, and that keys show up nowhere else.
#include <set>

#include "connector_harness.hpp"
#include "freed_memory.hpp"

namespace upfeed::net {
namespace {

using test::CertificateKind;
using test::ServerPeer;
using test::TlsTestServer;
namespace freed_memory = test::freed_memory;

class ConnectorLogin : public testing::Test {
 protected:
  test::ServerContext context(CertificateKind kind) { return certificates_.server_context(kind); }
  DialRequest request() const { return request_to(certificates_); }

  test::TestCertificates certificates_;
};

/// Answers each request with a reply made of it, and keeps the Authorization it saw.
class LoginServer {
 public:
  LoginServer(test::ServerContext context, std::function<std::string(const std::string&)> reply)
      : server_(std::move(context), [this, reply = std::move(reply)](ServerPeer& peer) {
          freed_memory::exempt_this_thread();  // this end may hold what was sent to it
          if (!peer.handshake()) return;
          const std::string head = peer.read_request();
          if (head.empty()) return;
          {
            const std::lock_guard lock(mutex_);
            seen_.emplace_back(test::header_of(head, "Authorization"));
          }
          peer.put(reply(head));
          peer.flush();
          peer.wait_closed(milliseconds(3'000));
        }) {}

  [[nodiscard]] const TlsTestServer& server() const { return server_; }
  std::vector<std::string> seen() {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> texts;
    for (const Secret& each : seen_) texts.emplace_back(each.reveal());
    return texts;
  }
  std::size_t seen_count() {
    const std::lock_guard lock(mutex_);
    return seen_.size();
  }

 private:
  std::mutex mutex_;
  std::vector<Secret> seen_;  // wiped like the rest, since this is searched for, too
  TlsTestServer server_;
};

// A server with a good certificate gets one bearer token a dial, each with a nonce of its own; a
// dial without keys sends none.
TEST_F(ConnectorLogin, verified_server_gets_a_fresh_token_each_time) {
  LoginServer server(context(CertificateKind::good), test::upgrade_reply);
  for (int i = 0; i < 20; ++i) {
    const DialResult result = dial_once(server.server(), request());
    ASSERT_TRUE(result.error.ok()) << result.error.detail;
  }
  DialRequest hs256 = request();
  hs256.login.algorithm = TokenAlgorithm::hs256;
  EXPECT_TRUE(dial_once(server.server(), hs256).error.ok());
  DialRequest anonymous = request();
  anonymous.login = {};
  EXPECT_TRUE(dial_once(server.server(), anonymous).error.ok());

  std::vector<std::string> seen = server.seen();
  ASSERT_EQ(seen.size(), 22U);
  EXPECT_EQ(seen.back(), "");
  seen.pop_back();
  EXPECT_TRUE(seen.back().starts_with("Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."));
  seen.pop_back();
  for (const std::string& each : seen) {
    EXPECT_TRUE(each.starts_with("Bearer eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9.")) << each;
  }
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), 20U);
}

// A redirect is an answer, not a way: its target is never called, and the dial says what it got.
TEST_F(ConnectorLogin, redirect_is_not_followed) {
  LoginServer target(context(CertificateKind::good), test::upgrade_reply);
  const std::string location =
      "https://" + std::string(test::kServerName) + ":" + std::to_string(target.server().port());
  for (const char* status :
       {"301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"}) {
    LoginServer server(context(CertificateKind::good), [&](const std::string&) {
      return "HTTP/1.1 " + std::string(status) + "\r\nLocation: " + location +
             "/websocket/v1\r\nContent-Length: 0\r\n\r\n";
    });
    const DialResult result = dial_once(server.server(), request());
    EXPECT_EQ(result.error.code, NetErrc::http_status);
    EXPECT_EQ(result.error.http_status, std::atoi(status));
    EXPECT_EQ(server.seen_count(), 1U);
  }
  EXPECT_EQ(target.server().connection_count(), 0);
}

// Keys for a host that is neither the exchange's nor named for them: refused before any packet.
TEST_F(ConnectorLogin, unnamed_host_is_not_even_dialled) {
  LoginServer server(context(CertificateKind::good), test::upgrade_reply);
  for (const char* keys_host : {"", "other.test", "api.upbit.com"}) {
    DialRequest wrong = request();
    wrong.login.keys_host = keys_host;
    const DialResult result = dial_once(server.server(), wrong);
    EXPECT_EQ(result.error.code, NetErrc::bad_request);
    EXPECT_NE(result.error.detail.find(test::kServerName), std::string::npos);
  }
  EXPECT_EQ(server.server().connection_count(), 0);
}

// A peer of the exchange's own name with a certificate of another authority sees not one byte.
TEST_F(ConnectorLogin, impostor_of_the_exchange_sees_nothing) {
  std::atomic<std::size_t> application_bytes{0};
  TlsTestServer server(context(CertificateKind::good), [&](ServerPeer& peer) {
    static_cast<void>(peer.handshake());
    static_cast<void>(peer.read_for(milliseconds(200)));
    application_bytes += peer.application_bytes();
  });
  DialRequest wrong = request();
  wrong.host = "api.upbit.com";  // resolved to the loopback server, whose certificate is another's
  wrong.login.keys_host = "";
  EXPECT_EQ(dial_once(server, wrong).error.code, NetErrc::tls_wrong_host);
  EXPECT_EQ(server.connection_count(), 1);
  EXPECT_EQ(application_bytes, 0U);
}

/// All a caller gets to see of a dial, as one text.
std::string visible(const DialResult& result) {
  std::string text = std::string(to_string(result.error.code)) + ' ' + result.error.detail;
  if (result.socket != nullptr) {
    text += ' ' + result.socket->peer + ' ' + result.socket->remaining_req + ' ' +
            result.socket->limit_by_ip;
  }
  return text;
}

// Canary keys through dials of all endings: refused by certificate, by status with the request
// echoed in head and body, by grammar, by silence, and good. No text that comes out has a piece of
// keys or token, and no memory was given back with one.
TEST_F(ConnectorLogin, canaries_stay_within) {
  const auto echo = [](const char* line) {
    return [line](const std::string& head) {
      const std::string token = test::header_of(head, "Authorization");
      return std::string(line) + "\r\nX-Echo: " + token +
             "\r\nContent-Length: " + std::to_string(token.size()) + "\r\n\r\n" + token;
    };
  };
  std::vector<std::string> texts;
  const auto dial_against = [&](CertificateKind kind, const auto& reply) {
    LoginServer server(context(kind), reply);
    DialRequest dial = request();
    dial.http_timeout = milliseconds(300);
    texts.push_back(visible(dial_once(server.server(), std::move(dial))));
    EXPECT_EQ(server.seen_count(), kind == CertificateKind::good ? 1U : 0U);
  };
  for (const char* needle : {"canary", "eyJhbGciOiJIUzUxMiIs", "Authorization"}) {
    freed_memory::watch_for(needle);
    dial_against(CertificateKind::good, test::upgrade_reply);
    dial_against(CertificateKind::good, [](const std::string&) { return "HTTP/1.1 2"; });
    for (const CertificateKind kind : {CertificateKind::wrong_host, CertificateKind::expired,
                                       CertificateKind::self_signed, CertificateKind::other_ca}) {
      dial_against(kind, test::upgrade_reply);
    }
    EXPECT_EQ(freed_memory::hits(), 0U) << needle;
  }
  freed_memory::watch_for("");
  dial_against(CertificateKind::good, echo("HTTP/1.1 401 Unauthorized"));
  dial_against(CertificateKind::good, echo("HTTP/1.1 429 Too Many Requests"));
  dial_against(CertificateKind::good, echo("HTTP/1.1 101 Switching Protocols"));
  dial_against(CertificateKind::good, [](const std::string& head) {
    return test::header_of(head, "Authorization") + "\r\n\r\n";
  });
  for (const std::string& text : texts) {
    for (const char* secret : {"canary", "Bearer", "eyJ"}) {
      EXPECT_EQ(text.find(secret), std::string::npos) << text;
    }
  }
}

}  // namespace
}  // namespace upfeed::net
