#include "node/image_import.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "json/parse.h"
#include "json/value.h"
#include "node/files.h"
#include "node/image_map.h"
#include "node/image_store_layout.h"
#include "node/layer_archive.h"

namespace insula::node {
namespace {

constexpr int kIndexDepthMax = 4;
constexpr std::size_t kDocumentBytesMax = 4U << 20U;

// A directory that goes with its owner.
class ScratchDir {
 public:
  static Result<ScratchDir> below(const std::string& parent) {
    INSULA_TRY_VOID(make_dirs(parent, 0700));
    std::string path = parent + "/import-XXXXXX";
    if (mkdtemp(path.data()) == nullptr) return fail_errno("create a directory in " + parent);
    return ScratchDir(std::move(path));
  }

  ScratchDir(ScratchDir&& other) noexcept : path_(std::exchange(other.path_, {})) {}

  ScratchDir& operator=(ScratchDir&&) = delete;

  ~ScratchDir() {
    if (!path_.empty()) static_cast<void>(remove_tree(path_).has_value());
  }

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit ScratchDir(std::string path) : path_(std::move(path)) {}

  std::string path_;
};

// One image of the file: where its parts are, before anything of it is believed.
struct Candidate {
  std::vector<std::string> names;
  std::string config;               // path
  std::vector<std::string> layers;  // paths, the lowest first
};

std::string machine_architecture() {
  utsname info{};
  uname(&info);
  const std::string_view machine = info.machine;
  if (machine == "x86_64") return "amd64";
  return machine == "aarch64" ? "arm64" : std::string(machine);
}

class LayoutReader {
 public:
  explicit LayoutReader(std::string root) : root_(std::move(root)) {}

  Result<std::vector<Candidate>> read() {
    if (exists(root_ + "/index.json")) {
      INSULA_TRY(const json::Value index, document(root_ + "/index.json"));
      INSULA_TRY_VOID(read_index(index, {}, 0));
    }
    if (exists(root_ + "/manifest.json")) INSULA_TRY_VOID(read_docker_manifest());
    if (found_.empty()) {
      return fail(ErrorCode::kInvalid,
                  "neither an OCI image layout (index.json) nor a docker archive (manifest.json) "
                  "for this machine");
    }
    return std::move(found_);
  }

 private:
  static Result<json::Value> document(const std::string& path) {
    INSULA_TRY(const std::string text, read_file(path, kDocumentBytesMax));
    Result<json::Value> value = json::parse(text);
    if (!value) return std::unexpected(std::move(value).error().in(path));
    return value;
  }

  // The file of a digest, once its content has been checked against it.
  Result<std::string> blob(const json::Value& descriptor) const {
    const std::string_view digest = descriptor["digest"].text();
    constexpr std::string_view kSha256 = "sha256:";
    const std::string hex(digest.substr(std::min(digest.size(), kSha256.size())));
    if (!digest.starts_with(kSha256) || !is_hex_digest(hex))
      return fail(ErrorCode::kInvalid, fmt::format("digest \"{}\" is not a SHA-256", digest));
    std::string path = fmt::format("{}/blobs/sha256/{}", root_, hex);
    INSULA_TRY_VOID(must_be_file(path));
    INSULA_TRY(const std::string actual, file_digest(path));
    if (actual != hex)
      return fail(ErrorCode::kInvalid,
                  fmt::format("blob sha256:{} has the digest sha256:{}", hex, actual));
    return path;
  }

  static Result<> must_be_file(const std::string& path) {
    std::error_code failed;
    if (std::filesystem::is_regular_file(std::filesystem::symlink_status(path, failed))) return {};
    return fail(ErrorCode::kInvalid, path + " is missing from the image");
  }

  Result<> read_index(const json::Value& index, const std::string& inherited, int depth) {
    if (depth > kIndexDepthMax) return fail(ErrorCode::kInvalid, "image indexes nest too deep");
    const json::Array* manifests = index["manifests"].as_array();
    if (manifests == nullptr)
      return fail(ErrorCode::kInvalid, "index.json has no list of manifests");
    for (const json::Value& descriptor : *manifests) {
      const json::Value& platform = descriptor["platform"];
      if (!platform.is_null() && (platform["os"].text() != "linux" ||
                                  platform["architecture"].text() != machine_architecture()))
        continue;
      std::string name(descriptor["annotations"]["io.containerd.image.name"].text());
      if (name.empty())
        name = descriptor["annotations"]["org.opencontainers.image.ref.name"].text();
      if (name.empty()) name = inherited;
      INSULA_TRY(const std::string path, blob(descriptor));
      INSULA_TRY(const json::Value body, document(path));
      if (body.find("manifests") != nullptr) {
        INSULA_TRY_VOID(read_index(body, name, depth + 1));
      } else {
        INSULA_TRY_VOID(read_manifest(body, name));
      }
    }
    return {};
  }

  Result<> read_manifest(const json::Value& manifest, const std::string& name) {
    Candidate out;
    if (!name.empty()) out.names.push_back(name);
    INSULA_TRY(out.config, blob(manifest["config"]));
    const json::Array* layers = manifest["layers"].as_array();
    if (layers == nullptr || layers->size() > kImageLayersMax)
      return fail(ErrorCode::kInvalid, "a manifest has no layers, or too many");
    for (const json::Value& layer : *layers) {
      INSULA_TRY(std::string path, blob(layer));
      out.layers.push_back(std::move(path));
    }
    found_.push_back(std::move(out));
    return {};
  }

  // Newer docker writes both forms: then this one only adds the names.
  Result<> read_docker_manifest() {
    INSULA_TRY(const json::Value list, document(root_ + "/manifest.json"));
    const json::Array* images = list.as_array();
    if (images == nullptr)
      return fail(ErrorCode::kInvalid, "manifest.json is not a list of images");
    for (const json::Value& image : *images) {
      INSULA_TRY(Candidate candidate, docker_image(image));
      const auto same = std::ranges::find(found_, candidate.config, &Candidate::config);
      if (same == found_.end()) {
        found_.push_back(std::move(candidate));
      } else if (!candidate.names.empty()) {
        same->names = std::move(candidate.names);
      }
    }
    return {};
  }

  Result<Candidate> docker_image(const json::Value& image) const {
    Candidate out;
    INSULA_TRY(out.config, inner_path(image["Config"].text()));
    const json::Array* tags = image["RepoTags"].as_array();
    for (std::size_t i = 0; tags != nullptr && i < tags->size(); ++i)
      out.names.emplace_back((*tags)[i].text());
    const json::Array* layers = image["Layers"].as_array();
    if (layers == nullptr || layers->size() > kImageLayersMax)
      return fail(ErrorCode::kInvalid, "an image has no layers, or too many");
    for (const json::Value& layer : *layers) {
      INSULA_TRY(std::string path, inner_path(layer.text()));
      out.layers.push_back(std::move(path));
    }
    return out;
  }

  Result<std::string> inner_path(std::string_view name) const {
    const std::filesystem::path relative(name);
    const bool leaves =
        relative.is_absolute() ||
        std::ranges::any_of(relative, [](const auto& part) { return part == ".."; });
    if (name.empty() || leaves)
      return fail(ErrorCode::kInvalid, fmt::format("path \"{}\" leads out of the image", name));
    std::string path = root_ + "/" + std::string(name);
    INSULA_TRY_VOID(must_be_file(path));
    return path;
  }

  std::string root_;
  std::vector<Candidate> found_;
};

class Importer {
 public:
  explicit Importer(const ImportOptions& options) : options_(options) {}

  Result<ImportedImage> import(const Candidate& candidate) {
    ImportedImage out;
    INSULA_TRY(out.names, names_of(candidate));
    INSULA_TRY(const std::string config_text, read_file(candidate.config, kDocumentBytesMax));
    INSULA_TRY(const std::string id, file_digest(candidate.config));
    INSULA_TRY(const json::Value config, json::parse(config_text));
    const json::Array* diffs = config["rootfs"]["diff_ids"].as_array();
    if (diffs == nullptr || diffs->size() != candidate.layers.size()) {
      return fail(ErrorCode::kInvalid,
                  "the image's configuration and its manifest disagree on the number of layers");
    }
    for (std::size_t i = 0; i < diffs->size(); ++i) {
      INSULA_TRY(const std::int64_t bytes,
                 import_layer(candidate.layers[i], (*diffs)[i].text(), out.layers_new));
      out.bytes += bytes;
    }
    INSULA_TRY_VOID(make_dirs(options_.store_dir + "/configs", 0711));
    INSULA_TRY_VOID(make_dirs(options_.store_dir + "/names", 0711));
    INSULA_TRY_VOID(
        replace_file(fmt::format("{}/configs/{}", options_.store_dir, id), config_text));
    for (const std::string& name : out.names) {
      INSULA_TRY_VOID(replace_file(
          fmt::format("{}/names/{}", options_.store_dir, encoded_image_name(name)), id));
    }
    out.id = "sha256:" + id;
    return out;
  }

 private:
  Result<std::vector<std::string>> names_of(const Candidate& candidate) const {
    std::vector<std::string> given = candidate.names;
    if (!options_.name.empty()) given = {options_.name};
    if (given.empty())
      return fail(ErrorCode::kInvalid,
                  "the file does not name its image; give it a name with --name");
    std::vector<std::string> out;
    for (const std::string& name : given) {
      INSULA_TRY(std::string normal, normalized_image(name));
      out.push_back(std::move(normal));
    }
    return out;
  }

  Result<std::int64_t> import_layer(const std::string& path,
                                    std::string_view diff_id,
                                    int& layers_new) {
    constexpr std::string_view kSha256 = "sha256:";
    const std::string hex(diff_id.substr(std::min(diff_id.size(), kSha256.size())));
    if (!diff_id.starts_with(kSha256) || !is_hex_digest(hex))
      return fail(ErrorCode::kInvalid, fmt::format("layer id \"{}\" is not a SHA-256", diff_id));
    const std::string layers = options_.store_dir + "/layers";
    const std::string target = layers + "/" + hex;
    if (exists(target)) {
      const Result<std::string> size = read_file(target + ".size");
      return size ? std::strtoll(size->c_str(), nullptr, 10) : 0;
    }
    INSULA_TRY(const std::string actual, content_digest(path));
    if (actual != hex)
      return fail(ErrorCode::kInvalid,
                  fmt::format("layer sha256:{} unpacks to sha256:{}", hex, actual));
    INSULA_TRY_VOID(make_dirs(layers, 0711));
    INSULA_TRY(const ScratchDir scratch, ScratchDir::below(options_.store_dir));
    const std::string root = scratch.path() + "/root";
    INSULA_TRY_VOID(make_dirs(root, 0755));
    INSULA_TRY(const std::int64_t bytes, unpack_layer(path, root));
    INSULA_TRY_VOID(write_file(target + ".size", std::to_string(bytes)));
    if (rename(root.c_str(), target.c_str()) != 0) return fail_errno("keep layer " + hex);
    ++layers_new;
    return bytes;
  }

  const ImportOptions& options_;
};

}  // namespace

Result<std::vector<ImportedImage>> import_images(const ImportOptions& options) {
  std::error_code failed;
  const std::filesystem::file_status status = std::filesystem::status(options.file, failed);
  if (!std::filesystem::exists(status))
    return fail(ErrorCode::kNotFound, options.file + ": no such file");
  if (geteuid() != 0)
    return fail(ErrorCode::kForbidden,
                "importing an image needs root: its files keep their owners");
  std::optional<ScratchDir> scratch;
  std::string root = options.file;
  if (!std::filesystem::is_directory(status)) {
    INSULA_TRY(ScratchDir made, ScratchDir::below(options.store_dir));
    root = made.path();
    scratch.emplace(std::move(made));
    INSULA_TRY_VOID(unpack_archive(options.file, root));
  }
  INSULA_TRY(const std::vector<Candidate> candidates, LayoutReader(root).read());
  if (candidates.size() > 1 && !options.name.empty()) {
    return fail(ErrorCode::kInvalid,
                fmt::format("the file has {} images; --name fits one", candidates.size()));
  }
  Importer importer(options);
  std::vector<ImportedImage> out;
  for (const Candidate& candidate : candidates) {
    INSULA_TRY(ImportedImage image, importer.import(candidate));
    out.push_back(std::move(image));
  }
  return out;
}

}  // namespace insula::node
