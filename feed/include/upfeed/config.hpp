#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "upfeed/errc.hpp"
#include "upfeed/secret.hpp"
#include "upfeed/stream.hpp"

namespace upfeed {

/// What a thread of the feed does when it finds no work.
enum class WaitPolicy : std::uint8_t {
  spin,   ///< looks again at once; lowest latency, a whole core
  yield,  ///< gives the core to others between looks
  park    ///< sleeps until woken by the kernel or another thread; for a shared machine
};

/// When the first change of a quiet subscription set goes out. Later ones always keep 200 ms
/// distance and the exchange's limits, and what arrives meanwhile is merged into one request.
enum class Batching : std::uint8_t {
  aggressive,  ///< at once
  balanced     ///< after 100 ms of collecting
};

/// How frames of market data become events. All give the same events and refuse the same frames.
enum class DecodeKernel : std::uint8_t {
  automatic,  ///< the fastest that this processor has
  reference,  ///< simdjson and a strict walk; the others ask it about frames they did not expect
  scalar,     ///< 64-bit words, every processor
  avx2,
  avx512  ///< with VBMI2 and BITALG: Ice Lake, Zen 4
};

/// Where the exchange is. TLS with full verification, always.
struct Endpoint {
  std::string host = "api.upbit.com";
  std::uint16_t port = 443;
  /// Of public connections; private ones add "/private", info ones "/info".
  std::string path = "/websocket/v1";
  /// PEM file with the certificate authorities to trust instead of the system's; for tests and the
  /// simulator. There is no switch that turns verification off.
  std::string ca_file{};
  /// One of the exchange's houses abroad: other markets, no price grouping (a level is refused), no
  /// indicators.
  bool regional = false;
};

/// The exchange's houses; markets, books and accounts are separate.
/// source  global-docs.upbit.com/reference/websocket-guide (read 2026-11).
enum class Region : std::uint8_t { korea, singapore, indonesia, thailand };
/// "kr", "sg", "id", "th".
[[nodiscard]] std::string_view to_string(Region region) noexcept;
/// Its public address.
[[nodiscard]] Endpoint endpoint_of(Region region);

/// How market streams are spread over several public connections. A stream is one kind (and candle
/// unit) of one market, with all its levels; SubscribeOptions::connection overrides this for it.
enum class ShardBy : std::uint8_t {
  market,  ///< by a hash of the code: all streams of a market on one connection
  type     ///< one kind after the other: order book, trade, ticker, candle
};
struct Sharding {
  std::uint32_t connections = 1;  ///< that many public ones are used, 1 to kShardsMax
  ShardBy by = ShardBy::market;
  friend bool operator==(const Sharding&, const Sharding&) = default;
};
inline constexpr std::uint32_t kShardsMax = 16;

/// How old a stream's last event may become while its connection lives. About 12 s before, the
/// exchange is asked what it serves and then for the stream again: an answer without news means a
/// quiet market, whose limit then doubles up to `max`. A stream that the list does not name any
/// more, no answer, or news that should have been sent, is told (StatusCause::stream_silent) within
/// the limit; the stream is asked for again, at last on a new connection. 0: never doubted; else at
/// least 21 s.
struct SilenceConfig {
  std::chrono::milliseconds ticker{60'000};
  std::chrono::milliseconds trade{60'000};
  std::chrono::milliseconds orderbook{30'000};
  std::chrono::milliseconds candle{60'000};
  std::chrono::milliseconds max{960'000};
  friend bool operator==(const SilenceConfig&, const SilenceConfig&) = default;
};

/// When a recorded file is forced to the disk. The end of the process alone, also by kill -9, never
/// costs more than what was younger than RecordConfig::flush_interval.
enum class RecordSync : std::uint8_t {
  never,     ///< the system writes it when it likes
  on_close,  ///< each file when it ends; the end of a feed may then take longer than its second
  on_block   ///< after each block
};

/// Recording of everything that arrives, what is sent and each change of a connection's state, in
/// .upcap files (feed/capture/README.md) that Feed::replay() reads. A thread of its own writes
/// them; the I/O threads never wait for it: what it cannot take is lost for the recording alone,
/// counted in RecorderMetrics, noted in the file and told as StatusCause::recording.
struct RecordConfig {
  /// An existing folder; empty: nothing is recorded. A folder that cannot be written to, or whose
  /// `name` another recorder writes, makes Feed::create() fail.
  std::string directory{};
  /// Files are NAME-YYYYMMDDTHHMMSSZ-NNNNNN.upcap, mode 0600.
  std::string name = "upfeed";
  /// The next file is begun before this size (0, or 1 MiB and more) and at this age (0, or 1 s and
  /// more). 0: never.
  std::uint64_t rotate_bytes = std::uint64_t{1} << 30;
  std::chrono::milliseconds rotate_after{3'600'000};
  /// The longest that a frame stays in memory, 10 ms to 60 s.
  std::chrono::milliseconds flush_interval{1'000};
  bool compress = true;  ///< zstd, about a fifth of the size
  RecordSync sync = RecordSync::never;
  /// Of the ring between each I/O thread and the recorder: what a slow disk may hold up. A power of
  /// two from 64 KiB to 1 GiB; frames that do not fit in it are lost for the recording.
  std::size_t ring_bytes = std::size_t{32} << 20;
  friend bool operator==(const RecordConfig&, const RecordConfig&) = default;
};

/// Everything a Feed can be told. An aggregate with a default for every field:
///   Feed::create({.endpoint = {.host = "localhost", .port = 8443, .ca_file = "ca.pem"}})
struct FeedConfig {
  Endpoint endpoint{};
  /// The format asked from the exchange; whatever arrives, all four are understood. SIMPLE has a
  /// third of the bytes less, but writes order book sizes as doubles: from 2^53 x 1e-8 units on
  /// they may be rounded before they are sent.
  WireFormat format = WireFormat::default_;
  Batching batching = Batching::aggressive;
  /// For own orders, balances, announcements and indicators; null: these cannot be subscribed. A
  /// fresh token made of them goes out with each dial of such a connection, never on public ones,
  /// and only once the peer is verified. See ApiKeys::from_environment and from_file.
  std::shared_ptr<const ApiKeys> keys{};
  TokenAlgorithm token_algorithm = TokenAlgorithm::hs512;
  /// A host beside the exchange's own that keys may go to, e.g. the simulator's; must then be
  /// endpoint.host.
  std::string keys_host{};

  /// Public connections; Feed::reshard() can change it within shards_max.
  Sharding sharding{};
  /// Most public connections that reshard() may ask for; 0: as many as sharding.connections.
  std::uint32_t shards_max = 0;
  /// Threads that receive and decode, each with a ring of its own; connections are dealt out to
  /// them in turn. 1 to 8.
  std::uint32_t io_threads = 1;

  /// Bytes of the ring between the I/O thread and the dispatcher; a power of two from 64 KiB. It is
  /// mapped twice, so it shows twice in the resident size.
  std::size_t ring_bytes = std::size_t{8} << 20;
  /// Most different market codes over the feed's life, 1 to 65,536.
  std::uint32_t market_capacity = 4096;

  RecordConfig record{};

  WaitPolicy io_wait = WaitPolicy::park;
  WaitPolicy dispatcher_wait = WaitPolicy::park;
  /// Core to pin the thread to; -1: not pinned. A pin that fails makes start() fail. The second I/O
  /// thread takes the core behind io_cpu, and so on.
  int io_cpu = -1;
  int dispatcher_cpu = -1;

  /// Client pings; the exchange drops a socket that was quiet for 60 s. 1 s to 20 s.
  std::chrono::milliseconds ping_interval{15'000};
  /// Without any sign of life this long after a ping the peer is dead.
  std::chrono::milliseconds pong_timeout{5'000};
  /// A wanted code without a first frame this long after its request is reported.
  std::chrono::milliseconds first_data_timeout{5'000};
  SilenceConfig silence{};
  /// For the answer to LIST_SUBSCRIPTIONS; see Feed::audit().
  std::chrono::milliseconds audit_timeout{5'000};
  std::chrono::milliseconds dns_timeout{3'000};
  std::chrono::milliseconds connect_timeout{2'000};  ///< for each address of the host
  std::chrono::milliseconds tls_timeout{5'000};
  std::chrono::milliseconds http_timeout{5'000};
  /// A public connection that has lived this long is replaced by a younger one before it is closed,
  /// so that nothing is missed; 0: never. At least 1 s.
  std::chrono::milliseconds renew_after{0};
  /// Trades that an outage hides are fetched by REST and delivered in order, flagged kBackfilled,
  /// behind their GapEvent; the market's later trades wait for them so long at most. 0: not
  /// fetched. The exchange takes ten calls a second, so after an outage of many markets not all
  /// get their turn in time; their GapEvent says so. 100 ms to 60 s.
  std::chrono::milliseconds backfill{0};
  /// A connection that lived this long counts as stable: after its loss the first dial is at once.
  std::chrono::milliseconds stable_period{10'000};
  std::chrono::milliseconds backoff_base{100};
  std::chrono::milliseconds backoff_cap{30'000};
  /// Dials without success after which the session fails for good; 0: never gives up.
  std::uint32_t reconnect_attempts_max = 0;
  std::uint32_t dials_per_second = 5;    ///< budget of the endpoint
  std::uint32_t dials_per_minute = 100;  ///< budget of the endpoint

  /// For tests and comparisons; one that this processor lacks is refused.
  DecodeKernel decode_kernel = DecodeKernel::automatic;
  std::size_t message_bytes_max = std::size_t{1} << 20;  ///< larger messages end the connection
  std::uint32_t bad_frames_max = 32;       ///< undecodable frames in a row that end the connection
  std::size_t pending_markets_max = 4096;  ///< (market, stream) values kept while the ring is full

  /// Seeds the jitter of the back-off; 0: from the system.
  std::uint64_t seed = 0;
  /// Stamps every event when it is decoded and when it is dispatched, and fills
  /// FeedMetrics::stages: four clock readings an event.
  bool stage_stamps = false;
  /// Optional; called from cold paths only, on the I/O thread, one line each, never a secret.
  void (*log)(void* context, std::string_view line) = nullptr;
  void* log_context = nullptr;

  /// Every bad field at once, each with its value and what is allowed; empty when all is well.
  [[nodiscard]] std::vector<Error> validate() const;
};

}  // namespace upfeed
