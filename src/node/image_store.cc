#include "node/image_store.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "json/parse.h"
#include "json/value.h"
#include "node/files.h"
#include "node/image_store_layout.h"

namespace insula::node {
namespace {

std::vector<std::string> texts(const json::Value& value) {
  std::vector<std::string> out;
  if (const json::Array* array = value.as_array()) {
    for (const json::Value& item : *array)
      out.emplace_back(item.text());
  }
  return out;
}

Result<StoredImage> load(const std::string& dir, const std::string& name, const std::string& id) {
  INSULA_TRY(const std::string text, read_file(dir + "/configs/" + id));
  INSULA_TRY(const json::Value config, json::parse(text));
  StoredImage out;
  out.name = name;
  out.id = "sha256:" + id;
  const json::Value& run = config["config"];
  out.entrypoint = texts(run["Entrypoint"]);
  out.command = texts(run["Cmd"]);
  out.env = texts(run["Env"]);
  out.cwd = run["WorkingDir"].text();
  out.user = run["User"].text();
  for (const std::string& digest : texts(config["rootfs"]["diff_ids"])) {
    const std::string hex = digest.substr(digest.find(':') + 1);
    if (!is_hex_digest(hex))
      return fail(ErrorCode::kInternal, fmt::format("image {}: bad layer digest {}", name, digest));
    out.layers.push_back(fmt::format("{}/layers/{}", dir, hex));
    if (!exists(out.layers.back()))
      return fail(ErrorCode::kInternal,
                  fmt::format("image {}: layer {} is missing; import it again", name, hex));
    if (const auto size = read_file(out.layers.back() + ".size"))
      out.bytes += std::strtoll(size->c_str(), nullptr, 10);
  }
  std::ranges::reverse(out.layers);
  return out;
}

}  // namespace

bool is_hex_digest(std::string_view text) {
  constexpr std::size_t kSha256Digits = 64;
  return text.size() == kSha256Digits && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

std::string encoded_image_name(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '/' || c == '%') {
      out += fmt::format("%{:02X}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out;
}

std::string decoded_image_name(std::string_view file) {
  std::string out;
  for (std::size_t i = 0; i < file.size(); ++i) {
    const std::string_view rest = file.substr(i);
    if (rest.starts_with("%2F") || rest.starts_with("%25")) {
      out += rest[1] == '2' && rest[2] == 'F' ? '/' : '%';
      i += 2;
    } else {
      out += file[i];
    }
  }
  return out;
}

Result<StoredImage> ImageStore::find(const std::string& name) const {
  const Result<std::string> id =
      read_file(fmt::format("{}/names/{}", dir_, encoded_image_name(name)));
  if (!id) return fail(ErrorCode::kNotFound, fmt::format("no image {}", name));
  if (!is_hex_digest(*id))
    return fail(ErrorCode::kInternal, fmt::format("image {}: the store's entry is damaged", name));
  return load(dir_, name, *id);
}

std::vector<StoredImage> ImageStore::list() const {
  std::vector<StoredImage> out;
  for (const std::string& file : names_in(dir_ + "/names")) {
    Result<StoredImage> image = find(decoded_image_name(file));
    if (image) out.push_back(*std::move(image));
  }
  return out;
}

}  // namespace insula::node
