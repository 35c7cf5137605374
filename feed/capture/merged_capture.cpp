#include "capture/merged_capture.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

namespace upfeed::capture {
namespace {

Error bad_capture(const std::string& path, std::string_view what) {
  return {Errc::bad_capture, "capture \"" + path + "\" " + std::string(what)};
}

constexpr std::int64_t kLateNs = 60'000'000'000;

/// The same file, perhaps under another name, would bring everything twice.
Status check_names(const std::vector<std::string>& paths) {
  std::map<std::pair<dev_t, ino_t>, const std::string*> seen;
  for (const std::string& path : paths) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) continue;  // told when it is opened
    const auto [at, fresh] = seen.try_emplace({info.st_dev, info.st_ino}, &path);
    if (!fresh) return bad_capture(path, "is named twice, first as \"" + *at->second + "\"");
  }
  return Done{};
}

bool is_pipe(const std::string& path) {
  std::error_code ignored;
  const auto type = std::filesystem::status(path, ignored).type();
  return type == std::filesystem::file_type::fifo || type == std::filesystem::file_type::character;
}

}  // namespace

Result<MergedCapture> MergedCapture::open(const std::vector<std::string>& paths,
                                          const Bounds& bounds, bool needs_times) {
  MergedCapture merged;
  merged.bounds_ = bounds;
  if (const Status checked = check_names(paths); !checked) return checked.error();
  for (const std::string& path : paths) {
    if (is_pipe(path)) {
      return bad_capture(path,
                         "is a pipe or a device, which stop() would have to wait for: save it to a "
                         "file first");
    }
    auto reader = CaptureReader::open(path, {.all_records = true, .yields = true});
    if (!reader) return reader.error();
    if (reader->kind() == CaptureKind::json_lines && (needs_times || paths.size() > 1)) {
      return bad_capture(path,
                         "says no times: it is replayed alone, whole and as fast as possible only");
    }
    if (bounds.from_unix_ns != 0) {
      if (const Status found = reader->seek(bounds.from_unix_ns); !found) return found.error();
    }
    merged.inputs_.push_back({.reader = std::move(*reader)});
  }
  merged.group_recordings();
  return merged;
}

void MergedCapture::group_recordings() {
  struct Recording {
    std::uint32_t number;
    std::uint32_t first_file;
    std::int64_t time_less_mono_ns;
  };
  std::map<std::uint64_t, Recording> recordings;
  std::uint32_t count = 0;
  for (const Input& input : inputs_) {
    const CaptureRemarks& remarks = input.reader.remarks();
    if (remarks.recording_id == 0) continue;
    const Recording seen{count, remarks.file_number,
                         remarks.opened_unix_ns - remarks.opened_mono_ns};
    const auto [at, fresh] = recordings.try_emplace(remarks.recording_id, seen);
    if (fresh) ++count;
    if (seen.first_file < at->second.first_file) {
      at->second.first_file = seen.first_file;
      at->second.time_less_mono_ns = seen.time_less_mono_ns;
    }
  }
  for (Input& input : inputs_) {
    // Text, and a file whose header is damaged, is a recording by itself.
    const auto found = recordings.find(input.reader.remarks().recording_id);
    const std::uint32_t number = found != recordings.end() ? found->second.number : count++;
    input.first_connection = number * kConnectionsPerRecording;
    if (found != recordings.end()) input.time_less_mono_ns = found->second.time_less_mono_ns;
  }
  recordings_ = std::max(count, 1U);
}

bool MergedCapture::place(Input& input) {
  CapturedFrame& record = input.record;
  if (record.connection < kConnectionsPerRecording) {
    record.connection += input.first_connection;
    return true;
  }
  input.reason = "record " + std::to_string(record.line) + " is of connection " +
                 std::to_string(record.connection) + ", which no feed has";
  input.bad = {.line = record.line, .reason = input.reason, .lost_records = 1};
  input.step = CaptureStep::bad_line;
  return false;
}

void MergedCapture::advance(Input& input) {
  for (;;) {
    input.step = input.ended ? CaptureStep::end : input.reader.next(input.record);
    // Where it is: at the place of the last record, which is the order of the file.
    if (input.step == CaptureStep::bad_line) {
      input.bad = input.reader.bad_line();
      return;
    }
    if (input.step == CaptureStep::end) {
      input.time_ns = INT64_MAX;
      return;
    }
    // Its time is as early as at the start, so it comes next again.
    if (input.step == CaptureStep::passed) return;
    CapturedFrame& record = input.record;
    if (bounds_.to_unix_ns != 0 && record.received_unix_ns >= bounds_.to_unix_ns) {
      // The wall clock may be set back, so there may be more behind a record that is too late.
      if (record.received_unix_ns - bounds_.to_unix_ns < kLateNs) continue;
      input.ended = true;
    }
    if (input.ended) continue;
    if (!place(input)) return;
    if (record.received_mono_ns == 0) {
      input.time_ns = record.received_unix_ns;
      return;
    }
    if (input.time_less_mono_ns == 0) {
      input.time_less_mono_ns = record.received_unix_ns - record.received_mono_ns;
    }
    input.time_ns = record.received_mono_ns + input.time_less_mono_ns;
    return;
  }
}

/// The input with the earliest record, the first of equals, and the one behind it.
void MergedCapture::choose() noexcept {
  const auto earlier = [](const Input& a, const Input& b) { return a.time_ns < b.time_ns; };
  const auto begin = inputs_.begin();
  const auto found = std::min_element(begin, inputs_.end(), earlier);
  current_ = static_cast<std::size_t>(found - begin);
  others_from_ns_ = INT64_MAX;
  other_ = inputs_.size();
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    if (i == current_ || inputs_[i].time_ns >= others_from_ns_) continue;
    others_from_ns_ = inputs_[i].time_ns;
    other_ = i;
  }
}

CaptureStep MergedCapture::next(CapturedFrame& record, std::int64_t& time_ns) {
  if (!begun_) {
    begun_ = true;
    for (Input& input : inputs_) advance(input);
    choose();
  } else {
    advance(inputs_[current_]);
    const std::int64_t mine = inputs_[current_].time_ns;
    if (mine > others_from_ns_ || (mine == others_from_ns_ && current_ > other_)) choose();
  }
  const Input& input = inputs_[current_];
  if (input.step == CaptureStep::frame) {
    record = input.record;
    time_ns = input.time_ns;
  }
  return input.step;
}

const CaptureBadLine& MergedCapture::bad_line() const noexcept {
  return inputs_[current_].bad;
}

std::uint64_t MergedCapture::bytes_read() const noexcept {
  std::uint64_t bytes = 0;
  for (const Input& input : inputs_) bytes += input.reader.bytes_read();
  return bytes;
}

std::uint64_t MergedCapture::bytes_total() const noexcept {
  std::uint64_t bytes = 0;
  for (const Input& input : inputs_) bytes += input.reader.bytes_total();
  return bytes;
}

}  // namespace upfeed::capture
