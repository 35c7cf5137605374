#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "decode/decode.hpp"
#include "upfeed/encode.hpp"
#include "upfeed/event_hash.hpp"

/// A decoder with all it needs. Each frame stands in an allocation of its own that ends with the
/// padding, so that a sanitizer sees one byte too many.
class DecodeHarness {
 public:
  explicit DecodeHarness(upfeed::UnknownMarkets policy = upfeed::UnknownMarkets::intern,
                         std::size_t frame_bytes_max = 1U << 20U,
                         upfeed::DecodeKernel kernel = upfeed::DecodeKernel::automatic)
      : markets(65536), decoder_(markets, policy, frame_bytes_max, kernel) {}

  /// tail  repeated over the padding behind the frame.
  upfeed::Decoded decode(std::string_view text, std::string_view tail = "x") {
    buffer_.assign(text.begin(), text.end());
    buffer_.reserve(text.size() + upfeed::kDecodePadding);
    for (std::size_t i = 0; i < upfeed::kDecodePadding; ++i) {
      buffer_.push_back(tail[i % tail.size()]);
    }
    buffer_.shrink_to_fit();
    return decoder_.decode({buffer_.data(), text.size()}, meta, slot);
  }

  /// The event of the last accepted frame.
  [[nodiscard]] const upfeed::EventHeader& event() const {
    return *reinterpret_cast<const upfeed::EventHeader*>(slot.data());
  }
  template <class Event>
  [[nodiscard]] const Event& as() const {
    return static_cast<const Event&>(event());
  }
  template <class Event>
  [[nodiscard]] Event& as() {
    return *reinterpret_cast<Event*>(slot.data());
  }

  [[nodiscard]] std::string encoded(
      upfeed::WireFormat format = upfeed::WireFormat::default_) const {
    std::string out;
    upfeed::encode(event(), format, out);
    return out;
  }
  [[nodiscard]] std::string hash() const {
    upfeed::EventHash hash;
    hash.add(event());
    return hash.hex();
  }

  upfeed::MarketTable markets;
  upfeed::FrameMeta meta{.connection = 3, .epoch = 7, .frame_sequence = 42};
  alignas(16) std::array<std::byte, upfeed::kEventBytesMax> slot{};

 private:
  upfeed::Decoder decoder_;
  std::vector<char> buffer_;
};
