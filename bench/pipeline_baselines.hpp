#pragma once

// How others would build the way from a WebSocket to a callback with the order book in it. Both
// stand on Beast's asynchronous client (beast_client.hpp) and give doubles.
//
//   IndexedPipeline   On-Demand --> index ring --> flat book         a careful engineer's
//   UsualPipeline     nlohmann-json --> mutex queue --> std::map     what examples lead to
//
// on_payload() is the receiving thread's, dispatch() the other one's.

#include <array>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <queue>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "index_ring.hpp"
#include "json_baselines.hpp"

namespace upfeed::bench {

class IndexedPipeline {
 public:
  struct Book {
    std::size_t unit_count = 0;
    std::array<DoubleUnit, kBookDepthMax> units{};
  };
  using Callback = std::function<void(const Book&)>;

  explicit IndexedPipeline(Callback callback);
  ~IndexedPipeline();

  /// payload  with BeastClient::kPaddingBytes readable behind it.
  void on_payload(std::span<const char> payload);
  /// One message, if there is one.
  void dispatch();

 private:
  struct Parser;
  struct Record {
    std::array<char, 16> code{};
    std::int64_t timestamp = 0;
    Book book;
  };

  std::unique_ptr<Parser> parser_;
  IndexRing<Record> ring_{std::size_t{1} << 20};
  std::unordered_map<std::string, Book> books_;
  Callback callback_;
};

class UsualPipeline {
 public:
  struct Book {
    std::map<double, double> asks;
    std::map<double, double, std::greater<>> bids;
  };
  using Callback = std::function<void(const Book&)>;

  explicit UsualPipeline(Callback callback) : callback_(std::move(callback)) {}

  void on_payload(std::span<const char> payload);
  /// One message; waits for it.
  void dispatch();

 private:
  struct Message {
    std::string code;
    std::int64_t timestamp = 0;
    std::vector<DoubleUnit> units;
  };

  std::mutex mutex_;
  std::condition_variable filled_;
  std::queue<Message> queue_;
  std::unordered_map<std::string, Book> books_;
  Callback callback_;
};

}  // namespace upfeed::bench
