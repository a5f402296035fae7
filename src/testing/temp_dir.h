#pragma once

#include <filesystem>
#include <string>
#include <system_error>

#include <stdlib.h>

#include "base/check.h"

namespace insula::testing {

/// A new empty directory below the system's temporary one; removed with all its content.
class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "insula-test-XXXXXX").string();
    INSULA_CHECK(mkdtemp(name.data()) != nullptr);
    path_ = std::move(name);
  }

  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] const std::string& path() const { return path_; }

  [[nodiscard]] std::string operator/(std::string_view name) const {
    return path_ + "/" + std::string(name);
  }

 private:
  std::string path_;
};

}  // namespace insula::testing
