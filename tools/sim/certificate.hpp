#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace upfeed::sim {

/// What a TLS server shows, PEM.
struct Credentials {
  std::string certificate_pem;
  std::string key_pem;
};

/// The good one and those a client must refuse.
enum class CertificateKind : std::uint8_t {
  good,
  wrong_host,     ///< for another.example only
  expired,        ///< an hour ago
  not_yet_valid,  ///< before an hour from now
  self_signed,
  unknown_ca,  ///< by an authority of the same name that nobody trusts
};

/// A certificate authority, new for every object, EC P-256.
class Authority {
 public:
  /// extra_names  further DNS names and IP addresses of the good certificate.
  /// errors   throws std::runtime_error with OpenSSL's reason; so does make().
  explicit Authority(std::vector<std::string> extra_names);
  ~Authority();
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  /// For the clients to trust.
  [[nodiscard]] const std::string& ca_pem() const;
  /// A certificate for localhost, 127.0.0.1, ::1, api.upbit.com and the extra names, valid from an
  /// hour ago for 30 days from now, or one with the fault named.
  [[nodiscard]] Credentials make(CertificateKind kind) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace upfeed::sim
