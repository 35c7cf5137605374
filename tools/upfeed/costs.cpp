#include "costs.hpp"

#include <openssl/crypto.h>
#include <time.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "allocation_count.hpp"

namespace upfeed::program {
namespace {

std::atomic<std::uint64_t> openssl_allocations{0};
bool openssl_counted = false;

void* counted_malloc(std::size_t size, const char*, int) {
  openssl_allocations.fetch_add(1, std::memory_order_relaxed);
  return std::malloc(size);
}
void* counted_realloc(void* memory, std::size_t size, const char*, int) {
  openssl_allocations.fetch_add(1, std::memory_order_relaxed);
  return std::realloc(memory, size);
}
void plain_free(void* memory, const char*, int) {
  std::free(memory);
}

std::string first_line(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// The kernel's clock of the CPU time of one thread of this process; see clock_getcpuclockid(3).
double cpu_seconds_of(int thread) {
  constexpr int kPerThread = 4;
  constexpr int kScheduler = 2;
  const auto clock = static_cast<clockid_t>(~thread << 3 | kPerThread | kScheduler);
  timespec used{};
  if (::clock_gettime(clock, &used) != 0) return 0;
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

std::uint64_t number_behind(const std::string& line, const std::string& key) {
  return line.starts_with(key) ? std::strtoull(line.c_str() + key.size(), nullptr, 10) : 0;
}

/// minflt and majflt of proc(5); they follow the name, which ends with the last bracket.
std::uint64_t page_faults_of(const std::string& stat) {
  std::size_t at = stat.rfind(')');
  if (at == std::string::npos) return 0;
  std::uint64_t faults = 0;
  // Behind the name come: state ppid pgrp session tty_nr tpgid flags minflt cminflt majflt
  for (int field = 1; field <= 10; ++field) {
    at = stat.find(' ', at);
    if (at == std::string::npos) return faults;
    ++at;
    if (field == 8 || field == 10) faults += std::strtoull(stat.c_str() + at, nullptr, 10);
  }
  return faults;
}

ThreadCost read_thread(const std::filesystem::path& task) {
  ThreadCost cost;
  cost.cpu_seconds = cpu_seconds_of(std::atoi(task.filename().c_str()));
  cost.page_faults = page_faults_of(first_line(task / "stat"));
  std::ifstream status(task / "status");
  for (std::string line; std::getline(status, line);) {
    cost.sleeps += number_behind(line, "voluntary_ctxt_switches:");
    cost.preemptions += number_behind(line, "nonvoluntary_ctxt_switches:");
  }
  return cost;
}

}  // namespace

void count_openssl_allocations() {
  openssl_counted = CRYPTO_set_mem_functions(&counted_malloc, &counted_realloc, &plain_free) == 1;
}

Costs Costs::read() {
  Costs costs;
  std::error_code gone;  // a thread may end while it is looked at; then it counts no more
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task", gone)) {
    const std::string name = first_line(task.path() / "comm");
    if (name == "upfeed-io") costs.io = costs.io + read_thread(task.path());
    if (name == "upfeed-disp") costs.dispatcher = costs.dispatcher + read_thread(task.path());
  }
  return costs;
}

std::optional<Allocations> Allocations::read() noexcept {
  const std::optional<std::uint64_t> ours = allocation_count();
  if (!ours || !openssl_counted) return {};
  return Allocations{*ours, openssl_allocations.load(std::memory_order_relaxed)};
}

Costs operator-(const Costs& a, const Costs& b) {
  Costs difference{a.io - b.io, a.dispatcher - b.dispatcher, {}};
  if (a.allocations && b.allocations) difference.allocations = *a.allocations - *b.allocations;
  return difference;
}

}  // namespace upfeed::program
