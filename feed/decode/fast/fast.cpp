#include "decode/fast/fast.hpp"

#include <cpuid.h>

namespace upfeed {
namespace {

bool has_avx2() noexcept {
  return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("bmi") != 0 &&
         __builtin_cpu_supports("bmi2") != 0;
}

// clang 14 does not know the name for __builtin_cpu_supports.
bool has_lzcnt() noexcept {
  constexpr unsigned kExtendedFeatures = 0x8000'0001;
  constexpr unsigned kLzcnt = 1U << 5U;
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid(kExtendedFeatures, &eax, &ebx, &ecx, &edx) != 0 && (ecx & kLzcnt) != 0;
}

// What avx512.cpp is compiled for.
bool has_avx512() noexcept {
  return has_avx2() && has_lzcnt() && __builtin_cpu_supports("popcnt") != 0 &&
         __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
         __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0 &&
         __builtin_cpu_supports("avx512vbmi") != 0 && __builtin_cpu_supports("avx512vbmi2") != 0 &&
         __builtin_cpu_supports("avx512bitalg") != 0;
}

}  // namespace

bool decode_kernel_supported(DecodeKernel kernel) noexcept {
  switch (kernel) {
    case DecodeKernel::automatic:
    case DecodeKernel::reference:
    case DecodeKernel::scalar:
      return true;
    case DecodeKernel::avx2:
      return has_avx2();
    case DecodeKernel::avx512:
      return has_avx512();
  }
  return false;
}

detail::FastDecode detail::fast_decoder(DecodeKernel kernel) noexcept {
  switch (kernel) {
    case DecodeKernel::automatic:
      return has_avx512() ? decode_avx512 : has_avx2() ? decode_avx2 : decode_scalar;
    case DecodeKernel::scalar:
      return decode_scalar;
    case DecodeKernel::avx2:
      return decode_avx2;
    case DecodeKernel::avx512:
      return decode_avx512;
    case DecodeKernel::reference:
      break;
  }
  return nullptr;
}

}  // namespace upfeed
