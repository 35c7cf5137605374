// How far each wanted stream has come on the present connection, and how old it is.
//
//   wanted   [ ticker KRW-BTC | orderbook KRW-BTC 0 | orderbook KRW-BTC 10000 | ... ]   sorted
//   stages   [ arrived        | asked               | unasked                 | ... ]   parallel
//   lives    [ last frame at  | ...                                                 ]   parallel
//   tables   [slot][market id] -> index of the first stream of that slot and market
//
// A slot is a kind, or a candle unit (stream_slot.hpp). The level variants of an order book stand
// side by side.
//
//     unasked --request--> asked --timeout--> overdue
//                            '------> arrived <--'         first frame
//                                     |    ^
//                            too old  v    | REALTIME frame, or a snapshot without news
//                                  suspect --request--> probed --no answer--> suspect, or dead
//                                     ^                   | snapshot with news
//                                     '----- undecided <--'
//
// Private and info streams are silent until something happens, so no frame of theirs is expected
// and none is looked at: they stay asked.
//
// A stream is back at unasked on a new connection, and when its mode or refresh number changes.
// Invariant: awaited_ == number of streams that are asked or overdue and owe a first frame;
// suspects_ == number of streams that are suspect; findings_ == number of lives with a finding.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "session/silence.hpp"
#include "session/wanted.hpp"
#include "stream_slot.hpp"
#include "upfeed/events.hpp"
#include "upfeed/time.hpp"

namespace upfeed {

enum class StreamStage : std::uint8_t {
  unasked,    ///< In no request of this connection yet.
  asked,      ///< In a request; nothing came yet.
  overdue,    ///< Likewise, and reported.
  arrived,    ///< A frame came: the stream is live, or, for snapshot_only, finished.
  suspect,    ///< Silent for too long: the next request asks for its snapshot.
  probed,     ///< That request is out; the answer tells quiet from lost.
  undecided,  ///< It could not: a REALTIME frame, or the next look, will.
};

class WantedTracker {
 public:
  explicit WantedTracker(const SilenceRules& rules) : rules_(rules) {}

  /// Takes over the new set. True when the exchange must be asked again: something is new, changed,
  /// or gone that would otherwise go on flowing.
  bool replace(WantedSet set);
  /// Nothing is asked any more: the connection is new.
  void forget();
  /// All streams are named by a request that goes out now.
  void mark_asked(MonoTime now);
  /// These streams, all wanted, are named by no request: an audit says so.
  void mark_unasked(const WantedSet& missing);
  /// A frame of a stream. True when the session has to look: the last first frame that was awaited,
  /// or an answer that shows a loss. Never allocates.
  bool on_event(const EventHeader& event, MonoTime now) noexcept;
  /// Marks those asked at or before `asked_until` overdue and returns them.
  [[nodiscard]] WantedSet take_overdue(MonoTime asked_until);
  /// When the oldest stream was asked that owes a first frame and is not overdue; INT64_MAX: none.
  [[nodiscard]] MonoTime oldest_asked() const;

  [[nodiscard]] const WantedSet& wanted() const noexcept { return wanted_; }
  [[nodiscard]] std::span<const StreamStage> stages() const noexcept { return stages_; }
  /// Streams that were asked for, owe a first frame and have not sent it.
  [[nodiscard]] std::size_t awaited() const noexcept { return awaited_; }
  [[nodiscard]] WantedSet missing() const;

  // Silence (silence.hpp).
  /// Streams that the next request asks for a snapshot because they are silent.
  [[nodiscard]] std::size_t suspects() const noexcept { return suspects_; }
  /// When the next stream has to be probed; INT64_MAX: none is watched.
  [[nodiscard]] MonoTime next_probe() const;
  /// Suspects all that would have to be probed before `horizon`.
  void suspect_before(MonoTime horizon);
  /// When the oldest probe went out that is not answered; INT64_MAX: none.
  [[nodiscard]] MonoTime oldest_probe() const;
  /// When to look again at the first undecided stream; INT64_MAX: none is.
  [[nodiscard]] MonoTime next_look() const;
  /// Suspects the undecided streams whose time has come.
  void look_again(MonoTime now);
  /// Judges the probes that went out at or before `asked_until` and have no answer, and tells what
  /// the answers since the last call have shown.
  [[nodiscard]] SilenceVerdict judge(MonoTime asked_until);
  /// Of a wanted stream whose loss is told now: its last sign of life, before which nothing was
  /// missed. What it misses from now on is another loss.
  [[nodiscard]] MonoTime take_alive_until(const WantedStream& stream);
  /// The owner slept: answers may lie unread, so their time begins again.
  void extend_probes(MonoTime now);
  /// Some stream is watched that no list has named.
  [[nodiscard]] bool has_unlisted() const;
  /// A list lacks these and names all others.
  void mark_listed(const WantedSet& missing);
  /// Of these, all wanted, those that a list has named before.
  [[nodiscard]] WantedSet once_listed(const WantedSet& streams) const;
  /// Of these, all wanted, those that have sent something since they were asked.
  [[nodiscard]] WantedSet with_data_of(const WantedSet& streams) const;
  /// Of these, all wanted, those that are suspect.
  [[nodiscard]] WantedSet suspects_of(const WantedSet& streams) const;

 private:
  static constexpr std::uint32_t kNoStream = UINT32_MAX;

  [[nodiscard]] bool is_awaited(std::size_t i) const noexcept {
    return (stages_[i] == StreamStage::asked || stages_[i] == StreamStage::overdue) &&
           owes_first_frame(wanted_[i]);
  }
  [[nodiscard]] std::size_t find(const EventHeader& event) const noexcept;
  [[nodiscard]] bool on_notable(std::size_t i, const Stamp& stamp, StreamType type,
                                MonoTime now) noexcept;
  [[nodiscard]] bool arrive(std::size_t i) noexcept;
  [[nodiscard]] bool on_answer(std::size_t i, const Stamp& stamp, MonoTime now) noexcept;
  [[nodiscard]] bool is_watched(std::size_t i) const;
  [[nodiscard]] MonoTime probe_due(std::size_t i) const;
  [[nodiscard]] std::size_t index_of(const WantedStream& stream) const;
  template <class Holds>
  [[nodiscard]] WantedSet those(const WantedSet& streams, Holds&& holds) const;
  void suspect(std::size_t i) noexcept;
  void index_streams();
  void check_invariants() const;

  const SilenceRules rules_;
  WantedSet wanted_;
  std::vector<StreamStage> stages_;
  std::vector<StreamLife> lives_;
  std::array<std::vector<std::uint32_t>, kMarketSlotCount> tables_;
  std::size_t awaited_ = 0;
  std::size_t suspects_ = 0;
  std::size_t findings_ = 0;
  std::int64_t clock_offset_us_ =
      INT64_MAX;  ///< least (received - exchange time) of this connection
};

}  // namespace upfeed
