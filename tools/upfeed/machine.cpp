#include "machine.hpp"

#include <sched.h>
#include <sys/utsname.h>
#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "json.hpp"

namespace upfeed::program {
namespace {

/// The value of the first line "key : value".
std::string cpu_info(const std::string& key) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    const std::size_t at = line.find(": ");
    return at == std::string::npos ? "" : line.substr(at + 2);
  }
  return {};
}

std::string first_line(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

unsigned usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return ::sched_getaffinity(0, sizeof set, &set) == 0 ? static_cast<unsigned>(CPU_COUNT(&set)) : 0;
}

std::string utc_now() {
  const time_t now = ::time(nullptr);
  tm parts{};
  ::gmtime_r(&now, &parts);
  char text[96];
  std::snprintf(text, sizeof text, "%04d-%02d-%02d %02d:%02d UTC", parts.tm_year + 1900,
                parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min);
  return text;
}

std::string two_decimals(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", number);
  return text;
}

}  // namespace

Machine Machine::read() {
  Machine machine;
  machine.cpu = cpu_info("model name");
  machine.cores = usable_cores();
  utsname system{};
  if (::uname(&system) == 0) machine.kernel = system.release;
  machine.is_virtual = (" " + cpu_info("flags") + " ").find(" hypervisor ") != std::string::npos;
  machine.governor = first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
#ifdef __clang__
  machine.compiler = __VERSION__;
#else
  machine.compiler = "gcc " __VERSION__;
#endif
#if defined(UPFEED_SANITIZED)
  machine.build = "with sanitizers";
#elif defined(UPFEED_CHECKED) || !defined(NDEBUG)
  machine.build = "with assertions";
#elif !defined(__OPTIMIZE__)
  machine.build = "not optimised";
#else
  machine.build = "optimised, no assertions";
  machine.build_measures = true;
#endif
  machine.version = UPFEED_VERSION_TEXT;
  machine.date = utc_now();
  machine.load = std::strtod(first_line("/proc/loadavg").c_str(), nullptr);
  return machine;
}

std::string Machine::text() const {
  std::string line = cpu.empty() ? "unknown CPU" : cpu;
  line += ", " + std::to_string(cores) + (is_virtual ? " virtual cores" : " cores");
  line += ", Linux " + kernel + ", " + compiler + ", " + build + ", load " + two_decimals(load);
  return line + ", " + date;
}

std::vector<std::string> Machine::warnings() const {
  std::vector<std::string> found;
  if (!build_measures) {
    found.push_back("this build is " + build + ": the times mean nothing; use tools/dev build");
  }
  if (load > cores) {
    found.push_back("load " + two_decimals(load) + " on " + std::to_string(cores) +
                    " cores: others want them, too");
  }
  if (!governor.empty() && governor != "performance") {
    found.push_back("the clock's governor is " + governor + ": the first moments are slow");
  }
  return found;
}

void append_json(const Machine& machine, JsonWriter& json) {
  json.open_object()
      .field("cpu", machine.cpu)
      .field("cores", machine.cores)
      .field("virtual", machine.is_virtual)
      .field("kernel", machine.kernel)
      .field("governor", machine.governor)
      .field("compiler", machine.compiler)
      .field("build", machine.build)
      .field("version", machine.version)
      .field("date", machine.date)
      .key("load")
      .number(machine.load, 2)
      .close_object();
}

}  // namespace upfeed::program
