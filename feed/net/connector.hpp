// From a host name to a live WebSocket, off the I/O thread.
//
//   any thread   dial(request) ---> thread of this dial                      poll_dial() <--- I/O
//                                   DNS > TCP > TLS > HTTP upgrade --result-->  queue       thread
//                                   each step has its own deadline
//
// One short-lived thread per dial, so a slow one delays no other; it shares nothing with them but
// the resolver, the TLS contexts and the result queue. Every wait in it also listens to its cancel
// token, so stop() joins it within milliseconds; only name lookups can hang, and those are
// abandoned, not waited for (resolver.hpp).
//
// Exactly one result per request, unless stop() comes first. Deliberately not here: whether and
// when to dial again (session), what to send once live.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "net/login.hpp"
#include "net/net_error.hpp"
#include "net/resolver.hpp"
#include "net/rest.hpp"
#include "net/tls_context.hpp"
#include "net/tls_socket.hpp"
#include "net/wait.hpp"

namespace upfeed::net {

struct DialRequest {
  std::uint64_t id = 0;  ///< Comes back in the result; unique among the running dials.
  std::string host{};    ///< Name or address, without port; what the certificate must be for.
  std::uint16_t port = 443;
  std::string path = "/websocket/v1";
  std::string ca_file{};  ///< Empty: the system's authorities.
  /// Added as they are. Origin, Authorization and Sec-WebSocket-* are refused: Upbit limits
  /// requests with an Origin to one per 10 s (docs.upbit.com, rate limits, read 2026-11-22), and
  /// only `login` logs in.
  HeaderList headers{};
  /// A token is made once the server's certificate is verified, a fresh one for each dial.
  Login login{};
  std::chrono::milliseconds dns_timeout{5'000};
  std::chrono::milliseconds connect_timeout_per_address{3'000};
  std::chrono::milliseconds tls_timeout{5'000};
  std::chrono::milliseconds http_timeout{5'000};
};

/// A WebSocket ready for frames, with nothing lost on the way: feed `leftover` to the frame parser
/// first, then read `tls` before waiting for it to become readable (it may hold records already).
struct LiveSocket {
  std::unique_ptr<TlsSocket> tls;
  std::string leftover;       ///< Plaintext that came behind the HTTP reply; at most one record.
  std::string peer;           ///< Address connected to, e.g. "127.0.0.1:443".
  std::string remaining_req;  ///< Upbit's Remaining-Req header, as sent.
  std::string limit_by_ip;    ///< Upbit's Limit-By-Ip header, as sent.
};

struct DialResult {
  std::uint64_t id = 0;
  NetError error;
  std::unique_ptr<LiveSocket> socket;  ///< Not null exactly when error is ok.
};

struct ConnectorOptions {
  ResolveHook resolve{};      ///< Null: the system's resolver.
  std::size_t jobs_max = 64;  ///< Dials and REST calls at a time; more: out_of_resources.
};

/// dial, get, cancel: any thread. poll_*: one thread (several I/O threads: one connector each; an
/// idle one costs nothing). stop: any thread but one that polls at the same time.
class Connector {
 public:
  explicit Connector(ConnectorOptions options = {});
  ~Connector();  ///< stop()
  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;

  /// Starts a dial and returns. Costs a thread creation (tens of microseconds). Ignored after
  /// stop(). A finished dial keeps its thread's stack and one descriptor until the next start.
  void dial(DialRequest request);
  /// Starts a REST call and returns. Likewise.
  void get(RestRequest request);

  /// Takes a finished one out. One relaxed load when there is none; never waits for a lock.
  [[nodiscard]] std::optional<DialResult> poll_dial();
  [[nodiscard]] std::optional<RestResult> poll_rest();

  /// Cuts every job of that id short. Its result still comes: `cancelled`, or success if it was
  /// faster.
  void cancel(std::uint64_t id);

  /// Ends all jobs, closes all sockets not yet taken and returns, within 100 ms whatever hangs.
  /// No result comes after it. May be called twice.
  void stop();

 private:
  struct Job {
    std::uint64_t id = 0;
    CancelToken cancel;
    std::atomic<bool> done{false};
    std::thread thread;
  };
  template <class Result>
  struct Queue {
    std::mutex mutex;
    std::deque<Result> items;
    std::atomic<std::size_t> count{0};

    void push(Result result);
    std::optional<Result> pop();
    void clear();
  };

  template <class Request, class Run, class Result>
  void start(Request request, Run run, Queue<Result>& queue);
  void reap_finished();

  const std::size_t jobs_max_;
  Resolver resolver_;
  TlsContextCache contexts_;
  Queue<DialResult> dials_;
  Queue<RestResult> rests_;
  std::mutex jobs_mutex_;
  std::list<Job> jobs_;
  bool stopped_ = false;
};

}  // namespace upfeed::net
