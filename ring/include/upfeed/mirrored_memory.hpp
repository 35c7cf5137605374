#pragma once

// Memory in which a run of bytes never has to wrap: one anonymous file mapped twice, back to back.
//
//      base                       base + size                base + 2 * size
//      | byte 0 ... byte size - 1 | byte 0 ... byte size - 1 |
//        the same pages -----------^
//
// Invariant: for every offset < size, the `size` bytes from at(offset) are contiguous, and
// at(offset)[i] and at((offset + i) % size)[0] are the same byte.
//
// Deliberately not done: growing, sharing between processes (the file is closed at once, and the
// pages are left out of a forked child), huge pages, locking into memory.

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <system_error>

namespace upfeed {

/// Zero-filled mirrored memory; the storage policy a ring ships with.
/// threads   construct and destroy while no other thread uses it; at() from any thread.
/// lifetime  pointers from at() die with the object. Neither copied nor moved.
class MirroredMemory {
 public:
  /// Maps the memory and fills its page tables, so that no page fault follows later.
  /// size_bytes        a multiple of page_bytes(), not zero.
  /// contiguous_bytes  the run needed from any offset; at most size_bytes, which is what it gets.
  /// errors            std::invalid_argument naming field, value and way out; std::system_error
  ///                   when the kernel refuses a file or a mapping.
  MirroredMemory(std::size_t size_bytes, std::size_t contiguous_bytes)
      : MirroredMemory(checked_size(size_bytes, contiguous_bytes)) {
    // From here on the address range is owned (the delegate returned), so a throw frees it.
    const AnonymousFile file(size_bytes);
    map_file(file.descriptor, base_);
    map_file(file.descriptor, base_ + size_bytes_);
    // A shared mapping survives fork(): a child that went on using it would write into the parent's
    // ring. Without the pages it faults instead of corrupting.
    if (::madvise(base_, 2 * size_bytes_, MADV_DONTFORK) != 0) {
      throw_errno("madvise(MADV_DONTFORK)");
    }
  }

  MirroredMemory(const MirroredMemory&) = delete;
  MirroredMemory& operator=(const MirroredMemory&) = delete;
  ~MirroredMemory() { ::munmap(base_, 2 * size_bytes_); }

  /// The bytes from `offset` on, of which size_bytes are contiguous. offset < size_bytes.
  [[nodiscard]] std::byte* at(std::size_t offset) const noexcept { return base_ + offset; }

  /// The unit that size_bytes must be a multiple of.
  [[nodiscard]] static std::size_t page_bytes() noexcept {
    return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  }

 private:
  struct AnonymousFile {
    explicit AnonymousFile(std::size_t size_bytes)
        : descriptor(::memfd_create("upfeed-ring", MFD_CLOEXEC)) {
      if (descriptor < 0) throw_errno("memfd_create");
      if (::ftruncate(descriptor, static_cast<::off_t>(size_bytes)) != 0) {
        const int error = errno;
        ::close(descriptor);
        errno = error;
        throw_errno("ftruncate");
      }
    }
    AnonymousFile(const AnonymousFile&) = delete;
    AnonymousFile& operator=(const AnonymousFile&) = delete;
    ~AnonymousFile() { ::close(descriptor); }  // the mappings keep the pages alive

    int descriptor;
  };

  explicit MirroredMemory(std::size_t size_bytes) : size_bytes_(size_bytes) {
    // Reserved in one piece, so that nothing else can be mapped between the two halves.
    void* range = ::mmap(nullptr, 2 * size_bytes, PROT_NONE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (range == MAP_FAILED) throw_errno("mmap of the address range");
    base_ = static_cast<std::byte*>(range);
  }

  void map_file(int descriptor, std::byte* where) {
    if (::mmap(where, size_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_POPULATE,
               descriptor, 0) == MAP_FAILED) {
      throw_errno("mmap of the pages");
    }
  }

  static std::size_t checked_size(std::size_t size_bytes, std::size_t contiguous_bytes) {
    const std::size_t page = page_bytes();
    if (size_bytes == 0 || size_bytes % page != 0) {
      throw std::invalid_argument("upfeed: mirrored memory of " + std::to_string(size_bytes) +
                                  " bytes: must be a multiple of the page size, " +
                                  std::to_string(page) + ", and not zero");
    }
    if (contiguous_bytes > size_bytes) {
      throw std::invalid_argument("upfeed: mirrored memory of " + std::to_string(size_bytes) +
                                  " bytes cannot hold " + std::to_string(contiguous_bytes) +
                                  " contiguous bytes: make it at least as large");
    }
    return size_bytes;
  }

  [[noreturn]] static void throw_errno(const char* call) {
    throw std::system_error(errno, std::generic_category(),
                            std::string("upfeed: mirrored memory: ") + call);
  }

  std::size_t size_bytes_;
  std::byte* base_ = nullptr;
};

}  // namespace upfeed
