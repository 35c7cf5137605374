#pragma once

/// UPFEED_ASSERT(condition): checks the library's own logic, never bytes from the network (those
/// are checked in all builds and lead to a counted error). Live in debug builds and wherever
/// UPFEED_CHECKED is defined; compiled out otherwise, and never turned into an optimiser
/// assumption.
#if !defined(NDEBUG) || defined(UPFEED_CHECKED)
#define UPFEED_ASSERT(condition) ((condition) ? static_cast<void>(0) : __builtin_trap())
#else
#define UPFEED_ASSERT(condition) static_cast<void>(0)
#endif
