// A window that slides over the file:
//
//   buffer_  | partial line moved here | what read() brought ...      | free | padding |
//            ^ begin_                                          ^ end_
//
// Invariant: 0 <= begin <= end <= kLineBytesMax; kCapturePadding bytes behind that always exist.
// A read brings at most kReadBytes, so only lines longer than that make the window touch more
// memory. mmap is deliberately not used: a file cut short by somebody else would end the process.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "capture/line.hpp"
#include "upfeed/capture.hpp"

namespace upfeed {
namespace {

constexpr std::size_t kReadBytes = std::size_t{256} << 10;
/// Enough for the first line's beginning, from which the kind is told.
constexpr std::size_t kProbeBytes = std::size_t{4} << 10;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kKnownKinds =
    "; known are cryptofeed raw files, lines of `ISO-time JSON`, and lines of JSON";

class File {
 public:
  explicit File(int fd) noexcept : fd_(fd) {}
  File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  File& operator=(File&&) = delete;
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const noexcept { return fd_; }

 private:
  int fd_;
};

Error no_such_file(const std::string& path, std::string_view what) {
  return {Errc::no_such_file, "capture \"" + path + "\": " + std::string(what)};
}

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
  if (text.starts_with("\x1F\x8B")) return "is gzip-compressed; unpack it first: gunzip -k FILE";
  if (text.starts_with("\x28\xB5\x2F\xFD")) {
    return "is zstd-compressed; unpack it first: zstd -d FILE";
  }
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

std::string_view to_string(CaptureKind kind) noexcept {
  switch (kind) {
    case CaptureKind::cryptofeed:
      return "cryptofeed";
    case CaptureKind::timestamped:
      return "timestamped";
    case CaptureKind::json_lines:
      break;
  }
  return "json_lines";
}

struct CaptureReader::State {
  explicit State(File opened) : file(std::move(opened)) {
    std::memset(buffer.get() + kLineBytesMax, 0, kCapturePadding);
  }

  /// Reads once, behind what is there. false: end of file, or an error (then read_errno).
  bool fill() noexcept {
    if (begin > 0) {
      std::memmove(buffer.get(), buffer.get() + begin, end - begin);
      end -= begin;
      begin = 0;
    }
    ssize_t count = 0;
    do {
      count = ::read(file.get(), buffer.get() + end, std::min(kReadBytes, kLineBytesMax - end));
    } while (count < 0 && errno == EINTR);
    if (count < 0) read_errno = errno;
    at_end = count <= 0;
    end += count > 0 ? static_cast<std::size_t>(count) : 0;
    return !at_end;
  }

  enum class LineStep : std::uint8_t { line, end, too_long };
  /// The next line without its end; `last` when the file ended without one.
  LineStep next_line(std::span<char>& out, bool& last) noexcept;
  CaptureStep report(std::string_view reason, bool torn) noexcept {
    bad = {.line = line_number, .reason = reason, .torn = torn};
    return CaptureStep::bad_line;
  }
  CaptureStep next(CapturedFrame& frame);
  /// The end, or first the system's error that made it one.
  CaptureStep end_of_file() noexcept {
    if (read_errno == 0) return CaptureStep::end;
    ++line_number;
    read_errno = 0;
    return report("the system could not read the file any further", false);
  }
  void keep_remark(const capture::Line& line) {
    remarks.endpoint.assign(line.endpoint);
    if (line.kind == capture::LineKind::connection) ++remarks.connections;
    if (line.kind == capture::LineKind::request) {
      ++remarks.requests;
      remarks.request.assign(line.request);
    }
  }

  File file;
  CaptureKind kind = CaptureKind::json_lines;
  std::unique_ptr<char[]> buffer =
      std::make_unique_for_overwrite<char[]>(kLineBytesMax + kCapturePadding);
  std::size_t begin = 0;
  std::size_t end = 0;
  std::uint64_t line_number = 0;
  int read_errno = 0;
  bool at_end = false;
  bool skipping = false;  ///< within a line that was too long
  CaptureBadLine bad;
  CaptureRemarks remarks;
};

auto CaptureReader::State::next_line(std::span<char>& out, bool& last) noexcept -> LineStep {
  std::size_t searched = 0;
  for (;;) {
    char* const start = buffer.get() + begin;
    const std::size_t size = end - begin;
    auto* const newline = static_cast<char*>(std::memchr(start + searched, '\n', size - searched));
    if (newline != nullptr) {
      begin += static_cast<std::size_t>(newline - start) + 1;
      if (std::exchange(skipping, false)) {
        searched = 0;
        continue;
      }
      ++line_number;
      out = {start, newline};
      last = false;
      return LineStep::line;
    }
    if (at_end) {
      begin = end;
      if (size == 0 || std::exchange(skipping, false)) return LineStep::end;
      ++line_number;
      out = {start, size};
      last = true;
      return LineStep::line;
    }
    searched = size;
    if (size == kLineBytesMax) {
      begin = end = 0;
      searched = 0;
      if (!std::exchange(skipping, true)) {
        ++line_number;
        return LineStep::too_long;
      }
    }
    fill();
  }
}

CaptureStep CaptureReader::State::next(CapturedFrame& frame) {
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
    if (line_number == 1 &&
        std::string_view(text.data(), text.size()).starts_with(kByteOrderMark)) {
      text = text.subspan(kByteOrderMark.size());
    }
    text = text.first(trimmed({text.data(), text.size()}).size());
    if (text.empty()) continue;
    const capture::Line line = capture::parse_line(kind, text, last);
    switch (line.kind) {
      case capture::LineKind::frame:
        frame = {line.payload, line.received_unix_ns, line_number};
        return CaptureStep::frame;
      case capture::LineKind::bad:
        return last ? report("torn: the file ends within this line", true)
                    : report(line.reason, false);
      case capture::LineKind::connection:
      case capture::LineKind::request:
        keep_remark(line);
        break;
      case capture::LineKind::remark:
        break;
    }
  }
}

CaptureReader::CaptureReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
CaptureReader::CaptureReader(CaptureReader&&) noexcept = default;
CaptureReader& CaptureReader::operator=(CaptureReader&&) noexcept = default;
CaptureReader::~CaptureReader() = default;

Result<CaptureReader> CaptureReader::open(const std::string& path) {
  File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return no_such_file(path, std::generic_category().message(errno));
  struct stat info {};
  if (::fstat(file.get(), &info) != 0)
    return no_such_file(path, std::generic_category().message(errno));
  if (S_ISDIR(info.st_mode)) {
    return no_such_file(path, "is a directory; name a file of captured frames");
  }

  auto state = std::make_unique<State>(std::move(file));
  // A pipe may bring the first line in pieces; a file comes at once.
  while (state->end < kProbeBytes && state->fill()) {
  }
  if (state->read_errno != 0)
    return no_such_file(path, std::generic_category().message(state->read_errno));
  std::string_view text(state->buffer.get(), std::min(state->end, kProbeBytes));
  if (const std::string_view what = binary_kind(text); !what.empty()) {
    return bad_capture(path, what);
  }
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  const std::string_view line = first_line(text);
  if (line.empty()) {
    return bad_capture(path, state->at_end ? "is empty; it should hold one captured frame a line"
                                           : "begins with blank lines only");
  }
  if (line == "{" || line == "[") {
    return bad_capture(path,
                       "is one JSON document over several lines; one frame a line is needed: "
                       "jq -c . FILE");
  }
  const std::optional<CaptureKind> kind = capture::guess_kind(line);
  if (!kind) {
    return bad_capture(path, "begins with " + excerpt(line) + std::string(kKnownKinds));
  }
  state->kind = *kind;
  return CaptureReader(std::move(state));
}

CaptureStep CaptureReader::next(CapturedFrame& frame) {
  return state_->next(frame);
}
const CaptureBadLine& CaptureReader::bad_line() const noexcept {
  return state_->bad;
}
CaptureKind CaptureReader::kind() const noexcept {
  return state_->kind;
}
const CaptureRemarks& CaptureReader::remarks() const noexcept {
  return state_->remarks;
}

}  // namespace upfeed
