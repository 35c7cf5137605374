#include "decode/fast/fast.hpp"

namespace upfeed {
namespace {

bool has_avx2() noexcept {
  return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("bmi") != 0 &&
         __builtin_cpu_supports("bmi2") != 0;
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
  }
  return false;
}

detail::FastDecode detail::fast_decoder(DecodeKernel kernel) noexcept {
  switch (kernel) {
    case DecodeKernel::automatic:
      return has_avx2() ? decode_avx2 : decode_scalar;
    case DecodeKernel::scalar:
      return decode_scalar;
    case DecodeKernel::avx2:
      return decode_avx2;
    case DecodeKernel::reference:
      break;
  }
  return nullptr;
}

}  // namespace upfeed
