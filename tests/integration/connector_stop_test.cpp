// stop() and cancel() are quick whatever hangs, and leave nothing behind.
#include <poll.h>
#include <sys/resource.h>

#include <condition_variable>
#include <cstring>
#include <string>
#include <vector>

#include "connector_harness.hpp"
#include "net/ws_frame_writer.hpp"
#include "process_size.hpp"

namespace upfeed::net {
namespace {

using test::CertificateKind;

// A name server that never answers. What a lookup needs is owned by the hook itself, since it
// outlives everything; the test lets it go at the end.
class BlackHole {
 public:
  ResolveHook hook() const {
    return [state = state_](const std::string&, std::uint16_t, std::string&) {
      std::unique_lock lock(state->mutex);
      ++state->hanging;
      state->changed.notify_all();
      state->changed.wait(lock, [&] { return state->released; });
      --state->hanging;
      state->changed.notify_all();
      return std::vector<SocketAddress>{};
    };
  }
  bool wait_for_hanging(int count) const {
    std::unique_lock lock(state_->mutex);
    return state_->changed.wait_for(lock, milliseconds(3'000),
                                    [&] { return state_->hanging == count; });
  }
  ~BlackHole() {
    {
      const std::lock_guard lock(state_->mutex);
      state_->released = true;
      state_->changed.notify_all();
    }
    EXPECT_TRUE(wait_for_hanging(0));
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    int hanging = 0;
    bool released = false;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

TEST(ConnectorStop, returns_at_once_while_name_lookups_hang) {
  // Five dials and a REST call hang in a black-holed lookup; stop() takes less than 100 ms and the
  // connector may die while the lookups still run.
  const test::TestCertificates certificates;
  const BlackHole hole;
  {
    Connector connector({.resolve = hole.hook()});
    for (std::uint64_t id = 0; id < 5; ++id) connector.dial(request_to(certificates, id));
    connector.get({.id = 9, .host = "feed.test", .ca_file = certificates.ca_file()});
    ASSERT_TRUE(hole.wait_for_hanging(6));
    const auto start = steady_clock::now();
    connector.stop();
    EXPECT_LE(elapsed_since(start), milliseconds(100));
    EXPECT_FALSE(connector.poll_dial());
    connector.dial(request_to(certificates));  // ignored
    connector.stop();
  }
  EXPECT_TRUE(hole.wait_for_hanging(6)) << "they hang on, owning all they touch";
}

TEST(ConnectorStop, returns_at_once_from_every_step) {
  // A SYN without answer, a stalled handshake, an unanswered upgrade and a trickling refusal.
  const test::TestCertificates certificates;
  const test::ServerContext context = certificates.server_context(CertificateKind::good);
  const test::DeadPort dead;
  test::TlsTestServer mute(context,
                           [](test::ServerPeer& peer) { peer.wait_closed(milliseconds(5'000)); });
  std::atomic<int> waiting{0};
  test::TlsTestServer no_reply(context, [&](test::ServerPeer& peer) {
    if (!peer.handshake() || peer.read_request().empty()) return;
    ++waiting;
    peer.wait_closed(milliseconds(5'000));
  });
  Connector connector({.resolve = [](const std::string&, std::uint16_t port, std::string&) {
    return std::vector<SocketAddress>{loopback(port)};
  }});
  for (const std::uint16_t port : {dead.port(), mute.port(), no_reply.port()}) {
    DialRequest request = request_to(certificates, port);
    request.port = port;
    connector.dial(request);
  }
  const auto end = steady_clock::now() + milliseconds(3'000);
  while ((waiting == 0 || mute.connection_count() == 0) && steady_clock::now() < end) {
    std::this_thread::sleep_for(milliseconds(1));
  }
  ASSERT_EQ(waiting, 1);
  const auto start = steady_clock::now();
  connector.stop();
  EXPECT_LE(elapsed_since(start), milliseconds(100));
}

TEST(ConnectorStop, cancel_ends_one_dial_and_reports_it) {
  // Of two hanging dials one is cancelled: its result comes at once, the other hangs on.
  const test::TestCertificates certificates;
  const BlackHole hole;
  Connector connector({.resolve = hole.hook()});
  connector.dial(request_to(certificates, 1));
  connector.dial(request_to(certificates, 2));
  ASSERT_TRUE(hole.wait_for_hanging(2));
  connector.cancel(2);
  const DialResult result = await_dial(connector);
  EXPECT_EQ(result.id, 2u);
  EXPECT_EQ(result.error.code, NetErrc::cancelled);
  std::this_thread::sleep_for(milliseconds(50));
  EXPECT_FALSE(connector.poll_dial());
}

TEST(ConnectorStop, hanging_lookups_and_dials_are_bounded) {
  // More dials than lookups may hang, then more than may run at all: each gets its own error.
  const test::TestCertificates certificates;
  const BlackHole hole;
  Connector connector({.resolve = hole.hook(), .jobs_max = Resolver::kLookupsMax + 1});
  for (std::uint64_t id = 0; id < Resolver::kLookupsMax; ++id) {
    connector.dial(request_to(certificates, id));
  }
  ASSERT_TRUE(hole.wait_for_hanging(Resolver::kLookupsMax));
  connector.dial(request_to(certificates, 100));
  DialResult result = await_dial(connector);
  EXPECT_EQ(result.id, 100u);
  EXPECT_EQ(result.error.code, NetErrc::dns_timeout);
  Connector full({.resolve = hole.hook(), .jobs_max = 0});
  full.dial(request_to(certificates, 7));
  result = await_dial(full);
  EXPECT_EQ(result.id, 7u);
  EXPECT_EQ(result.error.code, NetErrc::out_of_resources);
}

TEST(ConnectorStop, a_result_not_taken_is_closed) {
  // The dial succeeded but nobody polled: stop() closes the socket, which the server sees.
  const test::TestCertificates certificates;
  std::atomic<bool> upgraded{false};
  std::atomic<bool> closed{false};
  {
    test::TlsTestServer server(certificates.server_context(CertificateKind::good),
                               [&](test::ServerPeer& peer) {
                                 ASSERT_TRUE(peer.handshake());
                                 peer.put(test::upgrade_reply(peer.read_request()));
                                 peer.flush();
                                 upgraded = true;
                                 closed = peer.wait_closed(milliseconds(3'000));
                               });
    Connector connector({.resolve = always({loopback(server.port())})});
    connector.dial(request_to(certificates));
    const auto end = steady_clock::now() + milliseconds(3'000);
    while (!upgraded && steady_clock::now() < end) std::this_thread::sleep_for(milliseconds(1));
    std::this_thread::sleep_for(milliseconds(50));
    connector.stop();
    while (!closed && steady_clock::now() < end) std::this_thread::sleep_for(milliseconds(1));
    EXPECT_TRUE(closed);
  }
}

TEST(ConnectorStop, a_hundred_closes_against_a_deaf_server_are_immediate) {
  // W6: the server never answers our close frame; close_now() returns at once and our close frame
  // arrives all the same, though unread data was waiting on our side.
  const test::TestCertificates certificates;
  std::atomic<int> close_frames{0};
  constexpr int kRuns = 100;
  {
    test::TlsTestServer server(certificates.server_context(CertificateKind::good),
                               [&](test::ServerPeer& peer) {
                                 if (!peer.handshake()) return;
                                 peer.put(test::upgrade_reply(peer.read_request()) +
                                          test::server_frame(2, std::string(1'000, 'd')));
                                 for (int i = 0; i < 20; ++i) {
                                   peer.put(test::server_frame(2, std::string(1'000, 'd')));
                                 }
                                 peer.flush();
                                 const std::string text = peer.read_for(milliseconds(3'000));
                                 close_frames += text.starts_with("\x88\x82");
                               });
    Connector connector({.resolve = always({loopback(server.port())})});
    const std::size_t descriptors_before = open_descriptors();
    for (int i = 0; i < kRuns; ++i) {
      connector.dial(request_to(certificates));
      const DialResult result = await_dial(connector);
      ASSERT_TRUE(result.error.ok()) << result.error.detail;
      char frame[32];
      const std::size_t size = write_ws_close(frame, 1000, "", {1, 2, 3, 4});
      const auto start = steady_clock::now();
      ASSERT_TRUE(result.socket->tls->write({frame, size}));
      result.socket->tls->close_now(true);
      ASSERT_LE(elapsed_since(start), milliseconds(100));
    }
    connector.stop();
    // The server's own ends go one by one as its scripts return.
    const auto end = steady_clock::now() + milliseconds(3'000);
    while (open_descriptors() > descriptors_before && steady_clock::now() < end) {
      std::this_thread::sleep_for(milliseconds(5));
    }
    EXPECT_LE(open_descriptors(), descriptors_before);
  }
  EXPECT_EQ(close_frames, kRuns);
}

// Takes every descriptor the process may have.
class Exhausted {
 public:
  Exhausted() {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    const rlimit tight{256, before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
    // Threads of earlier dials may still be giving theirs back: until nothing more comes.
    for (std::size_t before = 1; before != fds_.size();) {
      before = fds_.size();
      for (int fd = ::dup(0); fd >= 0; fd = ::dup(0)) fds_.emplace_back(fd);
      std::this_thread::sleep_for(milliseconds(50));
    }
  }
  ~Exhausted() { EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before_), 0); }

 private:
  rlimit before_{};
  std::vector<UniqueFd> fds_;
};

TEST(ConnectorStop, running_out_of_descriptors_is_named_and_passes) {
  // No descriptor for the dial, none for the lookup, none for the socket: the same name each time;
  // once there are some again, the dial gets as far as it can.
  const test::TestCertificates certificates;
  Connector connector({.resolve = always({loopback(test::closed_port())})});
  connector.dial(request_to(certificates));  // has the authorities loaded, which takes a file
  ASSERT_EQ(await_dial(connector).error.code, NetErrc::connect_refused);
  const auto dial = [&](const char* host) {
    DialRequest request = request_to(certificates);
    request.host = host;
    request.login.keys_host = host;
    connector.dial(request);
    return std::string(to_string(await_dial(connector).error.code));
  };
  for (int round = 0; round < 3; ++round) {
    {
      // One is left: what the previous dial of this connector gives back when the next one starts.
      const Exhausted all;
      EXPECT_EQ(dial(test::kServerName), "out_of_descriptors") << "for the lookup";
      EXPECT_EQ(dial("127.0.0.1"), "out_of_descriptors") << "for the socket";
      Connector fresh({.resolve = always({})});
      fresh.dial(request_to(certificates));
      EXPECT_EQ(await_dial(fresh).error.code, NetErrc::out_of_descriptors) << "for the dial";
    }
    EXPECT_EQ(dial(test::kServerName), "connect_refused");
  }
}

}  // namespace
}  // namespace upfeed::net
