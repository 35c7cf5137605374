#include "session/status_text.hpp"

#include "session/request.hpp"

namespace upfeed {
namespace {

std::string name_of(const WantedStream& stream) {
  std::string name(stream.code.view());
  if (!name.empty()) name += ' ';
  name += wire_type(stream);
  if (stream.kind == EventKind::orderbook) {
    if (stream.units != kBookDepthMax) name += '.' + std::to_string(stream.units);
    if (!stream.level.is_zero()) name += " level " + stream.level.to_string();
  }
  return name;
}

}  // namespace

std::string status_line(std::string_view text, std::size_t bytes_max) {
  const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; };
  std::size_t size = text.size();
  if (size > bytes_max) {
    size = bytes_max;
    while (size > 0 && continues(text[size])) --size;
  }
  std::string line(text.substr(0, size));
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20U || c == 0x7F) c = ' ';
  }
  return line;
}

std::string stream_line(std::string_view prefix, const WantedSet& streams) {
  // " and 4294967295 more" must fit behind the last name.
  constexpr std::size_t kTailBytes = 20;
  std::string line = status_line(prefix, kStatusTextBytesMax / 2);
  for (std::size_t i = 0; i < streams.size(); ++i) {
    const std::string name = (i == 0 ? "" : ", ") + name_of(streams[i]);
    if (line.size() + name.size() + kTailBytes > kStatusTextBytesMax) {
      line += " and " + std::to_string(streams.size() - i) + " more";
      break;
    }
    line += name;
  }
  return status_line(line);
}

}  // namespace upfeed
