#include <algorithm>
#include <unordered_set>

#include "sim/connection.hpp"
#include "sim/exchange.hpp"

/// The half of Exchange that serves a recorded day.
///
///   source --> the newest frame of each stream and code is kept --> SNAPSHOT for who comes late
///         \--> as it is, or rewritten, to those subscribed
///
/// A recorded SNAPSHOT is the answer to a request of the recorder's. Here it is one for those that
/// still wait for theirs. To those that follow already it is news that the recorder missed (it had
/// been away), so they get it as REALTIME, trades only when the trade is another one.
namespace upfeed::sim {

CapturedFrames::CapturedFrames(std::vector<CapturedFrame> frames) : frames_(std::move(frames)) {
  std::unordered_set<std::string> known;
  for (const CapturedFrame& frame : frames_) {
    if (known.insert(frame.code).second) codes_.push_back(frame.code);
  }
}

bool CapturedFrames::next(CapturedFrame& frame) {
  if (at_ == frames_.size()) return false;
  frame = std::move(frames_[at_++]);
  return true;
}

CapturedFrame* Exchange::kept_frame(std::size_t stream, std::uint32_t code, std::int64_t level) {
  auto& kept = kept_frames_[stream * codes_.size() + code];
  const auto found = std::find_if(
      kept.begin(), kept.end(), [level](const CapturedFrame& each) { return each.level == level; });
  return found == kept.end() ? nullptr : &*found;
}

const std::string& Exchange::written_captured(const CapturedFrame& frame, const CaptureView& view) {
  const bool as_it_is = frame.format == view.format && frame.stream_type == view.stream_type &&
                        frame.units <= view.units;
  if (as_it_is) return frame.payload;
  for (std::size_t i = 0; i < captured_cache_used_; ++i) {
    if (captured_cache_[i].first == view) return captured_cache_[i].second;
  }
  if (captured_cache_used_ == captured_cache_.size()) captured_cache_.emplace_back();
  auto& [key, text] = captured_cache_[captured_cache_used_++];
  key = view;
  text.clear();
  if (!options_.transcode || !options_.transcode(frame, view, text)) {
    text.clear();
    ++totals_.transcode_failures;
  }
  return text;
}

void Exchange::send_captured(Connection& connection, std::size_t stream, std::uint32_t code,
                             const CapturedFrame& frame, const CaptureView& view) {
  const std::string& text = written_captured(frame, view);
  if (text.empty()) return;
  send_data(connection, stream, code, text, view.stream_type == StreamType::realtime);
}

// To those that still wait for the state of that stream. A REALTIME frame becomes the SNAPSHOT of
// who asked for nothing else; who follows gets it as REALTIME, and that is the state as well.
void Exchange::answer_awaited(std::size_t stream, std::uint32_t code, const CapturedFrame& frame) {
  for (auto& [id, connection] : open_) {
    auto& awaited = connection->awaited;
    const auto is_answered = [&](const Snapshot& each) {
      return each.stream == stream && each.code == code && each.view.level == frame.level;
    };
    for (const Snapshot& each : awaited) {
      if (!is_answered(each)) continue;
      const auto& list = routes(stream, code);
      const bool follows = std::any_of(list.begin(), list.end(), [&](const Route& route) {
        return route.connection == connection && route.view == each.view;
      });
      if (follows && frame.stream_type == StreamType::realtime) continue;
      send_captured(*connection, stream, code, frame,
                    {connection->format, StreamType::snapshot, each.view.units});
    }
    std::erase_if(awaited, is_answered);
  }
}

void Exchange::deliver_captured(CapturedFrame& frame) {
  const auto stream = find_stream(frame.type);
  const auto code = by_code_.find(frame.code);
  if (!stream || *stream >= kStreamCount || code == by_code_.end()) return;
  captured_cache_used_ = 0;
  CapturedFrame* const kept = kept_frame(*stream, code->second, frame.level);
  const bool is_snapshot = frame.stream_type == StreamType::snapshot;
  const bool is_news = !is_snapshot || (kept != nullptr &&
                                        (frame.trade_id == 0 || frame.trade_id != kept->trade_id));
  if (!paused_) {
    // Before they are answered: who gets this as a snapshot does not get it twice.
    std::vector<Route> following;
    for (const Route& route : routes(*stream, code->second)) {
      const auto& awaited = route.connection->awaited;
      const bool waits = std::any_of(awaited.begin(), awaited.end(), [&](const Snapshot& each) {
        return each.stream == *stream && each.code == code->second && each.view == route.view;
      });
      if (route.view.level == frame.level && is_news && !(waits && is_snapshot)) {
        following.push_back(route);
      }
    }
    answer_awaited(*stream, code->second, frame);
    for (const Route& route : following) {
      send_captured(*route.connection, *stream, code->second, frame,
                    {route.connection->format, StreamType::realtime, route.view.units});
    }
  }
  finished_ = totals_.realtime_frames_sent >= options_.frame_limit;
  if (kept != nullptr) {
    std::swap(*kept, frame);
  } else {
    kept_frames_[*stream * codes_.size() + code->second].push_back(std::move(frame));
  }
}

void Exchange::send_captured_snapshot(Connection& connection, const Snapshot& wanted) {
  captured_cache_used_ = 0;
  const CapturedFrame* const kept = kept_frame(wanted.stream, wanted.code, wanted.view.level);
  if (kept == nullptr) {
    connection.awaited.push_back(wanted);
    return;
  }
  send_captured(connection, wanted.stream, wanted.code, *kept,
                {connection.format, StreamType::snapshot, wanted.view.units});
}

}  // namespace upfeed::sim
