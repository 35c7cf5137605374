// Certificates made in memory for the tests: one authority, and servers that are good or bad in
// exactly one way. Only the authority's certificate touches the disk (ca_file wants a path).
#pragma once

#include <memory>
#include <string>

struct evp_pkey_st;
struct x509_st;
struct ssl_ctx_st;

namespace upfeed::test {

/// The name and address every good certificate is for.
inline constexpr char kServerName[] = "feed.test";

enum class CertificateKind {
  good,
  wrong_host,     ///< For other.test.
  expired,        ///< Since yesterday.
  not_yet_valid,  ///< From tomorrow.
  self_signed,    ///< Its own issuer.
  other_ca,       ///< Issued by an authority the client does not know.
};

enum class TlsRange { all, only_1_1, only_1_2, only_1_3 };

using ServerContext = std::shared_ptr<ssl_ctx_st>;

class TestCertificates {
 public:
  TestCertificates();
  ~TestCertificates();
  TestCertificates(const TestCertificates&) = delete;
  TestCertificates& operator=(const TestCertificates&) = delete;

  /// PEM file of the authority; removed with this object.
  const std::string& ca_file() const { return ca_file_; }
  ServerContext server_context(CertificateKind kind, TlsRange range = TlsRange::all) const;

 private:
  using Key = std::shared_ptr<evp_pkey_st>;
  using Certificate = std::shared_ptr<x509_st>;

  Key ca_key_;
  Certificate ca_;
  Key other_ca_key_;
  Certificate other_ca_;
  std::string ca_file_;
};

}  // namespace upfeed::test
