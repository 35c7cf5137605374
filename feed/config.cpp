#include "upfeed/config.hpp"

#include <bit>

#include "decode/decode.hpp"
#include "net/login.hpp"

namespace upfeed {

namespace {

constexpr std::uint32_t kIoThreadsMax = 8;

class Checks {
 public:
  void require(bool good, const char* field, const std::string& value, const char* allowed) {
    if (good) return;
    errors_.push_back(
        {Errc::bad_config, std::string(field) + " is " + value + ": must be " + allowed});
  }
  void range(std::chrono::milliseconds value, const char* field, std::int64_t min_ms,
             std::int64_t max_ms, const char* allowed) {
    require(value.count() >= min_ms && value.count() <= max_ms, field,
            std::to_string(value.count()) + " ms", allowed);
  }
  [[nodiscard]] std::vector<Error> take() { return std::move(errors_); }

 private:
  std::vector<Error> errors_;
};

void check_endpoint(Checks& checks, const Endpoint& endpoint) {
  checks.require(
      !endpoint.host.empty() && endpoint.host.find_first_of("/: \t\r\n") == std::string::npos,
      "endpoint.host", "\"" + endpoint.host + "\"",
      "a host name or address without scheme, port or path");
  checks.require(endpoint.port != 0, "endpoint.port", std::to_string(endpoint.port), "1 to 65535");
  checks.require(!endpoint.path.empty() && endpoint.path.front() == '/' &&
                     endpoint.path.find_first_of(" \t\r\n") == std::string::npos,
                 "endpoint.path", "\"" + endpoint.path + "\"", "an absolute path without blanks");
}

void check_sizes(Checks& checks, const FeedConfig& config) {
  constexpr std::size_t kRingMin = std::size_t{64} << 10;
  constexpr std::size_t kRingMax = std::size_t{1} << 30;
  checks.require(std::has_single_bit(config.ring_bytes) && config.ring_bytes >= kRingMin &&
                     config.ring_bytes <= kRingMax,
                 "ring_bytes", std::to_string(config.ring_bytes),
                 "a power of two from 65536 to 1073741824");
  checks.require(config.market_capacity >= 1 && config.market_capacity <= 65'536, "market_capacity",
                 std::to_string(config.market_capacity), "1 to 65536");
  checks.require(
      config.message_bytes_max >= 4096 && config.message_bytes_max <= (std::size_t{64} << 20),
      "message_bytes_max", std::to_string(config.message_bytes_max), "4096 to 67108864");
  checks.require(config.bad_frames_max >= 1, "bad_frames_max",
                 std::to_string(config.bad_frames_max), "at least 1");
  checks.require(config.pending_markets_max >= 1 && config.pending_markets_max <= 1'000'000,
                 "pending_markets_max", std::to_string(config.pending_markets_max), "1 to 1000000");
  checks.require(config.dials_per_second >= 1 && config.dials_per_second <= 1'000'000,
                 "dials_per_second", std::to_string(config.dials_per_second), "1 to 1000000");
  checks.require(config.dials_per_minute >= 1 && config.dials_per_minute <= 1'000'000,
                 "dials_per_minute", std::to_string(config.dials_per_minute), "1 to 1000000");
  checks.require(config.io_cpu >= -1, "io_cpu", std::to_string(config.io_cpu),
                 "-1 (not pinned) or a core");
  checks.require(config.dispatcher_cpu >= -1, "dispatcher_cpu",
                 std::to_string(config.dispatcher_cpu), "-1 (not pinned) or a core");
}

void check_connections(Checks& checks, const FeedConfig& config) {
  checks.require(config.sharding.connections >= 1 && config.sharding.connections <= kShardsMax,
                 "sharding.connections", std::to_string(config.sharding.connections), "1 to 16");
  checks.require(
      config.shards_max == 0 ||
          (config.shards_max >= config.sharding.connections && config.shards_max <= kShardsMax),
      "shards_max", std::to_string(config.shards_max), "0, or sharding.connections to 16");
  checks.require(config.io_threads >= 1 && config.io_threads <= kIoThreadsMax, "io_threads",
                 std::to_string(config.io_threads), "1 to 8");
  checks.require(config.renew_after.count() == 0 || config.renew_after >= std::chrono::seconds(1),
                 "renew_after", std::to_string(config.renew_after.count()) + " ms",
                 "0, or at least 1000 ms");
}

void check_keys(Checks& checks, const FeedConfig& config) {
  if (config.keys == nullptr) return;
  checks.require(config.keys->usable(), "keys", "unusable",
                 "what ApiKeys::from_environment or from_file has loaded");
  checks.require(net::may_receive_keys(config.endpoint.host, config.keys_host), "endpoint.host",
                 "\"" + config.endpoint.host + "\"",
                 "a host of upbit.com, or the one that keys_host names, when there are keys");
}

void check_silence(Checks& checks, const SilenceConfig& silence) {
  const std::pair<const char*, std::chrono::milliseconds> kLimits[] = {
      {"silence.ticker", silence.ticker},
      {"silence.trade", silence.trade},
      {"silence.orderbook", silence.orderbook},
      {"silence.candle", silence.candle}};
  for (const auto& [field, limit] : kLimits) {
    checks.require(limit.count() == 0 ||
                       (limit >= std::chrono::seconds(21) && limit <= std::chrono::hours(24)),
                   field, std::to_string(limit.count()) + " ms", "0, or 21000 ms to 86400000 ms");
    checks.require(limit <= silence.max, "silence.max", std::to_string(silence.max.count()) + " ms",
                   "at least every other silence");
  }
  checks.range(silence.max, "silence.max", 0, 86'400'000, "0 ms to 86400000 ms");
}

void check_decoder(Checks& checks, DecodeKernel kernel) {
  checks.require(decode_kernel_supported(kernel), "decode_kernel",
                 "DecodeKernel " + std::to_string(static_cast<int>(kernel)),
                 "automatic, or one that this processor can run");
}

void check_times(Checks& checks, const FeedConfig& config) {
  constexpr std::int64_t kMinute = 60'000;
  // The exchange drops a socket that was quiet for 60 s (measured 2026-09, its documents say 120).
  checks.range(config.ping_interval, "ping_interval", 1'000, 20'000, "1000 ms to 20000 ms");
  checks.range(config.pong_timeout, "pong_timeout", 100, kMinute, "100 ms to 60000 ms");
  checks.range(config.first_data_timeout, "first_data_timeout", 100, 10 * kMinute,
               "100 ms to 600000 ms");
  checks.range(config.audit_timeout, "audit_timeout", 100, kMinute, "100 ms to 60000 ms");
  checks.range(config.dns_timeout, "dns_timeout", 10, kMinute, "10 ms to 60000 ms");
  checks.range(config.connect_timeout, "connect_timeout", 10, kMinute, "10 ms to 60000 ms");
  checks.range(config.tls_timeout, "tls_timeout", 10, kMinute, "10 ms to 60000 ms");
  checks.range(config.http_timeout, "http_timeout", 10, kMinute, "10 ms to 60000 ms");
  checks.require(config.backfill.count() == 0 ||
                     (config.backfill.count() >= 100 && config.backfill.count() <= kMinute),
                 "backfill", std::to_string(config.backfill.count()) + " ms",
                 "0, or 100 ms to 60000 ms");
  checks.range(config.stable_period, "stable_period", 0, 10 * kMinute, "0 ms to 600000 ms");
  checks.range(config.backoff_base, "backoff_base", 1, kMinute, "1 ms to 60000 ms");
  checks.range(config.backoff_cap, "backoff_cap", 1, 10 * kMinute, "1 ms to 600000 ms");
  checks.require(config.backoff_cap >= config.backoff_base, "backoff_cap",
                 std::to_string(config.backoff_cap.count()) + " ms", "at least backoff_base");
}

}  // namespace

std::string_view to_string(Region region) noexcept {
  switch (region) {
    case Region::korea:
      return "kr";
    case Region::singapore:
      return "sg";
    case Region::indonesia:
      return "id";
    case Region::thailand:
      return "th";
  }
  return {};
}

Endpoint endpoint_of(Region region) {
  Endpoint endpoint;
  if (region == Region::korea) return endpoint;
  endpoint.host = std::string(to_string(region)) + "-api.upbit.com";
  endpoint.regional = true;
  return endpoint;
}

std::vector<Error> FeedConfig::validate() const {
  Checks checks;
  check_endpoint(checks, endpoint);
  check_sizes(checks, *this);
  check_connections(checks, *this);
  check_decoder(checks, decode_kernel);
  check_times(checks, *this);
  check_silence(checks, silence);
  check_keys(checks, *this);
  return checks.take();
}

}  // namespace upfeed
