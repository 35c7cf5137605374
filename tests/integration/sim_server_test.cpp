// The simulator over real TLS on the loopback, seen by a small client of its own: HTTP, upgrade,
// binary frames, closes, drops, counters.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "sim/probe.hpp"
#include "sim/server.hpp"

namespace upfeed::sim {
namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

constexpr auto kPatience = 10s;

SimConfig small_config() {
  SimConfig config;
  config.profile.markets = {12, 6, 4};
  return config;
}

Json next_json(Probe& probe) {
  const auto frame = probe.read(kPatience);
  if (!frame) return {};
  EXPECT_EQ(frame->opcode, 2);  // everything is binary
  return Json::parse(frame->payload);
}

TEST(SimServer, serves_rest_and_websocket_on_one_port) {
  // Goal: the path of a client's start; method: REST on a kept connection, then the upgrade on it.
  SimServer server(small_config());
  Probe probe(server.port(), server.ca_pem());
  const std::string all = probe.get("/v1/market/all?is_details=true");
  EXPECT_EQ(all.rfind("HTTP/1.1 200 OK\r\n", 0), 0U) << all;
  EXPECT_NE(all.find("Remaining-Req: group=market; min=600; sec=9\r\n"), std::string::npos);
  EXPECT_EQ(Json::parse(all.substr(all.find("\r\n\r\n") + 4)).size(), 22U);
  EXPECT_EQ(probe.get("/v1/orderbook?markets=KRW-NONE").rfind("HTTP/1.1 404", 0), 0U);

  const std::string head = probe.upgrade();
  EXPECT_EQ(head.rfind("HTTP/1.1 101", 0), 0U) << head;
  EXPECT_NE(head.find("remaining-req: group=websocket; min=300; sec=4\r\n"), std::string::npos);
  EXPECT_EQ(head.find("Sec-WebSocket-Extensions"), std::string::npos);
  probe.send(R"([{"ticket":"t"},{"type":"ticker","codes":["KRW-BTC"]}])");
  EXPECT_EQ(next_json(probe)["stream_type"], "SNAPSHOT");
}

TEST(SimServer, certificate_fits_its_names_and_no_others) {
  // Goal: own CA, leaf for localhost, the addresses, the real host and extra names; method:
  // verified handshakes.
  SimConfig config = small_config();
  config.extra_names = {"exchange.test"};
  const std::string path = testing::TempDir() + "sim_ca.pem";
  config.write_ca_to = path;
  SimServer server(config);
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), server.ca_pem());
  std::remove(path.c_str());
  for (const char* host : {"localhost", "api.upbit.com", "exchange.test"}) {
    EXPECT_NO_THROW(Probe(server.port(), server.ca_pem(), host)) << host;
  }
  EXPECT_THROW(Probe(server.port(), server.ca_pem(), "example.org"), std::runtime_error);
  const SimServer other(small_config());
  EXPECT_THROW(Probe(server.port(), other.ca_pem()), std::runtime_error);
}

TEST(SimServer, whole_market_with_one_request_ends_in_the_known_books) {
  // Goal: what was sent last of each code is the exchange's final book; method: all 855 codes, a
  // frame limit, flat out, every frame read.
  SimConfig config;
  config.speed = 0;
  config.frame_limit = 20'000;
  config.start_on_subscribe = true;
  SimServer server(config);
  Probe probe(server.port(), server.ca_pem());
  probe.upgrade();
  const auto codes = server.codes();
  ASSERT_EQ(codes.size(), 855U);
  probe.send(Json::array({{{"ticket", "t"}}, {{"type", "orderbook"}, {"codes", codes}}}).dump());
  std::map<std::string, std::string> last;
  std::uint64_t frames = 0;
  while (frames < 20'855) {
    const auto frame = probe.read(kPatience);
    ASSERT_TRUE(frame) << frames;
    ++frames;
    const std::size_t code = frame->payload.find("\"code\":\"") + 8;
    last[frame->payload.substr(code, frame->payload.find('"', code) - code)] = frame->payload;
  }
  EXPECT_FALSE(probe.read(200ms));
  const ExchangeStats stats = server.stats();
  EXPECT_TRUE(stats.source_finished);
  EXPECT_EQ(stats.connections.at(0).frames_sent, frames);
  EXPECT_EQ(last.size(), codes.size());
  for (const auto& [code, payload] : last) {
    const Json frame = Json::parse(payload);
    const auto book = server.book(code);
    ASSERT_TRUE(book) << code;
    EXPECT_EQ(frame["timestamp"], book->time_ms) << code;
    EXPECT_EQ(Json::parse(server.book_json(code))["asks"].size(), book->asks.count);
  }
}

TEST(SimServer, error_comes_before_the_close_handshake) {
  // Goal: error frame, about 150 ms, close 1000; method: garbage.
  SimServer server(small_config());
  Probe probe(server.port(), server.ca_pem());
  probe.upgrade();
  const auto start = Steady::now();
  probe.send("garbage");
  EXPECT_EQ(next_json(probe)["error"]["name"], "WRONG_FORMAT");
  const auto close = probe.read(kPatience);
  ASSERT_TRUE(close);
  EXPECT_GE(Steady::now() - start, 140ms);
  EXPECT_EQ(close->opcode, 8);
  EXPECT_EQ(close->payload, std::string("\x03\xe8"));
  probe.send(close->payload, 8);
  EXPECT_FALSE(probe.read(kPatience));
  EXPECT_TRUE(probe.is_closed());
}

TEST(SimServer, protocol_ping_gets_its_pong_between_data) {
  // Goal: pong with the ping's payload while frames flow; method: pings in a running stream.
  SimServer server(small_config());
  Probe probe(server.port(), server.ca_pem());
  probe.upgrade();
  probe.send(R"([{"ticket":"t"},{"type":"orderbook","codes":["KRW-BTC","KRW-ETH"]}])");
  for (int i = 0; i < 20; ++i) {
    const std::string mark = "mark " + std::to_string(i);
    probe.send(mark, 9);
    for (;;) {
      const auto frame = probe.read(kPatience);
      ASSERT_TRUE(frame);
      if (frame->opcode == 10) {
        EXPECT_EQ(frame->payload, mark);
        break;
      }
      EXPECT_TRUE(Json::accept(frame->payload));
    }
  }
  EXPECT_EQ(server.stats().connections.at(0).pings_received, 20U);
}

TEST(SimServer, client_close_is_answered) {
  // Goal: the closing handshake from the client's side; method: close frame out, close frame back,
  // end.
  SimServer server(small_config());
  Probe probe(server.port(), server.ca_pem());
  probe.upgrade();
  probe.send(std::string("\x03\xe8"), 8);
  const auto close = probe.read(kPatience);
  ASSERT_TRUE(close);
  EXPECT_EQ(close->opcode, 8);
  EXPECT_FALSE(probe.read(kPatience));
  EXPECT_TRUE(probe.is_closed());
  EXPECT_EQ(server.stats().connections_open, 0U);
}

TEST(SimServer, idle_connection_is_cut_without_a_close_frame) {
  // Goal: the idle close as measured on the wire; method: a short time-out, nothing sent.
  SimConfig config = small_config();
  config.idle_close = 300ms;
  SimServer server(config);
  Probe probe(server.port(), server.ca_pem());
  probe.upgrade();
  const auto start = Steady::now();
  EXPECT_FALSE(probe.read(kPatience));
  EXPECT_TRUE(probe.is_closed());
  EXPECT_GE(Steady::now() - start, 290ms);
  EXPECT_EQ(server.stats().idle_drops, 1U);
}

TEST(SimServer, ping_text_brings_up_and_keeps_the_connection) {
  // Goal: PING / UP over the wire; method: a tick shorter than the idle close.
  SimConfig config = small_config();
  config.idle_close = 1'000ms;
  config.up_interval = 200ms;
  SimServer server(config);
  Probe probe(server.port(), server.ca_pem());
  probe.upgrade();
  probe.send("PING");
  for (int i = 0; i < 8; ++i) EXPECT_EQ(next_json(probe)["status"], "UP");
  EXPECT_EQ(server.stats().idle_drops, 0U);
}

TEST(SimServer, drop_cuts_and_pause_silences) {
  // Goal: the two simplest faults; method: a stream that is paused, resumed and cut.
  SimServer server(small_config());
  Probe probe(server.port(), server.ca_pem());
  probe.upgrade();
  probe.send(R"([{"ticket":"t"},{"type":"orderbook","codes":["KRW-BTC"]}])");
  EXPECT_EQ(next_json(probe)["stream_type"], "SNAPSHOT");
  server.set_paused(true);
  while (probe.read(300ms)) {
  }
  EXPECT_FALSE(probe.is_closed());
  server.set_paused(false);
  EXPECT_EQ(next_json(probe)["stream_type"], "REALTIME");
  server.drop_all();
  while (probe.read(kPatience)) {
  }
  EXPECT_TRUE(probe.is_closed());
  // The server books its own end of the connection a moment after the client sees the other.
  const auto deadline = Steady::now() + kPatience;
  while (server.stats().connections.at(0).is_open && Steady::now() < deadline) {
    std::this_thread::sleep_for(1ms);
  }
  EXPECT_FALSE(server.stats().connections.at(0).is_open);
}

TEST(SimServer, requests_are_kept_word_for_word) {
  // Goal: what a test can check about its client; method: two requests, read back.
  SimServer server(small_config());
  Probe probe(server.port(), server.ca_pem());
  probe.upgrade();
  const std::string first = R"([{"ticket":"1"},{"type":"trade","codes":["KRW-BTC"]}])";
  const std::string second = R"([{"ticket":"2"},{"method":"LIST_SUBSCRIPTIONS"}])";
  probe.send(first);
  EXPECT_EQ(next_json(probe)["type"], "trade");
  probe.send(second);
  while (next_json(probe).value("method", "") != "LIST_SUBSCRIPTIONS") {
  }
  const auto requests = server.stats().connections.at(0).requests;
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[0].text, first);
  EXPECT_EQ(requests[1].text, second);
  EXPECT_LE(requests[0].time_ms, requests[1].time_ms);
}

TEST(SimServer, compression_is_used_only_when_offered) {
  // Goal: permessage-deflate on demand; method: the reply's header and the compressed bit of a
  // frame.
  SimServer server(small_config());
  Probe probe(server.port(), server.ca_pem());
  const std::string head =
      probe.upgrade("/websocket/v1", "Sec-WebSocket-Extensions: permessage-deflate\r\n");
  EXPECT_NE(head.find("permessage-deflate"), std::string::npos) << head;
  probe.send(R"([{"ticket":"t"},{"type":"orderbook","codes":["KRW-BTC"]}])");
  const auto frame = probe.read(kPatience);
  ASSERT_TRUE(frame);
  EXPECT_TRUE(frame->is_compressed);
  EXPECT_LT(frame->payload.size(), 2'000U);
}

TEST(SimServer, unknown_paths_do_not_upgrade) {
  // Goal: only /websocket/v1 is a socket; method: another path.
  SimServer server(small_config());
  Probe probe(server.port(), server.ca_pem());
  EXPECT_EQ(probe.upgrade("/websocket/v9").rfind("HTTP/1.1 404", 0), 0U);
}

TEST(SimServer, stop_ends_connections_and_keeps_the_answers) {
  // Goal: a clean end with clients attached; method: stop under load, then ask.
  SimServer server(small_config());
  Probe probe(server.port(), server.ca_pem());
  probe.upgrade();
  probe.send(R"([{"ticket":"t"},{"type":"orderbook","codes":["KRW-BTC"]}])");
  EXPECT_EQ(next_json(probe)["type"], "orderbook");
  server.stop();
  while (probe.read(kPatience)) {
  }
  EXPECT_TRUE(probe.is_closed());
  EXPECT_GE(server.stats().connections.at(0).frames_sent, 1U);
  EXPECT_FALSE(server.book_json("KRW-BTC").empty());
  server.stop();
}

TEST(SimServer, an_address_in_use_is_an_exception) {
  // Goal: the error of starting; method: the same port twice while the first listens.
  SimServer first(small_config());
  SimConfig config = small_config();
  config.port = first.port();
  EXPECT_THROW(SimServer second(config), std::exception);
}

}  // namespace
}  // namespace upfeed::sim
