#pragma once

#include <string>
#include <vector>

namespace upfeed::sim {

/// What a TLS server needs, all PEM.
struct Credentials {
  std::string ca_pem;           ///< for the clients to trust
  std::string certificate_pem;  ///< the server's own, signed by that CA
  std::string key_pem;
};

/// Makes a new CA and a certificate for localhost, 127.0.0.1, ::1, api.upbit.com and `extra_names`
/// (DNS names or IP addresses), EC P-256, valid from an hour ago for one day from now.
/// errors   throws std::runtime_error with OpenSSL's reason.
[[nodiscard]] Credentials make_credentials(const std::vector<std::string>& extra_names);

}  // namespace upfeed::sim
