#include "file_output.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

namespace upfeed::program {
namespace {

constexpr std::size_t kPackedBytes = std::size_t{64} << 10;
constexpr int kZstdLevel = 3;

enum class Packer : std::uint8_t { none, gzip, zstd };

Packer packer_of(const std::string& path) {
  if (path.ends_with(".gz")) return Packer::gzip;
  return path.ends_with(".zst") ? Packer::zstd : Packer::none;
}

}  // namespace

class FileOutput::Impl {
 public:
  Impl(std::string path, std::string growing, int fd)
      : path_(std::move(path)),
        growing_(std::move(growing)),
        fd_(fd),
        packer_(packer_of(path_)),
        packed_(kPackedBytes) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    if (packer_ == Packer::gzip) deflateEnd(&gzip_);
    ZSTD_freeCStream(zstd_);
    if (fd_ >= 0) ::close(fd_);
    if (!growing_.empty()) ::unlink(growing_.c_str());
  }

  /// false: no memory.
  bool begin() {
    if (packer_ == Packer::gzip) {
      constexpr int kGzip = 16;  // added to the window bits; see zlib.h, deflateInit2
      constexpr int kMemoryDefault = 8;
      return deflateInit2(&gzip_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + kGzip,
                          kMemoryDefault, Z_DEFAULT_STRATEGY) == Z_OK;
    }
    if (packer_ == Packer::zstd) {
      zstd_ = ZSTD_createCStream();
      return zstd_ != nullptr && !ZSTD_isError(ZSTD_initCStream(zstd_, kZstdLevel));
    }
    return true;
  }

  Status write(std::string_view bytes) { return pack(bytes, false); }

  Status finish() {
    if (const Status packed = pack({}, true); !packed) return packed;
    // The disk may be found full only now.
    if (::close(std::exchange(fd_, -1)) != 0) return failure(errno);
    if (::renameat2(AT_FDCWD, growing_.c_str(), AT_FDCWD, path_.c_str(), RENAME_NOREPLACE) != 0) {
      // Some file systems do not know the flag; that the name is free was seen at the start.
      if (errno != EINVAL || ::rename(growing_.c_str(), path_.c_str()) != 0) return failure(errno);
    }
    growing_.clear();
    return Done{};
  }

 private:
  [[nodiscard]] Error failure(int error) const {
    return {Errc::system, "cannot write " + path_ + ": " + std::strerror(error)};
  }

  Status pack(std::string_view bytes, bool last) {
    switch (packer_) {
      case Packer::gzip:
        return pack_gzip(bytes, last);
      case Packer::zstd:
        return pack_zstd(bytes, last);
      case Packer::none:
        break;
    }
    return put(bytes);
  }

  Status pack_gzip(std::string_view bytes, bool last) {
    gzip_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // zlib only reads
    gzip_.avail_in = static_cast<uInt>(bytes.size());
    do {
      gzip_.next_out = reinterpret_cast<Bytef*>(packed_.data());
      gzip_.avail_out = static_cast<uInt>(packed_.size());
      deflate(&gzip_, last ? Z_FINISH : Z_NO_FLUSH);
      const Status put_out = put({packed_.data(), packed_.size() - gzip_.avail_out});
      if (!put_out) return put_out;
    } while (gzip_.avail_out == 0);
    return Done{};
  }

  Status pack_zstd(std::string_view bytes, bool last) {
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    for (;;) {
      ZSTD_outBuffer out{packed_.data(), packed_.size(), 0};
      const std::size_t left =
          ZSTD_compressStream2(zstd_, &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
      if (ZSTD_isError(left)) return failure(ENOMEM);
      if (const Status put_out = put({packed_.data(), out.pos}); !put_out) return put_out;
      if (last ? left == 0 : in.pos == in.size) return Done{};
    }
  }

  Status put(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::write(fd_, bytes.data(), bytes.size());
      if (count < 0 && errno != EINTR) return failure(errno);
      if (count > 0) bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return Done{};
  }

  const std::string path_;
  std::string growing_;
  int fd_;
  const Packer packer_;
  std::vector<char> packed_;
  z_stream gzip_{};
  ZSTD_CStream* zstd_ = nullptr;
};

FileOutput::FileOutput(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FileOutput::FileOutput(FileOutput&&) noexcept = default;
FileOutput& FileOutput::operator=(FileOutput&&) noexcept = default;
FileOutput::~FileOutput() = default;

Result<FileOutput> FileOutput::create(const std::string& path, std::uint32_t mode) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) == 0) {
    return Error{Errc::bad_config, path + " exists already; remove it or give another name"};
  }
  std::string growing = path + ".XXXXXX";
  const int fd = ::mkstemp(growing.data());
  if (fd < 0) return Error{Errc::bad_config, "cannot make " + path + ": " + std::strerror(errno)};
  const mode_t mask = ::umask(0);
  ::umask(mask);
  ::fchmod(fd, mode & 0777 & ~mask);
  auto impl = std::make_unique<Impl>(path, std::move(growing), fd);
  if (!impl->begin()) return Error{Errc::system, "no memory to pack " + path};
  return FileOutput(std::move(impl));
}

Status FileOutput::write(std::string_view bytes) {
  return impl_->write(bytes);
}
Status FileOutput::finish() {
  return impl_->finish();
}

}  // namespace upfeed::program
