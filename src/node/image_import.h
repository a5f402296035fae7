#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"

namespace insula::node {

/// Bounds of one import; a file that claims more is refused.
inline constexpr std::int64_t kImportBytesMax = 256L << 30U;
inline constexpr std::int64_t kImportEntriesMax = 4'000'000;
inline constexpr int kImageLayersMax = 127;

struct ImportOptions {
  std::string file;  // OCI layout directory, OCI archive or `docker save` tar; may be compressed
  std::string store_dir;  // of the ImageStore
  std::string name;       // empty: the names that the file has
};

struct ImportedImage {
  std::vector<std::string> names;  // normalized
  std::string id;                  // sha256:...
  std::int64_t bytes = 0;          // of the unpacked layers
  int layers_new = 0;              // layers that were not in the store
};

/// Brings the images of a file into the store. Every digest is checked, of the blobs as they are
/// and of the layers unpacked; no path of a layer can lead out of its directory; what a layer
/// deletes becomes an overlay whiteout. Blocking, and needs root: owners and whiteouts are made as
/// they are.
///
/// Errors: kNotFound, kInvalid with the entry or digest that is wrong, kForbidden without root.
/// Nothing half imported can be seen by others. Spec: OCI image-spec 1.1, "Image Layout", "Image
/// Layer Filesystem Changeset"; docker image save.
[[nodiscard]] Result<std::vector<ImportedImage>> import_images(const ImportOptions& options);

}  // namespace insula::node
