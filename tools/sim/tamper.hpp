#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Frames that are late, doubled, missing or wrong, made from good ones. Works on the text, so it
/// fits every format and captures as well.
namespace upfeed::sim {

/// Where the snapshot of a code comes.
enum class SnapshotOrder : std::uint8_t {
  first,
  none,
  after_realtime,  ///< behind the first realtime frame
  both_twice,      ///< snapshot, snapshot, realtime, realtime
};

struct Mute {
  std::string type;  ///< empty: all
  std::string code;  ///< empty: all
  bool snapshots_too = false;
};

/// What is done to the frames of one connection.
struct TamperRules {
  std::vector<Mute> mutes;
  SnapshotOrder snapshots = SnapshotOrder::first;
  unsigned duplicate_every = 0;  ///< trades; 0: none
  unsigned swap_every = 0;
  bool in_microseconds = false;
  std::int64_t shift_ms = 0;
  bool crosses_books = false;
};

class Tamper {
 public:
  struct Frame {
    std::string text;
    bool is_realtime = true;
  };

  [[nodiscard]] TamperRules& rules() { return rules_; }
  [[nodiscard]] bool is_active() const { return is_active_; }
  /// To be called after every change of the rules.
  void update();
  [[nodiscard]] bool is_muted(std::string_view type, std::string_view code, bool is_realtime) const;
  /// What to send instead of one frame.
  [[nodiscard]] std::vector<Frame> run(std::string_view type, const std::string& code,
                                       std::string_view text, bool is_realtime);

 private:
  using Key = std::pair<std::string, std::string>;

  [[nodiscard]] std::string rewrite(std::string_view type, std::string_view text) const;

  TamperRules rules_;
  bool is_active_ = false;
  unsigned trade_count_ = 0;
  std::string held_trade_;
  std::map<Key, std::string> held_snapshots_;
  std::map<Key, bool> had_realtime_;
};

/// The frame with the number behind "key": replaced by `change(number)`; every occurrence.
[[nodiscard]] std::string with_times(std::string_view text, bool in_microseconds,
                                     std::int64_t shift_ms);
/// Puts this time, unix microseconds, in the place of `timestamp` and `trade_timestamp`.
void stamp_times(std::string& text, std::int64_t unix_us);
/// The frame with the first ask price and the first bid price exchanged.
[[nodiscard]] std::string with_crossed_book(std::string_view text);

}  // namespace upfeed::sim
