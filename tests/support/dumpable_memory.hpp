#pragma once

// What a core dump of this process would hold: every readable mapping but those that are excluded
// from dumps ("dd" in the VmFlags of /proc/self/smaps). The text that is looked for is kept masked,
// so that the search does not find itself.

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace upfeed::test {

/// Bytes under a mask. masked("...") of a literal is made by the compiler.
template <std::size_t N>
struct Masked {
  static constexpr char kMask = 0x5A;
  char bytes[N - 1]{};
  consteval explicit Masked(const char (&text)[N]) {
    for (std::size_t i = 0; i + 1 < N; ++i) bytes[i] = static_cast<char>(text[i] ^ kMask);
  }
  [[nodiscard]] std::string_view view() const { return {bytes, N - 1}; }
  [[nodiscard]] std::string plain() const {
    std::string text(view());
    for (char& c : text) c = static_cast<char>(c ^ kMask);
    return text;
  }
};

struct MemoryHits {
  std::size_t dumpable = 0;
  std::size_t excluded = 0;  ///< in mappings that no dump has
  std::size_t scanned_bytes = 0;
};

namespace detail {

struct Mapping {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  bool readable = false;
  bool excluded = false;
};

inline std::vector<Mapping> mappings() {
  std::vector<Mapping> all;
  std::ifstream smaps("/proc/self/smaps");
  for (std::string line; std::getline(smaps, line);) {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    char mode[5] = {};
    if (std::sscanf(line.c_str(), "%lx-%lx %4s", &begin, &end, mode) == 3) {
      const bool special = line.find("[vvar") != std::string::npos;
      all.push_back({begin, end, mode[0] == 'r' && !special, false});
    } else if (line.starts_with("VmFlags:") && !all.empty()) {
      all.back().excluded = (line + ' ').find(" dd ") != std::string::npos;
    }
  }
  if (all.empty()) throw std::runtime_error("no /proc/self/smaps");
  return all;
}

/// Of the matches, those that end behind `known` bytes.
inline std::size_t count(std::string_view memory, std::size_t known, std::string_view masked,
                         char mask) {
  std::size_t hits = 0;
  const auto first = static_cast<char>(masked.front() ^ mask);
  for (std::size_t at = memory.find(first); at != std::string_view::npos;
       at = memory.find(first, at + 1)) {
    if (memory.size() - at < masked.size()) break;
    std::size_t i = 1;
    while (i < masked.size() && static_cast<char>(masked[i] ^ mask) == memory[at + i]) ++i;
    if (i == masked.size() && at + i > known) ++hits;
  }
  return hits;
}

}  // namespace detail

/// Where the texts, masked by `mask` and at most 256 bytes long, lie in this process.
inline MemoryHits find_in_memory(const std::vector<std::string_view>& masked, char mask) {
  constexpr std::size_t kKept = 256;
  constexpr std::size_t kChunk = 1 << 20;
  MemoryHits hits;
  const int memory = ::open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
  // A mapping that nothing else shares, to be left out by its address.
  auto* const buffer = static_cast<char*>(
      ::mmap(nullptr, kKept + kChunk, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  if (memory < 0 || buffer == MAP_FAILED) throw std::runtime_error("no view of the memory");
  const auto own = reinterpret_cast<std::uintptr_t>(buffer);
  for (const detail::Mapping& each : detail::mappings()) {
    if (!each.readable || (each.begin <= own && own < each.end)) continue;
    std::size_t kept = 0;
    for (std::uintptr_t at = each.begin; at < each.end;) {
      const std::size_t want = std::min<std::size_t>(kChunk, each.end - at);
      const ssize_t got = ::pread(memory, buffer + kept, want, static_cast<off_t>(at));
      if (got <= 0) break;
      at += static_cast<std::size_t>(got);
      hits.scanned_bytes += static_cast<std::size_t>(got);
      const std::string_view part(buffer, kept + static_cast<std::size_t>(got));
      for (const std::string_view text : masked) {
        (each.excluded ? hits.excluded : hits.dumpable) += detail::count(part, kept, text, mask);
      }
      const std::string_view tail = part.substr(part.size() - std::min(kKept, part.size()));
      std::memmove(buffer, tail.data(), tail.size());
      kept = tail.size();
    }
  }
  ::munmap(buffer, kKept + kChunk);
  ::close(memory);
  return hits;
}

}  // namespace upfeed::test
