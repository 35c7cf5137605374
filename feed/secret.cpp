#include "upfeed/secret.hpp"

#include <openssl/crypto.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <new>

#include "upfeed/assert.hpp"

namespace upfeed {
namespace {

std::size_t whole_pages(std::size_t size_bytes) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return (size_bytes + page - 1) / page * page;
}

/// Zeros that are in no core dump.
char* private_pages(std::size_t size_bytes) {
  void* const pages =
      ::mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) throw std::bad_alloc();
  if (::madvise(pages, size_bytes, MADV_DONTDUMP) != 0) {
    ::munmap(pages, size_bytes);
    throw std::bad_alloc();
  }
  // Both where they are to be had: kernels before 4.14 and some sandboxes know no WIPEONFORK, and
  // RLIMIT_MEMLOCK may be 0. A child's copy is in no dump either.
  ::madvise(pages, size_bytes, MADV_WIPEONFORK);
  ::mlock(pages, size_bytes);
  return static_cast<char*>(pages);
}

}  // namespace

void Secret::GiveBack::operator()(char* pages) const noexcept {
  ::munmap(pages, size_bytes);
}

Secret::Secret(std::string_view text) : Secret(join({text})) {}

Secret Secret::join(std::initializer_list<std::string_view> parts) {
  std::size_t size_bytes = 0;
  for (const std::string_view part : parts) size_bytes += part.size();
  Secret whole = zeros(size_bytes);
  char* at = whole.text_.get();
  for (const std::string_view part : parts) {
    if (part.empty()) continue;
    std::memcpy(at, part.data(), part.size());
    at += part.size();
  }
  return whole;
}

Secret Secret::zeros(std::size_t size_bytes) {
  Secret secret;
  if (size_bytes == 0) return secret;
  const std::size_t mapped_bytes = whole_pages(size_bytes);
  secret.text_ = {private_pages(mapped_bytes), GiveBack{mapped_bytes}};
  secret.size_ = size_bytes;
  return secret;
}

Secret::~Secret() {
  shrink(0);
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this == &other) return *this;
  shrink(0);
  text_ = std::move(other.text_);
  size_ = std::exchange(other.size_, 0);
  return *this;
}

void Secret::shrink(std::size_t size_bytes) noexcept {
  UPFEED_ASSERT(size_bytes <= size_);
  OPENSSL_cleanse(text_.get() + size_bytes, size_ - size_bytes);  // not optimised away
  size_ = size_bytes;
}

}  // namespace upfeed
