#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/auth.hpp"

/// Who gets in: paths, logins and connect rates of upgrade requests. Sans-I/O.
namespace upfeed::sim {

/// The sockets of the exchange: /websocket/v1, /websocket/v1/private, /websocket/v1/info.
enum class Endpoint : std::uint8_t { public_data, private_account, info };

/// Endpoint of a request target (query ignored); empty for any other path.
[[nodiscard]] std::optional<Endpoint> find_endpoint(std::string_view target);

/// An HTTP reply.
struct HttpReply {
  unsigned status = 200;
  std::string body{};
  std::string remaining_request{};  ///< value of the Remaining-Req header, empty = none
  std::vector<std::pair<std::string, std::string>> headers{};  ///< further ones
  std::string content_type = "application/json;charset=UTF-8";
};

/// 5 connects a second, counted by account for a request with a good token and together for the
/// rest (docs.upbit.com, rate limits, 2026-10: group websocket-connect).
struct ConnectLimit {
  bool is_enforced = false;  ///< 429 and 418 instead of only counting
  unsigned per_second = 5;
  /// Seconds in Retry-After of a 429; 0: no such header.
  unsigned retry_after_s = 1;
  /// This many 429 within a minute turn the next one into 418 and a block; 0: never.
  unsigned teapot_after = 3;
  /// Of the first 418; each further one doubles it.
  std::chrono::seconds block = std::chrono::seconds(10);
};

/// What the gate looks at of an upgrade request.
struct Handshake {
  std::string target;
  std::string host;
  std::optional<std::string> authorization;
  bool has_origin = false;
};

/// One upgrade request and its answer, kept for tests. Tokens and secrets are not.
struct HandshakeRecord {
  std::int64_t time_ms = 0;
  std::string target;
  std::string host;
  unsigned status = 0;  ///< 101 or the refusal
  bool has_authorization = false;
  bool has_origin = false;
  LoginResult login = LoginResult::missing;
  std::string nonce;  ///< of a token whose signature was right
};

struct GateStats {
  std::uint64_t tokens_seen = 0;     ///< upgrade requests with an Authorization header
  std::uint64_t tokens_refused = 0;  ///< of those, not accepted; counted on every path
  std::uint64_t nonce_reuses = 0;
  std::uint64_t authorization_on_public = 0;  ///< tokens on the public path: harmless, unwanted
  std::uint64_t origin_headers = 0;
  std::uint64_t connect_violations = 0;   ///< upgrade requests above the rate, enforced or not
  std::uint64_t dials_while_blocked = 0;  ///< within the block of a 418
  std::map<unsigned, std::uint64_t> by_status;
  std::vector<HandshakeRecord> handshakes;  ///< the first kHandshakesKept, in order
};

/// Handshakes kept word for word; later ones are only counted.
inline constexpr std::size_t kHandshakesKept = 10'000;

/// The gate's answer.
struct Admission {
  Endpoint endpoint = Endpoint::public_data;
  std::optional<HttpReply> refusal;  ///< set: no upgrade
  bool is_bad_login = false;         ///< upgraded, but to be told INVALID_AUTH and closed
  std::string nonce;
};

struct GateOptions {
  std::vector<ApiKey> keys;
  bool refuses_login_in_band = false;
  ConnectLimit connect_limit;
};

class Gate {
 public:
  explicit Gate(GateOptions options);

  /// Judges one upgrade request; every call counts as one connect.
  [[nodiscard]] Admission admit(const Handshake& handshake, std::int64_t now_ms);
  /// Books a request that somebody else answered (a scripted refusal).
  void record_refusal(const Handshake& handshake, unsigned status, std::int64_t now_ms);
  [[nodiscard]] const GateStats& stats() const { return stats_; }

 private:
  struct Budget {
    std::deque<std::int64_t> connects_ms;  // of the last second
    std::deque<std::int64_t> refusals_ms;  // 429 of the last minute
    std::int64_t blocked_until_ms = 0;
    std::int64_t next_block_ms = 0;
  };

  [[nodiscard]] Login log_in(const Handshake& handshake, bool is_public);
  [[nodiscard]] std::optional<HttpReply> judge_rate(const std::string& account,
                                                    std::int64_t now_ms);
  void record(const Handshake& handshake, const Login& login, unsigned status, std::int64_t now_ms);

  GateOptions options_;
  TokenChecker tokens_;
  std::map<std::string, Budget> budgets_;
  GateStats stats_;
};

}  // namespace upfeed::sim
