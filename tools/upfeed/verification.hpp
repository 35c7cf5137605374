#pragma once

// What `verify` checks in one file: the blocks' checksums and their order, every frame's decoding,
// what the books and trades say.

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "capture_file.hpp"
#include "frame_decoder.hpp"
#include "upfeed/book.hpp"

namespace upfeed::program {

class Verification {
 public:
  /// Everything but the end.
  void add(const CaptureFile& file, const CaptureItem& item);

  /// A mistake, where it is and in how many places it was met.
  struct Finding {
    std::string what;   ///< e.g. "book unsorted", "refused as bad_json"
    std::string place;  ///< of the first
    std::string text;   ///< more about the first; may be empty
    std::uint64_t count = 0;
  };
  [[nodiscard]] const std::vector<Finding>& findings() const noexcept { return findings_; }
  [[nodiscard]] std::uint64_t blocks() const noexcept { return blocks_; }
  [[nodiscard]] std::uint64_t records() const noexcept { return records_; }
  [[nodiscard]] std::uint64_t frames() const noexcept { return frames_; }
  [[nodiscard]] std::uint64_t events() const noexcept { return events_; }
  [[nodiscard]] std::uint64_t books() const noexcept { return books_; }
  [[nodiscard]] std::uint64_t trades() const noexcept { return trades_; }
  /// What the recorder noted that it could not write; no mistake of the file.
  [[nodiscard]] std::uint64_t records_lost() const noexcept { return records_lost_; }

 private:
  /// Ids of the latest trades of one market on one connection.
  struct RecentTrades {
    std::unordered_set<std::uint64_t> ids;
    std::deque<std::uint64_t> order;
  };
  using Place = const CaptureItem&;

  void find(std::string what, const CaptureFile& file, Place item, std::string text = {});
  void add_damage(const CaptureFile& file, Place item);
  void check_number(const CaptureFile& file, Place item);
  void check_frame(const CaptureFile& file, Place item);
  void check_book(const OrderbookEvent& event, const CaptureFile& file, Place item);
  void check_trade(const TradeEvent& event, const CaptureFile& file, Place item);

  FrameDecoder decoder_;
  std::vector<Finding> findings_;
  std::uint64_t blocks_ = 0;
  std::uint64_t records_ = 0;
  std::uint64_t frames_ = 0;
  std::uint64_t events_ = 0;
  std::uint64_t books_ = 0;
  std::uint64_t trades_ = 0;
  std::uint64_t records_lost_ = 0;
  std::uint64_t block_offset_ = 0;
  std::uint64_t last_number_ = 0;
  bool damage_before_ = false;
  std::map<std::tuple<std::uint32_t, std::string, std::string>, Book> book_of_;
  std::map<std::tuple<std::uint32_t, std::uint32_t, std::string>, RecentTrades> trades_of_;
};

}  // namespace upfeed::program
