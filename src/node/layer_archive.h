#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"

namespace insula::node {

/// The tar side of image imports; the only file that knows libarchive is layer_archive.cc.

/// SHA-256 of a file, 64 hexadecimal digits: as it is, and of what it is uncompressed (gzip, zstd,
/// xz).
[[nodiscard]] Result<std::string> file_digest(const std::string& path);
[[nodiscard]] Result<std::string> content_digest(const std::string& path);

/// Unpacks one layer into `dir`, which exists and is empty. Returns the bytes written. Compressed
/// with gzip, zstd, xz or not at all.
///
/// Names are resolved as if `dir` were the root directory, so that neither `..` nor a link made by
/// an earlier entry leads out of it; an entry that names `..` is refused all the same. Whiteouts
/// become those of overlayfs and hide what lower layers have, never what this one brings, in
/// whatever order the entries come. Devices are left out: containers get theirs from the runtime.
[[nodiscard]] Result<std::int64_t> unpack_layer(const std::string& path, const std::string& dir);

/// Unpacks an image archive: plain files and directories only.
[[nodiscard]] Result<> unpack_archive(const std::string& path, const std::string& dir);

}  // namespace insula::node
