#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"

namespace insula::node {

/// An image on disk, ready to be run.
struct StoredImage {
  std::string name;  // normalized
  std::string id;    // sha256:<digest of its configuration>
  std::int64_t bytes = 0;
  std::vector<std::string> layers;  // directories, the topmost first
  std::vector<std::string> entrypoint;
  std::vector<std::string> command;
  std::vector<std::string> env;
  std::string cwd;
  std::string user;
};

/// The images imported into a node's directory.
///
///   layers/<hex>/       the files of one layer, by the digest of its uncompressed tar
///   configs/<hex>       an image's configuration (OCI image-spec, "Image Configuration")
///   names/<encoded>     `<hex of configuration>`, one file a name
///
/// Everything appears by rename, so a reader never sees half an image, and an import that died half
/// way leaves only what the next one clears away.
class ImageStore {
 public:
  explicit ImageStore(std::string dir) : dir_(std::move(dir)) {}

  /// Errors: kNotFound; kInternal when the store is damaged.
  [[nodiscard]] Result<StoredImage> find(const std::string& name) const;

  [[nodiscard]] std::vector<StoredImage> list() const;

  [[nodiscard]] const std::string& dir() const { return dir_; }

 private:
  std::string dir_;
};

}  // namespace insula::node
