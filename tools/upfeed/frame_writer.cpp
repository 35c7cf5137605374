#include "frame_writer.hpp"

#include <algorithm>
#include <random>
#include <span>

#include "capture/block_packer.hpp"
#include "capture/status_record.hpp"
#include "time_text.hpp"

namespace upfeed::program {
namespace {

using capture::CaptureRecord;

constexpr std::string_view kHasLineEnd = "frame with a line end in it, which a line cannot hold";
constexpr std::string_view kNoJson = "frame that is no JSON object or list";
constexpr std::string_view kNoTime = "frame without a receive time";
constexpr std::uint8_t kOpcodeText = 1;  // RFC 6455, 5.2

std::string_view text_of(const CaptureRecord& record) {
  return {record.payload.data(), record.payload.size()};
}

/// What is no frame and has no place in lines of frames.
std::string_view other_record(CaptureItemKind kind) {
  switch (kind) {
    case CaptureItemKind::request:
      return "request that was sent";
    case CaptureItemKind::status:
      return "change of a connection's state";
    case CaptureItemKind::loss:
      return "note of a loss";
    default:
      return "unknown record";
  }
}

/// Empty: `payload` can stand in a line of its own and be read again byte for byte.
std::string_view unfit_for_line(std::string_view payload) {
  const bool json = !payload.empty() && ((payload.front() == '{' && payload.back() == '}') ||
                                         (payload.front() == '[' && payload.back() == ']'));
  if (!json) return kNoJson;
  return payload.find('\n') != std::string_view::npos ? kHasLineEnd : std::string_view{};
}

class JsonLinesWriter final : public FrameWriter {
 public:
  std::string_view put(const CaptureItem& item, const EventHeader*, std::string& out) override {
    if (item.kind != CaptureItemKind::frame) return other_record(item.kind);
    const std::string_view payload = text_of(item.record);
    if (const std::string_view unfit = unfit_for_line(payload); !unfit.empty()) return unfit;
    out.append(payload) += '\n';
    return {};
  }
};

/// As tardis writes it: seven decimals, always, because its readers cut the line at a fixed place.
class TimestampedWriter final : public FrameWriter {
 public:
  [[nodiscard]] bool needs_time() const override { return true; }
  std::string_view put(const CaptureItem& item, const EventHeader*, std::string& out) override {
    constexpr int kDecimals = 7;
    if (item.kind != CaptureItemKind::frame) return other_record(item.kind);
    const std::string_view payload = text_of(item.record);
    if (const std::string_view unfit = unfit_for_line(payload); !unfit.empty()) return unfit;
    if (item.record.unix_ns == 0) return kNoTime;
    out += iso_time(item.record.unix_ns, kDecimals);
    out += ' ';
    out.append(payload) += '\n';
    return {};
  }
};

/// Appends b'...' as Python's repr() writes it.
void append_python_bytes(std::string_view bytes, std::string& out) {
  constexpr std::string_view kHex = "0123456789abcdef";
  const bool single = bytes.find('\'') != std::string_view::npos;
  const bool both = single && bytes.find('"') != std::string_view::npos;
  const char quote = single && !both ? '"' : '\'';
  out += 'b';
  out += quote;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == quote || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n' || c == '\r' || c == '\t') {
      out += c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t";
    } else if (byte < 0x20 || byte >= 0x7F) {
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  out += quote;
}

class CryptofeedWriter final : public FrameWriter {
 public:
  [[nodiscard]] bool needs_time() const override { return true; }
  void begin(const CaptureAbout& about, std::string& out) override {
    endpoint_ = about.endpoint;
    if (endpoint_.find("://") == std::string::npos) endpoint_ = "wss://" + endpoint_;
    out += "configuration: {}\n";
  }
  std::string_view put(const CaptureItem& item, const EventHeader*, std::string& out) override {
    const std::string_view payload = text_of(item.record);
    const std::string time = epoch_text(item.record.unix_ns);
    switch (item.kind) {
      case CaptureItemKind::frame:
        return put_frame(item.record, out);
      case CaptureItemKind::request:
        if (payload.find('\n') != std::string_view::npos) return other_record(item.kind);
        out += endpoint_ + " <- " + time + ": ";
        out.append(payload) += '\n';
        return {};
      case CaptureItemKind::status: {
        const auto status = capture::read_status(payload);
        if (!status || status->state != SessionState::live ||
            status->previous_state == SessionState::live) {
          return other_record(item.kind);
        }
        out += endpoint_ + " <-> " + time + '\n';
        return {};
      }
      default:
        return other_record(item.kind);
    }
  }

 private:
  static std::string_view put_frame(const CaptureRecord& record, std::string& out) {
    if (record.unix_ns == 0) return kNoTime;
    const std::string_view payload = text_of(record);
    out += epoch_text(record.unix_ns) + ": ";
    if (record.opcode == kOpcodeText && unfit_for_line(payload).empty()) {
      out.append(payload);  // Python prints a text frame bare
    } else {
      append_python_bytes(payload, out);
    }
    out += '\n';
    return {};
  }
  std::string endpoint_;
};

std::uint64_t random_id() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

/// Whole blocks as the recorder writes them, closed with an index.
class UpcapFrameWriter final : public FrameWriter {
 public:
  void begin(const CaptureAbout& about, std::string&) override {
    about_ = about;
    text_lives_ = about.kind != CaptureKind::upcap;
  }
  std::string_view put(const CaptureItem& item, const EventHeader*, std::string& out) override {
    CaptureRecord record = item.record;
    if (text_lives_) {
      // Text knows one clock; by it the steady one, which must not go back, has to go too.
      record.mono_ns = last_mono_ns_ = std::max(last_mono_ns_, record.unix_ns);
      record.epoch = 1;
    }
    if (!header_written_) write_header(record, out);
    const std::size_t bytes = capture::kRecordHeaderBytes + record.payload.size();
    if (bytes > capture::kRecordBytesMax) return "frame longer than a record can be";
    if (!block_.empty() && block_.payload_bytes() + bytes > kBlockBytes) write_block(out);
    block_.add(record);
    return {};
  }
  void finish(std::string& out) override {
    if (!header_written_) write_header({}, out);
    if (!block_.empty()) write_block(out);
    bytes_.clear();
    capture::put_index_block(index_, file_id_, offset_, bytes_);
    out.append(bytes_.data(), bytes_.size());
  }

 private:
  static constexpr std::size_t kBlockBytes = std::size_t{256} << 10;
  static constexpr int kZstdLevel = 3;

  void write_header(const CaptureRecord& first, std::string& out) {
    header_written_ = true;
    capture::FileHeader header;
    header.file_id = file_id_;
    header.recording_id = text_lives_ ? random_id() : about_.recording_id;
    header.opened_unix_ns = text_lives_ ? first.unix_ns : about_.opened_unix_ns;
    header.opened_mono_ns = text_lives_ ? first.mono_ns : about_.opened_mono_ns;
    header.file_number = about_.file_number;
    header.endpoint = about_.endpoint;
    header.library_version = text_lives_ ? "converted from " + std::string(to_string(about_.kind))
                                         : about_.library_version;
    bytes_.clear();
    capture::put_file_header(header, bytes_);
    out.append(bytes_.data(), bytes_.size());
    offset_ += bytes_.size();
  }
  void write_block(std::string& out) {
    const std::span<const char> block = block_.pack(file_id_, records_);
    index_.push_back({.offset_bytes = offset_,
                      .first_record = records_,
                      .record_count = block_.record_count(),
                      .earliest_unix_ns = block_.earliest_unix_ns(),
                      .latest_unix_ns = block_.latest_unix_ns()});
    out.append(block.data(), block.size());
    offset_ += block.size();
    records_ += block_.record_count();
    block_.clear();
  }

  CaptureAbout about_;
  capture::BlockPacker block_{kBlockBytes, kZstdLevel};
  std::vector<capture::IndexEntry> index_;
  std::vector<char> bytes_;
  const std::uint64_t file_id_ = random_id();
  std::uint64_t offset_ = 0;
  std::uint64_t records_ = 0;
  std::int64_t last_mono_ns_ = 0;
  bool text_lives_ = false;
  bool header_written_ = false;
};

class FormatWriter final : public FrameWriter {
 public:
  explicit FormatWriter(WireFormat format) : format_(format) {}
  [[nodiscard]] bool needs_event() const override { return true; }
  std::string_view put(const CaptureItem& item, const EventHeader* event,
                       std::string& out) override {
    if (item.kind != CaptureItemKind::frame) return other_record(item.kind);
    if (encode(*event, format_, out) == 0) return "indicator frame, known under its own names only";
    out += '\n';
    return {};
  }

 private:
  const WireFormat format_;
};

}  // namespace

std::unique_ptr<FrameWriter> make_raw_writer(std::string_view form) {
  if (form == "upcap") return std::make_unique<UpcapFrameWriter>();
  if (form == "cryptofeed") return std::make_unique<CryptofeedWriter>();
  if (form == "timestamped") return std::make_unique<TimestampedWriter>();
  if (form == "json-lines") return std::make_unique<JsonLinesWriter>();
  return nullptr;
}

std::unique_ptr<FrameWriter> make_format_writer(WireFormat format) {
  return std::make_unique<FormatWriter>(format);
}

std::string epoch_text(std::int64_t unix_ns) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  std::string fraction = std::to_string(kSecond + unix_ns % kSecond).substr(1);
  while (fraction.size() > 1 && fraction.back() == '0') fraction.pop_back();
  return std::to_string(unix_ns / kSecond) + "." + fraction;
}

}  // namespace upfeed::program
