#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace upfeed {

/// A callable stored in place: no allocation, one indirect call. A callable larger than kBytes does
/// not compile; capture a pointer to your state instead.
/// threads  none of its own; whoever calls it decides. Move-only.
template <class Signature, std::size_t kBytes = 64>
class InplaceFunction;

template <class Return, class... Args, std::size_t kBytes>
class InplaceFunction<Return(Args...), kBytes> {
 public:
  InplaceFunction() = default;
  InplaceFunction(std::nullptr_t) {}

  template <class Callable>
  requires(!std::is_same_v<std::decay_t<Callable>, InplaceFunction> &&
           std::is_invocable_r_v<Return, std::decay_t<Callable>&, Args...>)
      InplaceFunction(Callable&& callable) {
    using Stored = std::decay_t<Callable>;
    static_assert(sizeof(Stored) <= kBytes, "callable too large: capture a pointer instead");
    static_assert(alignof(Stored) <= alignof(std::max_align_t));
    static_assert(std::is_nothrow_move_constructible_v<Stored>);
    ::new (static_cast<void*>(storage_)) Stored(std::forward<Callable>(callable));
    invoke_ = [](void* stored, Args... args) -> Return {
      return (*static_cast<Stored*>(stored))(std::forward<Args>(args)...);
    };
    manage_ = [](void* stored, void* target) noexcept {
      auto* self = static_cast<Stored*>(stored);
      if (target != nullptr) ::new (target) Stored(std::move(*self));
      std::destroy_at(self);
    };
  }

  InplaceFunction(InplaceFunction&& other) noexcept { take(other); }
  InplaceFunction& operator=(InplaceFunction&& other) noexcept {
    if (this != &other) {
      reset();
      take(other);
    }
    return *this;
  }
  ~InplaceFunction() { reset(); }

  explicit operator bool() const noexcept { return invoke_ != nullptr; }
  Return operator()(Args... args) { return invoke_(storage_, std::forward<Args>(args)...); }

  void reset() noexcept {
    if (manage_ != nullptr) manage_(storage_, nullptr);
    invoke_ = nullptr;
    manage_ = nullptr;
  }

 private:
  void take(InplaceFunction& other) noexcept {
    if (other.manage_ == nullptr) return;
    other.manage_(other.storage_, storage_);
    invoke_ = std::exchange(other.invoke_, nullptr);
    manage_ = std::exchange(other.manage_, nullptr);
  }

  alignas(std::max_align_t) std::byte storage_[kBytes];
  Return (*invoke_)(void*, Args...) = nullptr;
  void (*manage_)(void*, void*) noexcept = nullptr;
};

}  // namespace upfeed
