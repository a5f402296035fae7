#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace insula {

void check_failed(const char* file, int line, std::string_view what, std::string_view context) {
  std::fprintf(stderr, "%s:%d: check failed: %.*s%s%.*s\n", file, line,
               static_cast<int>(what.size()), what.data(), context.empty() ? "" : ": ",
               static_cast<int>(context.size()), context.data());
  std::fflush(stderr);
  std::abort();
}

}  // namespace insula
