#include "gateway/resident.h"

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include <malloc.h>
#include <sys/mman.h>

namespace insula::gateway {
namespace {

struct Mapping {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  /// Of a file, not writable, and without a page of its own (a relocated one would be lost).
  bool clean = false;
};

/// The mappings of this process, as /proc/self/smaps tells them.
std::vector<Mapping> mappings() {
  std::vector<Mapping> found;
  std::ifstream file("/proc/self/smaps");
  for (std::string line; std::getline(file, line);) {
    Mapping mapping;
    char access[5] = {};
    char path = 0;
    if (std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " %4s %*s %*s %*s %c", &mapping.begin,
                    &mapping.end, access, &path) == 4) {
      mapping.clean = path == '/' && access[1] == '-' && access[3] == 'p';
      found.push_back(mapping);
    } else if (!found.empty() && line.starts_with("Anonymous:")) {
      std::uint64_t kib = 0;
      std::sscanf(line.c_str(), "Anonymous: %" SCNu64, &kib);
      if (kib != 0) found.back().clean = false;
    } else if (line.find('-') < line.find(' ') && line.find(':') == line.npos) {
      // A mapping without a path: none of the lines that follow are about the one before.
      found.push_back({});
    }
  }
  return found;
}

}  // namespace

void release_startup_pages() {
  ::malloc_trim(0);
  for (const Mapping& mapping : mappings()) {
    if (!mapping.clean) continue;
    ::madvise(reinterpret_cast<void*>(mapping.begin), mapping.end - mapping.begin, MADV_DONTNEED);
  }
}

}  // namespace insula::gateway
