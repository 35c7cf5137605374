#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "upfeed/errc.hpp"

namespace upfeed::program {

/// A file that appears under its name whole, or not at all: it grows under another name beside it.
/// Names that end with .gz or .zst are packed. Never written over a file that exists.
class FileOutput {
 public:
  /// mode  of the file, before the umask. errors  bad_config: it exists, or its folder does not.
  [[nodiscard]] static Result<FileOutput> create(const std::string& path, std::uint32_t mode);
  FileOutput(FileOutput&&) noexcept;
  FileOutput& operator=(FileOutput&&) noexcept;
  /// Without finish(): nothing is left behind.
  ~FileOutput();

  /// errors  system: the reason, e.g. a full disk; then nothing more is written.
  Status write(std::string_view bytes);
  /// Ends the packing and gives the file its name. errors  as write(), or the name is taken now.
  Status finish();

 private:
  class Impl;
  explicit FileOutput(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace upfeed::program
