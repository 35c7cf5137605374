#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/exchange.hpp"
#include "sim/fault.hpp"
#include "sim/fault_plan.hpp"

/// The exchange simulator: an Upbit-shaped TLS server for clients that cannot or must not reach the
/// real one. It speaks WebSocket on /websocket/v1 and answers the REST calls a client starts with,
/// on one port, on one thread of its own.
namespace upfeed::sim {

struct SimConfig {
  std::string bind = "127.0.0.1";
  std::uint16_t port = 0;    ///< 0 = any free port, see SimServer::port()
  std::uint64_t seed = 1;    ///< the same seed is the same market
  SyntheticProfile profile;  ///< its size and pace
  /// Serve these recorded frames once instead of the synthetic market, only to clients subscribed
  /// to (type, code). What was served last is the snapshot of who comes later.
  std::shared_ptr<CaptureSource> capture;
  /// Rewrites captured frames for clients of another format, with fewer units, as snapshots. Called
  /// on the server's thread.
  Transcoder transcode;
  /// Times as fast as the clock; 0 = as fast as the connections take the frames.
  double speed = 1;
  /// Exchange time at the start of the market, unix ms; 0 = now. With a fixed start,
  /// `start_on_subscribe` and one client, a run sends the same bytes every time.
  std::int64_t start_time_ms = 0;
  /// Nothing happens before the first request for realtime data.
  bool start_on_subscribe = false;
  /// Realtime frames of the synthetic market say when they were due instead of when it happened:
  /// `timestamp` and `trade_timestamp` in unix microseconds of the server's clock. For measuring
  /// open-loop: what a late server costs counts, too. Such frames are written some milliseconds
  /// ahead, so that when they are due they only have to be sent (REST runs ahead by as much), and
  /// the server's thread is awake 100 us before.
  bool stamp_due = false;
  /// Silence once this many realtime frames were sent (all connections), or the few more that show
  /// whatever has changed by then.
  std::uint64_t frame_limit = std::numeric_limits<std::uint64_t>::max();
  /// A connection with no frame in either direction for this long is cut without a close frame.
  std::chrono::milliseconds idle_close = std::chrono::seconds(60);
  /// Period of {"status":"UP"} after a PING.
  std::chrono::milliseconds up_interval = std::chrono::seconds(10);
  /// More than 5 requests a second or 100 a minute: error and close instead of only counting.
  bool enforce_rate_limit = false;
  /// Whose habits of writing to follow.
  Era era = Era::y2026;
  /// Behave like the sg/id/th hosts: English errors, `level` refused and not sent.
  bool regional = false;
  /// A client this far behind is cut.
  std::size_t queue_limit_bytes = 16U << 20;
  /// Further DNS names and addresses of the certificate.
  std::vector<std::string> extra_names;
  /// Write the CA certificate (PEM) there at start; empty = do not.
  std::string write_ca_to;
  /// Who may log in to /websocket/v1/private and /info; none: both answer 401.
  std::vector<ApiKey> keys;
  /// A bad login is upgraded, told INVALID_AUTH and closed, instead of answered with 401.
  bool refuse_login_in_band = false;
  /// Orders, balances, notices and indicators that happen by themselves; see also emit().
  PrivateScenario scenario;
  ConnectLimit connect_limit;
  /// More than 10 REST calls a second and group: 429 instead of only counting.
  bool enforce_rest_limit = false;
  /// Faults without `after` meet every connection that comes; the others are done at that time
  /// after the start, to the connections then open.
  std::vector<Fault> faults;
};

/// A running exchange. All member functions may be called from any thread, except from within the
/// transcoder; they wait for the server's thread for at most about a millisecond.
class SimServer {
 public:
  /// Starts serving; when it returns, clients can connect.
  /// errors   throws std::runtime_error (address in use, CA file not writable, ...).
  explicit SimServer(SimConfig config);
  /// As stop().
  ~SimServer();
  SimServer(const SimServer&) = delete;
  SimServer& operator=(const SimServer&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  /// The server's clock minus CLOCK_MONOTONIC of this machine; constant.
  [[nodiscard]] std::chrono::microseconds clock_offset() const;
  /// The CA that signed the server's certificate; made new for every server.
  [[nodiscard]] const std::string& ca_pem() const;
  /// Where it was written, empty if nowhere.
  [[nodiscard]] const std::string& ca_file() const;

  [[nodiscard]] ExchangeStats stats();
  /// All codes, in the exchange's order.
  [[nodiscard]] std::vector<std::string> codes();
  /// The book of a code as last announced, whether or not somebody was subscribed; see
  /// exact_book_json() for the form. Empty for unknown codes and captures.
  [[nodiscard]] std::optional<Book> book(std::string_view code);
  [[nodiscard]] std::string book_json(std::string_view code);

  /// While paused connections stay up (pongs, UP, replies) but no market data is sent.
  void set_paused(bool paused);
  /// Sends one event of a stream behind the login (myOrder, myAsset, announcement, indicator,
  /// indicator_signal) to all that are subscribed to it. `json` is the frame as DEFAULT writes it;
  /// DEFAULT clients get these very bytes. Returns how many connections got it.
  std::size_t emit(std::string_view json);
  /// Does it to one open connection, or all of them, `after` from now. A fault of accepting or
  /// upgrading needs no connection: it meets every one that comes from then on.
  void fault(const Fault& fault, ConnectionId id = kAllConnections);
  /// Does it to the next `count` TCP connections, upgrade requests or opened sockets, whichever the
  /// fault is about; `after` counts from the opening. Of several refusals or greetings the one
  /// armed first comes first, of other faults all meet the same connection.
  void fault_next(const Fault& fault, std::uint64_t count = 1);
  /// Nothing is armed or planned any more, and what lasts (freeze, delay, mute, ...) ends.
  void clear_faults();
  /// Cuts one connection, or all, without a close frame.
  void drop(ConnectionId id);
  void drop_all();
  /// Cuts all connections and ends the thread. Then stats() and book() still answer.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace upfeed::sim
