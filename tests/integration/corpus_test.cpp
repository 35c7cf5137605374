// Every captured frame in a folder, against the slow decoder. Usage: corpus_test <folder>.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>

#include "decode_harness.hpp"
#include "slow_frame.hpp"

namespace upfeed {
namespace {

std::filesystem::path g_corpus;

/// The JSON text of a captured line; empty when there is none. Lines are JSON, or
/// `epoch: b'JSON'` (what Python prints for bytes).
std::string frame_of(std::string line) {
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
  if (const std::size_t bytes = line.find(": b'"); bytes != std::string::npos) {
    return line.substr(bytes + 4, line.size() - bytes - 5);
  }
  return line.starts_with('{') || line.starts_with('[') ? line : "";
}

struct Counts {
  std::map<std::string, int> accepted;
  std::map<std::string, int> refused;
  int fallbacks = 0;  ///< accepted, but by the reference decoder
};

/// Decodes, encodes to either name set, and compares each value of the original with the encoded
/// one, by an exact decimal comparison of its own.
void check_frame(DecodeHarness& harness, const std::string& text, Counts& counts) {
  const slow::Frame expected = slow::decode(text);
  const Decoded decoded = harness.decode(text, "9}");
  ASSERT_EQ(decoded.ok(), expected.verdict != slow::Frame::Verdict::refused) << text;
  if (!decoded.ok()) {
    ++counts.refused[std::string(to_string(decoded.errc))];
    return;
  }
  if (!decoded.is_event()) {
    ++counts.accepted["control"];
    return;
  }
  ++counts.accepted[std::string(to_string(decoded.kind))];
  if (has_fast_path(decoded.kind)) counts.fallbacks += decoded.fast ? 0 : 1;

  const auto original = slow::parse_json(text, 16);
  ASSERT_TRUE(original);
  const bool simple = text.find("\"ty\"") != std::string::npos;
  const auto encoded =
      slow::parse_json(harness.encoded(simple ? WireFormat::simple : WireFormat::default_), 16);
  ASSERT_TRUE(encoded);
  EXPECT_EQ(slow::values_of(*encoded), slow::values_of(*original)) << text;

  const std::string hash = harness.hash();
  for (const WireFormat format : {WireFormat::default_, WireFormat::simple}) {
    const std::string first = harness.encoded(format);
    EXPECT_EQ(slow::decode(first), expected) << text;
    ASSERT_TRUE(harness.decode(first).is_event()) << first;
    EXPECT_EQ(harness.encoded(format), first);
    EXPECT_EQ(harness.hash(), hash);
  }
}

void check_folder(DecodeKernel kernel) {
  DecodeHarness harness(UnknownMarkets::intern, 1U << 20U, kernel);
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(g_corpus)) {
    const std::string extension = entry.path().extension().string();
    if (extension != ".txt" && extension != ".jsonl") continue;
    ++files;
    Counts counts;
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) {
      const std::string text = frame_of(line);
      if (!text.empty()) check_frame(harness, text, counts);
    }
    std::cout << std::filesystem::relative(entry.path(), g_corpus).string() << '\n';
    for (const auto& [what, count] : counts.accepted) std::cout << "  " << what << ' ' << count;
    for (const auto& [what, count] : counts.refused) {
      std::cout << "  refused: " << what << ' ' << count;
      ADD_FAILURE() << what << " in " << entry.path();
    }
    std::cout << '\n';
    // Other exchanges of the family write their keys in another order.
    if (entry.path().parent_path().filename().string().starts_with("upbit") &&
        kernel != DecodeKernel::reference) {
      EXPECT_EQ(counts.fallbacks, 0) << entry.path();
    }
    if (entry.path().parent_path().filename() == "upbit-2021-04-05-simple") {
      EXPECT_EQ(counts.accepted["orderbook"], 1061);
      EXPECT_EQ(counts.accepted["trade"], 672);
    }
    if (entry.path().parent_path().filename() == "upbit-2025-2026-default" &&
        entry.path().filename() == "frames.jsonl") {
      EXPECT_EQ(counts.accepted["myAsset"], 2);
    }
  }
  EXPECT_GT(files, 0);
}

// All captures below the folder, with every kernel: every frame of a stream is decoded without
// loss, those of Upbit's market streams by the fast decoders alone.
TEST(Corpus, every_frame_survives_decoding_and_encoding) {
  for (const DecodeKernel kernel :
       {DecodeKernel::reference, DecodeKernel::scalar, DecodeKernel::avx2, DecodeKernel::avx512}) {
    if (decode_kernel_supported(kernel)) check_folder(kernel);
  }
}

}  // namespace
}  // namespace upfeed

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc != 2) {
    std::cerr << "usage: corpus_test <folder>\n";
    return 2;
  }
  upfeed::g_corpus = argv[1];
  return RUN_ALL_TESTS();
}
