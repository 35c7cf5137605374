#pragma once

// Frames as TLS carries them, AES-256-GCM by OpenSSL: what decryption costs beside decoding, when
// two formats of different length are compared.

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

#include "frames.hpp"

namespace upfeed::bench {

class SealedFrames {
 public:
  /// errors  std::runtime_error, std::bad_alloc.
  explicit SealedFrames(const std::vector<Frame>& frames);
  ~SealedFrames();

  [[nodiscard]] std::size_t size() const { return sealed_.size(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  /// Decrypts and authenticates frame i into a buffer of its own, with the padding that decoders
  /// ask for behind it; valid until the next call. Empty: it is not what was sealed.
  [[nodiscard]] std::span<const char> open(std::size_t i);

 private:
  struct Sealed {
    std::vector<unsigned char> text;
    std::array<unsigned char, 16> tag;
  };
  struct Cipher;

  std::unique_ptr<Cipher> cipher_;
  std::vector<Sealed> sealed_;
  std::vector<char> opened_;
  std::size_t bytes_ = 0;
};

}  // namespace upfeed::bench
