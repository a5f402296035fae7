#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/check.h"
#include "node/files.h"
#include "node/layer_archive.h"

namespace {

namespace fs = std::filesystem;

// A directory with a sentinel beside the place where layers are unpacked.
const std::string& playground() {
  static const std::string dir = [] {
    std::string name = (fs::temp_directory_path() / "insula-layer-fuzz-XXXXXX").string();
    INSULA_CHECK(mkdtemp(name.data()) != nullptr);
    return name;
  }();
  return dir;
}

}  // namespace

// Whatever a layer says, nothing appears outside of its directory.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string& dir = playground();
  const std::string file = dir + "/layer.tar";
  const std::string root = dir + "/root";
  if (!insula::node::write_file(file, {reinterpret_cast<const char*>(data), size})) return 0;
  if (!insula::node::remove_tree(root) || !insula::node::make_dirs(root)) return 0;
  static_cast<void>(insula::node::unpack_layer(file, root).has_value());
  INSULA_CHECK(insula::node::names_in(dir).size() == 2);
  return 0;
}
