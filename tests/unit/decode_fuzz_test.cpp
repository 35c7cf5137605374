#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "decode_harness.hpp"
#include "decode_mutator.hpp"
#include "seed.hpp"
#include "slow_frame.hpp"

namespace upfeed {
namespace {

using Verdict = slow::Frame::Verdict;

Verdict verdict_of(const Decoded& decoded) {
  if (!decoded.ok()) return Verdict::refused;
  switch (decoded.frame_class) {
    case FrameClass::event:
      return Verdict::event;
    case FrameClass::status_up:
      return Verdict::status_up;
    case FrameClass::error:
      return Verdict::error;
    default:
      return Verdict::subscriptions;
  }
}

// 200,000 damaged frames with garbage behind them: the decoder accepts just what the slow strict
// one accepts, and every value of what is accepted agrees. The decoder's event is read back
// through its DEFAULT text, by the slow decoder; of indicators through the text they came with.
TEST(DecodeFuzz, mutants_agree_with_the_slow_decoder) {
  const std::uint64_t seed = test_seed();
  Mutator mutator(seed);
  DecodeHarness harness;
  std::size_t accepted = 0;
  constexpr int kMutants = 200'000;
  for (int i = 0; i < kMutants; ++i) {
    const std::string text = mutator.mutate(mutator.pick_frame());
    const slow::Frame expected = slow::decode(text);
    const Decoded decoded = harness.decode(text, mutator.tail());
    ASSERT_EQ(verdict_of(decoded), expected.verdict)
        << "mutant " << i << ' ' << to_string(decoded.errc) << '\n'
        << text;
    if (!decoded.is_event()) continue;
    ++accepted;
    std::string encoded = harness.encoded();
    if (encoded.empty()) encoded = harness.encoded(WireFormat::simple);
    ASSERT_EQ(slow::decode(encoded), expected) << "mutant " << i << '\n' << text;
  }
  // Else the mutations are so hard that nothing was compared, or so soft that nothing was refused.
  EXPECT_GT(accepted, kMutants / 10);
  EXPECT_LT(accepted, kMutants * 9 / 10);
}

// The slow decoder's JSON parser is itself compared with nlohmann's over the same mutants, so that
// the two decoders here do not share a misreading of JSON.
TEST(DecodeFuzz, slow_json_parser_agrees_with_nlohmann) {
  Mutator mutator(test_seed());
  for (int i = 0; i < 50'000; ++i) {
    const std::string text = mutator.mutate(mutator.pick_frame());
    // nlohmann refuses numbers beyond a double, which JSON does not.
    bool huge = false;
    for (std::size_t e = text.find_first_of("eE"); e != std::string::npos;
         e = text.find_first_of("eE", e + 1)) {
      const std::size_t digits = text.find_first_not_of("+-0", e + 1);
      huge |=
          digits != std::string::npos && text.find_first_not_of("0123456789", digits) >= digits + 3;
    }
    if (huge) continue;
    ASSERT_EQ(slow::parse_json(text, 1000).has_value(), nlohmann::json::accept(text)) << text;
  }
}

}  // namespace
}  // namespace upfeed
