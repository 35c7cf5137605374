#include "tls_test_certificates.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdio>
#include <stdexcept>

namespace upfeed::test {
namespace {

constexpr long kDay = 24 * 3600;

void require(bool condition, const char* what) {
  if (!condition) throw std::runtime_error(what);
}

std::shared_ptr<EVP_PKEY> make_key() {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  require(key != nullptr, "key");
  return {key, EVP_PKEY_free};
}

struct Subject {
  std::string name;
  long valid_from_s = -kDay;
  long valid_to_s = 30 * kDay;
  bool authority = false;
};

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  require(extension != nullptr, "extension");
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

// issuer null: self-signed.
std::shared_ptr<X509> make_certificate(const Subject& subject, EVP_PKEY* key, X509* issuer,
                                       EVP_PKEY* issuer_key) {
  static long serial = 1000;
  X509* certificate = X509_new();
  require(certificate != nullptr, "certificate");
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), subject.valid_from_s);
  X509_gmtime_adj(X509_getm_notAfter(certificate), subject.valid_to_s);
  X509_set_pubkey(certificate, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(subject.name.c_str()), -1, -1,
                             0);
  X509* signer = issuer != nullptr ? issuer : certificate;
  X509_set_issuer_name(certificate, X509_get_subject_name(signer));
  if (subject.authority) {
    add_extension(certificate, signer, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(certificate, signer, NID_key_usage, "critical,keyCertSign,cRLSign");
  } else {
    add_extension(certificate, signer, NID_subject_alt_name,
                  "DNS:" + subject.name + ",IP:127.0.0.1");
  }
  require(X509_sign(certificate, issuer != nullptr ? issuer_key : key, EVP_sha256()) > 0, "sign");
  return {certificate, X509_free};
}

void limit_versions(SSL_CTX* context, TlsRange range) {
  const int version = range == TlsRange::only_1_1   ? TLS1_1_VERSION
                      : range == TlsRange::only_1_2 ? TLS1_2_VERSION
                      : range == TlsRange::only_1_3 ? TLS1_3_VERSION
                                                    : 0;
  SSL_CTX_set_min_proto_version(context, version);
  SSL_CTX_set_max_proto_version(context, version);
  // OpenSSL 3.0 offers TLS 1.1 only below its usual security level.
  if (range == TlsRange::only_1_1) SSL_CTX_set_cipher_list(context, "DEFAULT:@SECLEVEL=0");
}

}  // namespace

TestCertificates::TestCertificates()
    : ca_key_(make_key()),
      ca_(make_certificate({.name = "test authority", .authority = true}, ca_key_.get(), nullptr,
                           nullptr)),
      other_ca_key_(make_key()),
      other_ca_(make_certificate({.name = "another authority", .authority = true},
                                 other_ca_key_.get(), nullptr, nullptr)) {
  const char* folder = std::getenv("TMPDIR");
  ca_file_ = std::string(folder != nullptr ? folder : "/tmp") + "/upfeed_ca_XXXXXX";
  const int fd = ::mkstemp(ca_file_.data());
  require(fd >= 0, "mkstemp");
  std::FILE* file = ::fdopen(fd, "w");
  require(file != nullptr && PEM_write_X509(file, ca_.get()) == 1, "ca_file");
  std::fclose(file);
}

TestCertificates::~TestCertificates() {
  ::unlink(ca_file_.c_str());
}

ServerContext TestCertificates::server_context(CertificateKind kind, TlsRange range) const {
  Subject subject{.name = kServerName};
  if (kind == CertificateKind::wrong_host) subject.name = "other.test";
  if (kind == CertificateKind::expired) subject.valid_to_s = -kDay / 2;
  if (kind == CertificateKind::not_yet_valid) subject.valid_from_s = kDay;
  const bool other = kind == CertificateKind::other_ca;
  const bool self = kind == CertificateKind::self_signed;
  const Key key = make_key();
  X509* issuer = self ? nullptr : other ? other_ca_.get() : ca_.get();
  const Certificate certificate =
      make_certificate(subject, key.get(), issuer, other ? other_ca_key_.get() : ca_key_.get());

  ServerContext context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  require(context != nullptr, "server context");
  limit_versions(context.get(), range);
  require(SSL_CTX_use_certificate(context.get(), certificate.get()) == 1, "use certificate");
  require(SSL_CTX_use_PrivateKey(context.get(), key.get()) == 1, "use key");
  return context;
}

}  // namespace upfeed::test
