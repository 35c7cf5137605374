#include "capture_file.hpp"

#include <array>
#include <span>
#include <utility>

namespace upfeed::program {
namespace {

using capture::ByteSource;
using capture::Packing;
using capture::RecordType;
using capture::UpcapReader;
using capture::UpcapStep;

std::string_view name_of(Packing packing) {
  switch (packing) {
    case Packing::gzip:
      return "gzip";
    case Packing::zstd:
      return "zstd";
    case Packing::none:
      break;
  }
  return "none";
}

CaptureItemKind kind_of(const capture::CaptureRecord& record) {
  switch (record.type) {
    case RecordType::received_frame:
      return CaptureItemKind::frame;
    case RecordType::sent_request:
      return CaptureItemKind::request;
    case RecordType::status:
      return CaptureItemKind::status;
    case RecordType::loss:
      return CaptureItemKind::loss;
  }
  return CaptureItemKind::unknown;
}

}  // namespace

Result<CaptureFile> CaptureFile::open(const std::string& path) {
  // Tells what the file is, or why it is none; all of an .upcap file is then read record by record.
  Result<CaptureReader> reader = CaptureReader::open(path);
  if (!reader) return reader.error();
  if (reader->bytes_total() == 0) {
    if (reader->kind() != CaptureKind::upcap) return CaptureFile(path, "none", std::move(*reader));
    return Error{Errc::bad_capture,
                 "capture \"" + path + "\": is a pipe; an .upcap file is read from the disk"};
  }
  Result<ByteSource> source = ByteSource::open(path);
  if (!source) return source.error();
  const std::string_view packing = name_of(source->packing());
  if (reader->kind() != CaptureKind::upcap) return CaptureFile(path, packing, std::move(*reader));
  std::array<char, 1> start{};
  const std::size_t size = source->read(start);
  UpcapReader upcap(std::move(*source));
  const Status begun = upcap.begin(path, {start.data(), size}, true);
  if (!begun) return begun.error();
  return CaptureFile(path, packing, std::move(upcap));
}

CaptureItem CaptureFile::next(CaptureReader& reader) {
  CapturedFrame frame;
  switch (reader.next(frame)) {
    case CaptureStep::passed:  // nothing is sought in text
    case CaptureStep::end:
      return {};
    case CaptureStep::bad_line:
      return {.kind = CaptureItemKind::damage,
              .number = reader.bad_line().line,
              .reason = reader.bad_line().reason,
              .torn = reader.bad_line().torn};
    case CaptureStep::frame:
      break;
  }
  return {.kind = CaptureItemKind::frame,
          .record = {.unix_ns = frame.received_unix_ns, .payload = frame.payload},
          .number = frame.line};
}

CaptureItem CaptureFile::next(UpcapReader& reader) {
  CaptureItem item;
  UpcapStep step = reader.next(item.record);
  while (step == UpcapStep::passed) step = reader.next(item.record);
  switch (step) {
    case UpcapStep::passed:
    case UpcapStep::end:
      return {};
    case UpcapStep::damage:
      return {.kind = CaptureItemKind::damage,
              .number = reader.record_number(),
              .offset_bytes = reader.damage().offset_bytes,
              .lost_records = reader.damage().lost_records,
              .reason = reader.damage().reason,
              .torn = reader.damage().torn};
    case UpcapStep::record:
      break;
  }
  item.kind = kind_of(item.record);
  item.number = reader.record_number();
  item.offset_bytes = reader.block_offset_bytes();
  return item;
}

CaptureItem CaptureFile::next() {
  return std::visit([](auto& reader) { return next(reader); }, reader_);
}

void CaptureFile::seek(std::int64_t unix_ns) {
  auto* const upcap = std::get_if<UpcapReader>(&reader_);
  if (upcap != nullptr && upcap->source().seekable()) upcap->seek(unix_ns);
}

CaptureKind CaptureFile::kind() const {
  const auto* const text = std::get_if<CaptureReader>(&reader_);
  return text == nullptr ? CaptureKind::upcap : text->kind();
}

CaptureAbout CaptureFile::about() const {
  CaptureAbout about{.packing = packing_, .endpoint = {}, .library_version = {}};
  if (const auto* const upcap = std::get_if<UpcapReader>(&reader_)) {
    const capture::FileHeader& header = upcap->header();
    about.kind = CaptureKind::upcap;
    about.endpoint = header.endpoint;
    about.version = header.version;
    about.library_version = header.library_version;
    about.opened_unix_ns = header.opened_unix_ns;
    about.opened_mono_ns = header.opened_mono_ns;
    about.recording_id = header.recording_id;
    about.file_number = header.file_number;
    about.closed = upcap->closed();
    return about;
  }
  const auto& text = std::get<CaptureReader>(reader_);
  about.kind = text.kind();
  about.endpoint = text.remarks().endpoint;
  about.connections = text.remarks().connections;
  about.requests = text.remarks().requests;
  return about;
}

ReadPosition CaptureFile::position() const {
  if (const auto* const text = std::get_if<CaptureReader>(&reader_)) {
    return {text->bytes_read(), text->bytes_total()};
  }
  const ByteSource& source = std::get<UpcapReader>(reader_).source();
  return {source.bytes_read(), source.size_bytes()};
}

std::string CaptureFile::place(const CaptureItem& item) const {
  const std::string number = std::to_string(item.number);
  if (!std::holds_alternative<UpcapReader>(reader_)) return "line " + number;
  const std::string offset = " offset " + std::to_string(item.offset_bytes);
  if (item.kind == CaptureItemKind::damage) {
    return (item.number == 0 ? "" : "behind record " + number + ",") +
           offset.substr(item.number == 0);
  }
  return "record " + number + "," + offset;
}

}  // namespace upfeed::program
