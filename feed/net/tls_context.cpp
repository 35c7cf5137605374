#include "net/tls_context.hpp"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <climits>

namespace upfeed::net {
namespace {

NetErrc verdict_code(long verdict) {
  switch (verdict) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return NetErrc::tls_wrong_host;
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return NetErrc::tls_expired;
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return NetErrc::tls_not_yet_valid;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return NetErrc::tls_self_signed;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED:
      return NetErrc::tls_unknown_ca;
    default:
      return NetErrc::tls_bad_certificate;
  }
}

bool is_version_mismatch(unsigned long error) {
  switch (ERR_GET_REASON(error)) {
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:  // the server's words
    case SSL_R_UNSUPPORTED_PROTOCOL:          // ours, about its ServerHello
    case SSL_R_WRONG_SSL_VERSION:
    case SSL_R_UNSUPPORTED_SSL_VERSION:
      return ERR_GET_LIB(error) == ERR_LIB_SSL;
    default:
      return false;
  }
}

std::string reason_text(unsigned long error) {
  const char* reason = error != 0 ? ERR_reason_error_string(error) : nullptr;
  return reason != nullptr ? reason : "no reason given by the TLS library";
}

TlsContext fail(NetErrc code, std::string what, NetError& error) {
  error = {};
  error.code = code;
  error.detail = std::move(what) + ": " + reason_text(ERR_peek_last_error());
  ERR_clear_error();
  return nullptr;
}

}  // namespace

TlsContext make_tls_context(const std::string& ca_file, NetError& error) {
  ERR_clear_error();
  error = {};
  TlsContext context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  SSL_CTX* ctx = context.get();
  if (ctx == nullptr) return fail(NetErrc::tls_failed, "no TLS context", error);
  if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1) {
    return fail(NetErrc::tls_failed, "TLS 1.2 floor refused", error);
  }
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  const bool loaded = ca_file.empty() ? SSL_CTX_set_default_verify_paths(ctx) == 1
                                      : SSL_CTX_load_verify_file(ctx, ca_file.c_str()) == 1;
  if (!loaded) {
    return fail(NetErrc::tls_bad_ca_file, ca_file.empty() ? "system authorities" : ca_file, error);
  }
  ERR_clear_error();
  return context;
}

TlsContext TlsContextCache::get(const std::string& ca_file, NetError& error) {
  const std::lock_guard lock(mutex_);
  TlsContext& context = contexts_[ca_file];
  if (context == nullptr) context = make_tls_context(ca_file, error);
  return context;
}

NetError classify_handshake_failure(const ssl_st* ssl) {
  NetError error;
  const unsigned long first = ERR_peek_error();
  const long verdict = SSL_get_verify_result(ssl);
  if (verdict != X509_V_OK) {
    error.code = verdict_code(verdict);
    error.detail = X509_verify_cert_error_string(verdict);
  } else {
    error.code = is_version_mismatch(first) ? NetErrc::tls_version : NetErrc::tls_failed;
    error.detail = reason_text(first);
  }
  ERR_clear_error();
  return error;
}

bool random_bytes(void* out, std::size_t size_bytes) noexcept {
  if (size_bytes > INT_MAX) return false;
  return RAND_bytes(static_cast<unsigned char*>(out), static_cast<int>(size_bytes)) == 1;
}

}  // namespace upfeed::net
