#include "inspection.hpp"

#include <algorithm>
#include <iterator>

#include "capture/status_record.hpp"

namespace upfeed::program {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

}  // namespace

void Inspection::add(const CaptureFile& file, const CaptureItem& item) {
  if (item.kind != CaptureItemKind::damage && block_offset_ != item.offset_bytes) {
    block_offset_ = item.offset_bytes;
    ++blocks_;
  }
  switch (item.kind) {
    case CaptureItemKind::frame:
      add_frame(item.record);
      return;
    case CaptureItemKind::request:
      ++requests_;
      return;
    case CaptureItemKind::status:
      add_status(item.record);
      return;
    case CaptureItemKind::loss:
      if (const auto loss = capture::read_loss(item.record.payload)) {
        losses_.push_back({file.place(item), *loss});
      }
      return;
    case CaptureItemKind::unknown:
      ++unknown_records_;
      return;
    case CaptureItemKind::damage:
      ++damage_count_;
      if (damages_.size() < kDamagesKept) {
        damages_.push_back({file.place(item), std::string(item.reason)});
      }
      return;
    case CaptureItemKind::end:
      return;
  }
}

void Inspection::add_frame(const capture::CaptureRecord& record) {
  ++frames_;
  payload_bytes_ += record.payload.size();
  add_time(record);
  const Decoded& decoded = decoder_.decode(record.payload);
  const EventHeader* const event = decoder_.event();
  if (event == nullptr) {
    ++others_[describe_other(decoded, record.payload)];
    refused_ += is_refused(decoded) ? 1 : 0;
    return;
  }
  Stream& stream = streams_[stream_name(*event)];
  ++stream.frames;
  stream.payload_bytes += record.payload.size();
  if (!event->code.view().empty()) ++stream.codes[std::string(event->code.view())];
}

void Inspection::add_status(const capture::CaptureRecord& record) {
  ++status_changes_;
  const auto status = capture::read_status({record.payload.data(), record.payload.size()});
  if (!status || status->previous_state != SessionState::live) return;
  if (status->state != SessionState::live) ++ends_by_cause_[std::string(to_string(status->cause))];
}

void Inspection::add_time(const capture::CaptureRecord& record) {
  const std::int64_t now = record.unix_ns;
  Life& life = connections_[record.connection][record.epoch];
  ++life.frames;
  if (now == 0) {
    ++without_time_;
    return;
  }
  life.time.add(now);
  time_.add(now);
  Second& second = seconds_[now / kSecond];
  second.unix_s = now / kSecond;
  ++second.frames;
  second.payload_bytes += record.payload.size();
  if (last_unix_ns_ != 0 && now < last_unix_ns_) ++time_backwards_;
  if (last_unix_ns_ != 0 && now - last_unix_ns_ > silence_ns_) {
    keep_silence({last_unix_ns_, now});
  }
  last_unix_ns_ = now;
}

void Inspection::keep_silence(Gap gap) {
  ++silence_count_;
  const auto longer = [](const Gap& a, const Gap& b) { return a.length_ns() > b.length_ns(); };
  silences_.insert(std::upper_bound(silences_.begin(), silences_.end(), gap, longer), gap);
  if (silences_.size() > kSilencesKept) silences_.pop_back();
}

std::map<std::string, std::uint64_t> Inspection::codes() const {
  std::map<std::string, std::uint64_t> all;
  for (const auto& [name, stream] : streams_) {
    for (const auto& [code, frames] : stream.codes) all[code] += frames;
  }
  return all;
}

std::vector<Inspection::ConnectionGap> Inspection::connection_gaps() const {
  std::vector<ConnectionGap> gaps;
  for (const auto& [connection, lives] : connections_) {
    for (auto it = lives.begin(); it != lives.end() && std::next(it) != lives.end(); ++it) {
      const auto& [epoch, life] = *std::next(it);
      ConnectionGap gap{
          {it->second.time.last_unix_ns, life.time.first_unix_ns}, connection, it->first, epoch};
      // Of a planned renewal both lives overlap: there is no gap.
      if (gap.from_unix_ns != 0 && gap.length_ns() > 0) gaps.push_back(gap);
    }
  }
  return gaps;
}

Inspection::Second Inspection::peak_second() const {
  Second peak;
  for (const auto& [at, second] : seconds_) {
    if (second.frames > peak.frames) peak = second;
  }
  return peak;
}

double Inspection::frames_per_second() const noexcept {
  const std::int64_t span = time_.length_ns();
  return span > 0 ? static_cast<double>(frames_) / (static_cast<double>(span) / 1e9) : 0;
}

std::uint64_t Inspection::records_lost() const noexcept {
  std::uint64_t lost = 0;
  for (const Loss& loss : losses_) lost += loss.what.records;
  return lost;
}

}  // namespace upfeed::program
