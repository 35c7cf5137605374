// The fast decoders against the reference. UPFEED_FRAMES=<n>: how many frames each random test
// makes; a million take minutes. What is recorded by name is a goal's (bench/counted_gates.py).
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <memory>

#include "decode/fast/fast.hpp"
#include "decode_harness.hpp"
#include "decode_mutator.hpp"
#include "decode_same_event.hpp"
#include "decode_spellings.hpp"
#include "seed.hpp"
#include "slow_frame.hpp"

namespace upfeed {
namespace {

int frame_count(int otherwise) {
  const char* const given = std::getenv("UPFEED_FRAMES");
  return given != nullptr ? std::atoi(given) : otherwise;
}

std::vector<DecodeKernel> fast_kernels() {
  std::vector<DecodeKernel> kernels;
  for (const DecodeKernel kernel :
       {DecodeKernel::scalar, DecodeKernel::avx2, DecodeKernel::avx512}) {
    if (decode_kernel_supported(kernel)) kernels.push_back(kernel);
  }
  return kernels;
}

/// The reference and every fast decoder that runs here, side by side on the same bytes.
class Contest {
 public:
  explicit Contest(UnknownMarkets policy = UnknownMarkets::intern) {
    sides_.push_back(std::make_unique<Side>(DecodeKernel::reference, policy));
    for (const DecodeKernel kernel : fast_kernels()) {
      sides_.push_back(std::make_unique<Side>(kernel, policy));
    }
  }

  /// All decode the frame alike. tail  repeated over the padding behind it.
  void decode(std::string_view text, std::string_view tail) {
    buffer_.assign(text.begin(), text.end());
    buffer_.reserve(text.size() + kDecodePadding);
    for (std::size_t i = 0; i < kDecodePadding; ++i) buffer_.push_back(tail[i % tail.size()]);
    decode_at({buffer_.data(), text.size()});
  }
  void decode_at(std::span<const char> payload) {
    const FrameMeta meta{
        .connection = 3, .epoch = 7, .frame_sequence = ++frames_, .flags = kKernelTimeShared};
    for (const auto& side : sides_) side->decoded = side->decoder.decode(payload, meta, side->slot);
    const Side& reference = *sides_.front();
    ASSERT_FALSE(reference.decoded.fast);
    all_fast_ = true;
    for (std::size_t i = 1; i < sides_.size(); ++i) {
      const Side& side = *sides_[i];
      all_fast_ &= side.decoded.fast;
      const std::string_view text(payload.data(), payload.size());
      ASSERT_EQ(difference(side.decoded, reference.decoded), "") << i << ' ' << text;
      ASSERT_FALSE(side.decoded.fast && !reference.decoded.is_event()) << i << ' ' << text;
      if (!reference.decoded.is_event()) continue;
      ASSERT_EQ(difference(side.event(), reference.event()), "") << i << ' ' << text;
    }
  }
  /// The reference's, which is everybody's.
  [[nodiscard]] const EventHeader& event() const { return sides_.front()->event(); }
  [[nodiscard]] bool accepted() const { return sides_.front()->decoded.is_event(); }
  [[nodiscard]] bool all_fast() const { return all_fast_; }

 private:
  struct Side {
    Side(DecodeKernel kernel, UnknownMarkets policy)
        : decoder(markets, policy, std::size_t{1} << 20, kernel) {}
    [[nodiscard]] const EventHeader& event() const {
      return *reinterpret_cast<const EventHeader*>(slot.data());
    }
    MarketTable markets{65536};
    Decoder decoder;
    Decoded decoded;
    alignas(16) std::array<std::byte, kEventBytesMax> slot{};
  };
  std::vector<std::unique_ptr<Side>> sides_;
  std::vector<char> buffer_;
  std::uint64_t frames_ = 0;
  bool all_fast_ = false;
};

// Whole frames of every stream, format and cell of the spelling matrix: nothing is left to the
// reference, and the events are its events.
TEST(DecodeFast, frames_as_the_exchange_writes_them_need_no_reference) {
  SpelledFrames frames(test_seed());
  Contest contest;
  const int count = frame_count(50'000);
  int left_to_reference = 0;
  for (int i = 0; i < count; ++i) {
    const std::string text = frames.frame(frames.below(4), kAllFormats[frames.below(4)]);
    contest.decode(text, "9");
    ASSERT_FALSE(testing::Test::HasFatalFailure());
    ASSERT_TRUE(contest.accepted()) << text;
    left_to_reference += contest.all_fast() ? 0 : 1;
    EXPECT_TRUE(contest.all_fast() || left_to_reference > 10) << text;
  }
  EXPECT_EQ(left_to_reference, 0);
  RecordProperty("frames", count);
  RecordProperty("left_to_reference", left_to_reference);
  for (const SpellingCell& cell : all_spelling_cells()) {
    EXPECT_GT(frames.cells().contains(cell) ? frames.cells().at(cell) : 0, 0U)
        << "stream " << cell.stream << " group " << static_cast<int>(cell.group) << " column "
        << static_cast<int>(cell.column) << " row " << static_cast<int>(cell.row);
  }
  std::cout << all_spelling_cells().size() << " cells\n";
}

// With AVX-512, frames that have all keys, or all but `level`, are read all at once, but for books
// of one unit; were they left to the way that knows other frames, too, only time would tell.
TEST(DecodeFast, frames_with_all_keys_are_read_at_once) {
  if (!decode_kernel_supported(DecodeKernel::avx512)) GTEST_SKIP() << "needs AVX-512";
  SpelledFrames frames(test_seed());
  MarketTable markets;
  std::array<WideUnitSizes, kBookDepthMax> wide;
  const detail::FastContext context{markets, true, wide};
  alignas(16) std::array<std::byte, kEventBytesMax> slot{};
  int at_once = 0;
  const int count = frame_count(20'000);
  for (int i = 0; i < count; ++i) {
    const std::size_t stream = frames.below(4);
    const std::string text = frames.frame(stream, kAllFormats[frames.below(4)]);
    const std::string padded = text + std::string(kDecodePadding, '9');
    Decoded decoded;
    const bool read = detail::decode_avx512_whole(std::string_view(padded).substr(0, text.size()),
                                                  {}, slot.data(), context, decoded);
    at_once += read ? 1 : 0;
    const auto has = [&text](std::string_view part) {
      return text.find(part) != std::string::npos;
    };
    const bool old_trade = stream == 1 && !has("\"best_ask_price\"") && !has("\"bap\"");
    const bool one_unit = stream == 2 && !has("},{");
    EXPECT_NE(read, old_trade || one_unit) << text;
  }
  EXPECT_GT(at_once, count / 2);
}

// Damaged frames with garbage behind them: one verdict, one event, no fast decoder accepts what the
// reference refuses, and no decoder what a strict one refuses that shares nothing with them. Read
// back from their text by that decoder, events have the values that it found in the frame.
TEST(DecodeFast, mutants_are_judged_as_the_reference_judges_them) {
  const std::uint64_t seed = test_seed();
  Mutator mutator(seed);
  SpelledFrames frames(seed);
  Contest contest;
  int accepted = 0;
  int fast = 0;
  const int count = frame_count(50'000);
  for (int i = 0; i < count; ++i) {
    const std::string text = mutator.mutate(
        mutator.below(4) == 0 ? mutator.pick_frame()
                              : frames.frame(frames.below(4), kAllFormats[frames.below(4)]));
    contest.decode(text, mutator.tail());
    ASSERT_FALSE(testing::Test::HasFatalFailure()) << "mutant " << i;
    const slow::Frame expected = slow::decode(text);
    ASSERT_EQ(contest.accepted(), expected.verdict == slow::Frame::Verdict::event) << text;
    if (contest.accepted()) {
      std::string encoded;
      encode(contest.event(), WireFormat::default_, encoded);
      if (encoded.empty()) encode(contest.event(), WireFormat::simple, encoded);
      ASSERT_EQ(slow::decode(encoded), expected) << text;
    }
    accepted += contest.accepted() ? 1 : 0;
    fast += contest.all_fast() ? 1 : 0;
  }
  RecordProperty("frames", count);
  RecordProperty("judged_otherwise", 0);  // each one ends this test
  // Else the mutations are so hard that nothing was compared, or so soft that nothing was refused.
  EXPECT_GT(fast, count / 10);
  EXPECT_GT(accepted - fast, count / 100);
  EXPECT_LT(accepted, count * 9 / 10);
}

// Every prefix of a frame, with the rest of that very frame in the padding behind it: what lies
// there continues perfectly, and must still not be believed.
TEST(DecodeFast, a_frame_cut_short_is_refused_though_its_rest_follows) {
  SpelledFrames frames(test_seed());
  Contest contest;
  for (std::size_t stream = 0; stream < 4; ++stream) {
    for (const WireFormat format : kAllFormats) {
      std::string text = frames.frame(stream, format);
      const std::size_t size = text.size();
      text.append(2 * kDecodePadding, '}');
      for (std::size_t cut = 0; cut < size; ++cut) {
        contest.decode_at({text.data(), cut});
        ASSERT_FALSE(contest.accepted()) << text.substr(0, cut);
      }
      contest.decode_at({text.data(), size});
      ASSERT_TRUE(contest.accepted() && contest.all_fast()) << text;
    }
  }
}

// The last byte of the padding is the last byte of a page, and nothing may be read behind it;
// whole frames, and frames cut anywhere with digits in the padding.
TEST(DecodeFast, nothing_is_read_behind_the_padding) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t size = 8 * page;
  void* const memory =
      mmap(nullptr, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  char* const end = static_cast<char*>(memory) + size;
  ASSERT_EQ(mprotect(end, page, PROT_NONE), 0);

  SpelledFrames frames(test_seed());
  Contest contest;
  for (int i = 0; i < frame_count(2'000); ++i) {
    const std::string text = frames.frame(frames.below(4), kAllFormats[frames.below(4)]);
    const std::size_t kept = frames.below(3) == 0 ? text.size() : frames.below(text.size() + 1);
    char* const begin = end - kDecodePadding - kept;
    std::memcpy(begin, text.data(), kept);
    // The rest of the frame, as far as there is room, then what could go on for ever.
    const std::size_t rest = std::min(text.size() - kept, kDecodePadding);
    std::memset(end - kDecodePadding, "9\" ,"[frames.below(4)], kDecodePadding);
    if (frames.below(2) == 0) std::memcpy(end - kDecodePadding, text.data() + kept, rest);
    contest.decode_at({begin, kept});
    ASSERT_FALSE(testing::Test::HasFatalFailure());
    ASSERT_EQ(contest.accepted(), kept == text.size());
  }
  munmap(memory, size + page);
}

// Frames of markets that are not in the table: refused like the reference does, and where they are
// to be added, only by frames that are accepted.
TEST(DecodeFast, unknown_markets_are_treated_alike) {
  Contest refusing(UnknownMarkets::refuse);
  Contest interning(UnknownMarkets::intern);
  for (const char* code : {"KRW-BTC", "KRW-", "-BTC", "KRWBTC", "krw-btc", "", "KRW-BTC-1234567",
                           "KRW-BTC-12345678", "KRW-BTC-123456789"}) {
    const auto frame = with(sample_trade(), "code", '"' + std::string(code) + '"');
    refusing.decode(sample_text(frame), "x");
    EXPECT_FALSE(refusing.accepted());
    interning.decode(sample_text(with(frame, "timestamp", "x")), "x");
    EXPECT_FALSE(interning.accepted());
    interning.decode(sample_text(frame), "x");
    interning.decode(sample_text(with(sample_trade(), "code", "\"KRW-ETH\"")), "x");
    EXPECT_TRUE(interning.accepted() && interning.all_fast());
  }
}

// One size after the other beyond int64, in every unit: all sizes of the frame are widened.
TEST(DecodeFast, huge_sizes_widen_the_book_as_in_the_reference) {
  Contest contest;
  for (std::size_t wide = 0; wide < 2 * 30; ++wide) {
    std::vector<SampleUnit> units(30, {"4.88E-4", "4.87E-4", "10355647827.38891", "1.5E10"});
    units[wide / 2][2 + wide % 2] = "2436173744924.71";
    contest.decode(sample_text(sample_orderbook(), WireFormat::default_, units), "x");
    EXPECT_TRUE(contest.accepted() && contest.all_fast());
  }
}

// A kernel that the processor lacks is refused where it is asked for.
TEST(DecodeFast, a_kernel_that_is_not_there_is_refused) {
  constexpr auto kNone = static_cast<DecodeKernel>(99);
  EXPECT_FALSE(decode_kernel_supported(kNone));
  MarketTable markets;
  EXPECT_THROW(Decoder(markets, UnknownMarkets::refuse, 4096, kNone), std::invalid_argument);
  FeedConfig config;
  config.decode_kernel = kNone;
  ASSERT_EQ(config.validate().size(), 1U);
  EXPECT_NE(config.validate().front().message.find("decode_kernel"), std::string::npos);
}

}  // namespace
}  // namespace upfeed
