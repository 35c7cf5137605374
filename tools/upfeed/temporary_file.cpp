#include "temporary_file.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace upfeed::program {

TemporaryFile::TemporaryFile(std::string_view name, std::string_view content) {
  std::string folder = std::filesystem::temp_directory_path() / "upfeed-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) {
    throw std::runtime_error("cannot make a folder like " + folder + ": " + std::strerror(errno));
  }
  folder_ = folder;
  path_ = folder_ + "/" + std::string(name);
  std::ofstream file(path_, std::ios::binary);
  file << content;
  file.close();
  if (!file) throw std::runtime_error("cannot write " + path_);
}

TemporaryFile::~TemporaryFile() {
  if (folder_.empty()) return;
  ::unlink(path_.c_str());
  ::rmdir(folder_.c_str());
}

}  // namespace upfeed::program
