#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace insula::node {

/// `llm` -> `docker.io/library/llm:latest`; `insula/llm-sim` -> `docker.io/insula/llm-sim:latest`;
/// a name with a registry (a dot, a colon or `localhost` before the first slash) keeps it.
///
/// Errors: kInvalid, with what is wrong with the name.
/// Spec: OCI distribution-spec, "Pulling manifests"; the defaults are Docker's.
[[nodiscard]] Result<std::string> normalized_image(std::string_view name);

enum class ImageSourceKind : std::uint8_t {
  kBuiltin,   // a subcommand of this binary
  kHost,      // a program installed on the machine; the host's files read-only
  kImported,  // an image of the store (`insula image import`), perhaps under another name
};

/// Where the containers of an image name really come from.
struct ImageSource {
  ImageSourceKind kind = ImageSourceKind::kImported;
  /// kBuiltin: the subcommand. kHost: program and leading arguments. kImported: the name in the
  /// store.
  std::vector<std::string> words;
  /// kHost: further paths of the machine that the program needs (`+/opt/models` in the line).
  std::vector<std::string> host_paths;

  bool operator==(const ImageSource&) const = default;

  /// `builtin:llm-sim`, `host:/usr/bin/x -v`, `image:docker.io/library/x:1`.
  [[nodiscard]] std::string text() const;
};

/// The explicit configuration that lets an image name stand for something on this machine.
///
/// A name is never guessed: what is neither mapped nor imported cannot be run. Lines of a file, or
/// values of --map-image, are
///
///   NAME = builtin:llm-sim
///   NAME = host:/usr/bin/program ARGUMENT... +/further/path...
///   NAME = image:OTHER-NAME
///
/// Arguments are separated by blanks; quoting with "..." keeps blanks. `#` begins a comment.
class ImageMap {
 public:
  /// The map that every node has: `insula/llm-sim` is the simulator in this binary.
  ImageMap();

  /// Adds one line; a later line for the same name replaces an earlier one.
  /// Errors: kInvalid, with what the line should look like.
  Result<> add(std::string_view line);

  /// Adds each line of a file. Errors: as add(), with file and line number.
  Result<> add_file(const std::string& path);

  /// nullptr when `image` is not mapped.
  [[nodiscard]] const ImageSource* find(std::string_view image) const;

 private:
  std::map<std::string, ImageSource, std::less<>> sources_;
};

}  // namespace insula::node
