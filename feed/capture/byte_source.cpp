// mmap is deliberately not used: a file cut short by somebody else would end the process.
#include "capture/byte_source.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace upfeed::capture {
namespace {

constexpr std::string_view kGzipMagic = "\x1F\x8B";
constexpr std::string_view kZstdMagic = "\x28\xB5\x2F\xFD";
constexpr std::string_view kSkippableMagic = "\x2A\x4D\x18";  // behind 0x50 to 0x5F
constexpr std::size_t kInputBytes = std::size_t{64} << 10;

/// One that begins with frames to be skipped, as pzstd writes it, is zstd, too (RFC 8878, 3.1.2).
bool is_zstd(std::string_view start) {
  if (start.starts_with(kZstdMagic)) return true;
  return start.size() > kSkippableMagic.size() && (start[0] & 0xF0) == 0x50 &&
         start.substr(1).starts_with(kSkippableMagic);
}

Error no_such_file(const std::string& path, std::string_view what) {
  return {Errc::no_such_file, "capture \"" + path + "\": " + std::string(what)};
}

}  // namespace

struct ByteSource::State {
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (packing == Packing::gzip) inflateEnd(&gzip);
    ZSTD_freeDStream(zstd);
    if (fd >= 0) ::close(fd);
  }

  /// 0: the end, or read_errno is set.
  std::size_t read_file(std::span<char> out) noexcept {
    ssize_t count = 0;
    do {
      count = ::read(fd, out.data(), out.size());
    } while (count < 0 && errno == EINTR);
    if (count >= 0) {
      file_at += static_cast<std::uint64_t>(count);
      return static_cast<std::size_t>(count);
    }
    read_errno = errno;
    error = "the system could not read the file any further";
    return 0;
  }
  /// false: no packed byte is left.
  bool refill() noexcept {
    if (at == filled) {
      at = 0;
      filled = read_file(input);
    }
    return at < filled;
  }
  /// Enough of the file's start to know its packing; a pipe may bring it in pieces.
  void probe() noexcept {
    while (filled < kZstdMagic.size()) {
      const std::size_t count = read_file(std::span(input).subspan(filled));
      if (count == 0) break;
      filled += count;
    }
  }
  bool start_unpacking() noexcept;
  std::size_t read_plain(std::span<char> out) noexcept;
  std::size_t read_gzip(std::span<char> out) noexcept;
  std::size_t read_zstd(std::span<char> out) noexcept;

  int fd = -1;
  bool regular = false;
  int read_errno = 0;
  std::uint64_t file_at = 0;
  Packing packing = Packing::none;
  bool within = false;  ///< a packed stream has begun and not ended
  bool torn = false;
  std::string_view error;
  z_stream gzip{};
  ZSTD_DStream* zstd = nullptr;
  std::size_t at = 0;  ///< input[at, filled) is not yet used
  std::size_t filled = 0;
  std::array<char, kInputBytes> input;
};

bool ByteSource::State::start_unpacking() noexcept {
  const std::string_view start(input.data(), filled);
  if (start.starts_with(kGzipMagic)) {
    constexpr int kGzipOnly = 16;  // added to the window bits; see zlib.h, inflateInit2
    if (inflateInit2(&gzip, MAX_WBITS + kGzipOnly) != Z_OK) return false;
    packing = Packing::gzip;
  } else if (is_zstd(start)) {
    zstd = ZSTD_createDStream();
    if (zstd == nullptr) return false;
    packing = Packing::zstd;
  }
  return true;
}

std::size_t ByteSource::State::read_plain(std::span<char> out) noexcept {
  if (at == filled) return read_file(out);
  const std::size_t count = std::min(out.size(), filled - at);
  std::memcpy(out.data(), input.data() + at, count);
  at += count;
  return count;
}

std::size_t ByteSource::State::read_gzip(std::span<char> out) noexcept {
  gzip.next_out = reinterpret_cast<Bytef*>(out.data());
  gzip.avail_out = static_cast<uInt>(std::min(out.size(), kInputBytes));
  const uInt wanted = gzip.avail_out;
  // What the decoder still holds comes out without new input.
  while (gzip.avail_out == wanted) {
    const bool more = refill();
    if (!more && !within) break;
    gzip.next_in = reinterpret_cast<Bytef*>(input.data() + at);
    gzip.avail_in = static_cast<uInt>(filled - at);
    within = true;
    const int result = inflate(&gzip, Z_NO_FLUSH);
    at = filled - gzip.avail_in;
    if (result == Z_STREAM_END) {
      // Members may follow one another; each is a stream of its own.
      within = false;
      inflateReset(&gzip);
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      error = "the gzip data is damaged";
      break;
    }
    if (!more) break;
  }
  return wanted - gzip.avail_out;
}

std::size_t ByteSource::State::read_zstd(std::span<char> out) noexcept {
  ZSTD_outBuffer to{out.data(), out.size(), 0};
  while (to.pos == 0) {
    const bool more = refill();
    if (!more && !within) break;
    ZSTD_inBuffer from{input.data(), filled, at};
    const std::size_t result = ZSTD_decompressStream(zstd, &to, &from);
    at = from.pos;
    if (ZSTD_isError(result)) {
      error = "the zstd data is damaged";
      break;
    }
    within = result != 0;
    if (!more) break;
  }
  return to.pos;
}

ByteSource::ByteSource(std::unique_ptr<State> state) : state_(std::move(state)) {}
ByteSource::ByteSource(ByteSource&&) noexcept = default;
ByteSource& ByteSource::operator=(ByteSource&&) noexcept = default;
ByteSource::~ByteSource() = default;

Result<ByteSource> ByteSource::open(const std::string& path) {
  auto state = std::make_unique<State>();
  state->fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat info {};
  if (state->fd < 0 || ::fstat(state->fd, &info) != 0) {
    return no_such_file(path, std::generic_category().message(errno));
  }
  if (S_ISDIR(info.st_mode)) {
    return no_such_file(path, "is a directory; name a file of captured frames");
  }
  state->regular = S_ISREG(info.st_mode);
  state->probe();
  if (state->read_errno != 0) {
    return no_such_file(path, std::generic_category().message(state->read_errno));
  }
  if (!state->start_unpacking()) return no_such_file(path, "no memory to unpack it");
  return ByteSource(std::move(state));
}

std::size_t ByteSource::read(std::span<char> out) noexcept {
  State& state = *state_;
  if (!state.error.empty()) return 0;
  std::size_t count = 0;
  switch (state.packing) {
    case Packing::none:
      return state.read_plain(out);
    case Packing::gzip:
      count = state.read_gzip(out);
      break;
    case Packing::zstd:
      count = state.read_zstd(out);
      break;
  }
  if (count == 0 && state.within && state.error.empty()) {
    state.torn = true;
    state.error = "the compressed data ends early";
  }
  return count;
}

std::string_view ByteSource::error() const noexcept {
  return state_->error;
}
bool ByteSource::torn() const noexcept {
  return state_->torn;
}
Packing ByteSource::packing() const noexcept {
  return state_->packing;
}
bool ByteSource::is_file() const noexcept {
  return state_->regular;
}
bool ByteSource::seekable() const noexcept {
  return state_->regular && state_->packing == Packing::none;
}

std::uint64_t ByteSource::bytes_read() const noexcept {
  return state_->file_at - (state_->filled - state_->at);
}

void ByteSource::seek(std::uint64_t offset_bytes) noexcept {
  state_->at = state_->filled = 0;
  state_->error = {};
  state_->file_at = offset_bytes;
  if (::lseek(state_->fd, static_cast<off_t>(offset_bytes), SEEK_SET) < 0) {
    state_->error = "the system could not go to another place in the file";
  }
}

std::uint64_t ByteSource::size_bytes() const noexcept {
  struct stat info {};
  return state_->regular && ::fstat(state_->fd, &info) == 0
             ? static_cast<std::uint64_t>(info.st_size)
             : 0;
}

}  // namespace upfeed::capture
