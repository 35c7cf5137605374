// What one receive brings, and when: kernel stamps, receive calls, turns between connections. The
// test owns both ends, so it knows what lies in a socket before the feed looks.

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "live_harness.hpp"
#include "pipeline_harness.hpp"
#include "tls_test_server.hpp"
#include "upfeed/feed.hpp"

namespace {

using namespace upfeed;
using namespace std::chrono_literals;

/// Accepts and upgrades; from then on each connection's end is the test's to send with.
class Hands {
 public:
  ~Hands() {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    changed_.notify_all();
  }
  [[nodiscard]] std::uint16_t port() const { return server_.port(); }
  [[nodiscard]] const std::string& ca_file() const { return certificates_.ca_file(); }
  [[nodiscard]] std::size_t count() {
    const std::lock_guard lock(mutex_);
    return peers_.size();
  }
  /// In the order of their upgrades.
  [[nodiscard]] test::ServerPeer& peer(std::size_t i) {
    const std::lock_guard lock(mutex_);
    return *peers_.at(i);
  }

 private:
  void serve(test::ServerPeer& peer) {
    if (!peer.handshake()) return;
    peer.put(test::upgrade_reply(peer.read_request()));
    peer.flush();
    std::unique_lock lock(mutex_);
    peers_.push_back(&peer);
    changed_.wait(lock, [this] { return over_; });
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;
  std::vector<test::ServerPeer*> peers_;
  test::TestCertificates certificates_;
  test::TlsTestServer server_{certificates_.server_context(test::CertificateKind::good),
                              [this](test::ServerPeer& peer) { serve(peer); }};
};

std::string binary(const std::string& text) {
  constexpr unsigned kBinary = 2;
  return test::server_frame(kBinary, text);
}

/// A feed without threads that has asked for its trades on every connection.
class HandFed {
 public:
  explicit HandFed(std::uint32_t connections) : feed_(make(hands, connections)) {
    std::vector<std::string> codes;
    for (int i = 0; i < 16; ++i) codes.push_back("KRW-T" + std::to_string(i));
    EXPECT_TRUE(
        client_.subscribe_trade(codes, [this](const TradeEvent& trade) { trades.push_back(trade); })
            .ok());
    EXPECT_TRUE(eventually([&] {
      poll();
      feed_.step_io();
      return hands.count() == connections && metrics().requests_sent >= connections;
    }));
  }
  void step() {
    feed_.step_io();
    poll();
  }
  [[nodiscard]] FeedMetrics metrics() const { return feed_.metrics(); }

  Hands hands;
  std::vector<TradeEvent> trades;

 private:
  static Feed make(const Hands& hands, std::uint32_t connections) {
    FeedConfig config;
    config.endpoint.host = "127.0.0.1";
    config.endpoint.port = hands.port();
    config.endpoint.ca_file = hands.ca_file();
    config.sharding.connections = connections;
    config.shards_max = connections;
    return LiveHarness::feed(config);
  }
  void poll() {
    while (feed_.poll() != 0) {
    }
  }
  Feed feed_;
  Client client_ = feed_.client("hand-fed");
};

std::string trade(std::uint64_t id) {
  return PipelineHarness::trade("KRW-T0", id);
}

// Goal: every event has the kernel's stamp, flagged where it may be late. Method: one frame alone;
// two records in one segment; two messages in one record.
TEST(FeedReceive, kernel_stamps_say_whether_frames_shared_them) {
  HandFed fed(1);
  test::ServerPeer& peer = fed.hands.peer(0);
  const auto before = std::chrono::system_clock::now().time_since_epoch();
  peer.put(binary(trade(1)));
  peer.flush();
  fed.step();
  ASSERT_EQ(fed.trades.size(), 1U);
  const TradeEvent alone = fed.trades[0];
  const auto after = std::chrono::system_clock::now().time_since_epoch();
  EXPECT_EQ(alone.flags & kKernelTimeShared, 0);
  EXPECT_GE(alone.kernel_time.unix_ns, std::chrono::nanoseconds(before).count());
  EXPECT_LE(alone.kernel_time.unix_ns, std::chrono::nanoseconds(after).count());
  EXPECT_GT(alone.received_mono.ns, 0);

  peer.put(binary(trade(2)));
  peer.put(binary(trade(3)));
  peer.flush();
  fed.step();
  peer.put(binary(trade(4)) + binary(trade(5)));
  peer.flush();
  fed.step();
  ASSERT_EQ(fed.trades.size(), 5U);
  for (std::size_t i = 1; i < 5; ++i) {
    EXPECT_NE(fed.trades[i].flags & kKernelTimeShared, 0) << "trade " << i + 1;
    EXPECT_GE(fed.trades[i].kernel_time.unix_ns, alone.kernel_time.unix_ns);
  }
  EXPECT_EQ(fed.trades[1].kernel_time, fed.trades[2].kernel_time);
  EXPECT_EQ(fed.trades[3].kernel_time, fed.trades[4].kernel_time);
}

// Goal: one successful receive a frame where each comes alone, one for all that came together.
// Method: the counter of receives that brought bytes.
TEST(FeedReceive, one_receive_takes_all_that_is_there) {
  HandFed fed(1);
  test::ServerPeer& peer = fed.hands.peer(0);
  peer.put(binary(trade(1)));
  peer.flush();
  fed.step();  // the handshake's receives are counted with the first
  std::uint64_t before = fed.metrics().receive_calls;
  for (std::uint64_t id = 2; id <= 21; ++id) {
    peer.put(binary(trade(id)));
    peer.flush();
    fed.step();
    ASSERT_EQ(fed.trades.size(), id);
  }
  EXPECT_EQ(fed.metrics().receive_calls - before, 20U);
  before = fed.metrics().receive_calls;
  for (std::uint64_t id = 22; id <= 61; ++id) peer.put(binary(trade(id)));
  peer.flush();
  while (fed.trades.size() < 61) fed.step();
  EXPECT_EQ(fed.metrics().receive_calls - before, 1U);
}

// Goal: a connection with a lot to read does not keep its neighbour on the thread waiting. Method:
// hundreds of frames in the first socket, one in the second; one step brings some of the first and
// all of the second.
TEST(FeedReceive, connections_of_a_thread_take_turns) {
  HandFed fed(2);
  const auto frames = [&](std::size_t connection) {
    return fed.metrics().connections[connection].frames;
  };
  fed.hands.peer(0).put(binary(trade(1)));
  fed.hands.peer(0).flush();
  fed.step();
  const std::size_t crowded = frames(0) == 1 ? 0 : 1;
  const std::size_t quiet = 1 - crowded;
  ASSERT_EQ(frames(crowded), 1U);
  for (std::uint64_t id = 2; id <= 501; ++id) fed.hands.peer(0).put(binary(trade(id)));
  fed.hands.peer(0).flush();
  fed.hands.peer(1).put(binary(trade(1000)));
  fed.hands.peer(1).flush();
  fed.step();
  EXPECT_EQ(frames(quiet), 1U);
  EXPECT_GE(frames(crowded), 2U);
  EXPECT_LE(frames(crowded), 1U + 16U);
  while (frames(crowded) < 501) fed.step();
}

}  // namespace
