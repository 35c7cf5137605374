// Tells what a file is and gives its frames out in one shape.
#include <array>
#include <bit>
#include <utility>
#include <variant>

#include "capture/status_record.hpp"
#include "capture/text_reader.hpp"
#include "capture/upcap_reader.hpp"
#include "upfeed/capture.hpp"

namespace upfeed {
namespace {

using capture::CaptureRecord;
using capture::RecordType;
using capture::TextReader;
using capture::UpcapReader;
using capture::UpcapStep;

using AnyReader = std::variant<TextReader, UpcapReader>;

constexpr std::uint8_t kFirstControlOpcode = 8;  // RFC 6455, 5.2: from here on no data

Error bad_capture(const std::string& path, std::string_view what) {
  return {Errc::bad_capture, "capture \"" + path + "\": " + std::string(what)};
}

CapturedType type_of(RecordType type) {
  switch (type) {
    case RecordType::received_frame:
      return CapturedType::frame;
    case RecordType::sent_request:
      return CapturedType::request;
    case RecordType::status:
      return CapturedType::status;
    case RecordType::loss:
      return CapturedType::loss;
  }
  return CapturedType::unknown;
}

/// A file cut off within the magic is an .upcap file too, and one with a few damaged bits in it:
/// nothing else begins with bytes like these.
bool is_upcap(std::string_view start) {
  constexpr int kDamagedBitsMax = 4;
  if (start.size() < capture::kFileMagic.size()) {
    return !start.empty() && start == capture::kFileMagic.substr(0, start.size());
  }
  int damaged_bits = 0;
  for (std::size_t i = 0; i < capture::kFileMagic.size(); ++i) {
    damaged_bits += std::popcount(static_cast<unsigned char>(start[i] ^ capture::kFileMagic[i]));
  }
  return damaged_bits <= kDamagedBitsMax;
}

Result<AnyReader> open_any(const std::string& path, CaptureOptions options) {
  Result<capture::ByteSource> source = capture::ByteSource::open(path);
  if (!source) return source.error();
  std::array<char, capture::kFileMagic.size()> bytes;
  std::size_t size = 0;
  while (size < bytes.size()) {
    const std::size_t count = source->read(std::span(bytes).subspan(size));
    if (count == 0) break;
    size += count;
  }
  const std::string_view start(bytes.data(), size);
  if (is_upcap(start)) {
    UpcapReader reader(std::move(*source));
    const bool bear_damage = options.on_damage == CaptureDamage::skip;
    if (const Status begun = reader.begin(path, start, bear_damage); !begun) return begun.error();
    return AnyReader(std::move(reader));
  }
  TextReader reader(std::move(*source));
  if (const Status begun = reader.begin(path, start); !begun) return begun.error();
  return AnyReader(std::move(reader));
}

}  // namespace

std::string_view to_string(CaptureKind kind) noexcept {
  switch (kind) {
    case CaptureKind::cryptofeed:
      return "cryptofeed";
    case CaptureKind::timestamped:
      return "timestamped";
    case CaptureKind::upcap:
      return "upcap";
    case CaptureKind::json_lines:
      break;
  }
  return "json_lines";
}

struct CaptureReader::State {
  State(std::string named, CaptureOptions given, AnyReader opened)
      : path(std::move(named)), options(given), reader(std::move(opened)) {
    take_header();
  }

  void take_header() {
    const auto* const upcap = std::get_if<UpcapReader>(&reader);
    if (upcap == nullptr) return;
    remarks = {};
    remarks.endpoint = upcap->header().endpoint;
    remarks.library_version = upcap->header().library_version;
    remarks.opened_unix_ns = upcap->header().opened_unix_ns;
    remarks.opened_mono_ns = upcap->header().opened_mono_ns;
    remarks.recording_id = upcap->header().recording_id;
    remarks.file_number = upcap->header().file_number;
  }
  CaptureStep next(TextReader& text, CapturedFrame& frame);
  CaptureStep next(UpcapReader& upcap, CapturedFrame& frame);
  /// false: not a frame.
  bool keep(const CaptureRecord& record);
  CaptureStep report(const UpcapReader& upcap);

  std::string path;
  CaptureOptions options;
  AnyReader reader;
  bool stopped = false;
  std::int64_t not_before_unix_ns = INT64_MIN;
  std::string reason;
  CaptureBadLine bad;
  CaptureRemarks remarks;  ///< of an .upcap file
};

CaptureStep CaptureReader::State::next(TextReader& text, CapturedFrame& frame) {
  constexpr int kPassedMax = 256;
  int passed = 0;
  CaptureStep step = text.next(frame);
  while (step == CaptureStep::frame && frame.received_unix_ns < not_before_unix_ns) {
    if (options.yields && ++passed == kPassedMax) return CaptureStep::passed;
    step = text.next(frame);
  }
  if (step == CaptureStep::bad_line) bad = text.bad_line();
  return step;
}

CaptureStep CaptureReader::State::report(const UpcapReader& upcap) {
  const capture::UpcapDamage& damage = upcap.damage();
  reason =
      "\"" + path + "\": at offset " + std::to_string(damage.offset_bytes) + " " + damage.reason;
  bad = {.line = upcap.record_number(),
         .reason = reason,
         .torn = damage.torn,
         .offset_bytes = damage.offset_bytes,
         .lost_bytes = damage.lost_bytes,
         .lost_records = damage.lost_records};
  return CaptureStep::bad_line;
}

bool CaptureReader::State::keep(const CaptureRecord& record) {
  const std::string_view text(record.payload.data(), record.payload.size());
  switch (record.type) {
    case RecordType::received_frame:
      return record.opcode < kFirstControlOpcode;
    case RecordType::sent_request:
      ++remarks.requests;
      remarks.request.assign(text);
      return false;
    case RecordType::status:
      ++remarks.status_changes;
      return false;
    case RecordType::loss:
      if (const auto loss = capture::read_loss(record.payload)) {
        remarks.records_lost += loss->records;
      }
      return false;
  }
  ++remarks.unknown_records;
  return false;
}

CaptureStep CaptureReader::State::next(UpcapReader& upcap, CapturedFrame& frame) {
  CaptureRecord record;
  for (;;) {
    const UpcapStep step = upcap.next(record);
    remarks.closed = upcap.closed();
    if (step == UpcapStep::end) return CaptureStep::end;
    if (step == UpcapStep::damage) return report(upcap);
    if (step == UpcapStep::passed) {
      if (options.yields) return CaptureStep::passed;
      continue;
    }
    if (!keep(record) && !options.all_records) continue;
    frame = {.payload = record.payload,
             .received_unix_ns = record.unix_ns,
             .line = upcap.record_number(),
             .received_mono_ns = record.mono_ns,
             .kernel_unix_ns = record.kernel_unix_ns,
             .connection = record.connection,
             .epoch = record.epoch,
             .opcode = record.opcode,
             .type = type_of(record.type),
             .kernel_time_shared = (record.flags & capture::kRecordFlagKernelShared) != 0};
    return CaptureStep::frame;
  }
}

CaptureReader::CaptureReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
CaptureReader::CaptureReader(CaptureReader&&) noexcept = default;
CaptureReader& CaptureReader::operator=(CaptureReader&&) noexcept = default;
CaptureReader::~CaptureReader() = default;

Result<CaptureReader> CaptureReader::open(const std::string& path, CaptureOptions options) {
  Result<AnyReader> reader = open_any(path, options);
  if (!reader) return reader.error();
  return CaptureReader(std::make_unique<State>(path, options, std::move(*reader)));
}

CaptureStep CaptureReader::next(CapturedFrame& frame) {
  State& state = *state_;
  if (state.stopped) return CaptureStep::end;
  const CaptureStep step =
      std::visit([&](auto& reader) { return state.next(reader, frame); }, state.reader);
  state.stopped = step == CaptureStep::bad_line && state.options.on_damage == CaptureDamage::stop;
  return step;
}

Status CaptureReader::seek(std::int64_t unix_ns) {
  State& state = *state_;
  if (kind() == CaptureKind::json_lines) {
    return bad_capture(state.path, "says no times, so there is no place to seek");
  }
  const capture::ByteSource& source = std::visit(
      [](auto& reader) -> const auto& { return reader.source(); }, state.reader);
  if (!source.is_file()) return bad_capture(state.path, "is a pipe, which cannot be seeked");
  if (!source.seekable() || kind() != CaptureKind::upcap) {
    Result<AnyReader> again = open_any(state.path, state.options);
    if (!again) return again.error();
    state.reader = std::move(*again);
  }
  state.stopped = false;
  state.not_before_unix_ns = unix_ns;
  state.take_header();
  if (auto* const upcap = std::get_if<UpcapReader>(&state.reader)) upcap->seek(unix_ns);
  return Done{};
}

std::uint64_t CaptureReader::bytes_read() const noexcept {
  return std::visit([](const auto& reader) { return reader.source().bytes_read(); },
                    state_->reader);
}
std::uint64_t CaptureReader::bytes_total() const noexcept {
  return std::visit([](const auto& reader) { return reader.source().size_bytes(); },
                    state_->reader);
}

std::optional<CapturedLoss> captured_loss(const CapturedFrame& record) noexcept {
  if (record.type != CapturedType::loss) return {};
  const auto loss = capture::read_loss(record.payload);
  if (!loss) return {};
  return CapturedLoss{loss->records, loss->payload_bytes, loss->first_unix_ns, loss->last_unix_ns};
}

std::optional<StatusEvent> captured_status(const CapturedFrame& record) noexcept {
  if (record.type != CapturedType::status) return {};
  auto status = capture::read_status({record.payload.data(), record.payload.size()});
  if (!status) return {};
  status->connection = record.connection;
  status->epoch = record.epoch;
  status->received_mono = MonoTime{record.received_mono_ns};
  return status;
}

const CaptureBadLine& CaptureReader::bad_line() const noexcept {
  return state_->bad;
}
CaptureKind CaptureReader::kind() const noexcept {
  const auto* const text = std::get_if<TextReader>(&state_->reader);
  return text == nullptr ? CaptureKind::upcap : text->kind();
}
const CaptureRemarks& CaptureReader::remarks() const noexcept {
  const auto* const text = std::get_if<TextReader>(&state_->reader);
  if (text != nullptr) return text->remarks();
  return state_->remarks;
}

}  // namespace upfeed
