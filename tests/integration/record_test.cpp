// A feed that records while it runs, and its capture lived again.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <string>
#include <vector>

#include "live_harness.hpp"
#include "record_harness.hpp"
#include "upfeed/capture.hpp"
#include "upfeed/event_hash.hpp"

namespace {

using namespace upfeed;
using namespace std::chrono_literals;

// Goal: a capture replayed gives the events that were live, by their hash, and the states of the
// connection. Method: record 3,000 frames of every market stream from the simulator; replay them.
TEST(Record, replay_gives_the_events_that_were_live) {
  const TempFolder folder;
  LiveHarness live(LiveHarness::small(8000));
  FeedConfig config = live.config();
  config.record.directory = folder.path();
  Feed feed = LiveHarness::feed(config);
  Client client = feed.client("live");
  Witness was;
  subscribe_all(client, small_codes());
  ASSERT_TRUE(feed.start(was).ok());
  ASSERT_TRUE(eventually([&] { return feed.metrics().total().delivered >= 3000; }));
  ASSERT_TRUE(feed.stop().ok());
  const FeedMetrics metrics = feed.metrics();
  EXPECT_EQ(metrics.recorder.state, RecorderState::closed);
  EXPECT_EQ(metrics.recorder.records_lost, 0U);
  EXPECT_EQ(metrics.recorder.frames, metrics.frames);
  EXPECT_EQ(metrics.total().dropped + metrics.total().conflated, 0U);

  const Witness again = replay(folder.captures());
  EXPECT_EQ(again.hash.hex(), was.hash.hex());
  EXPECT_EQ(again.hash.event_count(), was.hash.event_count());
  EXPECT_EQ(again.states, was.states + " stopped/end_of_capture");
}

}  // namespace
