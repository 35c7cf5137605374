// The captures of tests/data: their events have the hashes written in PROVENANCE.md, by every
// decoder that this processor has, through rings of any size.

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "decode_kernels.hpp"
#include "record_harness.hpp"

namespace upfeed {
namespace {

const std::string kFolder = UPFEED_TEST_DATA;

/// A row of PROVENANCE.md: | file | bytes | frames | events | hash | sha256 |
struct Golden {
  std::string file;
  std::uint64_t bytes = 0;
  std::uint64_t frames = 0;
  std::uint64_t events = 0;
  std::string hash;
  std::string sha256;
};

std::vector<Golden> goldens() {
  std::vector<Golden> rows;
  std::ifstream in(kFolder + "/PROVENANCE.md");
  for (std::string line; std::getline(in, line);) {
    if (line.find(".upcap` |") == std::string::npos) continue;
    for (char& c : line) c = c == '|' || c == '`' ? ' ' : c;
    std::istringstream words(line);
    Golden row;
    words >> row.file >> row.bytes >> row.frames >> row.events >> row.hash >> row.sha256;
    rows.push_back(row);
  }
  return rows;
}

std::string sha256_of(const std::string& bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr);
  std::string hex;
  for (unsigned i = 0; i < size; ++i) {
    char text[3];
    std::snprintf(text, sizeof text, "%02x", digest[i]);
    hex += text;
  }
  return hex;
}

// Goal: the files are those that PROVENANCE.md describes, all of them, and whole. Method: sha256;
// frames without a damage; what it takes to write the row anew is in the failure.
TEST(Golden, files_are_those_of_the_provenance) {
  std::set<std::string> described;
  for (const Golden& golden : goldens()) {
    described.insert(golden.file);
    std::ifstream in(kFolder + "/" + golden.file, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    EXPECT_EQ(bytes.size(), golden.bytes) << golden.file;
    EXPECT_EQ(sha256_of(bytes), golden.sha256) << golden.file;
  }
  EXPECT_GE(described.size(), 6U);
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() != ".upcap") continue;
    EXPECT_TRUE(described.contains(entry.path().filename().string())) << entry.path();
  }
}

// Goal: the same capture gives the same events, whatever decodes them and however they are
// buffered. Method: every kernel, rings of three sizes.
TEST(Golden, every_kernel_gives_the_golden_hashes) {
  ASSERT_GE(kernels().size(), 3U);
  for (const Golden& golden : goldens()) {
    for (const DecodeKernel kernel : kernels()) {
      for (const std::size_t ring_bytes : {64U << 10U, 256U << 10U, 8U << 20U}) {
        FeedMetrics metrics;
        const Witness witness =
            replay({kFolder + "/" + golden.file}, {},
                   {.ring_bytes = ring_bytes, .decode_kernel = kernel}, &metrics);
        EXPECT_EQ(witness.hash.hex(), golden.hash)
            << golden.file << ", kernel " << static_cast<int>(kernel) << ", " << metrics.frames
            << " frames, " << witness.hash.event_count() << " events";
        EXPECT_EQ(metrics.frames, golden.frames) << golden.file;
        EXPECT_EQ(witness.hash.event_count(), golden.events) << golden.file;
        EXPECT_EQ(metrics.total().refused, 0U) << golden.file;
      }
    }
  }
}

// Goal: a strategy that follows its account is replayed without the account's keys. Method: own
// orders, balances and notices of a capture, a callback each.
TEST(Golden, an_account_is_replayed_without_its_keys) {
  auto feed = Feed::replay(std::vector<std::string>{kFolder + "/account.upcap"});
  ASSERT_TRUE(feed.ok()) << feed.error().message;
  Client client = feed->client("test");
  int orders = 0;
  int assets = 0;
  int notices = 0;
  ASSERT_TRUE(client.subscribe_my_order([&](const MyOrderEvent&) { ++orders; }).ok());
  ASSERT_TRUE(client.subscribe_my_asset([&](const MyAssetEvent&) { ++assets; }).ok());
  ASSERT_TRUE(client.subscribe_announcement([&](const AnnouncementEvent&) { ++notices; }).ok());
  Witness witness;
  while (!feed->finished()) {
    feed->step_io();
    feed->poll(witness);
  }
  EXPECT_GT(orders, 0);
  EXPECT_GT(assets, 0);
  EXPECT_GT(notices, 0);
  const FeedMetrics metrics = feed->metrics();
  const auto delivered = [&](EventKind kind) {
    return static_cast<int>(metrics.streams[static_cast<std::size_t>(kind)].delivered);
  };
  EXPECT_EQ(orders, delivered(EventKind::my_order));
  EXPECT_EQ(assets, delivered(EventKind::my_asset));
  EXPECT_EQ(notices, delivered(EventKind::announcement));
}

// Goal: what the recording tells about connections comes in its place: the books of the lost
// connection are current again only with its next frames. Method: states and books of a capture
// with a reconnect in the middle.
TEST(Golden, a_recorded_reconnect_is_lived_again) {
  auto feed = Feed::replay(std::vector<std::string>{kFolder + "/default.upcap"});
  ASSERT_TRUE(feed.ok()) << feed.error().message;
  Client client = feed->client("test");
  std::vector<std::string> told;
  const auto tell = [&](std::string line) {
    if (told.empty() || told.back() != line) told.push_back(std::move(line));
  };
  ASSERT_TRUE(client
                  .on_status([&](const StatusEvent& event) {
                    if (event.connection != 0) return;
                    tell(std::string(to_string(event.state)) + " " +
                         std::string(to_string(event.cause)));
                  })
                  .ok());
  ASSERT_TRUE(client
                  .on_gap([&](const GapEvent& event) {
                    tell("gap " + std::string(to_string(event.cause)));
                  })
                  .ok());
  const auto shared = client.share_book("KRW-BTC");
  ASSERT_TRUE(client
                  .subscribe_orderbook("KRW-BTC",
                                       [&](const OrderbookEvent& event, const Book& book) {
                                         tell("book " + std::string(to_string(book.state())) +
                                              " epoch " + std::to_string(event.epoch));
                                       })
                  .ok());
  while (!feed->finished()) {
    feed->step_io();
    feed->poll();
  }
  const std::vector<std::string> expected = {"connecting requested",
                                             "live none",
                                             "book live epoch 1",
                                             "connecting closed_by_peer",
                                             "live none",
                                             "gap closed_by_peer",
                                             "book live epoch 2",
                                             "stopped end_of_capture"};
  EXPECT_EQ(told, expected);
}

}  // namespace
}  // namespace upfeed
