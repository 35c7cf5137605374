#include "sim/certificate.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <array>
#include <memory>
#include <stdexcept>

namespace upfeed::sim {
namespace {

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freer<X509_free>>;
using Bio = std::unique_ptr<BIO, Freer<BIO_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION_free>>;

void require(bool ok, const char* step) {
  if (ok) return;
  std::array<char, 256> reason{};
  ERR_error_string_n(ERR_get_error(), reason.data(), reason.size());
  throw std::runtime_error(std::string("simulator certificate: ") + step + ": " + reason.data());
}

Key make_key() {
  Key key(EVP_EC_gen("P-256"));
  require(key != nullptr, "key");
  return key;
}

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  require(extension != nullptr, value.c_str());
  require(X509_add_ext(certificate, extension.get(), -1) == 1, value.c_str());
}

/// Seconds from now.
struct Validity {
  long from;
  long to;
};

// An hour of grace for clocks that are behind.
constexpr long kHour = 3'600;
constexpr Validity kThirtyDays{-kHour, 30 * 24 * kHour};

Certificate make_certificate(EVP_PKEY* key, const char* common_name, Validity validity) {
  Certificate certificate(X509_new());
  require(certificate != nullptr, "new");
  require(X509_set_version(certificate.get(), X509_VERSION_3) == 1, "version");
  std::array<unsigned char, 8> serial{};
  require(RAND_bytes(serial.data(), static_cast<int>(serial.size())) == 1, "serial");
  std::uint64_t number = 0;
  for (const unsigned char byte : serial) number = number << 8 | byte;
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), number >> 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), validity.from);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), validity.to);
  require(X509_set_pubkey(certificate.get(), key) == 1, "public key");
  X509_NAME* const name = X509_get_subject_name(certificate.get());
  require(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                     reinterpret_cast<const unsigned char*>(common_name), -1, -1,
                                     0) == 1,
          "name");
  return certificate;
}

std::string alternative_names(const std::vector<std::string>& extra_names) {
  std::string names = "DNS:localhost,DNS:api.upbit.com,IP:127.0.0.1,IP:::1";
  for (const std::string& name : extra_names) {
    const std::unique_ptr<ASN1_OCTET_STRING, Freer<ASN1_OCTET_STRING_free>> address(
        a2i_IPADDRESS(name.c_str()));
    names += (address ? ",IP:" : ",DNS:") + name;
  }
  ERR_clear_error();  // a DNS name is no address: not an error here
  return names;
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string to_pem(X509* certificate) {
  const Bio bio(BIO_new(BIO_s_mem()));
  require(bio && PEM_write_bio_X509(bio.get(), certificate) == 1, "write");
  return text_of(bio.get());
}

std::string to_pem(EVP_PKEY* key) {
  const Bio bio(BIO_new(BIO_s_mem()));
  require(
      bio && PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1,
      "write key");
  return text_of(bio.get());
}

Certificate make_ca(EVP_PKEY* key) {
  Certificate ca = make_certificate(key, "Upbit simulator CA", kThirtyDays);
  require(X509_set_issuer_name(ca.get(), X509_get_subject_name(ca.get())) == 1, "issuer");
  add_extension(ca.get(), ca.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  add_extension(ca.get(), ca.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
  add_extension(ca.get(), ca.get(), NID_subject_key_identifier, "hash");
  require(X509_sign(ca.get(), key, EVP_sha256()) > 0, "sign CA");
  return ca;
}

Validity validity_of(CertificateKind kind) {
  if (kind == CertificateKind::expired) return {-2 * kHour, -kHour};
  if (kind == CertificateKind::not_yet_valid) return {kHour, 24 * kHour};
  return kThirtyDays;
}

}  // namespace

struct Authority::Impl {
  std::vector<std::string> extra_names;
  Key key = make_key();
  Certificate certificate = make_ca(key.get());
  std::string pem = to_pem(certificate.get());
};

Authority::Authority(std::vector<std::string> extra_names) : impl_(std::make_unique<Impl>()) {
  impl_->extra_names = std::move(extra_names);
}

Authority::~Authority() = default;

const std::string& Authority::ca_pem() const {
  return impl_->pem;
}

Credentials Authority::make(CertificateKind kind) const {
  if (kind == CertificateKind::unknown_ca) {
    return Authority(impl_->extra_names).make(CertificateKind::good);
  }
  const Key key = make_key();
  const Certificate leaf = make_certificate(key.get(), "Upbit simulator", validity_of(kind));
  const bool is_own = kind == CertificateKind::self_signed;
  X509* const issuer = is_own ? leaf.get() : impl_->certificate.get();
  require(X509_set_issuer_name(leaf.get(), X509_get_subject_name(issuer)) == 1, "issuer");
  add_extension(leaf.get(), issuer, NID_basic_constraints, "critical,CA:FALSE");
  add_extension(leaf.get(), issuer, NID_key_usage, "critical,digitalSignature");
  add_extension(leaf.get(), issuer, NID_ext_key_usage, "serverAuth");
  add_extension(leaf.get(), issuer, NID_subject_key_identifier, "hash");
  add_extension(leaf.get(), issuer, NID_authority_key_identifier, "keyid");
  add_extension(leaf.get(), issuer, NID_subject_alt_name,
                kind == CertificateKind::wrong_host ? "DNS:another.example"
                                                    : alternative_names(impl_->extra_names));
  require(X509_sign(leaf.get(), is_own ? key.get() : impl_->key.get(), EVP_sha256()) > 0, "sign");
  return {to_pem(leaf.get()), to_pem(key.get())};
}

}  // namespace upfeed::sim
