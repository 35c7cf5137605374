// Configuration files, variables and profiles.

#include "upfeed/config_file.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "config_file/fields.hpp"
#include "seed.hpp"

namespace upfeed {
namespace {

using detail::Field;
using detail::FieldValue;

ConfigInputs with(std::vector<std::string> environment, std::string profile = {}) {
  return {.profile = std::move(profile), .environment = std::move(environment)};
}

FeedConfig good(std::string_view text, const ConfigInputs& inputs = with({})) {
  Result<FeedConfig> config = config_from(text, inputs, "f");
  EXPECT_TRUE(config.ok()) << config.error().message;
  return config.ok() ? config.value() : FeedConfig{};
}

std::vector<std::string> errors_of(std::string_view text, const ConfigInputs& inputs = with({})) {
  const Result<FeedConfig> config = config_from(text, inputs, "f");
  if (config.ok()) return {};
  EXPECT_EQ(config.error().code, Errc::bad_config);
  std::vector<std::string> lines;
  std::istringstream message(config.error().message);
  for (std::string line; std::getline(message, line);) lines.push_back(line);
  return lines;
}

std::string text_of(const FieldValue& value) {
  return std::holds_alternative<std::string>(value) ? std::get<std::string>(value)
                                                    : detail::to_toml(value);
}

struct BadText {
  const char* text;
  const char* message;  // of the only error
};

// One thing wrong each. What stands here is what the person sees, whole.
constexpr BadText kBad[] = {
    // Names.
    {"[endpoint]\nhots = \"a\"",
     "f:2: endpoint.hots = \"a\": no such setting; did you mean endpoint.host?"},
    {"[connection]\nping_interval = 5",
     "f:2: connection.ping_interval = 5: no such setting; did you mean "
     "connection.ping_interval_ms?"},
    {"[endpoint]\nping_interval_ms = 5000",
     "f:2: endpoint.ping_interval_ms = 5000: no such setting; did you mean "
     "connection.ping_interval_ms?"},
    {"port = 443", "f:1: port = 443: no such setting; did you mean endpoint.port?"},
    {"[limits]\nzebra = 1", "f:2: limits.zebra = 1: no such setting; README.md lists them all"},
    {"profiles = \"production\"",
     "f:1: profiles = \"production\": no such setting; did you mean profile?"},
    {"[conection]\nping_interval_ms = 5000",
     "f:1: [conection]: no such section; did you mean [connection]?"},
    {"[zebra]", "f:1: [zebra]: no such section; README.md lists them all"},
    {"connection = 5",
     "f:1: connection = 5: is a section; write [connection] and its settings below"},
    {"[[endpoint]]\nport = 1",
     "f:1: endpoint = a list: is a section; write [endpoint] and its settings below"},
    {"[endpoint.tls]\nport = 1",
     "f:1: endpoint.tls = a section: no such setting; README.md lists them all"},
    // Kinds.
    {"[endpoint]\nhost = 5",
     "f:2: endpoint.host = 5: must be text in quotes: a host name or address without scheme, port "
     "or path"},
    {"[endpoint]\nport = \"443\"",
     "f:2: endpoint.port = \"443\": must be a whole number: 1 to 65535"},
    {"[endpoint]\nport = 443.5", "f:2: endpoint.port = 443.5: must be a whole number: 1 to 65535"},
    {"[endpoint]\nport = [443]", "f:2: endpoint.port = a list: must be a whole number: 1 to 65535"},
    {"[endpoint]\nport = {a = 1}",
     "f:2: endpoint.port = a section: must be a whole number: 1 to 65535"},
    {"[endpoint]\nregional = \"yes\"", "f:2: endpoint.regional = \"yes\": must be true or false"},
    {"[diagnostics]\nstage_stamps = 1", "f:2: diagnostics.stage_stamps = 1: must be true or false"},
    {"[connection]\nping_interval_ms = \"15s\"",
     "f:2: connection.ping_interval_ms = \"15s\": must be a whole number of milliseconds: 1000 ms "
     "to 20000 ms"},
    {"[connection]\nping_interval_ms = 1979-05-27",
     "f:2: connection.ping_interval_ms = a date or time: must be a whole number of milliseconds: "
     "1000 ms to 20000 ms"},
    {"profile = 3", "f:1: profile = 3: must be development or production"},
    // Words.
    {"profile = \"staging\"", "f:1: profile = \"staging\": must be development or production"},
    {"[requests]\nbatching = \"agressive\"",
     "f:2: requests.batching = \"agressive\": must be one of aggressive, balanced; did you mean "
     "aggressive?"},
    {"[requests]\nformat = \"SIMPLE\"",
     "f:2: requests.format = \"SIMPLE\": must be one of default, simple, json_list, simple_list; "
     "did you mean simple?"},
    {"[threads]\nio_wait = \"sleepwell\"",
     "f:2: threads.io_wait = \"sleepwell\": must be one of spin, yield, park"},
    {"[sharding]\nby = \"\"", "f:2: sharding.by = \"\": must be one of market, type"},
    {"[endpoint]\nregion = \"us\"",
     "f:2: endpoint.region = \"us\": must be one of kr, sg, id, th; did you mean kr?"},
    // Ranges.
    {"[connection]\nping_interval_ms = 20001",
     "f:2: connection.ping_interval_ms = 20001: must be 1000 ms to 20000 ms"},
    {"[connection]\npong_timeout_ms = -1",
     "f:2: connection.pong_timeout_ms = -1: must be 100 ms to 60000 ms"},
    {"[reconnect]\nbackoff_base_ms = -100",
     "f:2: reconnect.backoff_base_ms = -100: must be 1 ms to 60000 ms"},
    {"[reconnect]\nbackoff_cap_ms = 50",
     "f:2: reconnect.backoff_cap_ms = 50: must be 1 ms to 600000 ms, at least backoff_base"},
    {"[reconnect]\nattempts_max = -1",
     "f:2: reconnect.attempts_max = -1: must be a whole number: 0 to 4294967295"},
    {"[endpoint]\nport = 65536", "f:2: endpoint.port = 65536: must be a whole number: 1 to 65535"},
    {"[endpoint]\nport = 0", "f:2: endpoint.port = 0: must be 1 to 65535"},
    {"[limits]\nring_bytes = 1000000",
     "f:2: limits.ring_bytes = 1000000: must be a power of two from 65536 to 1073741824"},
    {"[limits]\nmarket_capacity = 0", "f:2: limits.market_capacity = 0: must be 1 to 65536"},
    {"[sharding]\nconnections = 17", "f:2: sharding.connections = 17: must be 1 to 16"},
    {"[sharding]\nconnections = 4\nshards_max = 2",
     "f:3: sharding.shards_max = 2: must be 0, or sharding.connections to 16"},
    {"[threads]\nio_cpu = 5000", "f:2: threads.io_cpu = 5000: must be -1 (not pinned) to 1023"},
    // Hosts.
    {"[endpoint]\nhost = \"ws://api.upbit.com\"",
     "f:2: endpoint.host = \"ws://api.upbit.com\": must be a host name or address without scheme, "
     "port or path"},
    {"[endpoint]\nhost = \"http://api.upbit.com/websocket/v1\"",
     "f:2: endpoint.host = \"http://api.upbit.com/websocket/v1\": must be a host name or address "
     "without scheme, port or path"},
    {"[endpoint]\nhost = \"api.upbit.com:443\"",
     "f:2: endpoint.host = \"api.upbit.com:443\": must be a host name or address without scheme, "
     "port or path"},
    {"[endpoint]\nhost = \"\"",
     "f:2: endpoint.host = \"\": must be a host name or address without scheme, port or path"},
    {"[endpoint]\npath = \"websocket/v1\"",
     "f:2: endpoint.path = \"websocket/v1\": must be an absolute path without blanks"},
    // Secrets; never with their value.
    {"[account]\naccess_key = \"hush\"", nullptr},
    {"[endpoint]\nsecret_key = \"hush\"", nullptr},
    {"access_key = \"hush\"", nullptr},
    {"[endpoint]\ntoken = hush", nullptr},
    {"[secrets]", nullptr},
};

// Goal: each mistake is refused with its line, name, value and the way out. Method: the table.
TEST(ConfigFile, each_mistake_is_told_with_the_way_out) {
  static_assert(std::size(kBad) >= 40);
  for (const BadText& bad : kBad) {
    const std::vector<std::string> errors = errors_of(bad.text);
    if (bad.message != nullptr) {
      EXPECT_EQ(errors, std::vector<std::string>{bad.message}) << bad.text;
      continue;
    }
    const std::string all = testing::PrintToString(errors);
    EXPECT_NE(all.find("UPBIT_SECRET_KEY"), std::string::npos) << bad.text << all;
    EXPECT_EQ(all.find("hush"), std::string::npos) << all;
  }
}

struct BadVariable {
  const char* entry;
  const char* message;
};
constexpr BadVariable kBadVariables[] = {
    {"UPFEED_CONNECTION_PING_INTERVAL_MS=30000",
     "UPFEED_CONNECTION_PING_INTERVAL_MS = \"30000\": must be 1000 ms to 20000 ms"},
    {"UPFEED_CONNECTION_PING_INTERVAL_MS=15s",
     "UPFEED_CONNECTION_PING_INTERVAL_MS = \"15s\": must be a whole number of milliseconds: 1000 "
     "ms to 20000 ms"},
    {"UPFEED_CONNECTION_PING_INTERVALL_MS=15",
     "UPFEED_CONNECTION_PING_INTERVALL_MS = \"15\": no such setting; did you mean "
     "UPFEED_CONNECTION_PING_INTERVAL_MS?"},
    {"UPFEED_ENDPOINT_ZEBRA_HERD=1",
     "UPFEED_ENDPOINT_ZEBRA_HERD = \"1\": no such setting; README.md lists them all"},
    {"UPFEED_ENDPOIN_PORT=1",
     "UPFEED_ENDPOIN_PORT = \"1\": no such setting; did you mean UPFEED_ENDPOINT_PORT?"},
    {"UPFEED_PROFIL=production",
     "UPFEED_PROFIL = \"production\": no such setting; did you mean UPFEED_PROFILE?"},
    {"UPFEED_PROFILE=", "UPFEED_PROFILE = \"\": must be development or production"},
    {"UPFEED_DIAGNOSTICS_STAGE_STAMPS=yes",
     "UPFEED_DIAGNOSTICS_STAGE_STAMPS = \"yes\": must be true or false"},
    {"UPFEED_ENDPOINT_PORT=", "UPFEED_ENDPOINT_PORT = \"\": must be a whole number: 1 to 65535"},
    {"UPFEED_ENDPOINT_PORT=99999999999999999999",
     "UPFEED_ENDPOINT_PORT = \"99999999999999999999\": must be a whole number: 1 to 65535"},
    {"UPFEED_REQUESTS_BATCHING=balance",
     "UPFEED_REQUESTS_BATCHING = \"balance\": must be one of aggressive, balanced; did you mean "
     "balanced?"},
};

// Goal: the same for variables. Method: one at a time.
TEST(ConfigFile, each_bad_variable_is_told) {
  for (const BadVariable& bad : kBadVariables) {
    EXPECT_EQ(errors_of("", with({bad.entry})), std::vector<std::string>{bad.message});
  }
  const auto secret = errors_of("", with({"UPFEED_ACCOUNT_SECRET_KEY=hush"}));
  ASSERT_EQ(secret.size(), 1U);
  EXPECT_NE(secret[0].find("UPBIT_SECRET_KEY"), std::string::npos);
  EXPECT_EQ(secret[0].find("hush"), std::string::npos);
}

// Goal: variables of somebody else do not stop a program. Method: names that are far from any.
TEST(ConfigFile, foreign_variables_are_left_alone) {
  EXPECT_TRUE(errors_of("", with({"UPFEED_CORPUS=/x", "PATH=/bin", "UPFEEDER=1"})).empty());
}

// Goal: one run tells everything. Method: faults of every kind in one file and the environment, in
// the order of the file.
TEST(ConfigFile, all_mistakes_are_told_at_once) {
  const auto errors = errors_of(
      "profil = 1\n"              // 1: no such setting
      "[endpoint]\n"              //
      "host = \"http://a\"\n"     // 3: no host
      "port 443\n"                // 4: no TOML
      "path = \"/a\"\n"           //
      "path = \"/b\"\n"           // 6: twice
      "[connection]\n"            //
      "ping_interval_ms = 2e4\n"  // 8: no whole number
      "secret_key = hush\n"       // 9: a secret, and no TOML
      "tls_timeout_ms = 0\n"      // 10: too small
      "[connections]\n"           // 11: no section
      "http_timeout_ms = 5\n",
      with({"UPFEED_SHARDING_CONNECTIONS=99"}));
  const std::vector<std::string> starts{
      "f:1: profil = 1: no such setting; did you mean profile?",
      "f:3: endpoint.host = \"http://a\": must be",
      "f:4: no TOML:",
      "f:6: endpoint.path: no TOML: cannot redefine",
      "f:8: connection.ping_interval_ms = 20000: must be a whole number",
      "f:9: connection.secret_key: keys of accounts are never",
      "f:10: connection.tls_timeout_ms = 0: must be 10 ms",
      "f:11: [connections]: no such section; did you mean [connection]?",
      "UPFEED_SHARDING_CONNECTIONS = \"99\": must be 1 to 16"};
  ASSERT_EQ(errors.size(), starts.size()) << testing::PrintToString(errors);
  for (std::size_t i = 0; i < starts.size(); ++i) {
    EXPECT_TRUE(errors[i].starts_with(starts[i])) << errors[i];
  }
}

// Goal: no text makes the reader hang or fall over. Method: texts that are no TOML at all.
TEST(ConfigFile, damaged_text_is_refused) {
  const std::string many(200'000, '[');
  std::string lines;
  for (int i = 0; i < 1'000; ++i) lines += "= = =\n";
  for (const std::string& text :
       {many, lines, std::string("a = \"\"\"\nnever closed"), std::string("\xff\xfe\x00q", 4),
        std::string("[endpoint\nport = 1"), std::string("[&"), std::string("[[=]]"),
        std::string("host = 'a"), std::string("=")}) {
    EXPECT_FALSE(errors_of(text).empty()) << text.substr(0, 20);
  }
}

// Goal: no text at all makes the reader fall over. Method: bytes of a good file replaced, cut and
// doubled at random.
TEST(ConfigFile, any_text_is_answered) {
  constexpr int kRounds = 3'000;
  std::mt19937_64 random(test_seed());
  const auto below = [&random](std::size_t limit) {
    return random() % std::max<std::size_t>(limit, 1);
  };
  constexpr std::string_view kBytes = "[]{}=.\"'#\n\\,: \t0_-+exZ\x80\xff";
  const std::string whole = to_toml(FeedConfig{});
  for (int round = 0; round < kRounds; ++round) {
    std::string text = whole.substr(below(whole.size()), 200);
    for (std::size_t edits = below(8); edits > 0; --edits) {
      const std::size_t at = below(text.size());
      const std::size_t kind = below(3);
      if (kind == 0) text.insert(at, 1, kBytes[below(kBytes.size())]);
      if (kind == 1) text.erase(at, below(10));
      if (kind == 2) text.insert(at, text.substr(below(text.size()), below(20)));
    }
    const Result<FeedConfig> config = config_from(text, with({}), "f");
    if (config.ok()) {
      EXPECT_TRUE(config.value().validate().empty()) << text;
    } else {
      EXPECT_FALSE(config.error().message.empty()) << text;
    }
  }
}

// Goal: an empty file is the library's own defaults. Method: all fields.
TEST(ConfigFile, nothing_said_is_the_default) {
  EXPECT_EQ(to_toml(good("")), to_toml(FeedConfig{}));
  EXPECT_EQ(to_toml(good("# nothing\n[endpoint]\n")), to_toml(FeedConfig{}));
}

// Goal: what is written is read back, whatever the values. Method: change every field, write, read,
// compare fields; then once more from the variables.
TEST(ConfigFile, every_field_survives_the_way_through_text) {
  FeedConfig config;
  for (const Field& field : detail::fields()) {
    if (field.get == nullptr) continue;
    FieldValue value = field.get(config);
    if (auto* const number = std::get_if<std::int64_t>(&value)) {
      *number = field.name == "ring_bytes" ? *number * 2 : *number + 1;
      if (field.name == "renew_after_ms") *number = 3'600'000;
      if (field.name == "backfill_ms") *number = 3'000;
      if (field.name == "shards_max") *number = 7;
    } else if (bool* const flag = std::get_if<bool>(&value)) {
      *flag = !*flag;
    } else if (field.kind == detail::FieldKind::word) {
      value = std::string(field.words[text_of(value) == field.words[0] ? 1 : 0]);
    } else {
      value = field.name == "ca_file" ? std::string("/a \"b\"\\\x01\xEA\xB0\x80.pem")
                                      : text_of(value) + "1";
    }
    ASSERT_TRUE(field.set(config, value)) << field.key();
    EXPECT_NE(text_of(field.get(FeedConfig{})), text_of(value)) << field.key();
  }
  ASSERT_TRUE(config.validate().empty()) << config.validate()[0].message;
  EXPECT_EQ(to_toml(good(to_toml(config))), to_toml(config));
  std::vector<std::string> environment;
  for (const Field& field : detail::fields()) {
    if (field.get == nullptr) continue;
    environment.push_back(field.variable() + "=" + text_of(field.get(config)));
  }
  EXPECT_EQ(to_toml(good("", with(environment))), to_toml(config));
}

// Goal: the later layer wins. Method: one setting in profile, file and environment.
TEST(ConfigFile, environment_wins_over_file_over_profile) {
  const std::string file = "[requests]\nbatching = \"aggressive\"\n";
  EXPECT_EQ(good("", with({}, "production")).batching, Batching::balanced);
  EXPECT_EQ(good(file, with({}, "production")).batching, Batching::aggressive);
  EXPECT_EQ(good(file, with({"UPFEED_REQUESTS_BATCHING=balanced", "UPFEED_PROFILE=development"}))
                .batching,
            Batching::balanced);
}

// Goal: argument, variable, file choose the profile in that order. Method: a field that both set.
TEST(ConfigFile, profile_is_chosen_by_argument_then_variable_then_file) {
  const std::string file = "profile = \"production\"\n";
  EXPECT_EQ(good(file).ring_bytes, std::size_t{32} << 20);
  EXPECT_EQ(good(file, with({"UPFEED_PROFILE=development"})).reconnect_attempts_max, 5U);
  EXPECT_EQ(good("", with({"UPFEED_PROFILE=development"}, "production")).batching,
            Batching::balanced);
}

// Goal: the promises of both profiles. Method: their values.
TEST(ConfigFile, profiles_are_what_they_promise) {
  const FeedConfig development = good("", with({}, "development"));
  const FeedConfig production = good("", with({}, "production"));
  EXPECT_EQ(development.batching, Batching::aggressive);
  EXPECT_TRUE(development.stage_stamps);
  EXPECT_EQ(production.batching, Batching::balanced);
  EXPECT_EQ(production.reconnect_attempts_max, 0U);
  EXPECT_FALSE(production.stage_stamps);
  for (const FeedConfig& config : {FeedConfig{}, development, production}) {
    EXPECT_LE(config.ping_interval, std::chrono::seconds(20));
  }
}

// Goal: a region is short for an address, and what is said beside it wins. Method: both layers.
TEST(ConfigFile, region_names_an_address) {
  EXPECT_EQ(good("[endpoint]\nregion = \"sg\"").endpoint.host, "sg-api.upbit.com");
  EXPECT_TRUE(good("[endpoint]\nregion = \"th\"").endpoint.regional);
  const FeedConfig proxied =
      good("[endpoint]\nhost = \"proxy\"\nport = 8443\nregion = \"id\"\nca_file = \"ca.pem\"");
  EXPECT_EQ(proxied.endpoint.host, "proxy");
  EXPECT_EQ(proxied.endpoint.port, 8443);
  EXPECT_TRUE(proxied.endpoint.regional);
  const FeedConfig moved = good("[endpoint]\nhost = \"proxy\"\nport = 8443\nca_file = \"ca.pem\"",
                                with({"UPFEED_ENDPOINT_PORT=444", "UPFEED_ENDPOINT_REGION=kr"}));
  EXPECT_EQ(moved.endpoint.host, "api.upbit.com");
  EXPECT_EQ(moved.endpoint.port, 444);
  EXPECT_EQ(moved.endpoint.ca_file, "ca.pem");
}

// Goal: files are found, or it is said why not. Method: a good one, none, a folder, a huge one.
TEST(ConfigFile, files_are_read_or_refused_by_name) {
  const std::filesystem::path folder =
      std::filesystem::path(testing::TempDir()) / "upfeed_config_file_test";
  std::filesystem::create_directories(folder);
  const std::string path = folder / "good.toml";
  std::ofstream(path) << "[endpoint]\nport = 8443\n";
  EXPECT_EQ(load_config(path, with({})).value().endpoint.port, 8443);
  const std::string huge = folder / "huge.toml";
  std::ofstream(huge) << std::string((1 << 20) + 1, '#');
  for (const std::string& bad : {std::string(folder / "none.toml"), folder.string(), huge}) {
    const Result<FeedConfig> refused = load_config(bad, with({}));
    ASSERT_FALSE(refused.ok()) << bad;
    EXPECT_EQ(refused.error().code, Errc::no_such_file);
    EXPECT_NE(refused.error().message.find(bad), std::string::npos);
  }
  std::filesystem::remove_all(folder);
}

// Goal: what the table allows is what validate() says. Method: spoil each number of the table both
// ways and compare the ends of the messages.
TEST(ConfigFile, table_and_validate_allow_the_same) {
  for (const Field& field : detail::fields()) {
    for (const std::int64_t value : {std::int64_t{-5}, std::int64_t{0}, INT64_MAX}) {
      FeedConfig config;
      if (field.get == nullptr || !field.set(config, FieldValue(value))) continue;
      for (const Error& error : config.validate()) {
        if (!error.message.starts_with(std::string(field.member) + " is ")) continue;
        EXPECT_TRUE(error.message.ends_with(": must be " + std::string(field.allowed)))
            << field.key() << ": " << error.message;
      }
    }
  }
}

// Takes the place of any member when fields are counted.
struct Anything {
  template <class Type>
  operator Type() const;  // never called
};
template <class Type, class... Members>
constexpr std::size_t member_count() {
  if constexpr (requires { Type{Members{}..., Anything{}}; }) {
    return member_count<Type, Members..., Anything>();
  } else {
    return sizeof...(Members);
  }
}

// Goal: nobody adds a field to FeedConfig and forgets its setting. Method: count the members of the
// aggregates and the rows of the table.
TEST(ConfigFile, every_member_of_feed_config_is_a_setting) {
  constexpr std::size_t kNoSettings = 3;  // keys, log and log_context are code
  constexpr std::size_t kAggregates = 4;  // endpoint, sharding, silence and record
  std::size_t rows = 0;
  for (const Field& field : detail::fields()) rows += field.get != nullptr ? 1 : 0;
  EXPECT_EQ(rows, member_count<FeedConfig>() - kAggregates - kNoSettings +
                      member_count<Endpoint>() + member_count<Sharding>() +
                      member_count<SilenceConfig>() + member_count<RecordConfig>());
}

std::string table_of_settings() {
  std::string text =
      "| setting | default | development | production | allowed | meaning |\n"
      "|---|---|---|---|---|---|\n"
      "| `profile` | | | | development, production | which column is in force; without one the "
      "defaults are |\n";
  for (const Field& field : detail::fields()) {
    const auto quoted = [](std::string_view value) {
      return value.empty() ? std::string() : "`" + std::string(value) + "`";
    };
    const std::string value = field.get != nullptr ? text_of(field.get(FeedConfig{})) : "";
    text += "| `" + field.key() + "` | " + quoted(value) + " | " + quoted(field.development) +
            " | " + quoted(field.production) + " | " + std::string(field.allowed) + " | " +
            std::string(field.meaning) + " |\n";
  }
  std::size_t at = 0;
  while ((at = text.find("|  |", at)) != std::string::npos) text.replace(at, 4, "| |");
  return text;
}

// Goal: the documentation is the table of the code. Method: README.md has to hold it word for word.
TEST(ConfigFile, readme_has_the_table_of_all_settings) {
  std::ifstream file(UPFEED_README);
  std::stringstream readme;
  readme << file.rdbuf();
  const std::string table = table_of_settings();
  EXPECT_NE(readme.str().find("\n" + table + "\n"), std::string::npos)
      << "README.md, section Configuration, should have:\n"
      << table;
}

}  // namespace
}  // namespace upfeed
