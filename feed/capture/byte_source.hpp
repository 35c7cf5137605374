// The bytes of a file, unpacked when its first bytes say gzip or zstd, whatever its name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "upfeed/errc.hpp"

namespace upfeed::capture {

enum class Packing : std::uint8_t { none, gzip, zstd };

/// Reads a file or a pipe from its start. Move-only; one thread at a time.
class ByteSource {
 public:
  /// errors  no_such_file: cannot be opened or read, or is a directory.
  [[nodiscard]] static Result<ByteSource> open(const std::string& path);

  ByteSource(ByteSource&&) noexcept;
  ByteSource& operator=(ByteSource&&) noexcept;
  ~ByteSource();

  /// Bytes put into `out`, which is not empty; 0: the end, or error() says why no more come.
  [[nodiscard]] std::size_t read(std::span<char> out) noexcept;
  /// One line for a person, static; empty: none.
  [[nodiscard]] std::string_view error() const noexcept;
  /// The packed bytes ended before they were whole.
  [[nodiscard]] bool torn() const noexcept;
  [[nodiscard]] Packing packing() const noexcept;

  /// Not a pipe: opened once more it brings the same bytes.
  [[nodiscard]] bool is_file() const noexcept;
  /// A plain file, so that seek() works.
  [[nodiscard]] bool seekable() const noexcept;
  /// An error of the system shows at the next read().
  void seek(std::uint64_t offset_bytes) noexcept;
  /// Bytes of the file, packed as they are, that were read up to here.
  [[nodiscard]] std::uint64_t bytes_read() const noexcept;
  /// Of a file, now; 0 for a pipe.
  [[nodiscard]] std::uint64_t size_bytes() const noexcept;

 private:
  struct State;
  explicit ByteSource(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace upfeed::capture
