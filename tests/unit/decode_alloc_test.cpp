#include <gtest/gtest.h>

#include "alloc_guard.hpp"
#include "decode_harness.hpp"
#include "frame_samples.hpp"

namespace upfeed {
namespace {

// Frames of every kind and format, good and bad, small and as large as allowed, from the very first
// one on: the decoder must not touch the heap.
TEST(DecodeAlloc, decoding_never_allocates) {
  std::vector<std::string> frames;
  for (const SampleFrame& sample : all_samples()) {
    for (const WireFormat format : kAllFormats) frames.push_back(sample_text(sample, format));
    frames.push_back(sample_text(SampleFrame(sample.rbegin(), sample.rend())));
    frames.push_back(frames.back().substr(0, 100));
  }
  frames.push_back(R"({"error":{"name":"A","message":"\u00e9"}})");
  frames.push_back(R"({"type":"trade","x":")" + std::string(65'000, 'y') + R"("})");
  frames.push_back(R"({"type":"trade","x":")" + std::string(70'000, 'y') + R"("})");
  for (std::string& frame : frames) frame.append(kDecodePadding, ' ');

  MarketTable markets;
  Decoder decoder(markets, UnknownMarkets::intern, 1U << 16U);
  alignas(16) std::array<std::byte, kEventBytesMax> slot;
  std::size_t events = 0;
  alloc_guard::reset();
  alloc_guard::watch_this_thread();
  for (int round = 0; round < 3; ++round) {
    for (const std::string& frame : frames) {
      events += decoder.decode({frame.data(), frame.size() - kDecodePadding}, {}, slot).is_event();
    }
  }
  alloc_guard::unwatch_this_thread();
  EXPECT_EQ(alloc_guard::counts(), alloc_guard::Counts{}) << alloc_guard::report();
  EXPECT_EQ(events, 3U * 5U * all_samples().size());
}

}  // namespace
}  // namespace upfeed
