// What taking queued frames from the kernel costs, down to the payload: our receive path against
// Beast's blocking and asynchronous ones, and against what nobody can leave out: one recvmsg with a
// time stamp and one SSL_read, without any framing.
//
//      peer.send(...)            not timed: the kernel has queued the bytes when it returns
//      client.receive_one()      timed: kernel -> TLS -> WebSocket -> payload
//
// All clients talk to the same TLS server, and are sent the same frames one by one, or ten at a
// time. Either nothing else happens in the process (`single`, `bursts_of_10`), or before the next
// frame is received one like it is parsed as many programs do it (`used`): then the heap is in use,
// and the caches have seen something else.

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <ctime>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "beast_client.hpp"
#include "frames.hpp"
#include "gates.hpp"
#include "harness.hpp"
#include "loopback.hpp"
#include "net/connector.hpp"
#include "net/ws_parser.hpp"

namespace upfeed::bench {
namespace {

constexpr std::size_t kFrames = 128;
constexpr std::size_t kFramesPerRound = 120;
constexpr std::size_t kFramesPerBurst = 10;
constexpr const char* kCallsPerFrame = "calls_per_frame";  // receives that brought bytes

std::string_view text_of(std::span<const char> payload) {
  return {payload.data(), payload.size()};
}

// What each client calls with a payload. It only looks, so that nothing but the way there is timed.
struct Sink {
  std::size_t messages = 0;
  std::string* copy = nullptr;  // of the newest payload, while verifying

  void take(std::span<const char> payload) {
    ++messages;
    if (copy != nullptr) copy->assign(text_of(payload));
  }
};

/// The classes that a Connection is made of, called as it calls them.
class OurClient {
 public:
  explicit OurClient(const LoopbackServer& server) {
    net::Connector connector;
    net::DialRequest request;
    request.host = LoopbackServer::kHost;
    request.port = server.port();
    request.path = "/websocket/v1";
    request.ca_file = server.ca_file();
    connector.dial(std::move(request));
    std::optional<net::DialResult> result;
    while (!result) result = connector.poll_dial();
    require(result->socket != nullptr, "our client connects: " + result->error.detail);
    socket_ = std::move(result->socket->tls);
  }

  void receive_one() {
    for (const std::size_t before = sink.messages; sink.messages == before;) {
      const net::ReadResult read = socket_->read(parser_.prepare());
      if (read.status != net::ReadStatus::ready) continue;
      parser_.commit(read.bytes);
      net::WsMessage message;
      while (parser_.next(message) == net::ParseStatus::ready) sink.take(message.payload);
    }
  }
  [[nodiscard]] std::uint64_t receive_calls() const { return socket_->receive_calls(); }

  Sink sink;

 private:
  std::unique_ptr<net::TlsSocket> socket_;
  net::WsParser parser_;
};

/// One recvmsg and one SSL_read, and the message is taken for granted.
class BareClient {
 public:
  explicit BareClient(const LoopbackServer& server)
      : context_(SSL_CTX_new(TLS_client_method())), ssl_(SSL_new(context_)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(server.port());
    const int on = 1;
    require(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
                ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
                ::setsockopt(fd_, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) == 0 &&
                SSL_set_fd(ssl_, fd_) == 1 && SSL_connect(ssl_) == 1,
            "the bare client connects");
    upgrade();
    BIO_METHOD* const method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "bare");
    BIO_meth_set_read(method, &BareClient::read_from_buffer);
    // Without it OpenSSL's question for kernel TLS ends in its error queue, at each record.
    BIO_meth_set_ctrl(method, [](BIO*, int, long, void*) -> long { return 0; });
    BIO* const bio = BIO_new(method);
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    SSL_set0_rbio(ssl_, bio);
  }
  ~BareClient() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
    ::close(fd_);
  }
  BareClient(const BareClient&) = delete;
  BareClient& operator=(const BareClient&) = delete;

  void receive_one() {
    for (;;) {
      while (begin_ == end_ && !receive()) {
      }
      const int count = SSL_read(ssl_, plain_.data(), static_cast<int>(plain_.size()));
      if (count > 0) return take(static_cast<std::size_t>(count));
    }
  }
  [[nodiscard]] std::uint64_t receive_calls() const { return receive_calls_; }
  Sink sink;

 private:
  void upgrade() {
    const std::string request =
        "GET /websocket/v1 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n";
    const int size = static_cast<int>(request.size());
    require(SSL_write(ssl_, request.data(), size) == size, "the bare client asks");
    const int count = SSL_read(ssl_, plain_.data(), static_cast<int>(plain_.size()));
    require(
        count > 4 &&
            std::string_view(plain_.data(), static_cast<std::size_t>(count)).ends_with("\r\n\r\n"),
        "the bare client is answered");
  }

  bool receive() {
    iovec slice{cipher_.data(), cipher_.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(timespec))> control;
    msghdr message{};
    message.msg_iov = &slice;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t count = ::recvmsg(fd_, &message, MSG_DONTWAIT);
    if (count <= 0) return false;
    ++receive_calls_;
    if (const cmsghdr* const stamp = CMSG_FIRSTHDR(&message); stamp != nullptr) {
      std::memcpy(&stamp_, CMSG_DATA(stamp), sizeof stamp_);
    }
    begin_ = 0;
    end_ = static_cast<std::size_t>(count);
    return true;
  }

  static int read_from_buffer(BIO* bio, char* out, int size) {
    auto& self = *static_cast<BareClient*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    const std::size_t count = std::min(self.end_ - self.begin_, static_cast<std::size_t>(size));
    if (count == 0) {
      BIO_set_retry_read(bio);
      return -1;
    }
    std::memcpy(out, &self.cipher_[self.begin_], count);
    self.begin_ += count;
    return static_cast<int>(count);
  }

  void take(std::size_t bytes) {
    const std::size_t header = (plain_[1] & 0x7F) < 126 ? 2 : 4;
    sink.take({plain_.data() + header, bytes - header});
  }

  SSL_CTX* context_;
  SSL* ssl_;
  int fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  timespec stamp_{};
  std::vector<char> cipher_ = std::vector<char>(std::size_t{256} << 10);
  std::vector<char> plain_ = std::vector<char>(std::size_t{64} << 10);
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t receive_calls_ = 0;
};

template <BeastClient::Mode kMode>
class Beast {
 public:
  explicit Beast(const LoopbackServer& server)
      : client_(
            kMode, server.port(), server.ca_file(),
            [](void* context, std::span<const char> payload) {
              static_cast<Sink*>(context)->take(payload);
            },
            &sink) {}
  void receive_one() {
    for (const std::size_t before = sink.messages; sink.messages == before;) client_.step();
  }
  Sink sink;

 private:
  BeastClient client_;
};

/// When the kernel of a client sends its ACKs; see Peer.
enum class Acks { as_it_likes, on_arrival, put_off_by_frame };

/// What happens after a frame was received, which is not timed.
enum class After { nothing, parsed };

struct Kind {
  std::size_t at_once = 1;  // frames in one send
  After after = After::nothing;
};

/// A client, the server's end of its connection, and the frames that go over it.
template <class Client>
class Link {
 public:
  Link(LoopbackServer& server, const std::vector<Frame>& frames, Acks acks = Acks::on_arrival)
      : frames_(frames),
        acks_(acks),
        ends_(server.join([&server] { return std::make_unique<Client>(server); })) {
    std::string copy;
    ends_.first->sink.copy = &copy;
    for (const Frame& frame : frames_) {
      ends_.second->send(ends_.second->seal(frame.text()));
      ends_.first->receive_one();
      require(copy == frame.text(), "the payload is what was sent");
    }
    ends_.first->sink.copy = nullptr;
  }

  /// Seconds that receiving kFramesPerRound frames took.
  double round(Kind kind) {
    Client& client = *ends_.first;
    const std::string_view to_parse = frames_[next_].text();
    std::vector<std::string> sends(kFramesPerRound / kind.at_once);
    for (std::string& sealed : sends) {
      for (std::size_t i = 0; i < kind.at_once; ++i) {
        sealed += ends_.second->seal(frames_[next_].text());
        next_ = next_ + 1 == frames_.size() ? 0 : next_ + 1;
      }
    }
    std::chrono::steady_clock::duration spent{};
    if (acks_ == Acks::on_arrival) ends_.second->acks_on_arrival();
    for (const std::string& sealed : sends) {
      ends_.second->send(sealed);
      const std::size_t end = client.sink.messages + kind.at_once;
      const auto start = std::chrono::steady_clock::now();
      while (client.sink.messages < end) client.receive_one();
      if (acks_ == Acks::put_off_by_frame) ends_.second->put_off_acks();
      spent += std::chrono::steady_clock::now() - start;
      if (kind.after == After::parsed) {
        benchmark::DoNotOptimize(nlohmann::json::parse(to_parse));
      }
    }
    return std::chrono::duration<double>(spent).count();
  }
  [[nodiscard]] Client& client() { return *ends_.first; }

 private:
  const std::vector<Frame>& frames_;
  Acks acks_;
  std::pair<std::unique_ptr<Client>, std::unique_ptr<Peer>> ends_;
  std::size_t next_ = 0;
};

template <class Ours, class Other>
void compare_receive(benchmark::State& state, Link<Ours>& ours, Link<Other>& other, Kind kind) {
  static_cast<void>(ours.round(kind));
  static_cast<void>(other.round(kind));
  Comparison comparison(kFramesPerRound);
  const std::uint64_t calls_before = ours.client().receive_calls();
  const std::size_t frames_before = ours.client().sink.messages;
  bool ours_first = true;
  for (auto iteration : state) {
    static_cast<void>(iteration);
    comparison.start_pair();
    double ours_s = ours_first ? ours.round(kind) : 0;
    const double other_s = other.round(kind);
    if (!ours_first) ours_s = ours.round(kind);
    comparison.end_pair(ours_s, other_s);
    state.SetIterationTime(ours_s + other_s);
    ours_first = !ours_first;
  }
  comparison.report(state);
  const auto frames = static_cast<double>(ours.client().sink.messages - frames_before);
  state.counters[kCallsPerFrame] =
      static_cast<double>(ours.client().receive_calls() - calls_before) / frames;
}

void prepare() {
  static LoopbackServer server;
  static const auto books = make_frames(EventKind::orderbook, WireFormat::default_, kFrames);
  static const auto trades = make_frames(EventKind::trade, WireFormat::default_, kFrames);
  const auto add = [](const std::string& name, auto& ours, auto& other, Kind kind) {
    benchmark::RegisterBenchmark(name.c_str(),
                                 [&ours, &other, kind](benchmark::State& state) {
                                   compare_receive(state, ours, other, kind);
                                 })
        ->UseManualTime()
        ->Unit(benchmark::kMicrosecond);
  };
  const auto add_frames = [&add]<class Tag>(const std::string& name, Tag) {
    const std::vector<Frame>& frames = Tag::value ? books : trades;
    static Link<OurClient> ours(server, frames);
    static Link<BareClient> bare(server, frames);
    static Link<Beast<BeastClient::Mode::blocking>> blocking(server, frames);
    static Link<Beast<BeastClient::Mode::asynchronous>> asynchronous(server, frames);
    const auto add_all = [&](const std::string& prefix, Kind kind) {
      add(prefix + "/vs_bare_recvmsg_and_ssl_read", ours, bare, kind);
      add(prefix + "/vs_beast_sync", ours, blocking, kind);
      add(prefix + "/vs_beast_async", ours, asynchronous, kind);
      add(prefix + "/bare_vs_beast_async", bare, asynchronous, kind);
    };
    add_all(name + "/single", {});
    add_all(name + "/used", {.after = After::parsed});
    static Link<OurClient> acking(server, frames, Acks::as_it_likes);
    static Link<OurClient> delaying(server, frames, Acks::put_off_by_frame);
    add(name + "/acks_as_the_kernel_likes/vs_on_arrival", acking, ours, {});
    add(name + "/acks_put_off_by_frame/vs_on_arrival", delaying, ours, {});
    // Last: a connection that has seen large segments acknowledges small ones in another way.
    add_all(name + "/bursts_of_10", {.at_once = kFramesPerBurst});
  };
  add_frames("orderbook", std::true_type{});
  add_frames("trade", std::false_type{});
  add_gate(Gate::ratio("G5", "orderbook/used/vs_beast_async", 0.25, 0.35));
  add_gate(Gate::ratio("G5", "orderbook/used/vs_beast_sync", 0.65, 0.75));
  add_gate(Gate::ratio("G5", "orderbook/used/vs_bare_recvmsg_and_ssl_read", 1.05, 1.12));
  add_gate(Gate::ratio("G5", "orderbook/single/vs_bare_recvmsg_and_ssl_read", 1.05, 1.12));
  const auto add_calls = [](const char* benchmark, double most) {
    add_gate({"G5", benchmark, kCallsPerFrame, Gate::Direction::at_most, most, most});
  };
  add_calls("orderbook/single/vs_bare_recvmsg_and_ssl_read", 1.0);
  add_calls("orderbook/bursts_of_10/vs_bare_recvmsg_and_ssl_read", 0.2);
}

}  // namespace
}  // namespace upfeed::bench

int main(int argc, char** argv) {
  return upfeed::bench::run(argc, argv, upfeed::bench::prepare);
}
