#include "sim/gate.hpp"

#include <algorithm>

namespace upfeed::sim {
namespace {

constexpr std::string_view kNoRoute =
    R"({"error":{"name":"not_found","message":"no Route matched with those values"}})";

HttpReply unauthorized(LoginResult result) {
  return {401, R"({"error":{"name":")" + std::string(login_error_name(result)) +
                   R"(","message":"Authentication failed."}})"};
}

void forget_before(std::deque<std::int64_t>& times_ms, std::int64_t from_ms) {
  while (!times_ms.empty() && times_ms.front() <= from_ms) times_ms.pop_front();
}

HttpReply teapot(std::int64_t block_ms) {
  const std::int64_t seconds = (block_ms + 999) / 1000;
  return {418, R"({"error":{"name":"too_many_requests","message":"Blocked for )" +
                   std::to_string(seconds) + R"( seconds."}})"};
}

}  // namespace

std::optional<Endpoint> find_endpoint(std::string_view target) {
  const std::string_view path = target.substr(0, target.find('?'));
  if (path == "/websocket/v1") return Endpoint::public_data;
  if (path == "/websocket/v1/private") return Endpoint::private_account;
  if (path == "/websocket/v1/info") return Endpoint::info;
  return std::nullopt;
}

Gate::Gate(GateOptions options) : options_(std::move(options)), tokens_(options_.keys) {}

Login Gate::log_in(const Handshake& handshake, bool is_public) {
  if (!handshake.authorization) return {};
  ++stats_.tokens_seen;
  if (is_public) ++stats_.authorization_on_public;
  Login login = tokens_.check(*handshake.authorization);
  if (login.result != LoginResult::accepted) ++stats_.tokens_refused;
  if (login.result == LoginResult::nonce_reused) ++stats_.nonce_reuses;
  return login;
}

std::optional<HttpReply> Gate::judge_rate(const std::string& account, std::int64_t now_ms) {
  const ConnectLimit& limit = options_.connect_limit;
  Budget& budget = budgets_[account];
  if (now_ms < budget.blocked_until_ms) {
    ++stats_.dials_while_blocked;
    return teapot(budget.blocked_until_ms - now_ms);
  }
  forget_before(budget.connects_ms, now_ms - 1'000);
  forget_before(budget.refusals_ms, now_ms - 60'000);
  budget.connects_ms.push_back(now_ms);
  if (budget.connects_ms.size() <= limit.per_second) return std::nullopt;
  ++stats_.connect_violations;
  if (!limit.is_enforced) return std::nullopt;
  if (limit.teapot_after > 0 && budget.refusals_ms.size() >= limit.teapot_after) {
    const auto first_ms = std::chrono::milliseconds(limit.block).count();
    const std::int64_t block_ms = std::max<std::int64_t>(first_ms, budget.next_block_ms);
    budget.next_block_ms = block_ms * 2;
    budget.blocked_until_ms = now_ms + block_ms;
    return teapot(block_ms);
  }
  budget.refusals_ms.push_back(now_ms);
  HttpReply reply{429, R"({"error":{"name":"too_many_requests","message":"Too Many Requests"}})",
                  "group=websocket-connect; min=300; sec=0"};
  if (limit.retry_after_s > 0) {
    reply.headers.emplace_back("Retry-After", std::to_string(limit.retry_after_s));
  }
  return reply;
}

Admission Gate::admit(const Handshake& handshake, std::int64_t now_ms) {
  const auto endpoint = find_endpoint(handshake.target);
  if (handshake.has_origin) ++stats_.origin_headers;
  const bool is_public = endpoint == Endpoint::public_data;
  const Login login = log_in(handshake, is_public);
  const bool is_in = login.result == LoginResult::accepted;
  Admission admission{endpoint.value_or(Endpoint::public_data), {}, false, login.nonce};
  if (!endpoint) {
    admission.refusal = HttpReply{404, std::string(kNoRoute)};
  } else if (auto limited = judge_rate(is_in ? login.access_key : "", now_ms)) {
    admission.refusal = std::move(limited);
  } else if (!is_public && !is_in) {
    if (options_.refuses_login_in_band) {
      admission.is_bad_login = true;
    } else {
      admission.refusal = unauthorized(login.result);
    }
  }
  record(handshake, login, admission.refusal ? admission.refusal->status : 101, now_ms);
  return admission;
}

void Gate::record_refusal(const Handshake& handshake, unsigned status, std::int64_t now_ms) {
  if (handshake.has_origin) ++stats_.origin_headers;
  const bool is_public = find_endpoint(handshake.target) == Endpoint::public_data;
  record(handshake, log_in(handshake, is_public), status, now_ms);
}

void Gate::record(const Handshake& handshake, const Login& login, unsigned status,
                  std::int64_t now_ms) {
  ++stats_.by_status[status];
  if (stats_.handshakes.size() == kHandshakesKept) return;
  stats_.handshakes.push_back({now_ms, handshake.target, handshake.host, status,
                               handshake.authorization.has_value(), handshake.has_origin,
                               login.result, login.nonce});
}

}  // namespace upfeed::sim
