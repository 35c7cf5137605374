#include "net/ws_parser.hpp"

#include <algorithm>
#include <cstring>

#include "net/utf8.hpp"
#include "upfeed/assert.hpp"

namespace upfeed::net {
namespace {

constexpr std::size_t kControlBytesMax = 125;
constexpr std::size_t kServerHeaderBytesMax = 2 + 8;  // a server frame carries no mask

// RFC 6455 7.4.1 and 7.4.2, with 1012 to 1014 from the IANA registry: what may appear on the wire.
bool is_valid_close_code(unsigned code) {
  if (code >= 3000 && code <= 4999) return true;
  return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

std::uint64_t load_big_endian(const char* bytes, std::size_t count) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value = value << 8 | static_cast<std::uint8_t>(bytes[i]);
  return value;
}

// Not zeroed but filled: the pages are touched now and not on the hot path, and a reader that
// believes the padding meets something that is no digit, no quote and no zero.
std::unique_ptr<char[]> make_buffer(std::size_t size_bytes) {
  auto buffer = std::make_unique_for_overwrite<char[]>(size_bytes);
  std::memset(buffer.get(), 0xA5, size_bytes);
  return buffer;
}

}  // namespace

struct WsParser::Frame {
  std::uint8_t first = 0;
  std::uint8_t second = 0;
  std::size_t header_bytes = 0;
  std::uint64_t payload_bytes = 0;

  bool fin() const { return (first & 0x80) != 0; }
  WsOpcode opcode() const { return static_cast<WsOpcode>(first & 0x0F); }
  bool control() const { return (first & 0x08) != 0; }
};

WsParser::WsParser(WsLimits limits)
    : limits_(limits),
      capacity_(limits.message_bytes_max + kServerHeaderBytesMax + kReadRoomBytes),
      buffer_(make_buffer(capacity_ + kPayloadPaddingBytes)),
      assembly_(make_buffer(limits.message_bytes_max + kPayloadPaddingBytes)) {}

void WsParser::reset() noexcept {
  begin_ = end_ = 0;
  assembly_size_ = 0;
  fragment_count_ = 0;
  violation_ = WsViolation::none;
  closed_ = false;
  data_message_count_ = 0;
}

std::span<char> WsParser::prepare() noexcept {
  return {buffer_.get() + end_, capacity_ - end_};
}

void WsParser::commit(std::size_t size_bytes) noexcept {
  UPFEED_ASSERT(size_bytes <= capacity_ - end_);
  if (closed_ || violation_ != WsViolation::none) return;
  end_ += size_bytes;
}

ParseStatus WsParser::next(WsMessage& out) noexcept {
  if (violation_ != WsViolation::none) return ParseStatus::broken;
  for (;;) {
    if (closed_) {
      begin_ = end_ = 0;
      return ParseStatus::need_more;
    }
    if (end_ - begin_ < 2) return wait_for_more();
    Frame frame;
    frame.first = static_cast<std::uint8_t>(buffer_[begin_]);
    frame.second = static_cast<std::uint8_t>(buffer_[begin_ + 1]);
    if (const WsViolation found = check_first_bytes(frame); found != WsViolation::none) {
      return break_with(found);
    }
    if (!read_length(frame)) return wait_for_more();
    // From here on the length is small enough for any sum: check_length compared it to the limits.
    if (const WsViolation found = check_length(frame); found != WsViolation::none) {
      return break_with(found);
    }
    if (end_ - begin_ < frame.header_bytes + frame.payload_bytes) return wait_for_more();
    if (frame.control()) return finish_control(frame, out);
    bool delivered = false;
    const ParseStatus status = finish_data(frame, out, delivered);
    if (status == ParseStatus::broken || delivered) return status;
  }
}

// What two bytes can tell is told at once: a peer that stops there is named for its violation and
// not for its silence.
WsViolation WsParser::check_first_bytes(const Frame& frame) const noexcept {
  if ((frame.first & 0x70) != 0) return WsViolation::rsv_set;
  const unsigned opcode = frame.first & 0x0F;
  if ((opcode > 0x2 && opcode < 0x8) || opcode > 0xA) return WsViolation::reserved_opcode;
  if ((frame.second & 0x80) != 0) return WsViolation::masked_server_frame;
  if (frame.control()) {
    if (!frame.fin()) return WsViolation::control_fragmented;
    return frame.second > kControlBytesMax ? WsViolation::control_too_long : WsViolation::none;
  }
  const bool open = fragment_count_ != 0;
  if (frame.opcode() != WsOpcode::continuation) {
    return open ? WsViolation::data_inside_fragmented : WsViolation::none;
  }
  if (!open) return WsViolation::continuation_without_start;
  return fragment_count_ >= limits_.fragments_max ? WsViolation::too_many_fragments
                                                  : WsViolation::none;
}

bool WsParser::read_length(Frame& frame) const noexcept {
  const std::size_t length_bytes = frame.second < 126 ? 0 : frame.second == 126 ? 2 : 8;
  frame.header_bytes = 2 + length_bytes;
  if (end_ - begin_ < frame.header_bytes) return false;
  frame.payload_bytes =
      length_bytes == 0 ? frame.second : load_big_endian(&buffer_[begin_ + 2], length_bytes);
  return true;
}

WsViolation WsParser::check_length(const Frame& frame) const noexcept {
  const std::uint64_t length = frame.payload_bytes;
  if (length >> 63 != 0) return WsViolation::length_high_bit;
  if ((frame.header_bytes == 4 && length < 126) || (frame.header_bytes == 10 && length < 65536)) {
    return WsViolation::length_not_minimal;
  }
  if (frame.control()) return WsViolation::none;
  const std::size_t room = limits_.message_bytes_max - (fragment_count_ != 0 ? assembly_size_ : 0);
  return length > room ? WsViolation::message_too_big : WsViolation::none;
}

ParseStatus WsParser::finish_control(const Frame& frame, WsMessage& out) noexcept {
  const char* payload = buffer_.get() + begin_ + frame.header_bytes;
  out = {frame.opcode(), 0, {payload, static_cast<std::size_t>(frame.payload_bytes)}};
  if (frame.opcode() == WsOpcode::close) {
    if (out.payload.size() == 1) return break_with(WsViolation::close_payload_one_byte);
    out.close_code = kCloseNoCode;
    if (!out.payload.empty()) {
      out.close_code = static_cast<std::uint16_t>(load_big_endian(payload, 2));
      out.payload = out.payload.subspan(2);
      if (!is_valid_close_code(out.close_code)) return break_with(WsViolation::bad_close_code);
      if (!is_utf8(out.payload)) return break_with(WsViolation::bad_utf8_close_reason);
    }
    closed_ = true;
    fragment_count_ = 0;
    end_ = begin_ + frame.header_bytes + static_cast<std::size_t>(frame.payload_bytes);
  }
  begin_ += frame.header_bytes + static_cast<std::size_t>(frame.payload_bytes);
  return ParseStatus::ready;
}

ParseStatus WsParser::finish_data(const Frame& frame, WsMessage& out, bool& delivered) noexcept {
  const char* payload = buffer_.get() + begin_ + frame.header_bytes;
  const auto size = static_cast<std::size_t>(frame.payload_bytes);
  begin_ += frame.header_bytes + size;
  if (fragment_count_ == 0 && frame.fin()) {
    out = {frame.opcode(), 0, {payload, size}};
  } else {
    if (fragment_count_ == 0) {
      fragment_opcode_ = frame.opcode();
      assembly_size_ = 0;
    }
    std::memcpy(assembly_.get() + assembly_size_, payload, size);
    assembly_size_ += size;
    ++fragment_count_;
    if (!frame.fin()) return ParseStatus::ready;
    fragment_count_ = 0;
    out = {fragment_opcode_, 0, {assembly_.get(), assembly_size_}};
  }
  if (out.opcode == WsOpcode::text && !is_utf8(out.payload)) {
    return break_with(WsViolation::bad_utf8_text);
  }
  delivered = true;
  ++data_message_count_;
  return ParseStatus::ready;
}

ParseStatus WsParser::break_with(WsViolation violation) noexcept {
  violation_ = violation;
  begin_ = end_ = 0;
  fragment_count_ = 0;
  return ParseStatus::broken;
}

// No payload is out now, so bytes may move. Only an unfinished frame can be left; it fits behind
// the start of the buffer together with the room, because capacity_ is made of just these.
ParseStatus WsParser::wait_for_more() noexcept {
  if (begin_ == end_) {
    begin_ = end_ = 0;
  } else if (capacity_ - end_ < kReadRoomBytes) {
    UPFEED_ASSERT(begin_ != 0);
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  UPFEED_ASSERT(capacity_ - end_ >= kReadRoomBytes);
  return ParseStatus::need_more;
}

const char* to_string(WsViolation violation) noexcept {
  switch (violation) {
    case WsViolation::none:
      return "none";
    case WsViolation::rsv_set:
      return "rsv_set";
    case WsViolation::reserved_opcode:
      return "reserved_opcode";
    case WsViolation::masked_server_frame:
      return "masked_server_frame";
    case WsViolation::control_too_long:
      return "control_too_long";
    case WsViolation::control_fragmented:
      return "control_fragmented";
    case WsViolation::continuation_without_start:
      return "continuation_without_start";
    case WsViolation::data_inside_fragmented:
      return "data_inside_fragmented";
    case WsViolation::length_not_minimal:
      return "length_not_minimal";
    case WsViolation::length_high_bit:
      return "length_high_bit";
    case WsViolation::message_too_big:
      return "message_too_big";
    case WsViolation::too_many_fragments:
      return "too_many_fragments";
    case WsViolation::bad_utf8_text:
      return "bad_utf8_text";
    case WsViolation::close_payload_one_byte:
      return "close_payload_one_byte";
    case WsViolation::bad_close_code:
      return "bad_close_code";
    case WsViolation::bad_utf8_close_reason:
      return "bad_utf8_close_reason";
  }
  return "unknown";
}

std::uint16_t close_code_for(WsViolation violation) noexcept {
  switch (violation) {
    case WsViolation::bad_utf8_text:
    case WsViolation::bad_utf8_close_reason:
      return 1007;
    case WsViolation::message_too_big:
    case WsViolation::too_many_fragments:
      return 1009;
    default:
      return 1002;
  }
}

}  // namespace upfeed::net
