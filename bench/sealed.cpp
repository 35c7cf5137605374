#include "sealed.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <new>
#include <stdexcept>

namespace upfeed::bench {
namespace {

// Any will do: no secret is kept here.
constexpr std::array<unsigned char, 32> kKey{1, 2, 3};
constexpr std::array<unsigned char, 12> kNonce{4, 5, 6};

void require_done(int result) {
  if (result != 1) throw std::runtime_error("OpenSSL refused AES-256-GCM");
}

}  // namespace

struct SealedFrames::Cipher {
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();

  Cipher() {
    if (context == nullptr) throw std::bad_alloc();
  }
  Cipher(const Cipher&) = delete;
  Cipher& operator=(const Cipher&) = delete;
  ~Cipher() { EVP_CIPHER_CTX_free(context); }
};

SealedFrames::SealedFrames(const std::vector<Frame>& frames) : cipher_(std::make_unique<Cipher>()) {
  std::size_t longest = 0;
  EVP_CIPHER_CTX* const context = cipher_->context;
  for (const Frame& frame : frames) {
    const std::string_view text = frame.text();
    Sealed sealed{std::vector<unsigned char>(text.size()), {}};
    int written = 0;
    require_done(
        EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), nullptr, kKey.data(), kNonce.data()));
    require_done(EVP_EncryptUpdate(context, sealed.text.data(), &written,
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size())));
    require_done(EVP_EncryptFinal_ex(context, sealed.text.data() + written, &written));
    require_done(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG,
                                     static_cast<int>(sealed.tag.size()), sealed.tag.data()));
    sealed_.push_back(std::move(sealed));
    longest = std::max(longest, text.size());
    bytes_ += text.size();
  }
  require_done(EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), nullptr, kKey.data(), kNonce.data()));
  opened_.assign(longest + kDecodePadding, ' ');
}

SealedFrames::~SealedFrames() = default;

std::span<const char> SealedFrames::open(std::size_t i) {
  Sealed& sealed = sealed_[i];
  auto* const out = reinterpret_cast<unsigned char*>(opened_.data());
  EVP_CIPHER_CTX* const context = cipher_->context;
  int written = 0;
  int rest = 0;
  // As TLS does it: the key stays, each record has its nonce.
  const bool good =
      EVP_DecryptInit_ex(context, nullptr, nullptr, nullptr, kNonce.data()) == 1 &&
      EVP_DecryptUpdate(context, out, &written, sealed.text.data(),
                        static_cast<int>(sealed.text.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, static_cast<int>(sealed.tag.size()),
                          sealed.tag.data()) == 1 &&
      EVP_DecryptFinal_ex(context, out + written, &rest) == 1;
  if (!good) return {};
  return {opened_.data(), sealed.text.size()};
}

}  // namespace upfeed::bench
