#include "sim/byte_script.hpp"

#include <algorithm>

namespace upfeed::sim {
namespace {

constexpr std::size_t kMessageBytes = 1'000;

PipeStep data(std::string bytes) {
  return {PipeStep::Kind::data, std::move(bytes)};
}

}  // namespace

std::string frame_head(std::uint8_t first_byte, std::uint64_t size) {
  std::string head(1, static_cast<char>(first_byte));
  if (size < 126) {
    head.push_back(static_cast<char>(size));
    return head;
  }
  const int bytes = size < 65'536 ? 2 : 8;
  head.push_back(bytes == 2 ? 126 : 127);
  for (int i = bytes - 1; i >= 0; --i) head.push_back(static_cast<char>(size >> (8 * i)));
  return head;
}

std::string fragmented(std::string_view payload, std::size_t fragment_bytes) {
  std::string out;
  std::uint8_t opcode = kFinalBinary & 0x0fU;
  do {
    const std::size_t size = std::min(fragment_bytes, payload.size());
    const bool is_last = size == payload.size();
    out += frame_head(static_cast<std::uint8_t>((is_last ? 0x80U : 0U) | opcode), size);
    out += payload.substr(0, size);
    payload.remove_prefix(size);
    opcode = 0;
  } while (!payload.empty());
  return out;
}

ByteScript garbage_frame() {
  return {data("\x83\x05noise")};
}

ByteScript garbage_record() {
  return {{PipeStep::Kind::raw, std::string("\x7f\x00\xff garbage, no TLS record", 26)}};
}

ByteScript oversize_frame(std::size_t size) {
  return {data(frame_head(kFinalBinary, size) + std::string(size, ' '))};
}

ByteScript lying_length(std::uint64_t claimed) {
  std::string head(1, static_cast<char>(kFinalBinary));
  head.push_back(127);
  for (int i = 7; i >= 0; --i) head.push_back(static_cast<char>(claimed >> (8 * i)));
  return {data(head + R"({"type":"trade",)")};
}

ByteScript slow_message(std::chrono::milliseconds pause) {
  ByteScript script{data(frame_head(kFinalBinary, kMessageBytes))};
  for (std::size_t i = 0; i < kMessageBytes; ++i) {
    script.push_back({PipeStep::Kind::pause, {}, pause});
    script.push_back(data(" "));
  }
  return script;
}

ByteScript empty_fragments(std::size_t count) {
  std::string bytes("\x02\x01{", 3);
  for (std::size_t i = 0; i < count; ++i) bytes.append(2, '\0');
  return {data(std::move(bytes))};
}

ByteScript ping_flood(std::size_t count) {
  std::string bytes;
  for (std::size_t i = 0; i < count; ++i) bytes += "\x89\x04ping";
  return {data(std::move(bytes))};
}

ByteScript fin_mid_frame() {
  return {data(frame_head(kFinalBinary, kMessageBytes) + std::string(kMessageBytes / 2, ' ')),
          {PipeStep::Kind::fin}};
}

}  // namespace upfeed::sim
