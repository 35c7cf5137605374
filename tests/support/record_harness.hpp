#pragma once

#include <gtest/gtest.h>

#include <unistd.h>
#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "upfeed/event_hash.hpp"
#include "upfeed/feed.hpp"

/// A folder of its own, gone with this.
class TempFolder {
 public:
  TempFolder() {
    static int number = 0;
    path_ = ::testing::TempDir() + "upfeed-record-" + std::to_string(::getpid()) + "-" +
            std::to_string(++number);
    std::filesystem::create_directories(path_);
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  /// The .upcap files in it, in the order of their names.
  [[nodiscard]] std::vector<std::string> captures() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      if (entry.path().extension() == ".upcap") found.push_back(entry.path().string());
    }
    std::sort(found.begin(), found.end());
    return found;
  }

 private:
  std::string path_;
};

/// Hashes all events of streams, and keeps the states of connections as text.
struct Witness {
  template <class Event>
  void operator()(const Event& event) {
    using namespace upfeed;
    if constexpr (std::is_same_v<Event, StatusEvent>) {
      states += (states.empty() ? "" : " ") + std::string(to_string(event.state)) + "/" +
                std::string(to_string(event.cause));
    } else if constexpr (std::is_same_v<Event, LossEvent>) {
      lost += event.dropped;
    } else if constexpr (!std::is_same_v<Event, GapEvent>) {
      hash.add(event);
    }
  }
  upfeed::EventHash hash;
  std::string states;
  std::uint64_t lost = 0;
};

inline std::vector<std::string> small_codes() {
  return {"KRW-BTC", "KRW-ETH", "KRW-XRP", "KRW-SOL", "KRW-DOGE"};
}

inline void subscribe_all(upfeed::Client& client, const std::vector<std::string>& codes) {
  EXPECT_TRUE(client.subscribe_ticker(codes).ok());
  EXPECT_TRUE(client.subscribe_trade(codes).ok());
  EXPECT_TRUE(client.subscribe_orderbook(codes).ok());
  EXPECT_TRUE(client.subscribe_candle(upfeed::CandleUnit::s1, codes).ok());
}

/// The whole of it, driven by this thread.
inline Witness replay(const std::vector<std::string>& paths,
                      const upfeed::ReplayOptions& options = {},
                      const upfeed::FeedConfig& config = {},
                      upfeed::FeedMetrics* metrics = nullptr) {
  Witness witness;
  auto feed = upfeed::Feed::replay(paths, options, config);
  EXPECT_TRUE(feed.ok()) << (feed.ok() ? "" : feed.error().message);
  if (!feed.ok()) return witness;
  while (!feed->finished()) {
    feed->step_io();
    feed->poll(witness);
  }
  if (metrics != nullptr) *metrics = feed->metrics();
  return witness;
}
