#include "cli/location.h"

#include <cstdlib>
#include <filesystem>

#include <unistd.h>

namespace insula::cli {
namespace {

// Nothing sets the environment after main() has begun.
std::string environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): see above
  return value == nullptr ? std::string() : std::string(value);
}

}  // namespace

std::string default_data_dir() {
  if (std::string chosen = environment("INSULA_DATA_DIR"); !chosen.empty()) return chosen;
  if (::geteuid() == 0) return "/var/lib/insula";
  if (const std::string data = environment("XDG_DATA_HOME"); !data.empty()) return data + "/insula";
  return environment("HOME") + "/.local/share/insula";
}

std::string default_kubeconfig() {
  if (std::string chosen = environment("KUBECONFIG"); !chosen.empty()) return chosen;
  return default_data_dir() + "/kubeconfig";
}

std::string absolute_path(const std::string& path) {
  std::error_code error;
  std::string normal = std::filesystem::absolute(path, error).lexically_normal().string();
  while (normal.size() > 1 && normal.back() == '/')
    normal.pop_back();
  return normal;
}

}  // namespace insula::cli
