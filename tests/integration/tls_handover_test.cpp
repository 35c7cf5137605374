// From the HTTP reply to the hot loop without losing a byte: all three kinds of leftover, and
// everything TLS does in mid-stream.
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "connector_harness.hpp"
#include "net/ws_frame_writer.hpp"
#include "net/ws_parser.hpp"

namespace upfeed::net {
namespace {

std::string numbered(int number) {
  return test::server_frame(2, "payload-" + std::to_string(number) + std::string(200, 'x'));
}

// The I/O thread's loop in small: leftover first, then read() until it says need_more, then poll().
class Consumer {
 public:
  Consumer(LiveSocket& live, std::size_t read_bytes_max)
      : live_(live), read_bytes_max_(read_bytes_max) {
    const std::span<char> room = parser_.prepare();
    std::memcpy(room.data(), live.leftover.data(), live.leftover.size());
    parser_.commit(live.leftover.size());
    parse();
  }

  /// Until that many frames are there, or the stream ends (status()).
  void run_until(std::size_t frames) {
    const auto end = steady_clock::now() + milliseconds(5'000);
    while (numbers.size() < frames && steady_clock::now() < end) {
      const std::span<char> room = parser_.prepare();
      const auto calls_before = live_.tls->receive_calls();
      last = live_.tls->read(room.first(std::min(room.size(), read_bytes_max_)));
      ASSERT_LE(live_.tls->receive_calls() - calls_before, 1u);
      if (last.status == ReadStatus::ready) {
        parser_.commit(last.bytes);
        parse();
        stamps_seen += last.kernel_unix_ns > 0;
        shared_seen += last.kernel_time_shared;
        ++reads;
      } else if (last.status == ReadStatus::need_more) {
        ASSERT_FALSE(live_.tls->has_buffered()) << "poll() would wait for what is here already";
        pollfd wait{live_.tls->fd(), POLLIN, 0};
        ::poll(&wait, 1, 1000);
      } else {
        return;
      }
    }
  }

  std::vector<int> numbers;
  ReadResult last;
  int stamps_seen = 0;
  int shared_seen = 0;
  int reads = 0;

 private:
  void parse() {
    WsMessage message;
    ParseStatus status;
    while ((status = parser_.next(message)) == ParseStatus::ready) {
      const std::string text(message.payload.begin(), message.payload.end());
      numbers.push_back(std::stoi(text.substr(std::strlen("payload-"))));
    }
    ASSERT_EQ(status, ParseStatus::need_more);
  }

  LiveSocket& live_;
  std::size_t read_bytes_max_;
  WsParser parser_;
};

// The kernel stamps packets only while some socket asks for it, and starts to a moment after the
// first one asked: this one asks early.
class KernelStamps {
 public:
  KernelStamps() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int on = 1;
    EXPECT_EQ(::setsockopt(fd_.get(), SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on), 0);
    std::this_thread::sleep_for(milliseconds(50));
  }

 private:
  UniqueFd fd_;
};

std::string hello_frame() {
  std::string out(64, '\0');
  out.resize(write_ws_frame(out, WsOpcode::text, std::string("hello"), {1, 2, 3, 4}));
  return out;
}

struct Variant {
  test::TlsRange range;
  std::size_t read_bytes_max;  // below a record's size, OpenSSL keeps the rest (SSL_pending)
};

class TlsHandover : public testing::TestWithParam<Variant> {};

TEST_P(TlsHandover, no_frame_is_lost_between_http_and_the_hot_loop) {
  // The server sends the 101, two frames in the same record and twenty more records in one send;
  // then a key update, a ticket in mid-stream and close_notify. All 25 frames must come, in order.
  const bool v13 = GetParam().range == test::TlsRange::only_1_3;
  const KernelStamps stamps;
  const test::TestCertificates certificates;
  std::string from_client;
  {
    test::TlsTestServer server(
        certificates.server_context(test::CertificateKind::good, GetParam().range),
        [&](test::ServerPeer& peer) {
          if (!peer.handshake()) return;
          const std::string request = peer.read_request();
          int number = 0;
          peer.put(test::upgrade_reply(request) + numbered(0) + numbered(1));
          for (number = 2; number < 22; ++number) peer.put(numbered(number));
          peer.flush();
          from_client = peer.read_for(milliseconds(3'000));
          if (v13) peer.key_update();
          peer.put(numbered(number++));
          peer.flush();
          from_client += peer.read_for(milliseconds(3'000));  // under the client's new key
          peer.put(numbered(number++));
          peer.flush();
          if (v13) peer.new_ticket();
          peer.put(numbered(number));
          peer.close_notify();
          peer.flush();
          peer.wait_closed(milliseconds(3'000));
        });
    const DialResult result = dial_once(server, request_to(certificates));
    ASSERT_TRUE(result.error.ok()) << to_string(result.error.code) << " " << result.error.detail;
    LiveSocket& live = *result.socket;
    EXPECT_STREQ(live.tls->tls_version(), v13 ? "TLSv1.3" : "TLSv1.2");
    EXPECT_EQ(live.leftover.size(), numbered(0).size() + numbered(1).size());
    EXPECT_TRUE(live.tls->has_buffered()) << "twenty records wait undecrypted";
    EXPECT_EQ(live.peer, "127.0.0.1:" + std::to_string(server.port()));
    EXPECT_EQ(live.remaining_req, "group=websocket; min=300; sec=4");
    const std::int64_t days_left =
        (live.tls->certificate_not_after_unix_s() - std::time(nullptr)) / (24 * 3600);
    EXPECT_GE(days_left, 28);
    EXPECT_LE(days_left, 30);

    Consumer consumer(live, GetParam().read_bytes_max);
    const auto calls_before = live.tls->receive_calls();
    consumer.run_until(22);
    EXPECT_EQ(live.tls->receive_calls(), calls_before) << "nothing to receive for what is here";
    EXPECT_EQ(consumer.shared_seen, consumer.reads) << "twenty records, one receive";
    ASSERT_TRUE(live.tls->write(hello_frame()));
    consumer.run_until(23);
    EXPECT_FALSE(consumer.last.kernel_time_shared) << "alone in its receive";
    ASSERT_TRUE(live.tls->write(hello_frame()));
    consumer.run_until(26);
    EXPECT_EQ(consumer.last.status, ReadStatus::closed);
    EXPECT_EQ(live.tls->error_code(), NetErrc::closed_by_peer);
    ASSERT_EQ(consumer.numbers.size(), 25u);
    for (int i = 0; i < 25; ++i) EXPECT_EQ(consumer.numbers[static_cast<std::size_t>(i)], i);
    EXPECT_EQ(consumer.stamps_seen, consumer.reads) << "each read has a kernel time";
    live.tls->close_now(true);
    EXPECT_EQ(live.tls->fd(), -1);
  }
  EXPECT_EQ(from_client, hello_frame() + hello_frame());
}

INSTANTIATE_TEST_SUITE_P(
    all, TlsHandover,
    testing::Values(Variant{test::TlsRange::only_1_3, 65536},
                    Variant{test::TlsRange::only_1_3, 100},
                    Variant{test::TlsRange::only_1_2, 65536},
                    Variant{test::TlsRange::only_1_2, 100}),
    [](const testing::TestParamInfo<Variant>& test_info) {
      return std::string(test_info.param.range == test::TlsRange::only_1_3 ? "tls13" : "tls12") +
             (test_info.param.read_bytes_max == 100 ? "_small_reads" : "_large_reads");
    });

// A live connection whose server then runs `script`.
class TlsStream : public testing::Test {
 protected:
  DialResult connect(test::TlsTestServer::Script script) {
    server_.emplace(certificates_.server_context(test::CertificateKind::good),
                    [script](test::ServerPeer& peer) {
                      if (!peer.handshake()) return;
                      peer.put(test::upgrade_reply(peer.read_request()));
                      peer.flush();
                      script(peer);
                    });
    DialResult result = dial_once(*server_, request_to(certificates_));
    EXPECT_TRUE(result.error.ok()) << result.error.detail;
    return result;
  }

  test::TestCertificates certificates_;
  std::optional<test::TlsTestServer> server_;
};

TEST_F(TlsStream, one_byte_segments_give_the_same_frames) {
  // Every byte of twenty frames in a segment of its own, TLS records included.
  const DialResult result = connect([](test::ServerPeer& peer) {
    for (int i = 0; i < 20; ++i) peer.put(numbered(i));
    peer.flush_bytewise();
    peer.wait_closed(milliseconds(5'000));
  });
  ASSERT_NE(result.socket, nullptr);
  Consumer consumer(*result.socket, 65536);
  consumer.run_until(20);
  ASSERT_EQ(consumer.numbers.size(), 20u);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(consumer.numbers[static_cast<std::size_t>(i)], i);
}

TEST_F(TlsStream, end_without_close_notify_is_truncation) {
  // A frame, half of the next record, then a bare FIN: the first frame is delivered, the end is an
  // error and not a close.
  const DialResult result = connect([](test::ServerPeer& peer) {
    peer.put(numbered(0));
    peer.flush();
    peer.put(numbered(1));
    const std::string record = peer.take();
    peer.send_raw(record.substr(0, record.size() / 2));
    peer.end_stream();
    peer.wait_closed(milliseconds(3'000));
  });
  ASSERT_NE(result.socket, nullptr);
  Consumer consumer(*result.socket, 65536);
  consumer.run_until(2);
  EXPECT_EQ(consumer.numbers, std::vector<int>{0});
  EXPECT_EQ(consumer.last.status, ReadStatus::error);
  EXPECT_EQ(result.socket->tls->error_code(), NetErrc::tls_truncated);
}

TEST_F(TlsStream, reset_is_an_error_with_its_errno) {
  // RST in mid-stream.
  const DialResult result = connect([](test::ServerPeer& peer) { peer.reset(); });
  ASSERT_NE(result.socket, nullptr);
  Consumer consumer(*result.socket, 65536);
  consumer.run_until(1);
  EXPECT_EQ(consumer.last.status, ReadStatus::error);
  EXPECT_EQ(result.socket->tls->error_code(), NetErrc::io_error);
  EXPECT_EQ(result.socket->tls->error_errno(), ECONNRESET);
}

TEST_F(TlsStream, forged_record_is_an_error_and_delivers_nothing) {
  // One flipped bit in a record's body: the frame in it must not come out.
  const DialResult result = connect([](test::ServerPeer& peer) {
    peer.put(numbered(0));
    std::string record = peer.take();
    record[record.size() / 2] = static_cast<char>(record[record.size() / 2] ^ 1);
    peer.send_raw(record);
    peer.wait_closed(milliseconds(3'000));
  });
  ASSERT_NE(result.socket, nullptr);
  Consumer consumer(*result.socket, 65536);
  consumer.run_until(1);
  EXPECT_TRUE(consumer.numbers.empty());
  EXPECT_EQ(consumer.last.status, ReadStatus::error);
  EXPECT_EQ(result.socket->tls->error_code(), NetErrc::tls_failed);
}

TEST_F(TlsStream, full_outgoing_buffer_declines_whole_writes_and_keeps_the_rest) {
  // The server does not read until told: writes are taken or declined as a whole, and once it reads
  // it gets exactly what was taken.
  std::atomic<bool> read_now{false};
  std::atomic<std::size_t> server_bytes{0};
  const DialResult result = connect([&](test::ServerPeer& peer) {
    while (!read_now) std::this_thread::sleep_for(milliseconds(1));
    for (;;) {
      const std::string text = peer.read_for(milliseconds(500));
      if (text.empty()) break;
      server_bytes += text.size();
    }
  });
  ASSERT_NE(result.socket, nullptr);
  TlsSocket& tls = *result.socket->tls;
  const std::string block(50'000, 'q');
  std::size_t taken = 0;
  int attempts = 0;
  while (tls.write(block) && ++attempts < 2'000) taken += block.size();
  ASSERT_LT(attempts, 2'000) << "the kernel's and our buffer must fill some time";
  EXPECT_TRUE(tls.wants_write());
  EXPECT_EQ(tls.error_code(), NetErrc::ok) << "a full buffer is not a broken connection";
  EXPECT_FALSE(tls.write(block));
  read_now = true;
  const auto end = steady_clock::now() + milliseconds(5'000);
  while (tls.wants_write() && steady_clock::now() < end) {
    pollfd wait{tls.fd(), POLLOUT, 0};
    ::poll(&wait, 1, 100);
    tls.flush();
  }
  EXPECT_FALSE(tls.wants_write());
  while (server_bytes < taken && steady_clock::now() < end) {
    std::this_thread::sleep_for(milliseconds(1));
  }
  EXPECT_EQ(server_bytes, taken);
}

TEST_F(TlsStream, foreign_openssl_errors_of_the_thread_do_no_harm) {
  // Another user of OpenSSL on this thread leaves an error behind; the stream must not notice.
  const DialResult result = connect([](test::ServerPeer& peer) {
    std::this_thread::sleep_for(milliseconds(50));
    peer.put(numbered(0));
    const std::string record = peer.take();
    peer.send_raw(record.substr(0, 20));  // makes SSL_read say "want read"
    std::this_thread::sleep_for(milliseconds(50));
    peer.send_raw(record.substr(20));
    peer.wait_closed(milliseconds(3'000));
  });
  ASSERT_NE(result.socket, nullptr);
  char out[4096];
  const auto end = steady_clock::now() + milliseconds(3'000);
  ReadResult read;
  while (steady_clock::now() < end && read.status == ReadStatus::need_more) {
    ERR_raise(ERR_LIB_USER, 1);
    read = result.socket->tls->read(out);
  }
  EXPECT_EQ(read.status, ReadStatus::ready);
  EXPECT_EQ(result.socket->tls->error_code(), NetErrc::ok);
}

}  // namespace
}  // namespace upfeed::net
