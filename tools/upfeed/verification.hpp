#pragma once

// What `verify` checks in one file: the blocks' checksums and their order, every frame's decoding,
// what the books and trades say.
//
//   book    Book::apply (upfeed/book.hpp): sorted, not crossed, no hole, nothing negative, time
//           never back within a life of its connection; each side's total not below its levels
//   trade   an id, and each id once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "capture_file.hpp"
#include "frame_decoder.hpp"
#include "upfeed/book.hpp"

namespace upfeed::program {

class Verification {
 public:
  /// Everything but the end.
  void add(const CaptureFile& file, const CaptureItem& item);

  struct Place {
    std::string where;
    std::string text;  ///< more about it, e.g. its market; may be empty
  };
  /// A mistake, and where it was met: a damage is a finding of its own, of any other mistake the
  /// first kPlacesKept places are kept.
  struct Finding {
    std::string what;  ///< e.g. "book unsorted", "refused as bad_json"
    std::vector<Place> places{};
    std::uint64_t count = 0;
  };
  static constexpr std::size_t kPlacesKept = 20;
  [[nodiscard]] const std::vector<Finding>& findings() const noexcept { return findings_; }
  [[nodiscard]] bool flawed() const noexcept { return !findings_.empty(); }
  /// Records that a damage hides, or that were cut out between whole blocks.
  struct Missing {
    std::uint64_t records = 0;
    bool all_known = true;  ///< false: there are more, nobody knows how many
  };
  [[nodiscard]] const Missing& missing() const noexcept { return missing_; }
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
  using Item = const CaptureItem&;

  void find(std::string what, const CaptureFile& file, Item item, std::string text = {});
  void add_damage(const CaptureFile& file, Item item);
  void check_number(const CaptureFile& file, Item item);
  void check_frame(const CaptureFile& file, Item item);
  void check_book(const OrderbookEvent& event, const CaptureFile& file, Item item);
  void check_trade(const TradeEvent& event, const CaptureFile& file, Item item);

  FrameDecoder decoder_;
  std::vector<Finding> findings_;
  std::uint64_t blocks_ = 0;
  std::uint64_t records_ = 0;
  std::uint64_t frames_ = 0;
  std::uint64_t events_ = 0;
  std::uint64_t books_ = 0;
  std::uint64_t trades_ = 0;
  std::uint64_t records_lost_ = 0;
  Missing missing_;
  std::uint64_t block_offset_ = 0;
  std::uint64_t last_number_ = 0;
  bool damage_before_ = false;
  std::map<std::tuple<std::uint32_t, std::string, std::string>, Book> book_of_;
  /// By connection and market, then by epoch: of the two latest, which overlap in a renewal.
  std::map<std::pair<std::uint32_t, std::string>, std::map<std::uint32_t, RecentTrades>> trades_of_;
};

}  // namespace upfeed::program
