#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "gateway/key_source.h"

namespace insula::gateway {

/// A key set as it was fetched.
struct SavedKeySet {
  std::string text;
  WallTime fetched;
  std::chrono::seconds fresh{};
};

/// The last key set of each source, a file each, so that a gateway that starts while an issuer is
/// down accepts its tokens.
///
/// Files are named by a hash of the source, CA included. Blocking, for small files.
class IssuerKeyFiles {
 public:
  explicit IssuerKeyFiles(std::filesystem::path directory) : directory_(std::move(directory)) {}

  /// Errors: fail_errno.
  [[nodiscard]] Result<> create_directory() const;

  /// Errors: kNotFound; kConflict when the file is damaged or of another source.
  [[nodiscard]] Result<SavedKeySet> load(const KeySource& source) const;

  /// Errors: fail_errno.
  [[nodiscard]] Result<> save(const KeySource& source, const SavedKeySet& set) const;

  /// Removes files that were last written before `oldest`. Those of sources that nobody follows any
  /// more stay until then: the Secret with a source's CA may only be late.
  void remove_older(WallTime oldest) const;

 private:
  [[nodiscard]] std::filesystem::path file_of(const KeySource& source) const;

  std::filesystem::path directory_;
};

}  // namespace insula::gateway
