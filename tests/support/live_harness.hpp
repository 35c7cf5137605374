#pragma once

#include <gtest/gtest.h>

#include <unistd.h>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "sim/server.hpp"
#include "upfeed/feed.hpp"

/// An exchange in this process and how to reach it.
class LiveHarness {
 public:
  explicit LiveHarness(upfeed::sim::SimConfig config = {}) {
    static int number = 0;
    ca_file_ = ::testing::TempDir() + "upfeed-ca-" + std::to_string(::getpid()) + "-" +
               std::to_string(++number) + ".pem";
    config.write_ca_to = ca_file_;
    server = std::make_unique<upfeed::sim::SimServer>(config);
  }
  ~LiveHarness() {
    server.reset();
    std::remove(ca_file_.c_str());
  }
  LiveHarness(const LiveHarness&) = delete;
  LiveHarness& operator=(const LiveHarness&) = delete;

  /// A small market: quick to subscribe, every kind of code in it.
  static upfeed::sim::SimConfig small(double frames_per_second = 1000) {
    upfeed::sim::SimConfig config;
    config.profile.markets = {30, 10, 10};
    config.profile.frames_per_second = frames_per_second;
    return config;
  }

  [[nodiscard]] upfeed::FeedConfig config() const {
    upfeed::FeedConfig config;
    config.endpoint.host = "localhost";
    config.endpoint.port = server->port();
    config.endpoint.ca_file = ca_file_;
    return config;
  }

  [[nodiscard]] upfeed::Feed feed() const { return feed(config()); }
  [[nodiscard]] static upfeed::Feed feed(const upfeed::FeedConfig& config) {
    auto feed = upfeed::Feed::create(config);
    if (!feed) throw std::runtime_error(feed.error().message);
    return std::move(*feed);
  }

  std::unique_ptr<upfeed::sim::SimServer> server;

 private:
  std::string ca_file_;
};

/// Looks every millisecond until it holds or the time is over; true when it holds.
inline bool eventually(const std::function<bool()>& holds,
                       std::chrono::milliseconds limit = std::chrono::seconds(20)) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

/// The book as the simulator's exact_book_json() writes it.
inline std::string exact_json(const upfeed::Book& book) {
  std::string asks;
  std::string bids;
  for (std::size_t i = 0; i < book.ask_count_unchecked(); ++i) {
    const upfeed::Level level = book.ask_unchecked(i);
    asks += (i == 0 ? "[\"" : ",[\"") + level.price.to_string() + "\",\"" + level.size.to_string() +
            "\"]";
  }
  for (std::size_t i = 0; i < book.bid_count_unchecked(); ++i) {
    const upfeed::Level level = book.bid_unchecked(i);
    bids += (i == 0 ? "[\"" : ",[\"") + level.price.to_string() + "\",\"" + level.size.to_string() +
            "\"]";
  }
  return R"({"code":")" + std::string(book.code().view()) + R"(","timestamp":)" +
         std::to_string(book.timestamp().wire()) + ",\"asks\":[" + asks + "],\"bids\":[" + bids +
         "]}";
}
