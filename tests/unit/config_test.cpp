// FeedConfig::validate(), field by field.

#include "upfeed/config.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>
#include <vector>

namespace upfeed {
namespace {

using std::chrono::milliseconds;

struct FieldCase {
  const char* field;
  std::function<void(FeedConfig&)> spoil;
  const char* message;  // whole, so that value and way out are seen
};

std::vector<FieldCase> time_cases() {
  std::vector<FieldCase> cases;
  struct Range {
    const char* field;
    milliseconds FeedConfig::*member;
    std::int64_t min;
    std::int64_t max;
  };
  static constexpr Range kRanges[] = {
      {"ping_interval", &FeedConfig::ping_interval, 1'000, 20'000},
      {"pong_timeout", &FeedConfig::pong_timeout, 100, 60'000},
      {"first_data_timeout", &FeedConfig::first_data_timeout, 100, 600'000},
      {"audit_timeout", &FeedConfig::audit_timeout, 100, 60'000},
      {"dns_timeout", &FeedConfig::dns_timeout, 10, 60'000},
      {"connect_timeout", &FeedConfig::connect_timeout, 10, 60'000},
      {"tls_timeout", &FeedConfig::tls_timeout, 10, 60'000},
      {"http_timeout", &FeedConfig::http_timeout, 10, 60'000},
      {"stable_period", &FeedConfig::stable_period, 0, 600'000},
  };
  static std::vector<std::string> messages;
  messages.clear();
  messages.reserve(2 * std::size(kRanges));
  for (const Range& range : kRanges) {
    for (const std::int64_t value : {range.min - 1, range.max + 1}) {
      messages.push_back(std::string(range.field) + " is " + std::to_string(value) +
                         " ms: must be " + std::to_string(range.min) + " ms to " +
                         std::to_string(range.max) + " ms");
      cases.push_back(
          {range.field,
           [&range, value](FeedConfig& config) { config.*range.member = milliseconds(value); },
           messages.back().c_str()});
    }
  }
  return cases;
}

std::vector<FieldCase> record_cases() {
  return {
      {"record.name", [](FeedConfig& c) { c.record.name = "a/b"; },
       "record.name is \"a/b\": must be 1 to 200 characters of a file name, no dot first"},
      {"record.rotate_bytes", [](FeedConfig& c) { c.record.rotate_bytes = 1000; },
       "record.rotate_bytes is 1000: must be 0, or at least 1048576"},
      {"record.rotate_after", [](FeedConfig& c) { c.record.rotate_after = milliseconds(5); },
       "record.rotate_after is 5 ms: must be 0, or 1000 ms to 2678400000 ms"},
      {"record.flush_interval", [](FeedConfig& c) { c.record.flush_interval = milliseconds(9); },
       "record.flush_interval is 9 ms: must be 10 ms to 60000 ms"},
      {"record.sync", [](FeedConfig& c) { c.record.sync = static_cast<RecordSync>(7); },
       "record.sync is number 7: must be never, on_close, on_block"},
      {"record.ring_bytes", [](FeedConfig& c) { c.record.ring_bytes = 65'537; },
       "record.ring_bytes is 65537: must be a power of two from 65536 to 1073741824"},
  };
}

std::vector<FieldCase> other_cases() {
  return {
      {"host", [](FeedConfig& c) { c.endpoint.host = ""; },
       "endpoint.host is \"\": must be a host name or address without scheme, port or path"},
      {"host", [](FeedConfig& c) { c.endpoint.host = "wss://api.upbit.com"; },
       "endpoint.host is \"wss://api.upbit.com\": must be a host name or address without scheme, "
       "port or path"},
      {"port", [](FeedConfig& c) { c.endpoint.port = 0; },
       "endpoint.port is 0: must be 1 to 65535"},
      {"path", [](FeedConfig& c) { c.endpoint.path = "websocket"; },
       "endpoint.path is \"websocket\": must be an absolute path without blanks"},
      {"path", [](FeedConfig& c) { c.endpoint.path = "/a b"; },
       "endpoint.path is \"/a b\": must be an absolute path without blanks"},
      {"format", [](FeedConfig& c) { c.format = static_cast<WireFormat>(4); },
       "format is number 4: must be default, simple, json_list, simple_list"},
      {"batching", [](FeedConfig& c) { c.batching = static_cast<Batching>(2); },
       "batching is number 2: must be aggressive, balanced"},
      {"connections", [](FeedConfig& c) { c.sharding.connections = 17; },
       "sharding.connections is 17: must be 1 to 16"},
      {"by", [](FeedConfig& c) { c.sharding.by = static_cast<ShardBy>(9); },
       "sharding.by is number 9: must be market, type"},
      {"shards_max", [](FeedConfig& c) { c.shards_max = 17; },
       "shards_max is 17: must be 0, or sharding.connections to 16"},
      {"io_threads", [](FeedConfig& c) { c.io_threads = 9; }, "io_threads is 9: must be 1 to 8"},
      {"io_threads", [](FeedConfig& c) { c.io_threads = 0; }, "io_threads is 0: must be 1 to 8"},
      {"ring_bytes", [](FeedConfig& c) { c.ring_bytes = 65'537; },
       "ring_bytes is 65537: must be a power of two from 65536 to 1073741824"},
      {"ring_bytes", [](FeedConfig& c) { c.ring_bytes = 32'768; },
       "ring_bytes is 32768: must be a power of two from 65536 to 1073741824"},
      {"market_capacity", [](FeedConfig& c) { c.market_capacity = 0; },
       "market_capacity is 0: must be 1 to 65536"},
      {"io_wait", [](FeedConfig& c) { c.io_wait = static_cast<WaitPolicy>(3); },
       "io_wait is number 3: must be spin, yield, park"},
      {"dispatcher_wait", [](FeedConfig& c) { c.dispatcher_wait = static_cast<WaitPolicy>(3); },
       "dispatcher_wait is number 3: must be spin, yield, park"},
      {"io_cpu", [](FeedConfig& c) { c.io_cpu = -2; },
       "io_cpu is -2: must be -1 (not pinned) to 1023"},
      {"dispatcher_cpu", [](FeedConfig& c) { c.dispatcher_cpu = 1'024; },
       "dispatcher_cpu is 1024: must be -1 (not pinned) to 1023"},
      {"renew_after", [](FeedConfig& c) { c.renew_after = milliseconds(999); },
       "renew_after is 999 ms: must be 0, or at least 1000 ms"},
      {"renew_after", [](FeedConfig& c) { c.renew_after = milliseconds(-1); },
       "renew_after is -1 ms: must be 0, or at least 1000 ms"},
      {"backoff_base", [](FeedConfig& c) { c.backoff_base = milliseconds(0); },
       "backoff_base is 0 ms: must be 1 ms to 60000 ms"},
      {"backoff_cap", [](FeedConfig& c) { c.backoff_cap = milliseconds(99); },
       "backoff_cap is 99 ms: must be 1 ms to 600000 ms, at least backoff_base"},
      {"backoff_cap", [](FeedConfig& c) { c.backoff_cap = milliseconds(600'001); },
       "backoff_cap is 600001 ms: must be 1 ms to 600000 ms, at least backoff_base"},
      {"silence.ticker", [](FeedConfig& c) { c.silence.ticker = milliseconds(20'999); },
       "silence.ticker is 20999 ms: must be 0, or 21000 ms to 86400000 ms"},
      {"silence.trade", [](FeedConfig& c) { c.silence.trade = milliseconds(-1); },
       "silence.trade is -1 ms: must be 0, or 21000 ms to 86400000 ms"},
      {"silence.orderbook", [](FeedConfig& c) { c.silence.orderbook = milliseconds(1); },
       "silence.orderbook is 1 ms: must be 0, or 21000 ms to 86400000 ms"},
      {"silence.candle", [](FeedConfig& c) { c.silence.candle = milliseconds(1); },
       "silence.candle is 1 ms: must be 0, or 21000 ms to 86400000 ms"},
      {"silence.max", [](FeedConfig& c) { c.silence.max = milliseconds(59'999); },
       "silence.max is 59999 ms: must be 0 ms to 86400000 ms, at least every other silence"},
      {"silence.max", [](FeedConfig& c) { c.silence.max = milliseconds(86'400'001); },
       "silence.max is 86400001 ms: must be 0 ms to 86400000 ms, at least every other silence"},
      {"decode_kernel", [](FeedConfig& c) { c.decode_kernel = static_cast<DecodeKernel>(77); },
       "decode_kernel is DecodeKernel 77: must be automatic, or one that this processor can run"},
      {"token_algorithm", [](FeedConfig& c) { c.token_algorithm = static_cast<TokenAlgorithm>(2); },
       "token_algorithm is number 2: must be hs512, hs256"},
      {"dials_per_second", [](FeedConfig& c) { c.dials_per_second = 0; },
       "dials_per_second is 0: must be 1 to 1000000"},
      {"dials_per_minute", [](FeedConfig& c) { c.dials_per_minute = 1'000'001; },
       "dials_per_minute is 1000001: must be 1 to 1000000"},
      {"message_bytes_max", [](FeedConfig& c) { c.message_bytes_max = 4'095; },
       "message_bytes_max is 4095: must be 4096 to 67108864"},
      {"bad_frames_max", [](FeedConfig& c) { c.bad_frames_max = 0; },
       "bad_frames_max is 0: must be at least 1"},
      {"pending_markets_max", [](FeedConfig& c) { c.pending_markets_max = 0; },
       "pending_markets_max is 0: must be 1 to 1000000"},
  };
}

std::vector<std::string> messages_of(const FeedConfig& config) {
  std::vector<std::string> messages;
  for (const Error& error : config.validate()) {
    EXPECT_EQ(error.code, Errc::bad_config);
    messages.push_back(error.message);
  }
  return messages;
}

// Goal: nobody who changes nothing is refused. Method: the defaults.
TEST(Config, defaults_are_valid) {
  EXPECT_TRUE(messages_of({}).empty());
}

// Goal: each field alone is refused with its name, value and range. Method: spoil one at a time.
TEST(Config, each_bad_field_is_named_alone) {
  std::vector<FieldCase> cases = time_cases();
  for (FieldCase& each : other_cases()) cases.push_back(std::move(each));
  for (FieldCase& each : record_cases()) cases.push_back(std::move(each));
  for (const FieldCase& each : cases) {
    FeedConfig config;
    each.spoil(config);
    EXPECT_EQ(messages_of(config), std::vector<std::string>{each.message}) << each.field;
  }
}

// Goal: nobody mends a configuration one run at a time. Method: spoil many fields, count messages.
TEST(Config, all_bad_fields_are_told_at_once) {
  FeedConfig config;
  config.endpoint.port = 0;
  config.ring_bytes = 3;
  config.ping_interval = milliseconds(30'000);
  config.io_cpu = std::numeric_limits<int>::min();
  config.backoff_cap = milliseconds(-5);
  EXPECT_EQ(messages_of(config).size(), 5U);
}

// Goal: the bounds themselves are allowed. Method: both ends of some ranges, addresses as hosts.
TEST(Config, bounds_are_inside) {
  FeedConfig config;
  config.ring_bytes = std::size_t{64} << 10;
  config.ping_interval = milliseconds(20'000);
  config.stable_period = milliseconds(0);
  config.backoff_base = config.backoff_cap = milliseconds(60'000);
  config.sharding.connections = config.shards_max = 16;
  config.io_cpu = 1'023;
  for (const char* host : {"::1", "2001:db8::7", "127.0.0.1", "localhost"}) {
    config.endpoint.host = host;
    EXPECT_TRUE(messages_of(config).empty()) << host;
  }
}

// Goal: the houses abroad are where the exchange says. Method: all four.
TEST(Config, regions_have_addresses) {
  EXPECT_EQ(endpoint_of(Region::korea).host, "api.upbit.com");
  EXPECT_FALSE(endpoint_of(Region::korea).regional);
  for (const Region region : {Region::singapore, Region::indonesia, Region::thailand}) {
    const Endpoint endpoint = endpoint_of(region);
    EXPECT_EQ(endpoint.host, std::string(to_string(region)) + "-api.upbit.com");
    EXPECT_TRUE(endpoint.regional);
  }
}

}  // namespace
}  // namespace upfeed
