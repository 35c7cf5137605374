#pragma once

#include <vector>

#include "decode/decode.hpp"

/// Every decoder that this library and this processor have.
inline std::vector<upfeed::DecodeKernel> kernels() {
  std::vector<upfeed::DecodeKernel> found;
  for (unsigned i = 0; i < 32; ++i) {
    const auto kernel = static_cast<upfeed::DecodeKernel>(i);
    if (upfeed::decode_kernel_supported(kernel)) found.push_back(kernel);
  }
  return found;
}
