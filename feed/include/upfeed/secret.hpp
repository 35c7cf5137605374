#pragma once

// API keys and what is made of them. A Secret has one owner and no way out by accident: it cannot
// be copied, compared or printed, and its memory is wiped before it is given back.
//
//   environment, key file --> ApiKeys --shared_ptr--> Feed --> login token, one per dial --> TLS
//
// Each Secret lies in pages of its own, which are in no core dump, read as zeros in a child of
// fork() (Linux 4.14), and are kept out of swap where RLIMIT_MEMLOCK allows it. Load keys after
// fork() or daemon(): the child's are not usable(), and a Feed or a login with them is refused.
//
// Not here: what others hold. OpenSSL has copies while it signs and sends, which it wipes or
// encrypts in place; a debugger of this process sees everything. prctl(PR_SET_DUMPABLE, 0) keeps
// other processes of the user out and forbids core dumps; that is the program's own decision.

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "upfeed/errc.hpp"

namespace upfeed {

/// Text that must not be seen. It lies in pages of its own, so no copy stays behind in a moved-from
/// object. A few pages and system calls each: for keys and tokens, not for data.
/// errors   std::bad_alloc: no such pages are to be had.
/// threads  like a std::string: const members from any thread. In a child of fork() the size stays,
///          the text is zeros.
class Secret {
 public:
  Secret() noexcept = default;
  /// Copies text; wiping the original is the caller's.
  explicit Secret(std::string_view text);
  /// The parts one behind the other.
  [[nodiscard]] static Secret join(std::initializer_list<std::string_view> parts);
  /// size_bytes of zeros, to be written through bytes().
  [[nodiscard]] static Secret zeros(std::size_t size_bytes);
  ~Secret();

  Secret(Secret&& other) noexcept
      : text_(std::move(other.text_)), size_(std::exchange(other.size_, 0)) {}
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;

  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// The text itself, until this object is changed or destroyed. A copy made of it is out of reach.
  [[nodiscard]] std::string_view reveal() const noexcept { return {text_.get(), size_}; }
  [[nodiscard]] std::span<char> bytes() noexcept { return {text_.get(), size_}; }
  /// Cuts to size_bytes, at most size(); what is cut off is wiped.
  void shrink(std::size_t size_bytes) noexcept;

  template <class Stream>
  friend Stream& operator<<(Stream&, const Secret&) = delete;
  friend bool operator==(const Secret&, const Secret&) = delete;

 private:
  struct GiveBack {
    GiveBack() noexcept : size_bytes(0) {}
    explicit GiveBack(std::size_t bytes) noexcept : size_bytes(bytes) {}
    std::size_t size_bytes;
    void operator()(char* pages) const noexcept;
  };
  std::unique_ptr<char[], GiveBack> text_;
  std::size_t size_ = 0;
};

/// A pair of keys as the exchange issues them. Needed for own orders, balances, announcements and
/// indicators; the exchange knows their permissions and the addresses they may be used from.
/// source  docs.upbit.com/kr/reference/auth (read 2026-11).
struct ApiKeys {
  Secret access_key;
  Secret secret_key;

  /// From UPBIT_ACCESS_KEY and UPBIT_SECRET_KEY. They stay in the environment, which the library
  /// never changes: processes of the same user can read them in /proc, children inherit them, and a
  /// core dump has them. A key file has none of that.
  /// errors   bad_keys: the message names the variables that are missing or unusable, and never
  ///          holds a value.
  /// threads  not while another thread changes the environment.
  [[nodiscard]] static Result<std::shared_ptr<const ApiKeys>> from_environment();

  /// From a file of two lines, in either order:
  ///
  ///   access_key = "..."
  ///   secret_key = "..."
  ///
  /// Quotes and blanks around the values may be missing; empty lines and lines that start with #
  /// are skipped, anything else is refused. It must be a regular file of at most 4 KiB that belongs
  /// to the process's effective user, with mode 0600 or less (links are followed, the file counts).
  /// errors   no_such_file; bad_keys: the message names file, line or field and the way out, and
  ///          never holds a value.
  [[nodiscard]] static Result<std::shared_ptr<const ApiKeys>> from_file(const std::string& path);

  /// Both are there and hold only what keys consist of: up to 256 visible ASCII characters, no
  /// quote and no backslash. The loaders make no others.
  [[nodiscard]] bool usable() const noexcept;
};

/// How login tokens are signed; the exchange takes both.
enum class TokenAlgorithm : std::uint8_t {
  hs512,  ///< what the exchange recommends
  hs256
};

}  // namespace upfeed
