#include "node/image_resolver.h"

#include <utility>

#include <fmt/format.h>

#include "node/files.h"

namespace insula::node {
namespace {

// Where the binary is inside a container that holds nothing else.
constexpr std::string_view kBinaryInContainer = "/insula";

Result<ResolvedImage> imported(const ImageStore& store,
                               const std::string& wanted,
                               const std::string& name) {
  Result<StoredImage> image = store.find(name);
  if (!image && image.error().code() == ErrorCode::kNotFound) {
    return fail(ErrorCode::kNotFound,
                fmt::format("image \"{0}\" is not on this machine and is not fetched from a "
                            "registry: import it with "
                            "`insula image import FILE`, or map the name with --map-image \"{0} = "
                            "host:/path/of/program\"",
                            wanted));
  }
  if (!image) return std::unexpected(std::move(image).error());
  ResolvedImage out;
  out.root = ImageRoot{std::move(image->layers)};
  out.entrypoint = std::move(image->entrypoint);
  out.command = std::move(image->command);
  out.env = std::move(image->env);
  out.cwd = std::move(image->cwd);
  out.user = std::move(image->user);
  out.image_id = std::move(image->id);
  return out;
}

}  // namespace

Result<ResolvedImage> ImageResolver::resolve(const std::string& image) const {
  INSULA_TRY(const std::string name, normalized_image(image));
  const ImageSource* source = map_.find(image);
  if (source == nullptr) return imported(store_, image, name);
  ResolvedImage out;
  switch (source->kind) {
    case ImageSourceKind::kBuiltin:
      out.root = BinaryRoot{};
      out.entrypoint = {std::string(kBinaryInContainer), source->words.front()};
      out.note = fmt::format("Image \"{}\" is built into insula", image);
      break;
    case ImageSourceKind::kHost:
      if (!exists(source->words.front())) {
        return fail(ErrorCode::kNotFound,
                    fmt::format("image \"{}\" is mapped to {}, which is not installed", image,
                                source->words.front()));
      }
      out.root = HostRoot{source->host_paths};
      out.entrypoint = source->words;
      out.note = fmt::format("Image \"{}\" is mapped to the program {} of this machine", image,
                             source->words.front());
      break;
    case ImageSourceKind::kImported: {
      INSULA_TRY(out, imported(store_, image, source->words.front()));
      out.note = fmt::format("Image \"{}\" is mapped to the imported image {}", image,
                             source->words.front());
      return out;
    }
  }
  out.image_id = source->text();
  return out;
}

}  // namespace insula::node
