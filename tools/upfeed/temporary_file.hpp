#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace upfeed::program {

/// A file in a folder of its own that only this user can read; both go with the object.
class TemporaryFile {
 public:
  /// name  within the folder. Throws std::runtime_error.
  TemporaryFile(std::string_view name, std::string_view content);
  TemporaryFile(TemporaryFile&& other) noexcept
      : folder_(std::exchange(other.folder_, {})), path_(std::exchange(other.path_, {})) {}
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  ~TemporaryFile();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string folder_;
  std::string path_;
};

}  // namespace upfeed::program
