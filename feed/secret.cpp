#include "upfeed/secret.hpp"

#include <openssl/crypto.h>

#include <cstring>

#include "upfeed/assert.hpp"

namespace upfeed {

Secret::Secret(std::string_view text) : Secret(join({text})) {}

Secret Secret::join(std::initializer_list<std::string_view> parts) {
  std::size_t size_bytes = 0;
  for (const std::string_view part : parts) size_bytes += part.size();
  Secret whole = zeros(size_bytes);
  char* at = whole.text_.get();
  for (const std::string_view part : parts) {
    if (part.empty()) continue;
    std::memcpy(at, part.data(), part.size());
    at += part.size();
  }
  return whole;
}

Secret Secret::zeros(std::size_t size_bytes) {
  Secret secret;
  if (size_bytes == 0) return secret;
  secret.text_ = std::make_unique<char[]>(size_bytes);
  secret.size_ = size_bytes;
  return secret;
}

Secret::~Secret() {
  shrink(0);
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this == &other) return *this;
  shrink(0);
  text_ = std::move(other.text_);
  size_ = std::exchange(other.size_, 0);
  return *this;
}

void Secret::shrink(std::size_t size_bytes) noexcept {
  UPFEED_ASSERT(size_bytes <= size_);
  OPENSSL_cleanse(text_.get() + size_bytes, size_ - size_bytes);  // not optimised away
  size_ = size_bytes;
}

}  // namespace upfeed
