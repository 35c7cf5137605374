// How far each wanted stream has come on the present connection.
//
//   wanted   [ ticker KRW-BTC | orderbook KRW-BTC 0 | orderbook KRW-BTC 10000 | ... ]   sorted
//   stages   [ arrived        | asked               | unasked                 | ... ]   parallel
//   tables   [slot][market id] -> index of the first stream of that slot and market
//
// A slot is a kind, or a candle unit (stream_slot.hpp). The level variants of an order book stand
// side by side.
//
//     unasked --request--> asked --timeout--> overdue
//                            '------> arrived <--'         first frame
//
// Private and info streams are silent until something happens, so no frame of theirs is expected
// and none is looked at: they stay asked.
//
// A stream is back at unasked on a new connection, and when its mode or refresh number changes.
// Invariant: awaited_ == number of streams that are asked or overdue and owe a first frame.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "session/wanted.hpp"
#include "stream_slot.hpp"
#include "upfeed/events.hpp"
#include "upfeed/time.hpp"

namespace upfeed {

enum class StreamStage : std::uint8_t {
  unasked,  ///< In no request of this connection yet.
  asked,    ///< In a request; nothing came yet.
  overdue,  ///< Likewise, and reported.
  arrived,  ///< A frame came: the stream is live, or, for snapshot_only, finished.
};

class WantedTracker {
 public:
  /// Takes over the new set. True when the exchange must be asked again: something is new, changed,
  /// or gone that would otherwise go on flowing.
  bool replace(WantedSet set);
  /// Nothing is asked any more: the connection is new.
  void forget();
  /// All streams are named by a request that goes out now.
  void mark_asked(MonoTime now);
  /// First frame of a stream? True when it was the last that was awaited. Never allocates.
  bool on_event(const EventHeader& event) noexcept;
  /// Marks those asked at or before `asked_until` overdue and returns them.
  [[nodiscard]] WantedSet take_overdue(MonoTime asked_until);
  /// When the oldest stream was asked that owes a first frame and is not overdue; INT64_MAX: none.
  [[nodiscard]] MonoTime oldest_asked() const;

  [[nodiscard]] const WantedSet& wanted() const noexcept { return wanted_; }
  [[nodiscard]] std::span<const StreamStage> stages() const noexcept { return stages_; }
  /// Streams that were asked for, owe a first frame and have not sent it.
  [[nodiscard]] std::size_t awaited() const noexcept { return awaited_; }
  [[nodiscard]] WantedSet missing() const;

 private:
  static constexpr std::uint32_t kNoStream = UINT32_MAX;

  [[nodiscard]] bool is_awaited(std::size_t i) const noexcept {
    return (stages_[i] == StreamStage::asked || stages_[i] == StreamStage::overdue) &&
           owes_first_frame(wanted_[i]);
  }
  [[nodiscard]] bool arrive(std::size_t i) noexcept;
  void index_streams();
  void check_invariants() const;

  WantedSet wanted_;
  std::vector<StreamStage> stages_;
  std::vector<MonoTime> asked_at_;  ///< of the streams that are asked
  std::array<std::vector<std::uint32_t>, kMarketSlotCount> tables_;
  std::size_t awaited_ = 0;
};

}  // namespace upfeed
