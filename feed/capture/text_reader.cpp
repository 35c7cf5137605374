// A window that slides over the file:
//
//   buffer_  | partial line moved here | what read() brought ...      | free | padding |
//            ^ begin_                                          ^ end_
//
// Invariant: 0 <= begin <= end <= kLineBytesMax; kCapturePadding bytes behind that always exist.
// A read brings at most kReadBytes, so only lines longer than that make the window touch more
// memory.
#include "capture/text_reader.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

namespace upfeed::capture {
namespace {

constexpr std::size_t kLineBytesMax = CaptureReader::kLineBytesMax;
constexpr std::size_t kReadBytes = std::size_t{256} << 10;
/// Enough for the first line's beginning, from which the kind is told.
constexpr std::size_t kProbeBytes = std::size_t{4} << 10;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kKnownKinds =
    "; known are .upcap files, cryptofeed raw files, lines of `ISO-time JSON`, and lines of JSON";

Error bad_capture(const std::string& path, std::string_view what) {
  return {Errc::bad_capture, "capture \"" + path + "\": " + std::string(what)};
}

std::string_view trimmed(std::string_view line) {
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t')) {
    line.remove_suffix(1);
  }
  return line;
}

/// The first line that is not blank, as far as `text` has it.
std::string_view first_line(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = trimmed(text.substr(0, end));
    if (!line.empty() || end == std::string_view::npos) return line;
    text.remove_prefix(end + 1);
  }
  return {};
}

/// What a file is that holds no text; empty when it looks like text.
std::string_view binary_kind(std::string_view text) {
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    return "is UTF-16 text; convert it first: iconv -f UTF-16 -t UTF-8 FILE";
  }
  const bool control = std::any_of(text.begin(), text.end(), [](char c) {
    return (c >= 0 && c < ' ' && c != '\n' && c != '\r' && c != '\t') || c == 0x7F;
  });
  return control ? "is a binary file, not captured text" : "";
}

/// A short piece of the file for a message, cut at a whole UTF-8 character.
std::string excerpt(std::string_view line) {
  constexpr std::size_t kShown = 40;
  if (line.size() <= kShown) return "\"" + std::string(line) + "\"";
  std::size_t size = kShown;
  while (size > 0 && (static_cast<unsigned char>(line[size]) & 0xC0) == 0x80) --size;
  return "\"" + std::string(line.substr(0, size)) + "...\"";
}

}  // namespace

TextReader::TextReader(ByteSource source) noexcept
    : source_(std::move(source)),
      buffer_(std::make_unique_for_overwrite<char[]>(kLineBytesMax + kCapturePadding)) {
  std::memset(buffer_.get() + kLineBytesMax, 0, kCapturePadding);
}

bool TextReader::fill() noexcept {
  if (begin_ > 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  const std::size_t count =
      source_.read({buffer_.get() + end_, std::min(kReadBytes, kLineBytesMax - end_)});
  at_end_ = count == 0;
  end_ += count;
  return !at_end_;
}

auto TextReader::next_line(std::span<char>& out, bool& last) noexcept -> LineStep {
  std::size_t searched = 0;
  for (;;) {
    char* const start = buffer_.get() + begin_;
    const std::size_t size = end_ - begin_;
    auto* const newline = static_cast<char*>(std::memchr(start + searched, '\n', size - searched));
    if (newline != nullptr) {
      begin_ += static_cast<std::size_t>(newline - start) + 1;
      if (std::exchange(skipping_, false)) {
        searched = 0;
        continue;
      }
      ++line_number_;
      out = {start, newline};
      last = false;
      return LineStep::line;
    }
    if (at_end_) {
      begin_ = end_;
      if (size == 0 || std::exchange(skipping_, false)) return LineStep::end;
      ++line_number_;
      out = {start, size};
      last = true;
      return LineStep::line;
    }
    searched = size;
    if (size == kLineBytesMax) {
      begin_ = end_ = 0;
      searched = 0;
      if (!std::exchange(skipping_, true)) {
        ++line_number_;
        return LineStep::too_long;
      }
    }
    fill();
  }
}

CaptureStep TextReader::next(CapturedFrame& frame) {
  for (;;) {
    std::span<char> text;
    bool last = false;
    switch (next_line(text, last)) {
      case LineStep::end:
        return end_of_file();
      case LineStep::too_long:
        return report("the line is longer than 8 MiB", false);
      case LineStep::line:
        break;
    }
    if (line_number_ == 1 &&
        std::string_view(text.data(), text.size()).starts_with(kByteOrderMark)) {
      text = text.subspan(kByteOrderMark.size());
    }
    text = text.first(trimmed({text.data(), text.size()}).size());
    if (text.empty()) continue;
    const Line line = parse_line(kind_, text, last);
    switch (line.kind) {
      case LineKind::frame:
        frame = {line.payload, line.received_unix_ns, line_number_};
        return CaptureStep::frame;
      case LineKind::bad:
        return last ? report("torn: the file ends within this line", true)
                    : report(line.reason, false);
      case LineKind::connection:
      case LineKind::request:
        keep_remark(line);
        break;
      case LineKind::remark:
        break;
    }
  }
}

CaptureStep TextReader::report(std::string_view reason, bool torn) noexcept {
  bad_ = {.line = line_number_, .reason = reason, .torn = torn};
  return CaptureStep::bad_line;
}

CaptureStep TextReader::end_of_file() noexcept {
  if (source_.error().empty() || std::exchange(error_told_, true)) return CaptureStep::end;
  ++line_number_;
  return report(source_.error(), source_.torn());
}

void TextReader::keep_remark(const Line& line) {
  remarks_.endpoint.assign(line.endpoint);
  if (line.kind == LineKind::connection) ++remarks_.connections;
  if (line.kind == LineKind::request) {
    ++remarks_.requests;
    remarks_.request.assign(line.request);
  }
}

Status TextReader::begin(const std::string& path, std::string_view start) {
  std::copy(start.begin(), start.end(), buffer_.get());
  end_ = start.size();
  // A pipe may bring the first line in pieces; a file comes at once.
  while (end_ < kProbeBytes && fill()) {
  }
  if (end_ == 0 && !source_.error().empty()) return bad_capture(path, source_.error());
  std::string_view text(buffer_.get(), std::min(end_, kProbeBytes));
  if (const std::string_view what = binary_kind(text); !what.empty()) {
    return bad_capture(path, what);
  }
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  const std::string_view line = first_line(text);
  if (line.empty()) {
    return bad_capture(path, at_end_ ? "is empty; it should hold one captured frame a line"
                                     : "begins with blank lines only");
  }
  if (line == "{" || line == "[") {
    return bad_capture(path,
                       "is one JSON document over several lines; one frame a line is needed: "
                       "jq -c . FILE");
  }
  const std::optional<CaptureKind> kind = guess_kind(line);
  if (!kind) return bad_capture(path, "begins with " + excerpt(line) + std::string(kKnownKinds));
  kind_ = *kind;
  return Done{};
}

}  // namespace upfeed::capture
