#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "node/image_map.h"
#include "node/image_store.h"
#include "node/runtime.h"

namespace insula::node {

/// What an image name comes to on this machine.
struct ResolvedImage {
  RootSource root;
  std::vector<std::string> entrypoint;
  std::vector<std::string> command;  // default arguments
  std::vector<std::string> env;      // NAME=value
  std::string cwd;
  std::string user;      // "uid[:gid]" or names, as the image says; empty: 0
  std::string image_id;  // `sha256:...` of an imported image, else the source
  std::string note;      // for the user, when the name stands for something that is not that image
};

/// Turns image names into root file systems: first by the map, then by the store. Nothing is
/// fetched from a registry.
class ImageResolver {
 public:
  ImageResolver(const ImageMap& map, const ImageStore& store) : map_(map), store_(store) {}

  /// Errors: kInvalid for a name that is none (InvalidImageName); kNotFound with what to do about
  /// it.
  [[nodiscard]] Result<ResolvedImage> resolve(const std::string& image) const;

 private:
  const ImageMap& map_;
  const ImageStore& store_;
};

}  // namespace insula::node
