// Login tokens. That others can verify them is shown by jwt_verify_test.py.
#include "net/jwt.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "freed_memory.hpp"
#include "net/login.hpp"

namespace upfeed::net {
namespace {

namespace freed_memory = test::freed_memory;

std::vector<std::string> parts_of(std::string_view token) {
  std::vector<std::string> parts(1);
  for (const char c : token) {
    if (c == '.') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

// The example of RFC 7515, appendix A.1: header, payload and key in, the token out byte for byte.
TEST(Jwt, rfc_7515_example) {
  constexpr std::string_view kHeader = "{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}";
  constexpr std::string_view kPayload =
      "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";
  constexpr unsigned char kKey[] = {3,   35,  53,  75,  43,  15,  165, 188, 131, 126, 6,   101, 119,
                                    123, 166, 143, 90,  179, 40,  230, 240, 84,  201, 40,  169, 15,
                                    132, 178, 210, 80,  46,  191, 211, 251, 90,  146, 210, 6,   71,
                                    239, 150, 138, 180, 195, 119, 98,  61,  34,  61,  46,  33,  114,
                                    5,   46,  79,  8,   192, 205, 154, 245, 103, 208, 128, 163};
  const Secret token = sign_compact(
      kHeader, kPayload, {reinterpret_cast<const char*>(kKey), sizeof kKey}, TokenAlgorithm::hs256);
  EXPECT_EQ(token.reveal(),
            "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
            "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290"
            "Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
}

// Header as the exchange documents it, MACs of the right length, no padding, nothing but the two
// claims; another nonce and so another token each time.
TEST(Jwt, token_is_what_the_exchange_documents) {
  const ApiKeys keys{Secret("access"), Secret("secret")};
  for (const TokenAlgorithm algorithm : {TokenAlgorithm::hs512, TokenAlgorithm::hs256}) {
    const bool hs512 = algorithm == TokenAlgorithm::hs512;
    const Secret first = make_token(keys, algorithm);
    const Secret second = make_token(keys, algorithm);
    const auto parts = parts_of(first.reveal());
    ASSERT_EQ(parts.size(), 3U);
    EXPECT_EQ(parts[0], hs512 ? "eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9"
                              : "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9");
    EXPECT_EQ(parts[2].size(), hs512 ? 86U : 43U);
    EXPECT_EQ(first.reveal().find_first_of("=+/"), std::string_view::npos);
    EXPECT_EQ(parts_of(second.reveal())[0], parts[0]);
    EXPECT_NE(parts_of(second.reveal())[1], parts[1]);
    EXPECT_NE(parts_of(second.reveal())[2], parts[2]);
  }
}

/// x  a digit, v  the variant; all else stands for itself.
bool is_uuid4(std::string_view text) {
  constexpr std::string_view kPattern = "xxxxxxxx-xxxx-4xxx-vxxx-xxxxxxxxxxxx";
  return std::equal(text.begin(), text.end(), kPattern.begin(), kPattern.end(),
                    [](char letter, char wanted) {
                      constexpr std::string_view kDigits = "0123456789abcdef";
                      if (wanted == 'x') return kDigits.find(letter) != std::string_view::npos;
                      if (wanted == 'v') return kDigits.substr(8, 4).find(letter) < 4;
                      return letter == wanted;
                    });
}

// Nonces are version 4 UUIDs, and 20,000 of them differ.
TEST(Jwt, nonces_are_distinct_uuids) {
  std::set<std::string> seen;
  for (int i = 0; i < 20'000; ++i) {
    Nonce nonce;
    ASSERT_TRUE(make_nonce(nonce));
    const std::string text(nonce.begin(), nonce.end());
    ASSERT_TRUE(is_uuid4(text)) << text;
    ASSERT_TRUE(seen.insert(text).second);
  }
}

// Making tokens leaves neither key nor token in freed memory: searched for are the secret key, the
// claims in plain text, and the token's constant beginning.
TEST(Jwt, nothing_of_it_stays_in_freed_memory) {
  const ApiKeys keys{Secret("canary-access-key-000000"), Secret("canary-secret-key-000000")};
  for (const char* needle : {"canary-secret", "canary-access", "eyJhbGciOiJIUzUxMiIs"}) {
    freed_memory::watch_for(needle);
    for (int i = 0; i < 10; ++i) {
      EXPECT_FALSE(make_token(keys, TokenAlgorithm::hs512).empty());
    }
    EXPECT_EQ(freed_memory::hits(), 0U) << needle;
  }
  freed_memory::watch_for("");
}

// Hosts of the exchange and the one that is named get keys; look-alikes do not.
TEST(Login, keys_go_to_the_exchange_or_a_named_host_only) {
  for (const char* host : {"api.upbit.com", "sg-api.upbit.com", "id-api.upbit.com",
                           "th-api.upbit.com", "API.Upbit.COM"}) {
    EXPECT_TRUE(may_receive_keys(host, "")) << host;
  }
  for (const char* host :
       {"", "upbit.com", ".upbit.com", "api.upbit.com.", "api.upbit.com.evil.org", "apiupbit.com",
        "api.upbit.co", "api-upbit.com", "evil.org/.upbit.com", "user@api.upbit.com",
        "a b.upbit.com", "localhost", "127.0.0.1", "api.upbit.com\n"}) {
    EXPECT_FALSE(may_receive_keys(host, "")) << host;
    EXPECT_FALSE(may_receive_keys(host, "other")) << host;
  }
  EXPECT_TRUE(may_receive_keys("localhost", "LocalHost"));
  EXPECT_FALSE(may_receive_keys("sim.localhost", "localhost"));
  EXPECT_FALSE(may_receive_keys("", ""));
}

// A dial without keys needs none; with keys host and keys must be fit, and the reason is told
// without them.
TEST(Login, check_names_what_is_wrong) {
  EXPECT_TRUE(check_login({}, "anywhere").ok());
  const auto with_keys = [](const char* access, const char* secret, const char* keys_host = "") {
    return Login{.keys = std::make_shared<const ApiKeys>(ApiKeys{Secret(access), Secret(secret)}),
                 .keys_host = keys_host};
  };
  EXPECT_TRUE(check_login(with_keys("a", "b"), "api.upbit.com").ok());
  EXPECT_TRUE(check_login(with_keys("a", "b", "sim.test"), "sim.test").ok());
  const NetError host = check_login(with_keys("canary-a", "canary-b"), "sim.test");
  EXPECT_EQ(host.code, NetErrc::bad_request);
  EXPECT_EQ(host.detail, "keys are not meant for sim.test");
  for (const Login& login : {with_keys("", "canary"), with_keys("canary", ""),
                             with_keys("canary\"", "canary"), with_keys("canary", "canary\n")}) {
    const NetError error = check_login(login, "api.upbit.com");
    EXPECT_EQ(error.code, NetErrc::bad_request);
    EXPECT_EQ(error.detail.find("canary"), std::string::npos);
  }
}

}  // namespace
}  // namespace upfeed::net
