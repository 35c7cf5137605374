// Every fault of the simulator, seen on the wire by a small client of its own.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
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
const std::string kBooks = R"([{"ticket":"t"},{"type":"orderbook","codes":["KRW-BTC"]}])";

SimConfig small_config() {
  SimConfig config;
  config.profile.markets = {6, 2, 2};
  config.profile.frames_per_second = 500;
  return config;
}

/// A server and a client whose books flow.
struct Stage {
  explicit Stage(const SimConfig& config = small_config(), const std::string& request = kBooks)
      : server(config), probe(server.port(), server.ca_pem()) {
    probe.upgrade();
    probe.send(request);
    first = probe.read(kPatience).value().payload;
  }

  /// Reads until the connection ends.
  Ending end() {
    while (probe.read(kPatience)) {
    }
    return probe.ending();
  }
  /// Reads what is under way until nothing more comes.
  void drain() {
    while (probe.read(300ms)) {
    }
  }
  Json next() {
    const auto frame = probe.read(kPatience);
    return frame ? Json::parse(frame->payload, nullptr, false) : Json();
  }

  SimServer server;
  Probe probe;
  std::string first;
};

TEST(SimFaults, bad_certificates_are_what_they_say) {
  // Goal: every certificate a client must refuse, and good ones after it; method: handshakes with
  // and without a fitting name.
  SimServer server(small_config());
  const auto connects = [&](const std::string& host) {
    try {
      Probe probe(server.port(), server.ca_pem(), host);
      return true;
    } catch (const std::runtime_error&) {
      return false;
    }
  };
  for (const auto kind :
       {CertificateKind::wrong_host, CertificateKind::expired, CertificateKind::not_yet_valid,
        CertificateKind::self_signed, CertificateKind::unknown_ca}) {
    server.fault_next(faults::bad_certificate(kind));
    EXPECT_FALSE(connects("localhost")) << static_cast<int>(kind);
    EXPECT_TRUE(connects("localhost"));
  }
  server.fault_next(faults::bad_certificate(CertificateKind::wrong_host));
  EXPECT_TRUE(connects("another.example")) << "only the name is wrong";
  for (const Fault& fault :
       {faults::old_tls(), faults::garbage_handshake(), faults::reset_accept()}) {
    server.fault_next(fault, 2);
    EXPECT_FALSE(connects("localhost")) << static_cast<int>(fault.kind);
    EXPECT_FALSE(connects("localhost"));
    EXPECT_TRUE(connects("localhost"));
  }
}

TEST(SimFaults, upgrades_are_refused_as_scripted) {
  // Goal: statuses, hints, bodies, a wrong key; method: one request each, then a good one.
  SimServer server(small_config());
  const auto head = [&] { return Probe(server.port(), server.ca_pem()).upgrade(); };
  for (const unsigned status : {301U, 401U, 403U, 418U, 426U, 429U, 500U, 503U}) {
    server.fault_next(faults::refuse_upgrade(status, 7));
    const std::string reply = head();
    EXPECT_EQ(reply.rfind("HTTP/1.1 " + std::to_string(status), 0), 0U) << reply;
    EXPECT_NE(reply.find("Retry-After: 7\r\n"), std::string::npos) << reply;
    EXPECT_EQ(reply.find("Location:") != std::string::npos, status == 301);
  }
  server.fault_next(faults::refuse_upgrade(502, 0, "<html>bad gateway</html>"));
  EXPECT_NE(head().find("Content-Type: text/html"), std::string::npos);
  server.fault_next(faults::wrong_accept());
  const std::string wrong = head();
  EXPECT_EQ(wrong.rfind("HTTP/1.1 101", 0), 0U);
  EXPECT_EQ(wrong.find("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), std::string::npos);
  EXPECT_NE(head().find("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), std::string::npos);
  const GateStats gate = server.stats().gate;
  EXPECT_EQ(gate.by_status.at(101), 2U);
  EXPECT_EQ(gate.by_status.at(418), 1U);
}

TEST(SimFaults, connections_end_by_fin_reset_or_in_mid_frame) {
  // Goal: the three hard ends; method: how the client's read ends.
  {
    Stage stage;
    stage.server.fault(faults::drop());
    EXPECT_EQ(stage.end(), Ending::fin);
  }
  {
    Stage stage;
    stage.server.fault(faults::reset());
    EXPECT_EQ(stage.end(), Ending::reset);
  }
  Stage stage;
  stage.server.fault(faults::fin_mid_frame());
  while (const auto frame = stage.probe.read(kPatience)) {
    EXPECT_TRUE(Json::accept(frame->payload)) << "whole frames only";
  }
  EXPECT_EQ(stage.probe.ending(), Ending::fin);
}

TEST(SimFaults, frozen_connections_say_nothing_until_thawed) {
  // Goal: half-open as a client can see it; method: data and pings stop, the socket stays beyond
  // the idle close, clear_faults brings all back.
  SimConfig config = small_config();
  config.idle_close = 1'000ms;
  Stage stage(config);
  stage.server.fault(faults::freeze());
  stage.drain();
  stage.probe.send("still there?", 9);
  EXPECT_FALSE(stage.probe.read(1'500ms));
  EXPECT_FALSE(stage.probe.is_closed());
  stage.server.clear_faults();
  for (bool has_pong = false; !has_pong;) {
    const auto frame = stage.probe.read(kPatience);
    ASSERT_TRUE(frame);
    has_pong = frame->opcode == 10;
  }
  EXPECT_EQ(stage.next()["type"], "orderbook");
}

TEST(SimFaults, bytes_are_cut_collected_and_delayed_without_harm) {
  // Goal: same frames, other bytes; method: sizes of records, numbers of segments and fragments.
  Stage stage;
  Probe& probe = stage.probe;
  stage.server.set_paused(true);
  stage.drain();
  stage.server.fault(faults::records(100));
  stage.server.fault(faults::segments(1));
  stage.server.fault(faults::fragments(700));
  const std::size_t segments = probe.segments_received();
  stage.server.fault(faults::flood(20));
  for (int i = 0; i < 20; ++i) {
    const auto frame = probe.read(kPatience);
    ASSERT_TRUE(frame);
    EXPECT_TRUE(Json::accept(frame->payload));
    EXPECT_EQ(frame->fragments, (frame->payload.size() + 699) / 700);
  }
  // The kernel joins many of them again, on a busy machine most; still there are more than frames.
  EXPECT_GT(probe.segments_received() - segments, 20U);

  Stage fresh;
  SimServer& server = fresh.server;
  server.fault_next(faults::records(64));
  Probe cut(server.port(), server.ca_pem());
  cut.upgrade();
  const std::size_t head_record = cut.record_bytes_max();
  cut.send(kBooks);
  ASSERT_TRUE(cut.read(kPatience));
  EXPECT_LE(cut.record_bytes_max(), std::max<std::size_t>(head_record, 64));

  server.fault_next(faults::batch(300ms));
  Probe batched(server.port(), server.ca_pem());
  batched.upgrade();
  batched.send(kBooks);
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(batched.read(kPatience));
  EXPECT_GT(batched.record_bytes_max(), 4'000U) << "two books at least in one record";

  server.fault_next(faults::delay(400ms));
  Probe late(server.port(), server.ca_pem());
  late.upgrade();
  const auto start = Steady::now();
  late.send(kBooks);
  ASSERT_TRUE(late.read(kPatience));
  EXPECT_GE(Steady::now() - start, 390ms);
}

TEST(SimFaults, illegal_and_hostile_bytes_arrive_as_scripted) {
  // Goal: raw bytes between good frames; method: what a plain parser reads of each.
  Stage stage;
  const auto find = [&](auto is_it) {
    for (int i = 0; i < 2'000; ++i) {
      const auto frame = stage.probe.read(kPatience);
      if (!frame) return false;
      if (is_it(*frame)) return true;
    }
    return false;
  };
  stage.server.fault(faults::garbage_frame());
  EXPECT_TRUE(find([](const ProbeFrame& frame) { return frame.opcode == 3; }));
  stage.server.fault(faults::bytes("\x81\x02hi"));
  EXPECT_TRUE(find([](const ProbeFrame& frame) { return frame.payload == "hi"; }));
  stage.server.fault(faults::oversize_frame(3'000'000));
  EXPECT_TRUE(find([](const ProbeFrame& frame) { return frame.payload.size() == 3'000'000; }));
  stage.server.fault(faults::ping_flood(500));
  int pings = 0;
  EXPECT_TRUE(find([&](const ProbeFrame& frame) { return (pings += frame.opcode == 9) == 500; }));
  EXPECT_TRUE(find([](const ProbeFrame& frame) { return frame.opcode == 2; })) << "goes on";
  stage.server.fault(faults::garbage_record());
  EXPECT_EQ(stage.end(), Ending::broken_tls);
}

TEST(SimFaults, messages_that_never_end_come_in_drops) {
  // Goal: slow-loris, endless fragments, a length that lies; method: bytes come, no frame does.
  for (const Fault& fault : {faults::slow_message(5ms), faults::empty_fragments(1'000),
                             faults::lying_length(0x7fff'ffff'ffff'ffff)}) {
    Stage stage;
    stage.server.set_paused(true);
    stage.drain();
    const std::size_t before = stage.probe.bytes_received();
    stage.server.fault(fault);
    // How many bytes come in a while is the machine's affair; that they come is not.
    for (int reads = 0; reads < 30 && stage.probe.bytes_received() - before < 20; ++reads) {
      EXPECT_FALSE(stage.probe.read(300ms)) << static_cast<int>(fault.kind);
    }
    EXPECT_FALSE(stage.probe.is_closed());
    EXPECT_GE(stage.probe.bytes_received() - before, 20U);
  }
}

TEST(SimFaults, pings_and_closes_stay_unanswered) {
  // Goal: two kinds of deafness; method: ping without pong while data flows, close without reply.
  Stage stage;
  stage.server.fault(faults::ignore_pings());
  stage.probe.send("hello", 9);
  for (int i = 0; i < 5; ++i) {
    const auto frame = stage.probe.read(kPatience);
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->opcode, 2);
  }
  EXPECT_EQ(stage.server.stats().connections.at(0).pings_received, 1U);
  stage.server.fault(faults::ignore_closes());
  stage.probe.send(std::string("\x03\xe8"), 8);
  while (const auto frame = stage.probe.read(500ms)) EXPECT_EQ(frame->opcode, 2);
  EXPECT_FALSE(stage.probe.is_closed());
  EXPECT_EQ(stage.server.stats().connections.at(0).close_code, 1000);
  stage.server.stop();
  stage.end();
  EXPECT_TRUE(stage.probe.is_closed());
}

TEST(SimFaults, server_closes_and_errors_of_any_name) {
  // Goal: planned maintenance and unknown errors; method: code and text as asked for.
  for (const std::uint16_t code : {std::uint16_t{1001}, std::uint16_t{1012}}) {
    Stage stage;
    stage.server.fault(faults::close(code));
    std::string close;
    while (const auto frame = stage.probe.read(kPatience)) {
      if (frame->opcode == 8) {
        close = frame->payload;
        stage.probe.send(close, 8);
      }
    }
    ASSERT_GE(close.size(), 2U);
    EXPECT_EQ(static_cast<unsigned char>(close[0]) * 256 + static_cast<unsigned char>(close[1]),
              code);
    EXPECT_EQ(stage.server.stats().connections.at(0).close_code_sent, code);
  }
  Stage stage;
  stage.server.fault(faults::error("NEW_TROUBLE", "what \"is\" it"));
  Json error;
  while (error.is_null()) error = stage.next().value("error", Json());
  EXPECT_EQ(error, (Json{{"name", "NEW_TROUBLE"}, {"message", "what \"is\" it"}}));
  const auto close = stage.probe.read(kPatience);
  ASSERT_TRUE(close);
  EXPECT_EQ(close->opcode, 8);
}

TEST(SimFaults, mute_and_forget_differ_in_what_the_list_says) {
  // Goal: silent loss that an audit cannot and can see; method: data and LIST_SUBSCRIPTIONS.
  Stage stage(small_config(),
              R"([{"ticket":"t"},{"type":"orderbook","codes":["KRW-BTC.5","KRW-ETH"]}])");
  const auto list = [&] {
    stage.probe.send(R"([{"ticket":"l"},{"method":"LIST_SUBSCRIPTIONS"}])");
    Json json;
    while (!json.contains("result")) json = stage.next();
    return json["result"][0]["codes"];
  };
  const auto codes_for = [&](std::chrono::milliseconds time) {
    std::map<std::string, int> codes;
    for (const auto end = Steady::now() + time; Steady::now() < end;) {
      if (const auto frame = stage.probe.read(100ms)) {
        ++codes[Json::parse(frame->payload)["code"].get<std::string>()];
      }
    }
    return codes;
  };
  const auto sees_both = [&] {
    std::map<std::string, int> codes;
    for (const auto end = Steady::now() + kPatience; codes.size() < 2 && Steady::now() < end;) {
      codes.merge(codes_for(100ms));
    }
    return codes.size() == 2;
  };
  EXPECT_TRUE(sees_both());
  stage.server.fault(faults::mute("orderbook", "KRW-BTC"));
  EXPECT_EQ(list(), (Json{"KRW-BTC", "KRW-ETH"}));
  EXPECT_EQ(codes_for(500ms).count("KRW-BTC"), 0U);
  stage.server.clear_faults();
  EXPECT_TRUE(sees_both());
  stage.server.fault(faults::forget("orderbook", "KRW-BTC"));
  EXPECT_EQ(list(), Json{"KRW-ETH"});
  EXPECT_EQ(codes_for(500ms).count("KRW-BTC"), 0U);
}

TEST(SimFaults, frames_are_tampered_with_for_the_next_connections) {
  // Goal: wrong content and order reach the client; method: one armed connection per fault.
  SimServer server(small_config());
  const auto connect = [&](const Fault& fault, const std::string& request = kBooks) {
    server.fault_next(fault);
    auto probe = std::make_unique<Probe>(server.port(), server.ca_pem());
    probe->upgrade();
    probe->send(request);
    return probe;
  };
  const auto next = [](Probe& probe) { return Json::parse(probe.read(kPatience).value().payload); };
  const Json crossed = next(*connect(faults::cross_books()));
  EXPECT_LT(crossed["orderbook_units"][0]["ask_price"], crossed["orderbook_units"][0]["bid_price"]);
  EXPECT_GT(next(*connect(faults::microseconds()))["timestamp"], 1'000'000'000'000'000);
  const auto now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                          std::chrono::system_clock::now().time_since_epoch())
                          .count();
  EXPECT_GT(next(*connect(faults::shift_times(1h)))["timestamp"], now_ms + 3'000'000);
  EXPECT_LT(next(*connect(faults::shift_times(-1h)))["timestamp"], now_ms - 3'000'000);
  EXPECT_EQ(next(*connect(faults::snapshots(SnapshotOrder::none)))["stream_type"], "REALTIME");
  const auto late = connect(faults::snapshots(SnapshotOrder::after_realtime));
  EXPECT_EQ(next(*late)["stream_type"], "REALTIME");
  EXPECT_EQ(next(*late)["stream_type"], "SNAPSHOT");
  const auto twice = connect(faults::snapshots(SnapshotOrder::both_twice));
  const Json first = next(*twice);
  EXPECT_EQ(first, next(*twice));
  const Json second = next(*twice);
  EXPECT_EQ(second["stream_type"], "REALTIME");
  EXPECT_EQ(second, next(*twice));
  const std::string trades =
      R"([{"ticket":"t"},{"type":"trade","codes":["KRW-BTC"],"is_only_realtime":true}])";
  const auto doubled = connect(faults::duplicate_trades(), trades);
  EXPECT_EQ(next(*doubled)["sequential_id"], next(*doubled)["sequential_id"]);
  const auto swapped = connect(faults::swap_trades(2), trades);
  const Json one = next(*swapped)["sequential_id"];
  const Json three = next(*swapped)["sequential_id"];
  const Json two = next(*swapped)["sequential_id"];
  EXPECT_LT(one, two);
  EXPECT_LT(two, three);
}

TEST(SimFaults, flood_and_message_send_what_is_asked_for) {
  // Goal: bursts and exact frames; method: counts and text, with the market silent.
  Stage stage;
  stage.server.set_paused(true);
  stage.drain();
  stage.server.fault(faults::flood(1'000));
  int frames = 0;
  while (const auto frame = stage.probe.read(500ms)) {
    frames += Json::parse(frame->payload)["code"] == "KRW-BTC" ? 1 : 0;
  }
  EXPECT_EQ(frames, 1'000);
  stage.server.fault(faults::message("{\"type\":\"unheard of\"}"));
  EXPECT_EQ(stage.next()["type"], "unheard of");
}

TEST(SimFaults, faults_of_the_config_come_at_their_time_or_at_every_connection) {
  // Goal: SimConfig::faults; method: one at once, one later, two connections.
  SimConfig config = small_config();
  config.faults = {faults::snapshots(SnapshotOrder::none), faults::drop()};
  config.faults[1].after = 2s;
  const auto start = Steady::now();
  SimServer server(config);
  for (int i = 0; i < 2; ++i) {
    Probe probe(server.port(), server.ca_pem());
    probe.upgrade();
    probe.send(kBooks);
    const auto frame = probe.read(kPatience);
    ASSERT_TRUE(frame);
    EXPECT_EQ(Json::parse(frame->payload)["stream_type"], "REALTIME");
    if (i == 0) continue;
    while (Steady::now() - start < kPatience && probe.read(kPatience)) {
    }
    EXPECT_TRUE(probe.is_closed());
    EXPECT_GE(Steady::now() - start, 1'990ms);
  }
}

TEST(SimFaults, stalls_hold_the_client_until_it_gives_up) {
  // Goal: a handshake and an upgrade without an answer; method: a client thread that is still
  // waiting after a while and ends with the server.
  for (const Fault& fault : {faults::stall_handshake(), faults::stall_upgrade()}) {
    SimServer server(small_config());
    server.fault_next(fault);
    std::atomic<bool> is_over{false};
    std::thread client([&] {
      try {
        Probe probe(server.port(), server.ca_pem());
        probe.upgrade();
      } catch (const std::runtime_error&) {
      }
      is_over = true;
    });
    std::this_thread::sleep_for(400ms);
    EXPECT_FALSE(is_over) << static_cast<int>(fault.kind);
    server.stop();
    client.join();
  }
}

TEST(SimRestCalls, past_trades_are_the_trades_that_were_sent) {
  // Goal: /v1/trades/ticks agrees with the socket; method: ids and prices of what came, paged by
  // cursor; then the limit.
  SimConfig config = small_config();
  config.enforce_rest_limit = true;
  Stage stage(config, R"([{"ticket":"t"},{"type":"trade","codes":["KRW-BTC"]}])");
  std::vector<Json> sent{Json::parse(stage.first)};
  while (sent.size() < 12) sent.push_back(stage.next());
  stage.server.set_paused(true);
  while (const auto frame = stage.probe.read(300ms)) sent.push_back(Json::parse(frame->payload));
  Probe rest(stage.server.port(), stage.server.ca_pem());
  const auto get = [&](const std::string& query) {
    const std::string reply = rest.get("/v1/trades/ticks?market=KRW-BTC&" + query);
    EXPECT_NE(reply.find("Remaining-Req: group=trade; min=600; sec="), std::string::npos);
    return Json::parse(reply.substr(reply.find("\r\n\r\n") + 4));
  };
  const std::string cursor = std::to_string(sent.back()["sequential_id"].get<std::uint64_t>() + 1);
  const Json newest = get("count=4&cursor=" + cursor);
  ASSERT_EQ(newest.size(), 4U);
  const std::string next_cursor =
      std::to_string(newest.back()["sequential_id"].get<std::uint64_t>());
  const Json older = get("count=500&cursor=" + next_cursor);
  std::vector<Json> all(newest.begin(), newest.end());
  all.insert(all.end(), older.begin(), older.end());
  ASSERT_GE(all.size(), sent.size());
  for (std::size_t i = 0; i < sent.size(); ++i) {
    const Json& frame = sent[sent.size() - 1 - i];
    EXPECT_EQ(all[i]["sequential_id"], frame["sequential_id"]);
    EXPECT_EQ(all[i]["trade_price"], frame["trade_price"]);
    EXPECT_EQ(all[i]["trade_volume"], frame["trade_volume"]);
    EXPECT_EQ(all[i]["timestamp"], frame["trade_timestamp"]);
    EXPECT_EQ(all[i]["ask_bid"], frame["ask_bid"]);
  }
  EXPECT_EQ(get("days_ago=7").size(), 0U);
  EXPECT_EQ(rest.get("/v1/trades/ticks?market=KRW-BTC&to=250000").rfind("HTTP/1.1 400", 0), 0U);
  std::string limited;
  for (int i = 0; i < 30 && limited.empty(); ++i) {
    const std::string reply = rest.get("/v1/market/all");
    if (reply.rfind("HTTP/1.1 429", 0) == 0) limited = reply;
  }
  EXPECT_NE(limited.find("Remaining-Req: group=market; min=600; sec=0"), std::string::npos);
  EXPECT_GE(stage.server.stats().rest_violations, 1U);
}

}  // namespace
}  // namespace upfeed::sim
