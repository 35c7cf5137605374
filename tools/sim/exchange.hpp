#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "sim/capture_source.hpp"
#include "sim/market.hpp"
#include "sim/request.hpp"
#include "sim/scenario.hpp"
#include "sim/tamper.hpp"
#include "sim/wire.hpp"

/// The protocol side of the exchange, sans-I/O: texts and times in, frames and closes out.
///
///   on_text ---> parse ---> subscriptions of the connection ---> routes per (stream, code)
///   advance ---> source (market or capture) ---> event ---> routes ---> Transport::send
///           \--> UP ticks, idle drops, closes that are due
///
/// One frame is written once per (format, view) and sent to all that want it. Not thread-safe.
namespace upfeed::sim {

using ConnectionId = std::uint64_t;

/// Where frames go. Called only from within Exchange's own functions.
class Transport {
 public:
  virtual ~Transport() = default;
  /// One whole message, to be sent as a binary frame.
  virtual void send(ConnectionId id, std::string_view payload) = 0;
  /// Close with this code once everything sent before is out.
  virtual void close(ConnectionId id, std::uint16_t code) = 0;
  /// Cut the TCP connection without a close frame.
  virtual void drop(ConnectionId id) = 0;
  /// Bytes accepted by send() that the network has not taken yet.
  [[nodiscard]] virtual std::size_t queued_bytes(ConnectionId id) const = 0;
};

struct ExchangeOptions {
  std::uint64_t seed = 1;
  SyntheticProfile profile;
  /// Serve these frames once, in this order, instead of the synthetic market.
  std::shared_ptr<CaptureSource> capture;
  /// For clients that want a frame in another way than it is; without it such frames are skipped.
  Transcoder transcode;
  /// Times as fast as the clock; 0 = as fast as the connections take the frames.
  double speed = 1;
  /// Exchange time at which the market starts, unix ms; 0 = the time of the first advance().
  std::int64_t start_time_ms = 0;
  /// The source stands still until the first request for realtime data.
  bool start_on_subscribe = false;
  /// The source stops for good once it has sent this many REALTIME frames, or a few more: whatever
  /// has changed by then is sent.
  std::uint64_t frame_limit = std::numeric_limits<std::uint64_t>::max();
  std::int64_t idle_close_ms = 60'000;        ///< measured: 60.5 s (documented: 120 s)
  std::int64_t up_interval_ms = 10'000;       ///< server-wide tick of {"status":"UP"}
  std::int64_t error_close_delay_ms = 150;    ///< from an error frame to its close
  bool enforce_rate_limit = false;            ///< error and close instead of only counting
  Era era = Era::y2026;                       ///< habits of writing
  bool regional = false;                      ///< sg/id/th hosts: English, no level
  std::size_t queue_limit_bytes = 16U << 20;  ///< a reader further behind is dropped
  bool stamp_due = false;                     ///< see SimConfig
  PrivateScenario scenario;                   ///< what happens behind the login by itself
};

/// How a connection came in.
struct Arrival {
  Endpoint endpoint = Endpoint::public_data;
  std::string nonce{};        ///< of its token, if it had one
  bool is_bad_login = false;  ///< to be told INVALID_AUTH and closed
};

/// A text the client sent.
struct ReceivedText {
  std::int64_t time_ms = 0;
  std::string text;
};

/// Everything counted about one connection; kept after it is gone.
struct ConnectionStats {
  ConnectionId id = 0;
  bool is_open = true;
  Endpoint endpoint = Endpoint::public_data;
  std::string nonce;  ///< of the token it came with
  std::int64_t opened_at_ms = 0;
  std::int64_t closed_at_ms = 0;      ///< 0 while open
  std::uint16_t close_code = 0;       ///< of the client's close frame; 0: none came
  std::uint16_t close_code_sent = 0;  ///< of ours; 0: none was sent
  std::uint64_t frames_sent = 0;      ///< data frames, snapshots included
  std::uint64_t realtime_frames_sent = 0;
  std::uint64_t bytes_sent = 0;  ///< payload of all frames
  std::uint64_t up_frames_sent = 0;
  std::uint64_t errors_sent = 0;
  std::uint64_t bytes_received = 0;  ///< payload of all texts
  std::uint64_t pings_received = 0;  ///< protocol pings
  std::uint64_t pongs_received = 0;
  std::uint64_t ping_texts_received = 0;  ///< the text PING
  std::uint64_t rate_violations = 0;
  std::vector<ReceivedText> requests;
  std::map<std::pair<std::string, std::string>, std::uint64_t> frames_by_type_and_code;
};

struct ExchangeStats {
  std::uint64_t connections_opened = 0;
  std::uint64_t connections_open = 0;
  std::uint64_t realtime_frames_sent = 0;
  std::uint64_t slow_reader_drops = 0;
  std::uint64_t idle_drops = 0;
  std::uint64_t rate_violations = 0;
  std::uint64_t transcode_failures = 0;
  bool source_finished = false;              ///< frame limit reached or capture at its end
  std::uint64_t rest_calls = 0;              ///< of known paths; 0 without a server
  std::uint64_t rest_violations = 0;         ///< of those, above 10 a second and group
  GateStats gate;                            ///< handshakes; empty without a server
  std::vector<ConnectionStats> connections;  ///< in order of opening
};

class Exchange {
 public:
  Exchange(ExchangeOptions options, Transport& transport, std::int64_t now_ms);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  /// A connection finished its upgrade / is gone / showed life with a control frame.
  void on_open(ConnectionId id, std::int64_t now_ms, const Arrival& arrival = {});
  /// `close_code` of the client's close frame, 0: none came.
  void on_closed(ConnectionId id, std::int64_t now_ms, std::uint16_t close_code = 0);
  void on_ping(ConnectionId id, std::int64_t now_ms);
  void on_pong(ConnectionId id, std::int64_t now_ms);
  /// One whole text (or binary) message.
  void on_text(ConnectionId id, std::string_view text, std::int64_t now_ms);

  /// Does everything that is due, in bounded portions; returns when it wants to be called again,
  /// unix microseconds (<= now: at once). `now_us` never decreases.
  std::int64_t advance(std::int64_t now_us);

  /// Sends one event of a stream behind the login to all that are subscribed to it. `json` is the
  /// frame as DEFAULT writes it, e.g. {"type":"myAsset",...}; DEFAULT clients get these very bytes,
  /// others the same values under aliases or in brackets. Returns how many got it.
  std::size_t emit(std::string_view json, std::int64_t now_ms);

  // Faults of one connection; unknown ids are ignored.
  /// Its rewriting rules, null for unknown ids; call Tamper::update() after a change.
  [[nodiscard]] Tamper* tamper(ConnectionId id);
  /// A frozen connection is never idle.
  void set_frozen(ConnectionId id, bool frozen);
  void close(ConnectionId id, std::uint16_t code);
  /// An error frame of any name, then close 1000.
  void send_error(ConnectionId id, std::string_view name, std::string_view message,
                  std::int64_t now_ms);
  void send_message(ConnectionId id, std::string_view text, std::int64_t now_ms);
  /// Drops subscriptions to a stream and code (empty: all) without a word.
  void forget(ConnectionId id, std::string_view type, std::string_view code);
  /// Sends `count` frames of what is subscribed.
  void flood(ConnectionId id, std::size_t count);
  [[nodiscard]] std::vector<ConnectionId> open_connections() const;
  /// No connection is tampered with or frozen any more.
  void end_faults();

  /// While paused no data frame is sent; the market goes on, and what it does meanwhile is lost.
  void set_paused(bool paused);

  [[nodiscard]] ExchangeStats stats() const;
  /// The synthetic market, or null when a capture is served.
  [[nodiscard]] const Market* market() const { return market_.get(); }
  /// Codes that are known, in the exchange's order.
  [[nodiscard]] const std::vector<std::string>& codes() const { return codes_; }
  [[nodiscard]] const ExchangeOptions& options() const { return options_; }

 private:
  struct Connection;
  struct Route {
    Connection* connection;
    BookView view;
  };
  struct Snapshot {
    std::size_t stream;
    std::uint32_t code;
    BookView view;
  };
  struct PreparedFrame {
    std::int64_t due_us;
    ConnectionId id;
    std::string payload;
  };
  struct CachedFrame {
    Format format;
    BookView view;
    std::string payload;
  };

  void run_timers(std::int64_t now_ms);
  [[nodiscard]] std::int64_t next_timer_ms() const;
  std::int64_t run_market(std::int64_t now_us);
  std::int64_t run_capture(std::int64_t now_us);
  void start_source(std::int64_t now_us);
  std::int64_t run_source(std::int64_t now_us);
  /// The network has not taken more than so many bytes of some connection yet.
  [[nodiscard]] bool is_behind(std::size_t bytes) const;

  /// False: there was nothing to send.
  bool send_prepared(std::int64_t now_us);
  void deliver(const Event& event);
  void deliver_stream(const Event& event, std::size_t stream);
  /// Keeps the frame, and leaves anything in its place.
  void deliver_captured(CapturedFrame& frame);
  [[nodiscard]] CapturedFrame* kept_frame(std::size_t stream, std::uint32_t code,
                                          std::int64_t level);
  /// Empty: it cannot be written so. Valid until captured_cache_used_ is set to 0.
  const std::string& written_captured(const CapturedFrame& frame, const CaptureView& view);
  void send_captured(Connection& connection, std::size_t stream, std::uint32_t code,
                     const CapturedFrame& frame, const CaptureView& view);
  void answer_awaited(std::size_t stream, std::uint32_t code, const CapturedFrame& frame);
  void send_captured_snapshot(Connection& connection, const Snapshot& wanted);
  void write_frame(std::string& out, std::size_t stream, std::uint32_t code, Format format,
                   StreamType type, const BookView& view, const Candle* candle) const;
  [[nodiscard]] const std::string* find_cached(Format format, const BookView& view) const;
  std::string& add_cached(Format format, const BookView& view);
  void send_data(Connection& connection, std::size_t stream, std::uint32_t code,
                 std::string_view payload, bool is_realtime);

  /// Hands a frame to the network and counts its bytes.
  void push(Connection& connection, std::string_view payload);
  bool send_event(Connection& connection, std::string_view type, const std::string& code,
                  std::string_view payload);
  void start_scenario(std::int64_t now_ms);
  void run_scenario(std::int64_t now_ms);

  void subscribe(Connection& connection, const SubscribeRequest& request, std::int64_t now_us);
  void add_type(Connection& connection, const TypeRequest& type, std::vector<Snapshot>& snapshots);
  void list_subscriptions(Connection& connection, const ListRequest& request);
  [[nodiscard]] std::string list_entry(const TypeRequest& type, bool aliases) const;
  [[nodiscard]] bool is_over_rate(Connection& connection, std::int64_t now_ms);
  void refuse(Connection& connection, const Refusal& refusal, std::int64_t now_ms);
  void refuse_with(Connection& connection, std::string_view frame, std::int64_t now_ms);
  void send_plain(Connection& connection, std::size_t stream, std::uint32_t code,
                  std::string_view payload, bool is_realtime);
  void drop(Connection& connection);
  void keep_counts(Connection& connection) const;
  [[nodiscard]] BookView make_view(std::size_t units, std::int64_t level) const;
  void remove_routes(const Connection& connection);
  [[nodiscard]] bool has_level(std::uint32_t code, std::int64_t level) const;
  [[nodiscard]] std::vector<Route>& routes(std::size_t stream, std::uint32_t code);
  [[nodiscard]] Connection* find(ConnectionId id);

  ExchangeOptions options_;
  Transport& transport_;
  std::unique_ptr<Market> market_;
  std::vector<std::string> codes_;
  std::unordered_map<std::string, std::uint32_t> by_code_;

  std::unordered_map<ConnectionId, Connection*> open_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<std::vector<Route>> routes_;  // [stream * codes + code]
  std::size_t route_count_ = 0;
  std::vector<CachedFrame> cache_;
  std::size_t cache_used_ = 0;

  std::unique_ptr<Scenario> scenario_;
  std::int64_t opened_at_ms_;
  std::int64_t market_start_us_ = 0;
  std::int64_t clock_start_us_ = 0;
  std::int64_t stamp_us_ = 0;           // when the event being delivered was due
  std::deque<PreparedFrame> prepared_;  // by due time; only with stamp_due
  std::int64_t now_ms_ = 0;
  bool started_ = false;
  bool finished_ = false;
  bool paused_ = false;
  CapturedFrame next_captured_;  ///< when has_next_captured_
  bool has_next_captured_ = false;
  std::optional<std::int64_t> capture_start_us_;         ///< of its first frame
  std::vector<std::vector<CapturedFrame>> kept_frames_;  // [stream * codes + code], one per level
  std::deque<std::pair<CaptureView, std::string>> captured_cache_;  // of the frame in work
  std::size_t captured_cache_used_ = 0;
  ExchangeStats totals_;
};

}  // namespace upfeed::sim
