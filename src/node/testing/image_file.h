#pragma once

#include <cstdlib>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "node/files.h"
#include "node/layer_archive.h"

namespace insula::node {

/// Image files for tests, made with the system's tar.
class ImageFile {
 public:
  explicit ImageFile(std::string dir) : dir_(std::move(dir)) {
    EXPECT_TRUE(make_dirs(dir_ + "/blobs/sha256"));
  }

  static void shell(const std::string& command) {
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
  }

  /// Adds a layer with the files of a directory. `filter`: an option of tar such as --gzip.
  void add_layer(const std::string& files, const std::string& filter = "--gzip") {
    const std::string plain = dir_ + "/layer.tar";
    const std::string packed = dir_ + "/layer.packed";
    shell(fmt::format("tar -C {} --numeric-owner -cf {} .", files, plain));
    shell(fmt::format("tar -C {} --numeric-owner {} -cf {} .", files, filter, packed));
    add_layer_files(plain, packed);
  }

  /// Adds a layer that is there as a tar.
  void add_tar(const std::string& path) {
    const std::string copy = dir_ + "/layer.packed";
    shell(fmt::format("cp {} {}", path, copy));
    add_layer_files(copy, copy);
  }

  /// An OCI layout; `name` goes into its index. `config`: members of the image's run configuration.
  void finish(const std::string& name, const std::string& config) {
    const std::string config_digest = add_blob_text(fmt::format(
        R"({{"architecture":"amd64","os":"linux","config":{{{}}},"rootfs":{{"type":"layers","diff_ids":[{}]}}}})",
        config, joined(diff_ids_)));
    const std::string manifest = add_blob_text(
        fmt::format(R"({{"schemaVersion":2,"config":{{"digest":"sha256:{}"}},"layers":[{}]}})",
                    config_digest, joined(layers_)));
    EXPECT_TRUE(write_file(dir_ + "/oci-layout", R"({"imageLayoutVersion":"1.0.0"})"));
    EXPECT_TRUE(write_file(
        dir_ + "/index.json",
        fmt::format(
            R"({{"schemaVersion":2,"manifests":[{{"digest":"sha256:{}","annotations":{{"org.opencontainers.image.ref.name":"{}"}}}}]}})",
            manifest, name)));
  }

  /// All of it as one tar.
  std::string archive(const std::string& path) {
    shell(fmt::format("tar -C {} -cf {} index.json oci-layout blobs", dir_, path));
    return path;
  }

  [[nodiscard]] const std::string& dir() const { return dir_; }

  [[nodiscard]] const std::vector<std::string>& blobs() const { return blobs_; }

 private:
  void add_layer_files(const std::string& plain, const std::string& packed) {
    diff_ids_.push_back(fmt::format("\"sha256:{}\"", file_digest(plain).value()));
    const std::string digest = file_digest(packed).value();
    blobs_.push_back(fmt::format("{}/blobs/sha256/{}", dir_, digest));
    shell(fmt::format("mv {} {}", packed, blobs_.back()));
    layers_.push_back(fmt::format("{{\"digest\":\"sha256:{}\"}}", digest));
  }

  std::string add_blob_text(const std::string& text) {
    EXPECT_TRUE(write_file(dir_ + "/draft", text));
    const std::string digest = file_digest(dir_ + "/draft").value();
    EXPECT_TRUE(write_file(fmt::format("{}/blobs/sha256/{}", dir_, digest), text));
    return digest;
  }

  static std::string joined(const std::vector<std::string>& parts) {
    std::string out;
    for (const std::string& part : parts)
      out += (out.empty() ? "" : ",") + part;
    return out;
  }

  std::string dir_;
  std::vector<std::string> diff_ids_;
  std::vector<std::string> layers_;
  std::vector<std::string> blobs_;
};

}  // namespace insula::node
