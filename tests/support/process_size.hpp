#pragma once

#include <dirent.h>
#include <unistd.h>
#include <cstddef>
#include <cstdint>
#include <fstream>

/// Memory of this process that is not swapped out.
inline double resident_mib() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t size_pages = 0;
  std::uint64_t resident_pages = 0;
  statm >> size_pages >> resident_pages;
  return static_cast<double>(resident_pages * static_cast<std::uint64_t>(::getpagesize())) /
         (1 << 20);
}

/// The same number too many each time: those for looking.
inline std::size_t open_descriptors() {
  DIR* folder = ::opendir("/proc/self/fd");
  std::size_t count = 0;
  while (::readdir(folder) != nullptr) ++count;
  ::closedir(folder);
  return count;
}
