#include "upfeed/config.hpp"

#include <arpa/inet.h>

#include <bit>

#include "config_checks.hpp"
#include "decode/decode.hpp"
#include "net/login.hpp"

namespace upfeed {

namespace {

using detail::FieldProblem;

constexpr std::uint32_t kIoThreadsMax = 8;
constexpr int kCpuMax = 1023;  // what a cpu_set_t holds

class Checks {
 public:
  void require(bool good, std::string_view field, std::string value, std::string_view allowed) {
    if (!good) problems_.push_back({field, std::move(value), allowed});
  }
  template <class Number>
  void range(Number value, std::string_view field, Number min, Number max,
             std::string_view allowed) {
    require(value >= min && value <= max, field, std::to_string(value), allowed);
  }
  void range(std::chrono::milliseconds value, std::string_view field, std::int64_t min_ms,
             std::int64_t max_ms, std::string_view allowed) {
    require(value.count() >= min_ms && value.count() <= max_ms, field,
            std::to_string(value.count()) + " ms", allowed);
  }
  /// last  the enumerator of the largest value.
  template <class Enum>
  void named(Enum value, std::string_view field, Enum last, std::string_view allowed) {
    require(value <= last, field, "number " + std::to_string(static_cast<unsigned>(value)),
            allowed);
  }
  [[nodiscard]] std::vector<FieldProblem> take() { return std::move(problems_); }

 private:
  std::vector<FieldProblem> problems_;
};

/// A name or an address; the port and the scheme have no place in it.
bool is_host(const std::string& host) {
  in6_addr address;
  if (::inet_pton(AF_INET6, host.c_str(), &address) == 1) return true;
  return !host.empty() && host.find_first_of("/:@ \t\r\n") == std::string::npos;
}

void check_endpoint(Checks& checks, const Endpoint& endpoint) {
  checks.require(is_host(endpoint.host), "endpoint.host", "\"" + endpoint.host + "\"",
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
  checks.range(config.market_capacity, "market_capacity", 1U, 65'536U, "1 to 65536");
  checks.range(config.message_bytes_max, "message_bytes_max", std::size_t{4096},
               std::size_t{64} << 20, "4096 to 67108864");
  checks.range(config.bad_frames_max, "bad_frames_max", 1U, UINT32_MAX, "at least 1");
  checks.range(config.pending_markets_max, "pending_markets_max", std::size_t{1},
               std::size_t{1'000'000}, "1 to 1000000");
  checks.range(config.dials_per_second, "dials_per_second", 1U, 1'000'000U, "1 to 1000000");
  checks.range(config.dials_per_minute, "dials_per_minute", 1U, 1'000'000U, "1 to 1000000");
}

void check_threads(Checks& checks, const FeedConfig& config) {
  checks.range(config.io_threads, "io_threads", 1U, kIoThreadsMax, "1 to 8");
  checks.named(config.io_wait, "io_wait", WaitPolicy::park, "spin, yield, park");
  checks.named(config.dispatcher_wait, "dispatcher_wait", WaitPolicy::park, "spin, yield, park");
  checks.range(config.io_cpu, "io_cpu", -1, kCpuMax, "-1 (not pinned) to 1023");
  checks.range(config.dispatcher_cpu, "dispatcher_cpu", -1, kCpuMax, "-1 (not pinned) to 1023");
}

void check_connections(Checks& checks, const FeedConfig& config) {
  checks.named(config.format, "format", WireFormat::simple_list,
               "default, simple, json_list, simple_list");
  checks.named(config.batching, "batching", Batching::balanced, "aggressive, balanced");
  checks.range(config.sharding.connections, "sharding.connections", 1U, kShardsMax, "1 to 16");
  checks.named(config.sharding.by, "sharding.by", ShardBy::type, "market, type");
  checks.require(
      config.shards_max == 0 ||
          (config.shards_max >= config.sharding.connections && config.shards_max <= kShardsMax),
      "shards_max", std::to_string(config.shards_max), "0, or sharding.connections to 16");
  checks.require(config.renew_after.count() == 0 || config.renew_after >= std::chrono::seconds(1),
                 "renew_after", std::to_string(config.renew_after.count()) + " ms",
                 "0, or at least 1000 ms");
}

void check_keys(Checks& checks, const FeedConfig& config) {
  checks.named(config.token_algorithm, "token_algorithm", TokenAlgorithm::hs256, "hs512, hs256");
  if (config.keys == nullptr) return;
  checks.require(config.keys->usable(), "keys", "unusable",
                 "what ApiKeys::from_environment or from_file has loaded, in this process (fork() "
                 "leaves zeros in the child)");
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
  constexpr std::chrono::milliseconds kMax = std::chrono::hours(24);
  bool is_longest = true;
  for (const auto& [field, limit] : kLimits) {
    checks.require(limit.count() == 0 || (limit >= std::chrono::seconds(21) && limit <= kMax),
                   field, std::to_string(limit.count()) + " ms", "0, or 21000 ms to 86400000 ms");
    is_longest = is_longest && limit <= silence.max;
  }
  checks.require(is_longest && silence.max.count() >= 0 && silence.max <= kMax, "silence.max",
                 std::to_string(silence.max.count()) + " ms",
                 "0 ms to 86400000 ms, at least every other silence");
}

void check_record(Checks& checks, const RecordConfig& record) {
  constexpr std::uint64_t kRotateMin = std::uint64_t{1} << 20;
  constexpr std::size_t kRingMin = std::size_t{64} << 10;
  constexpr std::size_t kRingMax = std::size_t{1} << 30;
  constexpr std::size_t kNameMax = 200;  // a file name has 255, and ours goes on
  checks.require(
      !record.name.empty() && record.name.size() <= kNameMax && record.name.front() != '.' &&
          record.name.find_first_of(std::string_view("/\0", 2)) == std::string::npos,
      "record.name", "\"" + record.name + "\"", "1 to 200 characters of a file name, no dot first");
  checks.require(record.rotate_bytes == 0 || record.rotate_bytes >= kRotateMin,
                 "record.rotate_bytes", std::to_string(record.rotate_bytes),
                 "0, or at least 1048576");
  checks.require(
      record.rotate_after.count() == 0 || (record.rotate_after >= std::chrono::seconds(1) &&
                                           record.rotate_after <= std::chrono::hours(24 * 31)),
      "record.rotate_after", std::to_string(record.rotate_after.count()) + " ms",
      "0, or 1000 ms to 2678400000 ms");
  checks.range(record.flush_interval, "record.flush_interval", 10, 60'000, "10 ms to 60000 ms");
  checks.named(record.sync, "record.sync", RecordSync::on_block, "never, on_close, on_block");
  checks.require(std::has_single_bit(record.ring_bytes) && record.ring_bytes >= kRingMin &&
                     record.ring_bytes <= kRingMax,
                 "record.ring_bytes", std::to_string(record.ring_bytes),
                 "a power of two from 65536 to 1073741824");
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
  checks.require(config.backoff_cap.count() <= 10 * kMinute && config.backoff_cap.count() >= 1 &&
                     config.backoff_cap >= config.backoff_base,
                 "backoff_cap", std::to_string(config.backoff_cap.count()) + " ms",
                 "1 ms to 600000 ms, at least backoff_base");
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

std::vector<FieldProblem> detail::find_problems(const FeedConfig& config) {
  Checks checks;
  check_endpoint(checks, config.endpoint);
  check_sizes(checks, config);
  check_threads(checks, config);
  check_connections(checks, config);
  check_decoder(checks, config.decode_kernel);
  check_times(checks, config);
  check_silence(checks, config.silence);
  check_record(checks, config.record);
  check_keys(checks, config);
  return checks.take();
}

std::vector<Error> FeedConfig::validate() const {
  std::vector<Error> errors;
  for (const FieldProblem& problem : detail::find_problems(*this)) {
    errors.push_back({Errc::bad_config, std::string(problem.field) + " is " + problem.value +
                                            ": must be " + std::string(problem.allowed)});
  }
  return errors;
}

}  // namespace upfeed
