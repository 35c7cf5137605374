// After warm-up, a frame costs no allocation, no lock, no page fault and no system call but the
// receive (a ping, now and then, is sent). The exchange is another process, the feed runs on its
// own threads.
//
// Method: the heap and the locks are interposed (alloc_guard.hpp), system calls are counted by a
// seccomp listener on each of the feed's threads (syscall_watch.hpp), page faults by the kernel.
// UPFEED_ZERO_FRAMES frames, 100,000 by default.

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>

#include "alloc_guard.hpp"
#include "live_harness.hpp"
#include "pipeline_harness.hpp"
#include "syscall_watch.hpp"
#include "tls_test_server.hpp"
#include "upfeed/feed.hpp"

namespace {

using namespace upfeed;
using namespace std::chrono_literals;

constexpr std::uint64_t kWarmUpFrames = 30'000;

std::uint64_t frames_wanted() {
  const char* const given = std::getenv("UPFEED_ZERO_FRAMES");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : 100'000;
}

/// A server in a process of its own that sends as fast as the feed takes it: order books, tickers
/// and trades of ten markets, each message a TLS record, eight of them a segment. Whoever is slow,
/// a busy test machine makes nothing but the pace slower.
class Exchange {
 public:
  /// Before the test starts threads. pauses  a millisecond of silence after every 64 messages.
  explicit Exchange(bool pauses) {
    int channel[2];
    if (::pipe2(channel, O_CLOEXEC) != 0) std::abort();
    child_ = ::fork();
    if (child_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      const upfeed::test::TlsTestServer server(
          certificates_.server_context(upfeed::test::CertificateKind::good),
          [pauses](upfeed::test::ServerPeer& peer) { serve(peer, pauses); });
      const std::uint16_t port = server.port();
      if (::write(channel[1], &port, sizeof port) != sizeof port) std::abort();
      for (;;) ::pause();
    }
    if (::read(channel[0], &port_, sizeof port_) != sizeof port_) std::abort();
    ::close(channel[0]);
    ::close(channel[1]);
  }
  ~Exchange() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] const std::string& ca_file() const { return certificates_.ca_file(); }
  [[nodiscard]] static std::vector<std::string> codes() {
    std::vector<std::string> all;
    for (int i = 0; i < 10; ++i) all.push_back("KRW-T" + std::to_string(i));
    return all;
  }

 private:
  static void serve(upfeed::test::ServerPeer& peer, bool pauses) {
    if (!peer.handshake()) return;
    peer.put(upfeed::test::upgrade_reply(peer.read_request()));
    peer.flush();
    constexpr std::int64_t kStartMs = 1'790'134'742'000;
    constexpr unsigned kBinary = 2;
    const std::vector<std::string> all = codes();
    for (std::int64_t i = 1;; ++i) {
      const std::string& code = all[static_cast<std::size_t>(i) % all.size()];
      const auto turn = static_cast<std::uint64_t>(i);
      std::string text;
      if (i % 3 == 0) {
        text = PipelineHarness::book(code, kStartMs + i, 1000 + i % 100, 30);
      } else if (i % 3 == 1) {
        text = PipelineHarness::ticker(code, kStartMs + i);
      } else {
        text = PipelineHarness::trade(code, turn);
      }
      peer.put(upfeed::test::server_frame(kBinary, text));
      if (i % 8 == 0) peer.flush();
      if (pauses && i % 64 == 0) std::this_thread::sleep_for(1ms);
    }
  }

  upfeed::test::TestCertificates certificates_;
  pid_t child_ = 0;
  std::uint16_t port_ = 0;
};

std::uint64_t messages_sent(const FeedMetrics& metrics) {
  return metrics.requests_sent + metrics.connections.front().pings_sent;
}

/// What was counted on one thread between two looks.
struct ThreadCosts {
  std::uint64_t page_faults = 0;
  SyscallWatch::Counts calls;

  [[nodiscard]] std::uint64_t made(long number) const {
    const auto found = calls.find(number);
    return found == calls.end() ? 0 : found->second;
  }
  [[nodiscard]] std::string text() const {
    std::ostringstream out;
    out << page_faults << " page faults, system calls by number:";
    for (const auto& [number, count] : calls) out << ' ' << number << " x " << count;
    return out.str();
  }
};

ThreadCosts look(pid_t tid, const SyscallWatch& watch) {
  return {page_faults(tid), watch.counts()};
}

ThreadCosts between(const ThreadCosts& before, const ThreadCosts& after) {
  ThreadCosts costs{after.page_faults - before.page_faults, {}};
  for (const auto& [number, count] : after.calls) {
    if (const std::uint64_t made = count - before.made(number); made != 0) {
      costs.calls[number] = made;
    }
  }
  return costs;
}

struct Costs {
  std::uint64_t frames = 0;
  std::uint64_t receive_calls = 0;
  std::uint64_t messages_sent = 0;
  ThreadCosts io;
  ThreadCosts dispatcher;
  alloc_guard::Counts heap;
  alloc_guard::Counts locks;
  std::string stacks;
  bool pages_held = false;
  std::string problem;  // not empty: system calls were not counted
};

/// Runs the feed for that many frames after its warm-up.
Costs measure(WaitPolicy policy, std::uint64_t frames) {
  const Exchange exchange(policy == WaitPolicy::park);
  FeedConfig config;
  config.endpoint.host = "127.0.0.1";
  config.endpoint.port = exchange.port();
  config.endpoint.ca_file = exchange.ca_file();
  config.io_wait = policy;
  config.dispatcher_wait = policy;
  config.ring_bytes = 64U << 20U;
  config.silence = {0ms, 0ms, 0ms, 0ms, 0ms};  // no requests later, which are on the heap
  config.ping_interval = 1s;  // pings are part of the warm-up and of what is watched
  Feed feed = LiveHarness::feed(config);
  Client client = feed.client("zero");
  const std::vector<std::string> codes = Exchange::codes();
  std::atomic<std::uint64_t> events{0};
  const auto count = [&](const auto&...) { events.fetch_add(1, std::memory_order_relaxed); };
  EXPECT_TRUE(client.subscribe_trade(codes, count).ok());
  EXPECT_TRUE(client.subscribe_ticker(codes, count).ok());
  EXPECT_TRUE(client.subscribe_orderbook(codes, count).ok());
  // From the start: what the guard needs to unwind a stack is part of the warm-up, too.
  alloc_guard::watch_threads_named({"upfeed-io", "upfeed-disp"});
  EXPECT_TRUE(feed.start().ok());
  EXPECT_TRUE(eventually(
      [&] {
        const FeedMetrics metrics = feed.metrics();
        return metrics.frames > kWarmUpFrames && metrics.connections.front().pings_sent > 1;
      },
      60s));
  const pid_t io = thread_named("upfeed-io");
  const pid_t dispatcher = thread_named("upfeed-disp");
  Costs costs;
  // A page that was touched stays: what the kernel takes back from an idle process is not our
  // doing. Pages that were never touched fault as ever.
  costs.pages_held = ::mlockall(MCL_CURRENT | MCL_ONFAULT) == 0;
  {
    SyscallWatch io_calls(io);
    SyscallWatch dispatcher_calls(dispatcher);
    costs.problem = io_calls.problem() + dispatcher_calls.problem();
    std::this_thread::sleep_for(500ms);  // what the watchers themselves did is over
    alloc_guard::reset();
    const ThreadCosts io_before = look(io, io_calls);
    const ThreadCosts dispatcher_before = look(dispatcher, dispatcher_calls);
    const FeedMetrics before = feed.metrics();
    EXPECT_TRUE(eventually([&] { return feed.metrics().frames >= before.frames + frames; }, 240s));
    costs.io = between(io_before, look(io, io_calls));
    costs.dispatcher = between(dispatcher_before, look(dispatcher, dispatcher_calls));
    const FeedMetrics after = feed.metrics();
    costs.heap = alloc_guard::counts();
    costs.locks = alloc_guard::lock_counts();
    costs.stacks = alloc_guard::report() + alloc_guard::lock_report();
    alloc_guard::watch_threads_named({});
    costs.frames = after.frames - before.frames;
    costs.receive_calls = after.receive_calls - before.receive_calls;
    // Sent right before or after the look at the calls, at worst.
    costs.messages_sent = messages_sent(after) - messages_sent(before);
    EXPECT_EQ(after.reconnects, 0U);
    EXPECT_TRUE(feed.stop().ok());
  }
  const StreamCounts total = feed.metrics().total();
  EXPECT_EQ(total.received, total.delivered + total.dropped + total.conflated);
  std::cout << costs.frames << " frames, " << costs.receive_calls
            << " receives that brought bytes, " << costs.messages_sent
            << " messages sent\n  I/O: " << costs.io.text()
            << "\n  dispatcher: " << costs.dispatcher.text() << "\n  heap: ours " << costs.heap.ours
            << ", libssl " << costs.heap.libssl << "; locks: ours " << costs.locks.ours
            << ", libssl " << costs.locks.libssl << ", other " << costs.locks.other << '\n';
  return costs;
}

/// For bench/counted_gates.py.
void record(const Costs& costs) {
  const auto property = [](const char* name, auto value) {
    testing::Test::RecordProperty(name, std::to_string(value));
  };
  property("frames", costs.frames);
  property("allocations", costs.heap.ours + costs.heap.other);
  property("locks", costs.locks.ours);
  // A ping takes three. To the thousandth, as the looks at frames and heap are not one moment.
  const double of_records =
      static_cast<double>(costs.heap.libssl) - 3 * static_cast<double>(costs.messages_sent);
  property("libssl_allocations_per_record",
           std::round(1000 * of_records / static_cast<double>(costs.frames)) / 1000);
  if (costs.pages_held) {
    property("page_faults", costs.io.page_faults + costs.dispatcher.page_faults);
  }
}

void expect_nothing_taken(const Costs& costs) {
  record(costs);
  EXPECT_GE(costs.frames, frames_wanted());
  EXPECT_EQ(costs.heap.ours, 0U) << costs.stacks;
  EXPECT_EQ(costs.heap.other, 0U) << costs.stacks;
  // libssl 3.0 takes 40 bytes per SSL_read of TLS 1.3; a frame is a record here.
  EXPECT_LE(costs.heap.libssl, costs.frames + costs.receive_calls + 3 * costs.messages_sent + 100);
  EXPECT_EQ(costs.locks.ours, 0U) << costs.stacks;
  if (costs.pages_held) {  // not everybody may lock so much memory
    EXPECT_EQ(costs.io.page_faults, 0U) << costs.io.text();
    EXPECT_EQ(costs.dispatcher.page_faults, 0U) << costs.dispatcher.text();
  }
  EXPECT_LE(costs.receive_calls, costs.frames);
}

/// A ping is sent; libcrypto asks for the process's number when it makes the mask.
bool is_of_sending(long number) {
  return number == SYS_sendto || number == SYS_getpid;
}

TEST(FeedZero, a_spinning_feed_makes_no_system_call_but_the_receive) {
  const Costs costs = measure(WaitPolicy::spin, frames_wanted());
  expect_nothing_taken(costs);
  if (!costs.problem.empty()) GTEST_SKIP() << "system calls are not counted: " << costs.problem;
  std::uint64_t others = 0;
  for (const auto& [number, made] : costs.io.calls) {
    EXPECT_TRUE(is_of_sending(number)) << costs.io.text();
    EXPECT_LE(made, costs.messages_sent + 1) << costs.io.text();
    if (!is_of_sending(number)) others += made;
  }
  EXPECT_TRUE(costs.dispatcher.calls.empty()) << costs.dispatcher.text();
  for (const auto& [number, made] : costs.dispatcher.calls) others += made;
  RecordProperty("calls_but_receive", std::to_string(others));
}

TEST(FeedZero, a_parking_feed_sleeps_and_wakes_at_most_once_a_batch) {
  const Costs costs = measure(WaitPolicy::park, frames_wanted());
  expect_nothing_taken(costs);
  if (!costs.problem.empty()) GTEST_SKIP() << "system calls are not counted: " << costs.problem;
  // The dispatcher sleeps on a futex, the I/O thread in poll().
  for (const auto& [number, made] : costs.io.calls) {
    EXPECT_TRUE(is_of_sending(number) || number == SYS_poll || number == SYS_futex)
        << costs.io.text();
  }
  for (const auto& [number, made] : costs.dispatcher.calls) {
    EXPECT_EQ(number, SYS_futex) << costs.dispatcher.text();
  }
  // A batch is what one receive has brought, 16 records of it at most. The looks at both threads
  // are not one moment.
  constexpr std::uint64_t kApart = 2;
  // So many at most, which makes the quotient a lower bound where few records come at once.
  const std::uint64_t batches = costs.receive_calls + costs.frames / 16 + kApart;
  EXPECT_LE(costs.io.made(SYS_futex), batches);
  RecordProperty("wakes_per_batch", std::to_string(static_cast<double>(costs.io.made(SYS_futex)) /
                                                   static_cast<double>(batches)));
  EXPECT_GT(costs.io.made(SYS_futex), 0U) << "a counter that never counts shows nothing";
}

}  // namespace
