// Whether and with what a dial logs in, and the rule of who may see keys.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "net/net_error.hpp"
#include "upfeed/secret.hpp"

namespace upfeed::net {

/// For a dial that logs in. The keys themselves never travel: a fresh token made of them does, in
/// the Authorization header, over a connection whose peer was verified.
struct Login {
  std::shared_ptr<const ApiKeys> keys{};  ///< Null: no login, no Authorization.
  TokenAlgorithm algorithm = TokenAlgorithm::hs512;
  /// One host beside the exchange's own that the configuration names for keys; empty: none.
  std::string keys_host{};
};

/// True for hosts below upbit.com (api, sg-api, id-api, th-api, ...) and for keys_host itself.
/// Names are compared without regard to case; a name with a dot at its end is another name.
[[nodiscard]] bool may_receive_keys(std::string_view host, std::string_view keys_host) noexcept;

/// ok without keys; bad_request for keys that are unusable, or not meant for this host.
[[nodiscard]] NetError check_login(const Login& login, const std::string& host);

}  // namespace upfeed::net
