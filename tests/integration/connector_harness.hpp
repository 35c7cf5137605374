// What the tests of the connector share: requests towards a loopback server, and waiting for a
// result with a limit.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "net/connector.hpp"
#include "tls_test_certificates.hpp"
#include "tls_test_server.hpp"

namespace upfeed::net {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

inline SocketAddress loopback(std::uint16_t port, const char* text = "127.0.0.1") {
  SocketAddress address;
  EXPECT_TRUE(parse_address(text, port, address));
  return address;
}

/// Answers every name with these addresses.
inline ResolveHook always(std::vector<SocketAddress> addresses) {
  return [addresses](const std::string&, std::uint16_t, std::string&) { return addresses; };
}

/// Keys that must show up nowhere but in the token.
inline std::shared_ptr<const ApiKeys> canary_keys() {
  return std::make_shared<const ApiKeys>(
      ApiKeys{Secret("canary-access-key-1234567890"), Secret("canary-secret-key-1234567890")});
}

/// With a login, so that every test of a dial is one of a dial with keys.
inline DialRequest request_to(const test::TestCertificates& certificates, std::uint64_t id = 1) {
  DialRequest request;
  request.id = id;
  request.host = test::kServerName;
  request.ca_file = certificates.ca_file();
  request.login = {.keys = canary_keys(), .keys_host = test::kServerName};
  return request;
}

/// The next dial's result; fails the test after ten seconds.
inline DialResult await_dial(Connector& connector) {
  const auto end = steady_clock::now() + milliseconds(10'000);
  while (steady_clock::now() < end) {
    if (std::optional<DialResult> result = connector.poll_dial()) return std::move(*result);
    std::this_thread::sleep_for(milliseconds(1));
  }
  ADD_FAILURE() << "no result";
  return {};
}

inline RestResult await_rest(Connector& connector) {
  const auto end = steady_clock::now() + milliseconds(10'000);
  while (steady_clock::now() < end) {
    if (std::optional<RestResult> result = connector.poll_rest()) return std::move(*result);
    std::this_thread::sleep_for(milliseconds(1));
  }
  ADD_FAILURE() << "no result";
  return {};
}

/// One dial to one server, from name to result.
inline DialResult dial_once(const test::TlsTestServer& server, DialRequest request) {
  Connector connector({.resolve = always({loopback(server.port())})});
  connector.dial(std::move(request));
  return await_dial(connector);
}

inline milliseconds elapsed_since(steady_clock::time_point start) {
  return std::chrono::duration_cast<milliseconds>(steady_clock::now() - start);
}

}  // namespace upfeed::net
