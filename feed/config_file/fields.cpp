#include "config_file/fields.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <type_traits>
#include <utility>

namespace upfeed::detail {

namespace {

// In the order of the enumerators.
constexpr std::array<std::string_view, 4> kFormats{"default", "simple", "json_list", "simple_list"};
constexpr std::array<std::string_view, 2> kBatchings{"aggressive", "balanced"};
constexpr std::array<std::string_view, 3> kWaits{"spin", "yield", "park"};
constexpr std::array<std::string_view, 3> kSyncs{"never", "on_close", "on_block"};
constexpr std::array<std::string_view, 2> kShardings{"market", "type"};
constexpr std::array<std::string_view, 5> kKernels{"automatic", "reference", "scalar", "avx2",
                                                   "avx512"};
constexpr std::array<std::string_view, 2> kAlgorithms{"hs512", "hs256"};
constexpr std::array<std::string_view, 4> kRegions{"kr", "sg", "id", "th"};
static_assert(static_cast<std::size_t>(WireFormat::simple_list) == 3 &&
              static_cast<std::size_t>(Batching::balanced) == 1 &&
              static_cast<std::size_t>(WaitPolicy::park) == 2 &&
              static_cast<std::size_t>(ShardBy::type) == 1 &&
              static_cast<std::size_t>(RecordSync::on_block) == 2 &&
              static_cast<std::size_t>(DecodeKernel::avx512) == 4 &&
              static_cast<std::size_t>(TokenAlgorithm::hs256) == 1 &&
              static_cast<std::size_t>(Region::thailand) == 3);

template <class Type>
constexpr std::span<const std::string_view> words_of() {
  if constexpr (std::is_same_v<Type, WireFormat>) return kFormats;
  if constexpr (std::is_same_v<Type, Batching>) return kBatchings;
  if constexpr (std::is_same_v<Type, WaitPolicy>) return kWaits;
  if constexpr (std::is_same_v<Type, ShardBy>) return kShardings;
  if constexpr (std::is_same_v<Type, RecordSync>) return kSyncs;
  if constexpr (std::is_same_v<Type, DecodeKernel>) return kKernels;
  if constexpr (std::is_same_v<Type, TokenAlgorithm>) return kAlgorithms;
  if constexpr (std::is_same_v<Type, Region>) return kRegions;
  return {};
}

template <class Type>
constexpr FieldKind kind_of() {
  if constexpr (std::is_same_v<Type, bool>) return FieldKind::boolean;
  if constexpr (std::is_same_v<Type, std::string>) return FieldKind::text;
  if constexpr (std::is_same_v<Type, std::chrono::milliseconds>) return FieldKind::milliseconds;
  if constexpr (std::is_enum_v<Type>) return FieldKind::word;
  return FieldKind::integer;
}

template <class Type>
FieldValue to_value(const Type& member) {
  if constexpr (kind_of<Type>() == FieldKind::milliseconds) {
    return std::int64_t{member.count()};
  } else if constexpr (kind_of<Type>() == FieldKind::word) {
    return std::string(words_of<Type>()[static_cast<std::size_t>(member)]);
  } else if constexpr (kind_of<Type>() == FieldKind::integer) {
    return static_cast<std::int64_t>(member);
  } else {
    return member;
  }
}

template <class Type>
bool from_value(const FieldValue& value, Type& member) {
  constexpr FieldKind kKind = kind_of<Type>();
  if constexpr (kKind == FieldKind::boolean || kKind == FieldKind::text) {
    const auto* const content = std::get_if<Type>(&value);
    if (content == nullptr) return false;
    member = *content;
  } else if constexpr (kKind == FieldKind::word) {
    const auto* const word = std::get_if<std::string>(&value);
    if (word == nullptr) return false;
    const auto words = words_of<Type>();
    const auto found = std::find(words.begin(), words.end(), *word);
    if (found == words.end()) return false;
    member = static_cast<Type>(found - words.begin());
  } else {
    const auto* const number = std::get_if<std::int64_t>(&value);
    if (number == nullptr) return false;
    if constexpr (kKind == FieldKind::milliseconds) {
      member = Type(*number);
    } else {
      if (!std::in_range<Type>(*number)) return false;
      member = static_cast<Type>(*number);
    }
  }
  return true;
}

bool set_region(FeedConfig& config, const FieldValue& value) {
  Region region{};
  if (!from_value(value, region)) return false;
  Endpoint endpoint = endpoint_of(region);
  endpoint.ca_file = std::move(config.endpoint.ca_file);
  config.endpoint = std::move(endpoint);
  return true;
}

struct Profiles {
  std::string_view development{};
  std::string_view production{};
};

struct Name {
  std::string_view section;
  std::string_view name;
  std::string_view member;
};

/// access(config) is the member; a lambda without captures, so that plain functions can use it.
template <class Access>
constexpr Field row(Name name, std::string_view allowed, std::string_view meaning, Access,
                    Profiles profiles = {}) {
  using Type = std::remove_reference_t<decltype(Access{}(std::declval<FeedConfig&>()))>;
  return {name.section,
          name.name,
          name.member,
          kind_of<Type>(),
          allowed,
          meaning,
          profiles.development,
          profiles.production,
          words_of<Type>(),
          [](const FeedConfig& config) { return to_value(Access{}(config)); },
          [](FeedConfig& config, const FieldValue& value) {
            return from_value(value, Access{}(config));
          }};
}

constexpr std::string_view kCore = "-1 (not pinned) to 1023";
constexpr std::string_view kWaitWords = "spin, yield, park";
constexpr std::string_view kStep = "10 ms to 60000 ms";

constexpr std::array kEndpoint{
    Field{"endpoint", "region", "", FieldKind::word, "kr, sg, id, th",
          "short for the address of the exchange's house there", "", "", words_of<Region>(),
          nullptr, set_region},
    row(
        {"endpoint", "host", "endpoint.host"},
        "a host name or address without scheme, port or path", "always over TLS",
        [](auto& config) -> auto& { return config.endpoint.host; }),
    row(
        {"endpoint", "port", "endpoint.port"}, "1 to 65535", "TCP port",
        [](auto& config) -> auto& { return config.endpoint.port; }),
    row(
        {"endpoint", "path", "endpoint.path"}, "an absolute path without blanks",
        "of public connections", [](auto& config) -> auto& { return config.endpoint.path; }),
    row(
        {"endpoint", "ca_file", "endpoint.ca_file"}, "a path, or empty",
        "PEM file of the authorities to trust instead of the system's",
        [](auto& config) -> auto& { return config.endpoint.ca_file; }),
    row(
        {"endpoint", "regional", "endpoint.regional"}, "true, false",
        "a house abroad: no price grouping, no indicators",
        [](auto& config) -> auto& { return config.endpoint.regional; }),
};

constexpr std::array kAccount{
    row(
        {"account", "keys_host", "keys_host"}, "a host name, or empty",
        "a host beside the exchange's own that keys may go to",
        [](auto& config) -> auto& { return config.keys_host; }),
    row(
        {"account", "token_algorithm", "token_algorithm"}, "hs512, hs256", "of login tokens",
        [](auto& config) -> auto& { return config.token_algorithm; }),
};

constexpr std::string_view kSilence = "0, or 21000 ms to 86400000 ms";
constexpr std::array kSilences{
    row(
        {"silence", "ticker_ms", "silence.ticker"}, kSilence,
        "age of a stream's last event at which its loss is told at the latest; 0: never doubted",
        [](auto& config) -> auto& { return config.silence.ticker; }),
    row(
        {"silence", "trade_ms", "silence.trade"}, kSilence, "the same for trades",
        [](auto& config) -> auto& { return config.silence.trade; }),
    row(
        {"silence", "orderbook_ms", "silence.orderbook"}, kSilence, "the same for order books",
        [](auto& config) -> auto& { return config.silence.orderbook; }),
    row(
        {"silence", "candle_ms", "silence.candle"}, kSilence, "the same for candles",
        [](auto& config) -> auto& { return config.silence.candle; }),
    row(
        {"silence", "max_ms", "silence.max"}, "0 ms to 86400000 ms, at least every other silence",
        "what the age doubles to in a quiet market",
        [](auto& config) -> auto& { return config.silence.max; }),
};

constexpr std::array kRequests{
    row(
        {"requests", "format", "format"}, "default, simple, json_list, simple_list",
        "asked from the exchange; all are understood",
        [](auto& config) -> auto& { return config.format; }),
    row({"requests", "batching", "batching"}, "aggressive, balanced",
        "the first change of the set goes out at once, or after 100 ms of collecting",
        [](auto& config) -> auto& { return config.batching; }, {"aggressive", "balanced"}),
    row(
        {"requests", "first_data_timeout_ms", "first_data_timeout"}, "100 ms to 600000 ms",
        "a wanted code without a first frame so long after its request is reported",
        [](auto& config) -> auto& { return config.first_data_timeout; }),
    row(
        {"requests", "audit_timeout_ms", "audit_timeout"}, "100 ms to 60000 ms",
        "for the answer to `Feed::audit`",
        [](auto& config) -> auto& { return config.audit_timeout; }),
};

constexpr std::array kSharding{
    row(
        {"sharding", "connections", "sharding.connections"}, "1 to 16",
        "public connections the markets are spread over",
        [](auto& config) -> auto& { return config.sharding.connections; }),
    row(
        {"sharding", "by", "sharding.by"}, "market, type", "how they are spread",
        [](auto& config) -> auto& { return config.sharding.by; }),
    row(
        {"sharding", "shards_max", "shards_max"}, "0, or sharding.connections to 16",
        "most connections `Feed::reshard` may ask for; 0: `sharding.connections`",
        [](auto& config) -> auto& { return config.shards_max; }),
};

constexpr std::array kThreads{
    row(
        {"threads", "io_threads", "io_threads"}, "1 to 8",
        "threads that receive and decode, each with a ring",
        [](auto& config) -> auto& { return config.io_threads; }),
    row(
        {"threads", "io_wait", "io_wait"}, kWaitWords, "what an I/O thread does without work",
        [](auto& config) -> auto& { return config.io_wait; }),
    row(
        {"threads", "dispatcher_wait", "dispatcher_wait"}, kWaitWords,
        "the same for the dispatcher",
        [](auto& config) -> auto& { return config.dispatcher_wait; }),
    row(
        {"threads", "io_cpu", "io_cpu"}, kCore, "core of the first I/O thread",
        [](auto& config) -> auto& { return config.io_cpu; }),
    row(
        {"threads", "dispatcher_cpu", "dispatcher_cpu"}, kCore, "core of the dispatcher",
        [](auto& config) -> auto& { return config.dispatcher_cpu; }),
};

constexpr std::array kLimits{
    row({"limits", "ring_bytes", "ring_bytes"}, "a power of two from 65536 to 1073741824",
        "of each ring between an I/O thread and the dispatcher",
        [](auto& config) -> auto& { return config.ring_bytes; }, {"", "33554432"}),
    row(
        {"limits", "market_capacity", "market_capacity"}, "1 to 65536",
        "different market codes over the feed's life",
        [](auto& config) -> auto& { return config.market_capacity; }),
    row(
        {"limits", "message_bytes_max", "message_bytes_max"}, "4096 to 67108864",
        "a larger message ends the connection",
        [](auto& config) -> auto& { return config.message_bytes_max; }),
    row(
        {"limits", "bad_frames_max", "bad_frames_max"}, "at least 1",
        "so many undecodable frames in a row end the connection",
        [](auto& config) -> auto& { return config.bad_frames_max; }),
    row(
        {"limits", "pending_markets_max", "pending_markets_max"}, "1 to 1000000",
        "values kept while a ring is full",
        [](auto& config) -> auto& { return config.pending_markets_max; }),
};

constexpr std::array kConnection{
    row(
        {"connection", "ping_interval_ms", "ping_interval"}, "1000 ms to 20000 ms",
        "the exchange drops a socket that was quiet for 60 s",
        [](auto& config) -> auto& { return config.ping_interval; }),
    row(
        {"connection", "pong_timeout_ms", "pong_timeout"}, "100 ms to 60000 ms",
        "silence so long after a ping ends the connection",
        [](auto& config) -> auto& { return config.pong_timeout; }),
    row(
        {"connection", "dns_timeout_ms", "dns_timeout"}, kStep, "of a dial's first step",
        [](auto& config) -> auto& { return config.dns_timeout; }),
    row(
        {"connection", "connect_timeout_ms", "connect_timeout"}, kStep,
        "for each address of the host",
        [](auto& config) -> auto& { return config.connect_timeout; }),
    row(
        {"connection", "tls_timeout_ms", "tls_timeout"}, kStep, "of the TLS handshake",
        [](auto& config) -> auto& { return config.tls_timeout; }),
    row(
        {"connection", "http_timeout_ms", "http_timeout"}, kStep, "of the HTTP upgrade",
        [](auto& config) -> auto& { return config.http_timeout; }),
    row(
        {"connection", "renew_after_ms", "renew_after"}, "0, or at least 1000 ms",
        "age at which a connection is replaced without a loss; 0: never",
        [](auto& config) -> auto& { return config.renew_after; }),
    row(
        {"connection", "backfill_ms", "backfill"}, "0, or 100 ms to 60000 ms",
        "how long a market's trades wait for those an outage hid, fetched by REST; 0: not fetched",
        [](auto& config) -> auto& { return config.backfill; }),
};

constexpr std::array kReconnect{
    row(
        {"reconnect", "stable_period_ms", "stable_period"}, "0 ms to 600000 ms",
        "after the loss of a connection that lived so long the first dial is at once",
        [](auto& config) -> auto& { return config.stable_period; }),
    row(
        {"reconnect", "backoff_base_ms", "backoff_base"}, "1 ms to 60000 ms",
        "first wait between dials; it doubles, with jitter",
        [](auto& config) -> auto& { return config.backoff_base; }),
    row(
        {"reconnect", "backoff_cap_ms", "backoff_cap"}, "1 ms to 600000 ms, at least backoff_base",
        "longest wait between dials", [](auto& config) -> auto& { return config.backoff_cap; }),
    row({"reconnect", "attempts_max", "reconnect_attempts_max"}, "0 to 4294967295",
        "dials without success after which the feed gives up; 0: never",
        [](auto& config) -> auto& { return config.reconnect_attempts_max; }, {"5", "0"}),
    row(
        {"reconnect", "dials_per_second", "dials_per_second"}, "1 to 1000000",
        "budget of the endpoint", [](auto& config) -> auto& { return config.dials_per_second; }),
    row(
        {"reconnect", "dials_per_minute", "dials_per_minute"}, "1 to 1000000",
        "budget of the endpoint", [](auto& config) -> auto& { return config.dials_per_minute; }),
};

constexpr std::array kRecord{
    row(
        {"record", "directory", "record.directory"}, "an existing folder, or empty",
        "where everything that arrives is recorded; empty: it is not",
        [](auto& config) -> auto& { return config.record.directory; }),
    row(
        {"record", "name", "record.name"}, "1 to 200 characters of a file name, no dot first",
        "files are `NAME-YYYYMMDDTHHMMSSZ-NNNNNN.upcap`",
        [](auto& config) -> auto& { return config.record.name; }),
    row(
        {"record", "rotate_bytes", "record.rotate_bytes"}, "0, or at least 1048576",
        "the next file is begun before this size; 0: never",
        [](auto& config) -> auto& { return config.record.rotate_bytes; }),
    row(
        {"record", "rotate_after_ms", "record.rotate_after"}, "0, or 1000 ms to 2678400000 ms",
        "and at this age; 0: never",
        [](auto& config) -> auto& { return config.record.rotate_after; }),
    row(
        {"record", "flush_interval_ms", "record.flush_interval"}, "10 ms to 60000 ms",
        "longest time that a frame stays in memory",
        [](auto& config) -> auto& { return config.record.flush_interval; }),
    row(
        {"record", "compress", "record.compress"}, "true, false", "zstd",
        [](auto& config) -> auto& { return config.record.compress; }),
    row(
        {"record", "sync", "record.sync"}, "never, on_close, on_block",
        "when a file is forced to the disk",
        [](auto& config) -> auto& { return config.record.sync; }),
    row(
        {"record", "ring_bytes", "record.ring_bytes"}, "a power of two from 65536 to 1073741824",
        "of each ring between an I/O thread and the recorder",
        [](auto& config) -> auto& { return config.record.ring_bytes; }),
};

constexpr std::array kDiagnostics{
    row(
        {"diagnostics", "decode_kernel", "decode_kernel"},
        "automatic, reference, scalar, avx2, avx512", "which decoder reads market data; all agree",
        [](auto& config) -> auto& { return config.decode_kernel; }),
    row({"diagnostics", "stage_stamps", "stage_stamps"}, "true, false",
        "times every stage of a frame's way; four clock readings an event",
        [](auto& config) -> auto& { return config.stage_stamps; }, {"true", "false"}),
    row(
        {"diagnostics", "seed", "seed"}, "0 to 9223372036854775807",
        "of the back-off's jitter; 0: from the system",
        [](auto& config) -> auto& { return config.seed; }),
};

template <class... Arrays>
constexpr auto joined(const Arrays&... arrays) {
  std::array<Field, (std::tuple_size_v<Arrays> + ...)> all{};
  std::size_t at = 0;
  const auto append = [&](const auto& array) {
    for (const Field& field : array) all[at++] = field;
  };
  (append(arrays), ...);
  return all;
}

constexpr auto kFields = joined(kEndpoint, kAccount, kRequests, kSilences, kSharding, kThreads,
                                kLimits, kConnection, kReconnect, kRecord, kDiagnostics);

}  // namespace

std::string Field::key() const {
  return std::string(section).append(".").append(name);
}

std::string Field::variable() const {
  std::string text = "UPFEED_" + std::string(section) + "_" + std::string(name);
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

std::span<const Field> fields() noexcept {
  return kFields;
}

const Field* find_field(std::string_view section, std::string_view name) noexcept {
  const auto found = std::find_if(kFields.begin(), kFields.end(), [&](const Field& field) {
    return field.section == section && field.name == name;
  });
  return found == kFields.end() ? nullptr : &*found;
}

FieldValue value_of_text(const Field& field, std::string_view text) {
  switch (field.kind) {
    case FieldKind::text:
    case FieldKind::word:
      return std::string(text);
    case FieldKind::boolean:
      if (text == "true") return true;
      if (text == "false") return false;
      return {};
    case FieldKind::integer:
    case FieldKind::milliseconds:
      break;
  }
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  return number;
}

std::string to_toml(const FieldValue& value) {
  if (const bool* const flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* const number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text = "\"";
  for (const char c : std::get<std::string>(value)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') text += '\\';
    if (byte < 0x20 || byte == 0x7f) {
      text.append("\\u00").append(1, kHex[byte >> 4]).append(1, kHex[byte & 15]);
    } else {
      text += c;
    }
  }
  return text + "\"";
}

}  // namespace upfeed::detail
